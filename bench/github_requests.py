"""What does a quiet pass ask of GitHub, beside a plain PyGithub loop that learns the same?

Counts are exact: both go through a relay that counts bytes, to the same simulated GitHub, which writes down requests.
The loop is given its best: pages of a hundred and no needless object read. What PyGithub would sleep is counted and
skipped, so its throttles cost nothing here. Not called requests.py: a script's folder comes first on the import path,
and PyGithub imports a module of that name.
"""

import math
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import github
from github import Auth, Github
from github.GithubRetry import GithubRetry

import hub as ground
import pairs
from fleet.cli.passes import run_pass
from fleet.errors import GitHubError
from fleet.github.door import Door
from fleet.github.reader import Reader
from fleet.github.writer import Writer
from fleet.sim import Simulator
from fleet.site import Site

SIZES = (10, 100, 1000)
BETWEEN_WRITES = 1.0  # PyGithub's default; to it every verb but GET is a write
LATENCY = 0.15  # seconds a request, for the computed columns only


class Relay:
    """A TCP relay on loopback that counts what goes through it, both ways."""

    def __init__(self, port: int) -> None:
        self.bytes = 0
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            near, _ = self._listener.accept()
            far = socket.create_connection(("127.0.0.1", self._target))
            for source, sink in ((near, far), (far, near)):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._copy, args=(source, sink), daemon=True).start()

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while chunk := source.recv(65536):
                self.bytes += len(chunk)
                sink.sendall(chunk)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            return


