"""Step 3: may this pull request be squash-merged, and if not, why not? Pure; what is not known to be right is held.

``RULES`` are asked in order and each may name one reason; the first is the verdict, `fleet explain pr N` shows all.
To add a reason not to merge: one function, one line in ``RULES``, one row in tests/test_merge.py, and its
code in docs/report.schema.json.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fleet.checks import bad_check, red_check
from fleet.models import Base, Identities, PullRequest, Review, Snapshot, World
from fleet.plans import PullPlan, Reason
from fleet.settings import MergeSettings

READY = frozenset({"CLEAN", "HAS_HOOKS", "UNSTABLE"})
"""GitHub's merge states that allow a merge; UNSTABLE is a check that is not required, and those we read ourselves."""
PROTECTED_FOLDERS = (".github", "briefs")
PROTECTED_FILES = ("roster.yaml", ".gitmodules")
"""At the top of the repository."""
PROTECTED_NAMES = frozenset(
    {"CODEOWNERS", "CLAUDE.md", "CLAUDE.local.md", "AGENTS.md", "GEMINI.md", ".mcp.json", ".claude", ".cursor"}
)
"""Anywhere in it, with all that is below."""
SKIPS_CI = ("[skip ci]", "[ci skip]", "[no ci]", "[skip actions]", "[actions skip]", "***no_ci***", "skip-checks: true")
"""In a squash title they switch CI off (docs.github.com/actions/managing-workflow-runs/skipping-workflow-runs)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a verdict rests on besides the pull request itself."""

    settings: MergeSettings
    identities: Identities
    base: Base
    archived: bool = False
    squash_allowed: bool = True


NO_OBJECTION = frozenset({"APPROVED", "DISMISSED", "COMMENTED", "PENDING"})
Rule = Callable[[PullRequest, Policy], Reason | None]


def policy(world: World, github: Snapshot) -> Policy:
    """The policy of one pass."""
    return Policy(
        settings=world.roster.merge,
        identities=github.identities,
        base=github.base,
        archived=github.archived,
        squash_allowed=github.squash_allowed,
    )


def plan(world: World) -> tuple[PullPlan, ...]:
    """Judge every open pull request, oldest first; none when GitHub is unread."""
    if world.github is None:
        return ()
    rules = policy(world, world.github)
    return tuple(PullPlan(pull=pull, reasons=reasons(pull, rules)) for pull in world.github.pulls)


def reasons(pull: PullRequest, rules: Policy) -> tuple[Reason, ...]:
    """Everything in the way of merging one pull request, in a fixed order; empty: merge."""
    return tuple(reason for rule in RULES if (reason := rule(pull, rules)))


def worth_reading(plan: PullPlan) -> bool:
    """Whether all that is in the way may be gone once it is read alone: its files, its checks, its mergeability."""
    return all(reason.code in ("mergeable-unknown", "checks-unread", "files-unread") for reason in plan.reasons)


def batch(plans: Sequence[PullPlan], settings: MergeSettings) -> tuple[PullPlan, ...]:
    """Hold what must not go together: more than ``per_pass``, or two that touch the same file. Oldest first."""
    taken: list[PullRequest] = []
    out = []
    for candidate in plans:
        why = beside(candidate.pull, taken, settings) if candidate.merge else None
        if candidate.merge and not why:
            taken.append(candidate.pull)
        out.append(PullPlan(pull=candidate.pull, reasons=(why,)) if why else candidate)
    return tuple(out)


def in_turn(plans: Sequence[PullPlan]) -> tuple[PullPlan, ...]:
    """Those that may be merged now, and after them those that only wait for another: oldest first in each."""
    waiting = [
        p for p in plans if [r.code for r in p.reasons] in (["next-pass"], ["same-file"]) and p.pull.files is not None
    ]
    return (*(p for p in plans if p.merge), *waiting)


def beside(pull: PullRequest, taken: Sequence[PullRequest], settings: MergeSettings) -> Reason | None:
    """Why a pull request may not be merged in one pass with others; None when it may."""
    if settings.by == "person":
        return Reason(code="ready", text="ready for you: merge.by is person")
    if len(taken) >= settings.per_pass:
        return Reason(code="next-pass", text=f"ready; {settings.per_pass} merges a pass, the next pass goes on")
    for other in taken:
        if pull.files is None or other.files is None or not (pull.all_files and other.all_files):
            return Reason(code="same-file", text=f"waits for #{other.number}: not all files can be compared")
        if common := sorted(set(pull.files) & set(other.files)):
            return Reason(code="same-file", text=f"waits for #{other.number}, which touches {common[0]} too")
    return None


