"""Every verdict on a pull request, by the number of its edge case in the facts about GitHub where it has one."""

from dataclasses import replace

import pytest

from fakes import (
    ANA,
    APP,
    AUTHOR,
    BOB,
    COORDINATOR,
    HEAD,
    OLD,
    ONE_IDENTITY,
    REVIEWER,
    base,
    check,
    checks,
    held,
    pull,
    ready,
    review,
    roster,
    snapshot,
    world,
)
from fleet import merge
from fleet.models import Actor
from fleet.plans import PullPlan, Reason
from fleet.settings import MergeSettings

PROTECTED = (".github/workflows/ci.yml",)


def codes(one, *, settings=None, **facts):
    seen = world(roster=roster(merge=settings or {}), github=snapshot(one, **facts))
    (plan,) = merge.plan(seen)
    return [reason.code for reason in plan.reasons]


MERGES = [
    pytest.param(pull(), id="01 approved, green, CLEAN"),
    pytest.param(pull(merge_state="HAS_HOOKS"), id="02 HAS_HOOKS"),
    pytest.param(
        pull(merge_state="UNSTABLE", checks=checks(check(state="FAILURE", at=None), check(at=None))),
        id="12 UNSTABLE only from a superseded failed run",
    ),
    pytest.param(pull(review_decision=None, reviews=(review(by=ANA),)), id="16 null and a writer approved the head"),
    pytest.param(pull(review_decision="APPROVED"), id="19 approve, then comment: the approval is still the opinion"),
    pytest.param(pull(reviews=(review(by=ANA),), review_decision="APPROVED"), id="20 changes, then approve, same one"),
    pytest.param(
        pull(reviews=(review(), review("CHANGES_REQUESTED", BOB, can_push=False))), id="23 a non-writer's request"
    ),
    pytest.param(pull(reviews=(review("CHANGES_REQUESTED", APP), review())), id="23 another bot's request"),
    pytest.param(pull(reviews=(review(commit=HEAD),)), id="25 approval re-pointed to the head by update-branch"),
    pytest.param(pull(), id="27 an outstanding review request is not even read"),
    pytest.param(pull(checks=checks(check(), check("lint", "NEUTRAL"))), id="32 NEUTRAL beside a SUCCESS"),
    pytest.param(pull(checks=checks(check(), check("gate", "SKIPPED"))), id="32 SKIPPED beside a SUCCESS"),
    pytest.param(
        pull(checks=checks(check(state="FAILURE", at=None), check(state="SUCCESS", at=None))), id="37 rerun, no times"
    ),
    pytest.param(pull(fork=True, reviews=(review(by=ANA),)), id="45 a fork that a person approved"),
    pytest.param(pull(fork=True, reviews=(review(by=ANA), review())), id="45 a fork with both approvals"),
    pytest.param(pull(fork=True, branch="", reviews=(review(by=ANA),)), id="47 the head's repository is deleted"),
    pytest.param(pull(), id="52 auto-merge that is armed is not even read"),
    pytest.param(pull(author=None), id="by an account that is gone"),
    pytest.param(pull(author=APP), id="by a bot, approved by our reviewer"),
    pytest.param(pull(files=PROTECTED, reviews=(review(by=ANA),)), id="a protected path that a person approved"),
    pytest.param(pull(files=None, reviews=(review(by=ANA),)), id="files unread, but a person approved"),
    pytest.param(pull(all_files=False, reviews=(review(by=ANA),)), id="many files, but a person approved"),
    pytest.param(pull(labels=frozenset({"ui", "holder"})), id="labels that only look like a hold"),
]


@pytest.mark.parametrize("one", MERGES)
def test_it_merges(one):
    assert codes(one) == []


