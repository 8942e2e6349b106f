"""Step 5: the report as one document (docs/report.schema.json). Pure; the console is made of it and of nothing else."""

from typing import TYPE_CHECKING, Any

from fleet import ledger_rules, verdict
from fleet.checks import red_check
from fleet.models import PullRequest, Session, World
from fleet.plans import Outcome, PullPlan, RolePlan

if TYPE_CHECKING:
    from fleet.reconcile import Pass

VERSION = 1
Document = dict[str, Any]


def document(done: "Pass", *, duration_s: float) -> Document:
    """Say everything about one pass. Times are ISO 8601 UTC, money is US dollars."""
    world = done.world
    outcomes = {outcome.subject: outcome for outcome in done.outcomes}
    state, reasons = verdict.judge(done)
    return {
        "version": VERSION,
        "fleet": world.roster.fleet,
        "repo": world.roster.repo,
        "dry_run": done.dry_run,
        "started_at": world.now.isoformat(),
        "duration_s": round(duration_s, 3),
        "inventory": _inventory(done),
        "spawns": [_role(plan, world, outcomes) for plan in done.plan.roles],
        "merges": [_pull(plan, outcomes) for plan in done.plan.pulls],
        "health": {
            "verdict": state,
            "reasons": list(reasons),
            "production": done.production.value,
            "probes": [
                {
                    "url": probe.url,
                    "ok": probe.ok,
                    "detail": probe.detail,
                    "seconds": round(probe.seconds, 3),
                    "attempts": probe.attempts,
                }
                for probe in world.probes
            ],
        },
        "errors": _errors(done),
    }


def refusal(fleet: str, repo: str, started_at: str, message: str, *, dry_run: bool) -> Document:
    """The report of a pass that could not begin, such as for a roster that is wrong."""
    return {
        "version": VERSION,
        "fleet": fleet,
        "repo": repo,
        "dry_run": dry_run,
        "started_at": started_at,
        "duration_s": 0.0,
        "inventory": None,
        "spawns": [],
        "merges": [],
        "health": {"verdict": "broken", "reasons": [message], "production": "unchecked", "probes": []},
        "errors": [{"step": "roster", "subject": None, "message": message, "person": True}],
    }


def _inventory(done: "Pass") -> Document:
    world, github = done.world, done.world.github
    plans = done.plan.roles
    return {
        "desired": sum(plan.desired for plan in plans),
        "wanted": sum(plan.wanted for plan in plans),
        "running": None if world.sessions is None else sum(s.running for s in world.sessions),
        "sessions": None if world.sessions is None else [_session(s) for s in world.sessions if s.running],
        "strays": list(world.strays),
        "base": github
        and {
            "branch": github.base.branch,
            "sha": github.base.sha,
            "red": red_check(github.base, world.roster.merge) or None,
        },
        "open_pulls": len(github.pulls) if github else None,
        "open_issues": len(github.issues) if github else None,
        "identities": github
        and {
            "coordinator": github.identities.coordinator.login,
            "author": github.identities.author.login,
            "reviewer": github.identities.reviewer.login,
        },
        "github_requests": done.requests,
        "ledger_read": world.ledger is not None,
        "spent_today_usd": round(ledger_rules.spent_today(world.ledger, world.now), 4) if world.ledger else None,
        "budget_per_day_usd": world.roster.budget_per_day_usd,
    }


def _session(session: Session) -> Document:
    return {
        "slot": session.slot,
        "run": session.run,
        "stage": session.stage,
        "item": session.item or None,
        "started_at": session.started_at.isoformat() if session.started_at else None,
        "until": session.until.isoformat() if session.until else None,
    }


def _role(plan: RolePlan, world: World, outcomes: dict[str, Outcome]) -> Document:
    role = world.roster.roles[plan.role]
    starts = []
    for start in plan.starts:
        outcome = outcomes.get(start.slot.name)
        starts.append(
            {
                "slot": start.slot.name,
                "result": outcome.result if outcome else "planned",
                "run": outcome.run or None if outcome else None,
                "detail": outcome.detail or None if outcome else None,
            }
        )
    return {
        "role": plan.role,
        "title": role.title,
        "department": role.department,
        "desired": plan.desired,
        "wanted": plan.wanted,
        "running": plan.running,
        "decision": "start" if plan.starts else "hold",
        "code": plan.reason.code,
        "reason": plan.reason.text,
        "starts": starts,
    }


def _pull(plan: PullPlan, outcomes: dict[str, Outcome]) -> Document:
    pull, outcome = plan.pull, outcomes.get(f"pr-{plan.pull.number}")
    return {
        "number": pull.number,
        "title": pull.title,
        "url": pull.url,
        "author": pull.author.login if pull.author else None,
        "head": pull.head,
        "decision": "merge" if plan.merge else "hold",
        "code": plan.reasons[0].code if plan.reasons else "ready",
        "reason": plan.reasons[0].text if plan.reasons else _why_ready(pull),
        "result": outcome.result if outcome else None,
        "detail": outcome.detail if outcome else None,
    }


def _why_ready(pull: PullRequest) -> str:
    approvers = sorted({r.author.login for r in pull.reviews if r.state == "APPROVED" and r.author})
    return f"approved by {', '.join(approvers)} on {pull.head[:7]}, checks are good"


def _errors(done: "Pass") -> list[Document]:
    found = [{"step": p.step, "subject": None, "message": p.message, "person": p.person} for p in done.problems]
    for plan in done.plan.roles:
        if plan.reason.code == "fault":
            found.append({"step": "spawn", "subject": plan.role, "message": plan.reason.text, "person": True})
    for outcome in done.outcomes:
        if outcome.result in ("failed", "refused"):
            step = "merge" if outcome.subject.startswith("pr-") else "spawn"
            found.append(
                {"step": step, "subject": outcome.subject, "message": outcome.detail, "person": outcome.person}
            )
    return found
