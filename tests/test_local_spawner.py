"""The local spawner: the contract, and what can only be seen from the outside on Linux: kills, leftovers, secrets."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fleet.errors import SpawnError
from fleet.session import supervisor
from fleet.spawners import Refused, Started, Taken
from fleet.spawners.local import LocalSpawner
from fleet.spawners.locks import probe, take, write_record
from fleet.spawners.processes import MARK
from ground import end_sessions, wait_for
from spawner_contract import SECRET, SLOTS, SpawnerContract, at_work, ended, order, python, sleeper

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="reads /proc")
DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.close(1)
        with open(sys.argv[1] + ".new", "w") as file:
            file.write(str(os.getpid()))
        os.rename(sys.argv[1] + ".new", sys.argv[1])
        time.sleep(300)
    os._exit(0)
os.wait()
time.sleep(float(sys.argv[2]))
"""


class Place:
    name = "local"

    def __init__(self, root):
        self.root, self.home = root, root / "mine"
        self.spawner = LocalSpawner(self.home)
        self.all = [self.spawner]

    def at(self, fleet):
        self.all.append(LocalSpawner(self.root / fleet))
        return self.all[-1]

    def clear(self):
        for spawner in self.all:
            end_sessions(spawner)


@pytest.fixture
def place(tmp_path):
    made = Place(tmp_path / "home")
    yield made
    made.clear()


class TestLocal(SpawnerContract):
    """The contract."""


