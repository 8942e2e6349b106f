"""Reading a whole repository from the simulated GitHub: how many requests, and what becomes of what goes wrong."""

import pytest

from fleet.errors import GitHubError
from fleet.github import texts
from fleet.github.door import TRIES, Door
from fleet.github.reader import ISSUES_A_PAGE, PAGE, SMALLEST_PAGE, Reader, whoami
from fleet.models import Actor
from fleet.sim.seed import add_pulls
from wire import product_query

pytest_plugins = ["simhub"]


@pytest.fixture
def reader(hub):
    return Reader(Door(hub.sim.url, "fake-token-bob", name="FLEET_TOKEN", sleep=lambda _: None), "acme/web")


def snapshot(reader, base=None, **known):
    return reader.snapshot(base, known)


def pages(hub):
    """(pull requests a page, issues a page) of every request so far; None where the request left them out."""
    found = []
    for request in hub.sim.requests:
        if request.path == "/graphql" and "query Pass" in request.body["query"]:
            given = request.body["variables"]
            found.append((given["pullPage"] if given["pulls"] else None, given["issuePage"] if given["issues"] else 0))
    return found


@pytest.mark.parametrize(("pulls", "issues"), [(0, 0), (25, 50), (26, 51), (60, 120)])
def test_a_quiet_pass_asks_once_a_page(hub, reader, pulls, issues):
    add_pulls(hub.world, hub.repo, pulls, hub.user_bob, hub.user_ana)
    for n in range(issues):
        hub.world.open_issue(hub.repo, hub.user_ana, f"Issue {n}")
    found = snapshot(reader)
    wanted = max(1, -(-pulls // PAGE), -(-issues // ISSUES_A_PAGE))
    assert [request.path for request in hub.sim.requests] == ["/graphql"] * wanted
    assert reader.door.requests == wanted
    assert [pull.number for pull in found.pulls] == sorted(hub.repo.pulls)
    assert [issue.number for issue in found.issues] == sorted(hub.repo.issues)
    for pull in found.pulls:
        assert not pull.unread
        assert (pull.mergeable, pull.merge_state) == ("MERGEABLE", "CLEAN")


def test_what_is_closed_is_left_out(hub, reader):
    hub.world.close(hub.pull("gone"), hub.user_bob)
    hub.world.close(hub.world.open_issue(hub.repo, hub.user_ana, "Done"), hub.user_ana)
    stays = hub.pull("stays")
    found = snapshot(reader)
    assert [pull.number for pull in found.pulls] == [stays.number]
    assert found.issues == ()


def test_one_pull_request_in_all_its_parts(hub, reader):
    pull = hub.pull("work", draft=True)
    hub.world.label(pull, hub.user_ana, "bug", "hold")
    hub.world.review(pull, hub.user_ana, "APPROVE")
    hub.world.set_check(hub.repo, pull.head_sha, "test", "completed", "failure")
    hub.world.set_check(hub.repo, pull.head_sha, "slow", "queued")
    hub.world.set_status(hub.repo, pull.head_sha, "deploy", "pending")
    (found,) = snapshot(reader).pulls
    assert (found.number, found.title, found.draft, found.fork) == (pull.number, "Add work", True, False)
    assert (found.base, found.branch, found.head) == ("main", "work", pull.head_sha)
    assert found.labels == {"bug", "hold"}
    assert (found.author.login, found.author.kind) == ("bob", "User")
    (review,) = found.reviews
    assert (review.state, review.author.login, review.can_push, review.commit) == (
        "APPROVED", "ana", True, pull.head_sha,
    )  # fmt: skip
    assert found.checks.commit == pull.head_sha
    assert {(check.name, check.state, check.complete) for check in found.checks.all} == {
        ("test", "FAILURE", True),
        ("slow", "QUEUED", False),
        ("deploy", "PENDING", False),
    }
    assert found.files is None


def test_the_base_the_viewer_and_the_permission(hub, reader):
    hub.world.set_check(hub.repo, hub.world.head(hub.repo, "main"), "test", "completed", "success")
    hub.world.commit(hub.repo, "next", {"a": "b"}, "Ahead", hub.user_ana)
    found = snapshot(reader)
    assert (found.base.branch, found.base.sha) == ("main", hub.world.head(hub.repo, "main"))
    assert [check.state for check in found.base.checks.all] == ["SUCCESS"]
    assert found.base.headlines == ("Initial commit",)
    assert (found.permission, found.archived, found.squash_allowed) == ("WRITE", False, True)
    assert found.identities.coordinator == whoami(reader.door)
    assert found.identities.ours == frozenset()
    other = snapshot(reader, "next", reviewer=Actor(login="rex", id="R_1"))
    assert (other.base.branch, other.base.sha) == ("next", hub.world.head(hub.repo, "next"))
    assert other.identities.reviewer.login == "rex"
    assert other.identities.author == other.identities.coordinator


def test_what_does_not_exist_is_named(hub, reader):
    with pytest.raises(GitHubError, match="acme/web has no branch nope") as caught:
        snapshot(reader, "nope")
    assert caught.value.person
    hidden = Reader(reader.door, "acme/none")
    with pytest.raises(GitHubError, match="acme/none does not exist or the token in FLEET_TOKEN may not see") as caught:
        snapshot(hidden)
    assert caught.value.person


# pages


def test_a_page_that_github_cannot_finish_is_halved(hub, reader):
    add_pulls(hub.world, hub.repo, 30, hub.user_bob, hub.user_ana)
    hub.sim.fault(path="/graphql", status=502, times=1)
    found = snapshot(reader)
    assert len(found.pulls) == len({pull.number for pull in found.pulls}) == 30
    assert [size for size, _ in pages(hub)] == [PAGE, PAGE // 2, PAGE // 2, PAGE // 2]


def test_a_later_page_is_halved_too(hub, reader):
    add_pulls(hub.world, hub.repo, 30, hub.user_bob, hub.user_ana)
    words = "Something went wrong while executing your query"
    hub.sim.fault(path="/graphql")  # does nothing, but to the first page
    hub.sim.fault(path="/graphql", status=200, body={"data": None, "errors": [{"message": words}]})
    found = snapshot(reader)
    assert len({pull.number for pull in found.pulls}) == 30
    assert [size for size, _ in pages(hub)] == [PAGE, PAGE, PAGE // 2]


def test_pages_are_halved_no_further_than_sense(hub, reader):
    hub.sim.fault(path="/graphql", status=502, times=99)
    with pytest.raises(GitHubError) as caught:
        snapshot(reader)
    assert caught.value.status == 502
    sizes = [size for size, _ in pages(hub)]
    assert sizes == [25, 12, 6]
    assert sizes[-1] >= SMALLEST_PAGE
    assert len(sizes) <= TRIES


def test_a_refusal_is_no_reason_to_halve(hub, reader):
    hub.sim.fault(path="/graphql", status=403, body={"message": "Resource not accessible"}, times=99)
    with pytest.raises(GitHubError, match="lacks a permission"):
        snapshot(reader)
    assert len(hub.sim.requests) == 1


# checks


@pytest.mark.parametrize("many", [100, 101, 230])
def test_every_page_of_checks_is_read(hub, reader, many):
    pull = hub.pull()
    for n in range(many):
        hub.world.set_check(hub.repo, pull.head_sha, f"check {n:03}", "completed", "success")
    (seen,) = snapshot(reader).pulls
    assert bool(seen.checks.more) == (many > 100)
    asked = reader.door.requests
    found = reader.again([pull.number], required=False)[pull.number]
    assert found.checks.more is None
    assert sorted(check.name for check in found.checks.all) == [f"check {n:03}" for n in range(many)]
    assert reader.door.requests - asked == -(-many // 100)
    assert found.files == ("work.txt",)


def test_a_head_that_moves_between_two_pages_of_checks_is_unread(hub, reader):
    pull = hub.pull()
    for n in range(101):
        hub.world.set_check(hub.repo, pull.head_sha, f"check {n:03}", "completed", "success")
    ask = reader.door.query

    def moves(text, variables, **more):
        if "query Checks" in text:
            hub.world.commit(hub.repo, "work", {"work.txt": "moved\n"}, "More", hub.user_bob)
        return ask(text, variables, **more)

    reader.door.query = moves
    assert reader.again([pull.number], required=False)[pull.number].unread == ("all of its checks",)


@pytest.mark.parametrize("required", [True, False])
def test_required_checks_are_known_where_they_are_asked_for(hub, reader, required):
    hub.world.protect(hub.repo, "main", checks=["test", "deploy"])
    one, two = hub.pull("one"), hub.pull("two")
    for pull in (one, two):
        hub.world.set_check(hub.repo, pull.head_sha, "test", "completed", "success")
        hub.world.set_check(hub.repo, pull.head_sha, "lint", "completed", "failure")
        hub.world.set_status(hub.repo, pull.head_sha, "deploy", "success")
    found = reader.again([one.number, two.number], required=required)
    for pull in found.values():
        told = {check.name: check.required for check in pull.checks.all}
        assert told == ({"test": True, "lint": False, "deploy": True} if required else dict.fromkeys(told))
    assert reader.door.requests == 1


def test_a_pull_request_that_is_gone_is_left_out(hub, reader):
    pull = hub.pull()
    assert set(reader.again([pull.number, 999], required=True)) == {pull.number}


# what GitHub does not say


def partial(hub, path, kind="FORBIDDEN"):
    """The true answer of the pass, with one value lost at `path` and its error beside it."""
    data = hub.bob.ask_pass()
    node = data
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = None
    error = {"type": kind, "path": list(path), "message": "Resource not accessible by personal access token"}
    hub.sim.fault(query="query Pass", status=200, body={"data": data, "errors": [error]})


NODES = ("repository", "pullRequests", "nodes")


@pytest.mark.parametrize(
    ("leaf", "unread"),
    [
        (("statusCheckRollup",), True),
        (("reviewDecision",), True),
        (("mergeStateStatus",), True),
        (("latestOpinionatedReviews",), True),
        (("labels",), True),
        (("isDraft",), True),
        (("updatedAt",), False),
        (("url",), False),
    ],
)
def test_a_part_that_github_would_not_say_makes_it_unread(hub, reader, leaf, unread):
    hurt, fine = hub.pull("one"), hub.pull("two")
    partial(hub, (*NODES, 0, *leaf))
    found = {pull.number: pull for pull in snapshot(reader).pulls}
    assert bool(found[hurt.number].unread) == unread
    assert not found[fine.number].unread


def test_a_check_that_github_would_not_say_makes_it_unread(hub, reader):
    pull = hub.pull()
    hub.world.set_check(hub.repo, pull.head_sha, "test", "completed", "success")
    partial(hub, (*NODES, 0, "statusCheckRollup", "contexts", "nodes", 0))
    (found,) = snapshot(reader).pulls
    assert found.unread


def test_a_pull_request_that_is_lost_whole_is_left_out(hub, reader):
    hub.pull("one")
    fine = hub.pull("two")
    partial(hub, (*NODES, 0))
    assert [pull.number for pull in snapshot(reader).pulls] == [fine.number]


def test_a_missing_value_is_never_read_as_good(hub, reader):
    hub.pull()
    lost = {}
    for field in ("isDraft", "isCrossRepository", "mergeable", "mergeStateStatus", "state"):
        partial(hub, (*NODES, 0, field))
        (lost[field],) = snapshot(reader).pulls
    assert lost["isDraft"].draft
    assert lost["isCrossRepository"].fork
    assert lost["mergeable"].mergeable == lost["mergeStateStatus"].merge_state == lost["state"].state == "UNKNOWN"


def test_mergeable_is_unknown_at_first(hub, reader):
    hub.repo.lag = True
    pull = hub.pull()
    (first,) = snapshot(reader).pulls
    assert (first.mergeable, first.merge_state) == ("UNKNOWN", "UNKNOWN")
    assert reader.again([pull.number], required=False)[pull.number].mergeable == "MERGEABLE"
    (second,) = snapshot(reader).pulls
    assert (second.mergeable, second.merge_state) == ("MERGEABLE", "CLEAN")


def test_an_issue_with_all_who_touched_it(hub, reader):
    issue = hub.world.open_issue(hub.repo, hub.user_cid, "Old title", "old body")
    hub.world.label(issue, hub.user_ana, "bug")
    hub.world.edit(issue, hub.user_cid, title="New title")
    hub.world.edit(issue, hub.user_bob, body="new body")
    found = texts.issue(reader.door, "acme/web", issue.number)
    assert (found.title, found.body, found.open) == ("New title", "new body", True)
    assert (found.author.login, found.editor.login) == ("cid", "bob")
    assert [(event.label, event.by.login) for event in found.labelled] == [("bug", "ana")]
    assert [who.login for who in found.renamed_by] == ["cid"]
    assert texts.issue(reader.door, "acme/web", 999) is None
    assert texts.pull(reader.door, "acme/web", 999) is None


def test_the_query_of_a_pass_is_one_operation(hub):
    assert product_query("pass").count("query Pass(") == 1


def test_a_renamed_file_is_known_by_both_names(hub, reader):
    """A file that is moved out of a protected folder was protected; GraphQL tells only where it went."""
    world, repo, bob = hub.world, hub.repo, hub.user_bob
    text = "".join(f"step: {n}\n" for n in range(20))
    world.commit(repo, "main", {".github/ci.yml": text}, "Add CI", hub.user_ana)
    world.commit(repo, "moves", {".github/ci.yml": None, "ci.yml": text}, "Move CI", bob, base="main")
    number = world.open_pull(repo, bob, title="Move CI", head="moves", base="main").number
    found = reader.again([number], required=False)[number]
    assert set(found.files) == {"ci.yml", ".github/ci.yml"}
    assert hub.sim.requests[-1].path == f"/repos/acme/web/pulls/{number}/files"
