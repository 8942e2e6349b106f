"""GitHub's JSON into facts: what is missing, new or came with an error stays visible, so that it is held."""

from datetime import UTC, datetime

import pytest

from fakes import BASE_SHA, HEAD, IDENTITIES, OLD, base, check, snapshot, world
from fleet import merge
from fleet.github import parse
from fleet.models import Actor, Base, Check, Checks, Issue, PullRequest, Review

WHO = {"__typename": "User", "login": "ana", "id": "U_ana"}
ANA = Actor(login="ana", id="U_ana")
TIME, AT = "2030-01-07T12:00:00Z", datetime(2030, 1, 7, 12, 0, tzinfo=UTC)
RUN = {
    "__typename": "CheckRun",
    "name": "test",
    "status": "COMPLETED",
    "conclusion": "SUCCESS",
    "startedAt": TIME,
    "completedAt": "2030-01-07T12:05:00Z",
    "checkSuite": {"app": {"slug": "github-actions"}, "workflowRun": {"event": "push", "workflow": {"name": "CI"}}},
}
STATUS = {"__typename": "StatusContext", "context": "ci", "state": "SUCCESS", "createdAt": TIME}
REVIEW = {
    "state": "APPROVED",
    "authorCanPushToRepository": True,
    "author": {**WHO, "login": "fleet-reviewer", "id": "U_reviewer"},
    "commit": {"oid": HEAD},
}


def page(*nodes, more=False, **facts):
    return {
        "totalCount": len(nodes),
        "pageInfo": {"hasNextPage": more, "endCursor": "next"},
        "nodes": list(nodes),
        **facts,
    }


def rollup(*nodes, oid=HEAD, **facts):
    return {"state": "SUCCESS", "commit": {"oid": oid}, "contexts": page(*(nodes or (RUN,)), **facts)}


def node(**facts):
    return {
        "id": "PR_31",
        "number": 31,
        "title": "Mend the clock",
        "url": "https://github.com/acme/web/pull/31",
        "state": "OPEN",
        "isDraft": False,
        "createdAt": TIME,
        "updatedAt": TIME,
        "author": WHO,
        "baseRefName": "main",
        "headRefName": "work",
        "headRefOid": HEAD,
        "isCrossRepository": False,
        "mergeable": "MERGEABLE",
        "mergeStateStatus": "CLEAN",
        "reviewDecision": None,
        "isInMergeQueue": False,
        "isMergeQueueEnabled": False,
        "labels": page({"name": "ui"}),
        "latestOpinionatedReviews": page(REVIEW),
        "writers": page(REVIEW),
        "statusCheckRollup": rollup(),
        "files": page({"path": "src/clock.py"}),
        **facts,
    }


def test_a_pull_request_is_read_whole():
    assert parse.pull_request(node()) == PullRequest(
        id="PR_31",
        number=31,
        title="Mend the clock",
        url="https://github.com/acme/web/pull/31",
        author=ANA,
        created_at=AT,
        updated_at=AT,
        state="OPEN",
        draft=False,
        base="main",
        branch="work",
        head=HEAD,
        fork=False,
        mergeable="MERGEABLE",
        merge_state="CLEAN",
        review_decision=None,
        labels=frozenset({"ui"}),
        reviews=(
            Review(state="APPROVED", author=Actor(login="fleet-reviewer", id="U_reviewer"), can_push=True, commit=HEAD),
        ),
        checks=Checks(commit=HEAD, all=(check("test", at=AT),)),
        files=("src/clock.py",),
    )


def test_of_a_pull_request_without_anything_nothing_is_assumed():
    assert parse.pull_request({"number": 31}) == PullRequest(
        id="",
        number=31,
        title="",
        url="",
        author=None,
        created_at=parse.EPOCH,
        updated_at=parse.EPOCH,
        state="UNKNOWN",
        draft=True,
        base="",
        branch="",
        head="",
        fork=True,
        mergeable="UNKNOWN",
        merge_state="UNKNOWN",
        review_decision=None,
        unread=("all of its reviews", "all of its labels"),
    )


def verdict(raw, lost=()):
    return [r.code for r in merge.reasons(parse.pull_request(raw, lost), merge.policy(world(), snapshot()))]