HOLDS = [
    pytest.param(pull(draft=True), "draft", id="03 a draft, even if CLEAN"),
    pytest.param(pull(draft=True, merge_state="DRAFT"), "draft", id="03 a draft as GitHub marks it"),
    pytest.param(pull(state="CLOSED", mergeable="UNKNOWN"), "not-open", id="04 closed"),
    pytest.param(pull(state="MERGED", mergeable="UNKNOWN"), "not-open", id="04 merged"),
    pytest.param(pull(mergeable="CONFLICTING"), "conflict", id="05 CONFLICTING alone"),
    pytest.param(pull(merge_state="DIRTY"), "conflict", id="05 DIRTY alone"),
    pytest.param(pull(mergeable="UNKNOWN"), "mergeable-unknown", id="06 mergeable UNKNOWN"),
    pytest.param(pull(merge_state="UNKNOWN"), "mergeable-unknown", id="06 merge state UNKNOWN"),
    pytest.param(pull(mergeable="PERHAPS"), "mergeable-unknown", id="06 a word GitHub never used before"),
    pytest.param(pull(merge_state="BEHIND"), "behind", id="07 BEHIND"),
    pytest.param(pull(merge_state="BLOCKED"), "blocked", id="08 BLOCKED with nothing visible wrong"),
    pytest.param(pull(merge_state="BLOCKED", reviews=(review(by=COORDINATOR),)), "blocked", id="09 BLOCKED, admin"),
    pytest.param(pull(merge_state="ODD"), "blocked", id="08 a merge state GitHub never used before"),
    pytest.param(
        pull(merge_state="UNSTABLE", checks=checks(check(), check("dead", "FAILURE"))),
        "check-failed",
        id="10 UNSTABLE from an optional failure",
    ),
    pytest.param(
        pull(merge_state="UNSTABLE", checks=checks(check(), check("slow", "IN_PROGRESS"))),
        "check-pending",
        id="11 UNSTABLE from a running optional check",
    ),
    pytest.param(pull(checks=checks(check(), check("slow", "QUEUED", at=None))), "check-pending", id="13 lag, queued"),
    pytest.param(pull(checks=checks(check(), check("lint", "FAILURE"))), "check-failed", id="13 lag, failed"),
    pytest.param(pull(review_decision="REVIEW_REQUIRED"), "review-required", id="14 REVIEW_REQUIRED"),
    pytest.param(pull(review_decision="CHANGES_REQUESTED"), "changes-requested", id="14 CHANGES_REQUESTED"),
    pytest.param(pull(review_decision="NEW_WORD"), "review-required", id="14 a decision GitHub never used before"),
    pytest.param(pull(reviews=()), "not-approved", id="15 null and nobody"),
    pytest.param(pull(reviews=(), review_decision="APPROVED"), "not-approved", id="15 APPROVED, by nobody we see"),
    pytest.param(pull(reviews=(review(by=ANA, can_push=False),)), "not-approved", id="17 approved by a non-writer"),
    pytest.param(pull(reviews=(review(by=APP),)), "not-approved", id="17 approved by an App that may write"),
    pytest.param(pull(reviews=(review(by=None),)), "not-approved", id="17 approved by a deleted account"),
    pytest.param(pull(author=ANA, reviews=(review(by=ANA),)), "not-approved", id="18 own approval"),
    pytest.param(
        pull(author=ANA, reviews=(review(by=Actor(login="ANA", id="")),)), "not-approved", id="18 own, other case"
    ),
    pytest.param(
        pull(author=ANA, reviews=(review(by=Actor(login="ana-new-name", id="U_ana")),)),
        "not-approved",
        id="18 own, renamed since",
    ),
    pytest.param(pull(author=REVIEWER), "not-approved", id="18 our reviewer's own"),
    pytest.param(pull(reviews=(review("CHANGES_REQUESTED", ANA),)), "changes-requested", id="20 the reverse"),
    pytest.param(pull(reviews=(review("DISMISSED"),)), "not-approved", id="21 dismissed approval"),
    pytest.param(pull(reviews=(review("COMMENTED"),)), "not-approved", id="21 only a comment"),
    pytest.param(
        pull(reviews=(review(), review("CHANGES_REQUESTED", ANA, commit=OLD))),
        "changes-requested",
        id="22 another writer's request stands, on an old commit",
    ),
    pytest.param(
        pull(reviews=(review(by=ANA), review("CHANGES_REQUESTED", can_push=False))),
        "changes-requested",
        id="22 our reviewer's request stands, write access or not",
    ),
    pytest.param(
        pull(reviews=(review(commit=OLD),), review_decision="APPROVED"), "approval-old", id="24 on an older commit"
    ),
    pytest.param(pull(reviews=(review(commit=None),)), "approval-old", id="24 approval on a commit that is gone"),
    pytest.param(pull(reviews=(review(by=ANA),), review_decision="REVIEW_REQUIRED"), "review-required", id="26"),
    pytest.param(pull(checks=None), "no-checks", id="28 no checks"),
    pytest.param(pull(merge_state="BLOCKED", review_decision="APPROVED"), "blocked", id="29 a required one is absent"),
    *[
        pytest.param(pull(checks=checks(check(), check("x", state, complete=True))), "check-failed", id=f"30 {state}")
        for state in (
            *("FAILURE", "CANCELLED", "TIMED_OUT", "ACTION_REQUIRED", "STALE", "STARTUP_FAILURE"),
            *("NEW_WORD", "UNKNOWN"),
        )
    ],
    *[
        pytest.param(pull(checks=checks(check(), check("x", state))), "check-pending", id=f"31 {state}")
        for state in ("QUEUED", "IN_PROGRESS", "WAITING", "REQUESTED", "PENDING")
    ],
    pytest.param(pull(checks=checks(check(state="SKIPPED"), check("b", "NEUTRAL"))), "no-checks", id="33 only skipped"),
    pytest.param(
        pull(checks=checks(check("build", "FAILURE"), check("gate", "SKIPPED"), check("lint"))),
        "check-failed",
        id="34 the gate is skipped because a needed job failed",
    ),
    *[
        pytest.param(pull(checks=checks(check(), check("s", state, source="status"))), code, id=f"35 status {state}")
        for state, code in (
            ("ERROR", "check-failed"),
            ("FAILURE", "check-failed"),
            ("PENDING", "check-pending"),
            ("EXPECTED", "check-pending"),
        )
    ],
    pytest.param(
        pull(checks=checks(check("ci"), check("ci", "FAILURE", source="status"))),
        "check-failed",
        id="36 check and status share a name",
    ),
    pytest.param(
        pull(checks=checks(check(state="SUCCESS"), check(state="FAILURE"))), "check-failed", id="37 the latest failed"
    ),
    pytest.param(pull(checks=checks(more="cursor")), "checks-unread", id="38 more than 100, unread"),
    pytest.param(
        pull(checks=checks(check(state="FAILURE"), more="cursor")), "check-failed", id="38 a failure on the first page"
    ),
    pytest.param(
        pull(checks=checks(check(state="SKIPPED"), more="cursor")), "checks-unread", id="38 success may be unread"
    ),
    pytest.param(pull(checks=checks(commit=OLD)), "checks-old", id="39 checks of another commit"),
    pytest.param(pull(needs_merge_queue=True), "merge-queue", id="41 the base has a merge queue"),
    pytest.param(pull(in_merge_queue=True), "merge-queue", id="41 it is in the queue"),
    pytest.param(pull(base="next"), "other-base", id="42 another base"),
    pytest.param(pull(base="work-30"), "other-base", id="43 the base is another pull request's head"),
    pytest.param(pull(fork=True), "fork", id="45 a fork that only our reviewer approved"),
    pytest.param(pull(fork=True, reviews=(review(by=COORDINATOR),)), "fork", id="45 a fork, by another of ours"),
    pytest.param(
        pull(fork=True, reviews=(review(), review(by=ANA, commit=OLD))), "fork", id="45 the person's is on old"
    ),
    pytest.param(
        pull(fork=True, checks=None, reviews=(review(by=ANA),)),
        "no-checks",
        id="46 a fork whose runs wait for approval",
    ),
    pytest.param(pull(files=PROTECTED), "protected", id="a protected path that only our reviewer approved"),
    pytest.param(pull(files=PROTECTED, reviews=(review(), review(by=AUTHOR))), "protected", id="two of ours"),
    pytest.param(
        pull(files=PROTECTED, reviews=(review(), review(by=ANA, commit=OLD))),
        "protected",
        id="person's approval is old",
    ),
    pytest.param(
        pull(files=PROTECTED, author=ANA, reviews=(review(), review(by=ANA))),
        "protected",
        id="the person is the author",
    ),
    pytest.param(pull(files=None), "files-unread", id="files unread"),
    pytest.param(pull(all_files=False), "protected", id="more files than one page holds"),
    pytest.param(pull(labels=frozenset({"Do-Not-Merge"})), "label", id="a hold label in another case"),
    pytest.param(pull(title="Bump [skip ci]"), "skips-ci", id="a title that would switch CI off"),
    *[
        pytest.param(pull(title=f"Bump {word} now"), "skips-ci", id=f"a title with {word}")
        for word in ("[SKIP CI]", "[ci skip]", "[no ci]", "[skip actions]", "[actions skip]", "***NO_CI***")
    ],
    pytest.param(pull(unread=("reviewDecision",)), "unread", id="a field GitHub would not say"),
    pytest.param(pull(head=""), "unread", id="no head"),
]


