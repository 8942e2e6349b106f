"""What git's diff says, as GitHub shows it. Rule: text in, values out; nothing here runs git."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Change:
    """One file of a diff. `left` and `right` are the line numbers a review comment may name."""

    path: str
    status: str
    blob: str
    additions: int
    deletions: int
    patch: str
    left: frozenset[int]
    right: frozenset[int]
    previous: str = ""
    """The name a renamed file had before."""


def read_changes(listing: str, text: str) -> list[Change]:
    """Read `git diff --raw --numstat` and the patch text of the same two commits."""
    patches = dict(map(_patch, filter(None, re.split(r"(?m)^diff --git ", text))))
    raw: dict[str, tuple[str, str]] = {}
    found = []
    for line in listing.splitlines():
        first, *rest = line.split("\t")
        if first.startswith(":"):
            _, _, _, blob, letter = first.split(" ")
            raw[rest[0]] = ({"A": "added", "D": "removed"}.get(letter, "modified"), blob)
        elif rest:
            added, deleted = (int(n) if n != "-" else 0 for n in (first, rest[0]))
            patch = patches.get(rest[1], "")
            found.append(Change(rest[1], *raw[rest[1]], added, deleted, patch, *_lines(patch)))
    return found


def with_renames(changes: list[Change], listing: str) -> list[Change]:
    """Put the two halves of each rename together, from `git diff -M --diff-filter=R --name-status -z`."""
    words = listing.split("\0")
    before = dict(zip(words[2::3], words[1::3], strict=False))
    gone = set(before.values())
    return [
        replace(change, status="renamed", previous=before[change.path]) if change.path in before else change
        for change in changes
        if change.path not in gone
    ]


def _patch(text: str) -> tuple[str, str]:
    """(path, hunks) of one file of a diff."""
    head, mark, hunks = text.partition("\n@@ ")
    named = re.search(r"(?m)^\+\+\+ b/(.*?)\t?$", head) or re.search(r"(?m)^--- a/(.*?)\t?$", head)
    return (named[1] if named else head.split(" b/", 1)[-1].split("\n")[0]), (f"@@ {hunks}" if mark else "").rstrip(
        "\n"
    )


def _lines(patch: str) -> tuple[frozenset[int], frozenset[int]]:
    """The line numbers inside the hunks, before and after: where GitHub takes review comments."""
    left: set[int] = set()
    right: set[int] = set()
    old = new = 0
    for line in patch.splitlines():
        if start := re.match(r"@@ -(\d+)(?:,\d+)? \+(\d+)", line):
            old, new = int(start[1]), int(start[2])
            continue
        if line[:1] in (" ", "-"):
            left.add(old)
            old += 1
        if line[:1] in (" ", "+"):
            right.add(new)
            new += 1
    return frozenset(left), frozenset(right)
