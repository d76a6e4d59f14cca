"""The batch resolver contract: one call per field and level, so that N+1 cannot be written.

A resolver takes all parents of a level and returns their values in the same order. The schema is declared
with graphene and compiled by `build_schema`, after which every field's `resolve` is a `Batch` or a `Column`.
Each of them is an ordinary resolver to graphql-core, and carries what an engine of our own needs to know:
`.batch`, the function over the rows, or `.attribute`, the name to read.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from graphql import (
    GraphQLList,
    GraphQLNonNull,
    GraphQLOutputType,
    GraphQLResolveInfo,
    default_type_resolver,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
)

from commerce.graphql.calls import Outcome, Step, step_of
from commerce.graphql.context import Interrupted
from commerce.graphql.info import Info


class Batch:
    """A field's resolver that is called once for all rows of a level.

    `batch(rows, info, **arguments)` returns as many values as there are rows, in their order. A value may
    be an exception, which is then the error of this row alone; an exception raised is the error of each.
    Rows are any objects with attributes, told apart by identity. A list field's values are lists or
    tuples.
    """

    __slots__ = ("at_root", "batch", "in_scope")

    def __init__(self, batch: Callable[..., Sequence[Any]], *, at_root: bool = False, in_scope: bool = True) -> None:
        self.batch = batch
        self.at_root = at_root
        self.in_scope = in_scope

    def __call__(self, parent: Any, info: GraphQLResolveInfo, /, **arguments: Any) -> Any:
        outcomes = info.context.calls.outcomes
        step = step_of(info.path)
        outcome = outcomes.get(step)
        if outcome is None:
            outcome = outcomes[step] = self._outcome(step, parent, info, arguments)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome[id(parent)]

    def _outcome(self, step: Step, parent: Any, info: GraphQLResolveInfo, arguments: dict[str, Any]) -> Outcome:
        """Call the batch resolver for the level of `parent`; what it raises is the outcome of every row."""
        calls = info.context.calls
        rows = calls.level(step, parent)
        try:
            info.context.check_time()
            values = self.batch(rows, Info.of(info), **arguments)
            if len(values) != len(rows):
                raise TypeError(f"The batch resolver returned {len(values)} values for {len(rows)} rows.")
            if not is_leaf_type(get_named_type(info.return_type)):
                calls.add_level(step, _typed_rows(values, info))
        except Exception as error:
            if info.context.interrupts(error):
                raise Interrupted(error) from error
            return error
        return {id(row): value for row, value in zip(rows, values, strict=True)}


class Column(Batch):
    """A field's resolver that reads one attribute of the row.

    Where the attribute holds rows (a price, an address), they become a level like those of any batch call.
    """

    __slots__ = ("attribute",)

    def __init__(self, attribute: str) -> None:
        super().__init__(self._read)
        self.attribute = attribute

    def __call__(self, parent: Any, info: GraphQLResolveInfo, /, **arguments: Any) -> Any:
        if is_leaf_type(get_named_type(info.return_type)):
            return getattr(parent, self.attribute)
        return super().__call__(parent, info, **arguments)

    def _read(self, rows: Sequence[Any], info: Info[Any], /, **arguments: Any) -> list[Any]:
        return [getattr(row, self.attribute) for row in rows]


def batch(resolver: Callable[..., Sequence[Any]]) -> Batch:
    """Declare a field's resolver over all rows of a level: `resolver(rows, info, **arguments)`."""
    return Batch(resolver)


def root(resolver: Callable[..., Any]) -> Batch:
    """Declare the resolver of a field of Query or Mutation: `resolver(info, **arguments)`.

    The root is a level of one row, so that no row is passed and one value is returned.
    """

    def resolve(rows: Sequence[Any], info: Info[Any], /, **arguments: Any) -> list[Any]:
        return [resolver(info, **arguments)]

    return Batch(resolve, at_root=True)


def root_outside(resolver: Callable[..., Any]) -> Batch:
    """Declare, as `root` does, the resolver of a mutation that asks others: nothing of it runs in a scope.

    So no transaction is open meanwhile. What it returns must not need the database; for what it reads itself it opens
    scopes.
    """
    declared = root(resolver)
    declared.in_scope = False
    return declared


def column(attribute: str) -> Column:
    """Declare that a field reads the row's `attribute`; needed only where the names differ."""
    return Column(attribute)


def _typed_rows(values: Sequence[Any], info: GraphQLResolveInfo) -> Iterator[tuple[str, Any]]:
    """Yield the rows in the values of a field, each with the name of its object type."""
    named = get_named_type(info.return_type)
    for value in values:
        for row in rows_in(value, info.return_type):
            if not is_abstract_type(named):
                yield named.name, row
            elif (type_name := _runtime_type(row, info, named)) is not None:
                yield type_name, row


def rows_in(value: Any, declared: GraphQLOutputType) -> Iterator[Any]:
    """Yield the rows in one value, which is nested as deep in lists as the declared type is."""
    if isinstance(declared, GraphQLNonNull):
        declared = declared.of_type
    if value is None or isinstance(value, Exception):
        return
    if not isinstance(declared, GraphQLList):
        yield value
        return
    if not isinstance(value, list | tuple):
        raise TypeError(f"A list field's value is a list or a tuple, and not a {type(value).__name__}.")
    for item in value:
        yield from rows_in(item, declared.of_type)


def _runtime_type(row: Any, info: GraphQLResolveInfo, abstract: Any) -> str | None:
    """Return the name of the object type of `row`, or None where graphql-core will report it."""
    try:
        found: Any = (abstract.resolve_type or default_type_resolver)(row, info, abstract)
    except Exception:
        return None
    return found if isinstance(found, str) else None
