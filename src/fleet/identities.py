"""Whose token is which: a cache on disk, so that a quiet pass need not ask. Holds ids by a digest, never a token."""

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from fleet.models import Actor


def cached(file: Path, api_url: str, token: str, ask: Callable[[], Actor], *, keep: bool) -> Actor:
    """The account of a token; asked once and then remembered, unless ``keep`` is off. Raises what ``ask`` raises."""
    key = hashlib.sha256(f"{api_url}\0{token}".encode()).hexdigest()[:32]
    known: dict[str, dict[str, str]] = {}
    with suppress(OSError, ValueError):
        known = json.loads(file.read_text())
    with suppress(TypeError, KeyError):
        return Actor(**known[key])
    actor = ask()
    if keep:
        with suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            draft = file.with_suffix(f".{os.getpid()}")
            draft.write_text(json.dumps({**known, key: asdict(actor)}))
            draft.replace(file)
    return actor
