"""Every key of roster.yaml has its sentence: the text under its field, which the documentation is made of."""

import ast
import re
from pathlib import Path

import pytest

from fleet import settings

TREE = ast.parse(Path(settings.__file__).read_text())
CLASSES = [node for node in TREE.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]


def fields():
    for owner in CLASSES:
        for n, node in enumerate(owner.body):
            if isinstance(node, ast.AnnAssign) and "ClassVar" not in ast.unparse(node.annotation):
                below = owner.body[n + 1] if n + 1 < len(owner.body) else None
                yield pytest.param(below, id=f"{owner.name}.{ast.unparse(node.target)}")


@pytest.mark.parametrize("below", list(fields()))
def test_a_field_has_a_sentence_under_it(below):
    assert isinstance(below, ast.Expr)
    assert isinstance(below.value, ast.Constant)
    sentence = below.value.value
    assert sentence.strip().endswith(".")
    assert len(sentence.split()) >= 3


def test_all_settings_are_looked_at():
    assert {owner.name for owner in CLASSES} >= {"Roster", "RoleSettings", "SessionSettings", "MergeSettings"}
    assert len(list(fields())) > 40


NAMES = sorted(
    {ast.unparse(n.target) for c in CLASSES for n in c.body if isinstance(n, ast.AnnAssign)} - {"__pydantic_config__"}
)


@pytest.mark.parametrize("name", NAMES)
def test_a_key_stands_in_the_page_about_the_roster(name):
    page = (Path(__file__).parents[1] / "docs" / "roster.md").read_text()
    assert re.search(rf"`[^`]*\b{name}\b[^`]*`", page)
