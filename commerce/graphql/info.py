"""What a batch resolver is told about its call."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLIncludeDirective,
    GraphQLResolveInfo,
    GraphQLSkipDirective,
    SelectionNode,
    SelectionSetNode,
)
from graphql.execution.values import get_directive_values

from commerce.graphql.context import Context

C = TypeVar("C", bound=Context)


@dataclass(frozen=True, slots=True)
class Info(Generic[C]):
    """The call of one field for one level: where it stands and what is selected below it."""

    context: C
    parent_type: str
    field_name: str
    nodes: Sequence[FieldNode]
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]

    @classmethod
    def of(cls, info: GraphQLResolveInfo) -> "Info[C]":
        """Return the same for a call by graphql-core."""
        return cls(
            info.context,
            info.parent_type.name,
            info.field_name,
            info.field_nodes,
            info.fragments,
            info.variable_values,
        )

    def selects(self, *path: str) -> bool:
        """Tell whether a field is selected below this one: `info.selects("edges", "node", "pricing")`.

        Names are those of the schema, whatever their alias; fragments are followed, whatever their type
        condition; @skip and @include are obeyed.
        """
        return bool(self._below(path))

    def selected(self, *path: str) -> frozenset[str]:
        """Return the names of the fields that are selected below this one, or below `path` under it."""
        return frozenset(node.name.value for node in self._children(self._below(path)))

    def _below(self, path: Iterable[str]) -> list[FieldNode]:
        nodes = list(self.nodes)
        for name in path:
            nodes = [node for node in self._children(nodes) if node.name.value == name]
        return nodes

    def _children(self, nodes: Iterable[FieldNode]) -> Iterator[FieldNode]:
        spread: set[str] = set()
        for node in nodes:
            yield from self._fields(node.selection_set, spread)

    def _fields(self, selections: SelectionSetNode | None, spread: set[str]) -> Iterator[FieldNode]:
        for node in selections.selections if selections else ():
            if not self._included(node):
                continue
            if isinstance(node, FieldNode):
                yield node
            elif not isinstance(node, FragmentSpreadNode):
                yield from self._fields(getattr(node, "selection_set", None), spread)
            elif node.name.value not in spread:
                spread.add(node.name.value)
                yield from self._fields(self.fragments[node.name.value].selection_set, spread)

    def _included(self, node: SelectionNode) -> bool:
        if not node.directives:
            return True
        variables = dict(self.variables)
        skip = get_directive_values(GraphQLSkipDirective, node, variables)
        include = get_directive_values(GraphQLIncludeDirective, node, variables)
        return not (skip and skip["if"]) and not (include and not include["if"])
