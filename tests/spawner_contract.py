"""What every spawner must keep, with real processes. A test class for one spawner inherits `SpawnerContract`.

The stages are tiny: `prepare` plans the agent that the order's job names, `publish` writes down what became of it.
Rule: nothing here knows how a spawner does it; that stands in the spawner's own test.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from fleet.spawners import Order, Started, Taken
from ground import wait_for

SLOTS = 38
PASSES = 16
SECRET = "fake-secret-7e1f"
RUNS = count(1)

PREPARE = """
import json, sys
job = json.load(sys.stdin)
if job.get("agent"):
    plan = {"item": "issue-1", "argv": job["agent"], "env": job["agent_env"], "cwd": job["run_dir"],
            "prompt": "/dev/null", "seconds": job["seconds"], "idle_seconds": job["idle"], "key": job["key"]}
    with open(job["run_dir"] + "/plan.json", "w") as file:
        json.dump(plan, file)
"""
PUBLISH = """
import json, sys
job = json.load(sys.stdin)
try:
    agent = json.load(open(job["run_dir"] + "/agent.json"))
except OSError:
    agent = {}
outcome = agent.get("killed") or ("crash" if agent.get("rc") else "published" if agent else "idle")
with open(job["run_dir"] + "/outcome.json", "w") as file:
    json.dump({"outcome": outcome}, file)
"""
RACER = """
import json, sys
from datetime import datetime
from pathlib import Path
from fleet.spawners import SPAWNERS, Order, Started
spec = json.loads(sys.stdin.readline())
spawner = SPAWNERS[spec["spawner"]](Path(spec["home"]))
orders = [Order(**{**o, "seen_at": datetime.fromisoformat(o["seen_at"]), "until": datetime.fromisoformat(o["until"])})
          for o in spec["orders"]]
