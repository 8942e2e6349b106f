"""The real sources of a pass: this host, GitHub, the ledger, production. Wiring and reads only; nothing is decided."""

import functools
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from fleet import ledger, probes, roster
from fleet.errors import GitHubError
from fleet.github.door import Door
from fleet.github.reader import Reader, whoami
from fleet.identities import cached
from fleet.inventory import Sources
from fleet.mirror import throwaway
from fleet.models import Actor, Ledger, Snapshot
from fleet.site import WHO, Site, Who
from fleet.spawners import Spawner


def sources(site: Site, spawner: Spawner, *, deadline: float, dry_run: bool) -> Sources:
    """The real sources of a site. A dry run keeps nothing, not even the ledger's objects."""
    required = site.roster.merge.checks == "required"

    doors: list[Door] = []

    def door(who: Who) -> Door:
        doors.append(site.door(who, deadline))
        return doors[-1]

    @functools.cache
    def reader() -> Reader:
        return Reader(door("coordinator"), site.roster.repo)

    def github() -> Snapshot:
        return reader().snapshot(site.roster.base, _identities(site, door, keep=not dry_run))

    def remembered() -> Ledger:
        if not dry_run:
            return ledger.read(site.mirror("coordinator"), site.roster.fleet)
        with throwaway(site.remote("coordinator"), site.mirror("coordinator").git) as mirror:
            return ledger.read(mirror, site.roster.fleet, shallow=True)

    return Sources(
        sessions=spawner.sessions,
        strays=spawner.strays,
        github=github,
        again=lambda numbers: reader().again(numbers, required=required),
        ledger=remembered,
        probes=lambda: probes.ask_all(site.roster.health),
        memory=free_memory,
        faults=lambda: faults(site),
        requests=lambda: sum(door.requests for door in doors),
    )


def faults(site: Site) -> dict[str, str]:
    """Roles that could not start, with what to do about it; asked before anything is started."""
    found = roster.missing_briefs(site.roster, site.folder)
    for key, role in site.roster.roles.items():
        needs = [site.variable("author"), *([site.variable("reviewer")] if role.mode == "reviewer" else [])]
        if role.mode != "sentinel" and role.session.harness == "claude":
            needs.append(role.session.model_key.env)
        missing = [name for name in dict.fromkeys(needs) if not site.env.get(name, "").strip()]
        program = site.command(role)[0]
        if missing:
            found.setdefault(key, f"{' and '.join(missing)} not set; `fleet doctor` says what belongs there")
        elif role.mode != "sentinel" and not shutil.which(program, path=site.env.get("PATH")):
            found.setdefault(key, f"{program} is not on PATH; install it or set session.command")
        elif role.session.wall == "auto" and (role.session.setup or role.session.check):
            # Both run what an agent wrote: without a wall that is a shell for the agent.
            found.setdefault(key, "session.setup and session.check need `wall: none`, which trusts agents")
    return found


def free_memory() -> int | None:
    """Bytes that the host can still give without swapping (Linux: MemAvailable); None where it cannot be told."""
    with suppress(OSError, ValueError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    with suppress(OSError, ValueError):  # macOS: all memory is the best that can be said; untested
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    return None


NOBODY = Actor(login="", id="")
"""Who an identity is whose token is missing or refused: no opinion and no pull request is its."""


def _identities(site: Site, door: Callable[[Who], Door], *, keep: bool) -> dict[str, Actor]:
    """The author and the reviewer where their token is another one than the coordinator's."""
    known: dict[str, Actor] = {}
    for who in WHO[1:]:
        if site.variable(who) == site.variable("coordinator"):
            continue
        token = site.env.get(site.variable(who), "").strip()
        if token == site.token("coordinator"):
            continue
        ask = lambda who=who: whoami(door(who))  # noqa: E731
        try:
            file = site.home / "identities.json"
            known[who] = cached(file, site.urls.api, token, ask, keep=keep) if token else NOBODY
        except GitHubError as error:
            if error.status != 401:
                raise
            known[who] = NOBODY  # a person's approval needs neither; `fleet doctor` and its sessions say it
    return known
