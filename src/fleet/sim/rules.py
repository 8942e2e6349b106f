"""What GitHub concludes about a pull request. Rule: questions only; nothing here changes anything."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fleet.sim.model import LEVELS, CheckRun, Protection, Pull, Status

if TYPE_CHECKING:
    from fleet.sim.model import Issue, Level, Repo, Review, User

OPINIONS = ("APPROVED", "CHANGES_REQUESTED", "DISMISSED")
# The keywords of the docs page about linking a pull request to an issue.
CLOSING = re.compile(r"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+#(\d+)", re.IGNORECASE)


def level(repo: Repo, user: User | None) -> Level:
    """What a user may do here; everybody may read a public repository."""
    if user is None:
        return "read"
    return "admin" if user is repo.owner else repo.levels.get(user.login.lower(), "read")


def allows(repo: Repo, user: User | None, least: Level) -> bool:
    """Whether a user has at least this permission."""
    return LEVELS.index(level(repo, user)) >= LEVELS.index(least)


def association(repo: Repo, user: User) -> str:
    """`authorAssociation`, as far as a repository without forks and organisation members has it."""
    if user.kind == "Bot":
        return "NONE"
    if user is repo.owner:
        return "OWNER"
    return "COLLABORATOR" if allows(repo, user, "write") else "NONE"


def opinions(pull: Pull, *, writers_only: bool = False) -> list[Review]:
    """The latest opinion of each reviewer; a dismissed one hides what the same person said before it."""
    latest: dict[str, Review] = {}
    for review in pull.reviews:
        if review.state in OPINIONS and (not writers_only or allows(pull.repo, review.author, "write")):
            latest.pop(review.author.login, None)
            latest[review.author.login] = review
    return list(latest.values())


def decision(pull: Pull) -> str | None:
    """`reviewDecision`; only those who can write count.

    Null where no rule asks for a review, also when somebody approved (abcxyz/github-metrics-aggregator#224).
    """
    needed = protection(pull).reviews
    if not needed:
        return None
    states = [review.state for review in opinions(pull, writers_only=True)]
    if "CHANGES_REQUESTED" in states:
        return "CHANGES_REQUESTED"
    return "APPROVED" if states.count("APPROVED") >= needed else "REVIEW_REQUIRED"


def protection(pull: Pull) -> Protection:
    """What the base branch asks."""
    return pull.repo.protection.get(pull.base) or Protection()


def contexts(repo: Repo, sha: str) -> list[CheckRun | Status]:
    """The checks and the latest status of each context on a commit: the items of a rollup."""
    latest = {status.context: status for status in repo.statuses.get(sha, [])}
    return [*repo.checks.get(sha, []), *latest.values()]


def rollup(repo: Repo, sha: str) -> str | None:
    """`statusCheckRollup.state`; null when nothing ever reported.

    Runs that a rerun replaced still count (ai-agents#3978).
    """
    states = [_state(item) for item in contexts(repo, sha)]
    return next((s for s in ("FAILURE", "ERROR", "PENDING", "SUCCESS") if s in states), None)


def _state(item: CheckRun | Status) -> str:
    if isinstance(item, Status):
        return item.state.upper()
    if item.status != "completed":
        return "PENDING"
    return "SUCCESS" if item.passing else "FAILURE"


def name_of(item: CheckRun | Status) -> str:
    """What branch protection calls a check or a status."""
    return item.context if isinstance(item, Status) else item.name


def unmet_checks(pull: Pull) -> list[str]:
    """The required names that are absent or not passing on the head.

    A check and a status that share a name must both pass (docs: "Troubleshooting required status checks").
    """
    states: dict[str, set[str]] = {}
    for item in contexts(pull.repo, pull.head_sha):
        states.setdefault(name_of(item), set()).add(_state(item))
    return [name for name in protection(pull).checks if states.get(name) != {"SUCCESS"}]


def behind(pull: Pull) -> bool:
    """Whether the base asks for up-to-date branches and this one is not."""
    base = pull.repo.git.refs.get(f"refs/heads/{pull.base}")
    return protection(pull).strict and base is not None and not pull.repo.git.is_ancestor(base, pull.head_sha)


def refusal(pull: Pull) -> str:
    """Why branch protection refuses a merge, in GitHub's words; empty when it does not.

    Sources of the texts: PennyDreadfulMTG/Penny-Dreadful-Tools#6226 (one check), Reviewable/Reviewable#561
    (reviews), RakuenSoftware/aimee#2460 (a branch that is behind: all its checks are "expected" again).
    """
    rules = protection(pull)
    unmet = list(rules.checks) if behind(pull) else unmet_checks(pull)
    if len(unmet) == 1:
        return f'Required status check "{unmet[0]}" is expected.'
    if unmet:
        return f"{len(unmet)} of {len(rules.checks)} required status checks are expected."
    if behind(pull):
        return "Head branch is out of date. Review and try the merge again."
    if decision(pull) in ("REVIEW_REQUIRED", "CHANGES_REQUESTED"):
        plural = "s are" if rules.reviews > 1 else " is"
        return f"At least {rules.reviews} approving review{plural} required by reviewers with write access."
    return ""


def blocked(pull: Pull) -> bool:
    """Whether something other than being behind is in the way."""
    return bool(unmet_checks(pull)) or decision(pull) in ("REVIEW_REQUIRED", "CHANGES_REQUESTED")


def merge_state(pull: Pull, *, mergeable: bool | None) -> str:
    """`mergeStateStatus`; a closed or merged pull request is UNKNOWN for ever (kodiak#380)."""
    if pull.state != "open" or mergeable is None:
        return "UNKNOWN"
    if not mergeable:
        return "DIRTY"
    if pull.draft:
        return "DRAFT"
    if blocked(pull) or pull.base in pull.repo.merge_queues:
        return "BLOCKED"
    if behind(pull):
        return "BEHIND"
    return "UNSTABLE" if rollup(pull.repo, pull.head_sha) not in (None, "SUCCESS") else "CLEAN"


def closes(text: str, repo: Repo) -> list[Issue]:
    """The open issues a text says it closes."""
    numbers = dict.fromkeys(int(found) for found in CLOSING.findall(text))
    return [issue for n in numbers if (issue := repo.issues.get(n)) and issue.state == "open"]
