"""Last stage of a run: the only one that changes anything outside. Publishes, writes the outcome down, cleans up.

The branch and the claim move in one atomic push: who has lost the claim cannot publish. Safe to run again.
"""

import contextlib
import shutil
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from fleet import ledger
from fleet.errors import FleetError, GitError, LostRaceError
from fleet.ledger_rules import NOBODYS_FAULT, OWN_FAULT, SET_UP_FAULT
from fleet.mirror import ABSENT, Mirror, Swap
from fleet.models import Entry
from fleet.session import bodies
from fleet.session.check import agent_outcome
from fleet.session.guard import guarded
from fleet.session.job import Job, read_job

if TYPE_CHECKING:
    from fleet.github.writer import Writer

ACCOUNT_RESTS = {"usage-limit": timedelta(hours=1), "auth": timedelta(hours=1), "billing": timedelta(hours=1)}
"""Outcomes that rest the model's account, and for how long when it was not said."""


def main() -> int:
    """Run the stage and leave ``outcome.json`` whatever happens."""
    job = read_job()
    job.note("outcome.json", guarded("publish", lambda: publish(job, verdict_of(job))) or {})
    clean_up(job)
    return 0


def verdict_of(job: Job) -> dict[str, Any]:
    """What is to be written down: check's verdict, or why there is none."""
    if verdict := job.noted("verdict.json"):
        return verdict
    if failure := job.noted("failure.json"):
        return failure
    if job.noted("plan.json"):
        result = agent_outcome(job)
        outcome = result.outcome if result.outcome != "done" else "killed"
        return {"outcome": outcome, "reason": result.reason or "check was killed", "cost_usd": result.cost_usd}
    # prepare notes its own failures: without a note it was ended, by us or from outside.
    ended_by_us = job.noted("agent.json").get("killed") == "stopped"
    return {"outcome": "stopped" if ended_by_us else "killed", "reason": "prepare was ended"}


def publish(job: Job, verdict: Mapping[str, Any]) -> dict[str, Any]:
    """Do what the verdict says and write the ledger. Raises FleetError; LostRaceError when the claim is lost."""
    taken = job.noted("taken.json")
    told: dict[str, Any] = {
        "outcome": verdict["outcome"],
        "reason": verdict.get("reason", ""),
        "cost_usd": _cost(verdict, taken),
        "item": taken.get("item", {}).get("key", ""),
        "until": verdict.get("until"),
    }
    again = _again(job)
    if not taken:
        _remember_idle(job, told)
        return told
    if verdict["outcome"] != "publish":
        _remember(job, taken, told, again=again)
        return told
    told["outcome"] = "published"
    try:
        if taken["item"]["kind"] == "review":
            told |= _review(job, taken, verdict["answer"], again=again)
            _remember(job, taken, told, again=again)
        elif job.mode == "thinker":
            told |= _issues(job, verdict["answer"], again=again)
            _remember(job, taken, told, again=again)
        else:
            told |= _pull_request(job, taken, verdict, told, again=again)
    except LostRaceError:
        raise
    except FleetError as error:
        # The branch may be there: whoever takes the item next opens its pull request instead of building it again.
        branch = job.branch(taken["item"]["key"]) if "tree" in verdict else ""
        outcome = "refused" if isinstance(error, GitError) and "rejected" in error.output else "unavailable"
        with contextlib.suppress(FleetError):
            _give_back(job, taken, {**told, "outcome": outcome, "reason": str(error), "branch": branch})
        raise
    return told


def _cost(verdict: Mapping[str, Any], taken: Mapping[str, Any]) -> float:
    """What the run cost. An agent that was ended before it could say is counted with all that it might have spent."""
    said = verdict.get("cost_usd", 0.0)
    return float(said if said is not None else (taken.get("look") or {}).get("cost_usd", 0.0))


