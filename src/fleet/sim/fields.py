"""The values of GraphQL fields. Rule: each type is a dict; what costs work, or takes arguments, is a function in it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fleet.sim import rules
from fleet.sim.commit_fields import CommitFields, find_one
from fleet.sim.connections import GqlError, Json, connect, cut
from fleet.sim.git_shapes import iso
from fleet.sim.model import Pull

if TYPE_CHECKING:
    from collections.abc import Callable

    from fleet.sim.diff import Change
    from fleet.sim.model import Event, Issue, Review

TIMELINE = {"LABELED_EVENT": "labeled", "RENAMED_TITLE_EVENT": "renamed"}
ORDERS = {"CREATED_AT": "created", "UPDATED_AT": "updated"}
MERGEABLE = {True: "MERGEABLE", False: "CONFLICTING", None: "UNKNOWN"}


class Fields(CommitFields):
    """The root, repositories, issues, pull requests and reviews."""

    def query(self, cost: int, rate: dict[str, int]) -> Json:
        """The root."""
        reset = iso(datetime.fromtimestamp(rate["reset"], UTC))
        return {
            "viewer": {"__typename": "User", "login": self.viewer.login, "id": self.viewer.node_id},
            "rateLimit": {"cost": cost, "resetAt": reset, **rate},
            "repository": self.repository,
        }

    def repository(self, owner: str, name: str) -> Json:
        """A repository."""
        repo = self.world.repos.get(f"{owner}/{name}".lower())
        if repo is None or not rules.allows(repo, self.viewer, "read"):
            raise GqlError("NOT_FOUND", f"Could not resolve to a Repository with the name '{owner}/{name}'.")
        return {
            "__typename": "Repository",
            "id": f"R_{repo.id:06d}",
            "isArchived": repo.archived,
            "squashMergeAllowed": repo.squash_allowed,
            "deleteBranchOnMerge": repo.delete_on_merge,
            "viewerPermission": rules.level(repo, self.viewer).upper(),
            "defaultBranchRef": lambda: self.ref(repo, f"refs/heads/{repo.default}"),
            "ref": lambda qualifiedName: self.ref(repo, qualifiedName),  # noqa: N803
            "issue": lambda number: self.issue(find_one(repo.issues, number, "Issue")),
            "issues": self._list(list(repo.issues.values()), self.issue),
            "pullRequest": lambda number: self.pull(find_one(repo.pulls, number, "PullRequest")),
            "pullRequests": self._list(list(repo.pulls.values()), self.pull),
        }

    def _list(self, items: list[Any], shape: Callable[[Any], Json]) -> Callable[..., Json]:
        def page(
            states: list[str] | None = None,
            labels: list[str] | None = None,
            orderBy: dict[str, str] | None = None,  # noqa: N803
            first: int | None = None,
            after: str | None = None,
            last: int | None = None,
        ) -> Json:
            found = [
                item
                for item in items
                if (not states or _state(item) in states) and (not labels or set(labels) & set(item.labels))
            ]
            order = orderBy or {"field": "CREATED_AT", "direction": "ASC"}
            if order["field"] not in ORDERS:
                raise GqlError("UNPROCESSABLE", f"fleet.sim does not simulate the order {order['field']}")
            by = ORDERS[order["field"]]
            down = order["direction"] == "DESC"
            found.sort(key=lambda item: (getattr(item, by), item.number), reverse=down)
            return cut(found, shape, first=first, after=after, last=last)

        return page

    def issue(self, issue: Issue) -> Json:
        """An issue, and what a pull request has in common with one."""
        kind = "pull" if isinstance(issue, Pull) else "issues"
        return {
            "__typename": "Issue",
            "id": issue.node_id,
            "number": issue.number,
            "title": issue.title,
            "body": issue.body,
            "url": f"{self.web}/{issue.repo.full_name}/{kind}/{issue.number}",
            "state": _state(issue),
            "createdAt": iso(issue.created),
            "updatedAt": iso(issue.updated),
            "closedAt": iso(issue.closed_at),
            "lastEditedAt": iso(issue.edited_at),
            "author": lambda: self.actor(issue.author),
            "authorAssociation": rules.association(issue.repo, issue.author),
            "editor": lambda: self.actor(issue.editor),
            "labels": connect(issue.labels, lambda name: {"name": name}),
            "timelineItems": self._timeline(issue),
        }

    def _timeline(self, issue: Issue) -> Callable[..., Json]:
        names = {"labeled": "LabeledEvent", "renamed": "RenamedTitleEvent"}

        def shape(event: Event) -> Json:
            label = {"name": event.label}
            facts = {"__typename": names[event.kind], "createdAt": iso(event.at), "label": label}
            return {**facts, "actor": self.actor(event.actor)}

        def page(itemTypes: list[str], first: int | None = None, last: int | None = None) -> Json:  # noqa: N803
            if unknown := set(itemTypes) - set(TIMELINE):
                raise GqlError("UNPROCESSABLE", f"fleet.sim does not simulate the timeline items {sorted(unknown)}")
            kinds = {TIMELINE[name] for name in itemTypes}
            events = [event for event in issue.events if event.kind in kinds]
            return cut(events, shape, first=first, after=None, last=last)

        return page

    def pull(self, pull: Pull) -> Json:
        """A pull request."""
        repo, world = pull.repo, self.world

        def reviews(
            first: int | None = None,
            after: str | None = None,
            writersOnly: bool = False,  # noqa: FBT001, FBT002, N803
        ) -> Json:
            found = rules.opinions(pull, writers_only=writersOnly)
            return cut(found, lambda review: self.review(pull, review), first=first, after=after)

        def path(change: Change) -> Json:
            kind = {"removed": "DELETED"}.get(change.status, change.status.upper())
            counts = {"additions": change.additions, "deletions": change.deletions}
            return {"path": change.path, "changeType": kind, **counts}

        def changes(first: int | None = None, after: str | None = None) -> Json:
            return cut(repo.git.changes(pull.base_sha, pull.head_sha), path, first=first, after=after)

        return {
            **self.issue(pull),
            "__typename": "PullRequest",
            "isDraft": pull.draft,
            "baseRefName": pull.base,
            "headRefName": pull.head,
            "headRefOid": pull.head_sha,
            "isCrossRepository": pull.fork,
            "mergeable": lambda: MERGEABLE[world.mergeable(pull)],
            "mergeStateStatus": lambda: world.merge_state(pull),
            "mergedAt": iso(pull.merged_at),
            "mergeCommit": lambda: self.commit(repo, pull.merge_sha) if pull.merge_sha else None,
            "reviewDecision": lambda: rules.decision(pull),
            "isInMergeQueue": pull.queued,
            "isMergeQueueEnabled": pull.base in repo.merge_queues,
            "latestOpinionatedReviews": reviews,
            "statusCheckRollup": lambda: self.rollup(repo, pull.head_sha),
            "files": changes,
        }

    def review(self, pull: Pull, review: Review) -> Json:
        """A review."""
        return {
            "__typename": "PullRequestReview",
            "id": f"PRR_{review.id:06d}",
            "state": review.state,
            "submittedAt": iso(review.at),
            "author": lambda: self.actor(review.author),
            "authorCanPushToRepository": rules.allows(pull.repo, review.author, "write"),
            "commit": lambda: self.commit(pull.repo, review.commit),
        }


def _state(issue: Issue) -> str:
    return "MERGED" if isinstance(issue, Pull) and issue.merged_at else issue.state.upper()
