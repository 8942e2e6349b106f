"""A hostile clone: nothing in it is ever run by us, and what leaves it is exactly the files the agent left.

The canary is a program that touches a file. It is wired into every place where git is known to start one.
"""

import os
import shutil
import subprocess

import pytest

from fleet.errors import GitError
from fleet.git import Git, Remote
from fleet.mirror import Mirror
from fleet.session import workspace
from fleet.session.harvest import TamperedError, harvest
from wire import GIT_ENV

GIT = Git(env=os.environ, timeout=30)
FILES = {"README.md": "hello\n", "src/a.py": "x = 1\n", "src/b.py": "y = 1\n", ".gitignore": "*.log\nbuild/\n"}


def run(where, *argv, **env):
    done = subprocess.run(
        ["git", "-C", str(where), *argv], env=GIT_ENV | env, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())


class Ground:
    """A mirror, the clone that an agent was given, and a canary."""

    def __init__(self, root):
        self.root = root
        origin = root / "origin"
        origin.mkdir()
        run(origin, "init", "-q", "-b", "main")
        write(origin, FILES)
        run(origin, "add", ".")
        run(origin, "commit", "-q", "-m", "first")
        self.base = run(origin, "rev-parse", "HEAD")
        self.mirror = Mirror(path=root / "mirror.git", remote=Remote(url=origin.as_uri()), git=GIT)
        self.mirror.fetch("+refs/heads/main:refs/heads/main")
        self.clone = root / "work" / "clone"
        workspace.make(GIT, self.mirror, self.clone, commit=self.base, base="main", base_sha=self.base)
        self.inside = self.clone / ".git"
        self.canary, self.sang = root / "canary", root / "it-sang"
        self.canary.write_text(f'#!/bin/sh\necho "$0 $@" >> {self.sang}\ncat\n')
        self.canary.chmod(0o755)

    def commit(self, message="work", *argv):
        run(self.clone, "add", "-A")
        run(self.clone, "commit", "-q", "-m", message, *argv)
        return run(self.clone, "rev-parse", "HEAD")

    def harvest(self):
        self.found = harvest(GIT, self.clone, self.root / "out.git", self.mirror.path, self.base)
        return self.found

    def tree(self):
        """{path: (mode, text)} of what was harvested, read from our own repository."""
        rows = GIT.run("ls-tree", "-r", "-z", self.found.tree, at=self.root / "out.git").stdout.decode().split("\0")
        found = {}
        for row in filter(None, rows):
            meta, path = row.split("\t", 1)
            mode, _, oid = meta.split()
            found[path] = (mode, GIT.run("cat-file", "blob", oid, at=self.root / "out.git").stdout)
        return found

    def texts(self):
        return {path: data.decode(errors="replace") for path, (_, data) in self.tree().items()}


@pytest.fixture
def ground(tmp_path):
    made = Ground(tmp_path)
    yield made
    assert not made.sang.exists(), made.sang.read_text()


# what the agent did


def test_a_clone_that_was_not_touched_has_no_changes(ground):
    assert ground.harvest().changes == ()
    assert ground.texts() == FILES


def test_work_that_was_not_committed_is_taken_whole(ground):
    write(ground.clone, {"src/a.py": "x = 2\n", "new/c.py": "z = 1\nz = 2\n"})
    (ground.clone / "src/b.py").unlink()
    assert dict(ground.harvest().changes) == {"src/a.py": 2, "src/b.py": 1, "new/c.py": 2}
    left = {"README.md": "hello\n", "src/a.py": "x = 2\n", "new/c.py": "z = 1\nz = 2\n"}
    assert ground.texts() == left | {".gitignore": FILES[".gitignore"]}


def test_work_that_was_committed_is_taken(ground):
    write(ground.clone, {"src/a.py": "x = 2\n"})
    ground.commit()
    write(ground.clone, {"new.py": "n\n"})
    ground.commit()
    assert dict(ground.harvest().changes) == {"src/a.py": 2, "new.py": 1}


def test_a_commit_and_changes_to_the_same_files_after_it(ground):
    write(ground.clone, {"src/a.py": "x = 2\n"})
    ground.commit()
    write(ground.clone, {"src/a.py": "x = 3\n", "scratch.txt": "junk beside a commit\n"})
    ground.harvest()
    assert ground.texts()["src/a.py"] == "x = 3\n"
    assert "scratch.txt" not in ground.texts()


def test_ignored_junk_stays_where_it_is(ground):
    write(ground.clone, {"a.log": "junk", "build/out.o": "junk", "src/a.py": "x = 2\n"})
    assert dict(ground.harvest().changes) == {"src/a.py": 2}


