"""What may leave a session: each gate names one thing that is wrong with the work, or nothing. Pure.

To add a gate: one function, one line in ``GATES``, one row in tests/test_gates.py.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from fleet.merge import SKIPS_CI, is_protected

MOST_FILES = 60
MOST_LINES = 1_500
"""Larger changes are refused in review anyway; the agent is asked for one topic."""
MARKER = "<!-- fleet:"
_CLOSES = re.compile(
    r"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?)\b:?\s+"
    r"(?:(?:[\w.-]+/[\w.-]+)?#|GH-|https?://[^\s/]+/[\w.-]+/[\w.-]+/(?:issues|pull)/)(\d+)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a builder wants published."""

    title: str
    body: str
    closes: Sequence[int]
    changes: Sequence[tuple[str, int]]
    may_change: Sequence[str] = ()
    issue: int = 0
    """The issue the session was given; 0 for none."""


Gate = Callable[[Work], str | None]


def refusal(work: Work) -> str | None:
    """The first thing in the way of publishing; None when nothing is."""
    return next((why for gate in GATES if (why := gate(work))), None)


def _changed(work: Work) -> str | None:
    return None if work.changes else "nothing was changed although the answer has a title"


def _size(work: Work) -> str | None:
    lines = sum(max(n, 0) for _, n in work.changes)
    if len(work.changes) > MOST_FILES:
        return f"{len(work.changes)} files are changed, at most {MOST_FILES} fit into one review"
    return f"{lines} lines are changed, at most {MOST_LINES} fit into one review" if lines > MOST_LINES else None


def _paths(work: Work) -> str | None:
    for path, _ in work.changes:
        if any(ord(char) < 32 or "\udc80" <= char <= "\udcff" for char in path):
            return f"{path!r} is not a file name that people can read"
        if is_protected(path) and not any(fnmatchcase(path, pattern) for pattern in work.may_change):
            return f"{path} is protected; this role may not change it"
    return None


def _skips_ci(work: Work) -> str | None:
    text = f"{work.title}\n{work.body}".lower()
    word = next((word for word in SKIPS_CI if word in text), None)
    return f"{word} would switch CI off" if word else None


def _foreign_issue(work: Work) -> str | None:
    named = {int(n) for n in _CLOSES.findall(f"{work.title}\n{work.body}")} | set(work.closes)
    foreign = sorted(named - {work.issue})
    return f"it would close #{foreign[0]}, which this session was not given" if foreign else None


def _marker(work: Work) -> str | None:
    return "it carries a marker of fleet's own" if MARKER in work.title + work.body else None


def _title(work: Work) -> str | None:
    return "the title has more than one line" if "\n" in work.title.strip() else None


GATES: tuple[Gate, ...] = (_changed, _title, _size, _paths, _skips_ci, _foreign_issue, _marker)
