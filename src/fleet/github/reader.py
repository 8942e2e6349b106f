"""Everything a pass reads of GitHub: the snapshot of a whole repository, and single pull requests again. Reads only."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from fleet.errors import GitHubError, RateLimitedError
from fleet.github import parse, text
from fleet.github.door import TRIES, Door
from fleet.models import Actor, Base, Checks, Identities, Issue, PullRequest, Snapshot

PAGE = 25
"""Pull requests a page. GitHub ends a query after about ten seconds, and check rollups are slow (cli/cli#7421)."""
ISSUES_A_PAGE = 50
SMALLEST_PAGE = 6
TOO_LARGE = (None, 500, 502, 503, 504)
"""What GitHub answers, if anything, to a query that it cannot finish in time."""
_NOT_ASKED: dict[str, Any] = {"nodes": ()}
Json = dict[str, Any]


class Reader:
    """Reads of one repository through the coordinator's door; ``others`` are the author's and the reviewer's."""

    def __init__(self, door: Door, repo: str) -> None:
        self.door = door
        self.owner, self.name = repo.split("/")

    def snapshot(self, base: str | None, known: Mapping[str, Actor]) -> Snapshot:
        """Read all open pull requests and issues and the base branch. Raises GitHubError.

        ``known`` are the author and the reviewer where they are not the coordinator.
        """
        pulls: list[PullRequest] = []
        issues: list[Issue] = []
        unread: list[str] = []
        first: Json = {}
        for page in self._pages(base):
            first = first or page
            pulls += page["pulls"]
            issues += page["issues"]
            unread += page["unread"]
        viewer = first["viewer"]
        return Snapshot(
            identities=Identities(
                coordinator=viewer, author=known.get("author", viewer), reviewer=known.get("reviewer", viewer)
            ),
            permission=first["repository"].get("viewerPermission"),
            archived=first["repository"].get("isArchived") is not False,
            squash_allowed=first["repository"].get("squashMergeAllowed") is not False,
            base=first["base"],
            pulls=tuple(pulls),
            issues=tuple(issues),
            unread=tuple(unread),
        )

    def again(self, numbers: Sequence[int], *, required: bool) -> dict[int, PullRequest]:
        """Read some pull requests again with their files and every page of their checks. Raises GitHubError."""
        variables = {"owner": self.owner, "name": self.name}
        try:
            asked = text.candidates(numbers, required=required)
            data, errors = self.door.query(asked, variables, tries=1 if len(numbers) > 1 else TRIES)
        except GitHubError as error:
            if len(numbers) == 1 or error.status not in TOO_LARGE:
                raise
            half = len(numbers) // 2
            return self.again(numbers[:half], required=required) | self.again(numbers[half:], required=required)
        found = {}
        for number in numbers:
            if node := (data.get("repository") or {}).get(f"p{number}"):
                lost = parse.lost_fields(errors, "repository", f"p{number}")
                found[number] = self._whole(parse.pull_request(node, lost), required=required)
        return found

    def _whole(self, pull: PullRequest, *, required: bool) -> PullRequest:
        """Read what one page does not hold; a pull request that this fails for is held, and no other."""
        try:
            pull = self._all_checks(pull, required=required)
            return self._old_names(pull) if pull.renames else pull
        except RateLimitedError:
            raise
        except GitHubError as error:
            return replace(pull, unread=(*pull.unread, f"all of it: {error}"))

    def _old_names(self, pull: PullRequest) -> PullRequest:
        """Add the names that renamed files had before: GraphQL does not tell them, and they may be protected."""
        path = f"/repos/{self.owner}/{self.name}/pulls/{pull.number}/files"
        old = [
            file["previous_filename"] for file in self.door.read(path, {"per_page": 100}) if "previous_filename" in file
        ]
        return replace(pull, files=tuple(dict.fromkeys((*(pull.files or ()), *old))))

    def _all_checks(self, pull: PullRequest, *, required: bool) -> PullRequest:
        """Read the rest of the checks of a pull request that has more than a page of them."""
        checks = pull.checks
        while checks and checks.more and not pull.unread:
            variables = {
                "owner": self.owner, "name": self.name, "number": pull.number, "cursor": checks.more,
                "required": required,
            }  # fmt: skip
            data, errors = self.door.query(text.operation("Checks"), variables)
            node = (data.get("repository") or {}).get("pullRequest") or {}
            page = parse.checks(node.get("statusCheckRollup"))
            if errors or page is None or page.commit != checks.commit or node.get("headRefOid") != pull.head:
                return replace(pull, unread=("all of its checks",))
            checks = Checks(commit=checks.commit, all=checks.all + page.all, more=page.more)
        return replace(pull, checks=checks)

    def _pages(self, base: str | None) -> Iterator[Json]:
        """Yield one page after another, smaller ones when GitHub cannot finish a large one."""
        size, pull_cursor, issue_cursor = PAGE, None, None
        more_pulls = more_issues = first = True
        while more_pulls or more_issues:
            variables = {
                "owner": self.owner, "name": self.name, "base": f"refs/heads/{base}", "first": first,
                "defaultBase": first and base is None, "namedBase": first and base is not None,
                "pulls": more_pulls, "pullPage": size, "pullCursor": pull_cursor,
                "issues": more_issues, "issuePage": ISSUES_A_PAGE, "issueCursor": issue_cursor,
            }  # fmt: skip
            try:
                data, errors = self.door.query(text.operation("Pass"), variables, tries=1)
            except GitHubError as error:
                if error.status not in TOO_LARGE or size <= SMALLEST_PAGE:
                    raise
                size //= 2
                continue
            page = self._page(data, errors, base, first=first)
            yield page
            first = False
            more_pulls, pull_cursor = _next(data["repository"].get("pullRequests")) if more_pulls else (False, None)
            more_issues, issue_cursor = _next(data["repository"].get("issues")) if more_issues else (False, None)

    def _page(self, data: Json, errors: Sequence[Json], base: str | None, *, first: bool) -> Json:
        repository = data.get("repository")
        if not repository and errors and not any(error.get("type") == "NOT_FOUND" for error in errors):
            raise GitHubError(f"GitHub could not finish the query: {errors[0].get('message')}", status=502)
        if not repository:
            raise GitHubError(
                f"{self.owner}/{self.name} does not exist or the token in {self.door.name} may not see it",
                status=404, person=True,
            )  # fmt: skip
        pulls, issues = repository.get("pullRequests", _NOT_ASKED), repository.get("issues", _NOT_ASKED)
        if pulls is None:
            raise GitHubError("GitHub could not list the pull requests", status=502)
        where = ("repository", "pullRequests", "nodes")
        page = {
            "repository": repository,
            "pulls": [
                parse.pull_request(node, parse.lost_fields(errors, *where, n))
                for n, node in enumerate(pulls["nodes"])
                if node
            ],
            "issues": [parse.issue(node) for node in (issues or _NOT_ASKED)["nodes"] if node],
            "unread": [
                *(f"a pull request: {_said(errors, *where, n)}" for n, node in enumerate(pulls["nodes"]) if not node),
                *([f"the issues: {_said(errors, 'repository', 'issues')}"] if issues is None else []),
            ],
        }
        if first:
            viewer = data.get("viewer") or {}
            page["viewer"] = Actor(login=viewer.get("login") or "", id=viewer.get("id") or "")
            page["base"] = self._base(repository, errors, base)
        return page

    def _base(self, repository: Json, errors: Sequence[Json], base: str | None) -> Base:
        node = repository.get("defaultBranchRef") if base is None else repository.get("ref")
        if not node:
            what = f"branch {base}" if base else "default branch"
            raise GitHubError(f"{self.owner}/{self.name} has no {what}; push a first commit", person=True)
        lost = parse.lost_fields(errors, "repository", "defaultBranchRef" if base is None else "ref")
        return parse.base(node, lost)


def whoami(door: Door) -> Actor:
    """Whose token this is. Raises GitHubError."""
    data, _ = door.query(text.operation("Viewer"), {})
    return Actor(login=data["viewer"]["login"], id=data["viewer"]["id"])


def _next(connection: Json | None) -> tuple[bool, str | None]:
    page = (connection or {}).get("pageInfo") or {}
    return bool(page.get("hasNextPage")), page.get("endCursor")


def _said(errors: Sequence[Json], *path: str | int) -> str:
    """What GitHub gave as the reason for a null."""
    under = [error for error in errors if (error.get("path") or [])[: len(path)] == list(path)]
    return str((under or [{"message": "no reason given"}])[0].get("message"))[:200]
