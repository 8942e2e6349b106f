"""The ground of two benchmarks: a simulated GitHub with so many pull requests and issues, and a fleet that is quiet."""

import os
from pathlib import Path

import yaml

from fleet import roster
from fleet.sim import Simulator
from fleet.site import Site, Urls

REPO = "acme/web"
TOKEN = "fake-token-coordinator"
REVIEWS = ("APPROVE", "REQUEST_CHANGES")
CHECKS = ("lint", "types", "test (3.11)", "test (3.12)", "build")
ROSTER = {
    "fleet": "bench",
    "repo": REPO,
    "paused": True,
    "identities": {who: {"token_env": "FLEET_TOKEN"} for who in ("coordinator", "author", "reviewer")},
    "roles": {"coder": {"title": "Coder", "department": "Engineering", "mode": "self_directed", "count": 1}},
}


class Hub:
    """A repository that grows. Nothing in it may be merged: a reviewer wants changes of every pull request."""

    def __init__(self, sim: Simulator) -> None:
        self.world = sim.world
        self.ana = self.world.add_user("ana", token="fake-token-ana")
        self.repo = self.world.add_repo(REPO, owner=self.ana, files={"README.md": "hello\n"})
        self.world.points = 10**6
        self.reviewers = [self.world.add_user(login) for login in ("ben", "cleo")]
        coordinator = self.world.add_user("coordinator", token=TOKEN)
        for user in (*self.reviewers, coordinator):
            self.world.permit(self.repo, user, "write")

    def grow(self, pulls: int, issues: int) -> None:
        """Open pull requests and issues until there are so many."""
        while len(self.repo.issues) < issues:
            self.world.open_issue(self.repo, self.ana, f"Mend thing {len(self.repo.issues)}", "Please.", ["bug"])
        while len(self.repo.pulls) < pulls:
            self._open_pull(len(self.repo.pulls))

    def _open_pull(self, n: int) -> None:
        sha = self.world.commit(self.repo, f"work/{n}", {f"src/{n}.py": f"{n}\n"}, f"Change {n}", self.ana, base="main")
        pull = self.world.open_pull(self.repo, self.ana, title=f"Change thing {n}", body="As asked.", head=f"work/{n}")
        for reviewer, event in zip(self.reviewers, REVIEWS, strict=True):
            self.world.review(pull, reviewer, event, "I read it.")
        for check in CHECKS:
            self.world.set_check(self.repo, sha, check, "completed", "success")
        self.world.set_status(self.repo, sha, "deploy/preview", "success")


def site(folder: Path, *, api: str, server: str) -> Site:
    """A fleet whose only role is paused: it reads all that a pass reads and does nothing."""
    path = folder / "roster.yaml"
    path.write_text(yaml.safe_dump(ROSTER), encoding="utf-8")
    return Site(
        roster=roster.load(path),
        roster_path=path,
        home=folder / "home" / "bench",
        urls=Urls(api=api, server=server),
        env={"PATH": os.environ.get("PATH", os.defpath), "FLEET_TOKEN": TOKEN},
    )
