"""What the checks on one commit say, whatever GitHub's own sum of them is."""

from datetime import timedelta

import pytest

from fakes import NOW, base, check, checks
from fleet.checks import bad_check, ignored, latest, red_check
from fleet.plans import Reason
from fleet.settings import MergeSettings

EARLY, LATE = NOW - timedelta(minutes=9), NOW - timedelta(minutes=1)


@pytest.mark.parametrize(
    ("runs", "states"),
    [
        pytest.param((check(state="FAILURE", at=EARLY), check(at=LATE)), ["SUCCESS"], id="the later replaces"),
        pytest.param((check(at=LATE), check(state="FAILURE", at=EARLY)), ["SUCCESS"], id="whatever their order"),
        pytest.param((check(state="FAILURE", at=LATE), check(at=EARLY)), ["FAILURE"], id="also when it is worse"),
        pytest.param((check(at=LATE), check(state="QUEUED", at=None)), ["QUEUED"], id="queued has no time, is newest"),
        pytest.param((check(state="QUEUED", at=None), check(at=LATE)), ["QUEUED"], id="and stays it"),
        pytest.param((check(at=LATE), check(state="FAILURE", at=LATE)), ["FAILURE"], id="of one second, the last told"),
        pytest.param((check(), check(source="other")), ["SUCCESS", "SUCCESS"], id="another source is another check"),
        pytest.param((check(), check("b")), ["SUCCESS", "SUCCESS"], id="another name is another check"),
    ],
)
def test_a_rerun_replaces_what_it_reran(runs, states):
    assert [c.state for c in latest(checks(*runs))] == states


@pytest.mark.parametrize(
    ("one", "red"),
    [
        pytest.param(base(), "", id="green"),
        pytest.param(base(checks=checks(check(), check("build", "FAILURE"))), "build", id="failed"),
        pytest.param(base(checks=checks(check("build", "CANCELLED"))), "build", id="cancelled"),
        pytest.param(base(checks=checks(check("build", "IN_PROGRESS"))), "", id="pending"),
        pytest.param(base(checks=checks(check("build", "SKIPPED"))), "", id="skipped"),
        pytest.param(base(checks=checks(check(state="FAILURE", at=EARLY), check(at=LATE))), "", id="mended by a rerun"),
        pytest.param(base(checks=checks(check("ignored", "FAILURE"))), "", id="ignored"),
        pytest.param(base(checks=None, state="FAILURE"), "its checks", id="only the sum: FAILURE"),
        pytest.param(base(checks=None, state="ERROR"), "its checks", id="only the sum: ERROR"),
        pytest.param(base(checks=None, state="PENDING"), "", id="only the sum: PENDING"),
        pytest.param(base(state="FAILURE"), "", id="the sum is wrong, the checks are known"),
    ],
)
def test_main_is_red_when_a_check_failed_on_it(one, red):
    assert red_check(one, MergeSettings(ignore_checks=("ignored",))) == red


@pytest.mark.parametrize(
    ("name", "yes"),
    [("Vercel", True), ("Vercel preview", True), ("vercel", False), ("ci [lint]", False), ("exact", True)],
)
def test_checks_are_ignored_by_name_or_glob(name, yes):
    assert ignored(name, MergeSettings(ignore_checks=("Vercel*", "exact"))) is yes


@pytest.mark.parametrize(
    ("read", "code", "text"),
    [
        pytest.param(
            checks(check("lint", "TIMED_OUT")), "check-failed", "check lint is timed out", id="the state in words"
        ),
        pytest.param(
            checks(check("a", "IN_PROGRESS"), check("b", "FAILURE")), "check-failed", "check b is failure", id="worst"
        ),
        pytest.param(
            checks(check(), check("b", "IN_PROGRESS")), "check-pending", "check b is in progress", id="pending"
        ),
        pytest.param(checks(check(state="NEUTRAL")), "no-checks", "no check has succeeded on its head", id="none"),
    ],
)
def test_the_first_thing_wrong_is_told(read, code, text):
    assert bad_check(read, MergeSettings()) == Reason(code=code, text=text)


def test_with_required_only_every_check_must_have_been_asked():
    required = MergeSettings(checks="required")
    half = checks(check(required=True), check("b", "FAILURE", required=None))
    assert bad_check(half, required) == Reason(code="checks-unread", text="which checks are required was not read")
    assert bad_check(checks(check(required=True), check("b", "FAILURE", required=False)), required) is None


def test_an_ignored_check_need_not_have_been_asked():
    settings = MergeSettings(checks="required", ignore_checks=("b",))
    assert bad_check(checks(check(required=True), check("b", required=None)), settings) is None
