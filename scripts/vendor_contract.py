"""Renew the vendored parts of GitHub's own descriptions: `make contract`.

Fetches two npm packages (MIT), keeps what fleet and its simulated GitHub use, and writes
  src/fleet/sim/github.graphql      the schema: only the fields of src/fleet/github/queries/*.graphql
  tests/vendor/github-openapi.json  the REST operations that the simulated GitHub has routes for
with a NOTICE beside each. Rule: nothing is edited by hand; a new field in a query needs only another run.
"""

import json
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from graphql import (
    DocumentNode,
    EnumTypeDefinitionNode,
    GraphQLSchema,
    InputObjectTypeDefinitionNode,
    InterfaceTypeDefinitionNode,
    Node,
    ObjectTypeDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    UnionTypeDefinitionNode,
    Visitor,
    build_ast_schema,
    get_named_type,
    parse,
    print_ast,
    specified_scalar_types,
    visit,
)

Part = Any  # a part of a description: parsed JSON, or a node of the schema
ROOT = Path(__file__).resolve().parent.parent
QUERIES = ROOT / "src/fleet/github/queries"
SDL = ROOT / "src/fleet/sim/github.graphql"
OPENAPI = ROOT / "tests/vendor/github-openapi.json"

ACTORS = ("User", "Bot", "Organization")  # who an Actor can be in the simulated GitHub
OPERATIONS = """
get /user
get /rate_limit
get /repos/{owner}/{repo}
get /repos/{owner}/{repo}/branches/{branch}
get /repos/{owner}/{repo}/collaborators/{username}/permission
get /repos/{owner}/{repo}/commits/{ref}/check-runs
get /repos/{owner}/{repo}/commits/{ref}/status
get /repos/{owner}/{repo}/contents/{path}
get /repos/{owner}/{repo}/git/ref/{ref}
get /repos/{owner}/{repo}/issues
get /repos/{owner}/{repo}/issues/{issue_number}
get /repos/{owner}/{repo}/issues/{issue_number}/comments
get /repos/{owner}/{repo}/labels
get /repos/{owner}/{repo}/pulls
get /repos/{owner}/{repo}/pulls/{pull_number}
get /repos/{owner}/{repo}/pulls/{pull_number}/files
get /repos/{owner}/{repo}/pulls/{pull_number}/reviews
post /repos/{owner}/{repo}/check-runs
post /repos/{owner}/{repo}/issues
post /repos/{owner}/{repo}/issues/{issue_number}/comments
post /repos/{owner}/{repo}/issues/{issue_number}/labels
post /repos/{owner}/{repo}/labels
post /repos/{owner}/{repo}/pulls
post /repos/{owner}/{repo}/pulls/{pull_number}/reviews
post /repos/{owner}/{repo}/statuses/{sha}
patch /repos/{owner}/{repo}/issues/{issue_number}
patch /repos/{owner}/{repo}/pulls/{pull_number}
put /repos/{owner}/{repo}/pulls/{pull_number}/merge
put /repos/{owner}/{repo}/pulls/{pull_number}/reviews/{review_id}/dismissals
delete /repos/{owner}/{repo}/git/refs/{ref}
delete /repos/{owner}/{repo}/issues/{issue_number}/labels/{name}
"""


def fetch(package: str, member: str, folder: Path) -> tuple[str, str, str]:
    """(version, text of one file, text of the licence); only these are read: the OpenAPI package unpacks to 390 MB."""
    command = ["npm", "pack", "--silent", "--pack-destination", str(folder), package]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder)
    with tarfile.open(folder / done.stdout.split()[-1]) as archive:
        texts: dict[str, str] = {}
        for entry in archive:
            name = entry.name.removeprefix("package/")
            if (name in (member, "package.json") or name.upper().startswith("LICENSE")) and (
                file := archive.extractfile(entry)
            ):
                texts[name if name in (member, "package.json") else "LICENSE"] = file.read().decode()
    return json.loads(texts["package.json"])["version"], texts[member], texts["LICENSE"]


# REST

PROSE = ("description", "summary", "example", "examples", "externalDocs", "tags", "callbacks", "responses")


def prune_openapi(spec: dict[str, Any]) -> dict[str, Any]:
    """The operations above: parameters and bodies, without prose and answers, and the components they reach."""
    out: dict[str, Any] = {"openapi": spec["openapi"], "info": {}, "paths": {}, "components": {}}
    out["info"] = {key: spec["info"][key] for key in ("title", "version", "license")}
    for line in OPERATIONS.split("\n"):
        if line:
            method, path = line.split()
            out["paths"].setdefault(path, {})[method] = clean(spec["paths"][path][method])
    queue: list[Any] = [out["paths"]]
    while queue:
        node = queue.pop()
        if isinstance(node, dict):
            if isinstance(reference := node.get("$ref"), str):
                kind, name = reference.split("/")[-2:]
                box = out["components"].setdefault(kind, {})
                if name not in box:
                    box[name] = clean(spec["components"][kind][name])
                    queue.append(box[name])
            queue.extend(node.values())
        elif isinstance(node, list):
            queue.extend(node)
    return out


