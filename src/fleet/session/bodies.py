"""The texts that a session publishes. Pure. Each ends with a marker that counts only under our own author's id."""

import json
from collections.abc import Mapping
from typing import Any

from fleet.session.job import Job


def marker(job: Job, item: str) -> str:
    """The last line of everything we publish (hidden in GitHub's rendering)."""
    document = {"fleet": job.fleet, "role": job.role, "slot": job.slot, "run": job.run, "item": item}
    return f"<!-- fleet:1 {json.dumps(document, sort_keys=True)} -->"


def pull_request(job: Job, given: Mapping[str, Any], item: Mapping[str, Any]) -> str:
    """What the agent said, what it closes or is a part of, and who made it."""
    closes = ""
    if item["kind"] == "issue":
        closes = f"{'Fixes' if item['number'] in given['closes'] else 'Part of'} #{item['number']}\n\n"
    return f"{given['body'].strip()}\n\n{closes}{_signature(job)}\n{marker(job, item['key'])}\n"


def review(job: Job, given: Mapping[str, Any], item: Mapping[str, Any]) -> str:
    """The summary of a review."""
    verdict = {"approve": "Approved", "request_changes": "Changes requested"}[given["verdict"]]
    summary = given["summary"].strip() or "Nothing to add."
    return f"**{verdict}.** {summary}\n\n{_signature(job)}\n{marker(job, item['key'])}\n"


def issue(job: Job, ticket: Mapping[str, Any]) -> str:
    """A ticket as people read it."""
    parts = [ticket["problem"].strip()]
    if ticket["files"]:
        parts.append("**Files**\n" + "\n".join(f"- `{path}`" for path in ticket["files"]))
    if ticket["error_logs"].strip():
        parts.append(f"**Error logs**\n```\n{ticket['error_logs'].strip()}\n```")
    parts.append("**Acceptance criteria**\n" + "\n".join(f"- [ ] {line}" for line in ticket["acceptance_criteria"]))
    parts.append(f"Type: {ticket['type']} · Priority: {ticket['priority']}")
    return "\n\n".join(parts) + f"\n\n{_signature(job)}\n{marker(job, f'look-{job.slot}')}\n"


def _signature(job: Job) -> str:
    return f"*{job.title} of fleet {job.fleet}, run {job.run}*"