def test_an_ignored_file_that_was_committed_on_purpose_is_taken(ground):
    write(ground.clone, {"wanted.log": "text\n"})
    run(ground.clone, "add", "-f", "wanted.log")
    run(ground.clone, "commit", "-q", "-m", "on purpose")
    assert dict(ground.harvest().changes) == {"wanted.log": 1}


def test_the_clones_own_excludes_and_attributes_do_not_count(ground):
    write(ground.inside, {"info/exclude": "*\n", "info/attributes": "* filter=x text eol=crlf\n"})
    write(ground.clone, {"new.py": "n\n"})
    assert dict(ground.harvest().changes) == {"new.py": 1}
    assert ground.texts()["new.py"] == "n\n"


def test_binary_files_are_marked_and_exact(ground):
    data = bytes(range(256)) * 40
    write(ground.clone, {"logo.png": data})
    assert dict(ground.harvest().changes) == {"logo.png": -1}
    assert ground.tree()["logo.png"] == ("100644", data)


def test_line_ends_and_modes_are_kept(ground):
    write(ground.clone, {"dos.txt": "a\r\nb\r\n", "run.sh": "#!/bin/sh\n"})
    (ground.clone / "run.sh").chmod(0o755)
    ground.harvest()
    assert ground.tree()["dos.txt"] == ("100644", b"a\r\nb\r\n")
    assert ground.tree()["run.sh"][0] == "100755"


@pytest.mark.parametrize("name", ["a\nb.txt", "tab\t.txt", 'quo"te', "-f", "späce ü.txt", ":(top)x", "back\\slash"])
def test_strange_file_names_are_taken_as_they_are(ground, name):
    write(ground.clone, {name: "odd\n"})
    assert dict(ground.harvest().changes) == {name: 1}
    assert ground.texts()[name] == "odd\n"


def test_a_name_that_is_no_utf8_is_taken_byte_by_byte(ground):
    (ground.clone / os.fsdecode(b"caf\xe9.txt")).write_text("odd\n")
    assert dict(ground.harvest().changes) == {os.fsdecode(b"caf\xe9.txt"): 1}


def test_a_folder_that_became_a_file_and_the_other_way_round(ground):
    shutil.rmtree(ground.clone / "src")
    (ground.clone / "README.md").unlink()
    write(ground.clone, {"src": "a file now\n", "README.md/inner": "a folder now\n"})
    ground.harvest()
    assert set(ground.texts()) == {".gitignore", "README.md/inner", "src"}


def test_everything_deleted_is_a_change_like_any_other(ground):
    for name in FILES:
        (ground.clone / name).unlink()
    ground.harvest()
    assert ground.texts() == {}
    assert len(ground.found.changes) == len(FILES)


# where HEAD is


def test_a_detached_head_counts(ground):
    run(ground.clone, "checkout", "-q", "--detach")
    write(ground.clone, {"src/a.py": "x = 2\n"})
    ground.commit()
    assert dict(ground.harvest().changes) == {"src/a.py": 2}


def test_packed_refs_are_read(ground):
    write(ground.clone, {"src/a.py": "x = 2\n", "junk.txt": "beside\n"})
    run(ground.clone, "add", "src")
    run(ground.clone, "commit", "-q", "-m", "work")
    run(ground.clone, "pack-refs", "--all")
    assert not (ground.inside / "refs/heads/work").exists()
    assert dict(ground.harvest().changes) == {"src/a.py": 2}


def test_a_branch_of_its_own_counts(ground):
    run(ground.clone, "switch", "-q", "-c", "feature/deep/name")
    write(ground.clone, {"src/a.py": "x = 2\n"})
    ground.commit()
    assert dict(ground.harvest().changes) == {"src/a.py": 2}


@pytest.mark.parametrize(
    "head", ["", "rubbish", "ref: refs/heads/../../../etc/passwd", "ref: /etc/passwd", "1" * 40, "ref: refs/heads/no"]
)
def test_a_head_that_names_nothing_falls_back_to_the_files(ground, head):
    write(ground.clone, {"src/a.py": "x = 2\n"})
    (ground.inside / "HEAD").write_text(head + "\n")
    assert dict(ground.harvest().changes) == {"src/a.py": 2}


def test_a_head_that_names_no_commit_falls_back_to_the_files(ground):
    blob = run(ground.clone, "hash-object", "-w", "src/a.py")
    (ground.inside / "HEAD").write_text(blob + "\n")
    write(ground.clone, {"src/a.py": "x = 2\n"})
    assert dict(ground.harvest().changes) == {"src/a.py": 2}


def test_history_that_is_not_ours_brings_only_its_files(ground):
    run(ground.clone, "checkout", "-q", "--orphan", "alone")
    write(ground.clone, {"src/a.py": "x = 2\n"})
    ground.commit()
    assert dict(ground.harvest().changes) == {"src/a.py": 2}


