"""Git over smart HTTP: clone, fetch and push. Rule: git itself does the work; a push is one request under the lock.

https://git-scm.com/docs/http-protocol and https://git-scm.com/docs/gitprotocol-v2
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleet.sim import rules
from fleet.sim.git import ENV

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleet.sim.model import Repo, User
    from fleet.sim.world import World

PATH = re.compile(r"/([^/]+)/([^/]+?)(?:\.git)?/(info/refs|git-upload-pack|git-receive-pack)")


@dataclass(frozen=True)
class GitAnswer:
    """What goes back to git."""

    status: int
    body: bytes
    kind: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


ASK_WHO = GitAnswer(401, b"No anonymous write access.", headers=(("WWW-Authenticate", 'Basic realm="GitHub"'),))


def answer(
    world: World, user: User | None, path: str, query: Mapping[str, str], body: bytes, protocol: str
) -> GitAnswer | None:
    """Answer a request of git; None if it is not one. Everybody may read, pushing needs write."""
    match = PATH.fullmatch(path)
    if match is None:
        return None
    service = query.get("service", "") if match[3] == "info/refs" else match[3]
    if service not in ("git-upload-pack", "git-receive-pack"):
        return GitAnswer(403, b"Please upgrade your git client.")
    repo = world.repos.get(f"{match[1]}/{match[2]}".lower())
    pushing = service == "git-receive-pack"
    if user is None and (pushing or repo is None):
        return ASK_WHO
    if repo is None or not rules.allows(repo, user, "read"):
        return GitAnswer(404, b"Repository not found.")
    if user is None or not pushing:
        return _serve(repo, service, body, {"GIT_PROTOCOL": protocol}, listing=match[3] == "info/refs")
    if not rules.allows(repo, user, "write") or repo.archived:
        return GitAnswer(403, f"Permission to {repo.full_name}.git denied to {user.login}.".encode())
    if match[3] == "info/refs":
        return _serve(repo, service, b"", {"GIT_PROTOCOL": protocol}, listing=True)
    return _push(world, repo, user, body)


def _push(world: World, repo: Repo, user: User, body: bytes) -> GitAnswer:
    with world.hold():
        before = dict(repo.git.refs)
        env = {"PROTECTED": " ".join(_closed(repo, user))}
        done = _serve(repo, "git-receive-pack", body, env)
        repo.git.reload()
        after = repo.git.refs
        moved = sorted(ref for ref in before.keys() | after.keys() if before.get(ref) != after.get(ref))
        world.moved(repo, {ref: (before.get(ref), after.get(ref)) for ref in moved}, user)
    return done


def _closed(repo: Repo, user: User) -> list[str]:
    """The refs this user may not push to: branches that ask for reviews or checks (GH006)."""
    admin = rules.allows(repo, user, "admin")
    return [
        f"refs/heads/{branch}"
        for branch, protection in repo.protection.items()
        if (protection.reviews or protection.checks) and (protection.enforce_admins or not admin)
    ]


def _serve(repo: Repo, service: str, body: bytes, env: Mapping[str, str], *, listing: bool = False) -> GitAnswer:
    name = service.removeprefix("git-")
    argv = ["git", name, "--stateless-rpc", *(["--advertise-refs"] if listing else []), str(repo.git.path)]
    done = subprocess.run(argv, input=body, capture_output=True, env={**ENV, **env}, check=False)
    out = done.stdout
    if listing and "version=2" not in env["GIT_PROTOCOL"]:
        line = f"# service={service}\n"
        out = f"{len(line) + 4:04x}{line}0000".encode() + out
    kind = f"application/x-{service}-{'advertisement' if listing else 'result'}"
    return GitAnswer(200, out, kind, (("Cache-Control", "no-cache"),))
