"""Acting: what is decided is done, one failure stops nothing else, and what GitHub answers is never taken on trust."""

from dataclasses import replace

import pytest

from fakes import (
    HEAD,
    OLD,
    FakeMerger,
    FakeSleep,
    FakeSpawner,
    ago,
    entry,
    hands,
    held,
    issue,
    pull,
    ready,
    role_plan,
    snapshot,
    starts,
    world,
)
from fleet import act
from fleet.errors import ConfigError, GitHubError, RateLimitedError, SpawnError
from fleet.models import Ledger
from fleet.plans import Outcome, Plan

BASE_MODIFIED = "GitHub answered 405: Base branch was modified. Review and try the merge again."


def results(outcomes):
    return [(o.subject, o.result) for o in outcomes]


# --- starting ---------------------------------------------------------------------------------------------------------


def test_every_slot_of_the_plan_is_started_in_order():
    spawner = FakeSpawner()
    plan = Plan(roles=(role_plan("builder-0", "builder-1"), role_plan("tester-0", role="tester")))
    outcomes = act.start_all(plan, world(), hands(spawner))
    assert outcomes == [
        Outcome(subject=slot, result="started", run=f"run-1200-{slot}")
        for slot in ("builder-0", "builder-1", "tester-0")
    ]
    assert list(spawner.running) == ["builder-0", "builder-1", "tester-0"]


def test_a_slot_that_runs_already_is_a_normal_answer():
    spawner = FakeSpawner(running={"builder-0": "an-older-run"})
    outcomes = act.start_all(starts("builder-0"), world(sessions=None), hands(spawner))
    assert outcomes == [Outcome(subject="builder-0", result="taken", detail="runs already")]
    assert spawner.running == {"builder-0": "an-older-run"}


def test_one_failed_start_does_not_stop_the_next():
    spawner = FakeSpawner(fail={"builder-1"})
    outcomes = act.start_all(starts("builder-0", "builder-1", "builder-2"), world(), hands(spawner))
    assert results(outcomes) == [("builder-0", "started"), ("builder-1", "refused"), ("builder-2", "started")]
    assert outcomes[1].detail == "no room"


def test_two_failed_starts_in_a_row_hold_the_rest():
    spawner = FakeSpawner(room=1)
    slots = [f"builder-{n}" for n in range(6)]
    outcomes = act.start_all(starts(*slots), world(), hands(spawner))
    assert [o.result for o in outcomes] == ["started", "refused", "refused", "held", "held", "held"]
    assert outcomes[-1].detail == "the starts before it failed"
    assert spawner.asked == slots[:3]


def test_failed_starts_that_are_not_in_a_row_hold_nothing():
    spawner = FakeSpawner(fail={"builder-0", "builder-2", "builder-4"}, running={"builder-3": "x"})
    outcomes = act.start_all(starts(*(f"builder-{n}" for n in range(6))), world(), hands(spawner))
    assert [o.result for o in outcomes] == ["refused", "started", "refused", "taken", "refused", "started"]


def test_two_in_a_row_count_across_roles():
    plan = Plan(roles=(role_plan("builder-0"), role_plan("tester-0", role="tester"), role_plan("ui-0", role="ui")))
    outcomes = act.start_all(plan, world(), hands(FakeSpawner(room=0)))
    assert [o.result for o in outcomes] == ["refused", "refused", "held"]


@pytest.mark.parametrize(
    ("error", "detail", "person"),
    [
        pytest.param(SpawnError("the place is broken"), "the place is broken", False, id="the spawner's error"),
        pytest.param(ConfigError("KEY is not set"), "KEY is not set", True, id="one that a person must mend"),
        pytest.param(OSError(28, "No space left", "/var/x"), "/var/x: No space left", False, id="the disk is full"),
    ],
)
def test_a_start_that_raises_is_a_refusal(error, detail, person):
    outcomes = act.start_all(starts("builder-0"), world(), hands(FakeSpawner(raises={"builder-0": error})))
    assert outcomes == [Outcome(subject="builder-0", result="refused", detail=detail, person=person)]


