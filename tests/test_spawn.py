"""How many sessions of each role are wanted now, which slots start, and why not more."""

from datetime import timedelta

import pytest

from fakes import BASE_SHA, GIB, NOW, OLD, ago, entry, issue, probe, pull, role, roster, session, snapshot, world
from fleet import spawn
from fleet.models import Ledger
from fleet.settings import SessionSettings

MIB = 2**20
LOOKED = {"looked_at": ago(minutes=30), "looked_base": BASE_SHA}
DOWN = (probe(ok=False),)


def plan(one=None, *, spawn_=None, roster_=None, **facts):
    """The plan of a fleet with this one role."""
    rules = roster(roles={"builder": one or role()}, spawn=spawn_ or {}, **(roster_ or {}))
    (found,) = spawn.plan(world(roster=rules, **facts))
    return found


def told(found):
    return [s.slot.name for s in found.starts], found.reason.code, found.reason.text


REVIEWERS = role(mode="reviewer", count=2)
UI = role(mode="task_driven", labels=("ui",), count=3)
SENTINEL = role(mode="sentinel")
WAITING = snapshot(pull(31, reviews=()), pull(32, reviews=()), pull(33, reviews=()))
WISHES = snapshot(issues=(issue(12), issue(13)))


@pytest.mark.parametrize(
    ("one", "facts", "starts", "code", "text"),
    [
        pytest.param(role(), {}, ["builder-0"], "work", "1 may look", id="a slot is free"),
        pytest.param(role(count=3), {}, ["builder-0", "builder-1", "builder-2"], "work", "3 may look", id="three"),
        pytest.param(
            role(count=3),
            {"sessions": (session("builder-1"),)},
            ["builder-0", "builder-2"],
            "work",
            "2 may look",
            id="a gap is filled from the lowest number up",
        ),
        pytest.param(
            role(),
            {"sessions": (session("builder-0", running=False),)},
            ["builder-0"],
            "work",
            "1 may look",
            id="one that has ended holds no slot",
        ),
        pytest.param(role(count=0), {}, [], "none", "its count is 0", id="count 0"),
        pytest.param(role(), {"sessions": (session(),)}, [], "full", "every slot runs", id="all run"),
        pytest.param(
            role(count=1),
            {"sessions": (session("builder-0"), session("builder-1"))},
            [],
            "full",
            "2 run, 1 desired; none is stopped",
            id="scaled down",
        ),
        pytest.param(
            role(count=2),
            {"sessions": (session("builder-4"), session("builder-5"))},
            [],
            "full",
            "every slot runs",
            id="scaled down, and the high slots still run",
        ),
        pytest.param(
            role(count=3),
            {"sessions": (session("builder-5"),)},
            ["builder-0", "builder-1"],
            "work",
            "3 may look",
            id="scaled down, one high slot still runs",
        ),
        pytest.param(
            role(), {"sessions": None}, ["builder-0"], "work", "1 may look", id="sessions unread: order every slot"
        ),
        pytest.param(role(paused=True), {}, [], "paused", "it is paused", id="the role is paused"),
        pytest.param(role(), {"roster_": {"paused": True}}, [], "paused", "the fleet is paused", id="the fleet is"),
        pytest.param(role(), {"spawn_": {"host": "there"}}, [], "host", "only there starts sessions", id="host"),
        pytest.param(role(), {"spawn_": {"host": "here"}}, ["builder-0"], "work", "1 may look", id="this host"),
        pytest.param(role(), {"faults": {"builder": "write a brief"}}, [], "fault", "write a brief", id="fault"),
        pytest.param(
            role(), {"faults": {"other": "write a brief"}}, ["builder-0"], "work", "1 may look", id="another's fault"
        ),
        pytest.param(role(), {"github": None}, [], "unread", "GitHub was not read", id="GitHub unread"),
        pytest.param(role(), {"ledger": None}, [], "unread", "the ledger was not read", id="ledger unread"),
        # --- work
        pytest.param(REVIEWERS, {}, [], "no-work", "nothing waits for a reviewer", id="no reviews"),
        pytest.param(
            REVIEWERS,
            {"github": snapshot(pull(31, reviews=()))},
            ["builder-0"],
            "work",
            "1 pull request waits for a review",
            id="one review",
        ),
        pytest.param(
            REVIEWERS,
            {"github": WAITING},
            ["builder-0", "builder-1"],
            "work",
            "3 pull requests wait for a review",
            id="more reviews than reviewers",
        ),
        pytest.param(
            UI, {"github": WISHES}, [f"builder-{n}" for n in range(3)], "work", "2 issues wait, 3 may look", id="issues"
        ),
        pytest.param(
            UI,
            {"github": WISHES, "ledger": Ledger(looks={f"builder-{n}": entry(**LOOKED) for n in range(3)})},
            ["builder-0", "builder-1"],
            "work",
            "2 issues wait",
            id="issues while all rest",
        ),
        pytest.param(
            UI,
            {
                "github": snapshot(issues=(issue(12),)),
                "ledger": Ledger(looks={"builder-0": entry(**LOOKED), "builder-1": entry(**LOOKED)}),
            },
            ["builder-0", "builder-2"],
            "work",
            "1 issue waits, 1 may look",
            id="one issue, and one may look: it goes first",
        ),
        pytest.param(role(mode="thinker"), {}, ["builder-0"], "work", "1 may look", id="a thinker looks"),
        pytest.param(
            REVIEWERS,
            {"github": snapshot(pull(31, reviews=()), pull(32, reviews=()))},
            ["builder-0", "builder-1"],
            "work",
            "2 pull requests wait for a review",
            id="two reviews",
        ),
        # --- rest
        pytest.param(
            role(),
            {"ledger": Ledger(looks={"builder-0": entry(**LOOKED)})},
            [],
            "rest",
            "it looked at 11:30",
            id="rest",
        ),
        pytest.param(
            role(),
            {"ledger": Ledger(looks={"builder-0": entry(looked_at=ago(hours=2), looked_base=BASE_SHA)})},
            [],
            "rest",
            "it looked at this commit at 10:00",
            id="nothing new to look at",
        ),
        pytest.param(
            role(),
            {"ledger": Ledger(looks={"builder-0": entry(looked_at=ago(hours=2), looked_base=OLD)})},
            ["builder-0"],
            "work",
            "1 may look",
            id="rested, and the base has moved",
        ),
        pytest.param(
            role(count=2),
            {"ledger": Ledger(looks={"builder-0": entry(**LOOKED)})},
            ["builder-1"],
            "work",
            "1 may look",
            id="one rests, the other looks",
        ),
        # --- failures
        pytest.param(
            role(),
            {"ledger": Ledger(looks={"builder-0": entry(at=ago(minutes=2), outcome="crash", failures=2)})},
            [],
            "back-off",
            "its last runs failed (crash); again at 12:08",
            id="back-off",
        ),
        pytest.param(
            role(),
            {"ledger": Ledger(looks={"other_builder-0": entry(at=ago(minutes=2), failures=2)})},
            ["builder-0"],
            "work",
            "1 may look",
            id="another role's failures",
        ),
        pytest.param(
            role(),
            {
                "ledger": Ledger(
                    accounts={"ANTHROPIC_API_KEY": entry(until=NOW + timedelta(hours=3), outcome="usage-limit")}
                )
            },
            [],
            "account",
            "ANTHROPIC_API_KEY rests until 15:00: usage-limit",
            id="the account rests",
        ),
        pytest.param(
            role(),
            {"ledger": Ledger(accounts={"ANTHROPIC_API_KEY": entry(until=NOW)})},
            ["builder-0"],
            "work",
            "1 may look",
            id="the account's rest is over",
        ),
        pytest.param(
            role(),
            {"ledger": Ledger(accounts={"OTHER_KEY": entry(until=NOW + timedelta(hours=3))})},
            ["builder-0"],
            "work",
            "1 may look",
            id="another account rests",
        ),
        pytest.param(
            role(),
            {
                "ledger": Ledger(
                    accounts={"ANTHROPIC_API_KEY": entry(until=NOW + timedelta(hours=3), reason="a weekly limit")}
                )
            },
            [],
            "account",
            "ANTHROPIC_API_KEY rests until 15:00: a weekly limit",
            id="the account rests, and why",
        ),
        pytest.param(
            role(),
            {"ledger": Ledger(accounts={"ANTHROPIC_API_KEY": entry(until=None)})},
            ["builder-0"],
            "work",
            "1 may look",
            id="the account rests, but nobody said until when",
        ),
        # --- room and money
        pytest.param(
            role(count=2),
            {"memory_bytes": GIB + 800 * MIB},
            ["builder-0", "builder-1"],
            "work",
            "2 may look",
            id="room for just so many",
        ),
        pytest.param(
            role(count=3),
            {"memory_bytes": GIB + 800 * MIB},
            ["builder-0", "builder-1"],
            "no-room",
            None,
            id="room for 2",
        ),
        pytest.param(role(), {"memory_bytes": GIB + 399 * MIB}, [], "no-room", "the host's memory is full", id="full"),
        pytest.param(role(), {"memory_bytes": 0}, [], "no-room", "the host's memory is full", id="less than nothing"),
        pytest.param(
            role(count=3),
            {"spawn_": {"max_sessions": 2}, "sessions": (session("builder-0"),)},
            ["builder-1"],
            "no-room",
            "max_sessions is 2",
            id="a number counts what runs",
        ),
        pytest.param(
            role(count=2),
            {"spawn_": {"max_sessions": "none"}, "memory_bytes": 0},
            ["builder-0", "builder-1"],
            "work",
            "2 may look",
            id="none asks no memory",
        ),
        pytest.param(
            role(count=9), {"memory_bytes": None}, [f"builder-{n}" for n in range(8)], "no-room", None, id="unknown: 8"
        ),
        pytest.param(
            role(count=2),
            {"roster_": {"budget_per_day_usd": 3.0}},
            ["builder-0"],
            "budget",
            "$3.00 of $3.00 is left today, one session may cost $2.00",
            id="money for one",
        ),
        pytest.param(
            role(count=2), {"roster_": {"budget_per_day_usd": 4.0}}, ["builder-0", "builder-1"], "work", None, id="just"
        ),
        pytest.param(
            role(),
            {"ledger": Ledger(looks={"x-0": entry(state="taken", spent_usd=47.5, cost_usd=1.0)})},
            [],
            "budget",
            "$1.50 of $50.00 is left today, one session may cost $2.00",
            id="what runs is counted as spent",
        ),
        pytest.param(
            role(),
            {"ledger": Ledger(looks={"x-0": entry(spent_usd=99.0)})},
            [],
            "budget",
            "$0.00 of $50.00 is left today, one session may cost $2.00",
            id="more is spent than there was",
        ),
        pytest.param(
            role(session=SessionSettings(harness="script", command="agent")),
            {"roster_": {"budget_per_day_usd": 0.0}},
            ["builder-0"],
            "work",
            "1 may look",
            id="a script costs nothing until it says so",
        ),
        pytest.param(
            role(session=SessionSettings(harness="script", command="agent")),
            {"ledger": Ledger(accounts={"ANTHROPIC_API_KEY": entry(until=NOW + timedelta(hours=3))})},
            ["builder-0"],
            "work",
            "1 may look",
            id="a script has no account",
        ),
        # --- the sentinel
        pytest.param(SENTINEL, {}, [], "no-work", "production is unchecked", id="no probes"),
        pytest.param(SENTINEL, {"probes": (probe(),)}, [], "no-work", "production is up", id="up"),
        pytest.param(SENTINEL, {"probes": DOWN}, ["builder-0"], "work", "production is down", id="down"),
        pytest.param(
            role(mode="sentinel", count=2),
            {"probes": DOWN},
            ["builder-0"],
            "work",
            "production is down",
            id="one will do",
        ),
        pytest.param(
            SENTINEL,
            {"probes": DOWN, "ledger": Ledger(down=entry(at=None))},
            ["builder-0"],
            "work",
            "production is down",
            id="down, and noted without a time",
        ),
        pytest.param(
            SENTINEL, {"ledger": Ledger(down=entry())}, [], "no-work", "production is unchecked", id="noted, unchecked"
        ),
        pytest.param(
            role(mode="sentinel", count=2),
            {"probes": (probe(),), "ledger": Ledger(down=entry())},
            ["builder-0"],
            "work",
            "production is up again: the outage is over",
            id="up again: one will do",
        ),
        pytest.param(
            SENTINEL,
            {"probes": DOWN, "roster_": {"budget_per_day_usd": 0.0}},
            ["builder-0"],
            "work",
            "production is down",
            id="down: it needs no model, so no money",
        ),
        pytest.param(
            SENTINEL,
            {"probes": DOWN, "ledger": Ledger(accounts={"ANTHROPIC_API_KEY": entry(until=NOW + timedelta(hours=3))})},
            ["builder-0"],
            "work",
            "production is down",
            id="down: it needs no account either",
        ),
        pytest.param(
            SENTINEL,
            {"probes": DOWN, "ledger": Ledger(down=entry(at=ago(minutes=10)))},
            [],
            "no-work",
            "production is down, noted at 11:50",
            id="down, and noted",
        ),
        pytest.param(
            SENTINEL,
            {"probes": (probe(),), "ledger": Ledger(down=entry())},
            ["builder-0"],
            "work",
            "production is up again: the outage is over",
            id="up again",
        ),
    ],
)
def test_a_role_starts_or_says_why_not(one, facts, starts, code, text):
    found = told(plan(one, **facts))
    assert found == (starts, code, found[2] if text is None else text)


