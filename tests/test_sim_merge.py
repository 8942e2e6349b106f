"""The simulated GitHub merges as GitHub does: what it takes, what it refuses, and in which words."""

import pytest

from fleet.sim import ApiError
from wire import NUMBERS, Wire, product_query

pytest_plugins = ["simhub"]


def test_a_squash_of_a_branch_behind_loses_no_file(hub):
    pull = hub.pull()
    hub.world.commit(hub.repo, "main", {"late.txt": "late\n"}, "Later", hub.user_ana)
    before = hub.world.head(hub.repo, "main")
    done = hub.merge(pull, commit_title="Add work (#1)", commit_message="why")
    assert done.status == 200
    commit = hub.repo.git.commit(hub.world.head(hub.repo, "main"))
    assert (commit.sha, commit.parents, commit.message) == (done.body["sha"], (before,), "Add work (#1)\n\nwhy")
    for path in ("README.md", "late.txt", "work.txt"):
        assert hub.world.file(hub.repo, "main", path)
    assert pull.merged_at
    assert hub.merge(pull).body["message"] == "Pull Request is not mergeable"


def test_a_stale_head_is_refused(hub):
    pull = hub.pull()
    old = pull.head_sha
    hub.world.commit(hub.repo, "work", {"more.txt": "y\n"}, "More", hub.user_bob)
    refused = hub.merge(pull, sha=old)
    assert (refused.status, refused.body["message"]) == (
        409,
        "Head branch was modified. Review and try the merge again.",
    )


def test_a_conflict_is_refused(hub):
    pull = hub.pull(files={"numbers.txt": NUMBERS.replace("15", "fifteen")})
    hub.world.commit(hub.repo, "main", {"numbers.txt": NUMBERS.replace("15", "XV")}, "Roman", hub.user_ana)
    seen = hub.seen(pull)
    assert (seen["mergeable"], seen["mergeStateStatus"]) == ("CONFLICTING", "DIRTY")
    assert hub.bob.send("GET", f"pulls/{pull.number}").body["mergeable"] is False
    assert hub.merge(pull).status == 405


def test_a_draft_is_refused(hub):
    pull = hub.pull(draft=True)
    assert hub.seen(pull)["isDraft"] is True
    assert hub.merge(pull).body["message"] == "Pull Request is still a draft"


def test_protection(hub):
    hub.world.protect(hub.repo, "main", checks=["ci", "build"], reviews=1)
    pull = hub.pull()
    assert hub.seen(pull)["mergeStateStatus"] == "BLOCKED"
    assert hub.seen(pull)["reviewDecision"] == "REVIEW_REQUIRED"
    assert hub.merge(pull).body["message"] == "2 of 2 required status checks are expected."
    hub.world.set_status(hub.repo, pull.head_sha, "ci", "success")
    assert hub.merge(pull).body["message"] == 'Required status check "build" is expected.'
    hub.world.set_check(hub.repo, pull.head_sha, "build", "completed", "skipped")
    assert "approving review is required" in hub.merge(pull).body["message"]
    hub.world.review(pull, hub.user_cid, "APPROVE")
    assert hub.seen(pull)["reviewDecision"] == "REVIEW_REQUIRED"
    hub.world.review(pull, hub.user_ana, "APPROVE")
    assert (hub.seen(pull)["mergeStateStatus"], hub.seen(pull)["reviewDecision"]) == ("CLEAN", "APPROVED")
    assert hub.merge(pull).status == 200


def test_a_change_request_blocks(hub):
    hub.world.protect(hub.repo, "main", reviews=1)
    pull = hub.pull()
    hub.world.permit(hub.repo, hub.user_cid, "write")
    hub.world.review(pull, hub.user_ana, "APPROVE")
    hub.world.review(pull, hub.user_cid, "REQUEST_CHANGES", "no")
    assert hub.seen(pull)["reviewDecision"] == "CHANGES_REQUESTED"
    assert hub.merge(pull).status == 405


def test_strict_protection_asks_for_an_up_to_date_branch(hub):
    hub.world.protect(hub.repo, "main", checks=["ci"], strict=True)
    pull = hub.pull()
    hub.world.set_status(hub.repo, pull.head_sha, "ci", "success")
    assert hub.seen(pull)["mergeStateStatus"] == "CLEAN"
    hub.world.commit(hub.repo, "main", {"late.txt": "late\n"}, "Later", hub.user_ana)
    assert hub.seen(pull)["mergeStateStatus"] == "BEHIND"
    assert hub.merge(pull).body["message"] == 'Required status check "ci" is expected.'


def test_protection_binds_admins_only_if_told_to(hub):
    hub.world.protect(hub.repo, "main", checks=["ci"], enforce_admins=True)
    pull = hub.pull()
    assert hub.merge(pull, hub.ana).status == 405
    hub.world.protect(hub.repo, "main", checks=["ci"])
    assert hub.seen(pull)["mergeStateStatus"] == "BLOCKED"
    assert hub.merge(pull, hub.ana).status == 200


