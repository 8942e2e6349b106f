"""What waits for which role. Pure; asked by the pass to decide whether a session is worth starting, and by nobody else.

A session reads what it takes once more before it claims it, so this may be a few seconds old and need not be exact.
"""

from collections.abc import Iterable
from datetime import datetime

from fleet.ledger_rules import held
from fleet.models import Entry, Identities, Issue, Ledger, PullRequest, Snapshot, World
from fleet.plans import Item
from fleet.settings import RoleSettings, Roster

ATTEMPTS = 3
"""How often an item is tried before a person must look."""
FOR_ROBOTS = "ready-for-robot"
"""The label by which a person with write permission hands something to the fleet."""
HANDS_OFF = frozenset({"needs-human", "do-not-merge", "hold"})
"""Labels that keep a session away."""
_INSIDE = frozenset({"OWNER", "MEMBER", "COLLABORATOR"})
"""Associations that may write. A guess that only leaves strangers out; the session asks for the permission itself."""


def waiting(key: str, world: World) -> tuple[Item, ...]:
    """What a role could take on now, best first; empty when GitHub or the ledger is unread."""
    role = world.roster.roles[key]
    if world.github is None or world.ledger is None:
        return ()
    if role.mode == "reviewer":
        return reviews(world.github, world.ledger, world.now)
    if role.mode == "task_driven":
        return issues(role, world.roster, world.github, world.ledger, world.now)
    return ()


def reviews(github: Snapshot, ledger: Ledger, now: datetime) -> tuple[Item, ...]:
    """Open pull requests that wait for our reviewer, oldest first."""
    found = []
    for pull in github.pulls:
        claim = ledger.claims.get(f"pr-{pull.number}")
        attempts = claim.attempt if claim and claim.head == pull.head else 0  # a new head is a new review
        if wants_review(pull, github.identities, github.base.branch) and available(claim, pull.head, attempts, now):
            found.append(
                Item(key=f"pr-{pull.number}", kind="review", number=pull.number, title=pull.title, head=pull.head)
            )
    return tuple(found)


def wants_review(pull: PullRequest, identities: Identities, base: str) -> bool:
    """Whether our reviewer should look at a pull request: ours, or handed over by label; not its own, not seen yet."""
    if pull.draft or pull.base != base or pull.author is None or hands_off(pull.labels) or pull.unread:
        return False
    ours = pull.author.id == identities.author.id
    if pull.author.id == identities.reviewer.id or not (ours or FOR_ROBOTS in pull.labels):
        return False
    seen = {r.commit for r in pull.reviews if r.author and r.author.id == identities.reviewer.id}
    return pull.head not in seen


def issues(role: RoleSettings, roster: Roster, github: Snapshot, ledger: Ledger, now: datetime) -> tuple[Item, ...]:
    """Open issues with one of the role's labels that nobody works on, oldest first."""
    branches = {pull.branch for pull in github.pulls if not pull.fork}
    found = []
    for issue in github.issues:
        if not wanted_labels(issue, role) or not may_be_trusted(issue, roster, github.identities):
            continue
        claim, seen = ledger.claims.get(f"issue-{issue.number}"), issue.updated_at.isoformat()
        in_flight = claim is not None and claim.outcome == "published" and claim.branch in branches
        if not in_flight and available(claim, seen, claim.attempt if claim else 0, now):
            found.append(
                Item(key=f"issue-{issue.number}", kind="issue", number=issue.number, title=issue.title, seen=seen)
            )
    return tuple(found)


def wanted_labels(issue: Issue, role: RoleSettings) -> bool:
    """Whether an issue carries a label of the role and none that keeps sessions away."""
    return bool(lower(issue.labels) & lower(role.labels)) and not hands_off(issue.labels)


def hands_off(labels: Iterable[str]) -> bool:
    """Whether a label keeps sessions away. GitHub's labels do not tell letters' case apart."""
    return bool(lower(labels) & HANDS_OFF)


def lower(labels: Iterable[str]) -> frozenset[str]:
    """Labels as they are compared."""
    return frozenset(label.lower() for label in labels)


def may_be_trusted(issue: Issue, roster: Roster, identities: Identities) -> bool:
    """Whether it is worth asking if an issue's text is trusted. Our own thinkers' issues always are."""
    if FOR_ROBOTS in issue.labels:
        return True
    if issue.author is not None and issue.author.id == identities.author.id:
        return True
    return roster.work.trust == "writers" and issue.association in _INSIDE


def available(claim: Entry | None, version: str, attempts: int, now: datetime) -> bool:
    """Whether nobody holds an item, it was not dealt with as it stands, and it has not been tried too often."""
    if held(claim, now):
        return False
    dealt_with = claim is not None and version in (claim.head, claim.seen) and claim.outcome in SETTLED
    return not dealt_with and attempts < ATTEMPTS


SETTLED = frozenset({"published", "nothing", "untrusted"})
"""Outcomes after which an item is left alone until it changes."""
