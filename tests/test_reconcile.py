"""Whole passes over fakes: they settle, they repeat safely, and their exit code says who must do something."""

import pytest

from fakes import (
    BASE_SHA,
    NOW,
    FakeMerger,
    FakeSpawner,
    ago,
    entry,
    failing,
    hands,
    probe,
    pull,
    role,
    roster,
    snapshot,
    sources,
)
from fleet import reconcile
from fleet.errors import GitHubError
from fleet.health import Production
from fleet.models import Ledger

TWO = {"builder": role(count=2), "code_reviewer": role(mode="reviewer", count=2)}


def run_pass(spawner=None, merger=None, *, dry_run=False, rules=None, **asked):
    spawner, merger = spawner or FakeSpawner(), merger or FakeMerger()
    return reconcile.run(
        rules or roster(roles=TWO),
        sources(spawner, merger, **asked),
        hands(spawner, merger),
        now=NOW,
        host="here",
        dry_run=dry_run,
    )


def did(done):
    return [(o.subject, o.result) for o in done.outcomes]


def test_passes_settle():
    spawner, merger = FakeSpawner(), FakeMerger.of(pull(30), pull(31), pull(32, reviews=()))
    first, second, third = (run_pass(spawner, merger) for _ in range(3))
    assert did(first) == [
        ("builder-0", "started"),
        ("builder-1", "started"),
        ("code_reviewer-0", "started"),
        ("pr-30", "merged"),
        ("pr-31", "merged"),
    ]
    # One review waits and one reviewer runs; without a claim in the ledger the second one is asked for too.
    assert did(second) == [("code_reviewer-1", "started")]
    assert did(third) == []
    assert merger.merged == [30, 31]


def test_a_slot_whose_session_ended_is_filled_again():
    spawner = FakeSpawner()
    run_pass(spawner)
    spawner.end("builder-0")
    assert did(run_pass(spawner)) == [("builder-0", "started")]


def test_two_passes_at_once_start_nothing_twice_and_merge_nothing_twice():
    spawner, merger = FakeSpawner(), FakeMerger.of(pull(30))
    seen_by_both = {"github": lambda: snapshot(pull(30)), "again": lambda _: {30: pull(30)}, "sessions": tuple}
    first, second = (run_pass(spawner, merger, **seen_by_both) for _ in range(2))
    assert did(first) == [("builder-0", "started"), ("builder-1", "started"), ("pr-30", "merged")]
    assert did(second) == [("builder-0", "taken"), ("builder-1", "taken"), ("pr-30", "merged")]
    assert second.outcomes[-1].detail == "merged, as reading it again shows"
    assert (first.exit_code, second.exit_code, len(spawner.running), merger.merged) == (0, 0, 2, [30])


def test_a_pass_that_cannot_see_its_sessions_still_ends_with_the_right_number():
    spawner = FakeSpawner(running={"builder-1": "x"})
    done = run_pass(spawner, sessions=failing("unreadable"))
    assert did(done) == [("builder-0", "started"), ("builder-1", "taken")]
    assert spawner.running == {"builder-0": "run-1200-builder-0", "builder-1": "x"}


