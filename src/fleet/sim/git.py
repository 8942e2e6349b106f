"""One real bare git repository. Rule: git is asked once about fixed object ids; those answers never change."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from fleet.sim.diff import read_changes, with_renames

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fleet.sim.diff import Change
    from fleet.sim.model import User

ZERO = "0" * 40
ENV = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")} | {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "LC_ALL": "C",
}
# GitHub hides refs/pull/* from pushes and lets any object be fetched by its id.
CONFIG = """[core]
	repositoryformatversion = 0
	filemode = true
	bare = true
	quotePath = false
	fsync = none
[receive]
	hideRefs = refs/pull
	autogc = false
[uploadpack]
	allowFilter = true
	allowAnySHA1InWant = true
[gc]
	auto = 0
"""
# receive-pack asks this for every ref; PROTECTED is set by smart_http.py for those who may not pass.
UPDATE_HOOK = """#!/bin/sh
case " $PROTECTED " in *" $1 "*)
  echo "error: GH006: Protected branch update failed for $1." >&2
  exit 1;;
esac
"""


class GitError(Exception):
    """Git refused."""


@dataclass(frozen=True)
class Commit:
    """What the API tells of a commit."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: str
    email: str
    authored: datetime
    committed: datetime
    message: str

    @property
    def headline(self) -> str:
        """The first line of the message."""
        return self.message.split("\n", 1)[0]


