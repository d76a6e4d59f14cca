"""What an operation may cost: about as many rows as it can return, told from the sizes of its lists.

- A field of an object costs 1 for each row of its parent; a field of a scalar costs nothing.
- The rows of a connection are multiplied by its `first` or `last`, MAX_PAGE at most, as it refuses more; an edge
  and its node are one row. `totalCount` costs COUNT, as the whole list is counted.
- Further fields of a connection cost WHOLE, as they are counted over the whole list too.
- The rows of another list are multiplied by its argument `limit` or `first`, if given, and by LIST otherwise.
- A list of an object's own type is the next level of a tree, which grows narrower: such rows are multiplied by BRANCH.
- What is below @skip or @include counts as if it were there, and every part of a union or interface counts.

The sizes may be variables, so that a cost is an expression, built once per document and evaluated per request.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    is_leaf_type,
)

from commerce.graphql.connections import MAX_PAGE

LIST = 5  # rows of a list that says nothing of its length
BRANCH = 3  # rows of a further level of a tree
COUNT = 10  # of a totalCount
WHOLE = 100  # of what is counted of a whole list by its parts
_PARTS_OF_PAGES = frozenset({"edges", "pageInfo", "totalCount", "__typename"})
_SIZES = ("first", "last", "limit")
Size = int | tuple[str, ...]  # rows, or the variables that tell them, the first that is given


@dataclass(frozen=True, slots=True, eq=False)
class Cost:
    """A constant, and parts that are multiplied by a size each."""

    constant: int = 0
    parts: tuple[tuple[Size, "Cost"], ...] = ()

    def evaluate(self, variables: Mapping[str, Any]) -> int:
        """Return the cost with these values of the variables."""
        return self._evaluate(variables, {}) if self.parts else self.constant

    def _evaluate(self, variables: Mapping[str, Any], known: dict[int, int]) -> int:
        """Find each part once, though fragments share them."""
        if not self.parts:
            return self.constant
        found = known.get(id(self))
        if found is None:
            found = self.constant
            for size, part in self.parts:
                found += _rows(size, variables) * part._evaluate(variables, known)
            known[id(self)] = found
        return found

    @classmethod
    def sum(cls, *products: tuple[Size, "Cost"]) -> "Cost":
        """Return the sum of products of a size and a cost."""
        constant = 0
        parts: list[tuple[Size, Cost]] = []
        for size, cost in products:
            if isinstance(size, int) and not cost.parts:
                constant += size * cost.constant
            elif size == 1 and len(cost.parts) == 1:  # one part at most, or fragments would double at each step
                constant += cost.constant
                parts += cost.parts
            elif size != 0:
                parts.append((size, cost))
        return cls(constant, tuple(parts))


@dataclass(frozen=True, slots=True)
class _Selected:
    """The cost of a selection: once for its row, and once more for each row of the connection that it is in."""

    once: Cost
    per_row: Cost


_NOTHING = _Selected(Cost(), Cost())


class Costs:
    """Finds the costs of the operations of one document; each fragment is looked at once."""

    def __init__(self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._schema = schema
        self._fragments = fragments
        self._spread: dict[str, _Selected] = {}

    def of(self, operation: OperationDefinitionNode) -> Cost:
        """Return the cost of an operation."""
        return self._selected(operation.selection_set, self._schema.get_root_type(operation.operation)).once

    def _selected(self, selections: SelectionSetNode | None, owner: Any) -> _Selected:
        once: list[tuple[Size, Cost]] = []
        per_row: list[tuple[Size, Cost]] = []
        for node in selections.selections if selections else ():
            if isinstance(node, FieldNode):
                is_edges = node.name.value == "edges" and owner is not None and owner.name.endswith("Connection")
                (per_row if is_edges else once).append((1, self._field(node, owner)))
            else:
                part = self._part(node, owner)
                once.append((1, part.once))
                per_row.append((1, part.per_row))
        return _Selected(Cost.sum(*once), Cost.sum(*per_row))

    def _part(self, node: Any, owner: Any) -> _Selected:
        if isinstance(node, FragmentSpreadNode):
            return self._fragment(node.name.value)
        if isinstance(node, InlineFragmentNode):
            condition = node.type_condition
            return self._selected(
                node.selection_set, self._schema.get_type(condition.name.value) if condition else owner
            )
        return _NOTHING

    def _fragment(self, name: str) -> _Selected:
        """Return what a fragment costs, found once; one that spreads itself costs nothing, and is refused later."""
        if name not in self._spread:
            self._spread[name] = _NOTHING
            if node := self._fragments.get(name):
                owner = self._schema.get_type(node.type_condition.name.value)
                self._spread[name] = self._selected(node.selection_set, owner)
        return self._spread[name]

    def _field(self, node: FieldNode, owner: Any) -> Cost:
        field = _field_of(owner, node.name.value)
        if node.selection_set is None:
            return Cost(COUNT if node.name.value == "totalCount" else 0)
        declared = get_named_type(field.type) if field else None
        below = self._selected(node.selection_set, None if is_leaf_type(declared) else declared)
        own = Cost(0 if node.name.value == "node" and owner is not None and owner.name.endswith("Edge") else 1)
        if owner is not None and owner.name.endswith("Connection") and node.name.value not in _PARTS_OF_PAGES:
            own = Cost(WHOLE)
        if declared is not None and declared.name.endswith("Connection"):
            return Cost.sum((1, own), (1, below.once), (_size_of(node), below.per_row))
        row = Cost.sum((1, own), (1, below.once), (1, below.per_row))
        if owner is not None and owner.name.endswith("Connection"):  # the edges, whose number the connection tells
            return row
        for size in _list_sizes(field, node, BRANCH if declared is owner else LIST):
            row = Cost.sum((size, row))
        return row


def _field_of(owner: Any, name: str) -> GraphQLField | None:
    return owner.fields.get(name) if isinstance(owner, GraphQLObjectType | GraphQLInterfaceType) else None


def _list_sizes(field: GraphQLField | None, node: FieldNode, otherwise: int) -> list[Size]:
    """Return the size of each list that the field's value is nested in, from the innermost to the outermost.

    `otherwise` is the size of the outermost one where no argument tells it.
    """
    depth, declared = 0, field.type if field else None
    while isinstance(declared, GraphQLNonNull | GraphQLList):
        depth += isinstance(declared, GraphQLList)
        declared = declared.of_type
    inner: list[Size] = [LIST] * (depth - 1)
    return [*inner, _size_of(node, otherwise)] if depth else []


def _size_of(node: FieldNode, otherwise: int = 0) -> Size:
    """Return the rows that a field's arguments ask for; a connection without any answers with an error alone."""
    values = [argument.value for argument in node.arguments if argument.name.value in _SIZES]
    constants = [_clamp(int(value.value)) for value in values if isinstance(value, IntValueNode)]
    if constants:
        return max(constants)
    names = tuple(value.name.value for value in values if isinstance(value, VariableNode))
    return names or otherwise


def _rows(size: Size, variables: Mapping[str, Any]) -> int:
    if isinstance(size, int):
        return size
    given = [variables[name] for name in size if variables.get(name) is not None]
    return max((_clamp(value) for value in given if isinstance(value, int | float)), default=LIST)


def _clamp(rows: float) -> int:
    return max(0, min(MAX_PAGE, int(rows)))