@pytest.mark.parametrize(
    ("one", "facts", "starts", "code"),
    [
        pytest.param(REVIEWERS, {}, ["builder-0", "builder-1"], "start", id="without work"),
        pytest.param(SENTINEL, {}, ["builder-0"], "start", id="the sentinel too"),
        pytest.param(
            role(), {"ledger": Ledger(looks={"builder-0": entry(**LOOKED)})}, ["builder-0"], "start", id="rest"
        ),
        pytest.param(role(paused=True), {}, [], "paused", id="a safety gate"),
        pytest.param(role(), {"github": None}, [], "unread", id="GitHub unread"),
        pytest.param(role(), {"sessions": (session(running=False),)}, ["builder-0"], "start", id="one that has ended"),
    ],
)
def test_always_fills_every_slot_but_for_the_safety_gates(one, facts, starts, code):
    assert told(plan(one, spawn_={"when": "always"}, **facts))[:2] == (starts, code)


def test_the_first_gate_in_order_tells_the_reason():
    facts = {"faults": {"builder": "a fault"}, "github": None, "ledger": None}
    on_all = {"spawn_": {"host": "there"}, "roster_": {"paused": True}, **facts}
    order = [plan(role(count=0), **on_all).reason.code, plan(role(paused=True), **on_all).reason.code]
    order.append(plan(role(), spawn_={"host": "there"}, **facts).reason.code)
    order.append(plan(role(), **facts).reason.code)
    order.append(plan(role(), github=None, ledger=None).reason.code)
    assert order == ["none", "paused", "host", "fault", "unread"]


