"""Talks to the simulated GitHub as a stranger would: plain HTTP and the real git. Rule: nothing of the product here."""

import json
import os
import re
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from graphql import parse, print_ast

import fleet

NUMBERS = "".join(f"{n}\n" for n in range(1, 31))  # a file long enough to be changed in two places
FRAGMENT = "fragment_definition"
QUERIES = Path(fleet.__file__).parent / "github/queries"
PASS_SWITCHES = {"first": True, "defaultBase": True, "namedBase": False, "pulls": True, "issues": True}
PASS = {"base": "main", "pullPage": 25, "issuePage": 50, **PASS_SWITCHES}
GIT_ENV = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")} | {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    **{f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}


@dataclass
class Reply:
    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Wire:
    """One user's way to one server."""

    url: str
    token: str
    repo: str = "acme/web"

    def send(self, method: str, path: str, body: Any = None, timeout: float = 10) -> Reply:
        """Send a request; a path without a leading slash is below the repository."""
        where = path if path.startswith("/") else f"/repos/{self.repo}/{path}".rstrip("/")
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        request = urllib.request.Request(self.url + where, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return Reply(answer.status, read(answer.read()), dict(answer.headers))
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, read(error.read()), dict(error.headers))

    def query(self, text: str, **variables: Any) -> Any:
        owner, _, name = self.repo.partition("/")
        known = {"owner": owner, "name": name} if "$owner" in text else {}
        return self.send("POST", "/graphql", {"query": text, "variables": {**known, **variables}}).body

    def ask_pass(self, **variables: Any) -> Any:
        """The query of a pass, as the product sends it."""
        return self.query(product_query("pass"), **{**PASS, **variables})["data"]

    def git(self, where: Path, *args: str) -> subprocess.CompletedProcess[str]:
        """Run git with this user's token."""
        login = f"http.extraHeader=Authorization: Bearer {self.token}"
        argv = ["git", "-c", login, "-C", str(where), *args]
        return subprocess.run(argv, env=GIT_ENV, capture_output=True, text=True, check=False)

    def clone(self, where: Path) -> Path:
        where.parent.mkdir(parents=True, exist_ok=True)
        done = self.git(where.parent, "clone", "-q", f"{self.url}/{self.repo}.git", where.name)
        assert done.returncode == 0, done.stderr
        return where


def read(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return data.decode()


def product_query(name: str, *more: str) -> str:
    """A query file of the product with the fragments it spreads, wherever they are."""
    text = "\n".join([(QUERIES / f"{name}.graphql").read_text(), *more])
    everything = "\n".join(path.read_text() for path in QUERIES.glob("*.graphql"))
    fragments = {node.name.value: print_ast(node) for node in parse(everything).definitions if node.kind == FRAGMENT}
    while missing := set(re.findall(r"\.\.\.\s*([A-Z]\w*)", text)) - set(re.findall(r"fragment (\w+) on", text)):
        text += "".join(f"\n{fragments[found]}" for found in sorted(missing))
    return text
