"""Where one fleet works: its folders, the server's URLs, and secrets by reference. Opens doors; decides nothing."""

import os
import pwd
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from fleet.errors import ConfigError
from fleet.git import Git, Remote
from fleet.github.door import Door
from fleet.mirror import Mirror
from fleet.settings import RoleSettings, Roster

Who = Literal["coordinator", "author", "reviewer"]
WHO: tuple[Who, ...] = ("coordinator", "author", "reviewer")
DEFAULT_API = "https://api.github.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Urls:
    """A GitHub: its API and its git server. GitHub's own variable names count, as in its Actions."""

    api: str
    server: str

    @classmethod
    def of(cls, env: Mapping[str, str]) -> "Urls":
        """From ``GITHUB_API_URL`` and ``GITHUB_SERVER_URL``; the second follows from the first."""
        api = env.get("GITHUB_API_URL", DEFAULT_API).rstrip("/")
        parts = urlsplit(api)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ConfigError(f'GITHUB_API_URL is "{api}"; write an address such as https://api.github.com')
        guess = f"{parts.scheme}://{parts.netloc}".replace("//api.github.com", "//github.com")
        return cls(api=api, server=env.get("GITHUB_SERVER_URL", guess).rstrip("/"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One fleet on this host."""

    roster: Roster
    roster_path: Path
    home: Path
    """The fleet's own folder: slots, runs, the mirror."""
    urls: Urls
    env: Mapping[str, str] = field(repr=False)

    @property
    def folder(self) -> Path:
        """Where roster.yaml and briefs/ stand."""
        return self.roster_path.parent

    def variable(self, who: Who) -> str:
        """The name of the variable that holds an identity's token."""
        name: str = getattr(self.roster.identities, who).token_env
        return name

    def command(self, role: RoleSettings) -> list[str]:
        """The agent's program and arguments; a path that is not absolute counts from the roster's folder."""
        words = shlex.split(role.session.command or "claude")
        if "/" in words[0] and not words[0].startswith("/"):
            words[0] = str(self.folder / words[0])
        return words

    def token(self, who: Who) -> str:
        """The token itself. Raises ConfigError."""
        name = self.variable(who)
        if token := self.env.get(name, "").strip():
            return token
        raise ConfigError(
            f"{name} is not set: put the {who}'s GitHub token there (docs/operations.md lists its permissions)"
        )

    def door(self, who: Who, deadline: float | None = None) -> Door:
        """The API as one identity. Raises ConfigError."""
        return Door(self.urls.api, self.token(who), name=self.variable(who), deadline=deadline)

    def remote(self, who: Who) -> Remote:
        """The repository on the git server, as one identity. Raises ConfigError."""
        return Remote(url=f"{self.urls.server}/{self.roster.repo}.git", token=self.token(who))

    def mirror(self, who: Who, timeout: float = 60.0) -> Mirror:
        """The host's copy of the repository. Raises ConfigError."""
        return Mirror(path=self.home / "mirror.git", remote=self.remote(who), git=Git(env=self.env, timeout=timeout))


def state_folder(env: Mapping[str, str]) -> Path:
    """Where all fleets of this account keep their files: the account's, not the shell's, so that cron agrees."""
    if env.get("FLEET_HOME"):
        return Path(env["FLEET_HOME"]).expanduser().absolute()
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir) / ".local" / "state" / "fleet"
    except KeyError as error:
        raise ConfigError("this account has no home folder; set FLEET_HOME to a folder of its own") from error