ALSO = {
    "changes-requested": ["not-approved"],  # who requests changes does not approve
    "not-open": ["mergeable-unknown"],  # a closed one stays UNKNOWN for ever
    "draft": ["blocked"],  # GitHub's old merge state for drafts
    "unread": ["approval-old", "checks-old"],  # nothing is fresh on a head that nobody knows
}


@pytest.mark.parametrize(("one", "code"), HOLDS)
def test_it_is_held_for_just_this(one, code):
    found = codes(one)
    assert found[0] == code
    assert found[1:] in ([], ALSO.get(code))


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        pytest.param({"squash_allowed": False}, "squash-off", id="44 squash is off"),
        pytest.param({"archived": True}, "archived", id="44 archived"),
        pytest.param({"base": base(headlines=("Add x (#31)",))}, "merged-before", id="49 its number is on the base"),
        pytest.param(
            {"base": base(checks=checks(check("build", "FAILURE")))}, "main-red", id="51 a check failed on the base"
        ),
        pytest.param({"base": base(checks=None, state="ERROR")}, "main-red", id="51 only GitHub's sum is known"),
    ],
)
def test_it_is_held_for_what_the_repository_is(facts, code):
    assert codes(pull(), **facts) == [code]


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({"base": base(headlines=("Add x (#131)", "See (#31) for more"))}, id="49 only numbers like it"),
        pytest.param({"base": base(checks=checks(check(state="IN_PROGRESS")))}, id="51 pending is not red"),
        pytest.param({"base": base(checks=None, state="PENDING")}, id="51 GitHub's sum is pending"),
        pytest.param({"base": base(checks=None, state=None)}, id="51 nothing ran on the base"),
    ],
)
def test_it_merges_whatever_else_is_on_the_base(facts):
    assert codes(pull(), **facts) == []


