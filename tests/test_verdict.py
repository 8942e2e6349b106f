"""Healthy, degraded or broken, and what a person is told."""

import pytest

from fakes import ago, entry, held, probe, pull, ready, role_plan, snapshot, world
from fleet import verdict
from fleet.health import Production
from fleet.models import Ledger, Problem
from fleet.plans import Outcome, Plan
from fleet.reconcile import Pass

OK = Outcome(subject="builder-0", result="started", run="r")
NO = Outcome(subject="builder-1", result="refused", detail="no room")


def judge(*outcomes, roles=(), pulls=(), problems=(), production=Production.UP, dry_run=False, **facts):
    done = Pass(
        world=world(problems=tuple(problems), **facts),
        plan=Plan(roles=tuple(roles), pulls=tuple(pulls)),
        outcomes=outcomes,
        production=production,
        dry_run=dry_run,
    )
    return verdict.judge(done)


HEALTHY = ("healthy", ())


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param({}, HEALTHY, id="a quiet pass"),
        pytest.param({"production": Production.UNCHECKED}, HEALTHY, id="nothing to probe"),
        pytest.param(
            {"production": Production.DOWN, "probes": (probe(), probe(ok=False, url="https://b/"))},
            ("broken", ("production is down: https://b/ (status 503)",)),
            id="down",
        ),
        pytest.param(
            {
                "production": Production.DOWN,
                "probes": (probe(ok=False),),
                "ledger": Ledger(down=entry(at=ago(minutes=10))),
            },
            ("broken", ("production is down since 11:50: https://acme.example/ (status 503)",)),
            id="down, and noted",
        ),
        pytest.param(
            {"production": Production.UNKNOWN},
            ("degraded", ("production is unknown: a probe got no answer, and GitHub gave none either",)),
            id="unknown",
        ),
        pytest.param(
            {"problems": [Problem(step="github", message="a bad token", person=True)]},
            ("broken", ("a bad token",)),
            id="a person must mend it",
        ),
        pytest.param(
            {"problems": [Problem(step="github", message="not reached")]},
            ("degraded", ("not reached",)),
            id="the next pass tries again",
        ),
        pytest.param(
            {
                "problems": [
                    Problem(step="a", message="passing"),
                    Problem(step="b", message="for a person", person=True),
                ]
            },
            ("broken", ("for a person", "passing")),
            id="the worst first",
        ),
        pytest.param(
            {"roles": [role_plan(code="fault", text="write a brief")]},
            ("degraded", ("builder cannot start: write a brief",)),
            id="one role cannot start",
        ),
        pytest.param(
            {"roles": [role_plan(role=r, code="fault", text="write it") for r in ("a", "b", "c")]},
            ("degraded", ("a cannot start (and 2 more roles): write it",)),
            id="three cannot",
        ),
        pytest.param(
            {"roles": [role_plan(role=r, code="back-off", text="x") for r in ("a", "b")]},
            ("degraded", ("sessions of a, b failed; `fleet status` and `fleet logs SLOT` show why",)),
            id="back-off",
        ),
        pytest.param(
            {"pulls": [held(code="main-red", text="main is red: build")]},
            ("degraded", ("main is red, nothing is merged until it is mended",)),
            id="main red",
        ),
        pytest.param({"pulls": [held(n, code="conflict", text="x") for n in (1, 2)]}, HEALTHY, id="two conflicts"),
        pytest.param(
            {"pulls": [held(n, code="conflict", text="x") for n in (1, 2, 3)]},
            ("degraded", ("3 pull requests conflict; fewer parallel builders would help",)),
            id="three conflicts",
        ),
        pytest.param(
            {"pulls": [*(held(n, code="conflict", text="x") for n in (1, 2)), *ready(pull(3)), held(4)]},
            HEALTHY,
            id="two conflicts beside others",
        ),
        pytest.param(
            {"github": snapshot(*(pull(n, reviews=()) for n in range(10)))}, HEALTHY, id="ten wait for a review"
        ),
        pytest.param(
            {"github": snapshot(*(pull(n, reviews=()) for n in range(11)))},
            ("degraded", ("11 pull requests wait for a review; scale reviewers up",)),
            id="eleven wait",
        ),
    ],
)
def test_the_verdict(facts, expected):
    assert judge(**facts) == expected


def wanted(n, *, running=0):
    return [role_plan(*(f"builder-{i}" for i in range(n - running)), desired=n, wanted=n, running=running)]


@pytest.mark.parametrize(
    ("outcomes", "roles", "expected"),
    [
        pytest.param([OK], wanted(1), HEALTHY, id="it started"),
        pytest.param([Outcome(subject="builder-0", result="taken")], wanted(1), HEALTHY, id="it ran already"),
        pytest.param([OK] * 4, wanted(5), HEALTHY, id="four of five is near"),
        pytest.param([OK] * 3, wanted(5, running=1), HEALTHY, id="what ran already counts"),
        pytest.param([OK] * 3, wanted(5), ("degraded", ("3 of 5 wanted sessions run",)), id="three of five is not"),
        pytest.param(
            [NO],
            wanted(5, running=4),
            ("degraded", ("1 actions failed: builder-1: no room",)),
            id="one start failed, near wanted",
        ),
        pytest.param(
            [NO, NO],
            wanted(2),
            (
                "broken",
                (
                    "no session could be started: no room",
                    "2 actions failed: builder-1: no room",
                    "0 of 2 wanted sessions run",
                ),
            ),
            id="none could be started",
        ),
        pytest.param(
            [OK, NO],
            wanted(2),
            ("degraded", ("1 actions failed: builder-1: no room", "1 of 2 wanted sessions run")),
            id="one of two",
        ),
    ],
)
def test_the_verdict_on_what_was_started(outcomes, roles, expected):
    assert judge(*outcomes, roles=roles) == expected


def test_a_failed_merge_degrades():
    failed = Outcome(subject="pr-31", result="failed", detail="422")
    assert judge(failed) == ("degraded", ("1 actions failed: pr-31: 422",))
    assert judge(Outcome(subject="pr-31", result="held", detail="409")) == HEALTHY


def test_a_dry_run_counts_what_it_would_start():
    assert judge(roles=wanted(5), dry_run=True) == HEALTHY
