"""The agent's clone: fresh, without a remote, and without a second copy of the history. Made from the host's mirror."""

import shutil
from pathlib import Path

from fleet.git import Git
from fleet.mirror import Mirror

SCRATCH = ("home", "tmp", "claude")


def make(git: Git, mirror: Mirror, clone: Path, *, commit: str, base: str, base_sha: str) -> None:
    """Check ``commit`` out into ``clone``, on a branch of its own. Raises GitError.

    Objects are borrowed from the mirror, which never collects garbage. Nothing in it can be pushed anywhere.
    """
    shutil.rmtree(clone, ignore_errors=True)
    clone.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in SCRATCH:
        (clone.parent / name).mkdir(exist_ok=True, mode=0o700)
    git.run("init", "--quiet", "--template=", "--initial-branch=work", str(clone))
    borrow(clone / ".git", mirror.path)
    inside = clone / ".git"
    git.run("update-ref", f"refs/remotes/origin/{base}", base_sha, at=inside)
    git.run("update-ref", "refs/heads/work", commit, at=inside)
    git.run("-C", str(clone), "reset", "--quiet", "--hard", commit)


def borrow(repository: Path, *lenders: Path) -> None:
    """Let a repository read the objects of others (gitrepository-layout(5), objects/info/alternates)."""
    text = "".join(f"{lender.absolute() / 'objects'}\n" for lender in lenders)
    (repository / "objects" / "info").mkdir(parents=True, exist_ok=True)
    (repository / "objects" / "info" / "alternates").write_text(text)


def files_of(git: Git, repository: Path, commit: str, names: tuple[str, ...], *, most: int = 40_000) -> dict[str, str]:
    """Read some files of a commit, those that exist; long ones are cut at ``most`` characters."""
    found = {}
    for name in names:
        done = git.run("cat-file", "blob", f"{commit}:{name}", at=repository, ok=(0, 128))
        if done.returncode == 0:
            found[name] = done.stdout.decode(errors="replace")[:most]
    return found


def diff(git: Git, repository: Path, base: str, head: str, *, most: int = 150_000) -> tuple[str, bool]:
    """The changes of ``head`` since it left ``base``; and whether they had to be cut. No external tool is run."""
    done = git.run("diff", "--no-ext-diff", "--no-textconv", "--no-color", f"{base}...{head}", at=repository)
    text = done.stdout.decode(errors="replace")
    return text[:most], len(text) > most


def top_folders(git: Git, repository: Path, commit: str) -> list[str]:
    """The folders at the top of a commit, by name, without hidden ones."""
    done = git.run("ls-tree", "-d", "--name-only", "-z", commit, at=repository)
    return [name for name in done.stdout.decode(errors="replace").split("\0") if name and not name.startswith(".")]
