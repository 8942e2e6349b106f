"""First stage of a run: take an item, make the clone and the prompt, and plan the agent. No work: no plan, no model."""

import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from fleet import ledger
from fleet.harness import Brief, harnesses
from fleet.mirror import Mirror
from fleet.session import commands, prompt, watch, workspace
from fleet.session.adopt import adopt_own
from fleet.session.choose import Chooser, Taken
from fleet.session.guard import guarded
from fleet.session.job import Job, read_job
from fleet.spawners.processes import MARK

SETUP_SECONDS = 240.0
"""Below the five minutes that prepare has."""


def main() -> int:
    """Run the stage; what goes wrong is noted for publish, which writes it down."""
    job = read_job()
    failure = guarded("prepare", lambda: prepare(job))
    if failure:
        job.note("failure.json", failure)
    return 1 if failure else 0


def prepare(job: Job) -> None:
    """Take, clone, brief. Raises FleetError."""
    mirror = job.mirror()
    mirror.fetch(f"+refs/heads/{job.base}:refs/heads/{job.base}", unless=[job.base_sha])
    if job.mode == "sentinel":
        watch.watch(job, mirror)
        return
    adopt_own(job, mirror)
    taken = Chooser(job, mirror).take()
    if taken is None:
        job.note("failure.json", {"outcome": "idle", "reason": "nothing was left to take"})
        return
    job.note(
        "taken.json",
        {
            "item": asdict(taken.item),
            "claim": taken.claim and ledger.as_json(taken.claim),
            "look": ledger.as_json(taken.look),
        },
    )
    material = _material(job, mirror, taken)
    # Never for a review: what it would run is what is to be reviewed.
    if (
        job.mode != "reviewer"
        and job.session["setup"]
        and (why := commands.run(job.session["setup"], job.clone, SETUP_SECONDS))
    ):
        job.note("failure.json", {"outcome": "setup-failed", "reason": why})
        return
    work = job.clone.parent
    (work / "system.md").write_text(prompt.system(job), encoding="utf-8")
    (work / "prompt.md").write_text(prompt.task(job, material), encoding="utf-8")
    _plan(job, taken)


def _material(job: Job, mirror: Mirror, taken: Taken) -> prompt.Material:
    """Make the clone for the item and gather what the agent must read."""
    git, at = job.git, mirror.path
    context = workspace.files_of(git, at, job.base_sha, tuple(job.session["context"]))
    if taken.pull:
        pull = taken.pull.pull
        mirror.fetch(f"+refs/pull/{pull.number}/head:refs/pull/{pull.number}/head", unless=[pull.head])
        workspace.make(git, mirror, job.clone, commit=pull.head, base=job.base, base_sha=job.base_sha)
        changes, cut = workspace.diff(git, at, job.base_sha, pull.head)
        return prompt.Material(
            item=f"review pull request #{pull.number} at {pull.head[:12]}",
            words=[
                (f"Title and text of #{pull.number}", f"{pull.title}\n\n{taken.pull.body}"),
                (f"Its diff{', cut: read the rest in the clone' if cut else ''}", changes),
            ],
            context=context,
        )
    workspace.make(git, mirror, job.clone, commit=job.base_sha, base=job.base, base_sha=job.base_sha)
    if taken.issue:
        text = f"{taken.issue.title}\n\n{taken.issue.body}"
        return prompt.Material(
            item=f"issue #{taken.item.number}", words=[(f"Issue #{taken.item.number}", text)], context=context
        )
    folders = workspace.top_folders(git, at, job.base_sha)
    return prompt.Material(
        item="look at the repository through your role",
        context=context,
        start_in=prompt.start_in(folders, job.slot_number, job.slot_count),
    )


def _plan(job: Job, taken: Taken) -> None:
    """Write down how the agent is to be started."""
    work = job.clone.parent
    mark = {name: os.environ[name] for name in (MARK, "FLEET_RUN") if name in os.environ}
    brief = Brief(
        mode=job.mode,
        role=job.role,
        slot=job.slot,
        run=job.run,
        item=taken.item.key,
        clone=job.clone,
        scratch=work,
        prompt_file=work / "prompt.md",
        system_file=work / "system.md",
        settings=job.session,
        schema=lambda: answer_schema(job.mode),
        mark=mark,
        path=os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin"),
        model_api=job.model_api,
    )
    plan = harnesses()[job.session["harness"]].plan(brief)
    job.note(
        "plan.json",
        {
            "item": taken.item.key,
            "argv": list(plan.argv),
            "env": dict(plan.env),
            "cwd": str(job.clone),
            "prompt": str(brief.prompt_file),
            "seconds": job.session["timeout"],
            "idle_seconds": plan.idle_seconds,
            "key": asdict(plan.key) if plan.key else None,
        },
    )


def answer_schema(mode: str) -> Mapping[str, Any]:
    """The JSON schema of a mode's answer; pydantic is imported only for an agent that can be held to one."""
    from fleet.session.answer import schema

    return schema(mode)


if __name__ == "__main__":
    sys.exit(main())