# --- the rules, in the order in which they are told -------------------------------------------------------------------


def _repository(_: PullRequest, rules: Policy) -> Reason | None:
    if rules.base.unread:
        return Reason(code="base-unread", text=f"GitHub did not say {', '.join(rules.base.unread)} of the base branch")
    if rules.archived:
        return Reason(code="archived", text="the repository is archived")
    if not rules.squash_allowed:
        return Reason(code="squash-off", text="the repository does not allow squash merges; switch them on")
    return None


def _open(pull: PullRequest, _: Policy) -> Reason | None:
    if pull.state == "OPEN":
        return None
    return Reason(code="not-open", text=f"it is {pull.state.lower()}")


def _unread(pull: PullRequest, _: Policy) -> Reason | None:
    if not pull.unread and pull.head:
        return None
    return Reason(code="unread", text=f"GitHub did not say {', '.join(pull.unread) or 'what its head is'}")


def _base_branch(pull: PullRequest, rules: Policy) -> Reason | None:
    if pull.base == rules.base.branch:
        return None
    return Reason(code="other-base", text=f"it goes to {pull.base}, not to {rules.base.branch}")


def _draft(pull: PullRequest, _: Policy) -> Reason | None:
    return Reason(code="draft", text="it is a draft") if pull.draft else None


def _labels(pull: PullRequest, rules: Policy) -> Reason | None:
    wanted = {label.lower() for label in rules.settings.hold_labels}
    found = sorted(label for label in pull.labels if label.lower() in wanted)
    return Reason(code="label", text=f"it is labelled {found[0]}") if found else None


def _author(pull: PullRequest, rules: Policy) -> Reason | None:
    ours = pull.author is not None and pull.author.id == rules.identities.author.id and bool(pull.author.id)
    if rules.settings.authors == "any" or ours:
        return None
    return Reason(code="author", text=f"it is by {_login(pull)}, and merge.authors is fleet")


def _title(pull: PullRequest, _: Policy) -> Reason | None:
    word = next((word for word in SKIPS_CI if word in pull.title.lower()), None)
    return (
        Reason(code="skips-ci", text=f"its title carries {word}, which would switch CI off on the base")
        if word
        else None
    )


def _queue(pull: PullRequest, _: Policy) -> Reason | None:
    if not (pull.in_merge_queue or pull.needs_merge_queue):
        return None
    return Reason(code="merge-queue", text="the base has a merge queue; put it there")


def _merged_before(pull: PullRequest, rules: Policy) -> Reason | None:
    # GitHub once merged and left the pull request open, and a bot merged it again and again (chdsbd/kodiak#397).
    if not any(line.endswith(f"(#{pull.number})") for line in rules.base.headlines):
        return None
    return Reason(code="merged-before", text=f"(#{pull.number}) is on {rules.base.branch} already; close it")


def _change_requests(pull: PullRequest, rules: Policy) -> Reason | None:
    standing = [r for r in pull.reviews if r.state not in NO_OBJECTION and _may_object(r, rules)]
    if standing and standing[0].state != "CHANGES_REQUESTED":
        return Reason(code="unread", text=f"{_reviewer(standing[0])} says {standing[0].state}, which is new to fleet")
    if standing:
        return Reason(code="changes-requested", text=f"{_reviewer(standing[0])} requests changes")
    if pull.review_decision == "CHANGES_REQUESTED":
        return Reason(code="changes-requested", text="a request for changes stands; dismiss it if it is met")
    return None


def _approval(pull: PullRequest, rules: Policy) -> Reason | None:
    given = [r for r in pull.reviews if r.state == "APPROVED" and _counts(r, rules) and not _is_author(r, pull)]
    fresh = [r for r in given if r.commit == pull.head or not rules.settings.fresh_approval]
    if given and not fresh:
        old = (given[-1].commit or "?")[:7]
        return Reason(code="approval-old", text=f"approved by {_reviewer(given[-1])} on {old}, an older commit")
    if not fresh:
        return Reason(code="not-approved", text="no approval by anybody who may write")
    if pull.fork and not any(_is_person(r, rules) for r in fresh):
        return Reason(code="fork", text="it comes from a fork, so a person must approve it")
    if pull.review_decision not in (None, "APPROVED", "CHANGES_REQUESTED"):
        return Reason(code="review-required", text="the base branch requires another review")
    return None