FAILED = pull(merge_state="UNSTABLE", checks=checks(check(required=True), check("x", "FAILURE", required=False)))


@pytest.mark.parametrize(
    ("settings", "one", "expected"),
    [
        pytest.param({"checks": "required"}, FAILED, [], id="10 required only: an optional failure"),
        pytest.param(
            {"checks": "required"},
            pull(checks=checks(check(required=True, state="FAILURE"))),
            ["check-failed"],
            id="10 required only: a required failure",
        ),
        pytest.param({"checks": "required"}, pull(), ["checks-unread"], id="10 required only: not asked yet"),
        pytest.param(
            {"checks": "required"},
            pull(checks=checks(check(required=False))),
            ["no-checks"],
            id="10 required only: none is required",
        ),
        pytest.param({"ignore_checks": ("x",)}, FAILED, [], id="10 an ignored failure"),
        pytest.param(
            {"ignore_checks": ("fleet*",)},
            pull(checks=checks(check(), check("fleet/verdict", "PENDING", source="status"))),
            [],
            id="40 our own status is pending",
        ),
        pytest.param({"ignore_checks": ("test",)}, pull(), ["no-checks"], id="an ignored success does not count"),
        pytest.param({"require_checks": False}, pull(checks=None), [], id="28 no checks, and none are required"),
        pytest.param(
            {"require_checks": False}, pull(checks=checks(check(state="SKIPPED"))), [], id="33 skipped will do"
        ),
        pytest.param({"fresh_approval": False}, pull(reviews=(review(commit=OLD),)), [], id="24 old approvals count"),
        pytest.param(
            {"fresh_approval": False},
            pull(files=PROTECTED, reviews=(review(by=ANA, commit=OLD),)),
            [],
            id="24 old approvals count for protected paths",
        ),
        pytest.param({"authors": "fleet"}, pull(), [], id="authors fleet: ours"),
        pytest.param({"authors": "fleet"}, pull(author=ANA), ["author"], id="authors fleet: a person's"),
        pytest.param({"authors": "fleet"}, pull(author=None), ["author"], id="authors fleet: an account that is gone"),
        pytest.param({"authors": "fleet"}, pull(author=REVIEWER, reviews=(review(by=ANA),)), ["author"], id="reviewer"),
        pytest.param({"hold_labels": ()}, pull(labels=frozenset({"hold"})), [], id="no label holds"),
    ],
)
def test_the_roster_decides(settings, one, expected):
    assert codes(one, settings=settings) == expected


