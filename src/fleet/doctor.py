"""Is everything there that a fleet needs? Tries the real thing wherever it can; each complaint says what mends it."""

import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from fleet import ledger, roster
from fleet.errors import ConfigError, FleetError, GitError
from fleet.git import Git
from fleet.models import Entry
from fleet.site import WHO, Site, Who
from fleet.spawners import Spawner

CRON_PATH = "/usr/bin:/bin"
"""What cron gives a job unless the crontab says otherwise (crontab(5))."""
OLDEST_GIT = (2, 31)
"""GIT_CONFIG_COUNT came with 2.31; older ones would need the token in a file."""
TRIED_CLAUDE = "2.1.329"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's."""

    state: Literal["ok", "note", "mend"]
    what: str
    text: str


def examine(site: Site, spawner: Spawner) -> Iterator[Finding]:
    """Look at everything; a complaint about one thing never hides another."""
    yield from _roster(site)
    yield from _git(site)
    yield from _identities(site)
    yield from _ledger(site)
    yield from _agent(site)
    for problem in spawner.check():
        yield Finding("mend", "sessions", problem.message)
    yield from _cron(site)
    yield from _host()


def _roster(site: Site) -> Iterator[Finding]:
    roles = site.roster.roles
    sessions = sum(role.count for role in roles.values())
    yield Finding("ok", "roster", f"{site.roster_path}: {len(roles)} roles, {sessions} sessions for {site.roster.repo}")
    for key, complaint in roster.missing_briefs(site.roster, site.folder).items():
        yield Finding("mend", "brief", f"{key}: {complaint}")


def _git(site: Site) -> Iterator[Finding]:
    try:
        said = Git(env=site.env).text("--version")
    except FleetError as error:
        yield Finding("mend", "git", str(error))
        return
    version = tuple(int(n) for n in re.findall(r"\d+", said)[:2])
    if version < OLDEST_GIT:
        yield Finding("mend", "git", f"{said} is too old; install 2.31 or newer")
    else:
        yield Finding("ok", "git", said)


def _identities(site: Site) -> Iterator[Finding]:
    from fleet.github.reader import whoami

    seen: dict[Who, str] = {}
    unset = {site.variable(who): who for who in reversed(WHO) if not site.env.get(site.variable(who), "").strip()}
    for who in WHO:
        if unset.get(site.variable(who), who) != who:
            continue  # the same variable was named above
        try:
            door = site.door(who)
            seen[who] = whoami(door).login
            may = door.read(f"/repos/{site.roster.repo}").get("permissions") or {}
        except FleetError as error:
            yield Finding("mend", who, str(error))
            continue
        if not may.get("push"):
            wants = {"coordinator": "merge", "author": "push branches", "reviewer": "have its approvals count"}[who]
            text = (
                f"{seen[who]} (token in {site.variable(who)}) may not write to {site.roster.repo}, so it cannot {wants}"
            )
            yield Finding("mend", who, f"{text}; give it write access")
        else:
            yield Finding("ok", who, f"{seen[who]}, by the token in {site.variable(who)}, may write")
    if len(seen) == len(WHO) and len(set(seen.values())) == 1:
        yield Finding(
            "note",
            "identities",
            f"one for all: the fleet builds as {seen['author']}, and another person with write access must approve",
        )


def _ledger(site: Site) -> Iterator[Finding]:
    """Push, swap and delete a probe ref, as every session will."""
    ref = f"refs/fleet/{site.roster.fleet}/probe"
    now = datetime.now(UTC)
    try:
        mirror = site.mirror("author")
        mirror.fetch(ledger.EVERYTHING)
        left = mirror.git.text("for-each-ref", "--format=%(objectname)", ref, at=mirror.path)
        first = Entry(oid=left, fleet=site.roster.fleet, state="probe", at=now, reason="fleet doctor was here")
        second = ledger.swap(mirror, [(ref, first)])[ref]
        third = ledger.swap(mirror, [(ref, second)])[ref]
        ledger.forget(mirror, ref, third.oid)
    except ConfigError:
        yield Finding("note", "ledger", "not tried: it is written with the author's token")
    except GitError as error:
        yield Finding(
            "mend", "ledger", f"{error}; the author's token must be allowed to push (contents: write) to {ref}"
        )
    except FleetError as error:
        yield Finding("mend", "ledger", str(error))
    else:
        yield Finding("ok", "ledger", f"{ref} was pushed, swapped and deleted on {site.urls.server}")


def _agent(site: Site) -> Iterator[Finding]:
    roles = [role for role in site.roster.roles.values() if role.mode != "sentinel"]
    for variable in sorted({r.session.model_key.env for r in roles if r.session.harness == "claude"}):
        if site.env.get(variable, "").strip():
            yield Finding("ok", "model key", f"{variable} is set (not tried)")
        else:
            yield Finding("mend", "model key", f"{variable} is not set: put the key of your model account there")
    for program in sorted({site.command(role)[0] for role in roles}):
        found = shutil.which(program, path=site.env.get("PATH"))
        if not found:
            hint = "npm install -g @anthropic-ai/claude-code" if program == "claude" else "install it"
            yield Finding("mend", "agent", f"{program} is not on PATH; {hint}")
        elif program == "claude":
            yield _claude(found)
        else:
            yield Finding("ok", "agent", found)
    if any(role.session.harness == "claude" for role in roles):
        yield Finding("note", "wall", "there is none yet: agents get no shell, and their file tools stay in the clone")
    if any(role.session.harness == "script" or role.session.wall == "none" for role in roles):
        yield Finding("note", "wall", "script agents, setup and check run with this account: use what you trust")


def _claude(path: str) -> Finding:
    try:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30, check=False).stdout
    except (OSError, subprocess.SubprocessError) as error:
        return Finding("mend", "agent", f"{path} does not run: {error}")
    if TRIED_CLAUDE in said:
        return Finding("ok", "agent", f"{path}, {said.strip()}")
    return Finding("note", "agent", f"{path}, {said.strip() or 'no version'}; fleet was tried with {TRIED_CLAUDE}")


def _cron(site: Site) -> Iterator[Finding]:
    commands = {site.command(role)[0] for role in site.roster.roles.values() if role.mode != "sentinel"}
    for program in sorted({"git", *commands}):
        found = shutil.which(program, path=site.env.get("PATH"))
        if found and not shutil.which(program, path=CRON_PATH):
            yield Finding(
                "note", "cron", f"{program} is at {found}, which cron's PATH lacks; `fleet init --cron` sets it"
            )


def _host() -> Iterator[Finding]:
    if platform.system() != "Linux":
        yield Finding("note", "host", f"{platform.system()}: written for, but not tested; Linux is")
