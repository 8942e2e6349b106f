"""The JSON that REST answers with. Rule: only fields that mean something here; URLs carry the host that was asked.

PyGithub refuses an answer whose URLs name another host, and edits an object at the `url` it was read with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from fleet.sim import rules
from fleet.sim.git_shapes import GitShapes, Json, iso
from fleet.sim.model import LEVELS, Pull

if TYPE_CHECKING:
    from fleet.sim.model import Comment, Issue, Label, Level, Repo, Review, User


class Shapes(GitShapes):
    """The JSON of repositories, issues, pull requests and reviews."""

    def repo(self, repo: Repo, viewer: User | None) -> Json:
        """A repository, with what the viewer may do in it."""
        rank = LEVELS.index(rules.level(repo, viewer))
        roles: dict[str, Level] = {
            "pull": "read",
            "triage": "triage",
            "push": "write",
            "maintain": "maintain",
            "admin": "admin",
        }
        web = f"{self.web}/{repo.full_name}"
        return {
            "id": repo.id,
            "node_id": f"R_{repo.id:06d}",
            "name": repo.name,
            "full_name": repo.full_name,
            "owner": self.user(repo.account),
            "private": False,
            "visibility": "public",
            "fork": False,
            "archived": repo.archived,
            "disabled": False,
            "default_branch": repo.default,
            "url": self.of(repo),
            "html_url": web,
            "clone_url": f"{web}.git",
            "permissions": {key: rank >= LEVELS.index(least) for key, least in roles.items()},
            "allow_squash_merge": repo.squash_allowed,
            "allow_merge_commit": True,
            "allow_rebase_merge": False,
            "allow_auto_merge": False,
            "delete_branch_on_merge": repo.delete_on_merge,
        }

    def label(self, repo: Repo, label: Label) -> Json:
        """A label."""
        facts = {"id": label.id, "node_id": f"LA_{label.id:06d}", "name": label.name, "color": label.color}
        url = f"{self.of(repo)}/labels/{quote(label.name, safe='')}"
        return {**facts, "description": label.description, "default": False, "url": url}

    def labels(self, issue: Issue) -> list[Json]:
        """The labels of an issue."""
        return [self.label(issue.repo, issue.repo.labels[name]) for name in issue.labels]

    def issue(self, issue: Issue) -> Json:
        """An issue; a pull request as the issues' routes show it."""
        kind = "pull" if isinstance(issue, Pull) else "issues"
        url = f"{self.of(issue.repo)}/issues/{issue.number}"
        shape: Json = {
            "id": issue.id,
            "node_id": issue.node_id,
            "number": issue.number,
            "title": issue.title,
            "body": issue.body or None,
            "state": issue.state,
            "state_reason": issue.state_reason,
            "user": self.user(issue.author),
            "author_association": rules.association(issue.repo, issue.author),
            "labels": self.labels(issue),
            "assignee": None,
            "assignees": [],
            "milestone": None,
            "comments": len(issue.comments),
            "locked": False,
            "created_at": iso(issue.created),
            "updated_at": iso(issue.updated),
            "closed_at": iso(issue.closed_at),
            "closed_by": self.user(issue.closed_by),
            "url": url,
            "html_url": f"{self.web}/{issue.repo.full_name}/{kind}/{issue.number}",
            "repository_url": self.of(issue.repo),
            "labels_url": f"{url}/labels{{/name}}",
            "comments_url": f"{url}/comments",
            "events_url": f"{url}/events",
        }
        if isinstance(issue, Pull):
            shape["draft"] = issue.draft
            urls = {"url": f"{self.of(issue.repo)}/pulls/{issue.number}", "html_url": shape["html_url"]}
            shape["pull_request"] = {**urls, "merged_at": iso(issue.merged_at)}
        return shape

    def pull(self, pull: Pull, viewer: User, *, full: bool = True) -> Json:
        """A pull request; lists leave out what has to be computed."""
        shape = self.issue(pull)
        for key in ("pull_request", "state_reason", "closed_by", "repository_url", "labels_url", "events_url"):
            del shape[key]
        if not full:
            del shape["comments"]
        url = f"{self.of(pull.repo)}/pulls/{pull.number}"
        shape |= {
            "url": url,
            "issue_url": f"{self.of(pull.repo)}/issues/{pull.number}",
            "commits_url": f"{url}/commits",
            "review_comments_url": f"{url}/comments",
            "statuses_url": f"{self.of(pull.repo)}/statuses/{pull.head_sha}",
            "head": self._side(pull, pull.head, pull.head_sha, viewer),
            "base": self._side(pull, pull.base, pull.base_sha, viewer),
            "merged_at": iso(pull.merged_at),
            "merge_commit_sha": pull.merge_sha,
            "auto_merge": None,
            "requested_reviewers": [],
            "requested_teams": [],
        }
        return {**shape, **self._computed(pull)} if full else shape

    def _side(self, pull: Pull, branch: str, sha: str, viewer: User) -> Json:
        account = pull.repo.account
        shape = {"label": f"{account.login}:{branch}", "ref": branch, "sha": sha}
        return {**shape, "user": self.user(account), "repo": self.repo(pull.repo, viewer)}

    def _computed(self, pull: Pull) -> Json:
        git = pull.repo.git
        changes = git.changes(pull.base_sha, pull.head_sha)
        return {
            "merged": pull.merged_at is not None,
            "merged_by": self.user(pull.merged_by),
            "mergeable": self.world.mergeable(pull),
            "mergeable_state": self.world.merge_state(pull).lower(),
            "rebaseable": None,
            "maintainer_can_modify": False,
            "commits": len(git.between(pull.base_sha, pull.head_sha)),
            "additions": sum(change.additions for change in changes),
            "deletions": sum(change.deletions for change in changes),
            "changed_files": len(changes),
            "review_comments": sum(len(review.comments) for review in pull.reviews),
        }

    def review(self, pull: Pull, review: Review) -> Json:
        """A review."""
        url = f"{self.of(pull.repo)}/pulls/{pull.number}"
        return {
            "id": review.id,
            "node_id": f"PRR_{review.id:06d}",
            "user": self.user(review.author),
            "author_association": rules.association(pull.repo, review.author),
            "state": review.state,
            "body": review.body,
            "commit_id": review.commit,
            "submitted_at": iso(review.at),
            "pull_request_url": url,
            "html_url": f"{self.web}/{pull.repo.full_name}/pull/{pull.number}#pullrequestreview-{review.id}",
        }

    def comment(self, issue: Issue, comment: Comment) -> Json:
        """A comment."""
        issue_url = f"{self.of(issue.repo)}/issues/{issue.number}"
        return {
            "id": comment.id,
            "node_id": f"IC_{comment.id:06d}",
            "user": self.user(comment.author),
            "author_association": rules.association(issue.repo, comment.author),
            "body": comment.body,
            "created_at": iso(comment.at),
            "updated_at": iso(comment.at),
            "issue_url": issue_url,
            "url": f"{self.of(issue.repo)}/issues/comments/{comment.id}",
            "html_url": f"{self.web}/{issue.repo.full_name}/issues/{issue.number}#issuecomment-{comment.id}",
        }