def test_the_account_is_told_before_failures_and_failures_before_rest():
    failed = {"builder-0": entry(at=ago(minutes=1), failures=1, outcome="crash", **LOOKED)}
    rests = {"ANTHROPIC_API_KEY": entry(until=NOW + timedelta(hours=1))}
    assert plan(ledger=Ledger(looks=failed, accounts=rests)).reason.code == "account"
    assert plan(ledger=Ledger(looks=failed)).reason.code == "back-off"


def test_the_numbers_of_a_plan_add_up():
    found = plan(role(count=3), sessions=(session("builder-1"),), memory_bytes=GIB + 400 * MIB)
    assert (found.desired, found.running, found.wanted, len(found.starts)) == (3, 1, 2, 1)


def test_each_slot_begins_at_another_item():
    found = plan(role(mode="reviewer", count=4), github=WAITING)
    assert [[item.number for item in start.items] for start in found.starts] == [
        [31, 32, 33],
        [32, 33, 31],
        [33, 31, 32],
    ]
    assert not any(start.may_look for start in found.starts)


def test_an_order_carries_at_most_twenty_items():
    many = snapshot(*(pull(n, reviews=()) for n in range(1, 31)))
    (first, second) = plan(role(mode="reviewer", count=2), github=many).starts
    assert [item.number for item in first.items] == list(range(1, 21))
    assert [item.number for item in second.items] == list(range(2, 22))


