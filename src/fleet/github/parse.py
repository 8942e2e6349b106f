"""GitHub's JSON into facts. Pure; what is missing or of an unknown kind stays visible, so that deciders can hold."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from fleet.models import Actor, Base, Check, Checks, Issue, PullRequest, Review

Json = Mapping[str, Any]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
INDIFFERENT = frozenset(
    {"url", "updatedAt", "submittedAt", "workflow", "workflowRun", "event", "app", "slug", "name", "changeType"}
)
"""Leaves whose loss changes no verdict; any other one that GitHub would not say makes a pull request unread."""


def pull_request(node: Json, lost: Sequence[str] = ()) -> PullRequest:
    """Read the Pull or Candidate fragment. ``lost`` names fields that came with an error."""
    reviews, labels, files = node.get("latestOpinionatedReviews"), node.get("labels"), node.get("files")
    unread = [name for name in lost if name not in INDIFFERENT]
    if reviews is None or (reviews.get("pageInfo") or {}).get("hasNextPage"):
        unread.append("all of its reviews")
    if labels is None or labels.get("totalCount", 0) > len(labels.get("nodes") or ()):
        unread.append("all of its labels")
    contexts = (node.get("statusCheckRollup") or {}).get("contexts")
    for what, part in (("reviews", reviews), ("labels", labels), ("checks", contexts), ("files", files)):
        if None in ((part or {}).get("nodes") or ()):  # an error inside of one leaves null in its place
            unread.append(f"all of its {what}")
    return PullRequest(
        id=node.get("id") or "",
        number=node["number"],
        title=node.get("title") or "",
        url=node.get("url") or "",
        author=actor(node.get("author")),
        created_at=moment(node.get("createdAt")) or EPOCH,
        updated_at=moment(node.get("updatedAt")) or EPOCH,
        state=node.get("state") or "UNKNOWN",
        draft=node.get("isDraft") is not False,
        base=node.get("baseRefName") or "",
        branch=node.get("headRefName") or "",
        head=node.get("headRefOid") or "",
        fork=node.get("isCrossRepository") is not False,
        mergeable=node.get("mergeable") or "UNKNOWN",
        merge_state=node.get("mergeStateStatus") or "UNKNOWN",
        review_decision=node.get("reviewDecision"),
        in_merge_queue=bool(node.get("isInMergeQueue")),
        needs_merge_queue=bool(node.get("isMergeQueueEnabled")),
        labels=label_names(labels),
        reviews=tuple(_review(r) for r in _nodes(reviews)),
        checks=checks(node.get("statusCheckRollup")),
        files=tuple(f["path"] for f in _nodes(files)) if files is not None else None,
        renames=any(f.get("changeType") == "RENAMED" for f in _nodes(files)),
        all_files=files is None or not (files.get("pageInfo") or {}).get("hasNextPage"),
        unread=tuple(dict.fromkeys(unread)),
    )


def issue(node: Json) -> Issue:
    """Read one issue of the Pass query."""
    return Issue(
        number=node["number"],
        title=node.get("title") or "",
        author=actor(node.get("author")),
        association=node.get("authorAssociation") or "NONE",
        created_at=moment(node.get("createdAt")) or EPOCH,
        updated_at=moment(node.get("updatedAt")) or EPOCH,
        labels=label_names(node.get("labels")),
    )


def base(node: Json) -> Base:
    """Read the Base fragment."""
    target = node.get("target") or {}
    history = _nodes(target.get("history"))
    rollup = target.get("statusCheckRollup")
    return Base(
        branch=node["name"],
        sha=target.get("oid") or "",
        checks=checks(rollup) if rollup and rollup.get("contexts") else None,
        state=(rollup or {}).get("state"),
        headlines=tuple(_headline(commit) for commit in history),
        committed_at=moment(history[0].get("committedDate")) if history else None,
    )


def _headline(commit: Json) -> str:
    """The first line of a commit's message; GitHub cuts its own headline, and the pull request's number with it."""
    lines: list[str] = (commit.get("message") or commit.get("messageHeadline") or "").splitlines()
    return lines[0] if lines else ""


def checks(rollup: Json | None) -> Checks | None:
    """Read the Rollup fragment; None when no check ever ran."""
    if rollup is None:
        return None
    contexts = rollup.get("contexts") or {}
    page = contexts.get("pageInfo") or {}
    return Checks(
        commit=(rollup.get("commit") or {}).get("oid") or "",
        all=tuple(check(node) for node in _nodes(contexts)),
        more=(page.get("endCursor") or "?") if page.get("hasNextPage", not contexts) else None,
    )


def check(node: Json) -> Check:
    """Read the Context fragment."""
    if node.get("__typename") == "StatusContext":
        state = node.get("state") or "UNKNOWN"
        return Check(
            name=node.get("context") or "",
            source="status",
            state=state,
            complete=state not in ("PENDING", "EXPECTED"),
            at=moment(node.get("createdAt")),
            required=node.get("isRequired"),
        )
    suite = node.get("checkSuite") or {}
    run = suite.get("workflowRun") or {}
    complete = node.get("status") == "COMPLETED"
    source = ("run", (suite.get("app") or {}).get("slug"), run.get("event"), (run.get("workflow") or {}).get("name"))
    return Check(
        name=node.get("name") or "",
        source="/".join(part or "-" for part in source),
        state=(node.get("conclusion") if complete else node.get("status")) or "UNKNOWN",
        complete=complete,
        at=moment(node.get("startedAt")) or moment(node.get("completedAt")),
        required=node.get("isRequired"),
    )


def actor(node: Json | None) -> Actor | None:
    """Read the Who fragment; None for an account that is gone."""
    if not node or not node.get("login"):
        return None
    return Actor(login=node["login"], id=node.get("id") or "", kind=node.get("__typename") or "Unknown")


def label_names(connection: Json | None) -> frozenset[str]:
    """The names in a label connection."""
    return frozenset(node["name"] for node in _nodes(connection))


def moment(text: str | None) -> datetime | None:
    """GitHub's time stamps, aware UTC."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC) if text else None


def lost_fields(errors: Iterable[Json], *path: str | int) -> list[str]:
    """The leaves under a path that came with an error; "everything" for the path itself."""
    lost = []
    for error in errors:
        where = error.get("path") or []
        if where[: len(path)] == list(path):
            rest = [part for part in where[len(path) :] if isinstance(part, str)]
            lost.append(rest[-1] if rest else "everything")
    return lost


def _review(node: Json) -> Review:
    return Review(
        state=node.get("state") or "UNKNOWN",
        author=actor(node.get("author")),
        can_push=bool(node.get("authorCanPushToRepository")),
        commit=(node.get("commit") or {}).get("oid"),
    )


def _nodes(connection: Json | None) -> list[Json]:
    return [node for node in (connection or {}).get("nodes") or [] if node]
