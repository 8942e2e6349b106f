"""Read and check roster.yaml and its briefs. The only pydantic in fleet: nothing unchecked gets past here."""

import dataclasses
import difflib
import re
import shlex
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from fleet.errors import RosterError
from fleet.settings import RoleSettings, Roster

FLEET_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")
KEPT_NAMES = ("claim", "good", "revert")
"""Parts of the ledger that all fleets of a repository share."""
ROLE_KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")
_REPO = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TOKEN = re.compile(r"gh[a-z]_|github_pat_")
_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_UNKNOWN_KEY, _MISSING_KEY = "unexpected_keyword_argument", "missing"

Path_ = tuple[str | int, ...]
"""Where in the document: keys and list positions from the top."""


def load(path: Path) -> Roster:
    """Read one roster. Raises RosterError with file, line and column."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise RosterError(f"{path}: no such file; `fleet init` writes one") from error
    except UnicodeDecodeError as error:
        raise RosterError(f"{path}: not UTF-8 text (byte {error.start})") from error
    except OSError as error:
        raise RosterError(f"{path}: {error.strerror}") from error
    return parse(text, str(path))


def parse(text: str, name: str = "roster.yaml") -> Roster:
    """Check the text of one roster. Raises RosterError; ``name`` is what the message calls the file."""
    try:
        root = compose(text, name)
        raw = yaml.constructor.SafeConstructor().construct_document(root)
    except yaml.MarkedYAMLError as error:  # a tag, such as !secret
        raise _not_yaml(error, name) from error
    except RecursionError as error:
        raise RosterError(f"{name}:1:1: nested too deeply") from error
    try:
        roster = TypeAdapter(Roster).validate_python(_expand(raw))
    except ValidationError as error:
        raise _first_complaint(error, root, name) from error
    for where, complaint in _sense(roster):
        raise _at(root, where, name, complaint)
    return roster


def compose(text: str, name: str) -> yaml.MappingNode:
    """Parse YAML into nodes that know their place. Raises RosterError, also for a key that stands twice."""
    try:
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        raise _not_yaml(error, name) from error
    except yaml.YAMLError as error:
        raise RosterError(f"{name}:1:1: not valid YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(root, yaml.MappingNode):
        raise RosterError(f"{name}:1:1: the file must be a mapping with the keys fleet, repo and roles")
    _refuse_twins(root, name)
    return root


def _not_yaml(error: yaml.MarkedYAMLError, name: str) -> RosterError:
    mark = error.problem_mark or error.context_mark
    where = f"{mark.line + 1}:{mark.column + 1}" if mark else "1:1"
    return RosterError(f"{name}:{where}: not valid YAML: {error.problem or error.context}")


def missing_briefs(roster: Roster, folder: Path) -> dict[str, str]:
    """Name each role whose brief is not there or is empty, with what to do. ``folder`` holds roster.yaml."""
    complaints = {}
    for key, role in roster.roles.items():
        for brief in (brief_path(folder, key), mode_path(folder, role.mode)):
            try:
                text = brief.read_text(encoding="utf-8") if brief.is_file() else ""
            except OSError as error:
                complaints[key] = f"{brief}: {error.strerror}"
                continue
            except UnicodeDecodeError as error:
                complaints[key] = f"{brief}: not UTF-8 text (byte {error.start})"
                continue
            if not text.strip():
                complaints[key] = f"{brief} is missing or empty; write one or two sentences into it"
    return complaints


def brief_path(folder: Path, role: str) -> Path:
    """Where a role's brief stands, beside roster.yaml."""
    return folder / "briefs" / f"{role}.md"


def mode_path(folder: Path, mode: str) -> Path:
    """Where the rules of a mode stand, beside roster.yaml."""
    return folder / "briefs" / "modes" / f"{mode}.md"


def shipped() -> Path:
    """The folder of the roster and briefs that come with fleet: in the wheel, or the root of a checkout."""
    packaged = Path(__file__).parent / "shipped"
    return packaged if packaged.is_dir() else Path(__file__).parents[2]


