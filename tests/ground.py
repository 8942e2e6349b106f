"""A fleet on a simulated GitHub, for tests that run whole sessions and passes. Nothing here decides anything.

The agent is one small script; what it does is named by its role, up to the first number: `crash2` is a `crash`.
"""

import json
import os
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import yaml

from contract import check
from fleet import inventory, ledger, orders, sources
from fleet.errors import SpawnError
from fleet.git import Git, Remote
from fleet.mirror import Mirror
from fleet.models import Slot
from fleet.plans import Item, Start
from fleet.roster import load
from fleet.sim import Simulator
from fleet.site import Site, Urls
from fleet.spawners.local import LocalSpawner
from fleet.spawners.locks import probe

WHO = {"coordinator": "FLEET_COORDINATOR", "author": "FLEET_AUTHOR", "reviewer": "FLEET_REVIEWER"}
TOKENS = {variable: f"fake-token-{who}" for who, variable in WHO.items()}
FILES = {"README.md": "hi\n", "src/a.py": "x = 1\n", "docs/a.md": "words\n"}
GIT = Git(env=os.environ, timeout=30)
AGENT = """
import json, os, pathlib, re, subprocess, sys, time

def git(*argv):
    subprocess.run(["git", *argv], check=True, stdout=subprocess.DEVNULL)

def build(**more):
    answer = {"title": "Add " + os.environ["FLEET_ITEM"] + " by " + role, "body": "Because.", "cost_usd": 0.25}
    number = os.environ["FLEET_ITEM"].removeprefix("issue-")
    answer["closes"] = [int(number)] if number.isdigit() else []
    print(json.dumps(answer | more))

def wait_for(name):
    while not (here / name).exists():
        time.sleep(0.02)

here, role = pathlib.Path(__file__).parent, os.environ["FLEET_ROLE"]
kind, prompt = re.match("[a-z_]+", role)[0], sys.stdin.read()
(here / ("prompt-" + role)).write_text(prompt)
(here / ("environ-" + role)).write_text(json.dumps(dict(os.environ)))
work = pathlib.Path("src", role + ".py")
if kind in ("build", "waits", "peeks"):
    work.write_text("y = 1\\n")
if kind == "build":
    build()
elif kind == "commits":
    work.write_text("y = 1\\n")
    git("add", "."), git("commit", "-q", "-m", "work")
    pathlib.Path("junk.txt").write_text("junk")
    build()
elif kind == "waits":
    wait_for("go-" + role)
    build()
elif kind == "peeks":
    found = []
    for root in [pathlib.Path.cwd().parents[2], pathlib.Path("/proc/self"), pathlib.Path("/proc", str(os.getppid()))]:
        names = ["environ", "cmdline"] if root.parts[1] == "proc" else []
        for file in [root / n for n in names] or [pathlib.Path(d, n) for d, _, fs in os.walk(root) for n in fs]:
            try:
                if b"fake-" + b"token" in file.read_bytes():
                    found.append(str(file))
            except OSError:
                continue
    (here / "found").write_text(json.dumps(found))
    build()
elif kind == "idles":
    print(json.dumps({"nothing": "all is well", "cost_usd": 0.5}))
elif kind == "babbles":
    print("I have done it!")
elif kind == "strays":
    print(json.dumps({"title": "Good", "body": "", "surprise": 1}))
elif kind == "crash":
    print("it broke", file=sys.stderr)
    sys.exit(3)
elif kind == "sleeps":
    time.sleep(300)
elif kind == "protected":
    pathlib.Path(".github").mkdir()
    pathlib.Path(".github/ci.yml").write_text("on: push")
    build()
elif kind == "unchanged":
    build()
elif kind == "tampers":
    pathlib.Path(".git").rename(here / "moved.git")
    pathlib.Path(".git").symlink_to(here / "moved.git")
    build()
elif kind in ("thinks", "repeats", "mislabels"):
    title = "Make the button larger" if kind == "repeats" else "Do the thing better by " + role
    label = "nobody" if kind == "mislabels" else "ui"
    print(json.dumps({"cost_usd": 0.1, "issues": [{"title": title, "type": "chore", "priority": "low", "label": label,
          "problem": "It is not good enough at the moment.", "files": ["src/a.py"], "acceptance_criteria": ["ok"]}]}))
elif kind == "approves":
    print(json.dumps({"verdict": "approve", "summary": "fine"}))
elif kind == "objects":
    print(json.dumps({"verdict": "request_changes", "summary": "No tests.", "comments":
          [{"path": "one.txt", "line": 1, "body": "say more"}]}))
elif kind == "rambles":
    comments = [("two.txt", 99, "no such line"), ("gone.txt", 1, "nor file")]
    print(json.dumps({"verdict": "request_changes", "summary": "Hm.", "comments":
          [{"path": path, "line": line, "body": body} for path, line, body in comments]}))
else:
    sys.exit("what is a " + kind)
"""


