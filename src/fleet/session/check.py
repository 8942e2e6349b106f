"""Stage after the agent: is what it answered and left behind fit to leave? Plain code, without any credential."""

import sys
from typing import Any

from fleet.harness import AgentOutcome, Ending, harnesses
from fleet.session import answer, commands, gates
from fleet.session.answer import BadAnswerError, BuilderAnswer, ReviewerAnswer, ThinkerAnswer
from fleet.session.guard import guarded
from fleet.session.harvest import harvest
from fleet.session.job import Job, read_job

LARGEST_OUTPUT = 32 * 2**20
"""Bytes of an agent's output that are read, from its end."""
CHECK_SECONDS = 540.0
"""Below the ten minutes that the stage has."""


def main() -> int:
    """Run the stage and leave ``verdict.json`` whatever happens."""
    job = read_job()
    job.note("verdict.json", guarded("check", lambda: check(job)) or {})
    return 0


def agent_outcome(job: Job) -> AgentOutcome:
    """What became of the agent, by its harness."""
    ended = job.noted("agent.json")
    ending = Ending(
        killed=ended.get("killed") or "",
        code=ended.get("rc"),
        stdout=_tail(job, "agent.out"),
        stderr=_tail(job, "agent.err"),
        error=ended.get("error", ""),
    )
    return harnesses()[job.session["harness"]].outcome(ending)


def check(job: Job) -> dict[str, Any]:
    """The verdict: ``{outcome: publish | nothing | <failure>, reason, cost_usd, until, answer, tree}``."""
    result = agent_outcome(job)
    verdict: dict[str, Any] = {"cost_usd": result.cost_usd, "until": result.until}
    if result.outcome != "done":
        return verdict | {"outcome": result.outcome, "reason": result.reason}
    try:
        given = answer.read(job.mode, result.answer)
    except BadAnswerError as error:
        return verdict | {"outcome": "bad-output", "reason": f"the answer does not fit: {error}"}
    if given.nothing:
        return verdict | {"outcome": "nothing", "reason": given.nothing[:300]}
    verdict["answer"] = given.model_dump()
    if gates.MARKER in given.model_dump_json():
        return verdict | {"outcome": "refused", "reason": "it carries a marker of fleet's own"}
    match given:
        case BuilderAnswer():
            return verdict | _builder(job, given)
        case ThinkerAnswer():
            wrong = next((t.label for t in given.issues if t.label not in job.labels), None)
            if wrong is not None:
                return verdict | {"outcome": "bad-output", "reason": f'no role takes issues labelled "{wrong}"'}
        case ReviewerAnswer():
            if job.noted("taken.json").get("item", {}).get("kind") != "review":
                return verdict | {"outcome": "nothing", "reason": "there was no pull request to review"}
    return verdict | {"outcome": "publish", "reason": ""}


def _builder(job: Job, given: BuilderAnswer) -> dict[str, Any]:
    found = harvest(job.git, job.clone, job.out, job.home / "mirror.git", job.base_sha)
    item = job.noted("taken.json")["item"]
    why = gates.refusal(
        gates.Work(
            title=given.title,
            body=given.body,
            closes=given.closes,
            changes=found.changes,
            may_change=job.may_change,
            issue=item["number"] if item["kind"] == "issue" else 0,
        )
    )
    if why:
        return {"outcome": "refused", "reason": why}
    if job.session["check"] and (why := commands.run(job.session["check"], job.clone, CHECK_SECONDS)):
        return {"outcome": "check-failed", "reason": why}
    return {"outcome": "publish", "reason": "", "tree": found.tree, "files": len(found.changes)}


def _tail(job: Job, name: str) -> str:
    try:
        with (job.run_dir / name).open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - LARGEST_OUTPUT))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


if __name__ == "__main__":
    sys.exit(main())
