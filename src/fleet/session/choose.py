"""Which item a session takes: read again, judged, claimed by compare-and-swap, so that two never hold one item."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fleet import ledger, work
from fleet.errors import LostRaceError
from fleet.ledger_rules import held, spent
from fleet.mirror import Mirror
from fleet.models import Actor, Entry, Ledger
from fleet.plans import Item
from fleet.session.adopt import adopt
from fleet.session.job import Job

if TYPE_CHECKING:
    from fleet.github.texts import IssueText, PullText

WRITES = frozenset({"admin", "maintain", "write"})
"""Permissions that let somebody's words be acted on (GET /repos/{o}/{r}/collaborators/{u}/permission)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What this session works on. ``claim`` and ``look`` are its entries as they stand in the ledger."""

    item: Item
    claim: Entry | None
    look: Entry
    issue: "IssueText | None" = None
    pull: "PullText | None" = None


class Repository:
    """The texts on GitHub; made, and PyGithub imported, only when there is an item to read."""

    def __init__(self, job: Job) -> None:
        from fleet.github import texts
        from fleet.github.writer import Writer

        door = job.door(job.reviewer_env if job.mode == "reviewer" else job.author_env)
        self.pull = functools.partial(texts.pull, door, job.repo)
        self.issue = functools.partial(texts.issue, door, job.repo)
        self.permission = Writer(door, job.repo).permission


class Chooser:
    """Takes the first item that is still good. ``clock`` gives aware UTC times."""

    def __init__(self, job: Job, mirror: Mirror, clock: Callable[[], datetime] | None = None) -> None:
        self.job = job
        self.mirror = mirror
        self.repository = functools.cache(lambda: Repository(job))
        self.clock = clock or (lambda: datetime.now(UTC))
        self.ledger: Ledger = ledger.read_local(mirror, job.fleet)

    def take(self) -> Taken | None:
        """Try the items in turn, then a look of its own; None when there is nothing. Raises FleetError."""
        for item in self.job.items:
            taken = self._review(item) if item.kind == "review" else self._issue(item)
            if taken:
                return taken
        if self.job.may_look or self.job.always:
            item = Item(key=f"look-{self.job.slot}", kind="look", title="a look of its own")
            return Taken(item=item, claim=None, look=self._enter_look(item))
        return None

    def _review(self, item: Item) -> Taken | None:
        found = self.repository().pull(item.number)
        if found is None or found.pull.state != "OPEN":
            return None
        if not work.wants_review(found.pull, self.job.identities, self.job.base):
            return None  # somebody has reviewed it since the pass looked
        return self._claim(replace(item, head=found.pull.head, title=found.pull.title), pull=found)

    def _issue(self, item: Item) -> Taken | None:
        found = self.repository().issue(item.number)
        if found is None or not found.open or work.hands_off(found.labels):
            return None
        item = replace(item, seen=found.updated_at.isoformat(), title=found.title)
        before = self.ledger.claims.get(item.key)
        if adopt(self.job, self.mirror, before):
            self._settle(item, outcome="published", reason="opened what an earlier run had pushed", keep=before)
            return None
        if not trusted(found, self.job.trust, self.job.identities.author, self._may_write):
            self._settle(item, outcome="untrusted", reason="not written by anybody who may write", keep=before)
            return None
        return self._claim(item, issue=found)

    def _may_write(self, who: Actor | None) -> bool:
        return who is not None and who.kind == "User" and self.repository().permission(who.login) in WRITES

    def _claim(self, item: Item, *, issue: "IssueText | None" = None, pull: "PullText | None" = None) -> Taken | None:
        """Swap the claim and this slot's memory in one push; None when somebody holds it or was faster."""
        ref, now = ledger.claim_ref(item.key), self.clock()
        old = self.ledger.claims.get(item.key)
        again = old is not None and (item.kind == "issue" or old.head == item.head)
        attempts = old.attempt if old and again else 0
        if not work.available(old, item.head or item.seen, attempts, now):
            return None
        claim = replace(
            self._entry(item, "taken"), oid=old.oid if old else "", attempt=attempts + 1, until=self.job.until,
            branch=self.job.branch(item.key) if item.kind == "issue" else "", cost_usd=self._reserve(),
        )  # fmt: skip
        look_ref, look = self._look(item)
        try:
            now_stands = ledger.swap(self.mirror, [(ref, claim), (look_ref, look)])
        except LostRaceError:
            self.ledger = ledger.read(self.mirror, self.job.fleet)
            return None
        return Taken(item=item, claim=now_stands[ref], look=now_stands[look_ref], issue=issue, pull=pull)

    def _settle(self, item: Item, *, outcome: str, reason: str, keep: Entry | None) -> None:
        """Remember what became of an item that no agent was needed for; nothing changes until the item does."""
        if held(keep, self.clock()):
            return
        old = keep or Entry()
        entry = replace(
            self._entry(item, "done"), oid=old.oid, outcome=outcome, reason=reason, attempt=old.attempt,
            branch=old.branch, cost_usd=old.cost_usd,
        )  # fmt: skip
        try:
            ledger.swap(self.mirror, [(ledger.claim_ref(item.key), entry)])
        except LostRaceError:
            self.ledger = ledger.read(self.mirror, self.job.fleet)

    def _enter_look(self, item: Item) -> Entry:
        ref, look = self._look(item)
        return ledger.swap(self.mirror, [(ref, look)])[ref]

    def _look(self, item: Item) -> tuple[str, Entry]:
        """This slot's memory while it works: what it spent before, and its budget as if it were spent."""
        old = self.ledger.looks.get(self.job.slot)
        now = self.clock()
        entry = replace(
            self._entry(item, "taken"), oid=old.oid if old else "", until=self.job.until, cost_usd=self._reserve(),
            spent_usd=spent(old, now), failures=old.failures if old else 0,
            looked_at=old.looked_at if old else None, looked_base=old.looked_base if old else "",
        )  # fmt: skip
        return ledger.look_ref(self.job.fleet, self.job.slot), entry

    def _entry(self, item: Item, state: str) -> Entry:
        job = self.job
        return Entry(
            fleet=job.fleet, role=job.role, slot=job.slot, run=job.run, host=job.host, state=state, at=self.clock(),
            item=item.key, base=job.base_sha, head=item.head, seen=item.seen,
        )  # fmt: skip

    def _reserve(self) -> float:
        return float(self.job.session["budget_usd"]) if self.job.session["harness"] == "claude" else 0.0


def trusted(issue: "IssueText", trust: str, author: Actor, may_write: Callable[[Actor | None], bool]) -> bool:
    """Whether an issue's text may be acted on.

    It is, when all who wrote on title or body may write to the repository, or when such a person labelled it
    ``ready-for-robot`` after the last change. Our own author's issues were checked before they were filed.
    """
    vouched = [e for e in issue.labelled if e.label == work.FOR_ROBOTS and e.at >= issue.written_at]
    if work.FOR_ROBOTS in issue.labels and any(may_write(e.by) for e in vouched):
        return True
    writers = {issue.author, *([issue.editor] if issue.editor else []), *issue.renamed_by}
    if all(who is not None and who.id == author.id for who in writers):
        return True
    return trust == "writers" and all(may_write(who) for who in writers)