def _give_back(job: Job, taken: Mapping[str, Any], told: Mapping[str, Any]) -> None:
    """GitHub did not take the work, with or without its branch: the item is free again, and nobody is to blame."""
    stands, key = ledger.read(job.mirror(), job.fleet), taken["item"]["key"]
    look, claim = stands.looks.get(job.slot), stands.claims.get(key)
    if look is None or look.run != job.run or (taken["claim"] and (claim is None or claim.run != job.run)):
        return
    now = {**taken, "look": {**taken["look"], "oid": look.oid}}
    if taken["claim"] and claim:
        now["claim"] = {**taken["claim"], "oid": claim.oid}
    _remember(job, now, told, again=False)


def _again(job: Job) -> bool:
    """Whether this stage was begun before: then each effect is looked for before it is made once more."""
    if job.noted("publishing.json"):
        return True
    job.note("publishing.json", {"run": job.run})
    return False


def _is_written(job: Job) -> bool:
    """Whether the outcome of this run stands in the ledger."""
    look = ledger.read(job.mirror(), job.fleet).looks.get(job.slot)
    return look is not None and look.run == job.run and look.state == "done"


def _pull_request(
    job: Job, taken: Mapping[str, Any], verdict: Mapping[str, Any], told: Mapping[str, Any], *, again: bool
) -> dict[str, Any]:
    """One commit, one push with the claim, one pull request."""
    item, given = taken["item"], verdict["answer"]
    branch = job.branch(item["key"])
    title = given["title"].strip()
    body = bodies.pull_request(job, given, item)
    out = job.mirror(job.out)
    commit = _commit(job, out, verdict["tree"], f"{title}\n\n{body}")
    move = Swap(ref=f"refs/heads/{branch}", old=ABSENT, new=commit)
    _remember(job, taken, {**told, "branch": branch}, again=again, branch=(out, move))
    number = _writer(job, job.author_env).open_pull(branch=branch, base=job.base, title=title, body=body)
    return {"pull": number, "branch": branch}


def _writer(job: Job, variable: str) -> "Writer":
    """PyGithub is imported only when there is something to publish."""
    from fleet.github.writer import Writer

    return Writer(job.door(variable), job.repo)


def _commit(job: Job, out: Mirror, tree: str, message: str) -> str:
    """One commit of ours on the base: nothing the agent put into commits of its own goes out but the files."""
    login = job.identities.author.login
    who = f"{login} <{login}@users.noreply.github.com>"
    stamp = f"{who} {int(datetime.now(UTC).timestamp())} +0000"
    text = f"tree {tree}\nparent {job.base_sha}\nauthor {stamp}\ncommitter {stamp}\n\n{message}"
    return out.git.text("hash-object", "-t", "commit", "-w", "--stdin", at=out.path, feed=text.encode())


def _review(job: Job, taken: Mapping[str, Any], given: Mapping[str, Any], *, again: bool) -> dict[str, Any]:
    item = taken["item"]
    # GitHub refuses an approval of one's own pull request; with one identity a person approves.
    event = "COMMENT" if job.one_identity else {"approve": "APPROVE"}.get(given["verdict"], "REQUEST_CHANGES")
    body = bodies.review(job, given, item)
    comments = [{**comment, "side": "RIGHT"} for comment in given["comments"]]
    writer = _writer(job, job.reviewer_env)
    if again and writer.has_reviewed(item["number"], item["head"], job.identities.reviewer.id):
        return {"pull": item["number"], "event": event}
    writer.review(item["number"], head=item["head"], event=event, body=body, comments=comments)
    return {"pull": item["number"], "event": event}


def _issues(job: Job, given: Mapping[str, Any], *, again: bool) -> dict[str, Any]:
    """File the issues whose title is not open yet."""
    writer = _writer(job, job.author_env)
    known = {title.partition(" ")[2].casefold().strip() for title in job.open_issues}
    if again:
        known |= {title.casefold().strip() for title in writer.issues_that_hold(job.run)}
    filed = []
    for ticket in given["issues"]:
        if ticket["title"].casefold() in known:
            continue
        body = bodies.issue(job, ticket)
        filed.append(writer.open_issue(title=ticket["title"], body=body, labels=[ticket["label"]]))
    return {"issues": filed}


