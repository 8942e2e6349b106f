"""Commit statuses and check runs. Rule: a status is added, a run is replaced, as on GitHub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fleet.sim.model import CheckRun, Status
from fleet.sim.store import Store, locked

if TYPE_CHECKING:
    from fleet.sim.model import Repo, User


class Checks(Store):
    """What is reported of commits."""

    @locked
    def set_status(
        self,
        repo: Repo,
        sha: str,
        context: str,
        state: str,
        user: User | None = None,
        *,
        description: str | None = None,
        target_url: str | None = None,
    ) -> Status:
        """Report a commit status."""
        status = Status(next(self.ids), context, state, user or repo.owner, self.now(), description, target_url)
        repo.statuses.setdefault(sha, []).append(status)
        return status

    @locked
    def set_check(
        self,
        repo: Repo,
        sha: str,
        name: str,
        status: str = "completed",
        conclusion: str | None = None,
        *,
        app: str = "github-actions",
        workflow: str | None = "CI",
        event: str | None = "push",
        again: bool = False,
        details: dict[str, Any] | None = None,
    ) -> CheckRun:
        """Report a check run. The same run is updated, unless `again`: then the old one stays beside it."""
        now, runs = self.now(), repo.checks.setdefault(sha, [])
        key = (name, app, workflow, event)
        same = [run for run in runs if not again and (run.name, run.app, run.workflow, run.event) == key]
        number, started = (same[-1].id, same[-1].started) if same else (next(self.ids), now)
        done = now if status == "completed" else None
        run = CheckRun(number, name, status, conclusion, app, started, done, workflow, event, details or {})
        repo.checks[sha] = [old for old in runs if old not in same[-1:]] + [run]
        return run
