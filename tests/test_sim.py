"""The simulated GitHub holds to GitHub's rules, seen over plain HTTP."""

import base64
from datetime import UTC, datetime, timedelta

import pytest

from wire import NUMBERS, Wire, product_query

pytest_plugins = ["simhub"]


def test_a_bad_token_is_refused(hub):
    assert Wire(hub.sim.url, "nobody").send("GET", "/user").status == 401
    assert Wire(hub.sim.url, "nobody").send("POST", "/graphql", {"query": "{viewer{login}}"}).status == 401
    assert hub.ana.send("GET", "/user").body["login"] == "ana"


def test_both_roots_of_the_api_work(hub):
    assert hub.ana.send("GET", "/api/v3/repos/acme/web").body["url"] == f"{hub.sim.url}/api/v3/repos/acme/web"
    assert hub.ana.send("POST", "/api/graphql", {"query": "{ viewer { login } }"}).body["data"] == {
        "viewer": {"login": "ana"}
    }


def test_answers_carry_the_limits_and_an_id(hub):
    headers = hub.ana.send("GET", "").headers
    assert headers["X-RateLimit-Limit"] == "5000"
    assert int(headers["X-RateLimit-Remaining"]) < 5000
    assert headers["X-GitHub-Request-Id"]
    assert hub.ana.send("GET", "/rate_limit").body["resources"]["core"]["remaining"] == 4999


@pytest.mark.parametrize(
    ("level", "permission"),
    [("admin", "admin"), ("maintain", "write"), ("write", "write"), ("triage", "read"), ("read", "read")],
)
def test_permissions(hub, level, permission):
    hub.world.permit(hub.repo, hub.user_cid, level)
    body = hub.ana.send("GET", "collaborators/cid/permission").body
    assert (body["permission"], body["role_name"]) == (permission, level)


def test_only_writers_may_ask_for_permissions(hub):
    assert hub.cid.send("GET", "collaborators/ana/permission").status == 403
    hub.world.permit(hub.repo, hub.user_cid, "none")
    assert hub.cid.send("GET", "").status == 404


def test_a_reader_writes_nothing(hub):
    pull = hub.pull()
    assert hub.merge(pull, hub.cid).status == 403
    assert hub.cid.send("POST", f"statuses/{pull.head_sha}", {"state": "success"}).status == 403
    assert hub.cid.send("DELETE", "git/refs/heads/work").status == 403
    assert hub.cid.send("POST", f"issues/{pull.number}/labels", {"labels": ["x"]}).status == 403
    opened = hub.cid.send("POST", "issues", {"title": "Hi", "labels": ["bug"]})
    assert (opened.status, opened.body["labels"], opened.body["author_association"]) == (201, [], "NONE")


def test_issues_and_their_labels(hub):
    made = hub.bob.send("POST", "issues", {"title": "One", "body": "text", "labels": ["bug"]}).body
    number = made["number"]
    assert [label["name"] for label in made["labels"]] == ["bug"]
    assert made["author_association"] == "COLLABORATOR"
    hub.bob.send("POST", f"issues/{number}/labels", {"labels": ["fleet"]})
    assert hub.bob.send("DELETE", f"issues/{number}/labels/bug").status == 200
    assert hub.bob.send("DELETE", f"issues/{number}/labels/bug").status == 404
    assert hub.bob.send("POST", "labels", {"name": "fleet", "color": "ffffff"}).status == 422
    found = hub.bob.send("GET", "issues?labels=fleet&state=open").body
    assert [issue["number"] for issue in found] == [number]
    assert hub.bob.send("POST", f"issues/{number}/comments", {"body": "hm"}).status == 201
    assert hub.bob.send("GET", f"issues/{number}/comments").body[0]["body"] == "hm"
    assert hub.bob.send("PATCH", f"issues/{number}", {"state": "closed"}).body["state_reason"] == "completed"
    assert hub.bob.send("GET", "issues").body == []


def test_lists_come_in_pages(hub):
    for n in range(5):
        hub.world.open_issue(hub.repo, hub.user_ana, f"issue {n}")
    first = hub.bob.send("GET", "issues?per_page=2&direction=asc")
    assert [issue["number"] for issue in first.body] == [1, 2]
    assert 'page=2>; rel="next"' in first.headers["Link"]
    assert 'page=3>; rel="last"' in first.headers["Link"]
    last = hub.bob.send("GET", "issues?per_page=2&direction=asc&page=3")
    assert [issue["number"] for issue in last.body] == [5]


