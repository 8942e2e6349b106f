"""Change roster.yaml in place. No other byte moves, and all edits of a call land together or not at all."""

import contextlib
import os
import re
import stat
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from fleet.errors import RosterError
from fleet.roster import ROLE_KEY, parse
from fleet.settings import Roster


def scale(path: Path, changes: Sequence[str]) -> list[str]:
    """Set counts from ``role=6``, ``role=+2`` or ``role=-1``; returns what changed, one line each.

    Safe to repeat for plain numbers. Raises RosterError, and then the file is as it was.
    """
    text, before = _read(path)
    wanted = _wanted(before, changes)
    nodes = {key: _role_value(_roles(text), key, "count", path) for key in wanted}
    for key, node in sorted(nodes.items(), key=lambda item: -item[1].start_mark.index):
        text = text[: node.start_mark.index] + str(wanted[key]) + text[node.end_mark.index :]
    shared = RosterError(f"{path}: a count is shared through a YAML anchor; edit it by hand")
    try:
        counts = {key: role.count for key, role in parse(text, str(path)).roles.items()}
    except RosterError as error:
        raise shared from error
    if counts != {key: wanted.get(key, role.count) for key, role in before.roles.items()}:
        raise shared
    _write(path, text)
    return [
        f"{key}: {before.roles[key].count} -> {n}" if before.roles[key].count != n else f"{key}: stays {n}"
        for key, n in wanted.items()
    ]


def add(path: Path, key: str, fields: Mapping[str, object], brief: str) -> list[str]:
    """Append a role and write its brief. Raises RosterError; an existing brief is kept."""
    text, before = _read(path)
    if not ROLE_KEY.fullmatch(key):
        raise RosterError(f'role key "{key}" must be lower-case letters, digits and _, at most 40')
    if key in before.roles:
        raise RosterError(f"{path}: {key} is in the roster already; use `fleet roster scale {key}=N`")
    roles = _block_roles(text, path)
    first, last = roles.value[0][0], roles.value[-1][1]
    body = yaml.safe_dump(dict(fields), default_flow_style=True, sort_keys=False, width=10_000, allow_unicode=True)
    line = " " * first.start_mark.column + f"{key}: {body.strip()}\n"
    at = _line_end(text, last.end_mark.index, last)
    head = text[:at] if text[:at].endswith("\n") else text[:at] + "\n"
    text = head + line + text[at:]
    parse(text, str(path))
    brief_file = path.parent / "briefs" / f"{key}.md"
    told = [f"{key}: added with count {fields['count']}"]
    if brief_file.exists():
        told.append(f"{brief_file}: was there, kept")
    else:
        brief_file.parent.mkdir(parents=True, exist_ok=True)
        brief_file.write_text(brief.strip() + "\n", encoding="utf-8")
        told.append(f"{brief_file}: written")
    _write(path, text)
    return told


def remove(path: Path, name: str) -> list[str]:
    """Take a role out; its brief stays. Running sessions finish. Raises RosterError."""
    text, before = _read(path)
    key = _resolve(before, name)
    roles = _block_roles(text, path)
    key_node, value = next((k, v) for k, v in roles.value if k.value == key)
    if len(before.roles) == 1:
        raise RosterError(f"{path}: {key} is the only role; set its count to 0 instead")
    start = text.rfind("\n", 0, key_node.start_mark.index) + 1
    text = text[:start] + text[_line_end(text, value.end_mark.index, value) :]
    after = parse(text, str(path))
    if set(before.roles) - set(after.roles) != {key}:
        raise RosterError(f"{path}: {key} cannot be cut out cleanly; edit it by hand")
    _write(path, text)
    return [f"{key}: removed ({path.parent / 'briefs' / f'{key}.md'} stays; running sessions finish)"]


def _wanted(roster: Roster, changes: Sequence[str]) -> dict[str, int]:
    wanted: dict[str, int] = {}
    for change in changes:
        match = re.fullmatch(r"([a-z0-9_]+)=([+-]?)(\d{1,6})", change.strip())
        if not match:
            raise RosterError(f'"{change}" is not role=N, role=+N or role=-N')
        key = _resolve(roster, match[1])
        if key in wanted:
            raise RosterError(f"{key} is named twice")
        n = int(match[3])
        current = roster.roles[key].count
        wanted[key] = current + n if match[2] == "+" else current - n if match[2] == "-" else n
        if not 0 <= wanted[key] <= 200:
            raise RosterError(f"{key}={wanted[key]}: a count is from 0 to 200")
    return wanted


def _resolve(roster: Roster, name: str) -> str:
    """Find the role a person means: its key, or a word that only one key has."""
    if name in roster.roles:
        return name
    fits = [key for key in roster.roles if name in key.split("_")]
    if len(fits) == 1:
        return fits[0]
    if fits:
        raise RosterError(f'"{name}" fits several roles: {", ".join(fits)}; name one of them')
    raise RosterError(f'no role is called "{name}"; there are {", ".join(roster.roles)}')


def _read(path: Path) -> tuple[str, Roster]:
    try:
        text = path.read_bytes().decode()  # not read_text: it would turn \r\n into \n
    except FileNotFoundError as error:
        raise RosterError(f"{path}: no such file; `fleet init` writes one") from error
    except (OSError, UnicodeDecodeError) as error:
        raise RosterError(f"{path}: {error}") from error
    return text, parse(text, str(path))


def _roles(text: str) -> yaml.MappingNode:
    # The pure Python loader: its marks count characters, those of the C loader bytes.
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode)  # _read has parsed it
    roles: yaml.MappingNode = next(v for k, v in root.value if k.value == "roles")
    return roles


def _role_value(roles: yaml.MappingNode, role: str, key: str, path: Path) -> yaml.Node:
    value = next(v for k, v in roles.value if k.value == role)
    for name, node in value.value:
        if name.value == key and isinstance(node, yaml.Node):
            return node
    raise RosterError(f"{path}: the {key} of {role} comes from a YAML anchor; edit it by hand")


def _block_roles(text: str, path: Path) -> yaml.MappingNode:
    roles = _roles(text)
    if roles.flow_style:
        raise RosterError(f"{path}: roles stands in {{...}}; put each role on a line of its own first")
    return roles


def _line_end(text: str, index: int, node: yaml.Node) -> int:
    """The end of the line a node ends on. A block mapping's end mark is at the start of what follows it."""
    if isinstance(node, yaml.MappingNode | yaml.SequenceNode) and not node.flow_style:
        last = node.value[-1][1] if isinstance(node, yaml.MappingNode) else node.value[-1]
        return _line_end(text, last.end_mark.index, last)
    end = text.find("\n", index)
    return len(text) if end < 0 else end + 1


def _write(path: Path, text: str) -> None:
    """Replace the file in one step: whoever reads it sees the old or the new text, never half."""
    target = path.resolve()
    try:
        mode = stat.S_IMODE(target.stat().st_mode)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(mode)
            Path(name).replace(target)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                Path(name).unlink()
            raise
    except OSError as error:
        raise RosterError(f"{path}: not changed: {error.strerror}") from error
