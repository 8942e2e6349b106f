"""GraphQL on GitHub's own schema. Rule: what is not simulated is an error that names it, never null."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.resources import files
from inspect import signature
from typing import TYPE_CHECKING, Any

from graphql import GraphQLError, build_ast_schema, execute_sync, parse, specified_rules, validate
from graphql.execution.values import get_variable_values

from fleet.sim.connections import GqlError
from fleet.sim.cost import measure
from fleet.sim.fields import Fields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from graphql import DocumentNode, GraphQLResolveInfo

    from fleet.sim.meter import Meter
    from fleet.sim.model import Parsed, User
    from fleet.sim.world import World

Json = dict[str, Any]


@dataclass
class Ask:
    """One query while it is answered."""

    unknown: list[str] = field(default_factory=list)


class GraphQL:
    """Answers queries from the world."""

    def __init__(self, world: World, meter: Meter) -> None:
        self.world = world
        self.meter = meter
        sdl = files("fleet.sim").joinpath("github.graphql").read_text(encoding="utf-8")
        self.schema = build_ast_schema(parse(sdl, no_location=True), assume_valid=True)
        self._parsed: dict[str, tuple[DocumentNode, list[GraphQLError]]] = {}

    def answer(self, viewer: User, web: str, body: Parsed) -> tuple[Json, list[str]]:
        """(the answer, what the query asks that is not simulated)."""
        query = body.get("query") if isinstance(body, dict) else None
        if not isinstance(query, str):
            return _failed("A query attribute must be specified and must be a string."), []
        try:
            document, errors = self._read(query)
        except GraphQLError as error:
            return _failed(error.message), []
        if errors:
            unknown = [error.message for error in errors if "Cannot query field" in error.message]
            return {"errors": [error.formatted for error in errors]}, unknown
        return self._run(document, Fields(self.world, viewer, web), body.get("variables") or {})

    def _read(self, query: str) -> tuple[DocumentNode, list[GraphQLError]]:
        if query not in self._parsed:
            document = parse(query)
            self._parsed[query] = document, validate(self.schema, document, specified_rules)
        return self._parsed[query]

    def _run(self, document: DocumentNode, fields: Fields, variables: Mapping[str, Any]) -> tuple[Json, list[str]]:
        operation: Any = next(node for node in document.definitions if node.kind == "operation_definition")
        coerced = get_variable_values(self.schema, operation.variable_definitions or (), dict(variables))
        cost = 1 if isinstance(coerced, list) else measure(self.schema, document, coerced).points
        root = fields.query(cost, self.meter.rate(fields.viewer, "graphql", spend=cost))
        ask = Ask()
        result = execute_sync(
            self.schema,
            document,
            root,
            ask,
            dict(variables),
            field_resolver=_resolve,
            type_resolver=lambda value, *_: value["__typename"],
        )
        answer: Json = {"data": result.data}
        if result.errors:
            answer["errors"] = [_formatted(error) for error in result.errors]
        return answer, ask.unknown


def _resolve(source: Json, info: GraphQLResolveInfo[Ask], **arguments: Parsed) -> Parsed:
    """A field is a value, or a function of the arguments that are simulated."""
    name = f"{info.parent_type.name}.{info.field_name}"
    if info.field_name not in source:
        info.context.unknown.append(name)
        raise GqlError("UNPROCESSABLE", f"fleet.sim does not simulate {name}")
    value = source[info.field_name]
    if not callable(value):
        return value
    known = signature(value).parameters
    given = {node.name.value for node in info.field_nodes[0].arguments or ()}
    strange = [key for key in arguments if key in given - set(known) and arguments[key] is not None]
    if strange:
        info.context.unknown.append(f"{name}({', '.join(strange)})")
        raise GqlError("UNPROCESSABLE", f"fleet.sim does not simulate {name}({', '.join(strange)})")
    return value(**{key: argument for key, argument in arguments.items() if key in known})


def _formatted(error: GraphQLError) -> Json:
    kind = getattr(error.original_error, "kind", None)
    return {**({"type": kind} if kind else {}), **error.formatted}


def _failed(message: str) -> Json:
    return {"errors": [{"message": message}]}