def test_main_may_be_red_where_the_roster_says_so():
    red = base(checks=checks(check("build", "FAILURE")))
    assert codes(pull(), settings={"hold_when_main_is_red": False}, base=red) == []


def test_a_check_that_is_ignored_does_not_make_main_red():
    red = base(checks=checks(check("Vercel preview", "FAILURE")))
    assert codes(pull(), settings={"ignore_checks": ("Vercel*",)}, base=red) == []


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        pytest.param(pull(author=BOB, reviews=(review(by=ANA),)), [], id="the one identity approves another's"),
        pytest.param(pull(author=ANA, reviews=(review(by=ANA),)), ["not-approved"], id="and not its own"),
        pytest.param(pull(author=ANA, reviews=(review(by=BOB),)), [], id="somebody else approves its own"),
        pytest.param(pull(author=BOB, fork=True, reviews=(review(by=ANA),)), [], id="and is a person"),
        pytest.param(pull(author=BOB, files=PROTECTED, reviews=(review(by=ANA),)), [], id="for protected paths too"),
    ],
)
def test_with_one_identity_its_owner_is_a_person(one, expected):
    assert codes(one, identities=ONE_IDENTITY) == expected


def test_accounts_without_an_id_are_not_the_same():
    x, y = (Actor(login=login, id="") for login in "xy")
    assert codes(pull(author=x, reviews=(review(by=y),))) == []
    assert codes(pull(author=x, reviews=(review(by=x),))) == ["not-approved"]
    nobody = replace(ONE_IDENTITY, author=Actor(login="", id=""))
    assert codes(pull(author=x), settings={"authors": "fleet"}, identities=nobody) == ["author"]


def test_an_approver_without_an_id_is_nobody_of_ours():
    nobody = replace(ONE_IDENTITY, reviewer=Actor(login="", id=""))
    assert codes(pull(reviews=(review(by=Actor(login="x", id=""), can_push=False),)), identities=nobody) == [
        "not-approved"
    ]


def test_all_reasons_are_told_in_one_fixed_order():
    bad = pull(
        state="CLOSED",
        unread=("files",),
        base="next",
        draft=True,
        labels=frozenset({"hold"}),
        author=ANA,
        title="x [ci skip]",
        needs_merge_queue=True,
        reviews=(review("CHANGES_REQUESTED", BOB),),
        files=PROTECTED,
        checks=None,
        merge_state="DIRTY",
    )
    on_red = base(headlines=("x (#31)",), checks=checks(check(state="FAILURE")))
    assert codes(bad, settings={"authors": "fleet"}, base=on_red, archived=True) == [
        "archived",
        "not-open",
        "unread",
        "other-base",
        "draft",
        "label",
        "author",
        "skips-ci",
        "merge-queue",
        "merged-before",
        "changes-requested",
        "not-approved",
        "no-checks",
        "conflict",
        "main-red",
        "protected",
    ]


