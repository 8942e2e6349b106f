"""Looking: every source fails alone, and nothing is merged on the word of the list query."""

from dataclasses import replace

import pytest

from fakes import (
    ANA,
    GIB,
    NOW,
    FakeMerger,
    FakeSpawner,
    failing,
    held,
    probe,
    pull,
    ready,
    roster,
    snapshot,
    sources,
    world,
)
from fleet import inventory, merge
from fleet.models import Ledger, Problem, World
from fleet.plans import PullPlan


def observe(**facts):
    return inventory.observe(roster(), sources(**facts), now=NOW, host="here")


def test_a_world_is_what_the_sources_say():
    spawner = FakeSpawner(running={"builder-0": "x"}, left={"builder-1": 2})
    asked = {"probes": lambda: (probe(),), "faults": lambda: {"builder": "mend it"}, "memory": lambda: GIB}
    seen = inventory.observe(roster(), sources(spawner, FakeMerger.of(pull(31)), **asked), now=NOW, host="here")
    assert seen == World(
        now=NOW,
        host="here",
        roster=roster(),
        sessions=tuple(spawner.sessions()),
        strays=("builder-1",),
        github=snapshot(pull(31)),
        ledger=Ledger(),
        probes=(probe(),),
        memory_bytes=GIB,
        faults={"builder": "mend it"},
    )


@pytest.mark.parametrize(
    ("source", "step", "unread"),
    [
        ("sessions", "inventory", {"sessions": None}),
        ("strays", "inventory", {"strays": ()}),
        ("github", "github", {"github": None}),
        ("ledger", "ledger", {"ledger": None}),
        ("probes", "health", {"probes": ()}),
    ],
)
@pytest.mark.parametrize("person", [False, True])
def test_a_source_that_fails_is_unread_and_told_and_no_other_is(source, step, unread, person):
    spawner = FakeSpawner(running={"builder-0": "x"}, left={"builder-1": 2})
    asked = {"probes": lambda: (probe(),), source: failing("no answer", person=person)}
    seen = inventory.observe(roster(), sources(spawner, **asked), now=NOW, host="here")
    whole = inventory.observe(roster(), sources(spawner, probes=lambda: (probe(),)), now=NOW, host="here")
    assert seen == replace(whole, **unread, problems=(Problem(step=step, message="no answer", person=person),))


def test_all_may_fail_at_once():
    seen = observe(**{name: failing(name) for name in ("sessions", "strays", "github", "ledger", "probes")})
    assert (seen.sessions, seen.github, seen.ledger, seen.probes) == (None, None, None, ())
    assert sorted(p.message for p in seen.problems) == ["github", "ledger", "probes", "sessions", "strays"]


def test_a_bug_is_not_taken_for_an_unread_source():
    def bug():
        raise KeyError("number")

    with pytest.raises(KeyError):
        observe(github=bug)


# --- settle -----------------------------------------------------------------------------------------------------------


def settle(merger, plans=None, **settings):
    seen = world(roster=roster(merge=settings), github=snapshot(*merger.open()))
    plans = merge.plan(seen) if plans is None else plans
    settled, problems = inventory.settle(plans, seen, sources(merger=merger))
    return [(p.pull.number, p.reasons[0].code if p.reasons else "merge") for p in settled], problems


def test_what_looks_ready_is_read_once_more_and_nothing_else():
    merger = FakeMerger.of(pull(1), pull(2, draft=True), pull(3))
    assert settle(merger) == ([(1, "merge"), (2, "draft"), (3, "merge")], [])
    assert merger.reads == [(1, 3)]


def test_the_second_reading_counts():
    merger = FakeMerger.of(pull(1, mergeable="CONFLICTING"), pull(2))
    assert settle(merger, ready(pull(1), pull(2)))[0] == [(1, "conflict"), (2, "merge")]


@pytest.mark.parametrize(
    "stale",
    [
        pytest.param({"files": None}, id="files"),
        pytest.param({"mergeable": "UNKNOWN"}, id="mergeability"),
        pytest.param({"checks": replace(pull().checks, more="cursor")}, id="checks"),
    ],
)
def test_what_only_had_to_be_read_alone_merges(stale):
    merger = FakeMerger.of(pull(1))
    plan = PullPlan(pull=pull(1, **stale), reasons=merge.reasons(pull(1, **stale), rules()))
    assert plan.reasons
    assert settle(merger, (plan,))[0] == [(1, "merge")]


def rules():
    return merge.policy(world(), snapshot())


def test_what_is_still_unknown_waits():
    merger = FakeMerger.of(pull(1), unknown_reads={1: 9})
    assert settle(merger, ready(pull(1)))[0] == [(1, "mergeable-unknown")]


def test_reading_stops_as_soon_as_the_pass_is_full():
    merger = FakeMerger.of(*(pull(n) for n in range(1, 31)))
    found, problems = settle(merger, per_pass=3)
    assert [code for _, code in found] == ["merge"] * 3 + ["next-pass"] * 27
    assert (merger.reads, problems) == ([tuple(range(1, 11))], [])


def test_ten_are_read_at_once_and_reading_goes_on_until_it_is_full():
    blocked = (pull(n, merge_state="BLOCKED") for n in range(1, 13))
    merger = FakeMerger.of(*blocked, *(pull(n) for n in range(13, 41)))
    found, _ = settle(merger, ready(*(pull(n) for n in range(1, 41))), per_pass=5)
    assert [len(chunk) for chunk in merger.reads] == [10, 10]
    assert [number for number, code in found if code == "merge"] == [13, 14, 15, 16, 17]


def test_nothing_is_read_when_nothing_may_merge():
    merger = FakeMerger.of(pull(1))
    assert settle(merger, per_pass=0)[0] == [(1, "next-pass")]
    assert merger.reads == []


def test_two_that_touch_the_same_file_do_not_go_together():
    merger = FakeMerger.of(pull(1, files=("a",)), pull(2, files=("b", "a")), pull(3, files=("c",)))
    assert settle(merger)[0] == [(1, "merge"), (2, "same-file"), (3, "merge")]


def test_more_than_a_hundred_files_go_alone():
    many = {"all_files": False, "reviews": (replace(pull().reviews[0], author=ANA),)}
    merger = FakeMerger.of(pull(1), pull(2, **many), pull(3))
    assert settle(merger)[0] == [(1, "merge"), (2, "same-file"), (3, "merge")]


def test_a_failed_reading_leaves_the_rest_to_the_next_pass():
    merger = FakeMerger.of(pull(1), pull(2))
    plans = (*ready(pull(1)), held(3), *ready(pull(2)))
    seen = world(github=snapshot(*merger.open()))
    settled, problems = inventory.settle(plans, seen, sources(again=failing("no answer", person=True)))
    assert [(p.pull.number, p.reasons[0].code) for p in settled] == [(1, "next-pass"), (3, "draft"), (2, "next-pass")]
    assert problems == [Problem(step="merge", message="no answer", person=True)]


def test_one_that_is_gone_by_now_waits():
    assert settle(FakeMerger.of(), ready(pull(1)))[0] == [(1, "unread")]


def test_nothing_is_settled_when_github_is_unread():
    assert inventory.settle(ready(pull(1)), world(github=None), sources()) == ((), [])
