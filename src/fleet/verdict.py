"""Healthy, degraded or broken: the seeds' definitions over one pass; what cannot be known is left out. Pure."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from fleet import work
from fleet.health import Production

if TYPE_CHECKING:
    from fleet.reconcile import Pass

State = Literal["healthy", "degraded", "broken"]
NEAR = 0.8
"""At least this part of what is wanted must run."""
LONG_QUEUE = 10
"""More pull requests than this waiting for a review: too few reviewers (the seeds' sign to scale up)."""
MANY_CONFLICTS = 3


def judge(done: "Pass") -> tuple[State, tuple[str, ...]]:
    """The verdict, and what a person should know, worst first."""
    broken = tuple(dict.fromkeys(_broken(done)))
    degraded = tuple(dict.fromkeys(_degraded(done)))
    return "broken" if broken else "degraded" if degraded else "healthy", broken + degraded


def _broken(done: "Pass") -> Iterator[str]:
    if done.production is Production.DOWN:
        failed = next(probe for probe in done.world.probes if not probe.ok)
        known = done.world.ledger.down if done.world.ledger else None
        since = f" since {known.at:%H:%M}" if known and known.at else ""
        yield f"production is down{since}: {failed.url} ({failed.detail})"
    for problem in done.problems:
        if problem.person:
            yield problem.message
    yield from _accounts(done, {"auth", "billing"})
    tried = [o for o in done.outcomes if o.result in ("started", "refused")]
    if len(tried) > 1 and all(outcome.result == "refused" for outcome in tried):
        yield f"no session could be started: {tried[0].detail}"


def _accounts(done: "Pass", outcomes: set[str]) -> Iterator[str]:
    """What is wrong with the models' accounts: a key that is refused needs a person, a limit passes."""
    world = done.world
    for name, entry in (world.ledger.accounts if world.ledger else {}).items():
        if entry.outcome in outcomes and entry.until and entry.until > world.now:
            yield f"{name} rests until {entry.until:%H:%M} UTC: {entry.reason or entry.outcome}"


def _degraded(done: "Pass") -> Iterator[str]:
    for problem in done.problems:
        if not problem.person:
            yield problem.message
    if done.production is Production.UNKNOWN:
        yield "production is unknown: a probe got no answer, and GitHub gave none either"
    yield from _accounts(done, {"usage-limit"})
    faults = [plan for plan in done.plan.roles if plan.reason.code == "fault"]
    if faults:
        more = f" (and {len(faults) - 1} more roles)" if len(faults) > 1 else ""
        yield f"{faults[0].role} cannot start{more}: {faults[0].reason.text}"
    failed = [o for o in done.outcomes if o.result in ("failed", "refused")]
    if failed:
        yield f"{len(failed)} actions failed: {failed[0].subject}: {failed[0].detail}"
    yield from _trouble_in_world(done)


def _trouble_in_world(done: "Pass") -> Iterator[str]:
    wanted = sum(plan.wanted for plan in done.plan.roles)
    started = sum(o.result in ("started", "taken") for o in done.outcomes)
    running = sum(plan.running for plan in done.plan.roles) + (wanted if done.dry_run else started)
    if running < NEAR * wanted:
        yield f"{running} of {wanted} wanted sessions run"
    backing = [plan.role for plan in done.plan.roles if plan.reason.code == "back-off"]
    if backing:
        yield f"sessions of {', '.join(backing)} failed; `fleet status` and `fleet logs SLOT` show why"
    red = [plan for plan in done.plan.pulls if any(r.code == "main-red" for r in plan.reasons)]
    if red and done.world.github:
        yield f"{done.world.github.base.branch} is red, nothing is merged until it is mended"
    conflicts = [plan for plan in done.plan.pulls if plan.reasons and plan.reasons[0].code == "conflict"]
    if len(conflicts) >= MANY_CONFLICTS:
        yield f"{len(conflicts)} pull requests conflict; fewer parallel builders would help"
    github = done.world.github
    if github:
        queue = [p for p in github.pulls if work.wants_review(p, github.identities, github.base.branch)]
        if len(queue) > LONG_QUEUE:
            yield f"{len(queue)} pull requests wait for a review; scale reviewers up"