def test_an_order_that_cannot_be_made_is_a_refusal():
    def no_order(_, start):
        raise FileNotFoundError(2, "No such file or directory", f"briefs/{start.slot.role}.md")

    outcomes = act.start_all(starts("builder-0"), world(), replace(hands(), order=no_order))
    assert outcomes == [
        Outcome(subject="builder-0", result="refused", detail="briefs/builder.md: No such file or directory")
    ]


def test_what_dead_sessions_left_is_swept_and_what_runs_is_not():
    spawner = FakeSpawner(running={"builder-0": "x"}, left={"builder-0": 2, "builder-1": 3})
    seen = world(strays=("builder-0", "builder-1", "builder-2"))
    assert act.sweep(seen, hands(spawner)) == [
        Outcome(subject="builder-1", result="swept", detail="3 processes left by a dead session")
    ]
    assert spawner.left == {"builder-0": 2}


# --- merging ----------------------------------------------------------------------------------------------------------


def merge_all(merger, *plans, sleep=None):
    seen = world(github=snapshot(*merger.open()))
    return act.merge_all(Plan(pulls=plans or ready(*merger.open())), seen, hands(merger=merger, sleep=sleep))


def test_what_is_ready_is_merged_oldest_first_with_the_head_that_was_judged():
    merger = FakeMerger.of(pull(30), pull(31, head=OLD, reviews=()), pull(32))
    outcomes = merge_all(merger, *ready(merger.pulls[30]), held(31), *ready(merger.pulls[32]))
    assert outcomes == [
        Outcome(subject="pr-30", result="merged", detail="as fffffff"),
        Outcome(subject="pr-32", result="merged", detail="as fffffff"),
    ]
    assert merger.calls == [(30, HEAD, "Change number 30"), (32, HEAD, "Change number 32")]


def test_only_the_first_is_merged_on_the_word_of_the_plan():
    merger = FakeMerger.of(pull(30), pull(31), pull(32))
    merge_all(merger)
    assert merger.reads == [(31,), (32,)]


def test_what_changed_since_the_plan_is_held():
    plans = ready(pull(30), pull(31), pull(32))
    merger = FakeMerger.of(pull(30), pull(31, mergeable="CONFLICTING"), pull(32))
    outcomes = merge_all(merger, *plans)
    assert results(outcomes) == [("pr-30", "merged"), ("pr-31", "held"), ("pr-32", "merged")]
    assert outcomes[1].detail == "it conflicts with the base branch"
    assert [number for number, *_ in merger.calls] == [30, 32]


def test_what_is_gone_since_the_plan_is_held():
    merger = FakeMerger.of(pull(30))
    outcomes = merge_all(merger, *ready(pull(30), pull(31)))
    assert outcomes[1] == Outcome(subject="pr-31", result="held", detail="GitHub did not give it once more")


def test_one_failed_merge_does_not_stop_the_next():
    merger = FakeMerger.of(pull(30), pull(31), answers={30: [GitHubError("GitHub answered 422: no", status=422)]})
    outcomes = merge_all(merger)
    assert outcomes[0] == Outcome(subject="pr-30", result="failed", detail="GitHub answered 422: no")
    assert merger.merged == [31]


def test_a_refusal_of_one_pull_request_for_the_token_does_not_stop_the_next():
    # Edge case 50: it touches .github/workflows and the token lacks that scope. Every pass would meet it first.
    refusal = GitHubError("the token lacks a permission (403)", status=403, person=True)
    merger = FakeMerger.of(pull(30), pull(31), answers={30: [refusal]})
    outcomes = merge_all(merger)
    assert results(outcomes) == [("pr-30", "failed"), ("pr-31", "merged")]
    assert outcomes[0].person


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(RateLimitedError("GitHub asks to wait"), id="rate limit"),
        pytest.param(GitHubError("a bad token (401)", status=401, person=True), id="a token GitHub does not know"),
    ],
)
def test_what_stands_for_all_stops_the_rest(error):
    merger = FakeMerger.of(pull(30), pull(31), pull(32), pull(33), answers={31: [error]})
    outcomes = merge_all(merger)
    assert results(outcomes) == [("pr-30", "merged"), ("pr-31", "failed"), ("pr-32", "held"), ("pr-33", "held")]
    assert (outcomes[1].detail, outcomes[1].person) == (str(error), error.person)
    assert outcomes[2].detail == "the merge before it was refused for all"
    assert len(merger.calls) == 2


