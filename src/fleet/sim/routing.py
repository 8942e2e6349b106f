"""A request, an answer, and the table of REST routes. Rule: a route parses and shapes; the rules are the world's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fleet.sim import rules
from fleet.sim.model import ApiError, Pull, Repo, User, invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fleet.sim.model import Issue, Parsed
    from fleet.sim.shapes import Shapes
    from fleet.sim.world import World


@dataclass(frozen=True)
class Page:
    """A list that is answered page by page; only the items of the page asked for are shaped."""

    items: Sequence[Any]
    shape: Callable[[Any], Any]
    wrap: Callable[[list[Any]], Any] = lambda shaped: shaped

    def cut(self, query: dict[str, str], url: str) -> tuple[Any, str]:
        """(answer, Link header) of the page that `per_page` (30, at most 100) and `page` name."""
        size = min(_number(query.get("per_page"), 30), 100)
        page, last = _number(query.get("page"), 1), max(1, -(-len(self.items) // size))
        wanted = {"prev": page - 1, "next": page + 1, "last": last, "first": 1}
        near = [
            n for n, on in (("prev", page > 1), ("next", page < last), ("last", page < last), ("first", page > 1)) if on
        ]
        links = (f'<{url}?{urlencode({**query, "page": wanted[name]})}>; rel="{name}"' for name in near)
        part = self.items[(page - 1) * size : page * size]
        return self.wrap([self.shape(item) for item in part]), ", ".join(links)


def _number(text: str | None, usual: int) -> int:
    return max(1, int(text)) if text and text.isdigit() else usual


@dataclass(frozen=True)
class Call:
    """One REST request, as its route sees it. `repo` is that of the path, if it names one."""

    world: World
    user: User
    path: dict[str, str]
    query: dict[str, str]
    body: Any
    shapes: Shapes
    maybe_repo: Repo | None

    @property
    def repo(self) -> Repo:
        """The repository of the path."""
        assert self.maybe_repo is not None, "the route names no repository"
        return self.maybe_repo

    @property
    def issue(self) -> Issue:
        """The issue or pull request of the path."""
        issue = self.repo.either(int(self.path["number"]))
        if issue is None:
            raise ApiError(404, "Not Found")
        return issue

    @property
    def pull(self) -> Pull:
        """The pull request of the path."""
        pull = self.repo.pulls.get(int(self.path["number"]))
        if pull is None:
            raise ApiError(404, "Not Found")
        return pull

    def text(self, key: str) -> str | None:
        """A text of the body; null and absence are one."""
        value = (self.body or {}).get(key)
        if value is not None and not isinstance(value, str):
            raise ApiError(422, "Invalid request.", [f"For 'properties/{key}', {value} is not a string."])
        return value

    def required(self, key: str) -> str:
        """A text the body must have."""
        value = self.text(key)
        if not value:
            raise invalid("Request", "missing_field", field_name=key)
        return value


Answer = tuple[int, Any]


@dataclass(frozen=True)
class Route:
    """What answers one kind of request."""

    method: str
    pattern: re.Pattern[str]
    takes: frozenset[str]
    answer: Callable[[Call], Answer]

    def strange(self, query: dict[str, str], body: Parsed) -> list[str]:
        """What a request says that this route would not heed."""
        said = {*query, *(body if isinstance(body, dict) else ())}
        return sorted(said - self.takes - {"page", "per_page"})


class Routes:
    """The routes there are."""

    def __init__(self) -> None:
        self._table: list[Route] = []

    def on(
        self, method: str, template: str, takes: str = ""
    ) -> Callable[[Callable[[Call], Answer]], Callable[[Call], Answer]]:
        """Add a route, its path as in GitHub's docs; `{name*}` may span slashes, `{number}` is one.

        `takes` names the query parameters or body properties that mean something here; others are refused.
        """
        pattern = re.compile(re.sub(r"\{(\w+)(\*?)\}", _group, template) + "/?")

        def add(route: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
            self._table.append(Route(method, pattern, frozenset(takes.split()), route))
            return route

        return add

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The route of a request, and what its path names."""
        for route in self._table:
            if route.method == method and (match := route.pattern.fullmatch(path)):
                return route, match.groupdict()
        return None


def _group(match: re.Match[str]) -> str:
    kind = r"\d+" if match[1] in ("number", "id") else ".+?" if match[2] else "[^/]+"
    return f"(?P<{match[1]}>{kind})"


def find_repo(world: World, user: User | None, names: dict[str, str]) -> Repo | None:
    """The repository a path names; 404 also for those who may not see it."""
    if "owner" not in names:
        return None
    repo = world.repos.get(f"{names['owner']}/{names['repo']}".lower())
    if repo is None or not rules.allows(repo, user, "read"):
        raise ApiError(404, "Not Found")
    return repo