def kill(pid, number=signal.SIGKILL):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def supervisors(runs):
    """Process ids of the supervisors of these runs."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                argv = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if supervisor.__file__.encode() in argv and runs & {word.decode() for word in argv[-2:]}:
                found.append(int(entry.name))
    return found


def daemon(tmp_path, stays=300.0):
    """(argv of an agent that leaves a daemon in a session of its own, the file that will hold its process id)."""
    note = tmp_path / f"daemon-{os.urandom(3).hex()}"
    return python(DAEMON, str(note), str(stays)), note


def pid_in(note):
    return int(wait_for(lambda: note.exists() and note.read_text()))


# starting


def test_there_is_one_supervisor_a_session(place):
    slots = [f"role-{n}" for n in range(SLOTS)]
    idle = {"prepare": {"argv": ["/bin/sleep", "300"], "seconds": 300, "secrets": []}}
    for _ in range(2):
        for slot in slots:
            place.spawner.start(order(slot, stages=idle))
    running = [s for s in place.spawner.sessions() if s.running]
    assert len(running) == SLOTS
    assert sorted(supervisors({s.run for s in running})) == sorted(s.pid for s in running)


def test_the_answer_is_taken_while_a_reader_probes_and_started_once_it_is_gone(place):
    lock = take(place.spawner.slots / "ui_builder-0.lock")
    try:
        assert isinstance(place.spawner.start(order()), Taken)
    finally:
        os.close(lock)
    assert isinstance(place.spawner.start(order()), Started)


def test_a_place_that_cannot_be_written_refuses_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    spawner = LocalSpawner(tmp_path / "file" / "fleet")
    answer = spawner.start(order())
    assert isinstance(answer, Refused)
    assert "Not a directory" in answer.detail
    assert spawner.sessions() == ()
    assert "FLEET_HOME" in spawner.check()[0].message


def test_a_supervisor_that_cannot_be_started_leaves_the_slot_free(place, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(place.root / "no-such-python"))
    assert isinstance(place.spawner.start(order()), Refused)
    assert not probe(place.spawner.slots / "ui_builder-0.lock")


@pytest.mark.parametrize("feed", [b"", b'{"run_dir": "/nonexi'])
def test_a_supervisor_whose_order_is_not_whole_does_nothing_and_frees_the_slot(place, feed):
    file = place.spawner.slots / "ui_builder-0.lock"
    lock = take(file)
    started = place.root / "started"
    write_record(lock, {"run": "run-0", "stage": "starting"})
    before = file.read_text()
    child = subprocess.Popen(
        [sys.executable, "-I", "-S", supervisor.__file__, str(lock), "run-0"], stdin=subprocess.PIPE, pass_fds=(lock,)
    )
    os.close(lock)
    assert probe(file)
    child.communicate(feed)
    assert child.returncode == 0
    assert not probe(file)
    assert file.read_text() == before
    assert not started.exists()


def test_a_pass_killed_in_mid_start_leaves_a_free_slot(place):
    """The supervisor is there and has the lock; the pass that should feed it dies first."""
    text = (
        "import importlib, os, signal, sys\n"
        "from pathlib import Path\n"
        "local = importlib.import_module('fleet.spawners.local')\n"
        "def die(*_): os.kill(os.getpid(), signal.SIGKILL)\n"
        "local.write_record = die\n"
        "sys.path.insert(0, sys.argv[2])\n"
        "from spawner_contract import order, sleeper\n"
        "local.LocalSpawner(Path(sys.argv[1])).start(order(agent=sleeper()))\n"
    )
    done = subprocess.run([sys.executable, "-c", text, str(place.home), str(Path(__file__).parent)], check=False)
    assert done.returncode == -signal.SIGKILL
    file = place.spawner.slots / "ui_builder-0.lock"
    wait_for(lambda: not probe(file))
    assert isinstance(place.spawner.start(order(agent=sleeper())), Started)
    at_work(place.spawner)


# killing


def test_a_killed_agent_frees_the_slot_and_is_a_crash(place):
    place.spawner.start(order(agent=sleeper("sleep 300 & :")))
    found = at_work(place.spawner)
    (agent,) = wait_for(lambda: children(found.pid))
    (left,) = wait_for(lambda: children(agent))
    kill(agent)
    assert ended(place.spawner).outcome == "crash"
    assert not alive(left)


def test_a_killed_supervisor_takes_its_agent_along(place):
    place.spawner.start(order(agent=sleeper()))
    found = at_work(place.spawner)
    (agent,) = wait_for(lambda: children(found.pid))
    kill(found.pid)
    wait_for(lambda: not alive(agent))
    assert ended(place.spawner).outcome == "lost"
    assert isinstance(place.spawner.start(order(agent=sleeper())), Started)


def test_a_publish_that_is_killed_is_run_once_more(place, tmp_path):
    note = tmp_path / "once"
    text = (
        "import os, sys, signal, pathlib\n"
        f"note = pathlib.Path({str(note)!r})\n"
        "if not note.exists():\n    note.touch(); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    place.spawner.start(order(stages={"publish": {"argv": python(text), "seconds": 60, "secrets": ["A_TOKEN"]}}))
    ended(place.spawner)
    assert note.exists()


def test_an_agent_that_heeds_no_polite_signal_is_killed(place, monkeypatch):
    """The supervisor waits ten seconds; here it is told by a copy of itself to wait less."""
    text = Path(supervisor.__file__).read_text().replace("GRACE = 10.0", "GRACE = 0.2")
    copy = place.root / "supervisor.py"
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_text(text)
    monkeypatch.setattr(supervisor, "__file__", str(copy))
    stubborn = ["/bin/sh", "-c", "trap '' TERM; while :; do sleep 300; done"]
    place.spawner.start(order(agent=stubborn, seconds=0.2))
    assert ended(place.spawner).outcome == "timeout"


# leftovers


def test_a_daemon_does_not_outlive_its_session(place, tmp_path):
    argv, note = daemon(tmp_path, stays=0)
    place.spawner.start(order(agent=argv))
    assert ended(place.spawner).outcome == "published"
    assert not alive(pid_in(note))
    assert place.spawner.strays() == ()


def stray(place, tmp_path, slot="ui_builder-0"):
    """A daemon whose supervisor was killed."""
    argv, note = daemon(tmp_path)
    one = order(slot, agent=argv)
    mark = {MARK: f"{place.spawner.slots}/{slot}", "FLEET_RUN": one.run, "PATH": os.environ["PATH"]}
    one.job["agent_env"] |= mark  # as a harness does
    place.spawner.start(one)
    found, pid = at_work(place.spawner, slot), pid_in(note)
    kill(found.pid)
    ended(place.spawner, slot)
    assert alive(pid)
    return pid


def test_a_daemon_of_a_dead_supervisor_is_ended_by_the_next_start(place, tmp_path):
    pid = stray(place, tmp_path)
    assert place.spawner.strays() == ("ui_builder-0",)
    assert isinstance(place.spawner.start(order(agent=sleeper())), Started)
    assert not alive(pid)
    assert place.spawner.strays() == ()
    at_work(place.spawner)


def test_a_daemon_is_ended_by_the_next_start_also_when_the_note_is_torn(place, tmp_path):
    pid = stray(place, tmp_path)
    (place.spawner.slots / "ui_builder-0.lock").write_text('{"run": "x"}}')
    assert isinstance(place.spawner.start(order(agent=sleeper())), Started)
    assert not alive(pid)
    at_work(place.spawner)


def test_a_daemon_in_a_slot_that_nobody_starts_is_swept(place, tmp_path):
    pid = stray(place, tmp_path)
    place.spawner.start(order("ui_builder-1", agent=sleeper()))
    neighbour = at_work(place.spawner, "ui_builder-1")
    assert place.spawner.sweep("ui_builder-0") == 1
    assert not alive(pid)
    assert place.spawner.sweep("ui_builder-0") == 0
    assert place.spawner.strays() == ()
    assert at_work(place.spawner, "ui_builder-1") == neighbour


def test_slots_whose_names_begin_alike_are_not_mistaken(place, tmp_path):
    pid = stray(place, tmp_path, "ui_builder-10")
    assert place.spawner.sweep("ui_builder-1") == 0
    assert alive(pid)
    assert place.spawner.strays() == ("ui_builder-10",)


def test_a_process_id_that_was_used_again_is_not_stopped(place):
    stranger = subprocess.Popen(["/bin/sleep", "300"])
    lock = take(place.spawner.slots / "ui_builder-0.lock")
    try:
        write_record(lock, {"run": "run-0", "pid": stranger.pid, "stage": "agent"})
        assert not place.spawner.stop("run-0")
        assert stranger.poll() is None
    finally:
        os.close(lock)
        stranger.kill()
        stranger.wait()


# who holds what


def agent_of(found):
    """The agent's process id once it is the agent: between fork and exec it is a copy of its supervisor."""
    (agent,) = wait_for(lambda: children(found.pid))
    wait_for(lambda: b"sleep" in Path(f"/proc/{agent}/cmdline").read_bytes())
    return agent


