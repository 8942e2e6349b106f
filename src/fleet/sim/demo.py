"""The demo: real passes every few seconds over the stage, until the story is told. Yields what there is to see."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fleet import report
from fleet.reconcile import Pass
from fleet.sim.stage import Stage
from fleet.site import Site
from fleet.spawners import SPAWNERS

PERIOD = 3.0
"""Seconds between the starts of two passes; cron's are five minutes apart."""
DOWN_AT, UP_AT, LAST_START, LASTS = 24.0, 36.0, 38.0, 48.0
"""Seconds from the start: production goes down, comes back; the last pass that may start sessions; the end."""


@dataclass(slots=True)
class Frame:
    """One moment of the demo."""

    seconds: float
    passes: int
    document: dict[str, Any]
    """The report of the newest pass."""
    running: list[tuple[str, str, str]] = field(default_factory=list)
    """(slot, stage, item) of each session."""
    events: list[str] = field(default_factory=list)
    """What is new since the frame before."""


RunPass = Callable[[Site, datetime], Pass]


def play(stage: Stage, run_pass: RunPass) -> Iterator[Frame]:
    """Run the passes; yields a frame about four times a second. Every session has ended when it is over."""
    spawner = SPAWNERS["local"](stage.site.home)
    teller = Teller(stage)
    start = time.monotonic()
    next_pass, passes, document = 0.0, 0, {}
    while (now := time.monotonic() - start) < LASTS:
        stage.production.up = not DOWN_AT <= now < UP_AT
        events = []
        if now >= next_pass:
            next_pass, passes = now + PERIOD, passes + 1
            done = run_pass(stage.site, datetime.now(UTC))
            document = report.document(done, duration_s=time.monotonic() - start - now)
            events = teller.of_pass(document)
        running = [(s.slot, s.stage, s.item) for s in spawner.sessions() if s.running]
        yield Frame(seconds=now, passes=passes, document=document, running=running, events=events + teller.of_world())
        if now > LAST_START and not running and not any(role["starts"] for role in document["spawns"]):
            break
        time.sleep(0.25)
    stage.stop_sessions()
    yield Frame(seconds=time.monotonic() - start, passes=passes, document=document, events=teller.of_world())


class Teller:
    """Says in a line what happened, by comparing the world with what it was."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.pulls: dict[int, str] = {}
        self.issues = set(stage.repo.issues)
        self.reviews: Counter[int] = Counter()
        self.held: dict[int, str] = {}
        self.production = "up"

    def of_pass(self, document: dict[str, Any]) -> list[str]:
        """What a pass did."""
        events = []
        started = [s["slot"] for role in document["spawns"] for s in role["starts"] if s["result"] == "started"]
        if started:
            events.append(f"started  {', '.join(started)}")
        for pull in document["merges"]:
            if pull["decision"] == "hold" and pull["code"] not in ("not-approved", self.held.get(pull["number"])):
                self.held[pull["number"]] = pull["code"]
                events.append(f"held     #{pull['number']} {pull['title']}: {pull['reason']}")
        production = document["health"]["production"]
        if production != self.production:
            events.append(f"health   production is {production}")
            self.production = production
        return events

    def of_world(self) -> list[str]:
        """What stands on GitHub now and did not before."""
        events = []
        for number, issue in list(self.stage.repo.issues.items()):
            if number not in self.issues:
                self.issues.add(number)
                events.append(f"issue    #{number} {issue.title}, by {issue.author.login}")
        for number, pull in list(self.stage.repo.pulls.items()):
            if number not in self.pulls:
                events.append(f"opened   #{number} {pull.title} ({pull.head})")
            for review in pull.reviews[self.reviews[number] :]:
                events.append(f"review   #{number} {review.state.lower().replace('_', ' ')} by {review.author.login}")
            self.reviews[number] = len(pull.reviews)
            state = "merged" if pull.merged_at else pull.state
            if self.pulls.get(number, "open") != state:
                events.append(f"{state:8} #{number} {pull.title}")
            self.pulls[number] = state
        return events


def summary(stage: Stage, passes: int) -> dict[str, Any]:
    """What came of it all, counted on the simulated GitHub and in the runs' own records."""
    repo, world = stage.repo, stage.hub.world
    outcomes = Counter(
        json.loads(file.read_text())["outcome"] for file in sorted((stage.site.home / "runs").glob("*/outcome.json"))
    )
    issues, pulls = list(repo.issues.values()), list(repo.pulls.values())
    open_pulls = [pull for pull in pulls if pull.state == "open"]
    return {
        "passes": passes,
        "sessions": sum(outcomes.values()),
        "outcomes": dict(sorted(outcomes.items())),
        "issues_filed": sum(issue.author.login.startswith("fleet-") for issue in issues),
        "issues_closed": sum(issue.state == "closed" for issue in issues),
        "pulls_opened": len(pulls),
        "pulls_merged": sum(pull.merged_at is not None for pull in pulls),
        "pulls_in_conflict": [pull.number for pull in open_pulls if world.mergeable(pull) is False],
        "approvals": sum(review.state == "APPROVED" for pull in pulls for review in pull.reviews),
        "changes_requested": sum(review.state == "CHANGES_REQUESTED" for pull in pulls for review in pull.reviews),
        "github_requests": len(stage.hub.requests),
        "unknown_requests": len(stage.hub.unknown),
    }
