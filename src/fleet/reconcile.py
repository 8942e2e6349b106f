"""The pass: look, decide, act, report. START HERE.

It keeps nothing between runs, may be killed at any instant and run twice at once; the next pass puts things right.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from fleet import act, health, inventory, merge, spawn
from fleet.models import Problem, World
from fleet.plans import Outcome, Plan
from fleet.settings import Roster

DEADLINE = 240.0
"""Seconds a pass may take; below its period of five minutes, so that a hanging GitHub cannot pile passes up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """All that happened in one pass; the report is made of this and nothing else."""

    world: World
    plan: Plan
    outcomes: tuple[Outcome, ...]
    production: health.Production
    dry_run: bool
    requests: int = 0
    """How many requests GitHub was sent to look and decide."""

    @property
    def exit_code(self) -> Literal[0, 1, 2]:
        """0 all well; 1 something failed and the next pass tries again; 2 a person must mend something."""
        faults = [plan for plan in self.plan.roles if plan.reason.code == "fault"]
        if faults or any(p.person for p in self.problems) or any(o.person for o in self.outcomes):
            return 2
        failed = any(outcome.result in ("failed", "refused") for outcome in self.outcomes)
        down = self.production is health.Production.DOWN
        return 1 if failed or down or self.problems else 0

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything that could not be read, and what keeps all merges back."""
        github = self.world.github
        unread = (
            [Problem(step="github", message=f"GitHub would not tell {what}") for what in github.unread]
            if github
            else []
        )
        return (*self.world.problems, *unread, *self._switched_off(), *self.plan.problems)

    def _switched_off(self) -> Iterator[Problem]:
        github = self.world.github
        if github and github.pulls and (github.archived or not github.squash_allowed):
            why = "is archived" if github.archived else "does not allow squash merges; switch them on"
            yield Problem(step="merge", message=f"{self.world.roster.repo} {why}", person=True)


def run(
    roster: Roster, sources: inventory.Sources, hands: act.Hands, *, now: datetime, host: str, dry_run: bool
) -> Pass:
    """Bring the fleet one step nearer its roster. Raises nothing that the world can cause."""
    world = inventory.observe(roster, sources, now=now, host=host)
    roles = spawn.plan(world)
    pulls, unread = inventory.settle(merge.plan(world), world, sources)
    plan = Plan(roles=roles, pulls=pulls, problems=tuple(unread))
    outcomes = () if dry_run else act.apply(plan, world, hands)
    return Pass(
        world=world,
        plan=plan,
        outcomes=outcomes,
        production=health.production(world.probes, github_answered=world.github is not None),
        dry_run=dry_run,
        requests=sources.requests(),
    )
