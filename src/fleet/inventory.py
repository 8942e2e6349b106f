"""Step 1: look. Every source is read side by side and fails alone; what was not read is None in the world."""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from fleet import merge
from fleet.errors import FleetError
from fleet.models import Ledger, ProbeResult, Problem, PullRequest, Session, Snapshot, World
from fleet.plans import PullPlan, Reason
from fleet.settings import Roster

T = TypeVar("T")
CANDIDATES_AT_ONCE = 10
NOT_READ_AGAIN = Reason(code="unread", text="GitHub did not give it when it was asked for once more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What a pass may read, each a call that raises FleetError when it cannot."""

    sessions: Callable[[], Sequence[Session]]
    strays: Callable[[], Sequence[str]]
    github: Callable[[], Snapshot]
    again: Callable[[Sequence[int]], dict[int, PullRequest]]
    ledger: Callable[[], Ledger]
    probes: Callable[[], tuple[ProbeResult, ...]]
    memory: Callable[[], int | None]
    faults: Callable[[], dict[str, str]]
    requests: Callable[[], int]
    """How many requests GitHub was sent so far."""


def observe(rules: Roster, sources: Sources, *, now: datetime, host: str) -> World:
    """Read everything one pass needs, once."""
    problems: list[Problem] = []
    with ThreadPoolExecutor(max_workers=4) as pool:
        asked_github = pool.submit(sources.github)
        asked_ledger = pool.submit(sources.ledger)
        asked_probes = pool.submit(sources.probes)
        asked_sessions = pool.submit(sources.sessions)
        asked_strays = pool.submit(sources.strays)
        sessions = _answer(asked_sessions, "inventory", problems)
        strays = _answer(asked_strays, "inventory", problems)
        return World(
            now=now,
            host=host,
            roster=rules,
            sessions=tuple(sessions) if sessions is not None else None,
            strays=tuple(strays or ()),
            github=_answer(asked_github, "github", problems),
            ledger=_answer(asked_ledger, "ledger", problems),
            probes=_answer(asked_probes, "health", problems) or (),
            memory_bytes=sources.memory(),
            faults=sources.faults(),
            problems=tuple(problems),
        )


def settle(plans: Sequence[PullPlan], world: World, sources: Sources) -> tuple[tuple[PullPlan, ...], list[Problem]]:
    """Read those that look ready once more, alone and with their files, and choose what goes together.

    Stops as soon as a pass is full. The list query is cheap and a little stale; nothing is merged on its word.
    """
    if world.github is None:
        return (), []
    rules = merge.policy(world, world.github)
    numbers = [plan.pull.number for plan in plans if merge.worth_reading(plan)]
    listed = {plan.pull.number: plan.pull for plan in plans}
    fresh: dict[int, PullPlan] = {}
    problems: list[Problem] = []
    enough = math.inf if rules.settings.by == "person" else rules.settings.per_pass
    while numbers and sum(plan.merge for plan in merge.batch(tuple(fresh.values()), rules.settings)) < enough:
        chunk, numbers = numbers[:CANDIDATES_AT_ONCE], numbers[CANDIDATES_AT_ONCE:]
        try:
            read = sources.again(chunk)
        except FleetError as error:
            problems.append(Problem(step="merge", message=str(error), person=error.person))
            break
        for number in chunk:
            pull = read.get(number)
            reasons = merge.reasons(pull, rules) if pull else (NOT_READ_AGAIN,)
            fresh[number] = PullPlan(pull=pull or listed[number], reasons=reasons)
    settled = [fresh.get(p.pull.number) or _unsettled(p) for p in plans]
    return merge.batch(settled, rules.settings), problems


def _unsettled(plan: PullPlan) -> PullPlan:
    """What looked ready but was not read again waits for the next pass."""
    if not merge.worth_reading(plan):
        return plan
    return PullPlan(pull=plan.pull, reasons=(Reason(code="next-pass", text="looks ready; the next pass goes on"),))


def _answer(asked: Future[T], step: str, problems: list[Problem]) -> T | None:
    try:
        return asked.result()
    except FleetError as error:
        problems.append(Problem(step=step, message=str(error), person=error.person))
        return None
