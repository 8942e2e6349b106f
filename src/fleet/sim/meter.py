"""Counts requests and points by the hour. Rule: it only counts; a refusal for too many is a fault a test asks for."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fleet.sim.model import User
    from fleet.sim.world import World

HOUR = timedelta(hours=1)


class Meter:
    """What each user has used of `world.points` since the hour began, for REST ("core") and GraphQL."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._since: datetime | None = None
        self._used: dict[tuple[str, str], int] = {}

    def rate(self, user: User, resource: str, spend: int = 0) -> dict[str, int]:
        """Count `spend` and tell the state, with GitHub's names."""
        now = self._world.now()
        if self._since is None or not self._since <= now < self._since + HOUR:
            self._since, self._used = now, {}
        used = self._used[user.login, resource] = self._used.get((user.login, resource), 0) + spend
        limit = self._world.points
        reset = int((self._since + HOUR).timestamp())
        return {"limit": limit, "remaining": max(0, limit - used), "used": used, "reset": reset}

    def headers(self, user: User, resource: str, spend: int = 0) -> dict[str, str]:
        """The same as headers of an answer."""
        rate = self.rate(user, resource, spend)
        named = {f"X-RateLimit-{name.capitalize()}": str(value) for name, value in rate.items()}
        return {**named, "X-RateLimit-Resource": resource}
