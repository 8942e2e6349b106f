"""What a stage of a run is told: JSON on stdin, made of an order. And the run's folder, where stages leave notes."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleet.errors import ConfigError
from fleet.git import Git, Remote
from fleet.mirror import Mirror
from fleet.models import Actor, Identities
from fleet.plans import Item

if TYPE_CHECKING:
    from fleet.github.door import Door


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The job of one run. Field names are those of the order's JSON."""

    fleet: str
    repo: str
    api: str
    server: str
    home: Path
    host: str
    run: str
    run_dir: Path
    role: str
    slot: str
    slot_number: int
    slot_count: int
    title: str
    mode: str
    may_change: tuple[str, ...]
    until: datetime
    base: str
    base_sha: str
    items: tuple[Item, ...]
    may_look: bool
    always: bool
    trust: str
    one_identity: bool
    identities: Identities
    author_env: str
    reviewer_env: str
    brief: str
    rules: str
    open_pulls: tuple[str, ...]
    open_branches: tuple[str, ...]
    open_issues: tuple[str, ...]
    labels: tuple[str, ...]
    model_api: str
    health: tuple[Mapping[str, Any], ...]
    session: Mapping[str, Any]
    secrets: Mapping[str, str] = field(repr=False, default_factory=dict)

    @property
    def clone(self) -> Path:
        """Where the agent works."""
        return self.run_dir / "work" / "clone"

    @property
    def out(self) -> Path:
        """The bare repository that what leaves the clone is checked into."""
        return self.run_dir / "out.git"

    def branch(self, item: str) -> str:
        """The branch of this run's pull request; named by code, so that a successor finds it after a crash."""
        return f"{self.role}/{item}-{self.run[-8:]}"

    def door(self, variable: str) -> "Door":
        """GitHub's API as one identity; PyGithub is imported only when asked for. Raises ConfigError."""
        from fleet.github.door import Door

        return Door(self.api, self._token(variable), name=variable)

    def mirror(self, path: Path | None = None) -> Mirror:
        """The host's mirror, or another bare repository that pushes to the same place, as the author."""
        remote = Remote(url=f"{self.server}/{self.repo}.git", token=self._token(self.author_env))
        return Mirror(path=path or self.home / "mirror.git", remote=remote, git=self.git)

    @property
    def git(self) -> Git:
        """Git without any credential."""
        return Git(env=dict(os.environ), timeout=120)

    def _token(self, variable: str) -> str:
        if token := self.secrets.get(variable):
            return token
        raise ConfigError(f"{variable} is not set")

    def note(self, name: str, document: Mapping[str, Any]) -> None:
        """Leave a JSON document in the run's folder, whole or not at all."""
        draft = self.run_dir / f".{name}"
        draft.write_text(json.dumps(document, indent=1, default=str))
        draft.replace(self.run_dir / name)

    def noted(self, name: str) -> dict[str, Any]:
        """Read a JSON document of the run's folder; empty when it is not there."""
        try:
            document = json.loads((self.run_dir / name).read_text())
        except (OSError, ValueError):
            return {}
        return document if isinstance(document, dict) else {}


def read_job() -> Job:
    """Read the job from stdin."""
    raw = json.load(sys.stdin)
    known = {f.name: raw[f.name] for f in fields(Job) if f.name in raw}
    lists = {name: tuple(value) for name, value in known.items() if isinstance(value, list)}
    return Job(
        **known
        | lists
        | {
            "home": Path(raw["home"]),
            "run_dir": Path(raw["run_dir"]),
            "until": datetime.fromisoformat(raw["until"]),
            "items": tuple(Item(**item) for item in raw["items"]),
            "identities": Identities(**{who: Actor(**account) for who, account in raw["identities"].items()}),
        }
    )