def test_the_default_node_merges():
    assert verdict(node()) == []


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        pytest.param({"headRefOid": None}, "unread", id="no head"),
        pytest.param({"state": None}, "not-open", id="no state"),
        pytest.param({"isDraft": None}, "draft", id="nobody knows if it is a draft"),
        pytest.param({"baseRefName": None}, "other-base", id="no base"),
        pytest.param({"isCrossRepository": None}, "fork", id="nobody knows if it is a fork"),
        pytest.param({"mergeable": None}, "mergeable-unknown", id="no mergeable"),
        pytest.param({"mergeStateStatus": None}, "mergeable-unknown", id="no merge state"),
        pytest.param({"isInMergeQueue": True}, "merge-queue", id="in the queue"),
        pytest.param({"isMergeQueueEnabled": True}, "merge-queue", id="a queue"),
        pytest.param({"latestOpinionatedReviews": None}, "unread", id="no reviews"),
        pytest.param({"writers": page(REVIEW, more=True)}, "unread", id="more writers' reviews than a page"),
        pytest.param({"latestOpinionatedReviews": page(REVIEW, None)}, "unread", id="a review that was lost"),
        pytest.param({"labels": None}, "unread", id="no labels"),
        pytest.param({"labels": page({"name": "ui"}, totalCount=21)}, "unread", id="more labels than a page"),
        pytest.param({"labels": page({"name": "ui"}, None)}, "unread", id="a label that was lost"),
        pytest.param({"statusCheckRollup": None}, "no-checks", id="no checks"),
        pytest.param({"statusCheckRollup": rollup(RUN, None)}, "unread", id="a check that was lost"),
        pytest.param({"statusCheckRollup": rollup(more=True)}, "checks-unread", id="more checks than a page"),
        pytest.param({"statusCheckRollup": {"commit": {"oid": HEAD}}}, "checks-unread", id="checks without contexts"),
        pytest.param({"statusCheckRollup": rollup(oid=OLD)}, "checks-old", id="checks of another commit"),
        pytest.param({"statusCheckRollup": {**rollup(), "commit": None}}, "checks-old", id="checks of no commit"),
        pytest.param({"files": None}, "files-unread", id="no files"),
        pytest.param({"files": page({"path": "a"}, more=True)}, "protected", id="more files than a page"),
        pytest.param({"files": page({"path": "a"}, None)}, "unread", id="a file that was lost"),
    ],
)
def test_what_github_does_not_say_holds(facts, code):
    assert verdict(node(**facts))[0] == code


@pytest.mark.parametrize(
    ("lost", "codes"),
    [
        pytest.param(["reviewDecision"], ["unread"], id="a field that matters"),
        pytest.param(["everything"], ["unread"], id="the whole"),
        pytest.param(["oid"], ["unread"], id="the commit of a review"),
        pytest.param(["url", "updatedAt", "workflow", "slug"], [], id="fields that change no verdict"),
        pytest.param([], [], id="nothing"),
    ],
)
def test_a_field_that_came_with_an_error_holds(lost, codes):
    assert verdict(node(), lost) == codes


def test_what_was_lost_is_named_once():
    lost = ["state", "state", "mergeable"]
    assert parse.pull_request(node(labels=None), lost).unread == ("state", "mergeable", "all of its labels")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(RUN, check("test", at=AT), id="complete"),
        pytest.param(
            {**RUN, "status": "QUEUED", "conclusion": None, "startedAt": None, "completedAt": None},
            check("test", "QUEUED", at=None),
            id="queued: without a time, the newest",
        ),
        pytest.param(
            {**RUN, "status": "IN_PROGRESS", "conclusion": None}, check("test", "IN_PROGRESS", at=AT), id="runs"
        ),
        pytest.param({**RUN, "conclusion": None}, check("test", "UNKNOWN", at=AT), id="complete without a conclusion"),
        pytest.param(
            {**RUN, "status": None, "conclusion": "SUCCESS"},
            check("test", "UNKNOWN", complete=False, at=AT),
            id="no status",
        ),
        pytest.param(
            {**RUN, "startedAt": None},
            check("test", at=datetime(2030, 1, 7, 12, 5, tzinfo=UTC)),
            id="no start: its end",
        ),
        pytest.param({**RUN, "checkSuite": None}, check("test", source="run/-/-/-", at=AT), id="no suite"),
        pytest.param(
            {**RUN, "checkSuite": {"app": {"slug": "vercel"}, "workflowRun": None}},
            check("test", source="run/vercel/-/-", at=AT),
            id="another app's",
        ),
        pytest.param({**RUN, "isRequired": True}, check("test", at=AT, required=True), id="required"),
        pytest.param({**RUN, "isRequired": False}, check("test", at=AT, required=False), id="not required"),
        pytest.param(STATUS, check("ci", source="status", at=AT), id="status"),
        *[
            pytest.param(
                {**STATUS, "state": state},
                Check(name="ci", source="status", state=state or "UNKNOWN", complete=complete, at=AT),
                id=f"status {state}",
            )
            for state, complete in (("FAILURE", True), ("PENDING", False), ("EXPECTED", False), (None, True))
        ],
    ],
)
def test_a_check_is_read(raw, expected):
    assert parse.check(raw) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(None, None, id="none ever ran"),
        pytest.param(rollup(), Checks(commit=HEAD, all=(check("test", at=AT),)), id="one page"),
        pytest.param(rollup(more=True), Checks(commit=HEAD, all=(check("test", at=AT),), more="next"), id="more pages"),
        pytest.param(
            {"commit": {"oid": HEAD}, "contexts": {"pageInfo": {"hasNextPage": True}, "nodes": []}},
            Checks(commit=HEAD, all=(), more="?"),
            id="more pages, but no cursor",
        ),
        pytest.param(
            {"commit": {"oid": HEAD}, "contexts": None}, Checks(commit=HEAD, all=(), more="?"), id="no contexts"
        ),
    ],
)
def test_checks_are_read(raw, expected):
    assert parse.checks(raw) == expected


