"""Builders with ready defaults and fakes with state: a row of a test names only what differs from them.

The default world is a quiet and healthy one: every default pull request merges, and every reason not to is a change.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from fleet.act import Hands
from fleet.errors import FleetError, GitHubError
from fleet.inventory import Sources
from fleet.models import (
    Actor,
    Base,
    Check,
    Checks,
    Entry,
    Identities,
    Issue,
    Ledger,
    ProbeResult,
    PullRequest,
    Review,
    Session,
    Slot,
    Snapshot,
    World,
)
from fleet.plans import Plan, PullPlan, Reason, RolePlan, Start
from fleet.settings import MergeSettings, RoleSettings, Roster, SessionSettings, SpawnSettings
from fleet.spawners import Order, Refused, Started, Taken

NOW = datetime(2030, 1, 7, 12, 0, tzinfo=UTC)
HEAD, OLD, BASE_SHA = "a" * 40, "b" * 40, "c" * 40
GIB = 2**30

COORDINATOR = Actor(login="fleet-coordinator", id="U_coordinator")
AUTHOR = Actor(login="fleet-author", id="U_author")
REVIEWER = Actor(login="fleet-reviewer", id="U_reviewer")
ANA = Actor(login="ana", id="U_ana")
BOB = Actor(login="bob", id="U_bob")
APP = Actor(login="some-app", id="B_app", kind="Bot")
IDENTITIES = Identities(coordinator=COORDINATOR, author=AUTHOR, reviewer=REVIEWER)
ONE_IDENTITY = Identities(coordinator=ANA, author=ANA, reviewer=ANA)


def ago(**length: float) -> datetime:
    return NOW - timedelta(**length)


# --- facts ------------------------------------------------------------------------------------------------------------


def check(name="test", state="SUCCESS", *, complete=None, source="run/github-actions/push/CI", at=NOW, required=None):
    running = ("QUEUED", "IN_PROGRESS", "WAITING", "REQUESTED", "PENDING", "EXPECTED")
    return Check(
        name=name,
        source=source,
        state=state,
        complete=state not in running if complete is None else complete,
        at=at,
        required=required,
    )


def checks(*all_, commit=HEAD, more=None):
    return Checks(commit=commit, all=all_ or (check(),), more=more)


def review(state="APPROVED", by=REVIEWER, *, can_push=True, commit=HEAD):
    return Review(state=state, author=by, can_push=can_push, commit=commit)


def pull(number=31, **facts):
    ready = {
        "id": f"PR_{number}",
        "number": number,
        "title": f"Change number {number}",
        "url": f"https://github.com/acme/web/pull/{number}",
        "author": AUTHOR,
        "created_at": ago(hours=2),
        "updated_at": ago(hours=1),
        "state": "OPEN",
        "draft": False,
        "base": "main",
        "branch": f"work-{number}",
        "head": HEAD,
        "fork": False,
        "mergeable": "MERGEABLE",
        "merge_state": "CLEAN",
        "review_decision": None,
        "reviews": (review(),),
        "checks": checks(),
        "files": (f"src/{number}.py",),
    }
    return PullRequest(**{**ready, **facts})


def issue(number=12, **facts):
    ready = {
        "number": number,
        "title": f"Wish number {number}",
        "author": ANA,
        "association": "OWNER",
        "created_at": ago(hours=3),
        "updated_at": ago(hours=2),
        "labels": frozenset({"ui"}),
    }
    return Issue(**{**ready, **facts})


def entry(**facts):
    ready = {"oid": "e" * 40, "fleet": "acme-web", "host": "here", "state": "done", "at": ago(minutes=30)}
    return Entry(**{**ready, **facts})


def base(**facts):
    return Base(**{"branch": "main", "sha": BASE_SHA, "checks": checks(commit=BASE_SHA), "state": "SUCCESS", **facts})


def snapshot(*pulls, **facts):
    ready = {
        "identities": IDENTITIES,
        "permission": "WRITE",
        "archived": False,
        "squash_allowed": True,
        "base": base(),
        "pulls": pulls,
        "issues": (),
    }
    return Snapshot(**{**ready, **facts})


def role(**facts):
    ready = {"title": "UI Builder", "department": "Engineering", "mode": "self_directed", "count": 1}
    return RoleSettings(**{**ready, **facts})


def roster(**facts):
    """``merge``, ``spawn`` and ``session`` may be given as plain dicts."""
    for name, kind in (("merge", MergeSettings), ("spawn", SpawnSettings), ("session", SessionSettings)):
        if isinstance(facts.get(name), Mapping):
            facts[name] = kind(**facts[name])
    return Roster(**{"fleet": "acme-web", "repo": "acme/web", "roles": {"builder": role()}, **facts})


def world(**facts):
    ready = {
        "now": NOW,
        "host": "here",
        "roster": roster(),
        "github": snapshot(),
        "ledger": Ledger(),
        "memory_bytes": 64 * GIB,
    }
    return World(**{**ready, **facts})


def session(slot="builder-0", **facts):
    ready = {"slot": slot, "role": slot.rsplit("-", 1)[0], "run": f"run-of-{slot}", "running": True}
    return Session(**{**ready, "started_at": ago(minutes=20), **facts})


def probe(*, ok=True, answered=True, url="https://acme.example/", detail=None, **facts):
    detail = detail or ("status 200" if ok else "status 503" if answered else "no answer within 10 s")
    return ProbeResult(url=url, ok=ok, answered=answered, detail=detail, seconds=0.1, **facts)


# --- decisions --------------------------------------------------------------------------------------------------------


def start(slot="builder-0", items=(), *, may_look=True):
    key, n = slot.rsplit("-", 1)
    return Start(slot=Slot(role=key, n=int(n)), items=tuple(items), may_look=may_look)


def role_plan(*slots, code="work", text="1 may look", **facts):
    ready = {"role": "builder", "desired": len(slots), "wanted": len(slots), "running": 0}
    return RolePlan(starts=tuple(start(s) for s in slots), reason=Reason(code=code, text=text), **{**ready, **facts})


def ready(*pulls):
    return tuple(PullPlan(pull=p) for p in pulls)


def held(number=31, code="draft", text="it is a draft"):
    return PullPlan(pull=pull(number), reasons=(Reason(code=code, text=text),))


def starts(*slots):
    return Plan(roles=(role_plan(*slots),))


# --- fakes with state -------------------------------------------------------------------------------------------------


@dataclass
class FakeSpawner:
    """Sessions in memory. Dials: ``fail`` refuses these slots, ``room`` how many may run, ``away`` cannot be asked."""

    running: dict[str, str] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    """Processes that dead sessions left behind, by slot."""
    fail: set[str] = field(default_factory=set)
    raises: dict[str, Exception] = field(default_factory=dict)
    room: int = 1000
    away: bool = False
    asked: list[str] = field(default_factory=list)

    def sessions(self):
        if self.away:
            raise FleetError("the spawner is away")
        return tuple(session(slot, run=run) for slot, run in sorted(self.running.items()))

    def strays(self):
        if self.away:
            raise FleetError("the spawner is away")
        return tuple(sorted(set(self.left) - set(self.running)))

    def start(self, order):
        self.asked.append(order.slot)
        if order.slot in self.raises:
            raise self.raises[order.slot]
        if order.slot in self.running:
            return Taken("runs already")
        if order.slot in self.fail or len(self.running) >= self.room:
            return Refused("no room")
        self.running[order.slot] = order.run
        return Started(order.run)

    def sweep(self, slot):
        return 0 if slot in self.running else self.left.pop(slot, 0)

    def end(self, *slots):
        for slot in slots:
            del self.running[slot]


@dataclass
class FakeMerger:
    """A repository's pull requests. Dial: ``answers`` are what the next merges of a number meet, first one first."""

    pulls: dict[int, PullRequest] = field(default_factory=dict)
    answers: dict[int, list[Exception]] = field(default_factory=dict)
    unknown_reads: dict[int, int] = field(default_factory=dict)
    """How often a pull request is still UNKNOWN when it is read again."""
    lands: set[int] = field(default_factory=set)
    """Merges of these numbers land although they are answered with an error."""
    unreadable: Exception | None = None
    calls: list[tuple[int, str, str]] = field(default_factory=list)
    reads: list[tuple[int, ...]] = field(default_factory=list)

    @classmethod
    def of(cls, *pulls, **dials):
        return cls(pulls={p.number: p for p in pulls}, **dials)

    @property
    def merged(self):
        return [n for n, p in self.pulls.items() if p.state == "MERGED"]

    def merge(self, number, *, head, title):
        self.calls.append((number, head, title))
        if queue := self.answers.get(number):
            error = queue.pop(0)
            if number in self.lands:
                self._land(number)
            raise error
        if self.pulls[number].state != "OPEN":
            raise GitHubError("GitHub answered 405: Pull Request is not mergeable", status=405)
        if self.pulls[number].head != head:
            raise GitHubError("GitHub answered 409: Head branch was modified.", status=409)
        self._land(number)
        return f"{number:x}".rjust(40, "f")

    def again(self, numbers):
        self.reads.append(tuple(numbers))
        if self.unreadable:
            raise self.unreadable
        return {n: self._seen(n) for n in numbers if n in self.pulls}

    def open(self):
        return tuple(p for p in self.pulls.values() if p.state == "OPEN")

    def _land(self, number):
        self.pulls[number] = replace(self.pulls[number], state="MERGED", mergeable="UNKNOWN", merge_state="UNKNOWN")

    def _seen(self, number):
        if self.unknown_reads.get(number, 0) > 0:
            self.unknown_reads[number] -= 1
            return replace(self.pulls[number], mergeable="UNKNOWN", merge_state="UNKNOWN")
        return self.pulls[number]


