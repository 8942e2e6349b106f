"""The fixture `hub`: a small simulated GitHub, and one way to it for each of its users.

A test module asks for it by `pytest_plugins = ["simhub"]` and does not import it.
Rule: at its end every request was one that the simulated GitHub knows and that GitHub describes.
"""

import pytest

from contract import check
from fleet.sim import Simulator
from wire import NUMBERS, Wire


class Hub:
    """A small world: ana owns it, bob writes, cid reads."""

    def __init__(self, sim):
        self.sim, self.world = sim, sim.world
        for login in ("ana", "bob", "cid"):
            setattr(self, login, Wire(sim.url, f"fake-token-{login}"))
            setattr(self, f"user_{login}", self.world.add_user(login, token=f"fake-token-{login}"))
        files = {"README.md": "hello\n", "numbers.txt": NUMBERS}
        self.repo = self.world.add_repo("acme/web", owner=self.user_ana, files=files)
        self.world.permit(self.repo, self.user_bob, "write")

    def pull(self, branch="work", files=None, by=None, **kwargs):
        by = by or self.user_bob
        self.world.commit(self.repo, branch, files or {f"{branch}.txt": "x\n"}, f"Add {branch}", by, base="main")
        return self.world.open_pull(self.repo, by, title=f"Add {branch}", head=branch, **kwargs)

    def merge(self, pull, wire=None, **body):
        wanted = {"merge_method": "squash", "sha": pull.head_sha, **body}
        return (wire or self.bob).send("PUT", f"pulls/{pull.number}/merge", wanted)

    def seen(self, pull):
        nodes = self.bob.ask_pass()["repository"]["pullRequests"]["nodes"]
        return next(node for node in nodes if node["number"] == pull.number)


@pytest.fixture
def hub(tmp_path):
    with Simulator(tmp_path / "github") as sim:
        yield Hub(sim)
        assert sim.unknown == []
        assert check(sim.requests) == []
