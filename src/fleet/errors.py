"""The errors fleet raises on purpose. Each is one line: what is wrong and what to do. Anything else is a bug."""

from datetime import datetime


class FleetError(Exception):
    """Something outside went wrong; printed as one line, without a traceback."""

    person: bool = False
    """True when the next pass cannot mend it and a person must (exit code 2)."""


class RosterError(FleetError):
    """roster.yaml or a brief is missing or wrong."""

    person = True


class ConfigError(FleetError):
    """A token, a key or a program that fleet needs is not there."""

    person = True


class GitHubError(FleetError):
    """GitHub refused, failed or was not reached."""

    def __init__(self, message: str, *, status: int | None = None, person: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.person = person


class RateLimitedError(GitHubError):
    """GitHub asks us to wait; retrying before ``until`` makes it longer."""

    def __init__(self, message: str, *, until: datetime | None = None) -> None:
        super().__init__(message, status=403)
        self.until = until


DISK_FULL = "No space left on device"
"""What the kernel says (ENOSPC), and git after it."""


class GitError(FleetError):
    """A git command failed."""

    def __init__(self, message: str, *, output: str = "") -> None:
        super().__init__(message)
        self.person = DISK_FULL in output
        self.output = output
        """All that git printed; the message holds one line of it."""


class LostRaceError(GitError):
    """Somebody else moved a ref first; nothing of ours was written."""

    outcome = "lost-claim"


class SpawnError(FleetError):
    """The place where sessions run could not be asked, or refused."""
