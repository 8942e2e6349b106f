"""The JSON of accounts, commits, checks and files. Rule: as in `shapes.py`, which has the rest."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from datetime import datetime

    from fleet.sim.diff import Change
    from fleet.sim.model import CheckRun, Repo, Status, User
    from fleet.sim.world import World

Json = dict[str, Any]


def iso(when: datetime | None) -> str | None:
    """A time as GitHub writes it."""
    return None if when is None else when.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class GitShapes:
    """One answer's view of the world: `api` and `web` are the URLs it was asked under."""

    world: World
    api: str
    web: str

    def user(self, user: User | None) -> Json | None:
        """An account."""
        if user is None:
            return None
        names = {"login": user.login, "id": user.id, "node_id": user.node_id, "type": user.kind}
        urls = {"url": f"{self.api}/users/{quote(user.login)}", "html_url": f"{self.web}/{user.login}"}
        return {**names, **urls, "site_admin": False}

    def of(self, repo: Repo) -> str:
        """The API's URL of a repository."""
        return f"{self.api}/repos/{repo.full_name}"

    def status(self, repo: Repo, sha: str, status: Status) -> Json:
        """A commit status."""
        facts = {"id": status.id, "node_id": f"SC_{status.id:06d}", "state": status.state, "context": status.context}
        texts = {"description": status.description, "target_url": status.target_url}
        times = {"created_at": iso(status.at), "updated_at": iso(status.at)}
        return {
            **facts,
            **texts,
            **times,
            "url": f"{self.of(repo)}/statuses/{sha}",
            "creator": self.user(status.creator),
        }

    def check(self, repo: Repo, sha: str, run: CheckRun) -> Json:
        """A check run."""
        output = {"title": None, "summary": None, "text": None, "annotations_count": 0}
        return {
            "id": run.id,
            "node_id": f"CR_{run.id:06d}",
            "name": run.name,
            "head_sha": sha,
            "status": run.status,
            "conclusion": run.conclusion,
            "external_id": "",
            "details_url": None,
            "output": output,
            **run.details,
            "started_at": iso(run.started),
            "completed_at": iso(run.completed),
            "url": f"{self.of(repo)}/check-runs/{run.id}",
            "html_url": f"{self.web}/{repo.full_name}/runs/{run.id}",
            "check_suite": {"id": run.id},
            "app": {"id": 1, "slug": run.app, "name": run.app, "node_id": "A_1"},
            "pull_requests": [],
        }

    def commit(self, repo: Repo, sha: str) -> Json:
        """A commit."""
        commit = repo.git.commit(sha)
        author = {"name": commit.author, "email": commit.email, "date": iso(commit.authored)}
        committer = {**author, "date": iso(commit.committed)}
        url = f"{self.of(repo)}/commits/{sha}"
        inner = {"message": commit.message, "author": author, "committer": committer, "tree": {"sha": commit.tree}}
        parents = [{"sha": parent, "url": f"{self.of(repo)}/commits/{parent}"} for parent in commit.parents]
        who = self.user(self.world.users.get(commit.author.lower()))
        return {"sha": sha, "url": url, "commit": {**inner, "url": url}, "author": who, "parents": parents}

    def ref(self, repo: Repo, ref: str) -> Json:
        """A git ref; `url` is the one of `git/refs`, under which it is changed and deleted."""
        sha = repo.git.refs[ref]
        target = {"type": "commit", "sha": sha, "url": f"{self.of(repo)}/git/commits/{sha}"}
        return {"ref": ref, "node_id": f"REF_{ref}", "url": f"{self.of(repo)}/git/{ref}", "object": target}

    def file(self, repo: Repo, sha: str, entry: tuple[str, str, int, str], *, text: bool) -> Json:
        """A file or folder; `text` adds the content, as the answer about a single file does."""
        kind, blob, size, path = entry
        where = f"{self.of(repo)}/contents/{quote(path)}?ref={sha}"
        shape: Json = {"type": "dir" if kind == "tree" else "file", "sha": blob, "size": size, "path": path}
        shape |= {
            "name": path.rsplit("/", 1)[-1],
            "url": where,
            "html_url": where,
            "git_url": where,
            "download_url": None,
        }
        if text:
            content = base64.encodebytes(repo.git.run("cat-file", "blob", blob)[1]).decode()
            shape |= {"encoding": "base64", "content": content}
        return shape

    def change(self, change: Change) -> Json:
        """A file of a pull request."""
        counts = {"additions": change.additions, "deletions": change.deletions}
        facts = {"sha": change.blob, "filename": change.path, "status": change.status, **counts}
        if change.previous:
            facts["previous_filename"] = change.previous
        return {**facts, "changes": change.additions + change.deletions, "patch": change.patch}
