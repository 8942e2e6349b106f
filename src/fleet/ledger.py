"""What the fleet remembers: commits without files under ``refs/fleet/``, changed only by compare-and-swap.

Reading is one fetch and no API request; writing is one atomic push of several refs. Facts about git: a push with
``--atomic --force-with-lease=REF:OLD`` is a true compare-and-swap for creation, change and deletion (tried with 2.39).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime
from typing import Any

from fleet.errors import GitError
from fleet.mirror import ABSENT, Mirror, Swap
from fleet.models import Entry, Ledger

VERSION = 1
EVERYTHING = "+refs/fleet/*:refs/fleet/*"
_WRITER = "fleet <fleet@localhost>"
_TIMES = ("at", "until", "looked_at")
_KINDS: dict[str, Any] = {f.name: type(f.default) for f in fields(Entry) if f.name not in _TIMES}


def claim_ref(item: str) -> str:
    """The claim of an item; one for all fleets of a repository."""
    return f"refs/fleet/claim/{item}"


def look_ref(fleet: str, slot: str) -> str:
    """A slot's memory of its last run."""
    return f"refs/fleet/{fleet}/look/{slot}"


def account_ref(fleet: str, account: str) -> str:
    """A model account's rest, by the name of the variable that holds its key."""
    return f"refs/fleet/{fleet}/account/{account}"


def down_ref(fleet: str) -> str:
    """The first sight of production being down."""
    return f"refs/fleet/{fleet}/down"


def read(mirror: Mirror, fleet: str, *, shallow: bool = False) -> Ledger:
    """Read everything that is remembered. ``shallow`` for a throwaway mirror. Raises GitError."""
    try:
        mirror.fetch(EVERYTHING, *(["--depth=1"] if shallow else []))
    except GitError as error:
        # git 2.39, told a depth, ends with 1 and without a word when no ref matches: nothing is remembered yet.
        if not (shallow and str(error) == "git fetch: exit code 1"):
            raise
    return read_local(mirror, fleet)


def read_local(mirror: Mirror, fleet: str) -> Ledger:
    """Read what the mirror knew at its last fetch. Raises GitError."""
    raw = mirror.git.run(
        "for-each-ref", "--format=%(refname)%00%(objectname)%00%(contents)%00", "refs/fleet/", at=mirror.path
    )
    parts = raw.stdout.decode(errors="replace").split("\0")
    rows = zip(parts[0::3], parts[1::3], parts[2::3], strict=False)
    return sort_out(fleet, {ref.strip(): (oid, message) for ref, oid, message in rows})


def sort_out(fleet: str, refs: Mapping[str, tuple[str, str]]) -> Ledger:
    """Turn ``{ref: (commit, message)}`` into the ledger of one fleet. Pure."""
    own = f"refs/fleet/{fleet}/"
    found: dict[str, dict[str, Entry]] = {"refs/fleet/claim/": {}, own + "look/": {}, own + "account/": {}, own: {}}
    unreadable = []
    for ref, (oid, message) in refs.items():
        prefix = next((p for p in found if ref.startswith(p)), None)
        if not prefix:
            continue
        try:
            found[prefix][ref.removeprefix(prefix)] = decode(oid, message)
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            unreadable.append(ref)
            found[prefix][ref.removeprefix(prefix)] = Entry(oid=oid, state="unreadable")
    claims, looks, accounts, rest = found.values()
    return Ledger(
        claims=claims, looks=looks, accounts=accounts, down=rest.get("down"), unreadable=tuple(sorted(unreadable))
    )


def decode(oid: str, message: str) -> Entry:
    """Read one commit message. Raises ValueError when it is not an entry of a version we know."""
    return from_json(json.loads(message[message.index("\n{") :]), oid)


def from_json(document: Any, oid: str = "") -> Entry:  # noqa: ANN401  whatever a commit message held
    """Make an entry of a JSON document. Raises ValueError when it is not of a version we know."""
    if not isinstance(document, dict) or document.get("v") != VERSION:
        raise ValueError("not an entry of version 1")
    known = {f.name: document[f.name] for f in fields(Entry) if f.name in document and f.name != "oid"}
    for name in _TIMES:
        if known.get(name):
            known[name] = datetime.fromisoformat(known[name]).astimezone(UTC)
            if not 2000 <= known[name].year <= 2200:
                raise ValueError(f"{name} is out of range")
    # Whoever may push may write anything here: nothing that deciders would stumble over gets past.
    for name, kind in _KINDS.items():
        value = known.get(name, kind())
        fits = isinstance(value, int | float) and -1e9 < value < 1e9 if kind is float else isinstance(value, kind)
        if not fits:
            raise ValueError(f"{name} is not what it must be")
    return Entry(oid=oid or document.get("oid", ""), **known)


def encode(entry: Entry) -> str:
    """Write one commit message: a line for people and a JSON document."""
    document = {key: value for key, value in as_json(entry).items() if key != "oid"}
    line = f"{entry.slot or 'fleet'}: {entry.item} {entry.outcome or entry.state} {entry.reason}".split("\n")[0]
    line = "".join(char if char.isprintable() else " " for char in line)  # git takes no NUL, UTF-8 no lone surrogate
    return f"{line[:200].strip()}\n\n{json.dumps(document, sort_keys=True)}\n"


def as_json(entry: Entry) -> dict[str, Any]:
    """An entry as JSON, without what is empty."""
    document: dict[str, Any] = {"v": VERSION}
    for name, value in asdict(entry).items():
        if value not in (None, "", 0, 0.0):
            document[name] = value.isoformat() if isinstance(value, datetime) else value
    return document


def commit(mirror: Mirror, entry: Entry, parent: str) -> str:
    """Store an entry as a commit on top of ``parent`` (ABSENT: the first of its chain); returns its id. GitError."""
    git, at = mirror.git, mirror.path
    tree = git.text("hash-object", "-t", "tree", "-w", "--stdin", at=at)
    assert entry.at
    stamp = f"{_WRITER} {int(entry.at.timestamp())} +0000"
    lines = [f"tree {tree}", *([f"parent {parent}"] if parent else []), f"author {stamp}", f"committer {stamp}"]
    return git.text(
        "hash-object", "-t", "commit", "-w", "--stdin", at=at, feed=("\n".join(lines) + f"\n\n{encode(entry)}").encode()
    )


def swap(mirror: Mirror, changes: Sequence[tuple[str, Entry]], also: Sequence[Swap] = ()) -> dict[str, Entry]:
    """Write entries over those they were made from (``entry.oid``), with other refs in the same push, all or none.

    Returns the entries as they now stand. Raises LostRaceError when somebody was faster, GitError for the rest.
    """
    written = {ref: (entry.oid, commit(mirror, entry, entry.oid), entry) for ref, entry in changes}
    mirror.push([*(Swap(ref=ref, old=old, new=new) for ref, (old, new, _) in written.items()), *also])
    return {ref: replace(entry, oid=new) for ref, (_, new, entry) in written.items()}


def forget_claims(mirror: Mirror, claims: Mapping[str, str]) -> None:
    """Delete claims that are still what was seen, by item; all or none. Raises LostRaceError, GitError."""
    mirror.push([Swap(ref=claim_ref(item), old=oid, new=ABSENT) for item, oid in claims.items()])


def forget(mirror: Mirror, ref: str, oid: str) -> None:
    """Delete one ref if it is still what was seen. Raises LostRaceError, GitError."""
    mirror.push([Swap(ref=ref, old=oid, new=ABSENT)])