def _protected_paths(pull: PullRequest, rules: Policy) -> Reason | None:
    approvals = [r for r in pull.reviews if r.state == "APPROVED" and _is_person(r, rules) and not _is_author(r, pull)]
    if any(r.commit == pull.head or not rules.settings.fresh_approval for r in approvals):
        return None
    if pull.files is None:
        return Reason(code="files-unread", text="its files were not read; no person has approved it")
    if not pull.all_files:
        return Reason(code="protected", text="it touches more than 100 files, so a person must approve it")
    touched = [path for path in pull.files if is_protected(path)]
    return Reason(code="protected", text=f"it touches {touched[0]}, so a person must approve it") if touched else None


def _checks(pull: PullRequest, rules: Policy) -> Reason | None:
    checks = pull.checks
    if checks is None:
        return Reason(code="no-checks", text="no check has run on its head") if rules.settings.require_checks else None
    if checks.commit != pull.head:
        return Reason(code="checks-old", text="its checks are of another commit")
    if bad := bad_check(checks, rules.settings):
        return bad
    if checks.more:
        return Reason(code="checks-unread", text="it has more checks than were read")
    return None


def _mergeable(pull: PullRequest, _: Policy) -> Reason | None:
    if pull.mergeable == "CONFLICTING" or pull.merge_state == "DIRTY":
        return Reason(code="conflict", text="it conflicts with the base branch")
    if pull.mergeable == "UNKNOWN" or pull.merge_state == "UNKNOWN":
        return Reason(code="mergeable-unknown", text="GitHub is still working out whether it conflicts")
    if pull.mergeable != "MERGEABLE":
        return Reason(code="mergeable-unknown", text=f"GitHub says {pull.mergeable}, which is new to fleet")
    if pull.merge_state == "BEHIND":
        return Reason(code="behind", text="its branch must be brought up to date with the base")
    if pull.merge_state not in READY:
        return Reason(code="blocked", text=f"GitHub says {pull.merge_state}: a rule of the base branch is not met")
    return None


def _main_red(_: PullRequest, rules: Policy) -> Reason | None:
    if not rules.settings.hold_when_main_is_red:
        return None
    name = red_check(rules.base, rules.settings)
    return Reason(code="main-red", text=f"{rules.base.branch} is red: {name}") if name else None


RULES: tuple[Rule, ...] = (
    _repository, _open, _unread, _base_branch, _draft, _labels, _author, _title, _queue, _merged_before,
    _change_requests, _approval, _checks, _mergeable, _main_red, _protected_paths,
)  # fmt: skip


# --- what the rules ask -----------------------------------------------------------------------------------------------


def is_protected(path: str) -> bool:
    """Whether a path steers the machines, so that a change to it needs a person's approval."""
    parts = path.split("/")
    return parts[0] in PROTECTED_FOLDERS or path in PROTECTED_FILES or bool(PROTECTED_NAMES & set(parts))


def _counts(review: Review, rules: Policy) -> bool:
    """Whether this reviewer's opinion counts: a person who may write, or our reviewer; no other bot's ever."""
    if review.author is None:
        return False
    if review.author.id and review.author.id == rules.identities.reviewer.id:
        return True
    return review.can_push and review.author.kind == "User"


def _may_object(review: Review, rules: Policy) -> bool:
    """Whether this reviewer can hold a merge: who may write, even if GitHub will not say who it is; no other bot."""
    bot = review.author is not None and review.author.kind == "Bot"
    return _counts(review, rules) or (review.can_push and not bot)


def _is_person(review: Review, rules: Policy) -> bool:
    return _counts(review, rules) and review.author is not None and review.author.id not in rules.identities.ours


def _is_author(review: Review, pull: PullRequest) -> bool:
    if review.author is None or pull.author is None:
        return False
    same_id = bool(review.author.id) and review.author.id == pull.author.id
    return same_id or review.author.login.lower() == pull.author.login.lower()


def _login(pull: PullRequest) -> str:
    return pull.author.login if pull.author else "an account that is gone"


def _reviewer(review: Review) -> str:
    return review.author.login if review.author else "somebody"
