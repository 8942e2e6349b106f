"""The one process that lives as long as its slot: starts the stages of a run in turn and holds them to their time.

Standard library only, run as ``python -I -S supervisor.py LOCK_FD RUN`` with a JSON document on stdin, so that it stays
small (facts: 38 supervisors with ``site`` cost twice the memory). It alone holds the slot's lock. It keeps the secrets
of the run in its own memory, never in its environment, in a descriptor or on disk, and hands them by pipe to the two
stages that need them; no child of it sees them otherwise, and on Linux nobody of the same account can read its memory.

The document: ``run_dir``, ``env`` (for prepare, check, publish), ``stages`` ({name: {argv, seconds, secrets}}),
``deadline`` (epoch seconds), ``record`` (what stands in the slot's file) and ``secrets`` ({variable: value}).
``prepare`` leaves ``plan.json`` (what the agent is to be given) or none: nothing to do.
"""

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time

LINUX = sys.platform.startswith("linux")
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 1, 4, 36  # linux/prctl.h
GRACE = 10.0
"""Seconds between a polite and a final signal."""
LAST_WORDS = 120.0
"""Seconds that publish gets after a stop or past the deadline, to write down what happened."""


def prctl(option: int, value: int) -> None:
    """Linux only; elsewhere the sweep of the next pass does what these would."""
    if LINUX:
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