def _expand(raw: dict[str, Any]) -> dict[str, Any]:
    """Write out what the file may leave short: plain URLs, and the session keys a role does not repeat."""
    out = dict(raw)
    if isinstance(out.get("health"), list):
        out["health"] = [{"url": p} if isinstance(p, str) else p for p in out["health"]]
    common, roles = out.get("session"), out.get("roles")
    if isinstance(roles, dict):
        out["roles"] = {key: _with_session(role, common) for key, role in roles.items()}
    return out


def _with_session(role: Any, common: Any) -> Any:  # noqa: ANN401  raw YAML may be anything
    if not isinstance(role, dict) or not isinstance(common, dict):
        return role
    own = role.get("session", {})
    return role | {"session": common | own} if isinstance(own, dict) else role


def _sense(roster: Roster) -> typing.Iterator[tuple[Path_, str]]:
    """Yield what types cannot say: names, URLs, keys that only go together."""
    if not FLEET_NAME.fullmatch(roster.fleet):
        yield ("fleet",), f'"{roster.fleet}" must be lower-case letters, digits and dashes, at most 31'
    if roster.fleet in KEPT_NAMES:
        yield ("fleet",), f'"{roster.fleet}" is a name that fleet keeps for itself'
    if not _REPO.fullmatch(roster.repo):
        yield ("repo",), f'"{roster.repo}" must be owner/name'
    if not roster.roles:
        yield ("roles",), "at least one role is needed"
    for n, probe in enumerate(roster.health):
        if not re.match(r"https?://[^/\s]+", probe.url):
            yield ("health", n, "url"), f'"{probe.url}" must start with http:// or https://'
    for who in ("coordinator", "author", "reviewer"):
        variable = getattr(roster.identities, who).token_env
        if not _VARIABLE.fullmatch(variable) or _TOKEN.match(variable):
            yield (
                ("identities", who, "token_env"),
                "must be the name of an environment variable, not a token",
            )
    for key, role in roster.roles.items():
        yield from _sense_of_role(key, role)


def _sense_of_role(key: str, role: RoleSettings) -> typing.Iterator[tuple[Path_, str]]:
    if key == "pr":
        yield ("roles", key), "no role may be called pr: reports name pull requests so"
    if not ROLE_KEY.fullmatch(key):
        yield ("roles", key), f'role key "{key}" must be lower-case letters, digits and _, at most 40'
    if role.session.command is not None and not _words_of(role.session.command):
        yield ("roles", key, "session", "command"), "must be a command as a shell would read it"
    if role.labels and role.mode != "task_driven":
        yield ("roles", key, "labels"), f"only task_driven roles take issues; {key} is {role.mode}"
    if role.session.harness == "script" and not role.session.command:
        yield ("roles", key, "session", "harness"), 'harness "script" needs session.command'
    if not _VARIABLE.fullmatch(role.session.model_key.env):
        yield (
            ("session", "model_key", "env"),
            "must be the name of an environment variable, not a key",
        )


