"""Entries of the ledger in and out of commit messages; whatever else somebody pushed there is held, never believed."""

import json

import pytest

from fakes import BASE_SHA, HEAD, NOW, ago
from fleet.ledger import account_ref, claim_ref, decode, down_ref, encode, from_json, look_ref, sort_out
from fleet.ledger_rules import held
from fleet.models import Entry, Ledger

OID = "d" * 40
FULL = Entry(
    fleet="acme-web",
    role="ui_builder",
    slot="ui_builder-0",
    run="20300107-120000-0a1b2c3d",
    host="here",
    state="done",
    at=NOW,
    until=NOW,
    item="issue-12",
    attempt=2,
    outcome="published",
    reason="it is done",
    failures=1,
    cost_usd=0.25,
    spent_usd=1.5,
    looked_at=ago(hours=1),
    looked_base=BASE_SHA,
    branch="ui_builder/issue-12-0a1b2c3d",
    base=BASE_SHA,
    head=HEAD,
    seen="2030-01-07T10:00:00+00:00",
)


def test_an_entry_comes_back_as_it_was():
    assert decode(OID, encode(FULL)) == Entry(**{**{f: getattr(FULL, f) for f in Entry.__slots__}, "oid": OID})
    assert decode(OID, encode(Entry())) == Entry(oid=OID)


def test_the_message_is_a_line_for_people_and_a_document():
    line, blank, document, end = encode(Entry(slot="a-0", item="issue-12", state="taken", attempt=1, oid=OID)).split(
        "\n"
    )
    assert (line, blank, end) == ("a-0: issue-12 taken", "", "")
    assert json.loads(document) == {"v": 1, "slot": "a-0", "item": "issue-12", "state": "taken", "attempt": 1}


@pytest.mark.parametrize(
    ("reason", "line"),
    [
        pytest.param("two\nlines", "a-0:  done two", id="two lines"),
        pytest.param('forged\n{"v":1,"state":"done"}', "a-0:  done forged", id="a forged document"),
        pytest.param("nul \0 byte", "a-0:  done nul   byte", id="a NUL, which git would cut off at"),
        pytest.param("lone \ud800 surrogate", "a-0:  done lone   surrogate", id="a lone surrogate"),
        pytest.param("x" * 500, "a-0:  done " + "x" * 189, id="a long one"),
    ],
)
def test_no_text_of_an_agent_breaks_the_message(reason, line):
    one = Entry(slot="a-0", outcome="done", reason=reason)
    message = encode(one)
    assert message.splitlines()[0] == line
    assert "\0" not in message
    assert decode(OID, message.encode().decode()) == Entry(slot="a-0", outcome="done", reason=reason, oid=OID)


def message(**document):
    return "a line\n\n" + json.dumps({"v": 1, **document})


GARBAGE = [
    pytest.param("", id="empty"),
    pytest.param("only a line", id="no document"),
    pytest.param("a line\n\n{", id="half a document"),
    pytest.param('a line\n\n["v", 1]', id="a list"),
    pytest.param("a line\n\n{}", id="no version"),
    pytest.param(message(v=2), id="a later version"),
    pytest.param(message(v="1"), id="a version in quotes"),
    pytest.param(message(until="soon"), id="no time"),
    pytest.param(message(until=5), id="a number for a time"),
    pytest.param(message(until="9999-12-31T23:59:00+00:00"), id="a time nothing can be added to"),
    pytest.param(message(at="0001-01-01T00:00:00+00:00"), id="a time before all"),
    pytest.param(message(attempt="three"), id="a word for a number"),
    pytest.param(message(attempt=1.5), id="half an attempt"),
    pytest.param(message(cost_usd="free"), id="a word for money"),
    pytest.param(message(spent_usd=float("nan")), id="money that is no number"),
    pytest.param(message(spent_usd=float("inf")), id="endless money"),
    pytest.param('a line\n\n{"v":1,"spent_usd":1e999}', id="endless money, written as a number"),
    pytest.param('a line\n\n{"v":1,"spent_usd":1' + "0" * 400 + "}", id="more money than a float holds"),
    pytest.param(message(state=None), id="null for a text"),
    pytest.param(message(reason=["a"]), id="a list for a text"),
    pytest.param("a line\n\n" + '{"a":' * 100_000, id="a deep well"),
]


@pytest.mark.parametrize("text", GARBAGE)
def test_what_makes_no_sense_is_held_and_named(text):
    ledger = sort_out("acme-web", {"refs/fleet/claim/issue-12": (OID, text)})
    assert ledger.unreadable == ("refs/fleet/claim/issue-12",)
    assert ledger.claims == {"issue-12": Entry(oid=OID, state="unreadable")}
    assert held(ledger.claims["issue-12"], NOW)


def test_fields_of_a_later_fleet_are_left_alone():
    assert decode(OID, message(slot="a-0", mood="good")) == Entry(oid=OID, slot="a-0")


def test_times_are_read_as_utc():
    assert decode(OID, message(at="2030-01-07T13:00:00+01:00")).at == NOW


def test_whole_dollars_are_money_too():
    assert decode(OID, message(cost_usd=2)).cost_usd == 2


def test_a_note_on_disk_keeps_its_commit():
    assert from_json({"v": 1, "oid": OID, "slot": "a-0"}) == Entry(oid=OID, slot="a-0")
    with pytest.raises(ValueError, match="version 1"):
        from_json("text")


def test_refs_are_sorted_into_the_ledger_of_one_fleet():
    refs = {
        "refs/fleet/claim/issue-12": (OID, message(state="taken", fleet="acme-app")),
        "refs/fleet/acme-web/look/ui_builder-0": (OID, message(slot="ui_builder-0")),
        "refs/fleet/acme-web/account/ANTHROPIC_API_KEY": (OID, message(outcome="usage-limit")),
        "refs/fleet/acme-web/down": (OID, message(state="down")),
        "refs/fleet/acme-web-two/look/ui_builder-0": (OID, "another fleet's, not even read"),
        "refs/fleet/acme/look/ui_builder-0": (OID, "another fleet's, not even read"),
        "refs/fleet/good": (OID, "a commit of the repository"),
    }
    assert sort_out("acme-web", refs) == Ledger(
        claims={"issue-12": Entry(oid=OID, state="taken", fleet="acme-app")},
        looks={"ui_builder-0": Entry(oid=OID, slot="ui_builder-0")},
        accounts={"ANTHROPIC_API_KEY": Entry(oid=OID, outcome="usage-limit")},
        down=Entry(oid=OID, state="down"),
    )


def test_an_empty_repository_remembers_nothing():
    assert sort_out("acme-web", {}) == Ledger()


def test_the_names_of_the_refs():
    assert [claim_ref("issue-12"), look_ref("f", "a-0"), account_ref("f", "KEY"), down_ref("f")] == [
        "refs/fleet/claim/issue-12",
        "refs/fleet/f/look/a-0",
        "refs/fleet/f/account/KEY",
        "refs/fleet/f/down",
    ]
