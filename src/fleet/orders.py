"""A decision to start a session, made into an order: the stages, their time, and all that prepare needs to know."""

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from fleet import roster
from fleet.git import PASSED_ON
from fleet.models import World
from fleet.plans import Start
from fleet.settings import RoleSettings
from fleet.site import Site
from fleet.spawners import Order

PREPARE, CHECK, PUBLISH = timedelta(minutes=5), timedelta(minutes=10), timedelta(minutes=5)
"""What the stages of ours may take; together the twenty minutes that a session has beside its agent."""
TITLES = 200
"""Open pull requests whose titles go along, so that work is not repeated."""


def new_run(now: datetime) -> str:
    """A run's name: sorts by time, and its last eight letters are unique."""
    return f"{now:%Y%m%d-%H%M%S}-{os.urandom(4).hex()}"


def order(site: Site, world: World, start: Start) -> Order:
    """All that one session needs. Secrets are taken along only where the stage that follows needs them."""
    role = site.roster.roles[start.slot.role]
    run = new_run(world.now)
    tokens = [site.variable("author"), *([site.variable("reviewer")] if role.mode == "reviewer" else [])]
    with_model = role.mode != "sentinel" and role.session.harness == "claude"
    names = [*tokens, *([role.session.model_key.env] if with_model else [])]
    return Order(
        slot=start.slot.name,
        role=start.slot.role,
        run=run,
        seen_at=world.now,
        until=world.now + PREPARE + role.session.timeout + CHECK + PUBLISH,
        stages={
            "prepare": _stage("prepare", PREPARE, tokens),
            "check": _stage("check", CHECK, []),
            "publish": _stage("publish", PUBLISH, tokens),
        },
        job=_job(site, world, start, run, role),
        env={k: v for k, v in site.env.items() if k in (*PASSED_ON, "LANG")},
        secrets={name: site.env[name].strip() for name in names if site.env.get(name)},
    )


def _stage(name: str, time: timedelta, secrets: Sequence[str]) -> Mapping[str, Any]:
    argv = [sys.executable, "-P", "-m", f"fleet.session.{name}"]
    return {"argv": argv, "seconds": time.total_seconds(), "secrets": list(secrets)}


def _job(site: Site, world: World, start: Start, run: str, role: RoleSettings) -> Mapping[str, Any]:
    """What the stages are told, as plain JSON. No secret is in it: it is kept with the run's record."""
    assert world.github
    briefs = (roster.brief_path(site.folder, start.slot.role), roster.mode_path(site.folder, role.mode))
    return {
        "fleet": site.roster.fleet,
        "repo": site.roster.repo,
        "api": site.urls.api,
        "server": site.urls.server,
        "home": str(site.home),
        "host": world.host,
        "run": run,
        "role": start.slot.role,
        "slot": start.slot.name,
        "slot_number": start.slot.n,
        "slot_count": role.count,
        "title": role.title,
        "mode": role.mode,
        "may_change": list(role.may_change),
        "until": (world.now + PREPARE + role.session.timeout + CHECK + PUBLISH).isoformat(),
        "base": world.github.base.branch,
        "base_sha": world.github.base.sha,
        "items": [asdict(item) for item in start.items],
        "may_look": start.may_look,
        "always": site.roster.spawn.when == "always",
        "trust": site.roster.work.trust,
        "one_identity": world.github.identities.reviewer.id == world.github.identities.author.id,
        "identities": asdict(world.github.identities),
        "author_env": site.variable("author"),
        "reviewer_env": site.variable("reviewer"),
        "brief": briefs[0].read_text(encoding="utf-8").strip(),
        "rules": briefs[1].read_text(encoding="utf-8").strip(),
        "open_pulls": [f"#{pull.number} {pull.title}" for pull in world.github.pulls[-TITLES:]],
        "open_branches": [pull.branch for pull in world.github.pulls],
        "open_issues": [f"#{issue.number} {issue.title}" for issue in world.github.issues[-TITLES:]],
        "labels": sorted({label for other in site.roster.roles.values() for label in other.labels}),
        "model_api": site.env.get("ANTHROPIC_BASE_URL", ""),
        "health": [asdict(p) | {"timeout": p.timeout.total_seconds()} for p in site.roster.health],
        "session": asdict(role.session)
        | {"timeout": role.session.timeout.total_seconds()}
        | {"command": shlex.join(site.command(role))},
    }