def test_no_child_holds_the_lock(place):
    place.spawner.start(order(agent=sleeper()))
    found = at_work(place.spawner)
    agent = agent_of(found)
    file = str(place.spawner.slots / "ui_builder-0.lock")
    assert probe(place.spawner.slots / "ui_builder-0.lock")
    assert file not in targets(agent)
    assert file not in targets(os.getpid())


def test_the_supervisor_shows_no_secret(place):
    """Neither in its environment, its arguments, its descriptors, nor in any file of the fleet."""
    place.spawner.start(order(agent=sleeper()))
    found = at_work(place.spawner)
    agent = agent_of(found)
    for pid in (found.pid, agent):
        for what in ("environ", "cmdline"):
            assert SECRET.encode() not in shown(pid, what)
        assert not [target for target in targets(pid) if target.startswith("pipe:") and readable(pid, target)]
    for file in place.root.rglob("*"):
        assert not file.is_file() or SECRET.encode() not in file.read_bytes()


def test_the_agent_alone_reads_its_key_from_a_descriptor(place, tmp_path):
    note = tmp_path / "key"
    reads = ["/bin/sh", "-c", f'cat <&"$KEY_FD" > {note}; exec sleep 300']
    place.spawner.start(order(agent=reads, key={"way": "fd", "secret": "A_TOKEN", "name": "KEY_FD"}))
    found = at_work(place.spawner)
    assert wait_for(lambda: note.exists() and note.read_text()) == SECRET
    agent = agent_of(found)
    assert SECRET.encode() not in Path(f"/proc/{agent}/environ").read_bytes()


