"""From a request to an answer, without HTTP. Rule: one request is one turn under the world's lock."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fleet.sim import rest, rest_pulls
from fleet.sim.git import GitError
from fleet.sim.gql import GraphQL
from fleet.sim.meter import Meter
from fleet.sim.model import ApiError
from fleet.sim.routing import Call, Page, find_repo
from fleet.sim.shapes import Shapes

if TYPE_CHECKING:
    from fleet.sim.model import User
    from fleet.sim.world import World

DOCS = "https://docs.github.com/rest"
BAD_TOKEN = "Bad credentials"


@dataclass(frozen=True)
class Asked:
    """A request; `prefix` is "/api/v3" or nothing, `web` the scheme and host it was sent to."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    user: User | None
    web: str
    prefix: str = ""


@dataclass(frozen=True)
class Answered:
    """An answer. `known` is False for what the simulated GitHub has no route or field for."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    known: bool = True

    @property
    def data(self) -> bytes:
        """The body as it is sent."""
        return b"" if self.body is None else json.dumps(self.body).encode()


def refused(status: int, message: str, errors: list[Any] | None = None, *, known: bool = True) -> Answered:
    """An error in GitHub's form."""
    body = {"message": message, **({"errors": errors} if errors else {})}
    return Answered(status, {**body, "documentation_url": DOCS, "status": str(status)}, known=known)


class Api:
    """REST and GraphQL."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.meter = Meter(world)
        self.graphql = GraphQL(world, self.meter)

    def answer(self, asked: Asked) -> Answered:
        """Answer a request."""
        if asked.user is None:
            return refused(401, BAD_TOKEN)
        with self.world.hold():
            if asked.path == "/graphql":
                body, unknown = self.graphql.answer(asked.user, asked.web, asked.body)
                return Answered(200, body, self.meter.headers(asked.user, "graphql"), known=not unknown)
            limits = self.meter.headers(asked.user, "core", spend=int(asked.path != "/rate_limit"))
            answered = self._rest(asked, asked.user)
        return Answered(answered.status, answered.body, {**limits, **answered.headers}, answered.known)

    def _rest(self, asked: Asked, user: User) -> Answered:
        if asked.path == "/rate_limit" and asked.method == "GET":
            return Answered(200, self._rates(user))
        found = rest.ROUTES.find(asked.method, asked.path) or rest_pulls.ROUTES.find(asked.method, asked.path)
        if found is None:
            return refused(404, f"fleet.sim has no route {asked.method} {asked.path}", known=False)
        route, names = found
        if strange := route.strange(asked.query, asked.body):
            return refused(422, f"fleet.sim does not simulate {', '.join(strange)} of {asked.path}", known=False)
        shapes = Shapes(self.world, asked.web + asked.prefix, asked.web)
        try:
            repo = find_repo(self.world, user, names)
            status, body = route.answer(Call(self.world, user, names, asked.query, asked.body, shapes, repo))
            if not isinstance(body, Page):
                return Answered(status, body)
            body, link = body.cut(asked.query, f"{asked.web}{asked.prefix}{asked.path}")
            return Answered(status, body, {"Link": link} if link else {})
        except ApiError as error:
            return refused(error.status, error.message, error.errors)
        except (KeyError, TypeError, ValueError, GitError) as error:  # a body of the wrong form
            return refused(422, f"Invalid request: {error!r}")

    def _rates(self, user: User) -> dict[str, Any]:
        rates = {resource: self.meter.rate(user, resource) for resource in ("core", "search", "graphql")}
        return {"resources": rates, "rate": rates["core"]}
