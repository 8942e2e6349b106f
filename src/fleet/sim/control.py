"""Routes under `/_sim/`, for tests in other processes. Rule: no more than such a test needs; GitHub has none of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from fleet.sim.api import Answered, refused
from fleet.sim.seed import add_pulls, find_user

if TYPE_CHECKING:
    from fleet.sim.model import Parsed
    from fleet.sim.server import Simulator


def answer(hub: Simulator, method: str, path: str, body: Parsed) -> Answered:
    """Set a fault, read the requests, or make approved green pull requests."""
    match method, path:
        case "GET", "/_sim/requests":
            return Answered(200, [json.loads(request.as_line()) for request in hub.requests])
        case "GET", "/_sim/unknown":
            return Answered(200, [json.loads(request.as_line()) for request in hub.unknown])
        case "POST", "/_sim/faults":
            hub.fault(**body)
            return Answered(201, {"faults": len(hub.wire.faults)})
        case "POST", "/_sim/pulls":
            world = hub.world
            repo = world.repos[body.get("repo", "acme/web").lower()]
            author = find_user(world, body.get("author", "fleet-author"))
            reviewer = find_user(world, body.get("reviewer", "fleet-reviewer"))
            pulls = add_pulls(world, repo, body.get("count", 1), author, reviewer)
            return Answered(201, [{"number": pull.number, "head": pull.head, "sha": pull.head_sha} for pull in pulls])
        case _:
            return refused(404, f"fleet.sim has no route {method} {path}")
