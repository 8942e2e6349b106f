"""The main flow through PyGithub, the client of the product, and through a server that is its own process."""

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime

import github
import pytest

from wire import Wire

pytest_plugins = ["simhub"]


def client(wire):
    auth = github.Auth.Token(wire.token)
    return github.Github(
        auth=auth, base_url=wire.url, retry=None, seconds_between_requests=None, seconds_between_writes=None
    )


def test_from_an_issue_to_a_merge(hub, tmp_path):
    hub.world.protect(hub.repo, "main", checks=["ci"], reviews=1)
    with client(hub.ana) as ana, client(hub.bob) as bob:
        repo = bob.get_repo("acme/web")
        assert (bob.get_user().login, repo.permissions.push, repo.permissions.admin) == ("bob", True, False)
        issue = repo.create_issue("One", "text", labels=["bug"])
        issue.add_to_labels("fleet")
        issue.remove_from_labels("bug")
        issue.create_comment("taken")
        issue.edit(body="other text")
        assert [label.name for label in repo.get_issue(issue.number).labels] == ["fleet"]
        hub.world.commit(hub.repo, "work", {"new.txt": "new\n"}, "Add new", hub.user_bob)
        pull = repo.create_pull(base="main", head="work", title="Add new", body=f"Fixes #{issue.number}")
        with pytest.raises(github.GithubException, match="422"):
            pull.create_review(event="APPROVE")
        with pytest.raises(github.GithubException, match="405"):
            pull.merge(merge_method="squash", sha=pull.head.sha)
        line = {"path": "new.txt", "line": 1, "side": "RIGHT", "body": "nice"}
        seen = ana.get_repo("acme/web").get_pull(pull.number)
        hub.ana.send("POST", f"statuses/{pull.head.sha}", {"state": "success", "context": "ci"})
        review = seen.create_review(body="good", event="APPROVE", comments=[line])
        assert [found.id for found in pull.get_reviews()] == [review.id]
        with pytest.raises(github.GithubException, match="409"):
            pull.merge(merge_method="squash", sha="1" * 40)
        done = pull.merge(merge_method="squash", sha=pull.head.sha, commit_title="Add new (#2)")
        assert done.merged
        assert repo.get_branch("main").commit.sha == done.sha
        assert repo.get_contents("new.txt", ref="main").decoded_content == b"new\n"
        assert repo.get_issue(issue.number).state == "closed"
        repo.get_git_ref("heads/work").delete()
        assert pull.merged is False
        assert repo.get_pull(pull.number).merged


def test_lists_and_edits(hub):
    for n in range(35):
        hub.world.open_issue(hub.repo, hub.user_ana, f"issue {n}")
    pull = hub.pull()
    with client(hub.bob) as bob:
        repo = bob.get_repo("acme/web")
        assert len(list(repo.get_issues(state="open", sort="updated", since=datetime(2020, 1, 1, tzinfo=UTC)))) == 36
        assert [found.number for found in repo.get_pulls(state="open", head="acme:work")] == [pull.number]
        assert repo.get_collaborator_permission("ana") == "admin"
        found = repo.get_pull(pull.number)
        found.edit(title="Other", state="closed")
        assert [file.filename for file in found.get_files()] == ["work.txt"]
        assert found.as_issue().state == "closed"
        assert {label.name for label in repo.get_labels()} >= {"bug"}
        repo.create_label("agent", "ededed", "an agent's")
        assert bob.get_rate_limit().resources.core.remaining > 0
        _, answer = repo.requester.graphql_query("{ viewer { login } }", {})
        assert answer["data"]["viewer"]["login"] == "bob"


def test_a_process_of_its_own(tmp_path):
    log = tmp_path / "requests.jsonl"
    argv = [sys.executable, "-m", "fleet.sim", "--root", str(tmp_path / "root"), "--requests", str(log)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        about = json.loads(process.stdout.readline())
        author = Wire(about["url"], about["tokens"]["fleet-author"], about["repo"])
        [made] = author.send("POST", "/_sim/pulls", {"count": 1}).body
        nodes = author.ask_pass()["repository"]["pullRequests"]["nodes"]
        assert [(node["number"], node["mergeStateStatus"]) for node in nodes] == [(made["number"], "CLEAN")]
        author.send("POST", "/_sim/faults", {"path": "/user$", "status": 502})
        assert [author.send("GET", "/user").status for _ in range(2)] == [502, 200]
        assert [request["path"] for request in author.send("GET", "/_sim/requests").body] == [
            "/graphql",
            "/user",
            "/user",
        ]
        assert author.send("GET", "/_sim/unknown").body == []
        author.clone(tmp_path / "copy")
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["status"] for line in lines[:3]] == [200, 502, 200]
    assert lines[0]["login"] == "fleet-author"