@dataclass
class FakeSleep:
    """Time that only counts."""

    slept: list[float] = field(default_factory=list)

    def __call__(self, seconds):
        self.slept.append(seconds)


def order(world_, start_):
    return Order(
        slot=start_.slot.name,
        role=start_.slot.role,
        run=f"run-{world_.now:%H%M}-{start_.slot.name}",
        seen_at=world_.now,
        until=world_.now + timedelta(hours=1),
        stages={},
        job={},
        env={},
        secrets={},
    )


def hands(spawner=None, merger=None, sleep=None, prune=None):
    merger = merger or FakeMerger()
    return Hands(
        spawner=spawner or FakeSpawner(),
        order=order,
        merger=lambda: merger,
        again=merger.again,
        prune=prune or (lambda claims: None),
        sleep=sleep or FakeSleep(),
    )


def failing(message="it is away", *, person=False):
    """A source that cannot be read."""

    def ask(*_):
        raise GitHubError(message, person=person)

    return ask


def sources(spawner=None, merger=None, **facts):
    """What a pass reads, from fakes; every source may be replaced."""
    spawner, merger = spawner or FakeSpawner(), merger or FakeMerger()
    ready_ = {
        "sessions": spawner.sessions,
        "strays": spawner.strays,
        "github": lambda: snapshot(*merger.open()),
        "again": merger.again,
        "ledger": Ledger,
        "probes": lambda: (),
        "memory": lambda: 64 * GIB,
        "faults": dict,
        "requests": lambda: 1,
    }
    return Sources(**{**ready_, **facts})