class Sleeps:
    """How long PyGithub was asleep; it is counted and skipped."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __getattr__(self, name: str) -> object:
        return getattr(time, name)

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass(frozen=True)
class Count:
    """What one way took."""

    graphql: int
    rest: int
    fetches: int
    bytes: int
    seconds: float
    slept: float

    @property
    def api(self) -> int:
        return self.graphql + self.rest


def count(sim: Simulator, relay: Relay, sleeps: Sleeps, way: Callable[[], object]) -> Count:
    """Go one way and count."""
    requests, size, slept, start = len(sim.requests), relay.bytes, sleeps.seconds, time.perf_counter()
    way()
    took = time.perf_counter() - start
    asked = [request.path for request in sim.requests[requests:]]
    graphql = asked.count("/graphql")
    fetches = sum(path.endswith("/info/refs") for path in asked)
    of_git = sum(path.endswith(("/info/refs", "/git-upload-pack")) for path in asked)
    rest = len(asked) - graphql - of_git
    return Count(graphql, rest, fetches, relay.bytes - size, took, sleeps.seconds - slept)


def ours(site: Site) -> None:
    done = run_pass(site, now=datetime.now(UTC), dry_run=False)
    assert done.exit_code == 0, done.problems
    assert not done.outcomes, done.outcomes


def loop(url: str) -> None:
    """List the pull requests; of each its reviews, its status, its check runs, and whether it merges."""
    api = Github(base_url=url, auth=Auth.Token(ground.TOKEN), per_page=100, lazy=True)
    repo = api.get_repo(ground.REPO)
    list(repo.get_issues(state="open"))
    for pull in repo.get_pulls(state="open"):
        commit = repo.get_commit(pull.head.sha)
        assert len(list(pull.get_reviews())) == len(ground.REVIEWS)
        assert commit.get_combined_status().state == "success"
        assert commit.get_check_runs().totalCount == len(ground.CHECKS)
        assert pull.mergeable is True


def quiet(sim: Simulator, relay: Relay, sleeps: Sleeps, folder: Path) -> None:
    """The main question."""
    hub = ground.Hub(sim)
    site = ground.site(folder, api=relay.url, server=sim.url)
    requests, traffic, waits = [], [], []
    for size in SIZES:
        hub.grow(size, size)
        mine, theirs = count(sim, relay, sleeps, lambda: ours(site)), count(sim, relay, sleeps, lambda: loop(relay.url))
        what = f"{size} pull requests, {size} issues"
        goal = math.ceil(max(size / 25, size / 50))
        met = pairs.verdict(ok=(mine.graphql, mine.rest) == (goal, 0))
        asked = (f"{mine.graphql} GraphQL, {mine.rest} REST", f"{theirs.rest} REST")
        requests.append((what, *asked, f"{theirs.api / mine.api:.0f}x fewer", f"{goal} GraphQL, 0 REST", met))
        requests.append(("  git fetches", str(mine.fetches), "0", "", "1", pairs.verdict(ok=mine.fetches == 1)))
        sizes = (f"{mine.bytes / 1e6:.2f} MB", f"{theirs.bytes / 1e6:.2f} MB")
        took = (f"{mine.seconds:.2f} s", f"{theirs.seconds:.2f} s", f"{theirs.seconds / mine.seconds:.1f}x less")
        traffic.append((what, *sizes, f"{theirs.bytes / mine.bytes:.1f}x fewer", *took))
        slept = (f"{mine.slept:.1f} s", f"{theirs.slept:.1f} s", "0 s", pairs.verdict(ok=mine.slept == 0))
        writes = f"{(mine.graphql - 1) * BETWEEN_WRITES:.0f} s"
        waits.append((what, *slept, writes, f"{mine.api * LATENCY:.1f} s", f"{theirs.api * LATENCY:.0f} s"))
    assert not sim.unknown, sim.unknown[0]
    pairs.show("Requests of a quiet pass, beside a PyGithub loop (exact)", requests)
    pairs.show(
        "Bytes of the API, both ways (exact), and seconds, most of them the simulated GitHub's own work",
        traffic,
        head=("what", "ours", "loop", "ratio", "ours", "loop", "ratio"),
        notes=("The real GitHub says far more in each REST answer than the simulated one.",),
    )
    pairs.show(
        "Seconds that PyGithub slept on its own, counted and skipped",
        waits,
        head=("what", "ours", "loop", "goal", "", "ours by default*", "ours at 150 ms*", "loop at 150 ms*"),
        notes=("* computed: 1 s between GraphQL requests, as PyGithub's defaults have it; 150 ms a request.",),
    )


def broken(sim: Simulator) -> None:
    """How often is GitHub asked when it answers 502 for ever?"""
    sim.wire.faults.clear()
    sim.fault(status=502, path="/graphql|/pulls", times=10**6)
    plain = Github(
        base_url=sim.url, auth=Auth.Token(ground.TOKEN), retry=GithubRetry(),
        seconds_between_requests=None, seconds_between_writes=None, lazy=True,
    )  # fmt: skip
    door = Door(sim.url, ground.TOKEN, name="FLEET_TOKEN", sleep=lambda _: None)
    reader, writer = Reader(door, ground.REPO), Writer(door, ground.REPO)
    pull = plain.get_repo(ground.REPO).get_pull(4)
    ways = (
        ("a read", lambda: reader.again([4], required=False), lambda: plain.get_repo(ground.REPO).get_pulls()[0], 3),
        ("the first page of a pass", lambda: reader.snapshot(None, {}), lambda: pull.update(), 3),
        ("a merge", lambda: writer.merge(4, head="0" * 40, title="x"), lambda: pull.merge(), 1),
    )
    rows = []
    for what, mine, theirs, goal in ways:
        tries = (asked_in_vain(sim, mine), asked_in_vain(sim, theirs))
        met = (f"at most {goal}", pairs.verdict(ok=tries[0] <= goal))
        rows.append((what, str(tries[0]), str(tries[1]), f"{tries[1] / tries[0]:.1f}x fewer", *met))
    pairs.show("Requests when GitHub answers 502 for ever, beside PyGithub's default retries (exact)", rows)


def asked_in_vain(sim: Simulator, ask: Callable[[], object]) -> int:
    before = len(sim.requests)
    try:
        ask()
    except (GitHubError, github.GithubException, OSError):
        return len(sim.requests) - before
    raise AssertionError("it was answered")


def main() -> None:
    pairs.machine()
    sleeps = Sleeps()
    github.Requester.time = sleeps
    with tempfile.TemporaryDirectory() as name, Simulator(Path(name) / "github") as sim:
        relay = Relay(int(sim.url.rsplit(":", 1)[1]))
        quiet(sim, relay, sleeps, Path(name))
        broken(sim)


if __name__ == "__main__":
    main()