def test_since_and_the_clock(hub):
    hub.world.open_issue(hub.repo, hub.user_ana, "old")
    later = datetime(2031, 1, 1, tzinfo=UTC)
    hub.world.clock = lambda: later
    hub.world.open_issue(hub.repo, hub.user_ana, "new")
    since = (later - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert [issue["title"] for issue in hub.bob.send("GET", f"issues?since={since}").body] == ["new"]


def test_an_issue_remembers_who_changed_it(hub):
    issue = hub.world.open_issue(hub.repo, hub.user_cid, "One", "text")
    hub.world.edit(issue, hub.user_cid, title="Two", body="other text")
    hub.world.label(issue, hub.user_bob, "fleet")
    hub.world.label(issue, hub.user_cid, "sneaky")
    found = hub.bob.query(product_query("issue"), number=issue.number)["data"]["repository"]["issue"]
    assert found["editor"]["login"] == "cid"
    assert found["lastEditedAt"]
    assert [node["name"] for node in found["labels"]["nodes"]] == ["fleet"]
    labeled = [item for item in found["timelineItems"]["nodes"] if item["__typename"] == "LabeledEvent"]
    assert [(item["label"]["name"], item["actor"]["login"]) for item in labeled] == [("fleet", "bob")]
    assert {item["__typename"] for item in found["timelineItems"]["nodes"]} == {"LabeledEvent", "RenamedTitleEvent"}


def test_what_a_pull_request_needs_to_be_opened(hub):
    hub.pull("work")
    wanted = {"title": "Again", "head": "work", "base": "main"}
    assert "already exists" in hub.bob.send("POST", "pulls", wanted).body["errors"][0]["message"]
    assert hub.bob.send("POST", "pulls", {**wanted, "head": "nowhere"}).body["errors"][0]["field"] == "head"
    hub.world.set_ref(hub.repo, "refs/heads/same", hub.world.head(hub.repo, "main"), hub.user_bob, None)
    assert "No commits" in hub.bob.send("POST", "pulls", {**wanted, "head": "same"}).body["errors"][0]["message"]


def test_lists_find_a_pull_request_by_its_head(hub):
    pull = hub.pull("work")
    hub.pull("other")
    assert [found["number"] for found in hub.bob.send("GET", "pulls?head=acme:work").body] == [pull.number]
    assert hub.bob.send("GET", "pulls?state=closed").body == []


def test_nobody_judges_his_own_work(hub):
    pull = hub.pull(by=hub.user_bob)
    for event in ("APPROVE", "REQUEST_CHANGES"):
        assert hub.bob.send("POST", f"pulls/{pull.number}/reviews", {"event": event, "body": "x"}).status == 422
    assert hub.bob.send("POST", f"pulls/{pull.number}/reviews", {"event": "COMMENT", "body": "x"}).status == 200
    assert hub.ana.send("POST", f"pulls/{pull.number}/reviews", {"event": "REQUEST_CHANGES"}).status == 422


@pytest.mark.parametrize(
    ("path", "line", "side", "status"),
    [
        ("numbers.txt", 15, "RIGHT", 200),
        ("numbers.txt", 12, "RIGHT", 200),
        ("numbers.txt", 11, "RIGHT", 422),
        ("numbers.txt", 15, "LEFT", 200),
        ("numbers.txt", 30, "LEFT", 422),
        ("README.md", 1, "RIGHT", 422),
    ],
)
def test_comments_name_lines_of_the_diff(hub, path, line, side, status):
    pull = hub.pull(files={"numbers.txt": NUMBERS.replace("15\n", "fifteen\n")})
    comment = {"path": path, "line": line, "side": side, "body": "hm"}
    review = {"event": "COMMENT", "body": "see", "commit_id": pull.head_sha, "comments": [comment]}
    assert hub.ana.send("POST", f"pulls/{pull.number}/reviews", review).status == status


def test_an_approval_stays_on_its_commit(hub):
    pull = hub.pull()
    first = pull.head_sha
    hub.world.review(pull, hub.user_ana, "APPROVE")
    second = hub.world.commit(hub.repo, "work", {"more.txt": "y\n"}, "More", hub.user_bob)
    seen = hub.seen(pull)
    review = seen["latestOpinionatedReviews"]["nodes"][0]
    assert seen["headRefOid"] == second
    assert (review["state"], review["commit"]["oid"]) == ("APPROVED", first)
    assert review["authorCanPushToRepository"] is True
    assert seen["reviewDecision"] is None


def test_opinions(hub):
    pull = hub.pull()
    hub.world.review(pull, hub.user_ana, "REQUEST_CHANGES", "no")
    hub.world.review(pull, hub.user_cid, "APPROVE")
    hub.world.review(pull, hub.user_ana, "COMMENT", "hm")
    states = {r["author"]["login"]: r["state"] for r in hub.seen(pull)["latestOpinionatedReviews"]["nodes"]}
    assert states == {"ana": "CHANGES_REQUESTED", "cid": "APPROVED"}
    [first, *_] = hub.bob.send("GET", f"pulls/{pull.number}/reviews").body
    assert hub.bob.send("PUT", f"pulls/{pull.number}/reviews/{first['id']}/dismissals", {"message": "m"}).status == 200
    states = {r["author"]["login"]: r["state"] for r in hub.seen(pull)["latestOpinionatedReviews"]["nodes"]}
    assert states == {"cid": "APPROVED", "ana": "DISMISSED"}
    writers = "pullRequest(number: 1) { latestOpinionatedReviews(first: 9, writersOnly: true) { nodes { state } } }"
    asked = f'{{ repository(owner: "acme", name: "web") {{ {writers} }} }}'
    found = hub.bob.query(asked)["data"]["repository"]
    assert found["pullRequest"]["latestOpinionatedReviews"]["nodes"] == [{"state": "DISMISSED"}]


def test_checks_and_statuses(hub):
    pull = hub.pull()
    assert hub.seen(pull)["statusCheckRollup"] is None
    assert hub.bob.send("POST", "check-runs", {"name": "x", "head_sha": pull.head_sha}).status == 403
    hub.world.permit(hub.repo, hub.world.add_user("ci[bot]", token="fake-token-ci", kind="Bot"), "write")
    bot = Wire(hub.sim.url, "fake-token-ci")
    run = {"name": "build", "head_sha": pull.head_sha, "status": "completed", "conclusion": "success"}
    assert bot.send("POST", "check-runs", run).status == 201
    assert hub.seen(pull)["mergeStateStatus"] == "CLEAN"
    hub.bob.send("POST", f"statuses/{pull.head_sha}", {"state": "pending", "context": "ci"})
    assert hub.seen(pull)["mergeStateStatus"] == "UNSTABLE"
    rollup = hub.seen(pull)["statusCheckRollup"]
    assert (rollup["state"], rollup["commit"]["oid"]) == ("PENDING", pull.head_sha)
    assert hub.bob.send("GET", "commits/work/status").body["state"] == "pending"
    assert hub.bob.send("GET", f"commits/{pull.head_sha}/check-runs").body["check_runs"][0]["app"]["slug"] == "ci"


def test_files_branches_and_refs(hub):
    text = hub.bob.send("GET", "contents/README.md").body
    assert base64.b64decode(text["content"]) == b"hello\n"
    assert hub.bob.send("GET", "contents/nothing").status == 404
    pull = hub.pull("deep/work", {"a/b.txt": "x\n"})
    assert [entry["path"] for entry in hub.bob.send("GET", "contents/a?ref=deep/work").body] == ["a/b.txt"]
    assert hub.bob.send("GET", "branches/deep/work").body["commit"]["sha"] == pull.head_sha
    assert hub.bob.send("GET", "git/ref/heads/deep/work").body["object"]["sha"] == pull.head_sha
    assert [file["filename"] for file in hub.bob.send("GET", f"pulls/{pull.number}/files").body] == ["a/b.txt"]
    assert hub.bob.send("DELETE", "git/refs/heads/deep/work").status == 204
    assert hub.bob.send("GET", f"pulls/{pull.number}").body["state"] == "closed"