def clean(node: Part, *, names: bool = False) -> Part:
    """Leave out prose and extensions; below `properties` the keys are names, so all stay."""
    if isinstance(node, list):
        return [clean(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = ((key, value) for key, value in node.items() if names or not (key in PROSE or key.startswith("x-")))
    return {key: clean(value, names=key == "properties") for key, value in kept}


# GraphQL


def used(schema: GraphQLSchema, document: DocumentNode) -> tuple[dict[str, set[str]], set[str]]:
    """(type -> fields asked of it, types named or reached) of the product's queries."""
    fields: dict[str, set[str]] = {}
    types = {"Query", "Actor", *ACTORS}
    info = TypeInfo(schema)

    class Used(Visitor):
        def enter_field(self, node: Part, *_: Part) -> None:
            parent, definition = info.get_parent_type(), info.get_field_def()
            if parent is None or definition is None:
                raise SystemExit(f"GitHub has no field {node.name.value} on {parent}")
            if not node.name.value.startswith("__"):
                fields.setdefault(parent.name, set()).add(node.name.value)
                types.update((parent.name, get_named_type(definition.type).name))

        def enter_named_type(self, node: Part, *_: Part) -> None:
            types.add(node.name.value)

    visit(document, TypeInfoVisitor(info, Used()))
    return fields, types


def prune_sdl(text: str, queries: str) -> str:
    """The schema with the fields that are asked for, their arguments and what those need."""
    source = parse(text, no_location=True)
    schema = build_ast_schema(source, assume_valid=True, assume_valid_sdl=True)
    fields, types = used(schema, parse(queries))
    known = {node.name.value: node for node in source.definitions if getattr(node, "name", None)}
    pairs = [
        (name, interface.name.value)
        for name, node in known.items()
        for interface in getattr(node, "interfaces", None) or ()
        if name in types and interface.name.value in types
    ]
    for name, interface in pairs:  # an interface needs a field: one that its types have anyway
        common = {item.name.value for item in known[interface].fields} & fields.get(name, set())
        fields.setdefault(interface, set()).update(sorted(common)[:1] if not fields.get(interface) else ())
    for name, interface in pairs:  # what is asked of an interface, its types must have
        fields.setdefault(name, set()).update(fields.get(interface, ()))
    queue, kept = sorted(types), {}
    while queue:
        name = queue.pop()
        if name in kept or name in specified_scalar_types or name not in known:
            continue
        kept[name] = prune_type(known[name], fields.get(name, set()), types)
        queue.extend(reached(kept[name]))
    return "\n\n".join(print_ast(kept[name]) for name in sorted(kept)) + "\n"


def prune_type(node: Part, fields: set[str], types: set[str]) -> Part:
    """One type without prose, and only with the fields, members and interfaces that are kept."""
    parts = {key: getattr(node, key, None) for key in node.keys if key != "loc"}
    parts |= {"description": None, "directives": ()}
    if isinstance(node, ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode):
        parts["fields"] = tuple(bare(item) for item in node.fields if item.name.value in fields)
        parts["interfaces"] = tuple(item for item in node.interfaces or () if item.name.value in types)
    elif isinstance(node, UnionTypeDefinitionNode):
        parts["types"] = tuple(item for item in node.types if item.name.value in types)
    elif isinstance(node, InputObjectTypeDefinitionNode):
        parts["fields"] = tuple(bare(item) for item in node.fields)
    elif isinstance(node, EnumTypeDefinitionNode):
        parts["values"] = tuple(bare(item) for item in node.values)
    return type(node)(**parts)


def bare(node: Part) -> Part:
    """A field, argument or value without prose; only that it is deprecated is kept."""
    parts = {key: getattr(node, key, None) for key in node.keys if key != "loc"}
    kept = (item for item in node.directives or () if item.name.value == "deprecated")
    parts |= {"description": None, "directives": tuple(kept)}
    if "arguments" in node.keys:
        parts["arguments"] = tuple(bare(item) for item in node.arguments or ())
    return type(node)(**parts)


def reached(node: Node) -> list[str]:
    """The names of the types a definition mentions."""
    names: list[str] = []

    class Names(Visitor):
        def enter_named_type(self, found: Part, *_: Part) -> None:
            names.append(found.name.value)

    visit(node, Names())
    return names


NOTICE = """{file} is taken from the npm package {package} {version}.
It is cut down to what fleet uses by scripts/vendor_contract.py and not otherwise changed.

{licence}
"""


def main() -> None:
    """Fetch, prune, write."""
    queries = "\n".join(path.read_text() for path in sorted(QUERIES.glob("*.graphql")))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sdl = fetch("@octokit/graphql-schema", "schema.graphql", folder)
        api = fetch("@octokit/openapi", "generated/api.github.com.json", folder)
    spec = json.dumps(prune_openapi(json.loads(api[1])), indent=1, sort_keys=True) + "\n"
    pruned = "# Cut from GitHub's public schema by scripts/vendor_contract.py; see NOTICE. Not edited by hand.\n\n"
    for path, package, fetched, text in (
        (SDL, "@octokit/graphql-schema", sdl, pruned + prune_sdl(sdl[1], queries)),
        (OPENAPI, "@octokit/openapi", api, spec),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        notice = NOTICE.format(file=path.name, package=package, version=fetched[0], licence=fetched[2].strip())
        (path.parent / "NOTICE").write_text(notice)
        print(f"{path.relative_to(ROOT)}: {len(text)} bytes from {package} {fetched[0]}")


if __name__ == "__main__":
    main()