class Git:
    """A bare repository and a mirror of its refs; the world's lock guards both."""

    def __init__(self, path: Path, branch: str) -> None:
        self.path = path
        self.refs: dict[str, str] = {}
        self._answers: dict[tuple[str, ...], tuple[int, bytes]] = {}
        self._commits: dict[str, Commit] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        argv = ["git", "init", "-q", "--bare", "--template=", f"--initial-branch={branch}", str(path)]
        subprocess.run(argv, check=True, env=ENV)
        (path / "config").write_text(CONFIG)
        hook = path / "hooks" / "update"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(UPDATE_HOOK)
        hook.chmod(0o755)

    def run(
        self, *args: str, stdin: bytes = b"", ok: tuple[int, ...] = (0,), env: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Run git in this repository; exit codes not in `ok` raise GitError."""
        argv = ["git", f"--git-dir={self.path}", *args]
        done = subprocess.run(argv, input=stdin, capture_output=True, env={**ENV, **(env or {})}, check=False)
        if done.returncode not in ok:
            raise GitError(done.stderr.decode(errors="replace").strip() or f"git {args[0]}: {done.returncode}")
        return done.returncode, done.stdout

    def ask(self, *args: str, ok: tuple[int, ...] = (0,)) -> tuple[int, str]:
        """Run a command about fixed object ids, once."""
        if args not in self._answers:
            self._answers[args] = self.run(*args, ok=ok)
        code, out = self._answers[args]
        return code, out.decode(errors="replace")

    # refs

    def reload(self) -> None:
        """Read all refs anew, after a push."""
        _, out = self.run("for-each-ref", "--format=%(objectname) %(refname)")
        pairs = (line.split(" ", 1) for line in out.decode().splitlines())
        self.refs = {ref: sha for sha, ref in pairs}

    def set(self, ref: str, new: str | None, old: str | None = None) -> None:
        """Move, make or (None) delete a ref; with `old` only if it still is that."""
        args = ["-d", ref] if new is None else [ref, new]
        self.run("update-ref", *args, *([old] if old is not None else []))
        if new is None:
            self.refs.pop(ref, None)
        else:
            self.refs[ref] = new

    # objects

    def has_commit(self, sha: str) -> bool:
        """Whether this full object id is a commit we have."""
        if not re.fullmatch(r"[0-9a-f]{40}", sha):
            return False
        return sha in self._commits or self.run("cat-file", "-e", f"{sha}^{{commit}}", ok=(0, 1, 128))[0] == 0

    def log(self, sha: str, limit: int) -> list[Commit]:
        """The newest `limit` commits from `sha` on."""
        form = "--format=" + "%x1f".join(("%H", "%T", "%P", "%an", "%ae", "%aI", "%cI", "%B"))
        _, out = self.ask("log", "-z", f"--max-count={limit}", form, sha)
        found = []
        for record in filter(None, out.split("\0")):
            oid, tree, parents, author, email, authored, committed, message = record.split("\x1f")
            times = datetime.fromisoformat(authored), datetime.fromisoformat(committed)
            commit = Commit(oid, tree, tuple(parents.split()), author, email, *times, message.rstrip("\n"))
            found.append(self._commits.setdefault(oid, commit))
        return found

    def commit(self, sha: str) -> Commit:
        """One commit."""
        return self._commits.get(sha) or self.log(sha, 1)[0]

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether `new` contains `old`."""
        return self.ask("merge-base", "--is-ancestor", old, new, ok=(0, 1))[0] == 0

    def between(self, old: str, new: str) -> list[str]:
        """The commits `new` has and `old` has not, oldest first."""
        return self.ask("rev-list", "--reverse", f"{old}..{new}")[1].split()

    def merge_tree(self, base: str, head: str) -> str | None:
        """The tree of a merge; None on a conflict. Needs git 2.38."""
        code, out = self.ask("merge-tree", "--write-tree", base, head, ok=(0, 1))
        return out.split("\n", 1)[0] if code == 0 else None

    def show(self, sha: str, path: str) -> bytes | None:
        """A file's bytes; None if it is not there."""
        code, out = self.run("cat-file", "blob", f"{sha}:{path}", ok=(0, 128))
        return out if code == 0 else None

    def entries(self, sha: str, path: str) -> list[tuple[str, str, int, str]]:
        """(type, object, size, path) of a file, or of the entries of a folder ending in `/`."""
        _, out = self.ask("ls-tree", "-l", "-z", sha, *([path] if path else []))
        found = []
        for line in filter(None, out.split("\0")):
            meta, name = line.split("\t", 1)
            _, kind, oid, size = meta.split()
            found.append((kind, oid, 0 if size == "-" else int(size), name))
        return found

    def changes(self, base: str, head: str) -> list[Change]:
        """What `head` changes since it left `base`, as on the page "Files changed"."""
        _, out = self.ask("diff", "--no-renames", "--raw", "--numstat", "--full-index", f"{base}...{head}")
        _, text = self.ask("diff", "--no-renames", "--src-prefix=a/", "--dst-prefix=b/", f"{base}...{head}")
        _, renamed = self.ask("diff", "-M", "--diff-filter=R", "--name-status", "-z", f"{base}...{head}")
        return with_renames(read_changes(out, text), renamed)

    # writing

    def write(
        self, branch: str, parent: str | None, files: Mapping[str, str | None], message: str, by: tuple[User, datetime]
    ) -> str:
        """Commit `files` (None deletes) on top of `parent` and point the branch at it: one fast-import."""
        who, when = by
        stamp = f"{who.login} <{who.email}> {int(when.timestamp())} +0000"
        text = message.encode()
        parts = [f"commit refs/heads/{branch}\nmark :1\nauthor {stamp}\ncommitter {stamp}\n".encode()]
        parts.append(b"data %d\n%s\n" % (len(text), text))
        if parent:
            parts.append(f"from {parent}\n".encode())
        for path, content in files.items():
            if content is None:
                parts.append(f"D {path}\n".encode())
            else:
                data = content.encode()
                parts.append(f"M 100644 inline {path}\n".encode() + b"data %d\n%s\n" % (len(data), data))
        parts.append(b"get-mark :1\ndone\n")
        _, out = self.run("fast-import", "--quiet", "--force", "--done", stdin=b"".join(parts))
        sha = out.decode().strip()
        self.refs[f"refs/heads/{branch}"] = sha
        return sha

    def commit_tree(self, tree: str, parents: list[str], message: str, author: User, when: datetime) -> str:
        """A commit made by GitHub itself, as the merge button does: the committer is GitHub."""
        at = f"@{int(when.timestamp())} +0000"
        env = {"GIT_AUTHOR_NAME": author.login, "GIT_AUTHOR_EMAIL": author.email, "GIT_AUTHOR_DATE": at}
        env |= {"GIT_COMMITTER_NAME": "GitHub", "GIT_COMMITTER_EMAIL": "noreply@github.com"}
        flags = [part for parent in parents for part in ("-p", parent)]
        stdin = message.encode()
        _, out = self.run("commit-tree", tree, *flags, stdin=stdin, env={**env, "GIT_COMMITTER_DATE": at})
        return out.decode().strip()
