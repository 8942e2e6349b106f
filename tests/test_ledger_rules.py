"""What an entry of the ledger means at a given time."""

from datetime import timedelta

import pytest

from fakes import BASE_SHA, NOW, OLD, ago, entry
from fleet.ledger_rules import OWN_FAULT, Pause, back_off, held, outdated, resting, spent, spent_today
from fleet.models import Ledger

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("one", "yes"),
    [
        pytest.param(None, False, id="no claim"),
        pytest.param(entry(state="done"), False, id="done"),
        pytest.param(entry(state="taken", until=NOW + HOUR), True, id="taken"),
        pytest.param(entry(state="taken", until=ago(minutes=4, seconds=59)), True, id="four minutes past"),
        pytest.param(entry(state="taken", until=ago(minutes=5)), False, id="five minutes past"),
        pytest.param(entry(state="taken", until=None), True, id="taken for ever"),
        pytest.param(entry(state="unreadable"), True, id="makes no sense"),
        pytest.param(entry(state="", until=NOW + HOUR), False, id="no state"),
    ],
)
def test_a_claim_is_held(one, yes):
    assert held(one, NOW) is yes


@pytest.mark.parametrize(
    ("one", "dollars"),
    [
        pytest.param(None, 0.0, id="nothing known"),
        pytest.param(entry(spent_usd=3.0, cost_usd=2.0), 3.0, id="done: what it spent today holds its run"),
        pytest.param(entry(state="taken", spent_usd=3.0, cost_usd=2.0), 5.0, id="taken: and what it may cost"),
        pytest.param(entry(at=ago(hours=13), spent_usd=3.0), 0.0, id="yesterday's"),
        pytest.param(entry(at=ago(hours=12), spent_usd=3.0), 3.0, id="since midnight, UTC"),
        pytest.param(entry(at=None, spent_usd=3.0), 0.0, id="without a time"),
    ],
)
def test_a_slot_has_spent(one, dollars):
    assert spent(one, NOW) == dollars


def test_the_fleet_has_spent_what_its_slots_have():
    looks = {"a-0": entry(spent_usd=1.5), "b-0": entry(state="taken", cost_usd=2.0), "c-0": entry(at=ago(days=1))}
    claims = {"issue-1": entry(state="taken", cost_usd=2.0)}
    assert spent_today(Ledger(looks=looks, claims=claims), NOW) == 3.5


def test_claims_of_what_is_closed_are_dropped_after_two_weeks():
    claims = {
        "issue-1": entry(oid="1" * 40, at=ago(days=14, seconds=1)),
        "issue-2": entry(at=ago(days=14)),
        "issue-3": entry(at=ago(days=99)),
        "issue-4": entry(at=ago(days=99), state="taken"),
        "issue-5": entry(state="unreadable", at=None),
    }
    assert outdated(Ledger(claims=claims), {"issue-3"}, NOW) == {"issue-1": "1" * 40}


def failed(minutes, failures=1, **facts):
    return entry(at=ago(minutes=minutes), outcome="crash", failures=failures, **facts)


@pytest.mark.parametrize(
    ("entries", "minutes"),
    [
        pytest.param([], None, id="never ran"),
        pytest.param([entry(outcome="published")], None, id="worked"),
        pytest.param([failed(1)], 5, id="one failure"),
        pytest.param([failed(1, 2)], 10, id="two in a row"),
        pytest.param([failed(1, 3)], 20, id="three"),
        pytest.param([failed(1, 6)], 160, id="six"),
        pytest.param([failed(1, 7)], 240, id="four hours at most"),
        pytest.param([failed(1, 10_000)], 240, id="ever"),
        pytest.param([failed(5)], None, id="its pause is over"),
        pytest.param([failed(1), failed(2), failed(3)], 20, id="instances fail together"),
        pytest.param([failed(3), entry(at=ago(minutes=2), outcome="published")], None, id="the newest worked"),
        pytest.param([failed(1), entry(at=ago(minutes=2)), failed(3, 9)], 5, id="only failures since one worked"),
        pytest.param([failed(1), entry(state="taken", at=ago(seconds=1))], 5, id="one that runs says nothing"),
        pytest.param([failed(1), entry(at=None)], 5, id="one without a time says nothing"),
    ],
)
def test_a_role_that_fails_pauses(entries, minutes):
    newest = max((e.at for e in entries if e.at and e.failures), default=NOW)
    expected = Pause(newest + timedelta(minutes=minutes), "its last runs failed (crash)") if minutes else None
    assert back_off(entries, NOW) == expected


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        pytest.param(None, None, id="never looked"),
        pytest.param(entry(), None, id="ran, but did not look"),
        pytest.param(
            entry(looked_at=ago(minutes=59), looked_base=OLD),
            Pause(NOW + timedelta(minutes=1), "it looked at 11:01"),
            id="it rests although the base has moved",
        ),
        pytest.param(entry(looked_at=ago(hours=1), looked_base=OLD), None, id="rested, and the base has moved"),
        pytest.param(
            entry(looked_at=ago(hours=3), looked_base=BASE_SHA),
            Pause(NOW + HOUR, "it looked at this commit at 09:00"),
            id="rested, but there is nothing new",
        ),
    ],
)
def test_a_slot_that_has_looked_rests(one, expected):
    assert resting(one, BASE_SHA, HOUR, NOW) == expected


def test_limits_of_an_account_are_nobodys_own_fault():
    assert OWN_FAULT.isdisjoint(
        {"usage-limit", "auth", "billing", "unavailable", "overloaded", "idle", "nothing", "published", "stopped"}
    )
    assert {"crash", "timeout", "bad-output", "check-failed", "refused"} <= OWN_FAULT