@pytest.mark.parametrize(
    ("one", "facts", "text"),
    [
        pytest.param(pull(), {"archived": True}, "the repository is archived", id="archived"),
        pytest.param(
            pull(),
            {"squash_allowed": False},
            "the repository does not allow squash merges; switch them on",
            id="squash",
        ),
        pytest.param(pull(state="CLOSED"), {}, "it is closed", id="closed"),
        pytest.param(pull(unread=("files", "state")), {}, "GitHub did not say files, state", id="unread"),
        pytest.param(pull(head=""), {}, "GitHub did not say what its head is", id="no head"),
        pytest.param(pull(base="next"), {}, "it goes to next, not to main", id="other base"),
        pytest.param(pull(draft=True), {}, "it is a draft", id="draft"),
        pytest.param(pull(labels=frozenset({"hold", "do-not-merge"})), {}, "it is labelled do-not-merge", id="label"),
        pytest.param(
            pull(title="x [no ci]"), {}, "its title carries [no ci], which would switch CI off on the base", id="title"
        ),
        pytest.param(pull(in_merge_queue=True), {}, "the base has a merge queue; put it there", id="queue"),
        pytest.param(
            pull(), {"base": base(headlines=("x (#31)",))}, "(#31) is on main already; close it", id="merged before"
        ),
        pytest.param(pull(reviews=(review("CHANGES_REQUESTED", ANA),)), {}, "ana requests changes", id="changes"),
        pytest.param(
            pull(review_decision="CHANGES_REQUESTED"),
            {},
            "a request for changes stands; dismiss it if it is met",
            id="changes by somebody unseen",
        ),
        pytest.param(
            pull(reviews=(review(commit=OLD),)),
            {},
            "approved by fleet-reviewer on bbbbbbb, an older commit",
            id="older commit",
        ),
        pytest.param(pull(reviews=()), {}, "no approval by anybody who may write", id="nobody"),
        pytest.param(pull(fork=True), {}, "it comes from a fork, so a person must approve it", id="fork"),
        pytest.param(
            pull(review_decision="REVIEW_REQUIRED"), {}, "the base branch requires another review", id="another review"
        ),
        pytest.param(pull(files=None), {}, "its files were not read; no person has approved it", id="files unread"),
        pytest.param(
            pull(all_files=False), {}, "it touches more than 100 files, so a person must approve it", id="many files"
        ),
        pytest.param(
            pull(files=("a.py", "briefs/x.md")), {}, "it touches briefs/x.md, so a person must approve it", id="path"
        ),
        pytest.param(pull(checks=None), {}, "no check has run on its head", id="no checks"),
        pytest.param(pull(checks=checks(commit=OLD)), {}, "its checks are of another commit", id="old checks"),
        pytest.param(pull(checks=checks(more="x")), {}, "it has more checks than were read", id="more checks"),
        pytest.param(pull(mergeable="CONFLICTING"), {}, "it conflicts with the base branch", id="conflict"),
        pytest.param(
            pull(mergeable="UNKNOWN"), {}, "GitHub is still working out whether it conflicts", id="mergeable unknown"
        ),
        pytest.param(pull(mergeable="PERHAPS"), {}, "GitHub says PERHAPS, which is new to fleet", id="new word"),
        pytest.param(
            pull(merge_state="BEHIND"), {}, "its branch must be brought up to date with the base", id="behind"
        ),
        pytest.param(
            pull(merge_state="BLOCKED"), {}, "GitHub says BLOCKED: a rule of the base branch is not met", id="blocked"
        ),
        pytest.param(
            pull(), {"base": base(checks=checks(check("build", "FAILURE")))}, "main is red: build", id="main red"
        ),
    ],
)
def test_each_reason_is_one_sentence(one, facts, text):
    (plan,) = merge.plan(world(github=snapshot(one, **facts)))
    assert plan.reasons[0].text == text


def test_the_author_reason_names_who_it_is():
    for author, text in (
        (ANA, "it is by ana, and merge.authors is fleet"),
        (None, "it is by an account that is gone, and merge.authors is fleet"),
    ):
        seen = world(roster=roster(merge={"authors": "fleet"}), github=snapshot(pull(author=author)))
        assert merge.plan(seen)[0].reasons[0] == Reason(code="author", text=text)