def test_a_slot_that_rests_may_take_an_item_but_not_look():
    looks = {"builder-0": entry(**LOOKED)}
    found = plan(UI, github=WISHES, ledger=Ledger(looks=looks))
    assert [(s.slot.n, s.may_look) for s in found.starts] == [(0, False), (1, True), (2, True)]


MANY = {
    "looker": role(),
    "ui": role(mode="task_driven", labels=("ui",)),
    "idle_builder": role(mode="task_driven", labels=("none",)),
    "reviewer": role(mode="reviewer"),
    "sentinel": role(mode="sentinel"),
}
BUSY = {"github": snapshot(pull(reviews=()), issues=(issue(),)), "probes": DOWN}


@pytest.mark.parametrize(
    ("room", "started"),
    [
        (0, []),
        (1, ["sentinel"]),
        (2, ["reviewer", "sentinel"]),
        (3, ["ui", "reviewer", "sentinel"]),
        (4, ["looker", "ui", "reviewer", "sentinel"]),
        (5, list(MANY)),
    ],
)
def test_what_there_is_room_for_goes_to_the_most_urgent(room, started):
    seen = world(roster=roster(roles=MANY, spawn={"max_sessions": room}), **BUSY)
    assert [found.role for found in spawn.plan(seen) if found.starts] == started


def test_the_days_money_goes_to_the_most_urgent_too():
    seen = world(roster=roster(roles=MANY, budget_per_day_usd=4.5), **BUSY)
    assert [found.role for found in spawn.plan(seen) if found.starts] == ["ui", "reviewer", "sentinel"]


def test_every_role_gets_a_decision_in_the_rosters_order():
    assert [found.role for found in spawn.plan(world(roster=roster(roles=MANY)))] == list(MANY)


def test_38_slots_that_could_not_be_seen_are_all_ordered():
    roles = {f"role_{n}": role(count=2) for n in range(19)}
    seen = world(roster=roster(roles=roles, budget_per_day_usd=100), sessions=None)
    assert sum(len(found.starts) for found in spawn.plan(seen)) == 38


def test_a_slots_sessions_are_told_apart_by_role():
    seen = world(roster=roster(roles={"a": role(), "a_b": role()}), sessions=(session("a_b-0"),))
    assert [(p.role, p.running, len(p.starts)) for p in spawn.plan(seen)] == [("a", 0, 1), ("a_b", 1, 0)]
