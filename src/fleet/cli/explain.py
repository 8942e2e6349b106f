"""`fleet explain`: every reason for one pull request, issue or role, and the facts they rest on. Reads only."""

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from fleet.cli.boundary import boundary
from fleet.cli.options import RosterOption, load_site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fleet.inventory import Sources
    from fleet.models import PullRequest, World
    from fleet.site import Site


def explain(
    what: Annotated[str, typer.Argument(help="pr, issue or role.")],
    which: Annotated[str, typer.Argument(help="A number, or a role's key.")],
    prompt: Annotated[bool, typer.Option("--prompt", help="With a role: print the prompt its sessions get.")] = False,
    roster: RosterOption = None,
) -> None:
    """Say why: `fleet explain pr 31`, `fleet explain issue 12`, `fleet explain role ui_builder --prompt`."""
    with boundary():
        if what not in ("pr", "issue", "role"):
            raise typer.BadParameter("pr, issue or role", param_hint="WHAT")
        site = load_site(roster)
        if what == "role" and prompt:
            typer.echo(_prompt(site, which))
            return
        world, sources = _look(site)
        if what == "role":
            lines = _role(world, which)
        elif not which.lstrip("#").isdigit():
            raise typer.BadParameter("a number", param_hint="WHICH")
        elif what == "pr":
            lines = _pull(world, sources, int(which.lstrip("#")))
        else:
            lines = _issue(world, int(which.lstrip("#")))
        for line in lines:
            typer.echo(line)


def _look(site: "Site") -> "tuple[World, Sources]":
    import socket

    from fleet import inventory, sources
    from fleet.errors import GitHubError
    from fleet.reconcile import DEADLINE
    from fleet.spawners import SPAWNERS

    eyes = sources.sources(site, SPAWNERS["local"](site.home), deadline=time.monotonic() + DEADLINE, dry_run=True)
    world = inventory.observe(site.roster, eyes, now=datetime.now(UTC), host=socket.gethostname())
    if world.github is None:
        problem = next(p for p in world.problems if p.step == "github")
        raise GitHubError(problem.message, person=problem.person)
    return world, eyes


def _pull(world: "World", sources: "Sources", number: int) -> "Iterator[str]":
    from fleet import merge
    from fleet.errors import GitHubError

    assert world.github
    pull = sources.again([number]).get(number)
    if pull is None:
        raise GitHubError(f"there is no pull request #{number} in {world.roster.repo}", person=True)
    yield f"#{number} {pull.title}"
    reasons = merge.reasons(pull, merge.policy(world, world.github))
    for n, reason in enumerate(reasons):
        yield f"{'held' if n == 0 else 'also'}: {reason.text} [{reason.code}]"
    if not reasons:
        yield "ready: nothing is in the way of a squash merge"
    yield from _facts(pull)


def _facts(pull: "PullRequest") -> "Iterator[str]":
    yield "the facts:"
    yield f"  by {pull.author.login if pull.author else 'an account that is gone'}, {pull.branch} -> {pull.base}"
    yield f"  head {pull.head}, {pull.state.lower()}, mergeable {pull.mergeable}, merge state {pull.merge_state}"
    for review in pull.reviews:
        who = f"{review.author.login} ({review.author.kind})" if review.author else "nobody"
        where = "its head" if review.commit == pull.head else f"{(review.commit or '?')[:7]}, not its head"
        yield f"  review {review.state} by {who}, who may{'' if review.can_push else ' not'} write, on {where}"
    for check in pull.checks.all if pull.checks else ():
        required = {True: ", required", False: ", not required", None: ""}[check.required]
        yield f"  check {check.name} ({check.source}): {check.state}{required}"
    yield f"  labels {', '.join(sorted(pull.labels)) or 'none'}"
    yield f"  files {', '.join((pull.files or ())[:20]) or 'none read'}{'' if pull.all_files else ' and more'}"


def _issue(world: "World", number: int) -> "Iterator[str]":
    from fleet import work
    from fleet.ledger_rules import held

    assert world.github
    issue = next((i for i in world.github.issues if i.number == number), None)
    if issue is None:
        yield f"#{number} is not an open issue of {world.roster.repo}"
        return
    yield f"#{number} {issue.title}"
    roles = [key for key, role in world.roster.roles.items() if work.lower(issue.labels) & work.lower(role.labels)]
    yield f"labels {', '.join(sorted(issue.labels)) or 'none'}; taken by {', '.join(roles) or 'no role'}"
    if work.hands_off(issue.labels):
        yield "a label keeps sessions away"
    if not work.may_be_trusted(issue, world.roster, world.github.identities):
        yield f"its author ({issue.association.lower()}) may not write; a person can label it {work.FOR_ROBOTS}"
    claim = world.ledger.claims.get(f"issue-{number}") if world.ledger else None
    if claim:
        state = f"held by {claim.slot} until {claim.until:%H:%M}" if held(claim, world.now) and claim.until else "free"
        yield f"claim: {state}; attempt {claim.attempt} of {work.ATTEMPTS}; {claim.outcome} {claim.reason}".rstrip()
    waits = [k for k in roles if any(item.number == number for item in work.waiting(k, world))]
    yield f"waits for {', '.join(waits)}" if waits else "waits for nobody now"


def _role(world: "World", key: str) -> "Iterator[str]":
    from fleet import spawn
    from fleet.errors import RosterError

    plan = next((p for p in spawn.plan(world) if p.role == key), None)
    if plan is None:
        raise RosterError(f'no role is called "{key}"; `fleet roster show` lists them')
    yield f"{key}: desired {plan.desired}, wanted {plan.wanted}, running {plan.running}"
    yield f"why: {plan.reason.text} [{plan.reason.code}]"
    for start in plan.starts:
        items = ", ".join(item.key for item in start.items) or "nothing that waits"
        yield f"would start {start.slot.name} for {items}{', or a look of its own' if start.may_look else ''}"
    looks = world.ledger.looks if world.ledger else {}
    for name, entry in sorted(looks.items()):
        if name.rsplit("-", 1)[0] == key and entry.at:
            spent = f"${entry.spent_usd:.2f} that day"
            yield f"{name}: {entry.state} {entry.item} {entry.outcome} at {entry.at:%Y-%m-%d %H:%M}, {spent}"


def _prompt(site: "Site", key: str) -> str:
    """The two texts of a look; an item adds its own words to the second."""
    from fleet import roster as rosters
    from fleet.errors import RosterError
    from fleet.session import prompt

    role = site.roster.roles.get(key)
    if role is None:
        raise RosterError(f'no role is called "{key}"; `fleet roster show` lists them')
    brief = rosters.brief_path(site.folder, key).read_text(encoding="utf-8").strip()
    rules = rosters.mode_path(site.folder, role.mode).read_text(encoding="utf-8").strip()
    system = prompt.system_text(title=role.title, brief=brief, rules=rules, may_change=role.may_change)
    return f"--- system prompt ---\n{system}\n--- then, on stdin: the task, the context files and the open titles ---"
