"""The GraphQL texts of ``queries/*.graphql``: an operation and just the fragments it uses."""

import functools
import re
from collections.abc import Sequence
from pathlib import Path

_FOLDER = Path(__file__).parent / "queries"
_BLOCK = re.compile(r"^(query|mutation|fragment) (\w+).*?^\}$", re.MULTILINE | re.DOTALL)


@functools.cache
def operation(name: str) -> str:
    """The text of one operation, such as ``Pass``, with its fragments."""
    return _with_fragments(_blocks()[name])


def candidates(numbers: Sequence[int], *, required: bool) -> str:
    """One query for several pull requests by number, each under the alias ``p<number>``.

    ``required`` asks of each check whether the base requires it. That field wants the number of its own pull request as
    an argument, so it cannot be asked in a list (octokit/graphql.js#598).
    """
    parts = []
    for number in numbers:
        ask = f"isRequired(pullRequestNumber: {number})"
        checks = (
            "statusCheckRollup { contexts(first: 100) { nodes { "
            f"... on CheckRun {{ {ask} }} ... on StatusContext {{ {ask} }} }} }} }}"
        )
        parts.append(f"    p{number}: pullRequest(number: {number}) {{ ...Candidate {checks if required else ''} }}")
    body = "\n".join(parts)
    return _with_fragments(
        "query Candidates($owner: String!, $name: String!) {\n"
        f"  repository(owner: $owner, name: $name) {{\n{body}\n  }}\n}}"
    )


@functools.cache
def _blocks() -> dict[str, str]:
    found: dict[str, str] = {}
    for file in sorted(_FOLDER.glob("*.graphql")):
        text = "\n".join(line for line in file.read_text().splitlines() if not line.lstrip().startswith("#"))
        found |= {match[2]: match[0] for match in _BLOCK.finditer(text)}
    return found


def _with_fragments(text: str) -> str:
    used: dict[str, str] = {}
    todo = [text]
    while todo:
        for name in re.findall(r"\.\.\.(\w+)", todo.pop()):
            if name not in used and name in _blocks():
                used[name] = _blocks()[name]
                todo.append(used[name])
    return "\n".join([text, *used.values()])