class Supervisor:
    """One run of one slot."""

    def __init__(self, order: dict, lock: int) -> None:  # type: ignore[type-arg]
        self.order = order
        self.lock = lock
        self.dir: str = order["run_dir"]
        self.record: dict = order["record"] | {"pid": os.getpid()}  # type: ignore[type-arg]
        self.stopped = ""
        self.wake, wake = os.pipe()
        for end in (self.wake, wake):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)

    def _stop(self, *_: object) -> None:
        self.stopped = self.stopped or "stopped"

    def run(self) -> None:
        """All stages. Whatever happens before, publish has the last word: it alone writes the ledger."""
        code = self.stage("prepare")
        plan = self.read("plan.json")
        if code == 0 and plan and not self.stopped:
            self.note(item=plan.get("item", ""))
            result = self.agent(plan)
            self.write("agent.json", result)
            if not self.stopped:
                self.stage("check")
        elif code or self.stopped:
            self.write("agent.json", {"killed": self.stopped or "prepare", "rc": code})
        if self.stage("publish") < 0:
            self.stage("publish")  # killed by a signal; it is safe to repeat
        result = self.read("outcome.json") or {}
        self.note(
            stage="ended", outcome=result.get("outcome", "lost"), reason=str(result.get("reason", ""))[:300],
            ended_at=time.time(),
        )  # fmt: skip
        self.write("record.json", self.record)

    def stage(self, name: str) -> int:
        """Run one of our own stages; returns its exit code, negative for a signal."""
        spec = self.order["stages"][name]
        self.note(stage=name)
        feed = dict(self.order["job"])
        feed["secrets"] = {
            name: self.order["secrets"][name] for name in spec["secrets"] if name in self.order["secrets"]
        }
        seconds = float(spec["seconds"])
        left = self.order["deadline"] - time.time()
        seconds = min(seconds, max(left, LAST_WORDS if name == "publish" else 0.0))
        last = name == "publish"  # it may not be stopped: what it has begun outside must be written down
        if last and self.stopped:
            seconds = min(seconds, LAST_WORDS)
        with open(f"{self.dir}/{name}.log", "ab") as log:  # noqa: PTH123  pathlib would cost two megabytes
            child = subprocess.Popen(
                spec["argv"], stdin=subprocess.PIPE, stdout=log, stderr=log, env=self.order["env"], cwd="/",
                start_new_session=True, preexec_fn=die_with_parent,
            )  # fmt: skip
        assert child.stdin
        with contextlib.suppress(BrokenPipeError):
            child.stdin.write(json.dumps(feed).encode())
            child.stdin.close()
        self.watch(child, seconds, heed_stop=not last)
        return child.returncode

    def agent(self, plan: dict) -> dict:  # type: ignore[type-arg]
        """Run the agent as planned; returns what became of it."""
        self.note(stage="agent")
        keys: list[int] = []
        env = dict(plan["env"])
        if key := plan.get("key"):
            value = self.order["secrets"].get(key["secret"], "")
            if key["way"] == "fd":
                reading, writing = os.pipe()
                os.write(writing, value.encode())
                os.close(writing)
                keys.append(reading)
                env[key["name"]] = str(reading)
        start = time.monotonic()
        with (
            open(plan["prompt"], "rb") as prompt,  # noqa: PTH123
            open(f"{self.dir}/agent.out", "ab") as out,  # noqa: PTH123
            open(f"{self.dir}/agent.err", "ab") as err,  # noqa: PTH123
        ):
            try:
                child = subprocess.Popen(
                    plan["argv"], stdin=prompt, stdout=out, stderr=err, env=env, cwd=plan["cwd"],
                    start_new_session=True, preexec_fn=die_with_parent, pass_fds=keys,
                )  # fmt: skip
            except OSError as error:
                return {"killed": "not started", "rc": None, "error": f"{plan['argv'][0]}: {error.strerror}"}
            finally:
                for fd in keys:
                    os.close(fd)
        seconds = min(plan["seconds"], self.order["deadline"] - time.time())
        killed = self.watch(child, seconds, idle=plan.get("idle_seconds"), grows=f"{self.dir}/agent.out")
        return {"killed": killed, "rc": child.returncode, "seconds": round(time.monotonic() - start, 1)}

    def watch(
        self, child: "subprocess.Popen[bytes]", seconds: float, *, idle: float | None = None, grows: str = "",
        heed_stop: bool = True,
    ) -> str:  # fmt: skip
        """Wait for a child; ends it and all it left when its time is up, it went silent, or we are told to stop."""
        end, why = time.monotonic() + seconds, ""
        size, grown = 0, time.monotonic()
        while child.poll() is None:
            why = (heed_stop and self.stopped) or ("timeout" if time.monotonic() > end else "")
            if idle and os.stat(grows).st_size != size:  # noqa: PTH116  the clock on the wall may jump, or the host sleep
                size, grown = os.stat(grows).st_size, time.monotonic()  # noqa: PTH116
            if not why and idle and time.monotonic() - grown > idle:
                why = "stalled"
            if why:
                self.end(child)
                break
            select.select([self.wake], [], [], 1.0)
            with contextlib.suppress(BlockingIOError):
                os.read(self.wake, 4096)
        clear_descendants()
        return why

    def end(self, child: "subprocess.Popen[bytes]") -> None:
        """TERM, ten seconds, KILL: the whole process group."""
        for number, patience in ((signal.SIGTERM, GRACE), (signal.SIGKILL, None)):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(patience)
                return

    def note(self, **facts: object) -> None:
        """Write the slot's file: a hint for people and for ``fleet status``, never read to decide who runs."""
        self.record.update(facts)
        text = json.dumps(self.record).encode()
        with contextlib.suppress(OSError):
            os.pwrite(self.lock, text, 0)
            os.ftruncate(self.lock, len(text))

    def read(self, name: str) -> dict | None:  # type: ignore[type-arg]
        """One JSON document of the run's folder; None when it is not there or not whole."""
        try:
            with open(f"{self.dir}/{name}", "rb") as file:  # noqa: PTH123
                document = json.load(file)
        except (OSError, ValueError):
            return None
        return document if isinstance(document, dict) else None

    def write(self, name: str, document: dict) -> None:  # type: ignore[type-arg]
        """Put one JSON document into the run's folder, whole or not at all."""
        with contextlib.suppress(OSError):
            with open(f"{self.dir}/.{name}", "w") as file:  # noqa: PTH123
                json.dump(document, file)
            os.replace(f"{self.dir}/.{name}", f"{self.dir}/{name}")  # noqa: PTH105


def die_with_parent() -> None:
    """In the child, before exec: the kernel ends it when the supervisor dies, however that happens."""
    if LINUX:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != SUPERVISOR:
            os._exit(1)


def clear_descendants() -> None:
    """End what a stage left behind. What fled its process group was handed to us: we are its subreaper."""
    while LINUX:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:  # noqa: PTH123
            left = file.read().split()
        if not left:
            return
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(int(pid), signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, 0)


def main() -> None:
    """Take the order and run it. An order that is not whole means that the pass died: nothing was begun."""
    lock = int(sys.argv[1])
    os.set_inheritable(lock, False)  # noqa: FBT003
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    prctl(PR_SET_DUMPABLE, 0)
    try:
        order = json.loads(sys.stdin.buffer.read())
    except ValueError:
        return
    os.close(0)
    os.open(os.devnull, os.O_RDONLY)
    Supervisor(order, lock).run()


if __name__ == "__main__":
    SUPERVISOR = os.getpid()
    LIBC = ctypes.CDLL(None)
    main()
