"""The lock file of a slot: take it, look at it, and the note that stands in it. The note is never read to decide."""

import contextlib
import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any

TRIES = 4
"""A reader's probe holds the lock for microseconds; with four tries one start in a thousand is put off by it."""


def take(file: Path) -> int | None:
    """Take the slot; returns the descriptor that holds it, or None when it is held. Raises OSError."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    try:
        handle = os.open(file, flags, 0o600)
    except FileNotFoundError:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(file, flags, 0o600)
    for n in range(1, TRIES + 1):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return handle
        if n < TRIES:
            time.sleep(0.001 * n)
    os.close(handle)
    return None


def look(file: Path | str) -> tuple[bool, dict[str, Any]]:
    """Whether somebody holds the slot, and its note, with one open. Raises OSError."""
    try:
        handle = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False, {}
    try:
        held = _held(handle)  # first: read before, the note of a session that is just ending would be the older one
        return held, read_record(handle)
    finally:
        os.close(handle)


def probe(file: Path) -> bool:
    """Whether somebody holds the slot. Raises OSError other than "no such file"."""
    try:
        handle = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return _held(handle)
    finally:
        os.close(handle)


def _held(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def read_record(file: Path | int) -> dict[str, Any]:
    """The note in a slot's file; empty when there is none or it is being written."""
    try:
        text = os.pread(file, 8192, 0) if isinstance(file, int) else file.read_bytes()
        record = json.loads(text)
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def write_record(handle: int, record: dict[str, Any]) -> None:
    """Replace the note, by whoever holds the lock."""
    text = json.dumps(record).encode()
    os.pwrite(handle, text, 0)
    os.ftruncate(handle, len(text))
