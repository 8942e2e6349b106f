"""The simulated GitHub goes wrong on request, and says what it does not know."""

import http.client
import time
import urllib.error
from datetime import UTC, datetime, timedelta

import pytest

from contract import check
from fleet.sim import Simulator
from wire import Wire

pytest_plugins = ["simhub"]
REPOSITORY = '{ repository(owner: "acme", name: "web") { %s } }'


def test_an_answer_fails_as_often_as_told(hub):
    hub.sim.fault(method="PUT", path=r"/merge$", status=502, times=1)
    pull = hub.pull()
    assert hub.merge(pull).status == 502
    assert pull.merged_at is None
    assert hub.merge(pull).status == 200


def test_an_answer_is_lost_after_the_effect(hub):
    hub.sim.fault(method="PUT", path=r"/merge$", status=502, after=True)
    pull = hub.pull()
    assert hub.merge(pull).status == 502
    assert pull.merged_at is not None


def test_a_connection_is_cut(hub):
    hub.sim.fault(path="/user", status=0)
    with pytest.raises((http.client.RemoteDisconnected, urllib.error.URLError)):
        hub.bob.send("GET", "/user")
    assert hub.bob.send("GET", "/user").status == 200


def test_headers_and_bodies(hub):
    hub.sim.fault(path="/user", status=403, headers={"Retry-After": "7"}, body={"message": "slow down"})
    reply = hub.bob.send("GET", "/user")
    assert (reply.status, reply.headers["Retry-After"], reply.body["message"]) == (403, "7", "slow down")


def test_one_query_among_others(hub):
    limited = {"data": None, "errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]}
    hub.sim.fault(query=r"\bpullRequests\b", status=200, body=limited)
    assert hub.bob.query("{ viewer { login } }")["data"]["viewer"]["login"] == "bob"
    assert (
        hub.bob.query('{ repository(owner: "acme", name: "web") { pullRequests(first: 1) { totalCount } } }') == limited
    )


def test_a_base_that_moved(hub):
    words = "Base branch was modified. Review and try the merge again."
    hub.sim.fault(method="PUT", path=r"/merge$", status=405, body={"message": words})
    pull = hub.pull()
    assert hub.merge(pull).body["message"] == words
    assert hub.merge(pull).status == 200


def test_an_answer_comes_late(hub):
    hub.sim.fault(path="/user", delay=0.2)
    start = time.monotonic()
    assert hub.bob.send("GET", "/user").status == 200
    assert time.monotonic() - start >= 0.2


def test_a_hang_ends_with_the_server(tmp_path):
    with Simulator(tmp_path) as sim:
        sim.world.add_user("bob", token="fake-token-bob")
        sim.fault(path="/user", delay=60)
        with pytest.raises(TimeoutError):
            Wire(sim.url, "fake-token-bob").send("GET", "/user", timeout=0.2)


def test_a_push_whose_answer_is_lost(hub, tmp_path):
    copy = hub.bob.clone(tmp_path / "copy")
    hub.sim.fault(method="POST", path="git-receive-pack", status=502, after=True)
    assert hub.bob.git(copy, "push", "-q", "origin", "HEAD:refs/heads/new").returncode != 0
    assert "refs/heads/new" in hub.repo.git.refs


def test_the_log(hub):
    hub.bob.send("POST", "issues", {"title": "One"})
    request = hub.sim.requests[-1]
    assert (request.method, request.path, request.body) == ("POST", "/repos/acme/web/issues", {"title": "One"})
    assert (request.status, request.login) == (201, "bob")


@pytest.fixture
def strange(tmp_path):
    with Simulator(tmp_path) as sim:
        ana = sim.world.add_user("ana", token="fake-token-ana")
        sim.world.add_repo("acme/web", owner=ana)
        yield sim


def test_an_unknown_route_is_named(strange):
    reply = Wire(strange.url, "fake-token-ana").send("GET", "milestones")
    assert (reply.status, reply.body["message"]) == (404, "fleet.sim has no route GET /repos/acme/web/milestones")
    assert [request.path for request in strange.unknown] == ["/repos/acme/web/milestones"]
    assert check(strange.requests) == ["no operation GET /repos/acme/web/milestones"]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        (REPOSITORY % "stargazerCount", "stargazerCount"),
        (REPOSITORY % 'pullRequests(first: 1, headRefName: "x") { totalCount }', "headRefName"),
        ("{ nodes(ids: []) { id } }", "nodes"),
    ],
)
def test_an_unknown_field_is_named(strange, query, name):
    answer = Wire(strange.url, "fake-token-ana").query(query)
    assert name in answer["errors"][0]["message"]
    assert len(strange.unknown) == 1


@pytest.mark.parametrize("page", ["", "(first: 101)", "(last: 101)"])
def test_a_page_has_a_size(strange, page):
    query = REPOSITORY % f"issues{page} {{ totalCount }}"
    assert Wire(strange.url, "fake-token-ana").query(query)["errors"]
    assert "first" in check(strange.requests)[0]


def test_what_a_route_would_not_heed_is_refused(strange):
    ana = Wire(strange.url, "fake-token-ana")
    assert "assignee" in ana.send("GET", "issues?assignee=bob").body["message"]
    assert ana.send("POST", "issues", {"title": "One", "milestone": 1}).status == 422
    assert len(strange.unknown) == 2


def test_an_app_has_two_names(strange):
    bot = strange.world.add_user("ci[bot]", token="fake-token-ci", kind="Bot")
    repo = strange.world.repos["acme/web"]
    issue = strange.world.open_issue(repo, bot, "One")
    wire = Wire(strange.url, "fake-token-ci")
    assert wire.send("GET", "/user").status == 403
    assert wire.query("{ viewer { login } }")["data"]["viewer"]["login"] == "ci[bot]"
    asked = REPOSITORY % f"issue(number: {issue.number}) {{ author {{ __typename login }} authorAssociation }}"
    found = wire.query(asked)["data"]["repository"]["issue"]
    assert found == {"author": {"__typename": "Bot", "login": "ci"}, "authorAssociation": "NONE"}
    assert wire.send("GET", f"issues/{issue.number}").body["user"]["login"] == "ci[bot]"


def test_a_late_answer_comes_after_the_effect(hub):
    hub.sim.fault(method="PUT", path=r"/merge$", after=True, delay=60)
    pull = hub.pull()
    with pytest.raises(TimeoutError):
        hub.bob.send("PUT", f"pulls/{pull.number}/merge", {"sha": pull.head_sha}, timeout=0.3)
    assert pull.merged_at


def test_the_hour_ends(hub):
    start = datetime(2031, 1, 1, tzinfo=UTC)
    hub.world.clock, hub.world.points = (lambda: start), 3
    left = [hub.bob.query("{ rateLimit { remaining } }")["data"]["rateLimit"]["remaining"] for _ in range(4)]
    assert left == [2, 1, 0, 0]
    hub.world.clock = lambda: start + timedelta(hours=1)
    assert hub.bob.query("{ rateLimit { remaining resetAt } }")["data"]["rateLimit"] == {
        "remaining": 2,
        "resetAt": "2031-01-01T02:00:00Z",
    }
