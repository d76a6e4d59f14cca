"""What a batch resolver is told about its call."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from graphql import FieldNode, FragmentDefinitionNode, FragmentSpreadNode, GraphQLResolveInfo, SelectionSetNode
from graphql.execution.collect_fields import should_include_node

from commerce.graphql.context import Context

C = TypeVar("C", bound=Context)


class Selection:
    """What is selected below some nodes of a document, by the names of the fields in the schema.

    Fragments are followed, whatever their type condition; @skip and @include are obeyed. It is found out
    when first asked for, and kept: a plan asks its own for as long as it lives.
    """

    __slots__ = ("_below", "_fragments", "_nodes", "_variables")

    def __init__(
        self,
        nodes: Sequence[FieldNode],
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: Mapping[str, Any],
    ) -> None:
        self._nodes = nodes
        self._fragments = fragments
        self._variables = dict(variables)
        self._below: dict[str, Selection] | None = None

    @property
    def below(self) -> dict[str, "Selection"]:
        """The fields that are selected, by name, in the order of the document."""
        if self._below is None:
            nodes: dict[str, list[FieldNode]] = {}
            for node in self._children():
                nodes.setdefault(node.name.value, []).append(node)
            self._below = {name: Selection(found, self._fragments, self._variables) for name, found in nodes.items()}
        return self._below

    def _children(self) -> Iterator[FieldNode]:
        spread: set[str] = set()
        for node in self._nodes:
            yield from self._fields(node.selection_set, spread)

    def _fields(self, selections: SelectionSetNode | None, spread: set[str]) -> Iterator[FieldNode]:
        for node in selections.selections if selections else ():
            if not should_include_node(self._variables, node):  # type: ignore[arg-type]
                continue
            if isinstance(node, FieldNode):
                yield node
            elif not isinstance(node, FragmentSpreadNode):
                yield from self._fields(getattr(node, "selection_set", None), spread)
            elif node.name.value not in spread:
                spread.add(node.name.value)
                yield from self._fields(self._fragments[node.name.value].selection_set, spread)


@dataclass(slots=True)
class Info(Generic[C]):
    """The call of one field for one level: where it stands and what is selected below it."""

    context: C
    parent_type: str
    field_name: str
    selection: Selection

    @classmethod
    def of(cls, info: GraphQLResolveInfo) -> "Info[C]":
        """Return the same for a call by graphql-core."""
        selection = Selection(info.field_nodes, info.fragments, info.variable_values)
        return cls(info.context, info.parent_type.name, info.field_name, selection)

    def selects(self, *path: str) -> bool:
        """Tell whether a field is selected below this one: `info.selects("edges", "node", "pricing")`.

        Names are those of the schema, whatever their alias; fragments are followed, whatever their type
        condition; @skip and @include are obeyed.
        """
        selection = self.selection
        for name in path:
            below = selection.below.get(name)
            if below is None:
                return False
            selection = below
        return True

    def selected(self, *path: str) -> frozenset[str]:
        """Return the names of the fields that are selected below this one, or below `path` under it."""
        selection = self.selection
        for name in path:
            below = selection.below.get(name)
            if below is None:
                return frozenset()
            selection = below
        return frozenset(selection.below)
