"""Issues, labels and comments. Rule: whatever GitHub remembers of a change (events, editor) is written with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleet.sim import rules
from fleet.sim.checks import Checks
from fleet.sim.model import ApiError, Comment, Event, Issue, Label, Pull, invalid
from fleet.sim.store import locked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleet.sim.model import Repo, User

NO_RIGHTS = "Must have admin rights to Repository."


class Issues(Checks):
    """Everything issues and pull requests share."""

    @locked
    def open_issue(self, repo: Repo, user: User, title: str, body: str = "", labels: Sequence[str] = ()) -> Issue:
        """Open an issue. Labels of those who may not label are dropped, as the docs of "Create an issue" say."""
        self.need(repo, user, "read")
        if not title:
            raise invalid("Issue", "missing_field", field_name="title")
        now = self.now()
        issue = Issue(repo, self.next_number(repo), next(self.ids), title, body, user, now, now)
        repo.issues[issue.number] = issue
        self.label(issue, user, *labels)
        return issue

    def next_number(self, repo: Repo) -> int:
        """Issues and pull requests share one row of numbers."""
        return max([0, *repo.issues, *repo.pulls]) + 1

    def record(self, issue: Issue, kind: str, actor: User, label: str = "") -> None:
        """Write a timeline item."""
        issue.updated = self.now()
        issue.events.append(Event(next(self.ids), kind, actor, issue.updated, label))

    def may_change(self, issue: Issue, user: User) -> bool:
        """The author, and those who may triage."""
        return user is issue.author or rules.allows(issue.repo, user, "triage")

    @locked
    def edit(self, issue: Issue, user: User, title: str | None = None, body: str | None = None) -> None:
        """Change the text. Only a new body sets the editor; a new title is a timeline item."""
        if not (user is issue.author or rules.allows(issue.repo, user, "write")):
            raise ApiError(403, NO_RIGHTS)
        if title is not None and title != issue.title:
            issue.title = title
            self.record(issue, "renamed", user)
        if body is not None and body != issue.body:
            issue.body = body
            issue.editor = user
            issue.edited_at = issue.updated = self.now()

    @locked
    def close(self, issue: Issue, user: User, reason: str | None = None) -> None:
        """Close an issue or pull request."""
        if not self.may_change(issue, user):
            raise ApiError(403, NO_RIGHTS)
        self.shut(issue, user, reason)

    def shut(self, issue: Issue, user: User, reason: str | None = None) -> None:
        """Close without asking for permission: by a merge or a deleted branch."""
        if issue.state == "open":
            issue.state = "closed"
            issue.state_reason = None if isinstance(issue, Pull) else reason or "completed"
            issue.closed_at, issue.closed_by = self.now(), user
            self.record(issue, "closed", user)

    @locked
    def reopen(self, issue: Issue, user: User) -> None:
        """Open a closed issue or pull request again; a merged one stays."""
        if not self.may_change(issue, user):
            raise ApiError(403, NO_RIGHTS)
        if isinstance(issue, Pull):
            head = issue.repo.git.refs.get(f"refs/heads/{issue.head}")
            if issue.merged_at or head is None:
                raise invalid("PullRequest", "invalid", field_name="state")
            issue.head_sha = head
        if issue.state == "closed":
            issue.state, issue.closed_at, issue.closed_by = "open", None, None
            issue.state_reason = None if isinstance(issue, Pull) else "reopened"
            self.record(issue, "reopened", user)

    # labels

    @locked
    def add_label(self, repo: Repo, name: str, color: str = "ededed", description: str | None = None) -> Label:
        """Make a label."""
        if self.find_label(repo, name):
            raise invalid("Label", "already_exists", field_name="name")
        label = repo.labels[name] = Label(next(self.ids), name, color, description)
        return label

    def find_label(self, repo: Repo, name: str) -> Label | None:
        """A label by its name, in whichever case."""
        return next((label for key, label in repo.labels.items() if key.lower() == name.lower()), None)

    @locked
    def label(self, issue: Issue, user: User, *names: str) -> None:
        """Put labels on; dropped without a word for those who may not label."""
        if not rules.allows(issue.repo, user, "triage"):
            return
        for name in names:
            label = self.find_label(issue.repo, name) or self.add_label(issue.repo, name)
            if label.name not in issue.labels:
                issue.labels.append(label.name)
                self.record(issue, "labeled", user, label.name)

    @locked
    def unlabel(self, issue: Issue, user: User, *names: str) -> None:
        """Take labels off; dropped without a word for those who may not label."""
        if not rules.allows(issue.repo, user, "triage"):
            return
        for name in names:
            if label := next((known for known in issue.labels if known.lower() == name.lower()), None):
                issue.labels.remove(label)
                self.record(issue, "unlabeled", user, label)

    # comments

    @locked
    def comment(self, issue: Issue, user: User, body: str) -> Comment:
        """Comment on an issue or pull request."""
        self.need(issue.repo, user, "read")
        if not body:
            raise invalid("IssueComment", "missing_field", field_name="body")
        issue.updated = self.now()
        comment = Comment(next(self.ids), user, body, issue.updated)
        issue.comments.append(comment)
        return comment
