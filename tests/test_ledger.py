"""The ledger on real git, over file:// and over the simulated GitHub: one winner, all or none, nothing left behind."""

import os
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contract import check
from fleet import ledger
from fleet.errors import ConfigError, GitError, LostRaceError
from fleet.git import Git, Remote
from fleet.ledger_rules import TAKEOVER_AFTER, held
from fleet.mirror import ABSENT, Mirror, Swap, throwaway
from fleet.models import Entry
from fleet.sim import Simulator
from wire import GIT_ENV

NOW = datetime(2031, 5, 1, 12, 0, tzinfo=UTC)
CLAIM = ledger.claim_ref("issue-12")
LOOK = ledger.look_ref("acme", "ui_builder-0")
GIT = Git(env=os.environ, timeout=30)


class Ground:
    """One repository with a branch, and hosts that mirror it."""

    def __init__(self, root, remote, refs):
        self.root, self.remote, self.refs = root, remote, refs

    def host(self, name="one"):
        return Mirror(path=self.root / name / "mirror.git", remote=self.remote, git=GIT)

    def head(self):
        return self.refs()["refs/heads/main"]

    def fleet_refs(self):
        return {ref: oid for ref, oid in self.refs().items() if ref.startswith("refs/fleet/")}


def git(*argv):
    return subprocess.run(["git", *map(str, argv)], env=GIT_ENV, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def on_disk(tmp_path):
    bare = tmp_path / "origin.git"
    git("init", "-q", "--bare", "-b", "main", bare)
    tree = git("-C", bare, "hash-object", "-t", "tree", "-w", "/dev/null").strip()
    first = git("-C", bare, "commit-tree", tree, "-m", "first").strip()
    git("-C", bare, "update-ref", "refs/heads/main", first)

    def refs():
        return dict(line.split()[::-1] for line in git("-C", bare, "show-ref").splitlines())

    return Ground(tmp_path, Remote(url=bare.as_uri()), refs)


@pytest.fixture
def on_github(tmp_path):
    with Simulator(tmp_path / "github") as sim:
        ana = sim.world.add_user("ana", token="fake-token-ana")
        repo = sim.world.add_repo("acme/web", owner=ana)
        made = Ground(
            tmp_path, Remote(url=f"{sim.url}/acme/web.git", token="fake-token-ana"), lambda: dict(repo.git.refs)
        )
        made.sim = sim
        yield made
        assert sim.unknown == []
        assert check(sim.requests) == []


@pytest.fixture(params=["on_disk", "on_github"])
def ground(request):
    return request.getfixturevalue(request.param)


def entry(run="r1", **more):
    given = {"fleet": "acme", "role": "ui_builder", "slot": "ui_builder-0", "run": run, "item": "issue-12"}
    return Entry(**{**given, "state": "taken", "at": NOW, "until": NOW + timedelta(hours=1), **more})


def read(ground, name="reader"):
    return ledger.read(ground.host(name), "acme")


def test_what_is_written_is_read_on_another_host(ground):
    mine = entry(attempt=2, cost_usd=1.25, reason="two\nlines and “quotes”", looked_at=NOW, branch="ui/issue-12-1a2b")
    stands = ledger.swap(host := made(ground), [(CLAIM, mine), (LOOK, replace(mine, state="done"))])
    found = read(ground)
    assert found.claims == {"issue-12": stands[CLAIM]}
    assert found.looks == {"ui_builder-0": stands[LOOK]}
    assert replace(found.claims["issue-12"], oid="") == mine
    assert ledger.read_local(host, "another").looks == {}
    assert ledger.read(host, "another").claims == found.claims  # claims are shared by all fleets


def made(ground, name="one"):
    host = ground.host(name)
    ledger.read(host, "acme")
    return host


def race(ground, entries, racers=40):
    """Each racer writes its own entry over the same one; returns the runs that won and those that lost."""
    host = made(ground)

    def run(n):
        try:
            return ledger.swap(host, [(CLAIM, replace(entries, run=f"r{n}"))])[CLAIM].run
        except LostRaceError:
            return None

    with ThreadPoolExecutor(16) as pool:
        return [winner for winner in pool.map(run, range(racers)) if winner]


def test_forty_racers_for_a_free_item_have_one_winner(ground):
    (winner,) = race(ground, entry())
    assert read(ground).claims["issue-12"].run == winner


def test_a_claim_that_has_expired_is_taken_over_once(ground):
    old = ledger.swap(made(ground), [(CLAIM, entry("dead"))])[CLAIM]
    assert held(old, old.until + TAKEOVER_AFTER - timedelta(seconds=1))
    assert not held(old, old.until + TAKEOVER_AFTER)
    (winner,) = race(ground, entry(oid=old.oid, attempt=2), racers=16)
    found = read(ground).claims["issue-12"]
    assert (found.run, found.attempt) == (winner, 2)


def test_the_history_of_a_claim_is_a_chain(ground):
    host = made(ground)
    first = ledger.swap(host, [(CLAIM, entry())])[CLAIM]
    second = ledger.swap(host, [(CLAIM, replace(first, state="done"))])[CLAIM]
    assert GIT.text("rev-parse", f"{second.oid}^", at=host.path) == first.oid


def test_who_has_lost_the_claim_cannot_publish(ground):
    host = made(ground)
    mine = ledger.swap(host, [(CLAIM, entry("slow"))])[CLAIM]
    other = made(ground, "two")
    ledger.swap(other, [(CLAIM, entry("fast", oid=mine.oid))])
    host.fetch("+refs/heads/main:refs/heads/main")
    branch = Swap(ref="refs/heads/ui/issue-12", old=ABSENT, new=ground.head())
    with pytest.raises(LostRaceError):
        ledger.swap(host, [(CLAIM, replace(mine, state="done"))], [branch])
    assert "refs/heads/ui/issue-12" not in ground.refs()
    assert read(ground).claims["issue-12"].run == "fast"


def test_who_holds_the_claim_publishes_both_in_one_push(ground):
    host = made(ground)
    mine = ledger.swap(host, [(CLAIM, entry())])[CLAIM]
    host.fetch("+refs/heads/main:refs/heads/main")
    branch = Swap(ref="refs/heads/ui/issue-12", old=ABSENT, new=ground.head())
    ledger.swap(host, [(CLAIM, replace(mine, state="done"))], [branch])
    assert ground.refs()["refs/heads/ui/issue-12"] == ground.head()
    assert read(ground).claims["issue-12"].state == "done"


def test_a_branch_that_is_there_already_keeps_the_claim_where_it_was(ground):
    host = made(ground)
    mine = ledger.swap(host, [(CLAIM, entry())])[CLAIM]
    host.fetch("+refs/heads/main:refs/heads/main")
    with pytest.raises(LostRaceError):
        ledger.swap(
            host, [(CLAIM, replace(mine, state="done"))], [Swap(ref="refs/heads/main", old=ABSENT, new=mine.oid)]
        )
    assert read(ground).claims["issue-12"] == mine


def test_several_refs_move_all_or_none(ground):
    host = made(ground)
    look = ledger.swap(host, [(LOOK, entry())])[LOOK]
    ledger.swap(host, [(LOOK, replace(look, run="newer"))])
    before = ground.refs()
    with pytest.raises(LostRaceError):
        ledger.swap(host, [(CLAIM, entry()), (LOOK, replace(look, run="stale"))])
    assert ground.refs() == before
    assert set(before) - {"refs/heads/main"} == {LOOK}


def test_forget_takes_a_ref_away_only_as_it_was_seen(ground):
    host, ref = made(ground), ledger.down_ref("acme")
    first = ledger.swap(host, [(ref, entry(state="down"))])[ref]
    second = ledger.swap(host, [(ref, replace(first, reason="still"))])[ref]
    with pytest.raises(LostRaceError):
        ledger.forget(host, ref, first.oid)
    assert read(ground).down == second
    ledger.forget(host, ref, second.oid)
    assert read(ground).down is None
    assert ground.fleet_refs() == {}


def test_a_ref_that_is_gone_is_gone_from_every_mirror(ground):
    host, reader = made(ground), made(ground, "reader")
    stands = ledger.swap(host, [(CLAIM, entry()), (LOOK, entry())])
    assert ledger.read(reader, "acme").claims
    ledger.forget(host, CLAIM, stands[CLAIM].oid)
    found = ledger.read(reader, "acme")
    assert (found.claims, set(found.looks)) == ({}, {"ui_builder-0"})


def test_an_entry_that_makes_no_sense_counts_as_held(ground):
    host = made(ground)
    host.fetch("+refs/heads/main:refs/heads/main")
    host.push([Swap(ref=CLAIM, old=ABSENT, new=ground.head())])
    found = read(ground)
    assert found.unreadable == (CLAIM,)
    assert held(found.claims["issue-12"], NOW)


def test_an_answer_that_was_lost_is_settled_by_reading_again(on_github):
    host = made(on_github)
    on_github.sim.fault(method="POST", path="git-receive-pack", status=502, after=True)
    stands = ledger.swap(host, [(CLAIM, entry()), (LOOK, entry())])
    assert on_github.fleet_refs() == {ref: found.oid for ref, found in stands.items()}


def test_a_deletion_whose_answer_was_lost_is_settled_too(on_github):
    host = made(on_github)
    stands = ledger.swap(host, [(CLAIM, entry())])
    on_github.sim.fault(method="POST", path="git-receive-pack", status=502, after=True)
    ledger.forget(host, CLAIM, stands[CLAIM].oid)
    assert on_github.fleet_refs() == {}


def test_a_push_that_did_not_arrive_is_no_lost_race(on_github):
    host = made(on_github)
    on_github.sim.fault(method="POST", path="git-receive-pack", status=502)
    with pytest.raises(GitError, match="502") as caught:
        ledger.swap(host, [(CLAIM, entry())])
    assert not isinstance(caught.value, LostRaceError)
    assert on_github.fleet_refs() == {}
    assert "fake-token" not in str(caught.value) + caught.value.output


@pytest.mark.parametrize(("status", "words"), [(401, "git"), (403, "403"), (404, "not found"), (0, "git")])
def test_a_ledger_that_cannot_be_read_says_so_in_a_line(on_github, status, words):
    on_github.sim.fault(path="/info/refs", status=status, times=9)
    with pytest.raises(GitError) as caught:
        read(on_github)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "fake-token" not in str(caught.value) + caught.value.output


def test_a_wrong_token_is_said_and_not_shown(on_github):
    mirror = replace(on_github.host(), remote=replace(on_github.remote, token="fake-token-wrong"))
    with pytest.raises(GitError) as caught:
        ledger.read(mirror, "acme")
    assert "fake-token" not in str(caught.value) + caught.value.output + repr(mirror)


def left_in_memory():
    return {path for folder in ("/dev/shm", tempfile.gettempdir()) for path in Path(folder).glob("fleet-*")}


def test_a_throwaway_mirror_leaves_nothing_behind(ground):
    ledger.swap(made(ground), [(CLAIM, entry())])
    before, files = left_in_memory(), sorted(ground.root.rglob("*"))
    with throwaway(ground.remote, GIT) as mirror:
        found = ledger.read(mirror, "acme", shallow=True)
        assert left_in_memory() > before
    assert found.claims["issue-12"].run == "r1"
    assert left_in_memory() == before
    assert sorted(ground.root.rglob("*")) == files


def test_a_throwaway_mirror_reads_a_ledger_that_is_not_begun(ground):
    with throwaway(ground.remote, GIT) as mirror:
        assert ledger.read(mirror, "acme", shallow=True) == ledger.read(made(ground), "acme")


def test_a_throwaway_mirror_tells_a_missing_answer_from_an_empty_one(on_github):
    on_github.sim.fault(path="/info/refs", delay=30)
    with throwaway(on_github.remote, replace(GIT, timeout=0.3)) as mirror, pytest.raises(GitError, match="no answer"):
        ledger.read(mirror, "acme", shallow=True)


def test_a_mirror_that_cannot_be_made_asks_for_another_folder(ground):
    (ground.root / "file").touch()
    mirror = replace(ground.host(), path=ground.root / "file" / "fleet" / "mirror.git")
    with pytest.raises(ConfigError, match="Not a directory; set FLEET_HOME"):
        ledger.read(mirror, "acme")


def test_a_throwaway_mirror_is_gone_after_an_error_too(tmp_path):
    before = left_in_memory()
    with pytest.raises(GitError), throwaway(Remote(url=(tmp_path / "none.git").as_uri()), GIT) as mirror:
        ledger.read(mirror, "acme", shallow=True)
    assert left_in_memory() == before


def test_sixteen_fetches_into_one_mirror_all_succeed(ground):
    ledger.swap(made(ground), [(ledger.look_ref("acme", f"role-{n}"), entry()) for n in range(38)])
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: ledger.read(ground.host("shared"), "acme"), range(16)))
    assert {len(each.looks) for each in found} == {38}


def test_locks_of_a_killed_git_are_dropped(ground):
    host = made(ground)
    stands = ledger.swap(host, [(CLAIM, entry())])
    stale = [host.path / name for name in ("packed-refs.lock", "shallow.lock", "config.lock", f"{CLAIM}.lock")]
    for lock in stale:
        lock.parent.mkdir(parents=True, exist_ok=True)
        lock.touch()
    assert ledger.read(host, "acme").claims == {"issue-12": stands[CLAIM]}
    assert [lock for lock in stale if lock.exists()] == []


def test_who_waits_too_long_for_the_mirror_is_told(ground):
    host = made(ground)
    impatient = replace(host, git=replace(GIT, timeout=0.1))
    with host.locked(), pytest.raises(GitError, match="another git has held it"):
        ledger.read(impatient, "acme")


def test_nothing_is_asked_when_all_is_here(on_github):
    host = made(on_github)
    host.fetch("+refs/heads/main:refs/heads/main")
    asked = len(on_github.sim.requests)
    host.fetch("+refs/heads/main:refs/heads/main", unless=[on_github.head()])
    assert len(on_github.sim.requests) == asked
