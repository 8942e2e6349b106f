"""What leaves the agent's clone: one tree, written into a fresh repository of ours. The clone's own git is never run.

Its configuration, hooks and attributes can execute code, so git works with our repository and only looks at the files
(``--work-tree``); objects the agent committed are borrowed, and what goes out passes ``index-pack --strict``.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from fleet.errors import GitError
from fleet.git import Git
from fleet.session import workspace

_OID = re.compile(r"[0-9a-f]{40}")
_QUIET = {"GIT_ATTR_NOSYSTEM": "1", "GIT_NO_REPLACE_OBJECTS": "1"}


class TamperedError(GitError):
    """The clone was made into something that must not be read."""

    outcome = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Harvest:
    """The tree that the agent left, and what it changed against the base."""

    tree: str
    changes: tuple[tuple[str, int], ...]
    """(path, lines added and removed); -1 for a binary file. In git's order."""


def harvest(git: Git, clone: Path, out: Path, mirror: Path, base_sha: str) -> Harvest:
    """Collect the agent's changes into ``out``, a bare repository made here. Raises GitError, TamperedError."""
    _refuse_tricks(clone, mirror)
    scratch = out.with_name("scratch.git")
    for repository, lenders in ((scratch, (mirror, clone / ".git")), (out, (mirror,))):
        git.run("init", "--quiet", "--bare", "--template=", str(repository))
        workspace.borrow(repository, *lenders)
    head = _head(clone)
    commit = head if head and _is_commit(git, scratch, head) else base_sha
    git.run("read-tree", commit, at=scratch, extra=_QUIET)
    # Committed work stands for itself; without a commit, everything in the tree is meant.
    which = "--update" if commit != base_sha else "--all"
    try:
        git.run(
            "-c", "core.fsmonitor=false", "-c", "core.autocrlf=false", "-c", "advice.addEmbeddedRepo=false",
            f"--work-tree={clone}", "add", which, "--", ".", at=scratch, extra=_QUIET,
        )  # fmt: skip
    except GitError as error:
        if error.person:
            raise
        raise TamperedError(f"its files cannot be added: {error}") from error
    tree = git.text("write-tree", at=scratch)
    pack = git.run("pack-objects", "--revs", "--stdout", "--quiet", at=scratch, feed=f"{tree}\n^{base_sha}\n".encode())
    git.run("index-pack", "--stdin", "--strict", "--fix-thin", at=out, feed=pack.stdout)
    return Harvest(tree=tree, changes=_changes(git, out, base_sha, tree))


def _changes(git: Git, out: Path, base_sha: str, tree: str) -> tuple[tuple[str, int], ...]:
    done = git.run("diff", "--numstat", "-z", "--no-renames", "--no-ext-diff", "--no-textconv", base_sha, tree, at=out)
    rows = [row.split("\t", 2) for row in done.stdout.decode(errors="surrogateescape").split("\0") if row]
    return tuple((path, -1 if added == "-" else int(added) + int(removed)) for added, removed, path in rows)


def _refuse_tricks(clone: Path, mirror: Path) -> None:
    """The clone must be as we made it where git would follow it elsewhere. Raises TamperedError."""
    inside = clone / ".git"
    alternates = inside / "objects" / "info" / "alternates"
    for path in (clone, inside, inside / "objects", inside / "objects" / "info"):
        if path.is_symlink() or not path.is_dir():
            raise TamperedError(f"{path.relative_to(clone.parent)} is not what it was")
    for path in (inside / "HEAD", alternates):  # a pipe here would never end
        if path.is_symlink() or not path.is_file():
            raise TamperedError(f"{path.relative_to(clone.parent)} is not what it was")
    if alternates.read_bytes() != f"{mirror.absolute() / 'objects'}\n".encode():
        raise TamperedError("the clone borrows objects from elsewhere")
    for folder, folders, files in os.walk(clone):
        if folder == str(clone):
            folders.remove(".git")
        elif ".git" in folders or ".git" in files:
            raise TamperedError(f"{Path(folder).relative_to(clone)} is a repository of its own; remove its .git")


def _head(clone: Path) -> str | None:
    """The commit the clone's HEAD names, read as text. None when it names none."""
    text = (clone / ".git" / "HEAD").read_text(errors="replace").strip()
    for _ in range(3):
        if _OID.fullmatch(text):
            return text
        name = text.removeprefix("ref: ")
        if not re.fullmatch(r"refs/heads/[\w./-]+", name) or ".." in name:
            return None
        loose = clone / ".git" / name
        if loose.is_file() and not loose.is_symlink():
            text = loose.read_text(errors="replace").strip()
            continue
        return _packed(clone, name)
    return None


def _packed(clone: Path, name: str) -> str | None:
    packed = clone / ".git" / "packed-refs"
    if packed.is_symlink() or not packed.is_file():
        return None
    for line in packed.read_text(errors="replace").splitlines():
        oid, _, ref = line.partition(" ")
        if ref == name and _OID.fullmatch(oid):
            return oid
    return None


def _is_commit(git: Git, repository: Path, oid: str) -> bool:
    done = git.run("cat-file", "-t", oid, at=repository, ok=(0, 128))
    return done.stdout.strip() == b"commit"
