"""Which coding agent works in a session. One protocol, and a closed dict of those who keep it.

A harness says how its agent is started (``plan``) and what its output means (``outcome``); both are pure. It starts
nothing itself: the supervisor does, with nothing of our environment and, but for the model's key, no secret.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

KILLED_FROM_OUTSIDE = -9
"""The exit code of a process that somebody sent SIGKILL: a person, or the kernel when memory ran out. Not its fault."""
MOST_USD = 1_000_000
"""A cost above this is a mistake of who said it; written down as spent it would end the day for everybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """What one agent is given."""

    mode: str
    role: str
    slot: str
    run: str
    item: str
    clone: Path
    scratch: Path
    """A folder of its own, outside the clone: home, configuration, temporary files."""
    prompt_file: Path
    system_file: Path
    settings: Mapping[str, Any]
    """The role's ``session`` keys."""
    schema: Callable[[], Mapping[str, Any]]
    """The JSON schema of the answer."""
    mark: Mapping[str, str]
    """Variables that every process of this session carries, so that none of them can hide."""
    path: str
    """Where programs are found."""
    model_api: str = ""
    """Another address of the model's API than its own; empty for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """How the agent gets the model's key: by a descriptor, so that its own children do not see it."""

    secret: str
    """The variable that holds it on our side."""
    way: Literal["fd"]
    name: str
    """The variable that tells the agent the descriptor's number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentPlan:
    """One process to start."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    idle_seconds: float | None
    """End it when it has printed nothing for so long; None for an agent that is silent while it works."""
    key: Key | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How the process ended, as the supervisor saw it."""

    killed: str
    """timeout, stalled, stopped, "not started"; empty when it ended by itself."""
    code: int | None
    stdout: str
    stderr: str
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentOutcome:
    """What that means. ``outcome`` is ``done`` or the name of a failure (see ``ledger_rules.OWN_FAULT``)."""

    outcome: str
    reason: str = ""
    answer: object = None
    cost_usd: float | None = 0.0
    """None when the agent was ended before it could say: then all that it might have spent counts."""
    until: datetime | None = None
    """When a usage limit ends."""


class Harness(Protocol):
    """One coding agent."""

    def plan(self, brief: Brief) -> AgentPlan:
        """Say how to start it. Pure."""
        ...

    def outcome(self, ending: Ending) -> AgentOutcome:
        """Say what its output means. Pure; never raises for what an agent printed."""
        ...


def harnesses() -> Mapping[str, Harness]:
    """All harnesses by the name that roster.yaml uses."""
    from fleet.harness.claude import Claude
    from fleet.harness.script import Script

    return {"claude": Claude(), "script": Script()}