def test_a_pass_killed_in_its_midst_is_finished_by_the_next():
    spawner, merger = FakeSpawner(), FakeMerger.of(pull(30), pull(31))
    spawner.raises["builder-1"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        run_pass(spawner, merger)
    assert (list(spawner.running), merger.merged) == (["builder-0"], [])
    spawner.raises.clear()
    run_pass(spawner, merger)
    assert (sorted(spawner.running), merger.merged) == (["builder-0", "builder-1"], [30, 31])


def test_a_dry_run_decides_the_same_and_does_nothing():
    spawner, merger = FakeSpawner(left={"builder-1": 1}), FakeMerger.of(pull(30))
    dry = run_pass(spawner, merger, dry_run=True)
    assert (dry.outcomes, spawner.asked, merger.calls, spawner.left) == ((), [], [], {"builder-1": 1})
    assert dry.plan == run_pass(spawner, merger).plan


def test_a_full_queue_merges_over_several_passes_oldest_first():
    merger = FakeMerger.of(*(pull(n) for n in range(1, 13)))
    merged = []
    for _ in range(4):
        run_pass(merger=merger)
        merged.append(merger.merged)
    assert [len(m) for m in merged] == [5, 10, 12, 12]
    assert merged[0] == [1, 2, 3, 4, 5]


def test_two_that_touch_the_same_file_merge_in_two_passes():
    merger = FakeMerger.of(pull(1, files=("a",)), pull(2, files=("a",)))
    run_pass(merger=merger)
    assert merger.merged == [1]
    run_pass(merger=merger)
    assert merger.merged == [1, 2]


def test_while_github_is_unread_nothing_starts_and_nothing_merges():
    spawner, merger = FakeSpawner(), FakeMerger.of(pull(30))
    done = run_pass(spawner, merger, github=failing("not reached"), probes=lambda: (probe(),))
    assert (done.outcomes, done.production, done.exit_code) == ((), Production.UP, 1)


def test_while_the_ledger_is_unread_nothing_starts_but_merging_goes_on():
    spawner, merger = FakeSpawner(), FakeMerger.of(pull(30))
    done = run_pass(spawner, merger, ledger=failing("no git"))
    assert (spawner.running, merger.merged, done.exit_code) == ({}, [30], 1)


def test_probes_without_an_answer_mean_down_only_when_github_was_reached():
    silent = {"probes": lambda: (probe(ok=False, answered=False),)}
    assert run_pass(**silent).production is Production.DOWN
    assert run_pass(github=failing(), **silent).production is Production.UNKNOWN


def test_how_many_requests_it_took_is_told():
    assert run_pass(requests=lambda: 7).requests == 7


LOOKED = {f"builder-{n}": entry(looked_at=ago(minutes=5), looked_base=BASE_SHA) for n in range(2)}


@pytest.mark.parametrize(
    ("dials", "asked", "code"),
    [
        pytest.param({}, {}, 0, id="all well"),
        pytest.param({}, {"ledger": lambda: Ledger(looks=LOOKED)}, 0, id="nothing to do"),
        pytest.param({}, {"probes": lambda: (probe(ok=False),)}, 1, id="production down: not all is well"),
        pytest.param({"fail": {"builder-0"}}, {}, 1, id="a start failed"),
        pytest.param({}, {"github": failing()}, 1, id="GitHub was not reached"),
        pytest.param({}, {"again": failing()}, 0, id="nothing had to be read again"),
        pytest.param({}, {"github": failing(person=True)}, 2, id="GitHub does not know the token"),
        pytest.param({}, {"faults": lambda: {"builder": "no brief"}}, 2, id="a role cannot start"),
        pytest.param({"fail": {"builder-0"}}, {"github": failing(person=True)}, 2, id="the worst counts"),
    ],
)
def test_the_exit_code(dials, asked, code):
    assert run_pass(FakeSpawner(**dials), **asked).exit_code == code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        pytest.param(GitHubError("422", status=422), 1, id="it failed"),
        pytest.param(GitHubError("403", status=403, person=True), 2, id="the token lacks a permission"),
        pytest.param(GitHubError("409", status=409), 0, id="it is held: no failure"),
    ],
)
def test_the_exit_code_of_a_merge_that_was_refused(error, code):
    assert run_pass(merger=FakeMerger.of(pull(30), answers={30: [error]})).exit_code == code


def test_a_reading_that_failed_while_deciding_is_a_problem_too():
    done = run_pass(merger=FakeMerger.of(pull(30)), again=failing("no answer"))
    assert ([p.message for p in done.problems], done.exit_code) == (["no answer"], 1)


def test_a_pass_ends_before_the_next_begins():
    assert reconcile.DEADLINE < 300
