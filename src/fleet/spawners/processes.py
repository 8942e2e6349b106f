"""Processes of ours by the mark in their environment: find them, end them. Linux reads /proc; elsewhere none are found.

A process may overwrite its mark, so this is the net under the supervisor's own clean-up, not the first line.
"""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

MARK = "FLEET_SLOT"
"""The variable that every process of a session carries: the path of its slot."""
_PROC = Path("/proc")


def marked(prefix: str) -> dict[str, list[int]]:
    """Process ids of this account by their mark, for marks that begin so."""
    found: dict[str, list[int]] = {}
    for pid, mark in _scan(prefix):
        found.setdefault(mark, []).append(pid)
    return found


def end_all(mark: str) -> int:
    """Kill every process with exactly this mark until none is left; returns how many. The slot's lock must be held."""
    ended = 0
    for _ in range(50):
        pids = [pid for pid, found in _scan(mark) if found == mark]
        if not pids:
            return ended
        ended += sum(_kill(pid, mark) for pid in pids)
        time.sleep(0.01)
    return ended


def send_term(pid: int, run: str, *, final: bool = False) -> bool:
    """Ask the supervisor of a run to end; False when that process is not it (a process id is used again)."""
    number = signal.SIGKILL if final else signal.SIGTERM
    if not _PROC.is_dir():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
            return True
        return False
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        if run.encode() not in (_PROC / str(pid) / "cmdline").read_bytes().split(b"\0"):
            return False
        signal.pidfd_send_signal(handle, number)
        return True
    except (ProcessLookupError, FileNotFoundError):
        return False
    finally:
        os.close(handle)


def _scan(prefix: str) -> Iterator[tuple[int, str]]:
    """Yield (process id, mark). Another account's processes cannot be read and are not ours."""
    needle = f"{MARK}={prefix}".encode()
    for entry in os.scandir(_PROC) if _PROC.is_dir() else ():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            mark = _mark_of(int(entry.name), needle)
            if mark:
                yield int(entry.name), mark


def _mark_of(pid: int, needle: bytes) -> str:
    try:
        environ = (_PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return ""
    for pair in environ.split(b"\0") if needle in environ else ():
        if pair.startswith(needle):
            return pair.split(b"=", 1)[1].decode(errors="replace")
    return ""


def _kill(pid: int, mark: str) -> int:
    """Kill through a descriptor opened before the mark is read again, so that a reused id is never hit."""
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return 0
    try:
        if _mark_of(pid, f"{MARK}={mark}".encode()) != mark:
            return 0
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    except OSError:
        return 0
    finally:
        os.close(handle)
    return 1
