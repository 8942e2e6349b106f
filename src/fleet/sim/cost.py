"""What a GraphQL query costs. Rule: the formula of GitHub's docs, nothing measured.

https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLIncludeDirective,
    GraphQLSkipDirective,
    InlineFragmentNode,
    OperationDefinitionNode,
    get_named_type,
    is_composite_type,
)
from graphql.execution.values import get_argument_values, get_directive_values

if TYPE_CHECKING:
    from graphql import DocumentNode, GraphQLSchema, SelectionNode, SelectionSetNode

Variables = Any  # graphql-core 3.2 has a dict here, 3.3 a class of its own
Kind = Any  # a type or field of the schema
NODE_LIMIT = 500_000
PAGE_LIMIT = 100


@dataclass
class Cost:
    """The size of one query."""

    requests: int = 0
    nodes: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def points(self) -> int:
        """One point for each hundred connections that have to be asked, and at least one."""
        return max(1, (self.requests + 50) // 100)


def measure(schema: GraphQLSchema, document: DocumentNode, variables: Variables) -> Cost:
    """Measure the operation of a valid document; `variables` as `get_variable_values` returns them."""
    walk = _Walk(schema, document, variables)
    operation = next(node for node in document.definitions if isinstance(node, OperationDefinitionNode))
    root = schema.get_root_type(operation.operation)
    walk.visit(operation.selection_set, root, 1, operation.operation.value)
    if walk.cost.nodes > NODE_LIMIT:
        walk.cost.problems.append(f"asks for {walk.cost.nodes} nodes, the limit is {NODE_LIMIT}")
    return walk.cost


class _Walk:
    def __init__(self, schema: GraphQLSchema, document: DocumentNode, variables: Variables) -> None:
        self.schema = schema
        self.variables = variables
        self.cost = Cost()
        fragments = (node for node in document.definitions if isinstance(node, FragmentDefinitionNode))
        self.fragments = {node.name.value: node for node in fragments}

    def visit(self, selection: SelectionSetNode, parent: Kind, times: int, path: str) -> None:
        """Count a selection that is answered for `times` parents."""
        for node in selection.selections:
            if not self._wanted(node):
                continue
            if isinstance(node, FragmentSpreadNode):
                fragment = self.fragments[node.name.value]
                kind = self.schema.get_type(fragment.type_condition.name.value)
                self.visit(fragment.selection_set, kind, times, path)
            elif isinstance(node, InlineFragmentNode):
                kind = self.schema.get_type(node.type_condition.name.value) if node.type_condition else parent
                self.visit(node.selection_set, kind, times, path)
            elif isinstance(node, FieldNode) and not node.name.value.startswith("__"):
                self._field(node, parent, times, f"{path}.{node.name.value}")

    def _wanted(self, node: SelectionNode) -> bool:
        skip = get_directive_values(GraphQLSkipDirective, node, self.variables) or {}
        include = get_directive_values(GraphQLIncludeDirective, node, self.variables) or {}
        return not skip.get("if", False) and bool(include.get("if", True))

    def _field(self, node: FieldNode, parent: Kind, times: int, path: str) -> None:
        definition = parent.fields[node.name.value]
        kind = get_named_type(definition.type)
        if kind.name.endswith("Connection"):
            times = self._connection(node, definition, times, path)
        if node.selection_set and is_composite_type(kind):
            self.visit(node.selection_set, kind, times, path)

    def _connection(self, node: FieldNode, definition: Kind, times: int, path: str) -> int:
        arguments = get_argument_values(definition, node, self.variables)
        asked = arguments.get("first", arguments.get("last"))
        if asked is None:
            self.cost.problems.append(f"{path}: needs `first` or `last`")
        elif not 1 <= asked <= PAGE_LIMIT:
            self.cost.problems.append(f"{path}: `first` or `last` must be 1 to {PAGE_LIMIT}, not {asked}")
        self.cost.requests += times
        self.cost.nodes += times * (asked or 0)
        return times * (asked or 0)
