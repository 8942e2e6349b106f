"""What the probes of one pass mean."""

import pytest

from fakes import probe
from fleet.health import Production, production

UP, WRONG, SILENT = probe(), probe(ok=False), probe(ok=False, answered=False)


@pytest.mark.parametrize(
    ("probes", "github_answered", "expected"),
    [
        pytest.param((), True, Production.UNCHECKED, id="nothing to ask"),
        pytest.param((UP, UP), True, Production.UP, id="all well"),
        pytest.param((UP,), False, Production.UP, id="all well without GitHub"),
        pytest.param((UP, WRONG), True, Production.DOWN, id="one wrong answer"),
        pytest.param((WRONG,), False, Production.DOWN, id="a wrong answer is one, GitHub or not"),
        pytest.param((SILENT, WRONG), False, Production.DOWN, id="one is silent, one wrong"),
        pytest.param((SILENT,), True, Production.DOWN, id="silent while GitHub answers"),
        pytest.param((SILENT, SILENT), False, Production.UNKNOWN, id="nothing was reached"),
    ],
)
def test_production(probes, github_answered, expected):
    assert production(probes, github_answered=github_answered) is expected