def test_a_stage_without_secrets_is_given_none(place, tmp_path):
    note = tmp_path / "check"
    check = {"argv": ["/bin/sh", "-c", f"cat > {note}"], "seconds": 60, "secrets": []}
    place.spawner.start(order(agent=["/bin/true"], stages={"check": check}))
    ended(place.spawner)
    told = json.loads(note.read_text())
    assert told["secrets"] == {}
    assert SECRET not in note.read_text()


def shown(pid, what):
    """What /proc shows of a process; a supervisor shows it to root alone."""
    try:
        return Path(f"/proc/{pid}/{what}").read_bytes()
    except PermissionError:
        return b""


def targets(pid):
    found = []
    if not os.access(f"/proc/{pid}/fd", os.R_OK):
        return found
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.append(str(link.readlink()))
        except FileNotFoundError:
            continue
    return found


def readable(pid, target):
    """Whether a pipe that this process holds for reading still has something in it."""
    for link in Path(f"/proc/{pid}/fd").iterdir():
        if str(link.readlink()) == target and os.access(link, os.R_OK):
            try:
                handle = os.open(link, os.O_RDONLY | os.O_NONBLOCK)
            except OSError:
                continue
            try:
                return SECRET.encode() in os.read(handle, 4096)
            except BlockingIOError:
                return False
            finally:
                os.close(handle)
    return False


# size and speed


def test_a_supervisor_is_small_while_its_agent_works(place):
    place.spawner.start(order(agent=sleeper()))
    found = at_work(place.spawner)
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{found.pid}/status").read_text().splitlines())
    assert int(fields["VmRSS"].split()[0]) <= 16 * 1024


def test_an_inventory_of_five_hundred_slots_is_near_its_floor(place):
    """The floor: open each file, ask for the lock, read the note. Ratio of the best of several, taken in turn."""
    held = []
    for n in range(500):
        lock = take(place.spawner.slots / f"role-{n}.lock")
        write_record(lock, {"run": f"run-{n}", "role": "role", "started_at": 1.0, "until": 2.0, "stage": "ended"})
        held.append(lock) if n % 10 == 0 else os.close(lock)
    floor, took = [], []
    for _ in range(7):
        floor.append(timed(lambda: [bare(file) for file in sorted(place.spawner.slots.glob("*.lock"))]))
        took.append(timed(place.spawner.sessions))
    found = place.spawner.sessions()
    assert (len(found), sum(s.running for s in found)) == (500, 50)
    for lock in held:
        os.close(lock)
    assert min(took) < 6 * min(floor)


def bare(file):
    handle = os.open(file, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.read(handle, 4096)
    finally:
        os.close(handle)
    return b""


def timed(what):
    start = time.perf_counter()
    what()
    return time.perf_counter() - start


def test_a_note_that_makes_no_sense_does_not_hide_a_session(place):
    lock = take(place.spawner.slots / "ui_builder-0.lock")
    try:
        os.pwrite(lock, b'["not", "a", "note"]', 0)
        (found,) = place.spawner.sessions()
        assert found.running
        assert found.slot == "ui_builder-0"
    finally:
        os.close(lock)


def test_a_run_that_is_not_here_has_no_logs(place):
    with pytest.raises(SpawnError, match="no such run"):
        list(place.spawner.logs("run-0"))
