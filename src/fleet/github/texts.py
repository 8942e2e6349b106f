"""The texts a session works on: one issue, one pull request, as they are right before they are taken. Reads only."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fleet.github import parse, text
from fleet.github.door import Door
from fleet.models import Actor, PullRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelling:
    """Somebody put a label on an issue."""

    label: str
    by: Actor | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueText:
    """One issue with its words and who is answerable for them."""

    number: int
    title: str
    body: str
    open: bool
    author: Actor | None
    editor: Actor | None
    """Who wrote the body last; None if nobody but the author."""
    written_at: datetime
    """When title or body were last changed: the end of that second, for a change after the first writing."""
    updated_at: datetime
    labels: frozenset[str]
    labelled: tuple[Labelling, ...]
    renamed_by: tuple[Actor | None, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PullText:
    """One pull request with its words."""

    pull: PullRequest
    body: str


def issue(door: Door, repo: str, number: int) -> IssueText | None:
    """Read one issue; None when it is gone. Raises GitHubError."""
    owner, name = repo.split("/")
    data, _ = door.query(text.operation("IssueText"), {"owner": owner, "name": name, "number": number})
    node = (data.get("repository") or {}).get("issue")
    return parse_issue(node) if node else None


def pull(door: Door, repo: str, number: int) -> PullText | None:
    """Read one pull request; None when it is gone. Raises GitHubError."""
    owner, name = repo.split("/")
    data, errors = door.query(text.operation("PullText"), {"owner": owner, "name": name, "number": number})
    node = (data.get("repository") or {}).get("pullRequest")
    if not node:
        return None
    lost = parse.lost_fields(errors, "repository", "pullRequest")
    return PullText(pull=parse.pull_request(node, lost), body=node.get("body") or "")


def parse_issue(node: Mapping[str, Any]) -> IssueText:
    """Read the issue of the IssueText query. Pure."""
    events = [event for event in (node.get("timelineItems") or {}).get("nodes") or [] if event]
    renames = [event for event in events if event["__typename"] == "RenamedTitleEvent"]
    changes = [node.get("lastEditedAt"), *(event["createdAt"] for event in renames)]
    # GitHub tells whole seconds: a change in the very second of a label may have come after it.
    ends = [moment + timedelta(seconds=1) for time in changes if (moment := parse.moment(time))]
    return IssueText(
        number=node["number"],
        title=node["title"],
        body=node.get("body") or "",
        open=node.get("state") == "OPEN",
        author=parse.actor(node.get("author")),
        editor=parse.actor(node.get("editor")),
        written_at=max([parse.moment(node.get("createdAt")) or parse.EPOCH, *ends]),
        updated_at=parse.moment(node.get("updatedAt")) or parse.EPOCH,
        labels=parse.label_names(node.get("labels")),
        labelled=tuple(
            Labelling(
                label=event["label"]["name"],
                by=parse.actor(event.get("actor")),
                at=parse.moment(event["createdAt"]) or parse.EPOCH,
            )
            for event in events
            if event["__typename"] == "LabeledEvent"
        ),
        renamed_by=tuple(parse.actor(event.get("actor")) for event in renames),
    )
