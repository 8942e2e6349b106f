"""How long do a thousand pull requests take from JSON to verdicts? Beside `json.loads` of the same bytes alone.

The JSON is a real answer of the simulated GitHub to the pass's own query (two reviews and six checks each), repeated.
"""

import json
import statistics
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import hub as ground
import pairs
from fleet import merge, roster
from fleet.github import parse, text
from fleet.github.door import Door
from fleet.models import Actor, Identities, PullRequest, Snapshot, World
from fleet.sim import Simulator

PULLS, PAGE, ROUNDS = 1000, 25, 15
WELL_UNDER_A_SECOND = 0.5


def pages() -> tuple[list[str], dict]:
    """A thousand pull requests as the texts of forty pages, and the base branch."""
    owner, name = ground.REPO.split("/")
    variables = {
        "owner": owner, "name": name, "base": "", "first": True, "defaultBase": True, "namedBase": False,
        "pulls": True, "pullPage": PAGE, "pullCursor": None, "issues": False, "issuePage": 1, "issueCursor": None,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder, Simulator(Path(folder) / "github") as sim:
        ground.Hub(sim).grow(PAGE, 0)
        door = Door(sim.url, ground.TOKEN, name="FLEET_TOKEN")
        data, _ = door.query(text.operation("Pass"), variables)
    repository = data["repository"]
    texts = []
    for first in range(1, PULLS + 1, PAGE):
        for n, node in enumerate(repository["pullRequests"]["nodes"]):
            node["number"] = first + n
        texts.append(json.dumps({"data": data}))
    return texts, repository["defaultBranchRef"]


def facts(texts: list[str]) -> tuple[PullRequest, ...]:
    """As the reader does it: each page's nodes."""
    return tuple(
        parse.pull_request(node)
        for page in texts
        for node in json.loads(page)["data"]["repository"]["pullRequests"]["nodes"]
    )


def main() -> None:
    pairs.machine()
    texts, base = pages()
    rules, now = roster.load(roster.shipped() / "roster.yaml"), datetime.now(UTC)
    me = Actor(login="coordinator", id="U_1")

    def world(pulls: tuple[PullRequest, ...]) -> World:
        github = Snapshot(
            identities=Identities(coordinator=me, author=me, reviewer=me), permission="WRITE", archived=False,
            squash_allowed=True, base=parse.base(base), pulls=pulls, issues=(),
        )  # fmt: skip
        return World(now=now, host="here", roster=rules, github=github)

    judged = world(facts(texts))
    plans = merge.plan(judged)
    assert len(plans) == PULLS
    assert {plan.reasons[0].code for plan in plans} == {"changes-requested"}

    def loads() -> None:
        for page in texts:
            json.loads(page)

    ways = (
        ("JSON into facts", lambda: facts(texts)),
        ("facts into verdicts", lambda: merge.plan(judged)),
        ("JSON into verdicts", lambda: merge.plan(world(facts(texts)))),
    )
    rows = []
    for what, way in ways:
        times = pairs.paired(way, loads, ROUNDS)
        each = f"{statistics.median(times.ours) / PULLS * 1e6:.0f} us"
        rows.append((what, each, *times.row(what, 1)[1:4], "", ""))
    met = pairs.verdict(ok=statistics.median(times.ours) < WELL_UNDER_A_SECOND)
    rows[-1] = (*rows[-1][:-2], "well under a second", met)
    size = sum(map(len, texts)) / 1e6
    title = f"{PULLS} pull requests, {size:.1f} MB of JSON, beside `json.loads` alone ({ROUNDS} paired rounds)"
    pairs.show(title, rows, head=("what", "a pull request", "ours, all", "json.loads, all", "ratio", "goal", ""))


if __name__ == "__main__":
    main()
