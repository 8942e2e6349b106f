"""What roster.yaml may say: frozen dataclasses, one field a key. The sentence under a field is its documentation.

Plain standard library, so that everything may import it; ``roster.py`` validates a file against it.
"""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Le

Mode = Literal["thinker", "task_driven", "self_directed", "reviewer", "sentinel"]
_STRICT: dict[str, Any] = {"extra": "forbid"}
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_duration(text: object) -> timedelta:
    """Read ``90s``, ``45m``, ``1h`` or ``2d``. Raises ValueError."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd])", str(text).strip())
    if not match:
        raise ValueError("write a number with a unit, such as 90s, 45m, 1h or 2d")
    seconds = float(match[1]) * _UNITS[match[2]]
    if seconds > 365 * _UNITS["d"]:
        raise ValueError("a year is the most")
    return timedelta(seconds=seconds)


class _DurationSchema:
    """Tells pydantic to read a length of time as people write it; a bare number would hide its unit."""

    @staticmethod
    def __get_pydantic_core_schema__(_source: object, _handler: object) -> object:
        from pydantic_core import core_schema  # only roster.py pays for pydantic

        return core_schema.no_info_plain_validator_function(
            lambda value: value if isinstance(value, timedelta) else parse_duration(value)
        )


Duration = Annotated[timedelta, _DurationSchema]
Count = Annotated[int, Ge(0), Le(200)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeSettings:
    """One thing to ask of production; a plain URL is short for ``{url: ...}``."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    url: str
    """What to GET, http or https."""
    status: Annotated[int, Ge(100), Le(599)] = 200
    """The status that means well."""
    contains: str | None = None
    """A text that the body must hold."""
    timeout: Duration = timedelta(seconds=10)
    """How long one attempt may take; there are two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeSettings:
    """What may be squash-merged."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    by: Literal["fleet", "person"] = "fleet"
    """Who merges: ``person`` does everything but the merge, and the report says "ready for you"."""
    authors: Literal["any", "fleet"] = "any"
    """Whose pull requests: ``fleet`` merges only those of this fleet's own author identity."""
    checks: Literal["all", "required"] = "all"
    """Which checks must be good: all that ran, or those that the base branch requires."""
    ignore_checks: tuple[str, ...] = ()
    """Names or globs of checks that do not count."""
    require_checks: bool = True
    """No checks at all, or none that succeeded, is not green."""
    fresh_approval: bool = True
    """An approval counts only on the commit it was given for."""
    hold_labels: tuple[str, ...] = ("do-not-merge", "hold")
    """A pull request with one of these labels waits."""
    per_pass: Annotated[int, Ge(0), Le(100)] = 5
    """At most so many merges a pass, and never two that touch the same file."""
    hold_when_main_is_red: bool = True
    """Merge nothing while a check fails on the base branch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpawnSettings:
    """When sessions start."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    when: Literal["work", "always"] = "work"
    """``work`` starts what has something to do; ``always`` fills every slot, with only the safety gates."""
    max_sessions: Annotated[int, Ge(0)] | Literal["auto", "none"] = "auto"
    """At most so many at once: ``auto`` goes by free memory (400 MiB each)."""
    rest: Duration = timedelta(hours=1)
    """A slot that has looked for work of its own rests at least so long, and until the base branch moves."""
    host: str | None = None
    """If set, only the host of this name starts sessions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvRef:
    """A secret by reference: the name of the environment variable that holds it."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    env: str
    """The variable's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings:
    """How one session runs; each key may also stand under a role's own ``session``."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    harness: Literal["claude", "script"] = "claude"
    """Which agent: Claude Code, or any executable that reads a prompt and prints an answer."""
    command: str | None = None
    """The executable and its arguments; default for ``claude``: the ``claude`` on PATH. ``script`` needs it."""
    model: str = "sonnet"
    """The model's name, as the harness knows it."""
    budget_usd: Annotated[float, Ge(0.01), Le(1_000_000)] = 2.0
    """What one session may cost; counted as spent while it runs."""
    max_turns: Annotated[int, Ge(1)] = 80
    """How many turns the model may take."""
    timeout: Duration = timedelta(minutes=45)
    """How long the agent may work; twenty minutes more are kept for preparing, checking and publishing."""
    wall: Literal["auto", "none"] = "auto"
    """``auto``: no shell for the agent unless it is walled in; ``none`` trusts it with the operator's account."""
    setup: str | None = None
    """A command to run in the clone before the agent, such as ``make install``."""
    check: str | None = None
    """A command that must succeed in the changed clone before a pull request is opened, such as ``make test``."""
    allow_hosts: tuple[str, ...] = ()
    """Hosts the agent may reach besides the model's API."""
    context: tuple[str, ...] = ("CLAUDE.md",)
    """Files of the base branch that go into the prompt, where they exist."""
    model_key: EnvRef = EnvRef(env="ANTHROPIC_API_KEY")
    """Where the model's key is: ``ANTHROPIC_API_KEY`` or ``CLAUDE_CODE_OAUTH_TOKEN``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkSettings:
    """Which text agents may act on."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    trust: Literal["writers", "label"] = "writers"
    """``writers``: issues last written by somebody with write permission; ``label``: only those such a person
    labelled ``ready-for-robot``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentitySettings:
    """One GitHub identity, by reference."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    token_env: str
    """The environment variable that holds its token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentitiesSettings:
    """The three GitHub identities; one that is left out uses ``GITHUB_TOKEN``."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    coordinator: IdentitySettings = IdentitySettings(token_env="GITHUB_TOKEN")
    """Reads everything, merges."""
    author: IdentitySettings = IdentitySettings(token_env="GITHUB_TOKEN")
    """Pushes branches, opens pull requests and issues."""
    reviewer: IdentitySettings = IdentitySettings(token_env="GITHUB_TOKEN")
    """Reviews pull requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleSettings:
    """One role of the roster."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    title: str
    """The name people read."""
    department: str
    """The group it is listed under."""
    mode: Mode
    """How it works: thinker, task_driven, self_directed, reviewer or sentinel."""
    count: Count
    """How many sessions of it to keep (desired)."""
    labels: tuple[str, ...] = ()
    """The issue labels it takes (task_driven only)."""
    may_change: tuple[str, ...] = ()
    """Protected paths it may change all the same, as globs."""
    paused: bool = False
    """Start no session of it; what runs goes on."""
    session: SessionSettings = field(default_factory=SessionSettings)
    """Keys of ``session`` that differ for this role."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """The whole of roster.yaml."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    fleet: str
    """Names every session: lower-case letters, digits and dashes, at most 31."""
    repo: str
    """``owner/name`` on GitHub."""
    roles: dict[str, RoleSettings]
    """Every role by its key; its brief is ``briefs/<key>.md``."""
    base: str | None = None
    """The branch that pull requests go to; default: the repository's default branch."""
    paused: bool = False
    """Start no session at all; what runs goes on, and merging and reporting too."""
    health: tuple[ProbeSettings, ...] = ()
    """What to ask of production."""
    merge: MergeSettings = MergeSettings()
    """What may be merged."""
    spawn: SpawnSettings = SpawnSettings()
    """When sessions start."""
    session: SessionSettings = SessionSettings()
    """How a session runs."""
    budget_per_day_usd: Annotated[float, Ge(0), Le(1_000_000)] = 50.0
    """No session starts that could bring the day's spend (UTC) above this."""
    work: WorkSettings = WorkSettings()
    """Which text agents may act on."""
    identities: IdentitiesSettings = IdentitiesSettings()
    """The three GitHub identities."""