def _words_of(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:  # a quotation that does not end
        return []


def _refuse_twins(node: yaml.Node, name: str, seen: frozenset[int] = frozenset()) -> None:
    if id(node) in seen:
        raise RosterError(f"{name}:{node.start_mark.line + 1}:1: an alias that contains itself")
    children: Sequence[yaml.Node] = ()
    if isinstance(node, yaml.MappingNode):
        keys: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _here(key, name, "a key must be plain text")
            if key.value in keys:
                raise _here(key, name, f'"{key.value}" stands here a second time')
            keys.add(key.value)
        children = [value for _, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        children = node.value
    for child in children:
        _refuse_twins(child, name, seen | {id(node)})


def _first_complaint(error: ValidationError, root: yaml.MappingNode, name: str) -> RosterError:
    """Turn pydantic's list into one line about the first place in the file."""
    by_place: dict[tuple[bool, int, int], list[Any]] = {}
    for item in error.errors(include_url=False):
        mark = _node_at(root, item["loc"], want_key=item["type"] == _UNKNOWN_KEY).start_mark
        # A key that is missing is often one that is misspelt: name the misspelt one.
        by_place.setdefault((item["type"] == _MISSING_KEY, mark.line, mark.column), []).append(item)
    (_, line, column), items = min(by_place.items())
    loc = _origin(root, items[0]["loc"])[: -1 if items[0]["type"] in (_MISSING_KEY, _UNKNOWN_KEY) else None]
    place = ".".join(str(part) for n, part in enumerate(loc) if _child(root, loc[: n + 1]) or n < 2)
    words = " or ".join(dict.fromkeys(_words(item) for item in items))
    return RosterError(f"{name}:{line + 1}:{column + 1}: {place + ': ' if place else ''}{words}")


def _words(item: Any) -> str:  # noqa: ANN401  pydantic's error dict
    given, context = item["input"], item.get("ctx", {})
    match item["type"]:
        case "unexpected_keyword_argument":
            key, known = str(item["loc"][-1]), _keys_at(item["loc"][:-1])
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.0)
            return f'unknown key "{key}"; the nearest valid one is "{near[0]}"'
        case "missing":
            return f'the key "{item["loc"][-1]}" is missing'
        case "literal_error":
            expected = context["expected"].replace("'", "")
            near = difflib.get_close_matches(str(given), re.split(r",\s*| or ", expected), n=1)
            return f'"{given}" is not {expected}' + (f'; did you mean "{near[0]}"?' if near else "")
        case "int_parsing" | "int_type" | "int_from_float":
            return f'"{given}" is not a whole number'
        case "dataclass_type" | "dict_type":
            secret = {"identities", "model_key"} & set(item["loc"])  # somebody may have put the token itself here
            return f'"{"***" if secret else given}" must be a mapping of keys'
        case "tuple_type":
            return f'"{given}" must be a list'
        case "value_error":
            return f'"{given}": {context["error"]}'
        case _:
            return f'"{given}" should be {item["msg"].removeprefix("Input should be ")}'


def _keys_at(loc: Path_) -> list[str]:
    """The keys that are valid at a place, by walking the dataclasses."""
    kind: Any = Roster
    for part in loc:
        if dataclasses.is_dataclass(kind):
            kind = typing.get_type_hints(kind).get(str(part), kind)
        elif typing.get_args(kind):
            kind = typing.get_args(kind)[-1 if typing.get_origin(kind) is dict else 0]
    if not dataclasses.is_dataclass(kind) and typing.get_args(kind):
        kind = typing.get_args(kind)[0]
    return [f.name for f in dataclasses.fields(kind)]


def _node_at(root: yaml.Node, loc: Path_, *, want_key: bool = False) -> yaml.Node:
    """Find the node of a place, or the nearest one above it that the file has."""
    node: yaml.Node = root
    loc = _origin(root, loc)
    for depth, part in enumerate(loc):
        found = _child(node, (part,))
        if not found:
            continue
        key, value = found
        node = key if want_key and depth == len(loc) - 1 else value
    return node


def _origin(root: yaml.Node, loc: Path_) -> Path_:
    """Where a role's session key really stands: under the role, or in the common ``session``."""
    inherited = loc[:1] == ("roles",) and "session" in loc and not _child(root, loc)
    return loc[loc.index("session") :] if inherited and _child(root, loc[loc.index("session") :]) else loc


def _child(node: yaml.Node, loc: Path_) -> tuple[yaml.Node, yaml.Node] | None:
    pair = (node, node)
    for part in loc:
        if isinstance(node, yaml.MappingNode):
            found = [(k, v) for k, v in node.value if k.value == str(part)]
            if not found:
                return None
            pair = found[0]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            pair = (node.value[part], node.value[part])
        else:
            return None
        node = pair[1]
    return pair


def _at(root: yaml.Node, loc: Path_, name: str, complaint: str) -> RosterError:
    return _here(_node_at(root, loc), name, f"{'.'.join(map(str, loc))}: {complaint}")


def _here(node: yaml.Node, name: str, complaint: str) -> RosterError:
    return RosterError(f"{name}:{node.start_mark.line + 1}:{node.start_mark.column + 1}: {complaint}")