print("ready", flush=True)
sys.stdin.readline()
print(json.dumps([type(spawner.start(order)).__name__ for order in orders]))
"""


def python(text, *more):
    return [sys.executable, "-I", "-S", "-c", text, *more]


def sleeper(*before):
    """An agent that sleeps until it is ended, after running some shell words."""
    return ["/bin/sh", "-c", "; ".join([*before, "exec sleep 300"])]


def order(slot="ui_builder-0", agent=None, *, seconds=300.0, idle=None, key=None, seen_at=None, until=None, **more):
    now = datetime.now(UTC)
    job = {"agent": agent, "agent_env": {"PATH": os.environ["PATH"]}, "seconds": seconds, "idle": idle, "key": key}
    stages = {
        "prepare": {"argv": python(PREPARE), "seconds": 60, "secrets": ["A_TOKEN"]},
        "check": {"argv": ["/bin/true"], "seconds": 60, "secrets": []},
        "publish": {"argv": python(PUBLISH), "seconds": 60, "secrets": ["A_TOKEN"]},
    } | more.pop("stages", {})
    return Order(
        slot=slot,
        role=slot.rsplit("-", 1)[0],
        run=f"run-{next(RUNS):06}-{os.urandom(4).hex()}",
        seen_at=seen_at or now,
        until=until or now + timedelta(minutes=5),
        stages=stages,
        job=job | more.pop("job", {}),
        env={"PATH": os.environ["PATH"]},
        secrets={"A_TOKEN": SECRET},
    )


def session(spawner, slot="ui_builder-0"):
    return next((s for s in spawner.sessions() if s.slot == slot), None)


def at_work(spawner, slot="ui_builder-0"):
    """The session once its agent works."""
    return wait_for(lambda: (s := session(spawner, slot)) and s.running and s.stage == "agent" and s)


def ended(spawner, slot="ui_builder-0"):
    """The session once it has ended."""
    return wait_for(lambda: (s := session(spawner, slot)) and not s.running and s)


def as_text(one: Order):
    return asdict(one) | {"seen_at": one.seen_at.isoformat(), "until": one.until.isoformat()}


def race(name, home: Path, slots, agent, passes=PASSES):
    """All slots started by as many passes at once, each a process of its own; returns how often each answer came."""
    racers = []
    for _ in range(passes):
        racer = subprocess.Popen(
            [sys.executable, "-c", RACER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ
        )
        orders = [as_text(order(slot, **agent)) for slot in slots]
        racer.stdin.write(json.dumps({"spawner": name, "home": str(home), "orders": orders}) + "\n")
        racer.stdin.flush()
        racers.append(racer)
    assert [racer.stdout.readline() for racer in racers] == ["ready\n"] * passes
    with ThreadPoolExecutor(passes) as pool:
        answers = list(pool.map(lambda racer: json.loads(racer.communicate("go\n")[0]), racers))
    return [Counter(per_slot) for per_slot in zip(*answers, strict=True)]


class SpawnerContract:
    """Inherit, and give the fixture `place`: `.name`, `.home`, `.at(fleet)` for a spawner of another fleet."""

    def test_a_slot_is_started_once(self, place):
        first, second = order(agent=sleeper()), order(agent=sleeper())
        assert place.spawner.start(first) == Started(first.run)
        assert isinstance(place.spawner.start(second), Taken)
        found = at_work(place.spawner)
        assert (found.run, found.role, found.item) == (first.run, "ui_builder", "issue-1")
        assert abs((found.until - first.until).total_seconds()) < 1

    def test_sixteen_passes_at_once_start_each_slot_once(self, place):
        slots = [f"role_{n % 8}-{n // 8}" for n in range(SLOTS)]
        idle = {"prepare": {"argv": ["/bin/sleep", "300"], "seconds": 300, "secrets": []}}
        answers = race(place.name, place.home, slots, {"stages": idle})
        assert answers == [Counter(Started=1, Taken=PASSES - 1)] * SLOTS
        running = [s for s in place.spawner.sessions() if s.running]
        assert sorted(s.slot for s in running) == sorted(slots)
        assert len({s.run for s in running}) == SLOTS

    def test_a_slot_that_had_its_session_since_the_pass_looked_is_taken(self, place):
        looked = datetime.now(UTC)
        assert isinstance(place.spawner.start(order()), Started)
        assert ended(place.spawner).outcome == "idle"
        assert isinstance(place.spawner.start(order(seen_at=looked)), Taken)
        assert isinstance(place.spawner.start(order()), Started)

    def test_an_agent_that_ends_leaves_a_free_slot_with_its_outcome(self, place):
        place.spawner.start(order(agent=["/bin/sh", "-c", "echo said; exit 0"]))
        assert ended(place.spawner).outcome == "published"
        place.spawner.start(order(agent=["/bin/sh", "-c", "exit 3"]))
        assert ended(place.spawner).outcome == "crash"

    def test_an_agent_that_cannot_be_started_is_an_outcome(self, place):
        place.spawner.start(order(agent=["/nonexistent/agent"]))
        assert ended(place.spawner).outcome == "not started"

    def test_an_agent_runs_into_its_own_time(self, place):
        place.spawner.start(order(agent=sleeper(), seconds=0.2))
        assert ended(place.spawner).outcome == "timeout"

    def test_an_agent_runs_into_the_deadline_of_the_order(self, place):
        place.spawner.start(order(agent=sleeper(), until=datetime.now(UTC) + timedelta(seconds=0.8)))
        assert ended(place.spawner).outcome == "timeout"

    def test_an_agent_that_falls_silent_is_stalled(self, place):
        place.spawner.start(order(agent=sleeper("echo begun"), idle=0.3))
        assert ended(place.spawner).outcome == "stalled"

    def test_stop_ends_one_run_and_twice_is_harmless(self, place):
        one = order(agent=sleeper())
        place.spawner.start(one)
        place.spawner.start(other := order("ui_builder-1", agent=sleeper()))
        at_work(place.spawner), at_work(place.spawner, "ui_builder-1")
        assert place.spawner.stop(one.run)
        assert session(place.spawner).outcome == "stopped"
        assert not session(place.spawner).running
        assert not place.spawner.stop(one.run)
        assert not place.spawner.stop("a run that never was")
        assert session(place.spawner, "ui_builder-1").running
        assert session(place.spawner, "ui_builder-1").run == other.run

    def test_two_fleets_never_meet(self, place):
        other = place.at("other")
        mine, theirs = order(agent=sleeper()), order(agent=sleeper())
        assert isinstance(place.spawner.start(mine), Started)
        assert other.sessions() == ()
        assert isinstance(other.start(theirs), Started)
        at_work(place.spawner), at_work(other)
        assert not other.stop(mine.run)
        assert other.sweep("ui_builder-0") == place.spawner.sweep("ui_builder-0") == 0
        assert (place.spawner.strays(), other.strays()) == ((), ())
        assert session(place.spawner).run == mine.run
        assert session(other).run == theirs.run

    def test_a_live_slot_is_never_swept(self, place):
        place.spawner.start(order(agent=sleeper()))
        before = at_work(place.spawner)
        assert place.spawner.strays() == ()
        assert place.spawner.sweep(before.slot) == 0
        assert session(place.spawner) == before

    def test_logs_hold_what_the_stages_and_the_agent_said(self, place):
        one = order(agent=["/bin/sh", "-c", "echo to-stdout; echo to-stderr >&2"])
        place.spawner.start(one)
        ended(place.spawner)
        said = b"".join(place.spawner.logs(one.run))
        assert b"to-stdout" in said
        assert b"to-stderr" in said

    def test_a_healthy_place_has_nothing_to_complain_of(self, place):
        assert list(place.spawner.check()) == []
        assert place.spawner.sessions() == ()
