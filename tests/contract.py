"""Checks requests against GitHub's own published descriptions, which `make contract` vendors.

Rule: the descriptions are the judge; what is accepted against their word stands in QUIRKS, each with its reason.
"""

import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from graphql import GraphQLError, GraphQLSchema, NoDeprecatedCustomRule, build_schema, parse, validate
from graphql.execution.values import get_variable_values
from jsonschema import Draft202012Validator

import fleet.sim
from fleet.sim.cost import Cost, measure
from fleet.sim.faults import Request
from fleet.sim.smart_http import PATH as GIT_PATH

HERE = Path(__file__).parent
SPANS = ("path", "ref", "branch", "name")  # path parameters that may hold slashes
# What PyGithub is known to send against the description, and GitHub is known to take.
QUIRKS = (
    # Issue.add_to_labels sends the bare list, the old form of this body; GitHub still takes it.
    re.compile(r"^POST \S+/issues/\{issue_number\}/labels: body: \[('[^']*'(, )?)+\] is not valid"),
)


def check(requests: Iterable[Request]) -> list[str]:
    """Every way in which these requests are not what GitHub describes; nothing if all are well."""
    problems: list[str] = []
    for request in requests:
        if request.path == "/graphql":
            problems += check_query(request.body.get("query", ""), request.body.get("variables") or {})
        elif not GIT_PATH.fullmatch(request.path):
            found = check_rest(request.method, request.path, request.query, request.body)
            problems += [problem for problem in found if not any(quirk.search(problem) for quirk in QUIRKS)]
    return list(dict.fromkeys(problems))


# REST


@cache
def spec() -> dict[str, Any]:
    return json.loads((HERE / "vendor" / "github-openapi.json").read_text())


@cache
def routes() -> list[tuple[re.Pattern[str], str]]:
    """(pattern, path template), those with the most literal text first."""

    def pattern(template: str) -> re.Pattern[str]:
        parts = re.split(r"\{(\w+)\}", template)
        texts = [re.escape(part) if i % 2 == 0 else ".+" if part in SPANS else "[^/]+" for i, part in enumerate(parts)]
        return re.compile("".join(texts))

    templates = sorted(spec()["paths"], key=lambda template: -len(re.sub(r"\{\w+\}", "", template)))
    return [(pattern(template), template) for template in templates]


def check_rest(method: str, path: str, query: dict[str, str], body: Any) -> list[str]:
    for pattern, template in routes():
        operation = spec()["paths"][template].get(method.lower())
        if operation and pattern.fullmatch(path):
            problems = [*check_parameters(operation, query), *check_body(operation, body)]
            return [f"{method} {template}: {problem}" for problem in problems]
    return [f"no operation {method} {path}"]


def check_parameters(operation: dict[str, Any], query: dict[str, str]) -> Iterator[str]:
    known = {p["name"]: p for p in map(follow, operation.get("parameters", ())) if p["in"] == "query"}
    for name, text in query.items():
        if name not in known:
            yield f"unknown query parameter {name}"
            continue
        schema = known[name]["schema"]
        for error in validator(schema).iter_errors(value_of(text, follow(schema).get("type"))):
            yield f"query {name}: {error.message}"
    for name, parameter in known.items():
        if parameter.get("required") and name not in query:
            yield f"query parameter {name} is missing"
    size = query.get("per_page", "")
    if size.isdigit() and int(size) > 100:
        yield "per_page over 100 is cut to 100"


def value_of(text: str, kind: str | None) -> Any:
    if kind == "integer" and re.fullmatch(r"-?\d+", text):
        return int(text)
    return {"true": True, "false": False}.get(text, text) if kind == "boolean" else text


def check_body(operation: dict[str, Any], body: Any) -> Iterator[str]:
    described = follow(operation.get("requestBody") or {})
    schema = described.get("content", {}).get("application/json", {}).get("schema")
    if schema is None:
        if body not in (None, {}):
            yield "takes no body"
        return
    if body is None:
        if described.get("required"):
            yield "the body is missing"
        return
    for error in validator(schema).iter_errors(body):
        where = ".".join(str(part) for part in error.absolute_path)
        yield f"body{'.' if where else ''}{where}: {error.message}"
    if isinstance(body, dict) and (names := properties(schema)):
        yield from (f"unknown body property {name}" for name in body if name not in names)


def follow(node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        kind, name = node["$ref"].split("/")[-2:]
        node = spec()["components"][kind][name]
    return node


def properties(schema: dict[str, Any]) -> set[str]:
    schema = follow(schema)
    names = set(schema.get("properties", ()))
    for part in (*schema.get("allOf", ()), *schema.get("anyOf", ()), *schema.get("oneOf", ())):
        names |= properties(part)
    return names


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator(modern(schema))


def modern(node: Any) -> Any:
    """An OpenAPI 3.0 schema as JSON Schema: references filled in, `nullable` as a type."""
    if isinstance(node, list):
        return [modern(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = follow(node)
    schema = {key: modern(value) for key, value in node.items() if key != "nullable"}
    if not node.get("nullable"):
        return schema
    if isinstance(schema.get("type"), str) and "enum" not in schema:
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


# GraphQL


@cache
def schema() -> GraphQLSchema:
    return build_schema((Path(fleet.sim.__file__).parent / "github.graphql").read_text())


def check_query(query: str, variables: dict[str, Any]) -> list[str]:
    try:
        document = parse(query)
    except GraphQLError as error:
        return [f"graphql: {error.message}"]
    errors = validate(schema(), document) or validate(schema(), document, [NoDeprecatedCustomRule])
    if errors:
        return [f"graphql: {error.message}" for error in errors]
    size = size_of(query, variables)
    return [f"graphql: {problem}" for problem in (size if isinstance(size, list) else size.problems)]


@cache
def parsed(query: str) -> Any:
    return parse(query)


def size_of(query: str, variables: dict[str, Any]) -> Cost | list[str]:
    operation = next(node for node in parsed(query).definitions if node.kind == "operation_definition")
    coerced = get_variable_values(schema(), operation.variable_definitions or (), variables)
    if isinstance(coerced, list):
        return [error.message for error in coerced]
    strange = set(variables) - {node.variable.name.value for node in operation.variable_definitions or ()}
    if strange:
        return [f"variables that the query does not declare: {sorted(strange)}"]
    return measure(schema(), parsed(query), coerced)


def cost(query: str, variables: dict[str, Any]) -> int:
    """The points of a query by the formula of GitHub's docs."""
    size = size_of(query, variables)
    assert isinstance(size, Cost), size
    return size.points