def test_only_what_is_new_is_kept(ground):
    write(ground.clone, {"src/a.py": "x = 2\n", "secret.txt": "taken back\n"})
    ground.commit()
    gone = run(ground.clone, "rev-parse", "HEAD:secret.txt")
    (ground.clone / "secret.txt").unlink()
    ground.commit()
    ground.harvest()
    shutil.rmtree(ground.root / "work")
    assert not ground.mirror.has(gone)
    asked = GIT.run("cat-file", "-e", gone, at=ground.root / "out.git", ok=(0, 1, 128))
    assert asked.returncode != 0
    assert ground.texts()["src/a.py"] == "x = 2\n"


# the canary


def test_nothing_that_the_clone_configures_is_run(ground):
    canary = str(ground.canary)
    write(ground.clone, {"src/a.py": "x = 2\n", ".gitattributes": "* filter=f diff=d merge=m\n"})
    config = [
        "[core]", f"fsmonitor = {canary}", f"hooksPath = {ground.inside / 'hooks'}", f"sshCommand = {canary}",
        f"pager = {canary}", f"editor = {canary}", f"attributesFile = {ground.root / 'attributes'}",
        f"alternateRefsCommand = {canary}", f"worktree = {ground.root / 'elsewhere'}", f"gitProxy = {canary}",
        '[filter "f"]', f"clean = {canary}", f"smudge = {canary}", f"process = {canary}", "required = true",
        '[diff "d"]', f"textconv = {canary}", f"command = {canary}", "[diff]", f"external = {canary}",
        '[merge "m"]', f"driver = {canary}", "[gpg]", f"program = {canary}", "[commit]", "gpgsign = true",
        "[uploadpack]", f"packObjectsHook = {canary}", "[include]", f"path = {ground.root / 'more.config'}",
        "[alias]", f"add = !{canary}", "[credential]", f"helper = {canary}", "[gc]", "auto = 1",
    ]  # fmt: skip
    (ground.inside / "config").write_text("\n".join(config) + "\n")
    (ground.inside / "config.worktree").write_text(f"[core]\nfsmonitor = {canary}\n")
    (ground.root / "more.config").write_text(f"[core]\nfsmonitor = {canary}\n")
    (ground.root / "elsewhere").mkdir()
    for hook in ("pre-commit", "post-index-change", "reference-transaction", "post-checkout", "fsmonitor-watchman"):
        path = ground.inside / "hooks" / hook
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(ground.canary.read_bytes())
        path.chmod(0o755)
    ground.harvest()
    assert ground.texts()["src/a.py"] == "x = 2\n"


def test_the_canary_sings_where_git_does_run_what_a_clone_configures(ground):
    """So that the silence above means something."""
    run(ground.clone, "config", "core.fsmonitor", str(ground.canary))
    run(ground.clone, "status")
    assert ground.sang.exists()
    ground.sang.unlink()


def test_the_accounts_own_configuration_is_not_read(ground, monkeypatch):
    home = ground.root / "home"
    write(home, {".gitconfig": f"[core]\nfsmonitor = {ground.canary}\n"})
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", str(ground.canary))
    monkeypatch.setenv("GIT_DIR", str(ground.inside))
    write(ground.clone, {"src/a.py": "x = 2\n"})
    fresh = Git(env=dict(os.environ), timeout=30)
    found = harvest(fresh, ground.clone, ground.root / "out.git", ground.mirror.path, ground.base)
    assert dict(found.changes) == {"src/a.py": 2}


def test_replaced_and_grafted_objects_do_not_count(ground):
    write(ground.clone, {"src/a.py": "x = 2\n"})
    new = ground.commit()
    run(ground.clone, "replace", ground.base, new)
    (ground.inside / "info").mkdir(exist_ok=True)
    (ground.inside / "info/grafts").write_text(f"{new}\n")
    assert dict(ground.harvest().changes) == {"src/a.py": 2}


# refused


def test_a_git_folder_that_is_a_link_is_refused(ground):
    (ground.root / "elsewhere").mkdir()
    shutil.move(ground.inside, ground.root / "elsewhere" / ".git")
    ground.inside.symlink_to(ground.root / "elsewhere" / ".git")
    with pytest.raises(TamperedError, match=r"clone/\.git is not what it was"):
        ground.harvest()


@pytest.mark.parametrize("name", ["objects", "objects/info", "HEAD", "objects/info/alternates"])
def test_a_part_of_the_git_folder_that_is_a_link_is_refused(ground, name):
    shutil.move(ground.inside / name, ground.root / "moved")
    (ground.inside / name).symlink_to(ground.root / "moved")
    with pytest.raises(TamperedError):
        ground.harvest()


@pytest.mark.parametrize("name", ["", "objects/info", "HEAD", "objects/info/alternates", "objects"])
def test_a_part_of_the_git_folder_that_is_gone_is_refused(ground, name):
    path = ground.inside / name if name else ground.inside
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(TamperedError):
        ground.harvest()