def test_a_rate_limit_is_not_even_followed_by_a_read():
    merger = FakeMerger.of(pull(30), answers={30: [RateLimitedError("wait")]})
    merge_all(merger)
    assert merger.reads == []


def test_a_moved_base_is_tried_once_more_after_a_fresh_verdict():
    merger = FakeMerger.of(pull(30), answers={30: [GitHubError(BASE_MODIFIED, status=405)]})
    assert results(merge_all(merger)) == [("pr-30", "merged")]
    assert (len(merger.calls), merger.reads) == (2, [(30,)])


def test_a_base_that_moves_again_is_left_to_the_next_pass():
    merger = FakeMerger.of(pull(30), pull(31), answers={30: [GitHubError(BASE_MODIFIED, status=405)] * 9})
    outcomes = merge_all(merger)
    assert outcomes[0] == Outcome(subject="pr-30", result="held", detail=f"GitHub refused twice: {BASE_MODIFIED}")
    assert [number for number, *_ in merger.calls] == [30, 30, 31]


@pytest.mark.parametrize(
    "now",
    [
        pytest.param({"mergeable": "CONFLICTING"}, id="it conflicts now"),
        pytest.param({"labels": frozenset({"hold"})}, id="somebody holds it"),
        pytest.param({"head": OLD, "checks": None}, id="it was pushed to"),
    ],
)
def test_a_moved_base_is_not_tried_again_without_a_fresh_verdict(now):
    merger = FakeMerger.of(pull(30, **now), answers={30: [GitHubError(BASE_MODIFIED, status=405)]})
    outcomes = merge_all(merger, *ready(pull(30)))
    assert outcomes == [Outcome(subject="pr-30", result="held", detail=f"GitHub refused: {BASE_MODIFIED}")]
    assert len(merger.calls) == 1


def test_a_head_that_moved_is_never_merged_even_if_the_new_one_is_ready():
    new = pull(
        30, head=OLD, reviews=(replace(pull().reviews[0], commit=OLD),), checks=replace(pull().checks, commit=OLD)
    )
    merger = FakeMerger.of(new, answers={30: [GitHubError(BASE_MODIFIED, status=405)]})
    assert results(merge_all(merger, *ready(pull(30)))) == [("pr-30", "held")]
    assert merger.merged == []


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(GitHubError("GitHub answered 405: Pull Request is still a draft", status=405), id="405"),
        pytest.param(GitHubError("GitHub answered 409: Head branch was modified.", status=409), id="48: 409"),
        pytest.param(GitHubError(BASE_MODIFIED.replace("405", "409"), status=409), id="409 in the words of the 405"),
    ],
)
def test_other_refusals_hold_it(error):
    merger = FakeMerger.of(pull(30), pull(31), answers={30: [error]})
    outcomes = merge_all(merger)
    assert outcomes[0] == Outcome(subject="pr-30", result="held", detail=f"GitHub refused: {error}")
    assert [number for number, *_ in merger.calls] == [30, 31]


@pytest.mark.parametrize("status", [500, 502, 503, None])
def test_an_answer_that_failed_is_decided_by_reading_again(status):
    error = GitHubError("GitHub could not answer", status=status)
    landed = FakeMerger.of(pull(30), answers={30: [error]}, lands={30})
    assert merge_all(landed) == [Outcome(subject="pr-30", result="merged", detail="merged, as reading it again shows")]
    lost = FakeMerger.of(pull(30), answers={30: [error]})
    assert merge_all(lost) == [Outcome(subject="pr-30", result="failed", detail="GitHub could not answer")]
    assert [len(landed.calls), len(lost.calls)] == [1, 1]


