"""GitHub's JSON into facts. Pure; what is missing or of an unknown kind stays visible, so that deciders can hold."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from fleet.models import Actor, Base, Check, Checks, Issue, PullRequest, Review

Json = Mapping[str, Any]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SOURCES = frozenset({"workflow", "workflowRun", "event", "app", "slug", "checkSuite", "databaseId"})
"""Leaves that tell checks of one name apart; without them each run counts for itself."""
INDIFFERENT = SOURCES | {"url", "updatedAt", "submittedAt", "changeType"}
"""Leaves whose loss changes no verdict; any other one that GitHub would not say makes a pull request unread."""


def pull_request(node: Json, lost: Sequence[str] = ()) -> PullRequest:
    """Read the Pull or Candidate fragment. ``lost`` names fields that came with an error."""
    reviews, labels, files = node.get("latestOpinionatedReviews"), node.get("labels"), node.get("files")
    writers = node.get("writers")
    unread = [name for name in lost if name not in INDIFFERENT]
    if reviews is None or writers is None or (writers.get("pageInfo") or {}).get("hasNextPage"):
        unread.append("all of its reviews")  # those who may not write may be as many as they like
    if labels is None or labels.get("totalCount", 0) > len(labels.get("nodes") or ()):
        unread.append("all of its labels")
    contexts = (node.get("statusCheckRollup") or {}).get("contexts")
    for what, part in (
        ("reviews", reviews),
        ("reviews", writers),
        ("labels", labels),
        ("checks", contexts),
        ("files", files),
    ):
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
        reviews=tuple(dict.fromkeys(_review(r) for r in (*_nodes(reviews), *_nodes(writers)))),
        checks=checks(node.get("statusCheckRollup"), apart=bool(SOURCES & set(lost))),
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


def base(node: Json, lost: Sequence[str] = ()) -> Base:
    """Read the Base fragment. ``lost`` names fields that came with an error."""
    target = node.get("target") or {}
    history = _nodes(target.get("history"))
    rollup = target.get("statusCheckRollup")
    unread = [name for name in lost if name not in INDIFFERENT]
    if not target.get("oid"):
        unread.append("its head")
    if None in (((rollup or {}).get("contexts") or {}).get("nodes") or ()):
        unread.append("all of its checks")
    return Base(
        branch=node["name"],
        sha=target.get("oid") or "",
        checks=checks(rollup, apart=bool(SOURCES & set(lost))) if rollup and rollup.get("contexts") else None,
        state=(rollup or {}).get("state"),
        headlines=tuple(_headline(commit) for commit in history),
        unread=tuple(dict.fromkeys(unread)),
    )


def _headline(commit: Json) -> str:
    """The first line of a commit's message; GitHub cuts its own headline, and the pull request's number with it."""
    lines: list[str] = (commit.get("message") or commit.get("messageHeadline") or "").splitlines()
    return lines[0] if lines else ""


def checks(rollup: Json | None, *, apart: bool = False) -> Checks | None:
    """Read the Rollup fragment; None when no check ever ran. ``apart`` takes no run for a rerun of another."""
    if rollup is None:
        return None
    contexts = rollup.get("contexts") or {}
    page = contexts.get("pageInfo") or {}
    return Checks(
        commit=(rollup.get("commit") or {}).get("oid") or "",
        all=tuple(check(node, apart=f"/{n}" if apart else "") for n, node in enumerate(_nodes(contexts))),
        more=(page.get("endCursor") or "?") if page.get("hasNextPage", not contexts) else None,
    )


def check(node: Json, *, apart: str = "") -> Check:
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
    workflow = run.get("workflow") or {}  # its number tells two files of one name apart
    source = (
        "run",
        (suite.get("app") or {}).get("slug"),
        run.get("event"),
        workflow.get("databaseId") or workflow.get("name"),
    )
    return Check(
        name=node.get("name") or "",
        source="/".join(str(part or "-") for part in source) + apart,
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
    """The leaves under a path that came with an error; "everything" for the path itself, "something" for no path."""
    lost = []
    for error in errors:
        where = error.get("path") or []
        if not where:
            lost.append("something")  # it may be anything
        elif where[: len(path)] == list(path):
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
