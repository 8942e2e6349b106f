"""Structured logs on stderr, set up once by the command line. Deciders never log: what they say is in the report."""

import sys
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

import structlog

from fleet.plans import Outcome

if TYPE_CHECKING:
    from fleet.reconcile import Pass


def set_up(form: str, secrets: tuple[str, ...]) -> None:
    """Write events to stderr as ``json`` or for a ``console``; every secret we know is masked in every field."""
    colours = sys.stderr.isatty()
    last = structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer(colors=colours)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _Mask(secrets),
            last,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def tell(done: "Pass") -> None:
    """One event for each decision that changes something and for each outcome, in the words of the report."""
    log = structlog.get_logger().bind(fleet=done.world.roster.fleet, repo=done.world.roster.repo, dry_run=done.dry_run)
    for role in done.plan.roles:
        log.info("role", role=role.role, wanted=role.wanted, running=role.running, reason=role.reason.text)
    for plan in done.plan.pulls:
        reason = plan.reasons[0] if plan.reasons else None
        log.info(
            "pull",
            number=plan.pull.number,
            head=plan.pull.head,
            decision="merge" if plan.merge else "hold",
            code=reason.code if reason else "ready",
            reason=reason.text if reason else "",
        )
    for outcome in done.outcomes:
        _outcome(log, outcome)
    for problem in done.problems:
        log.error("problem", step=problem.step, message=problem.message, person=problem.person)


def _outcome(log: Any, outcome: Outcome) -> None:  # noqa: ANN401  structlog's bound logger has no useful type
    write = log.error if outcome.result in ("failed", "refused") else log.info
    write("outcome", subject=outcome.subject, result=outcome.result, detail=outcome.detail, run=outcome.run)


class _Mask:
    """Replaces secrets in every text of an event."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        self.secrets = tuple(s for s in secrets if len(s) >= 8)

    def __call__(self, _logger: object, _name: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
        return {key: self._clean(value) for key, value in event.items()}

    def _clean(self, value: Any) -> Any:  # noqa: ANN401  a log field may be anything
        if not isinstance(value, str):
            return value
        for secret in self.secrets:
            value = value.replace(secret, "***")
        return value
