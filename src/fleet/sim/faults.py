"""What went over the wire, and what should go wrong there. Rule: a fault replaces an answer, never a rule."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from datetime import datetime

    from fleet.sim.model import Parsed


@dataclass(frozen=True)
class Request:
    """One request, as tests and the contract check see it; `path` is without `/api/v3`."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    status: int
    login: str
    at: datetime

    def as_line(self) -> str:
        """One line of JSON."""
        return json.dumps({**asdict(self), "at": self.at.isoformat()})


@dataclass
class Fault:
    """An answer that goes wrong `times` times. Regexes are searched for in the path and the GraphQL query.

    `after`: the request takes effect at once, and only its answer is lost or comes late.
    `status`: None leaves it at the delay; 0 closes the connection without an answer.
    """

    method: str | None = None
    path: str = ""
    query: str | None = None
    status: int | None = None
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    after: bool = False
    delay: float = 0.0

    def fits(self, method: str, path: str, body: Parsed) -> bool:
        """Whether this request is meant."""
        if self.times < 1 or self.method not in (None, method) or not re.search(self.path, path):
            return False
        text = body.get("query", "") if isinstance(body, dict) else ""
        return self.query is None or re.search(self.query, text) is not None

    def text(self) -> bytes:
        """The body of the wrong answer."""
        body = {"message": "Server Error"} if self.body is None else self.body
        return body.encode() if isinstance(body, str) else json.dumps(body).encode()


class Wire:
    """The log of requests and the list of faults."""

    def __init__(self, log: TextIO | None = None) -> None:
        self.requests: list[Request] = []
        self.unknown: list[Request] = []
        self.faults: list[Fault] = []
        self.stopped = threading.Event()
        self._log = log
        self._lock = threading.Lock()

    def record(self, request: Request, *, known: bool) -> None:
        """Keep a request."""
        with self._lock:
            self.requests.append(request)
            if not known:
                self.unknown.append(request)
            if self._log:
                self._log.write(request.as_line() + "\n")
                self._log.flush()

    def strike(self, method: str, path: str, body: Parsed) -> Fault | None:
        """The fault that hits this request, if any; it is used up once."""
        with self._lock:
            fault = next((fault for fault in self.faults if fault.fits(method, path, body)), None)
            if fault:
                fault.times -= 1
        return fault

    def wait(self, fault: Fault | None) -> None:
        """Let the delay of a fault pass, unless the server stops meanwhile."""
        if fault and fault.delay:
            self.stopped.wait(fault.delay)
