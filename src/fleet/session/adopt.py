"""Finish what an earlier run began: a branch that was pushed but never became a pull request. No model is needed."""

from fleet import ledger
from fleet.errors import GitError
from fleet.mirror import Mirror
from fleet.models import Entry
from fleet.session.job import Job

KEPT_BACK = frozenset({"published", "unavailable"})
"""Outcomes that may leave a branch without its pull request: a crash after the push, or GitHub refusing the call."""


def adopt_own(job: Job, mirror: Mirror) -> int | None:
    """Open the pull request that the slot's last run did not come to; its number, or None. Raises GitHubError."""
    return adopt(job, mirror, ledger.read_local(mirror, job.fleet).looks.get(job.slot))


def adopt(job: Job, mirror: Mirror, before: Entry | None) -> int | None:
    """Open the pull request of an entry's branch, which stands in the ledger since the push.

    Its one commit holds title and body. None when there is nothing to finish. Safe to repeat. Raises GitHubError.
    """
    if before is None or before.outcome not in KEPT_BACK or not before.branch or before.branch in job.open_branches:
        return None
    from fleet.github.writer import Writer

    writer = Writer(job.door(job.author_env), job.repo)
    if writer.pulls_of(before.branch):
        return None  # merged or closed since
    try:
        mirror.fetch(f"+refs/heads/{before.branch}:refs/heads/{before.branch}")
        message = mirror.git.text("log", "-1", "--format=%B", f"refs/heads/{before.branch}", at=mirror.path)
    except GitError:
        return None  # it was never pushed, or somebody deleted it
    title, _, body = message.partition("\n\n")
    return writer.open_pull(branch=before.branch, base=job.base, title=title, body=body)
