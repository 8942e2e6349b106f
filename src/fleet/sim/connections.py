"""Pages of GraphQL lists. Rule: `first` or `last` is there and at most 100, or it is an error, as on GitHub."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from fleet.sim.cost import PAGE_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Json = dict[str, Any]


class GqlError(Exception):
    """An error of one field, with GitHub's `type`."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def connect(items: Sequence[Any], shape: Callable[[Any], Json]) -> Callable[..., Json]:
    """A connection over a list."""

    def page(first: int | None = None, after: str | None = None, last: int | None = None) -> Json:
        return cut(items, shape, first=first, after=after, last=last)

    return page


def cut(
    items: Sequence[Any], shape: Callable[[Any], Json], *, first: int | None, after: str | None, last: int | None = None
) -> Json:
    """One page of a list; only its items are shaped."""
    name, size = ("first", first) if first is not None else ("last", last)
    if size is None:
        message = "You must provide a `first` or `last` value to properly paginate the connection."
        raise GqlError("MISSING_PAGINATION_BOUNDARIES", message)
    if not 0 <= size <= PAGE_LIMIT:
        message = f"Requesting {size} records on the connection exceeds the `{name}` limit of {PAGE_LIMIT} records."
        raise GqlError("EXCESSIVE_PAGINATION", message)
    start = _read(after) if after else 0
    end = min(start + size, len(items)) if first is not None else len(items)
    start = start if first is not None else max(start, end - size)
    info = {
        "hasNextPage": end < len(items),
        "hasPreviousPage": start > 0,
        "startCursor": _cursor(start + 1) if end > start else None,
        "endCursor": _cursor(end) if end > start else None,
    }
    nodes = [shape(item) for item in items[start:end]]
    return {"totalCount": len(items), "pageInfo": info, "nodes": nodes}


def _cursor(position: int) -> str:
    return base64.b64encode(f"cursor:{position}".encode()).decode()


def _read(cursor: str) -> int:
    try:
        return int(base64.b64decode(cursor).decode().removeprefix("cursor:"))
    except ValueError:
        raise GqlError("INVALID_CURSOR_ARGUMENTS", f"`{cursor}` does not appear to be a valid cursor.") from None