COMMIT = {"oid": BASE_SHA, "messageHeadline": "Mend it (#30)", "committedDate": TIME}
TARGET = {"oid": BASE_SHA, "statusCheckRollup": rollup(oid=BASE_SHA), "history": {"nodes": [COMMIT]}}


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        pytest.param(
            TARGET,
            base(
                checks=Checks(commit=BASE_SHA, all=(check("test", at=AT),)),
                headlines=("Mend it (#30)",),
            ),
            id="whole",
        ),
        pytest.param(
            {**TARGET, "statusCheckRollup": {"state": "FAILURE"}, "history": None},
            Base(branch="main", sha=BASE_SHA, checks=None, state="FAILURE"),
            id="only the sum of the checks",
        ),
        pytest.param(
            {"oid": BASE_SHA, "statusCheckRollup": None},
            Base(branch="main", sha=BASE_SHA, checks=None, state=None),
            id="nothing ran",
        ),
        pytest.param(None, Base(branch="main", sha="", checks=None, state=None, unread=("its head",)), id="no target"),
    ],
)
def test_the_base_is_read(target, expected):
    assert parse.base({"name": "main", "target": target}) == expected


def test_an_issue_is_read():
    raw = {
        "number": 12,
        "title": "The clock stands",
        "createdAt": TIME,
        "updatedAt": "2030-01-07T13:00:00+01:00",
        "author": WHO,
        "authorAssociation": "OWNER",
        "labels": page({"name": "ui"}, {"name": "bug"}),
    }
    assert parse.issue(raw) == Issue(
        number=12,
        title="The clock stands",
        author=ANA,
        association="OWNER",
        created_at=AT,
        updated_at=AT,
        labels=frozenset({"ui", "bug"}),
    )
    bare = parse.issue({"number": 12})
    assert (bare.author, bare.association, bare.labels, bare.title) == (None, "NONE", frozenset(), "")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(WHO, ANA, id="a person"),
        pytest.param({**WHO, "__typename": "Bot"}, Actor(login="ana", id="U_ana", kind="Bot"), id="a bot"),
        pytest.param(None, None, id="an account that is gone"),
        pytest.param({"__typename": "User", "login": None}, None, id="no login"),
        pytest.param({"login": "ana"}, Actor(login="ana", id="", kind="Unknown"), id="no id: nobody of ours"),
    ],
)
def test_an_account_is_read(raw, expected):
    assert parse.actor(raw) == expected


def test_an_account_of_an_unknown_kind_approves_nothing():
    approval = {**REVIEW, "author": {"login": "ana", "id": "U_ana"}}
    assert verdict(node(author=None, latestOpinionatedReviews=page(approval), writers=page())) == ["not-approved"]
    assert IDENTITIES.reviewer.id == "U_reviewer"


WHERE = ("repository", "pullRequests", "nodes", 3)


@pytest.mark.parametrize(
    ("paths", "lost"),
    [
        pytest.param([[*WHERE, "reviewDecision"]], ["reviewDecision"], id="a field"),
        pytest.param([[*WHERE, "statusCheckRollup", "contexts", "nodes", 0, "state"]], ["state"], id="deeper"),
        pytest.param([[*WHERE, "latestOpinionatedReviews", "nodes", 0]], ["nodes"], id="one of a list"),
        pytest.param([list(WHERE)], ["everything"], id="the whole"),
        pytest.param([["repository", "pullRequests", "nodes", 4, "state"]], [], id="another's"),
        pytest.param([["repository"]], [], id="above it"),
        pytest.param([None], ["something"], id="nowhere: it may be anything"),
        pytest.param([[*WHERE, "a"], [*WHERE, "b"]], ["a", "b"], id="two"),
    ],
)
def test_errors_are_laid_at_the_door_of_what_they_are_about(paths, lost):
    assert parse.lost_fields([{"path": path} for path in paths], *WHERE) == lost
