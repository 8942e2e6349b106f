"""The values of GraphQL fields of accounts, refs, commits and checks. Rule: as in `fields.py`."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fleet.sim import rules
from fleet.sim.connections import GqlError, Json, connect, cut
from fleet.sim.git_shapes import iso
from fleet.sim.model import CheckRun

if TYPE_CHECKING:
    from fleet.sim.model import Pull, Repo, Status, User
    from fleet.sim.world import World

Found = Any  # an issue or a pull request


@dataclass(frozen=True)
class CommitFields:
    """One query's view of the world."""

    world: World
    viewer: User
    web: str

    def actor(self, user: User | None) -> Json | None:
        """An account. GraphQL names an App "x" where REST and `viewer` say "x[bot]"."""
        if user is None:
            return None
        login = user.login.removesuffix("[bot]")
        return {"__typename": user.kind, "login": login, "id": user.node_id, "url": f"{self.web}/{user.login}"}

    def ref(self, repo: Repo, name: str) -> Json | None:
        """A ref by its full or short name; null when there is none."""
        names = (name, f"refs/heads/{name}", f"refs/tags/{name}")
        full = next((known for known in names if known in repo.git.refs), None)
        if full is None:
            return None
        short = full.removeprefix("refs/heads/").removeprefix("refs/tags/")
        return {"__typename": "Ref", "name": short, "target": lambda: self.commit(repo, repo.git.refs[full])}

    def commit(self, repo: Repo, sha: str) -> Json:
        """A commit."""

        def history(first: int) -> Json:
            commits = repo.git.log(sha, first + 1)
            return cut(commits, lambda commit: self.commit(repo, commit.sha), first=first, after=None)

        return {
            "__typename": "Commit",
            "id": f"C_{sha}",
            "oid": sha,
            "message": lambda: repo.git.commit(sha).message,
            "messageHeadline": lambda: repo.git.commit(sha).headline,
            "committedDate": lambda: iso(repo.git.commit(sha).committed),
            "statusCheckRollup": lambda: self.rollup(repo, sha),
            "history": history,
        }

    def rollup(self, repo: Repo, sha: str) -> Json | None:
        """All checks and statuses of a commit; null when nothing ever reported."""
        state = rules.rollup(repo, sha)
        if state is None:
            return None
        contexts = connect(rules.contexts(repo, sha), lambda item: self.context(repo, item))
        return {"state": state, "commit": lambda: self.commit(repo, sha), "contexts": contexts}

    def context(self, repo: Repo, item: CheckRun | Status) -> Json:
        """One check or status."""

        # GitHub refuses the question without a pull request (octokit/graphql.js#598).
        def required(pullRequestNumber: int | None = None) -> bool:  # noqa: N803
            if pullRequestNumber is None:
                raise GqlError("UNPROCESSABLE", "A pull request ID or pull request number is required.")
            pull: Pull = find_one(repo.pulls, pullRequestNumber, "PullRequest")
            return rules.name_of(item) in rules.protection(pull).checks

        if not isinstance(item, CheckRun):
            shape = {"__typename": "StatusContext", "context": item.context, "state": item.state.upper()}
            return {**shape, "createdAt": iso(item.at), "description": item.description, "isRequired": required}
        number = zlib.crc32((item.workflow or "").encode())  # one number a name: a workflow file each
        named = {"name": item.workflow, "databaseId": number & 0x7FFFFFFF}
        run = {"event": item.event, "workflow": named} if item.workflow else None
        return {
            "__typename": "CheckRun",
            "name": item.name,
            "status": item.status.upper(),
            "conclusion": item.conclusion.upper() if item.conclusion else None,
            "startedAt": iso(item.started),
            "completedAt": iso(item.completed),
            "checkSuite": {"app": {"slug": item.app}, "workflowRun": run},
            "isRequired": required,
        }


def find_one(things: dict[int, Any], number: int, kind: str) -> Found:
    """The issue or pull request of this number."""
    if number not in things:
        name = "an Issue" if kind == "Issue" else "a PullRequest"
        raise GqlError("NOT_FOUND", f"Could not resolve to {name} with the number of {number}.")
    return things[number]