def wait_for(what, seconds=30.0, every=0.02):
    """What `what()` answers as soon as it is true. Fails when that takes too long."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, f"waited {seconds} s in vain"
        time.sleep(every)
    return found


def end_sessions(spawner):
    """End what a test began: supervisors by process id, what they leave by its mark."""
    begun = [s for s in spawner.sessions() if s.pid]
    for s in begun:
        if s.running:
            try:
                os.kill(s.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
    for s in begun:
        wait_for(lambda s=s: not probe(spawner.slots / f"{s.slot}.lock"))
        try:
            os.waitpid(s.pid, os.WNOHANG)  # its parent is this process, or init
        except ChildProcessError:
            continue
    for slot in spawner.strays():
        spawner.sweep(slot)


class Ground:
    """A simulated GitHub with acme/web, and one fleet on this host. ana is the owner, cid may only read."""

    def __init__(self, root):
        self.root = root
        self.sim = Simulator(root / "github").start()
        self.hub = self.sim.world
        self.ana = self.hub.add_user("ana", token="fake-token-ana")
        self.cid = self.hub.add_user("cid", token="fake-token-cid")
        self.repo = self.hub.add_repo("acme/web", owner=self.ana, files=FILES)
        self.hub.permit(self.repo, self.cid, "read")
        for who in WHO:
            user = self.hub.add_user(f"fleet-{who}", token=f"fake-token-{who}")
            setattr(self, who, user)
            self.hub.permit(self.repo, user, "write")
        self.site_folder = root / "site"
        self.site_folder.mkdir()
        (self.site_folder / "agent.py").write_text(AGENT)
        self.home = root / "home"
        self.env = {"PATH": os.environ["PATH"], "GITHUB_API_URL": self.sim.url, "FLEET_HOME": str(self.home), **TOKENS}
        self.spawner = LocalSpawner(self.home / "acme-web")

    def close(self):
        end_sessions(self.spawner)
        self.sim.stop()

    def obeys(self):
        """Every request was one that is known and that GitHub describes."""
        assert self.sim.unknown == []
        assert check(self.sim.requests) == []

    # the operator's side

    def write_roster(self, roles, **more):
        """roles: {key: mode} or {key: {...}}; the briefs are written too."""
        command = f"{sys.executable} -I -S {self.site_folder / 'agent.py'}"
        full = {}
        for key, given in roles.items():
            own = {"mode": given} if isinstance(given, str) else given
            full[key] = {"title": key.title(), "department": "Tests", "count": 1, **own}
            brief = self.site_folder / "briefs" / f"{key}.md"
            brief.parent.mkdir(exist_ok=True)
            brief.write_text(f"You are {key}.\n")
        for mode in ("thinker", "task_driven", "self_directed", "reviewer", "sentinel"):
            rules = self.site_folder / "briefs" / "modes" / f"{mode}.md"
            rules.parent.mkdir(exist_ok=True)
            rules.write_text("Answer in JSON.\n")
        document = {
            "fleet": "acme-web",
            "repo": "acme/web",
            "session": {"harness": "script", "command": command, "timeout": "60s"},
            "spawn": {"max_sessions": "none"},
            "identities": {who: {"token_env": name} for who, name in WHO.items()},
            **more,
            "roles": full,
        }
        path = self.site_folder / "roster.yaml"
        path.write_text(yaml.safe_dump(document, sort_keys=False))
        return path

    def site(self):
        path = self.site_folder / "roster.yaml"
        return Site(
            roster=load(path), roster_path=path, home=self.home / "acme-web", urls=Urls.of(self.env), env=self.env
        )

    def look(self):
        """The world as a pass sees it."""
        site = self.site()
        eyes = sources.sources(site, self.spawner, deadline=time.monotonic() + 60, dry_run=False)
        return inventory.observe(site.roster, eyes, now=datetime.now(UTC), host="here")

    def start(self, role, *items, world=None, look=False):
        """Start one session of a role on these items; returns its order."""
        world = world or self.look()
        start = Start(slot=Slot(role=role, n=0), items=items, may_look=look)
        order = orders.order(self.site(), world, start)
        answer = self.spawner.start(order)
        assert type(answer).__name__ == "Started", answer
        return order

    # what came of it

    def session(self, order):
        return next((s for s in self.spawner.sessions() if s.run == order.run), None)

    def reaches(self, order, stage):
        return wait_for(lambda: (s := self.session(order)) and s.stage == stage and s)

    def ended(self, order):
        """The outcome of a run once it has ended."""
        wait_for(lambda: (s := self.session(order)) and not s.running)
        folder = self.spawner.runs / order.run
        try:
            said = json.loads((folder / "outcome.json").read_text())
        except OSError as error:
            raise SpawnError(b"".join(self.spawner.logs(order.run)).decode()) from error
        return SimpleNamespace(**{"item": "", "pull": 0, "branch": "", "issues": [], **said})

    def mirror(self):
        return Mirror(
            path=self.root / "reader" / "mirror.git",
            remote=Remote(url=f"{self.sim.url}/acme/web.git", token="fake-token-ana"),
            git=GIT,
        )

    def ledger(self):
        return ledger.read(self.mirror(), "acme-web")

    def branches(self):
        return {ref.removeprefix("refs/heads/") for ref in self.repo.git.refs if ref.startswith("refs/heads/")}

    # GitHub's side

    def issue(self, title="Make it", body="please", by=None, labels=("ui",)):
        issue = self.hub.open_issue(self.repo, by or self.ana, title, body)
        self.hub.label(issue, self.ana, *labels)
        return issue

    def pull(self, name, by=None):
        self.hub.commit(self.repo, name, {f"{name}.txt": "x\n"}, f"Add {name}", by or self.author, base="main")
        return self.hub.open_pull(self.repo, by or self.author, title=f"Add {name}", head=name)


def of_issue(issue):
    return Item(key=f"issue-{issue.number}", kind="issue", number=issue.number, title=issue.title, seen="")


def of_pull(pull):
    return Item(key=f"pr-{pull.number}", kind="review", number=pull.number, title=pull.title, head=pull.head_sha)


def files_with(folder: Path, text: bytes):
    """Files below a folder that hold a text."""
    return [file for file in folder.rglob("*") if file.is_file() and text in file.read_bytes()]