@pytest.mark.parametrize("name", ["HEAD", "objects/info/alternates"])
def test_a_pipe_that_would_never_end_is_refused(ground, name):
    (ground.inside / name).unlink()
    os.mkfifo(ground.inside / name)
    with pytest.raises(TamperedError):
        ground.harvest()


def test_attributes_that_cannot_be_followed_are_an_error_and_no_bug(ground):
    write(ground.clone, {".gitattributes": "* working-tree-encoding=nonsense\n", "new.py": "n\n"})
    with pytest.raises(GitError, match="failed to encode"):
        ground.harvest()


def test_objects_borrowed_from_elsewhere_are_refused(ground):
    alternates = ground.inside / "objects/info/alternates"
    alternates.write_text(alternates.read_text() + f"{ground.root}/origin/.git/objects\n")
    with pytest.raises(TamperedError, match="borrows objects from elsewhere"):
        ground.harvest()


def test_alternates_that_are_no_text_are_refused(ground):
    (ground.inside / "objects/info/alternates").write_bytes(b"\xff\xfe\0")
    with pytest.raises(TamperedError):
        ground.harvest()


@pytest.mark.parametrize("as_file", [True, False])
def test_a_repository_inside_is_refused_by_name(ground, as_file):
    inner = ground.clone / "src" / "vendored"
    inner.mkdir()
    if as_file:
        (inner / ".git").write_text(f"gitdir: {ground.inside}\n")
    else:
        run(inner, "init", "-q")
    with pytest.raises(TamperedError, match="src/vendored is a repository of its own"):
        ground.harvest()


def test_a_clone_that_is_a_link_is_refused(ground):
    shutil.move(ground.clone, ground.root / "moved")
    ground.clone.symlink_to(ground.root / "moved")
    with pytest.raises(TamperedError):
        ground.harvest()


def test_a_submodule_in_the_index_is_never_followed(ground):
    run(ground.clone, "update-index", "--add", "--cacheinfo", f"160000,{ground.base},sub")
    run(ground.clone, "commit", "-q", "-m", "a link to another repository")
    ground.found = None
    try:
        ground.harvest()
    except GitError:
        return
    assert "sub" not in dict(ground.found.changes)


def test_a_submodule_of_the_base_stays_as_it_is(ground):
    origin = ground.root / "origin"
    run(origin, "update-index", "--add", "--cacheinfo", f"160000,{ground.base},sub")
    run(origin, "commit", "-q", "-m", "with a submodule")
    base = run(origin, "rev-parse", "HEAD")
    ground.mirror.fetch("+refs/heads/main:refs/heads/main")
    workspace.make(GIT, ground.mirror, ground.clone, commit=base, base="main", base_sha=base)
    write(ground.clone, {"src/a.py": "x = 2\n"})
    found = harvest(GIT, ground.clone, ground.root / "out.git", ground.mirror.path, base)
    assert dict(found.changes) == {"src/a.py": 2}


def test_a_link_out_of_the_clone_is_taken_as_a_link(ground):
    secret = ground.root / "host-secret"
    secret.write_text("of the host\n")
    (ground.clone / "out").symlink_to(secret)
    shutil.rmtree(ground.clone / "src")
    (ground.clone / "src").symlink_to(ground.root)
    ground.harvest()
    assert ground.tree()["out"] == ("120000", str(secret).encode())
    assert ground.tree()["src"] == ("120000", str(ground.root).encode())
    assert b"of the host" not in b"".join(data for _, data in ground.tree().values())


def test_a_file_that_never_ends_is_no_file(ground):
    os.mkfifo(ground.clone / "pipe")
    write(ground.clone, {"src/a.py": "x = 2\n"})
    assert dict(ground.harvest().changes) == {"src/a.py": 2}


@pytest.mark.parametrize("name", [".GIT/config", "src/.git /x", "git~1/config", ".gitmodules"])
def test_names_that_other_systems_read_as_git_folders_do_not_leave(ground, name):
    write(ground.clone, {name: "[core]\n\tfsmonitor = evil\n"})
    try:
        ground.harvest()
    except GitError:
        return
    assert name not in ground.texts() or name == ".gitmodules"


def test_an_object_that_is_broken_does_not_leave(ground):
    write(ground.clone, {"src/a.py": "x = 2\n"})
    ground.commit()
    blob = run(ground.clone, "rev-parse", "HEAD:src/a.py")
    loose = ground.inside / "objects" / blob[:2] / blob[2:]
    loose.chmod(0o644)
    loose.write_bytes(b"not zlib")
    write(ground.clone, {"src/a.py": "x = 2\n"})
    try:
        ground.harvest()
    except GitError:
        return
    assert ground.texts()["src/a.py"] == "x = 2\n"
