"""Finish what the slot's run before this one began: a branch that was pushed but never became a pull request."""

from fleet import ledger
from fleet.errors import GitError
from fleet.mirror import Mirror
from fleet.session.job import Job


def adopt(job: Job, mirror: Mirror) -> int | None:
    """Open the pull request that a crash kept back; its number, or None when there is nothing to finish.

    The branch stands in the slot's memory since the push, and its one commit holds title and body. Safe to repeat.
    Raises GitHubError.
    """
    before = ledger.read_local(mirror, job.fleet).looks.get(job.slot)
    if before is None or before.outcome != "published" or not before.branch or before.branch in job.open_branches:
        return None
    from fleet.github.writer import Writer

    writer = Writer(job.door(job.author_env), job.repo)
    if writer.pulls_of(before.branch):
        return None  # merged or closed since
    try:
        mirror.fetch(f"+refs/heads/{before.branch}:refs/heads/{before.branch}")
        message = mirror.git.text("log", "-1", "--format=%B", f"refs/heads/{before.branch}", at=mirror.path)
    except GitError:
        return None  # somebody deleted the branch
    title, _, body = message.partition("\n\n")
    return writer.open_pull(branch=before.branch, base=job.base, title=title, body=body)
