"""What is changed on GitHub through the API: one call each, sent exactly once."""

from typing import Any

from fleet.errors import GitHubError
from fleet.github import texts
from fleet.github.door import Door


class Writer:
    """Writes to one repository as one identity."""

    def __init__(self, door: Door, repo: str) -> None:
        self.door = door
        self.repo = repo
        self.path = f"/repos/{repo}"
        self.owner = repo.split("/")[0]

    def merge(self, number: int, *, head: str, title: str) -> str:
        """Squash-merge a pull request if its head is still ``head``; returns the new commit. Raises GitHubError.

        The title is given so that it does not become the message of a lone commit, and the number is ours to add then
        (coalesce-labs/catalyst#3397). The body is left to the repository's setting, which keeps co-authors.
        """
        body = {"merge_method": "squash", "sha": head, "commit_title": f"{title} (#{number})"}
        answer = self.door.write("PUT", f"{self.path}/pulls/{number}/merge", body)
        # A redirect of a renamed repository, or an empty answer, is no error to PyGithub and no merge either.
        if not isinstance(answer, dict) or answer.get("merged") is not True or not answer.get("sha"):
            said = answer.get("message") if isinstance(answer, dict) else answer
            raise GitHubError(f"GitHub did not say that it merged ({said}); was {self.repo} renamed?")
        return str(answer["sha"])

    def open_pull(self, *, branch: str, base: str, title: str, body: str) -> int:
        """Open a pull request, or find the one that is open for this branch. Safe to repeat. Raises GitHubError."""
        draft = {"title": title, "body": body, "head": branch, "base": base}
        if numbers := self.pulls_of(branch, state="open"):
            return numbers[0]
        try:
            return _number(self.door.write("POST", f"{self.path}/pulls", draft))
        except GitHubError:
            if numbers := self.pulls_of(branch, state="open"):
                return numbers[0]  # whatever the answer was, it is there
            raise

    def pulls_of(self, branch: str, *, state: str = "all") -> list[int]:
        """The pull requests of a branch, newest first. Raises GitHubError."""
        found = self.door.read(f"{self.path}/pulls", {"head": f"{self.owner}:{branch}", "state": state})
        return [int(pull["number"]) for pull in found]

    def open_issue(self, *, title: str, body: str, labels: list[str]) -> int:
        """File an issue. Raises GitHubError."""
        return _number(self.door.write("POST", f"{self.path}/issues", {"title": title, "body": body, "labels": labels}))

    def review(self, number: int, *, head: str, event: str, body: str, comments: list[dict[str, Any]]) -> None:
        """Review the pull request as it stands at ``head``. Raises GitHubError.

        GitHub refuses the whole review when one comment is on a line that is not in the diff (422); it is then sent
        with the comments in its text.
        """
        draft = {"commit_id": head, "event": event, "body": body, "comments": comments}
        try:
            self.door.write("POST", f"{self.path}/pulls/{number}/reviews", draft)
        except GitHubError as error:
            if error.status != 422 or not comments:
                raise
            notes = "\n".join(f"- `{c['path']}:{c['line']}`: {c['body']}" for c in comments)
            self.door.write(
                "POST", f"{self.path}/pulls/{number}/reviews", {**draft, "comments": [], "body": f"{body}\n\n{notes}"}
            )

    def has_reviewed(self, number: int, head: str, reviewer: str) -> bool:
        """Whether this reviewer (by id) has given an opinion on exactly this commit. Raises GitHubError."""
        found = texts.pull(self.door, self.repo, number)
        reviews = found.pull.reviews if found else ()
        return any(r.author is not None and r.author.id == reviewer and r.commit == head for r in reviews)

    def issues_that_hold(self, text: str) -> list[str]:
        """Titles of the newest hundred issues whose body holds a text. Raises GitHubError."""
        query = {"state": "all", "sort": "created", "direction": "desc", "per_page": 100}
        found = self.door.read(f"{self.path}/issues", query)
        return [issue["title"] for issue in found if text in (issue.get("body") or "")]

    def permission(self, login: str) -> str:
        """What an account may do here: admin, write, read or none. Raises GitHubError."""
        try:
            return str(self.door.read(f"{self.path}/collaborators/{login}/permission").get("permission") or "none")
        except GitHubError as error:
            if error.status == 404:
                return "none"
            raise


def _number(answer: Any) -> int:  # noqa: ANN401  JSON of any shape
    """The number of what was opened. Raises GitHubError for an answer that names none, such as a redirect."""
    if isinstance(answer, dict) and isinstance(answer.get("number"), int):
        return int(answer["number"])
    raise GitHubError("GitHub did not say what it opened; was the repository renamed?")
