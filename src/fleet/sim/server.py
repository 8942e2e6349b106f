"""The HTTP server. Rule: it listens on loopback only, and every request is written down before it is answered."""

from __future__ import annotations

import base64
import gzip
import json
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import TYPE_CHECKING, Any, Self, TextIO
from urllib.parse import parse_qsl, unquote, urlsplit

from fleet.sim import control, smart_http
from fleet.sim.api import Answered, Api, Asked, refused
from fleet.sim.faults import Fault, Request, Wire
from fleet.sim.world import World

if TYPE_CHECKING:
    from pathlib import Path

    from fleet.sim.model import Parsed, User

Connection = Any  # a socket, as typeshed sees socketserver
JSON = "application/json; charset=utf-8"
REQUEST_IDS = count(1)


class Simulator:
    """A GitHub on loopback: `with Simulator(root) as hub`, then `hub.url` and `hub.world`."""

    def __init__(self, root: Path, *, port: int = 0, log: TextIO | None = None) -> None:
        self.world = World(root)
        self.wire = Wire(log)
        self.api = Api(self.world)
        self._port = port
        self._server: _Server | None = None

    @property
    def url(self) -> str:
        """Where it listens: the base of the API and of `/owner/name.git`."""
        assert self._server is not None, "start() comes first"
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def requests(self) -> list[Request]:
        """All requests so far."""
        return self.wire.requests

    @property
    def unknown(self) -> list[Request]:
        """The requests for routes or fields it does not have. Tests assert that this is empty."""
        return self.wire.unknown

    def fault(self, **fault: Parsed) -> Fault:
        """Let an answer go wrong; the keywords are the fields of `Fault`."""
        made = Fault(**fault)
        self.wire.faults.append(made)
        return made

    def start(self) -> Self:
        """Listen."""
        self._server = _Server(("127.0.0.1", self._port), self)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Close every connection."""
        self.wire.stopped.set()
        if self._server:
            self._server.shutdown()
            self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], hub: Simulator) -> None:
        self.hub = hub
        self._open: set[Any] = set()
        super().__init__(address, _Handler)

    def process_request(self, request: Connection, client_address: Parsed) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Connection) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Also end the connections that are kept alive."""
        super().server_close()
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def handle_error(self, request: Connection, client_address: Parsed) -> None:
        """A client that went away is no error of ours; anything else is told."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "fleet.sim"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    server: _Server

    def log_message(self, *_: object) -> None:
        """Not to the terminal; `Wire` has it all."""

    def handle_request(self) -> None:
        """Answer one request, or what a fault leaves of it."""
        hub, raw = self.server.hub, self._read()
        asked, fine = self._asked(raw)
        if asked.path.startswith("/_sim/"):
            self._send(control.answer(hub, asked.method, asked.path, asked.body))
            return
        fault = hub.wire.strike(asked.method, asked.path, asked.body)
        if fault and not fault.after:
            hub.wire.wait(fault)
        answer: Answered | smart_http.GitAnswer | None = None
        if fault is None or fault.after or fault.status is None:
            answer = self._answer(asked, raw) if fine else refused(400, "Problems parsing JSON")
        self._record(asked, answer, fault)
        if fault and fault.after:
            hub.wire.wait(fault)
        if fault and fault.status is not None:
            self._spoil(fault, fault.status)
        elif answer:
            self._send(answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_request  # noqa: N815

    def _asked(self, raw: bytes) -> tuple[Asked, bool]:
        """(the request, whether its body could be read)."""
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        prefix = "/api/v3" if path.startswith("/api/v3/") else ""
        path = "/graphql" if path == "/api/graphql" else path.removeprefix(prefix)
        body, fine = None, True
        if raw and not path.endswith(("/git-upload-pack", "/git-receive-pack")):
            try:
                body = json.loads(raw)
            except ValueError:
                fine = False
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        host = f"http://{self.headers['Host']}"
        return Asked(self.command, path, query, body, self._user(), host, prefix), fine

    def _record(self, asked: Asked, answer: Answered | smart_http.GitAnswer | None, fault: Fault | None) -> None:
        hub, status = self.server.hub, answer.status if answer else 0
        if fault and fault.status is not None:
            status = fault.status
        login = asked.user.login if asked.user else ""
        request = Request(asked.method, asked.path, asked.query, asked.body, status, login, hub.world.now())
        hub.wire.record(request, known=not isinstance(answer, Answered) or answer.known)

    def _answer(self, asked: Asked, raw: bytes) -> Answered | smart_http.GitAnswer:
        hub, protocol = self.server.hub, self.headers.get("Git-Protocol", "")
        if asked.user is None and "Authorization" in self.headers:
            return refused(401, "Bad credentials")
        git = smart_http.answer(hub.world, asked.user, asked.path, asked.query, raw, protocol)
        return git or hub.api.answer(asked)

    def _user(self) -> User | None:
        kind, _, value = self.headers.get("Authorization", "").partition(" ")
        if kind.lower() == "basic":  # git: the token is the password, the name does not matter
            value = base64.b64decode(value).decode().partition(":")[2]
        return self.server.hub.world.tokens.get(value)

    def _read(self) -> bytes:
        """The body: git sends large pushes in chunks and packs its requests with gzip."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            chunks = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            body = b"".join(chunks)
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _spoil(self, fault: Fault, status: int) -> None:
        if status:
            self._write(status, fault.text(), {"Content-Type": JSON, **fault.headers})
        else:
            self.close_connection = True

    def _send(self, answer: Answered | smart_http.GitAnswer) -> None:
        if isinstance(answer, Answered):
            self._write(answer.status, answer.data, {"Content-Type": JSON, **answer.headers})
        else:
            self._write(answer.status, answer.body, {"Content-Type": answer.kind, **dict(answer.headers)})

    def _write(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        ids = {"X-GitHub-Request-Id": f"{next(REQUEST_IDS):04X}:FLEET", "X-GitHub-Media-Type": "github.v3; format=json"}
        for name, value in {**ids, **headers}.items():
            self.send_header(name, str(value))
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status != 204:
            self.wfile.write(body)
