"""What waits for which role."""

import pytest

from fakes import (
    ANA,
    APP,
    AUTHOR,
    BOB,
    COORDINATOR,
    HEAD,
    IDENTITIES,
    NOW,
    OLD,
    ONE_IDENTITY,
    REVIEWER,
    ago,
    entry,
    issue,
    pull,
    review,
    role,
    roster,
    snapshot,
    world,
)
from fleet import work
from fleet.models import Ledger
from fleet.plans import Item
from fleet.settings import WorkSettings

UI = role(mode="task_driven", labels=("ui", "bug"))
FOR_ROBOTS = frozenset({"ready-for-robot"})


@pytest.mark.parametrize(
    ("one", "yes"),
    [
        pytest.param(pull(reviews=()), True, id="ours, not reviewed"),
        pytest.param(pull(reviews=(review(commit=OLD),)), True, id="reviewed, then pushed to"),
        pytest.param(pull(reviews=(review(by=ANA),)), True, id="reviewed by a person only"),
        pytest.param(pull(reviews=(review(by=None),)), True, id="reviewed by an account that is gone"),
        pytest.param(pull(), False, id="reviewed at its head"),
        pytest.param(pull(reviews=(review("CHANGES_REQUESTED"),)), False, id="changes requested at its head"),
        pytest.param(pull(reviews=(review("DISMISSED"),)), False, id="reviewed at its head, then dismissed"),
        pytest.param(pull(reviews=(), draft=True), False, id="a draft"),
        pytest.param(pull(reviews=(), base="next"), False, id="another base"),
        pytest.param(pull(reviews=(), author=None), False, id="an account that is gone"),
        pytest.param(pull(reviews=(), author=ANA), False, id="a person's: reviewing costs money"),
        pytest.param(pull(reviews=(), author=ANA, labels=FOR_ROBOTS), True, id="a person's, handed over by label"),
        pytest.param(pull(reviews=(), author=APP, labels=FOR_ROBOTS), True, id="a bot's, handed over by label"),
        pytest.param(pull(reviews=(), author=REVIEWER, labels=FOR_ROBOTS), False, id="the reviewer's own"),
        pytest.param(pull(reviews=(), author=COORDINATOR), False, id="the coordinator's, not handed over"),
        pytest.param(pull(reviews=(), unread=("reviews",)), False, id="not read whole"),
        *[
            pytest.param(pull(reviews=(), labels=frozenset({name})), False, id=name)
            for name in ("needs-human", "do-not-merge", "hold")
        ],
    ],
)
def test_a_pull_request_wants_our_review(one, yes):
    assert work.wants_review(one, IDENTITIES, "main") is yes


def test_with_one_identity_nothing_of_its_own_is_reviewed():
    assert not work.wants_review(pull(author=ANA, reviews=()), ONE_IDENTITY, "main")
    assert work.wants_review(pull(author=BOB, reviews=(), labels=FOR_ROBOTS), ONE_IDENTITY, "main")


TAKEN = {"state": "taken", "until": NOW, "head": HEAD}


@pytest.mark.parametrize(
    ("claim", "waits"),
    [
        pytest.param(None, True, id="no claim"),
        pytest.param(entry(**TAKEN), False, id="somebody reviews it"),
        pytest.param(entry(**{**TAKEN, "until": ago(minutes=6)}), True, id="somebody died over it"),
        pytest.param(entry(outcome="published", head=HEAD), False, id="reviewed as it stands"),
        pytest.param(entry(outcome="published", head=OLD), True, id="reviewed before the last push"),
        pytest.param(entry(outcome="nothing", head=HEAD), False, id="looked at as it stands"),
        pytest.param(entry(outcome="crash", head=HEAD, attempt=2), True, id="failed twice"),
        pytest.param(entry(outcome="crash", head=HEAD, attempt=3), False, id="failed three times"),
        pytest.param(entry(outcome="crash", head=OLD, attempt=3), True, id="failed three times on an older head"),
        pytest.param(entry(state="unreadable"), False, id="a claim that makes no sense"),
    ],
)
def test_a_review_waits_for_a_claim(claim, waits):
    ledger = Ledger(claims={"pr-31": claim} if claim else {})
    found = work.reviews(snapshot(pull(reviews=())), ledger, NOW)
    expected = Item(key="pr-31", kind="review", number=31, title="Change number 31", head=HEAD)
    assert found == ((expected,) if waits else ())


def test_what_wants_no_review_or_is_not_for_the_role_does_not_wait():
    seen = snapshot(pull(reviews=(), draft=True), issues=(issue(labels=frozenset({"api"})),))
    assert work.reviews(seen, Ledger(), NOW) == ()
    assert work.issues(UI, roster(), seen, Ledger(), NOW) == ()


