"""Carry out what was decided. The only file of the pass that changes the world; no failure stops the next action."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from fleet import ledger_rules, merge
from fleet.errors import DISK_FULL, FleetError, GitHubError, RateLimitedError
from fleet.models import PullRequest, World
from fleet.plans import Outcome, Plan, PullPlan, Start
from fleet.spawners import Order, Refused, Spawner, Started, Taken

REFUSALS_IN_A_ROW = 2
"""So many starts that fail one after another hold the rest of this pass: the place is full or broken."""
REFUSALS_A_PASS = 5
"""So many merge calls may be refused in one pass; a stateless tool would repeat them all in the next one."""
UNKNOWN_PATIENCE = 10.0
"""Seconds to wait for GitHub to work out whether the next pull request still merges; after each merge it must."""
BASE_MODIFIED = "Base branch was modified"
"""The only 405 that passes by itself (cli/cli#8092, akuity/kargo#5761): told apart by its text."""


class Merger(Protocol):
    """Squash-merges."""

    def merge(self, number: int, *, head: str, title: str) -> str:
        """Merge if the head is still ``head``; returns the new commit. Raises GitHubError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Hands:
    """All that acting may use."""

    spawner: Spawner
    order: Callable[[World, Start], Order]
    merger: Callable[[], Merger]
    again: Callable[[Sequence[int]], dict[int, PullRequest]]
    prune: Callable[[Mapping[str, str]], None]
    """Remove claims, by item with the commit that was seen. Raises GitError."""
    sleep: Callable[[float], None] = time.sleep


def apply(plan: Plan, world: World, hands: Hands) -> tuple[Outcome, ...]:
    """Do everything: end what dead sessions left, start, merge, prune the ledger."""
    return (
        *sweep(world, hands),
        *start_all(plan, world, hands),
        *merge_all(plan, world, hands),
        *prune(world, hands),
    )


def sweep(world: World, hands: Hands) -> list[Outcome]:
    """End processes whose session is gone. A slot that runs is never touched."""
    swept = []
    for slot in world.strays:
        try:
            ended = hands.spawner.sweep(slot)
        except OSError:
            continue  # the next pass tries again, and so does the next start in this slot
        if ended:
            swept.append(Outcome(subject=slot, result="swept", detail=f"{ended} processes left by a dead session"))
    return swept


def start_all(plan: Plan, world: World, hands: Hands) -> list[Outcome]:
    """Start sessions in the order of the roster."""
    outcomes: list[Outcome] = []
    in_a_row = 0
    for start in (start for role in plan.roles for start in role.starts):
        if in_a_row >= REFUSALS_IN_A_ROW:
            outcomes.append(Outcome(subject=start.slot.name, result="held", detail="the starts before it failed"))
            continue
        outcome = _start(start, world, hands)
        in_a_row = in_a_row + 1 if outcome.result == "refused" else 0
        outcomes.append(outcome)
    return outcomes


def merge_all(plan: Plan, world: World, hands: Hands) -> list[Outcome]:
    """Merge what is ready, oldest first, until a pass is full; one that is refused makes room for the next.

    Whatever is not the first is read again right before: after a merge it may conflict.
    """
    outcomes: list[Outcome] = []
    if world.github is None:
        return outcomes
    rules = merge.policy(world, world.github)
    merged: list[PullRequest] = []
    candidates = merge.in_turn(plan.pulls)
    for n, candidate in enumerate(candidates):
        if merge.beside(candidate.pull, merged, rules.settings) or len(outcomes) >= REFUSALS_A_PASS + len(merged):
            continue
        try:
            fresh = candidate if n == 0 else _read_again(candidate.pull.number, rules, hands)
            outcome = _merge(fresh, rules, hands) if fresh else _held(candidate, "GitHub did not give it once more")
        except GitHubError as error:
            outcome = _failed(candidate.pull, error)
            if error.status == 401 or isinstance(error, RateLimitedError):
                rest = [p for p in candidates[n + 1 :] if p.merge]
                return [*outcomes, outcome, *(_held(p, "the merge before it was refused for all") for p in rest)]
        outcomes.append(outcome)
        if outcome.result == "merged":
            merged.append(candidate.pull)
    return outcomes


def prune(world: World, hands: Hands) -> list[Outcome]:
    """Remove the claims of items that were closed long ago, so that the ledger does not grow for ever."""
    if world.ledger is None or world.github is None or world.github.unread:
        return []
    open_items = {f"issue-{i.number}" for i in world.github.issues} | {f"pr-{p.number}" for p in world.github.pulls}
    old = ledger_rules.outdated(world.ledger, open_items, world.now)
    if not old:
        return []
    try:
        hands.prune(old)
    except FleetError:
        return []  # nothing depends on it; the next pass tries again
    return [Outcome(subject="ledger", result="swept", detail=f"{len(old)} claims of items closed long ago")]


def _start(start: Start, world: World, hands: Hands) -> Outcome:
    name = start.slot.name
    try:
        answer = hands.spawner.start(hands.order(world, start))
    except FleetError as error:
        return Outcome(subject=name, result="refused", detail=str(error), person=error.person)
    except OSError as error:
        return Outcome(subject=name, result="refused", detail=f"{error.filename}: {error.strerror}")
    match answer:
        case Started(run):
            return Outcome(subject=name, result="started", run=run)
        case Taken(detail):
            return Outcome(subject=name, result="taken", detail=detail)
        case Refused(detail):
            return Outcome(subject=name, result="refused", detail=detail, person=DISK_FULL in detail)


def _merge(plan: PullPlan, rules: merge.Policy, hands: Hands) -> Outcome:
    """One merge call, or two when only the base had moved. Raises GitHubError when it is not known to have worked."""
    if not plan.merge:
        return _held(plan, plan.reasons[0].text)
    pull = plan.pull
    try:
        return _merged(pull, hands.merger().merge(pull.number, head=pull.head, title=pull.title))
    except RateLimitedError:
        raise
    except GitHubError as error:
        # Whatever the answer was: read what became of it. A 5xx may have merged all the same (chdsbd/kodiak#397).
        fresh = _read_again(pull.number, rules, hands)
        if fresh and fresh.pull.state == "MERGED":
            return _merged(pull, "", detail="merged, as reading it again shows")
        moved = error.status == 405 and BASE_MODIFIED in str(error)
        if moved and fresh and fresh.merge and fresh.pull.head == pull.head:
            return _merge_once_more(plan, hands)
        if error.status in (405, 409):
            return _held(plan, f"GitHub refused: {error}")
        raise


def _merge_once_more(plan: PullPlan, hands: Hands) -> Outcome:
    """The base had moved and the verdict is fresh: one more call, and then the next pass."""
    try:
        return _merged(plan.pull, hands.merger().merge(plan.pull.number, head=plan.pull.head, title=plan.pull.title))
    except GitHubError as error:
        if error.status in (405, 409):
            return _held(plan, f"GitHub refused twice: {error}")
        raise


def _read_again(number: int, rules: merge.Policy, hands: Hands) -> PullPlan | None:
    """One pull request as it is now; None when it is gone. Waits a little while GitHub works out if it merges."""
    waited, pause = 0.0, 0.5
    while True:
        pull = hands.again([number]).get(number)
        if pull is None:
            return None
        plan = PullPlan(pull=pull, reasons=merge.reasons(pull, rules))
        unknown = plan.reasons and all(r.code == "mergeable-unknown" for r in plan.reasons)
        if not unknown or waited + pause > UNKNOWN_PATIENCE:
            return plan
        hands.sleep(pause)
        waited, pause = waited + pause, pause * 2


def _merged(pull: PullRequest, sha: str, detail: str = "") -> Outcome:
    return Outcome(subject=f"pr-{pull.number}", result="merged", detail=detail or f"as {sha[:7]}")


def _held(plan: PullPlan, why: str) -> Outcome:
    return Outcome(subject=f"pr-{plan.pull.number}", result="held", detail=why)


def _failed(pull: PullRequest, error: GitHubError) -> Outcome:
    return Outcome(subject=f"pr-{pull.number}", result="failed", detail=str(error), person=error.person)