def test_somebody_else_merged_it_first():
    merger = FakeMerger.of(
        pull(30), answers={30: [GitHubError("405: merge already in progress", status=405)]}, lands={30}
    )
    assert results(merge_all(merger)) == [("pr-30", "merged")]


@pytest.mark.parametrize(("status", "result"), [(502, "failed"), (405, "held")])
def test_what_cannot_be_found_again_is_not_called_merged(status, result):
    class Gone(FakeMerger):
        def again(self, numbers):
            return {}

    merger = Gone.of(pull(30), answers={30: [GitHubError("an answer", status=status)]})
    assert results(merge_all(merger)) == [("pr-30", result)]


def test_a_reading_that_fails_after_a_failed_merge_is_told():
    merger = FakeMerger.of(pull(30), pull(31), answers={30: [GitHubError("502", status=502)]})
    merger.unreadable = GitHubError("GitHub was not reached")
    assert merge_all(merger) == [
        Outcome(subject="pr-30", result="failed", detail="GitHub was not reached"),
        Outcome(subject="pr-31", result="failed", detail="GitHub was not reached"),
    ]


def test_githubs_reckoning_is_waited_for():
    sleep, merger = FakeSleep(), FakeMerger.of(pull(30), pull(31), unknown_reads={31: 3})
    assert results(merge_all(merger, sleep=sleep)) == [("pr-30", "merged"), ("pr-31", "merged")]
    assert sleep.slept == [0.5, 1.0, 2.0]


def test_but_no_longer_than_ten_seconds():
    sleep, merger = FakeSleep(), FakeMerger.of(pull(30), pull(31), pull(32), unknown_reads={31: 99})
    outcomes = merge_all(merger, sleep=sleep)
    assert results(outcomes) == [("pr-30", "merged"), ("pr-31", "held"), ("pr-32", "merged")]
    assert outcomes[1].detail == "GitHub is still working out whether it conflicts"
    assert 5 < sum(sleep.slept) <= 10


def test_it_is_not_waited_for_when_something_else_is_in_the_way():
    sleep, merger = FakeSleep(), FakeMerger.of(pull(30), pull(31, draft=True), unknown_reads={31: 99})
    merge_all(merger, *ready(pull(30), pull(31)), sleep=sleep)
    assert sleep.slept == []


def test_nothing_is_merged_when_github_is_unread():
    merger = FakeMerger.of(pull(30))
    assert act.merge_all(Plan(pulls=ready(pull(30))), world(github=None), hands(merger=merger)) == []
    assert merger.calls == []


def test_sweeping_comes_first_then_starts_then_merges():
    spawner, merger = FakeSpawner(left={"builder-9": 1}), FakeMerger.of(pull(30))
    seen = world(strays=("builder-9",), github=snapshot(*merger.open()))
    plan = Plan(roles=(role_plan("builder-0"),), pulls=ready(pull(30)))
    outcomes = act.apply(plan, seen, hands(spawner, merger))
    assert results(outcomes) == [("builder-9", "swept"), ("builder-0", "started"), ("pr-30", "merged")]


def test_claims_of_items_closed_long_ago_are_pruned():
    old, new = entry(state="done", oid="a" * 40, at=ago(days=15)), entry(state="done", oid="b" * 40, at=ago(days=13))
    taken = entry(state="taken", oid="c" * 40, at=ago(days=15))
    claims = {"issue-1": old, "issue-2": new, "issue-12": old, "pr-3": taken}
    pruned = []
    seen = world(github=snapshot(issues=(issue(12),)), ledger=Ledger(claims=claims))
    outcomes = act.prune(seen, hands(prune=pruned.append))
    assert pruned == [{"issue-1": "a" * 40}]
    assert [outcome.result for outcome in outcomes] == ["swept"]
    assert act.prune(world(github=None, ledger=Ledger(claims=claims)), hands(prune=pruned.append)) == []
