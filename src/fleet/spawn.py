"""Step 2: how many sessions of each role are wanted now, and which slots to start. Pure; every role gets a reason.

Desired is the roster's number. ``GATES`` are asked in order and each may lower it; what is left is *wanted*. Then the
sessions that fit into the host's memory and the day's money are dealt out, the most urgent roles first.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from fleet import ledger_rules, work
from fleet.health import Production, production
from fleet.models import Slot, World
from fleet.plans import Item, Reason, RolePlan, Start
from fleet.settings import RoleSettings

SESSION_BYTES = 400 * 2**20
"""What one session takes: the agent's process measured at 125 to 225 MiB, and as much again for its tools."""
RESERVE_BYTES = 2**30
SESSIONS_IF_MEMORY_UNKNOWN = 8
ITEMS_AN_ORDER = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What one role could use."""

    key: str
    role: RoleSettings
    running: int
    free: tuple[Slot, ...]
    """Slots without a session, from the lowest number up."""
    items: tuple[Item, ...]
    may_look: frozenset[str]
    """Free slots that may look for work of their own."""
    rests: str
    """Why the first of the others may not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What a gate allows: so many more sessions, and why not more."""

    more: int
    reason: Reason


Gate = Callable[[Demand, World], Limit | None]


def plan(world: World) -> tuple[RolePlan, ...]:
    """Decide for every role of the roster, in its order."""
    demands = [demand(key, world) for key in world.roster.roles]
    sessions, dollars = _room(world)
    plans: dict[str, RolePlan] = {}
    for one in sorted(demands, key=_urgency):
        limit = _through_gates(one, world)
        limit = _fit(limit, sessions, dollars, one, world)
        starts = _starts(one, limit.more)
        sessions -= len(starts)
        dollars -= len(starts) * cost(one.role)
        plans[one.key] = RolePlan(
            role=one.key,
            desired=one.role.count,
            wanted=one.running + len(starts),
            running=one.running,
            starts=starts,
            reason=limit.reason,
        )
    return tuple(plans[key] for key in world.roster.roles)


def demand(key: str, world: World) -> Demand:
    """See what one role could use."""
    role = world.roster.roles[key]
    sessions = [s for s in world.sessions or () if s.role == key and s.running]
    taken = {s.slot for s in sessions}
    free = tuple(slot for n in range(role.count) if (slot := Slot(role=key, n=n)).name not in taken)
    rests = {slot.name: _rests(slot, world) for slot in free}
    return Demand(
        key=key,
        role=role,
        running=len(sessions),
        free=free,
        items=work.waiting(key, world),
        may_look=frozenset(name for name, why in rests.items() if not why and _looks(role)),
        rests=next((why for why in rests.values() if why), ""),
    )


def cost(role: RoleSettings) -> float:
    """What one session is counted at before it has said; a script spends only what its answer says."""
    return role.session.budget_usd if _asks_a_model(role) else 0.0


# --- the gates, in the order in which they are asked ------------------------------------------------------------------


def _nothing_desired(demand: Demand, _: World) -> Limit | None:
    if demand.role.count == 0:
        return Limit(more=0, reason=Reason(code="none", text="its count is 0"))
    if demand.running > demand.role.count:
        text = f"{demand.running} run, {demand.role.count} desired; none is stopped"
        return Limit(more=0, reason=Reason(code="full", text=text))
    full = not demand.free or demand.running == demand.role.count
    return Limit(more=0, reason=Reason(code="full", text="every slot runs")) if full else None


def _paused(demand: Demand, world: World) -> Limit | None:
    if world.roster.paused:
        return Limit(more=0, reason=Reason(code="paused", text="the fleet is paused"))
    return Limit(more=0, reason=Reason(code="paused", text="it is paused")) if demand.role.paused else None


def _host(_: Demand, world: World) -> Limit | None:
    host = world.roster.spawn.host
    if host in (None, world.host):
        return None
    return Limit(more=0, reason=Reason(code="host", text=f"only {host} starts sessions"))


def _fault(demand: Demand, world: World) -> Limit | None:
    fault = world.faults.get(demand.key)
    return Limit(more=0, reason=Reason(code="fault", text=fault)) if fault else None


def _github_unread(_: Demand, world: World) -> Limit | None:
    # Agents would end with errors at once; the next pass tries again.
    return Limit(more=0, reason=Reason(code="unread", text="GitHub was not read")) if world.github is None else None


def _ledger_unread(_: Demand, world: World) -> Limit | None:
    return Limit(more=0, reason=Reason(code="unread", text="the ledger was not read")) if world.ledger is None else None


def _account(demand: Demand, world: World) -> Limit | None:
    account = demand.role.session.model_key.env
    entry = world.ledger.accounts.get(account) if world.ledger and _asks_a_model(demand.role) else None
    if entry is None or entry.until is None or entry.until <= world.now:
        return None
    text = f"{account} rests until {entry.until:%H:%M}: {entry.reason or entry.outcome}"
    return Limit(more=0, reason=Reason(code="account", text=text))


def _back_off(demand: Demand, world: World) -> Limit | None:
    ledger = world.ledger
    entries = [e for name, e in ledger.looks.items() if name.rsplit("-", 1)[0] == demand.key] if ledger else []
    pause = ledger_rules.back_off(entries, world.now)
    if pause is None:
        return None
    return Limit(more=0, reason=Reason(code="back-off", text=f"{pause.why}; again at {pause.until:%H:%M}"))


def _has_work(demand: Demand, world: World) -> Limit | None:
    if world.roster.spawn.when == "always":
        return None
    if demand.role.mode == "sentinel":
        return _sentinel(world)
    more = min(len(demand.free), len(demand.items) + len(demand.may_look))
    if demand.role.mode == "reviewer":
        n = len(demand.items)
        waits = f"{n} pull requests wait for a review" if n > 1 else "1 pull request waits for a review"
        text = waits if n else "nothing waits for a reviewer"
        return Limit(more=more, reason=Reason(code="work" if more else "no-work", text=text))
    if not more:
        return Limit(more=0, reason=Reason(code="rest", text=demand.rests or "nothing waits for it"))
    return Limit(more=more, reason=Reason(code="work", text=_what_for(demand, more)))


def _sentinel(world: World) -> Limit:
    state = production(world.probes, github_answered=world.github is not None)
    noted = world.ledger.down if world.ledger else None
    if state is Production.DOWN and noted and noted.at:
        text = f"production is down, noted at {noted.at:%H:%M}"
        return Limit(more=0, reason=Reason(code="no-work", text=text))
    if state is Production.DOWN:
        return Limit(more=1, reason=Reason(code="work", text="production is down"))
    if state is Production.UP and noted:
        return Limit(more=1, reason=Reason(code="work", text="production is up again: the outage is over"))
    return Limit(more=0, reason=Reason(code="no-work", text=f"production is {state.value}"))


GATES: tuple[Gate, ...] = (
    _nothing_desired, _paused, _host, _fault, _github_unread, _ledger_unread, _account, _back_off, _has_work,
)  # fmt: skip


def _through_gates(demand: Demand, world: World) -> Limit:
    """The lowest number any gate allows, with the reason of the first one that does; nothing is asked after a zero."""
    # Sessions of a slot that a smaller count took away still count.
    missing = max(0, min(len(demand.free), demand.role.count - demand.running))
    limit = Limit(more=missing, reason=Reason(code="start", text="its slots are free"))
    for gate in GATES:
        found = gate(demand, world)
        if found and (found.more < limit.more or limit.reason.code == "start"):
            limit = Limit(more=min(found.more, limit.more), reason=found.reason)
        if limit.more == 0:
            break
    return limit


# --- what there is room for -------------------------------------------------------------------------------------------


def _room(world: World) -> tuple[float, float]:
    """How many more sessions the host can carry, and how many dollars are left today."""
    running = sum(s.running for s in world.sessions or ())
    cap = world.roster.spawn.max_sessions
    if cap == "none":
        sessions = math.inf
    elif cap != "auto":
        sessions = cap - running
    elif world.memory_bytes is None:
        sessions = SESSIONS_IF_MEMORY_UNKNOWN - running
    else:
        sessions = (world.memory_bytes - RESERVE_BYTES) // SESSION_BYTES
    spent = ledger_rules.spent_today(world.ledger, world.now) if world.ledger else 0.0
    return max(sessions, 0), world.roster.budget_per_day_usd - spent


def _fit(limit: Limit, sessions: float, dollars: float, demand: Demand, world: World) -> Limit:
    if limit.more > sessions:
        cap = world.roster.spawn.max_sessions
        text = "the host's memory is full" if cap == "auto" else f"max_sessions is {cap}"
        limit = Limit(more=int(sessions), reason=Reason(code="no-room", text=text))
    price = cost(demand.role)
    if price and limit.more > max(0, affordable := int((dollars + 1e-9) // price)):
        left = f"${max(dollars, 0):.2f} of ${world.roster.budget_per_day_usd:.2f} is left today, one session may cost"
        limit = Limit(more=max(0, affordable), reason=Reason(code="budget", text=f"{left} ${price:.2f}"))
    return limit


def _starts(demand: Demand, more: int) -> tuple[Start, ...]:
    """Fill free slots from the lowest number up, those that may look before those that rest."""
    by_use = sorted(demand.free, key=lambda slot: (slot.name not in demand.may_look, slot.n))[:more]
    starts = []
    for slot in sorted(by_use, key=lambda slot: slot.n):
        turn = slot.n % len(demand.items) if demand.items else 0
        items = (demand.items[turn:] + demand.items[:turn])[:ITEMS_AN_ORDER]
        starts.append(Start(slot=slot, items=items, may_look=slot.name in demand.may_look))
    return tuple(starts)


def _urgency(demand: Demand) -> int:
    """Production, then reviews, then issues, then looking around."""
    if demand.role.mode == "sentinel":
        return 0
    if demand.role.mode == "reviewer":
        return 1
    return 2 if demand.items else 3


def _asks_a_model(role: RoleSettings) -> bool:
    return role.session.harness == "claude" and role.mode != "sentinel"


def _looks(role: RoleSettings) -> bool:
    return role.mode in ("thinker", "task_driven", "self_directed")


def _rests(slot: Slot, world: World) -> str:
    """Why a slot may not look for work of its own; empty when it may."""
    if world.ledger is None or world.github is None or world.roster.spawn.when == "always":
        return ""
    entry = world.ledger.looks.get(slot.name)
    pause = ledger_rules.resting(entry, world.github.base.sha, world.roster.spawn.rest, world.now)
    return pause.why if pause else ""


def _what_for(demand: Demand, more: int) -> str:
    n = len(demand.items)
    waits = [f"{n} issues wait" if n > 1 else "1 issue waits"] if n else []
    looks = [f"{min(more, len(demand.may_look))} may look"] if demand.may_look else []
    return ", ".join(waits + looks)