def test_nothing_is_judged_when_github_is_unread():
    assert merge.plan(world(github=None)) == ()


def test_pull_requests_are_judged_in_githubs_order():
    plans = merge.plan(world(github=snapshot(pull(30), pull(31, draft=True), pull(32))))
    assert [(p.pull.number, p.merge) for p in plans] == [(30, True), (31, False), (32, True)]


@pytest.mark.parametrize(
    "path",
    [
        ".github/workflows/ci.yml",
        ".github/CODEOWNERS",
        "CODEOWNERS",
        "docs/CODEOWNERS",
        "roster.yaml",
        "briefs/x.md",
        "briefs/modes/thinker.md",
        ".claude/settings.json",
        "web/.claude/settings.json",
        ".mcp.json",
        "CLAUDE.md",
        "web/CLAUDE.md",
        "AGENTS.md",
        "a/b/AGENTS.md",
    ],
)
def test_paths_that_steer_the_machines_are_protected(path):
    assert merge.is_protected(path)


@pytest.mark.parametrize(
    "path", ["src/a.py", "github/x.yml", "docs/roster.yaml", "my-briefs/x", "CLAUDE.md.txt", "web/.github-x"]
)
def test_other_paths_are_not(path):
    assert not merge.is_protected(path)


# --- what goes together -----------------------------------------------------------------------------------------------


def after_batch(*plans, **settings):
    return [
        "merge" if plan.merge else f"{plan.reasons[0].code}: {plan.reasons[0].text}"
        for plan in merge.batch(plans, MergeSettings(**settings))
    ]


def test_pull_requests_that_share_no_file_merge_together():
    assert after_batch(*ready(pull(1), pull(2), pull(3))) == ["merge"] * 3


def test_at_most_per_pass_merge_the_oldest_first():
    assert after_batch(*ready(pull(1), pull(2), pull(3)), per_pass=2) == [
        "merge",
        "merge",
        "next-pass: ready; 2 merges a pass, the next pass goes on",
    ]
    assert after_batch(*ready(pull(1)), per_pass=0) == ["next-pass: ready; 0 merges a pass, the next pass goes on"]


def test_two_that_touch_the_same_file_never_merge_in_one_pass():
    plans = ready(pull(1, files=("a", "b")), pull(2, files=("c", "b")), pull(3, files=("c",)), pull(4, files=("d",)))
    assert after_batch(*plans) == [
        "merge",
        "same-file: waits for #1, which touches b too",
        "merge",
        "merge",
    ]


def test_what_is_held_takes_nobodys_place():
    plans = (*ready(pull(1)), held(2), *ready(pull(3)))
    assert after_batch(*plans, per_pass=2) == ["merge", "draft: it is a draft", "merge"]


@pytest.mark.parametrize(
    "facts", [pytest.param({"all_files": False}, id="too many"), pytest.param({"files": None}, id="unread")]
)
@pytest.mark.parametrize("first", [True, False])
def test_files_that_cannot_be_compared_merge_alone(facts, first):
    pulls = (pull(1, **facts), pull(2)) if first else (pull(1), pull(2, **facts))
    assert after_batch(*ready(*pulls)) == ["merge", "same-file: waits for #1: not all files can be compared"]


def test_a_person_merges_where_the_roster_says_so():
    assert after_batch(*ready(pull(1)), held(2), by="person") == [
        "ready: ready for you: merge.by is person",
        "draft: it is a draft",
    ]


@pytest.mark.parametrize(
    ("reasons", "worth"),
    [
        pytest.param((), True, id="ready"),
        pytest.param(("mergeable-unknown",), True, id="unknown"),
        pytest.param(("files-unread", "checks-unread", "mergeable-unknown"), True, id="all that reading may mend"),
        pytest.param(("files-unread", "check-failed"), False, id="something else too"),
    ],
)
def test_what_may_be_ready_once_it_is_read_alone_is_read(reasons, worth):
    plan = PullPlan(pull=pull(), reasons=tuple(Reason(code=code, text="") for code in reasons))
    assert merge.worth_reading(plan) is worth
