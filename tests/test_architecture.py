"""The map of the modules: who may import whom, who may change the world, and what a small command may load."""

import ast
import functools
import json
import subprocess
import sys
from pathlib import Path

import pytest

import fleet

SOURCE = Path(fleet.__file__).parent
TESTS = Path(__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
PRODUCT = [file for file in FILES if "sim" not in file.relative_to(SOURCE).parts]
PURE = {
    "models", "plans", "settings", "checks", "ledger_rules", "work", "health", "merge", "spawn", "verdict", "report",
    "report_text",
}  # fmt: skip
PURE_ALSO = {"github.parse", "session.gates", "session.bodies"}
"""Pure too, in folders whose other files are not."""
NO_WORLD = {
    "os", "sys", "subprocess", "socket", "time", "pathlib", "shutil", "tempfile", "random", "secrets", "urllib",
    "threading", "requests", "github", "httpx", "structlog", "pydantic", "yaml", "typer",
}  # fmt: skip


def name(file):
    return ".".join(file.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__") or "__init__"


@functools.cache
def tree(file):
    return ast.parse(file.read_text(encoding="utf-8"))


def imports(file, *, inside=True):
    """The modules a file imports, but for those that only the type checker sees."""
    found = set()
    todo = list(tree(file).body)
    while todo:
        one = todo.pop()
        if isinstance(one, ast.If) and "TYPE_CHECKING" in ast.unparse(one.test):
            continue
        if isinstance(one, ast.Import):
            found |= {alias.name for alias in one.names}
        elif isinstance(one, ast.ImportFrom):
            found |= {f"{one.module}.{alias.name}" for alias in one.names} | {one.module}
        elif inside or not isinstance(one, ast.FunctionDef):
            todo += list(ast.iter_child_nodes(one))
    return found


def packages(file, **kind):
    return {module.split(".")[0] for module in imports(file, **kind)}


def ours(file, **kind):
    known = {name(other) for other in FILES}
    return {module.removeprefix("fleet.") for module in imports(file, **kind) if module.removeprefix("fleet.") in known}


def calls(file, *names):
    found = [node.func for node in ast.walk(tree(file)) if isinstance(node, ast.Call)]
    return {f.attr for f in found if isinstance(f, ast.Attribute) and f.attr in names}


def uses(*names, files=PRODUCT):
    return {name(file) for file in files if calls(file, *names)}


@pytest.mark.parametrize("module", sorted(PURE))
def test_pure_files_import_only_pure_files(module):
    file = SOURCE / f"{module}.py"
    assert ours(file) - {"__init__"} <= PURE
    assert not packages(file) & (NO_WORLD - {"rich"})


@pytest.mark.parametrize("module", sorted(PURE_ALSO))
def test_pure_files_in_other_folders_touch_nothing_either(module):
    file = SOURCE / f"{module.replace('.', '/')}.py"
    assert ours(file, inside=False) - {"__init__", "github", "session"} <= PURE | {"session.job"}
    assert not packages(file) & NO_WORLD


@pytest.mark.parametrize(
    ("package", "owners"),
    [
        ("github", {"github.door"}),
        ("requests", {"github.door"}),
        ("httpx", {"probes"}),
        ("structlog", {"log"}),
        ("yaml", {"roster", "roster_edit"}),
        ("fcntl", {"mirror", "spawners.locks"}),
    ],
)
def test_each_library_has_one_door(package, owners):
    assert {name(file) for file in PRODUCT if package in packages(file)} <= owners


def test_pydantic_stands_only_where_text_comes_in():
    found = {name(file) for file in PRODUCT if packages(file) & {"pydantic", "pydantic_core"}}
    assert found <= {"roster", "settings", "session.answer"}
    assert "pydantic_core" not in packages(SOURCE / "settings.py", inside=False)


@pytest.mark.parametrize(
    ("verbs", "writers"),
    [
        (("push",), {"ledger"}),
        (("swap", "forget"), {"session.publish", "session.choose", "session.watch", "doctor"}),
        (("open_pull",), {"session.publish", "session.adopt"}),
        (("open_issue", "review"), {"session.publish"}),
        (("merge",), {"act"}),
        (("sweep",), {"act", "spawners.local"}),
        (("query", "read", "write"), None),
    ],
)
def test_the_world_is_changed_in_few_places(verbs, writers):
    if writers is None:  # the API's door is called only from within its package
        users = {name(file) for file in PRODUCT if "door.write" in file.read_text() or "door.query" in file.read_text()}
        assert {user.split(".")[0] for user in users} == {"github"}
    else:
        assert uses(*verbs) == writers


def test_the_passes_sessions_are_started_and_stopped_in_one_place_each():
    assert {name(f) for f in PRODUCT if "spawner.start(" in f.read_text()} == {"act"}
    assert {name(f) for f in PRODUCT if "spawner.stop(" in f.read_text()} <= {"cli.sessions"}


def test_deciders_and_readers_import_no_writer():
    for module in ("inventory", "reconcile", "sources", "orders", *PURE):
        assert not ours(SOURCE / f"{module}.py") & {"github.writer", "session.publish", "session.choose"}


@pytest.mark.parametrize("file", FILES, ids=name)
def test_a_file_is_read_in_one_sitting(file):
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 300


@pytest.mark.parametrize("file", FILES, ids=name)
def test_a_file_says_first_what_it_is(file):
    said = ast.get_docstring(tree(file))
    assert said
    assert said.splitlines()[0].rstrip()[-1] in ".:?"


def test_only_the_command_line_prints():
    printing = {
        name(file)
        for file in FILES
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    }
    assert {module for module in printing if not module.startswith(("cli.", "sim."))} == set()


def test_only_the_command_line_reads_clock_and_environment_of_a_pass():
    parts = [
        SOURCE / f"{module}.py" for module in ("inventory", "act", "reconcile", "orders", "ledger", "roster", *PURE)
    ]
    for file in parts:
        assert not calls(file, "now", "utcnow", "today", "getenv")
        assert "os.environ" not in file.read_text()


def test_the_supervisor_is_the_standard_librarys_alone():
    assert packages(SOURCE / "session" / "supervisor.py") <= set(sys.stdlib_module_names)


def test_every_import_is_absolute():
    for file in FILES:
        assert all(node.level == 0 for node in ast.walk(tree(file)) if isinstance(node, ast.ImportFrom))


def test_no_test_mocks():
    for file in TESTS.glob("*.py"):
        assert "unittest" not in packages(file)


def loaded(*argv):
    code = (
        "import json, sys\n"
        "sys.argv = ['fleet', *sys.argv[1:]]\n"
        "from fleet.__main__ import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('\\n' + json.dumps(sorted(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, *argv], capture_output=True, text=True, check=True, timeout=30)
    return json.loads(done.stdout.splitlines()[-1])


HEAVY = {"github", "requests", "httpx", "structlog", "rich", "pydantic", "yaml"}


def test_help_loads_next_to_nothing():
    modules = loaded("--help")
    assert "fleet.cli" in modules
    assert len(modules) <= 200
    assert not {module.split(".")[0] for module in modules} & HEAVY


def test_importing_fleet_does_nothing():
    code = "import sys; old = set(sys.modules); import fleet; print(*set(sys.modules) - old)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.split() == ["fleet"]
