"""The simulated world: pull requests, reviews, checks and merges.

Rule: all of GitHub's rules live here, in the bases `issues.py` and `store.py`, and as questions in `rules.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fleet.sim import rules
from fleet.sim.issues import Issues
from fleet.sim.model import ApiError, Pull, Review, invalid
from fleet.sim.store import locked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleet.sim.model import Repo, User

EVENTS = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED", "PENDING": "PENDING"}
OWN = {"APPROVE": "approve", "REQUEST_CHANGES": "request changes on"}


class World(Issues):
    """Everything on this GitHub. Methods take the lock themselves and hold their callers to the rules."""

    @locked
    def open_pull(
        self,
        repo: Repo,
        user: User,
        *,
        title: str,
        body: str = "",
        head: str,
        base: str = "main",
        draft: bool = False,
        fork: bool = False,
    ) -> Pull:
        """Open a pull request for a branch of this repository; `fork`: say that it came from a fork."""
        self.need(repo, user, "read")
        account, _, branch = head.rpartition(":")
        refs = repo.git.refs
        if account not in ("", repo.account.login) or f"refs/heads/{branch}" not in refs:
            raise invalid("PullRequest", "invalid", field_name="head")
        if f"refs/heads/{base}" not in refs:
            raise invalid("PullRequest", "invalid", field_name="base")
        if any(p.state == "open" and (p.head, p.base) == (branch, base) for p in repo.pulls.values()):
            known = f"A pull request already exists for {repo.account.login}:{branch}."
            raise invalid("PullRequest", "custom", message=known)
        head_sha, base_sha = refs[f"refs/heads/{branch}"], refs[f"refs/heads/{base}"]
        if repo.git.is_ancestor(head_sha, base_sha):
            raise invalid("PullRequest", "custom", message=f"No commits between {base} and {branch}")
        now, number = self.now(), self.next_number(repo)
        pull = Pull(
            repo, number, next(self.ids), title, body, user, now, now,
            head=branch, base=base, head_sha=head_sha, base_sha=base_sha, draft=draft, fork=fork,
        )  # fmt: skip
        repo.pulls[number] = pull
        repo.git.set(f"refs/pull/{number}/head", head_sha)
        return pull

    def branch_moved(self, repo: Repo, branch: str, change: tuple[str | None, str | None], user: User) -> None:
        """Follow a branch: its pull requests move with it, and close when it is gone."""
        old, new = change
        for pull in [p for p in repo.pulls.values() if p.state == "open" and branch in (p.head, p.base)]:
            if new is None:
                self.shut(pull, user)
            elif pull.head == branch:
                self._advance(pull, new)
            elif old and pull.head_sha in repo.git.between(old, new):
                self._merged(pull, user, new)  # somebody pushed its commits to the base
            else:
                pull.base_sha = new

    def _merged(self, pull: Pull, user: User, sha: str) -> None:
        pull.merge_sha, pull.merged_at, pull.merged_by = sha, self.now(), user
        self.record(pull, "merged", user)
        self.shut(pull, user)

    def _advance(self, pull: Pull, new: str) -> None:
        pull.head_sha, pull.updated = new, self.now()
        pull.repo.git.set(f"refs/pull/{pull.number}/head", new)
        if rules.protection(pull).dismiss_stale:
            for review in pull.reviews:
                if review.state == "APPROVED":
                    review.state = "DISMISSED"

    # reviews

    @locked
    def review(
        self,
        pull: Pull,
        user: User,
        event: str,
        body: str = "",
        commit: str | None = None,
        comments: Sequence[dict[str, Any]] = (),
    ) -> Review:
        """Review a pull request: APPROVE, REQUEST_CHANGES, COMMENT or PENDING."""
        self.need(pull.repo, user, "read")
        if user is pull.author and event in OWN:
            raise ApiError(422, "Unprocessable Entity", [f"Review Can not {OWN[event]} your own pull request"])
        if event in ("REQUEST_CHANGES", "COMMENT") and not body and not comments:
            raise ApiError(422, "Unprocessable Entity", ["Review body can't be blank"])
        if commit is not None and not pull.repo.git.has_commit(commit):
            raise ApiError(422, "Unprocessable Entity", ["The commit_id is not part of the pull request"])
        self._check_lines(pull, comments)
        now = self.now()
        review = Review(next(self.ids), user, EVENTS[event], body, commit or pull.head_sha, now, list(comments))
        pull.reviews.append(review)
        pull.updated = now
        return review

    def _check_lines(self, pull: Pull, comments: Sequence[dict[str, Any]]) -> None:
        """Comments must name lines of the diff, its three lines of context included."""
        changes = {change.path: change for change in pull.repo.git.changes(pull.base_sha, pull.head_sha)}
        for comment in comments:
            change = changes.get(comment["path"])
            if change is None:
                raise ApiError(422, "Unprocessable Entity", ["Path could not be resolved"])
            lines = change.left if comment.get("side", "RIGHT") == "LEFT" else change.right
            wanted = {comment.get("line"), comment.get("start_line", comment.get("line"))}
            if not wanted <= lines:
                raise ApiError(422, "Unprocessable Entity", ["Line could not be resolved"])

    @locked
    def dismiss(self, pull: Pull, review: Review, user: User) -> None:
        """Dismiss an opinion."""
        self.need(pull.repo, user, "write")
        if review.state not in ("APPROVED", "CHANGES_REQUESTED"):
            raise ApiError(422, "Validation Failed", ["Can not dismiss a commented pull request review"])
        review.state, pull.updated = "DISMISSED", self.now()

    # merging

    def mergeable(self, pull: Pull) -> bool | None:
        """Whether it merges without conflict; None while GitHub still computes (`repo.lag`) and once closed."""
        base = pull.repo.git.refs.get(f"refs/heads/{pull.base}")
        if pull.state != "open" or base is None:
            return None
        pair = (base, pull.head_sha)
        if pull.repo.lag and pull.known != pair:
            self._asked[pull] = pair
            return None
        return pull.repo.git.merge_tree(*pair) is not None

    def merge_state(self, pull: Pull) -> str:
        """`mergeStateStatus`."""
        return rules.merge_state(pull, mergeable=self.mergeable(pull))

    @locked
    def merge(
        self,
        pull: Pull,
        user: User,
        *,
        method: str = "squash",
        sha: str | None = None,
        title: str | None = None,
        message: str | None = None,
    ) -> str:
        """Merge by squash or by a merge commit; the commit's title is the one given."""
        repo, git = pull.repo, pull.repo.git
        self.need(repo, user, "write")
        tree = self._ready(pull, user, method, sha)
        base = git.refs[f"refs/heads/{pull.base}"]
        squash = method == "squash"
        usual = f"{pull.title} (#{pull.number})" if squash else f"Merge pull request #{pull.number}"
        text = (title or usual) + (f"\n\n{message}" if message else "")
        parents = [base] if squash else [base, pull.head_sha]
        new = git.commit_tree(tree, parents, text, pull.author if squash else user, self.now())
        self.swap(repo, f"refs/heads/{pull.base}", new, base)
        self._merged(pull, user, new)
        self.moved(repo, {f"refs/heads/{pull.base}": (base, new)}, user)
        if pull.base == repo.default:
            for issue in rules.closes(f"{pull.body}\n{text}", repo):
                self.shut(issue, user)
        if repo.delete_on_merge and git.refs.get(f"refs/heads/{pull.head}") == pull.head_sha:
            self.set_ref(repo, f"refs/heads/{pull.head}", None, user, pull.head_sha)
        return new

    def _ready(self, pull: Pull, user: User, method: str, sha: str | None) -> str:
        """The tree of the merge, or the refusal. The order of the questions is GitHub's as far as is known."""
        if method not in ("squash", "merge") or (method == "squash" and not pull.repo.squash_allowed):
            raise ApiError(405, f"{method.capitalize()} merges are not allowed on this repository.")
        if pull.state != "open":
            raise ApiError(405, "Pull Request is not mergeable")
        if pull.draft:
            raise ApiError(405, "Pull Request is still a draft")
        if sha is not None and sha != pull.head_sha:
            raise ApiError(409, "Head branch was modified. Review and try the merge again.")
        tree = pull.repo.git.merge_tree(pull.repo.git.refs[f"refs/heads/{pull.base}"], pull.head_sha)
        if tree is None:
            raise ApiError(405, "Pull Request is not mergeable")
        if pull.base in pull.repo.merge_queues:
            raise ApiError(405, "Changes must be made through the merge queue")
        # docs: protection does not bind admins unless "Do not allow bypassing the above settings" is on
        free = rules.allows(pull.repo, user, "admin") and not rules.protection(pull).enforce_admins
        if not free and (why := rules.refusal(pull)):
            raise ApiError(405, why)
        return tree