def _remember(
    job: Job, taken: Mapping[str, Any], told: Mapping[str, Any], *, again: bool,
    branch: tuple[Mirror, Swap] | None = None,
) -> None:  # fmt: skip
    """Write the outcome into the slot's memory and the claim, in one push with the branch that goes along."""
    if again and _is_written(job):
        return
    now = datetime.now(UTC)
    look = ledger.from_json(taken["look"])
    done = ended(look, told, now, kind=taken["item"]["kind"])
    changes = [(ledger.look_ref(job.fleet, job.slot), done)]
    if taken["claim"]:
        claim = ledger.from_json(taken["claim"])
        spared = told["outcome"] in NOBODYS_FAULT | SET_UP_FAULT
        settled = replace(
            claim, state="done", at=now, until=None, outcome=told["outcome"], reason=told["reason"][:300],
            cost_usd=told["cost_usd"], branch=told.get("branch", ""), attempt=max(0, claim.attempt - spared),
        )  # fmt: skip
        changes.insert(0, (ledger.claim_ref(taken["item"]["key"]), settled))
    ledger.swap(branch[0] if branch else job.mirror(), changes, [branch[1]] if branch else ())
    if told["outcome"] in ACCOUNT_RESTS:
        _rest_account(job, told, now)


def ended(look: Entry, told: Mapping[str, Any], now: datetime, *, kind: str) -> Entry:
    """A slot's memory after a run. Pure. A look that failed is not counted as one."""
    failed = told["outcome"] in OWN_FAULT | SET_UP_FAULT
    looked = kind == "look" and told["outcome"] in ("published", "nothing")
    same_day = look.at is not None and look.at.date() == now.date()
    worked = told["outcome"] in ("published", "nothing", "idle", "watched")
    return replace(
        look, state="done", at=now, until=None, outcome=told["outcome"], reason=told["reason"][:300],
        failures=look.failures + 1 if failed else 0 if worked else look.failures,
        cost_usd=told["cost_usd"], spent_usd=(look.spent_usd if same_day else 0.0) + told["cost_usd"],
        looked_at=now if looked else look.looked_at, looked_base=look.base if looked else look.looked_base,
        branch=told.get("branch", ""),
    )  # fmt: skip


def _remember_idle(job: Job, told: Mapping[str, Any]) -> None:
    """A run that took nothing: the slot remembers that it ran and why it ended."""
    mirror, ref, now = job.mirror(), ledger.look_ref(job.fleet, job.slot), datetime.now(UTC)
    old = ledger.read_local(mirror, job.fleet).looks.get(job.slot, Entry())
    blank = replace(old, fleet=job.fleet, role=job.role, slot=job.slot, run=job.run, host=job.host, item="")
    ledger.swap(mirror, [(ref, ended(blank, told, now, kind="none"))])


def _rest_account(job: Job, told: Mapping[str, Any], now: datetime) -> None:
    """Rest the model's account: a limit is not a failure of the item. All sessions meet it at once; one writes it."""
    name, mirror = job.session["model_key"]["env"], job.mirror()
    old = ledger.read(mirror, job.fleet).accounts.get(name)
    end = datetime.fromisoformat(told["until"]) if told.get("until") else now + ACCOUNT_RESTS[told["outcome"]]
    entry = Entry(
        oid=old.oid if old else "", fleet=job.fleet, host=job.host, run=job.run, state="resting", at=now, until=end,
        item=name, outcome=told["outcome"], reason=told["reason"][:300],
    )  # fmt: skip
    with contextlib.suppress(LostRaceError):
        ledger.swap(mirror, [(ledger.account_ref(job.fleet, name), entry)])


def clean_up(job: Job) -> None:
    """Drop the clone and the repositories of the run; its notes and logs stay."""
    for folder in (job.clone.parent, job.out, job.out.with_name("scratch.git")):
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