def test_reviews_wait_oldest_first():
    found = work.reviews(snapshot(*(pull(n, reviews=()) for n in (30, 31, 32))), Ledger(), NOW)
    assert [item.key for item in found] == ["pr-30", "pr-31", "pr-32"]


SEEN = issue().updated_at.isoformat()


@pytest.mark.parametrize(
    ("claim", "waits"),
    [
        pytest.param(None, True, id="no claim"),
        pytest.param(entry(state="taken", until=NOW), False, id="somebody builds it"),
        pytest.param(entry(outcome="untrusted", seen=SEEN), False, id="untrusted as it stands"),
        pytest.param(entry(outcome="untrusted", seen="earlier"), True, id="untrusted before it changed"),
        pytest.param(entry(outcome="nothing", seen=SEEN), False, id="nothing to do as it stands"),
        pytest.param(entry(outcome="published", seen=SEEN), False, id="published as it stands"),
        pytest.param(
            entry(outcome="published", seen="earlier", branch="work-31"), False, id="its pull request is open"
        ),
        pytest.param(
            entry(outcome="published", seen="earlier", branch="work-99"), True, id="its pull request was closed"
        ),
        pytest.param(entry(outcome="crash", seen="earlier", branch="work-31"), True, id="it never got so far"),
        pytest.param(entry(outcome="published", seen="earlier"), True, id="it had no branch"),
        pytest.param(entry(outcome="crash", seen=SEEN, attempt=2), True, id="failed twice"),
        pytest.param(entry(outcome="crash", seen="earlier", attempt=3), False, id="failed three times, changed or not"),
        pytest.param(entry(state="unreadable"), False, id="a claim that makes no sense"),
    ],
)
def test_an_issue_waits_for_a_claim(claim, waits):
    ledger = Ledger(claims={"issue-12": claim} if claim else {})
    found = work.issues(UI, roster(), snapshot(pull(31), issues=(issue(),)), ledger, NOW)
    expected = Item(key="issue-12", kind="issue", number=12, title="Wish number 12", seen=SEEN)
    assert found == ((expected,) if waits else ())


@pytest.mark.parametrize(
    ("labels", "yes"),
    [
        pytest.param({"ui"}, True, id="one of the role's"),
        pytest.param({"bug", "later"}, True, id="another of them"),
        pytest.param({"api"}, False, id="another role's"),
        pytest.param(set(), False, id="none"),
        *[pytest.param({"ui", name}, False, id=name) for name in ("needs-human", "do-not-merge", "hold")],
    ],
)
def test_issues_are_taken_by_label(labels, yes):
    assert work.wanted_labels(issue(labels=frozenset(labels)), UI) is yes


@pytest.mark.parametrize(
    ("one", "writers", "label"),
    [
        *[
            pytest.param(issue(association=word), yes, False, id=word)
            for word, yes in (
                *(("OWNER", True), ("MEMBER", True), ("COLLABORATOR", True)),
                *(("CONTRIBUTOR", False), ("NONE", False), ("NEW_WORD", False)),
            )
        ],
        pytest.param(issue(association="NONE", labels=FOR_ROBOTS), True, True, id="handed over by label"),
        pytest.param(issue(association="NONE", author=AUTHOR), True, True, id="one of our thinkers'"),
        pytest.param(issue(association="NONE", author=REVIEWER), False, False, id="our reviewer's is not"),
        pytest.param(issue(association="NONE", author=None), False, False, id="an account that is gone"),
    ],
)
def test_which_issues_may_be_trusted(one, writers, label):
    for trust, yes in (("writers", writers), ("label", label)):
        rules = roster(work=WorkSettings(trust=trust))
        assert work.may_be_trusted(one, rules, IDENTITIES) is yes


def test_an_issue_that_is_not_trusted_does_not_wait():
    found = work.issues(UI, roster(), snapshot(issues=(issue(association="NONE"),)), Ledger(), NOW)
    assert found == ()


@pytest.mark.parametrize(
    ("mode", "keys"),
    [
        ("reviewer", ["pr-31"]),
        ("task_driven", ["issue-12"]),
        ("self_directed", []),
        ("thinker", []),
        ("sentinel", []),
    ],
)
def test_what_waits_goes_by_mode(mode, keys):
    labels = ("ui",) if mode == "task_driven" else ()
    rules = roster(roles={"one": role(mode=mode, labels=labels)})
    seen = world(roster=rules, github=snapshot(pull(reviews=()), issues=(issue(),)))
    assert [item.key for item in work.waiting("one", seen)] == keys


@pytest.mark.parametrize("unread", ["github", "ledger"])
def test_nothing_waits_while_a_source_is_unread(unread):
    facts = {"github": snapshot(pull(reviews=())), unread: None}
    seen = world(roster=roster(roles={"one": role(mode="reviewer")}), **facts)
    assert work.waiting("one", seen) == ()