def test_stale_approvals_can_be_dismissed(hub):
    hub.world.protect(hub.repo, "main", reviews=1, dismiss_stale=True)
    pull = hub.pull()
    hub.world.review(pull, hub.user_ana, "APPROVE")
    hub.world.commit(hub.repo, "work", {"more.txt": "y\n"}, "More", hub.user_bob)
    assert pull.reviews[0].state == "DISMISSED"
    assert hub.seen(pull)["reviewDecision"] == "REVIEW_REQUIRED"


def test_mergeability_lags(hub):
    hub.repo.lag = True
    pull = hub.pull()
    first, second = hub.seen(pull), hub.seen(pull)
    assert (first["mergeable"], first["mergeStateStatus"]) == ("UNKNOWN", "UNKNOWN")
    assert (second["mergeable"], second["mergeStateStatus"]) == ("MERGEABLE", "CLEAN")
    hub.world.commit(hub.repo, "main", {"late.txt": "late\n"}, "Later", hub.user_ana)
    assert hub.bob.send("GET", f"pulls/{pull.number}").body["mergeable"] is None
    assert hub.bob.send("GET", f"pulls/{pull.number}").body["mergeable"] is True


def test_a_merge_closes_the_issues_it_names(hub):
    issue = hub.world.open_issue(hub.repo, hub.user_ana, "One")
    other = hub.world.open_issue(hub.repo, hub.user_ana, "Two")
    pull = hub.pull(body=f"Fixes #{issue.number}, see #{other.number}")
    assert hub.merge(pull).status == 200
    assert (issue.state, other.state) == ("closed", "open")


def test_a_merge_moves_the_base_of_the_others(hub):
    first, second = hub.pull("one"), hub.pull("two")
    hub.merge(first)
    assert second.base_sha == hub.world.head(hub.repo, "main")
    assert first.base_sha != second.base_sha


def test_pushing_the_commits_of_a_pull_request_to_the_base_merges_it(hub):
    pull = hub.pull()
    main = hub.world.head(hub.repo, "main")
    hub.world.set_ref(hub.repo, "refs/heads/main", pull.head_sha, hub.user_ana, main)
    assert hub.bob.send("GET", f"pulls/{pull.number}").body["merged"] is True


@pytest.mark.parametrize(
    ("knob", "value", "words"),
    [
        ("squash_allowed", False, "Squash merges are not allowed"),
        ("merge_queues", {"main"}, "merge queue"),
        ("archived", True, "archived"),
    ],
)
def test_repository_settings_that_refuse(hub, knob, value, words):
    pull = hub.pull()
    setattr(hub.repo, knob, value)
    assert words in hub.merge(pull).body["message"]


def test_candidates_are_asked_under_aliases_with_what_is_required(hub):
    hub.world.protect(hub.repo, "main", checks=["ci"])
    pull = hub.pull()
    for context in ("ci", "lint"):
        hub.world.set_status(hub.repo, pull.head_sha, context, "success")
    required = (
        "fragment R on PullRequest { statusCheckRollup { contexts(first: 100) { nodes { __typename"
        f" ... on StatusContext {{ context isRequired(pullRequestNumber: {pull.number}) }} }} }} }} }}"
    )
    asked = (
        "query Ask($owner: String!, $name: String!) { repository(owner: $owner, name: $name) {"
        f" p1: pullRequest(number: {pull.number}) {{ ...Candidate ...R }} }} }}"
    )
    pull_text = product_query("candidate", required, asked)
    found = hub.bob.query(pull_text)["data"]["repository"]["p1"]
    assert [node["path"] for node in found["files"]["nodes"]] == ["work.txt"]
    contexts = found["statusCheckRollup"]["contexts"]["nodes"]
    assert {node["context"]: node["isRequired"] for node in contexts} == {"ci": True, "lint": False}


def test_the_python_side_holds_to_the_rules_too(hub):
    pull = hub.pull()
    with pytest.raises(ApiError, match="403"):
        hub.world.merge(pull, hub.user_cid)
    with pytest.raises(ApiError, match="approve your own"):
        hub.world.review(pull, hub.user_bob, "APPROVE")


def test_listeners_hear_of_every_ref(hub):
    heard = []

    def listen(repo, ref, old, new):
        if ref == "refs/heads/work" and new and old is None:
            hub.world.set_status(repo, new, "ci", "success")
        heard.append(ref)

    hub.world.on_change.append(listen)
    pull = hub.pull()
    hub.repo.delete_on_merge = True
    assert hub.seen(pull)["statusCheckRollup"]["state"] == "SUCCESS"
    hub.merge(pull)
    assert heard == ["refs/heads/work", "refs/heads/main", "refs/heads/work"]


def test_a_stranger_sees_no_other_repository(hub):
    assert Wire(hub.sim.url, "fake-token-bob", "acme/other").send("GET", "").status == 404
