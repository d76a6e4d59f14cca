"""The engine: runs a plan level by level over the batch resolvers, into plain dicts.

It has two passes. The first calls each field once for all distinct rows of its level and puts a `Failure`
where a value could not be had; a row that stands at several places of the answer has one dict for all of
them. If anything failed, or is null where it may not be, the second pass walks the answer in the order of
the document, passes nulls on to the nearest nullable place and gives each error its path. What it does is
what graphql-core does with the same values, error by error.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from itertools import chain
from math import isfinite
from typing import Any

from graphene import Interface, Union
from graphene.types.schema import is_type_of_from_possible_types
from graphql import (
    ExecutionContext,
    GraphQLError,
    GraphQLFloat,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLSchema,
    default_type_resolver,
    is_object_type,
    located_error,
)
from graphql.execution.execute import get_typename, invalid_return_type_error
from graphql.pyutils import Path, Undefined, is_iterable

from commerce.graphql.batch import rows_in
from commerce.graphql.context import Context
from commerce.graphql.errors import LimitExceeded
from commerce.graphql.info import Info
from commerce.graphql.plan import FieldPlan, LevelPlan, row_builder
from commerce.graphql.repeats import run_field

_NONE = type(None)
_NULL = id(None)
_LISTS = {list, tuple, _NONE}
_NO_ROWS = (Exception, type(Undefined))
_INT = range(-(2**31), 2**31)


class Failure:
    """Stands where a value should be, with the exception that tells why it is not there."""

    __slots__ = ("error",)

    def __init__(self, error: Exception) -> None:
        self.error = error


class Execution:
    """One execution of a plan."""

    def __init__(
        self,
        schema: GraphQLSchema,
        plan: LevelPlan,
        variables: Mapping[str, Any],
        context: Context,
        open_scope: Callable[[], AbstractContextManager[Any]],
    ) -> None:
        self.schema = schema
        self.plan = plan
        self.variables = variables
        self.context = context
        self.open_scope = open_scope
        self.errors: list[GraphQLError] = []
        self.failed = False  # whether the second pass is needed
        self._levels: dict[int, tuple[dict[str, Any], LevelPlan]] = {}  # of rows behind an interface or union

    def run(self) -> tuple[dict[str, Any] | None, list[GraphQLError]]:
        """Return the data and the errors; raise LimitExceeded where a query takes too long."""
        is_mutation = self.plan.owner is self.schema.mutation_type
        try:
            data = self._run_serially() if is_mutation else self._run_query()
        except LimitExceeded:
            raise
        except GraphQLError as error:
            self.errors.append(error)
            data = None
        return data, self.errors

    def run_each(self, rows: Sequence[Any]) -> list[tuple[dict[str, Any] | None, list[GraphQLError]]]:
        """Return the data and the errors of each of several rows of the root, read together."""
        level = self._level(self.plan, list(rows))
        return [self._settled(data) for data in level] if self.failed else [(data, []) for data in level]

    def _settled(self, data: dict[str, Any]) -> tuple[dict[str, Any] | None, list[GraphQLError]]:
        self.errors = []
        try:
            return self._settle_level(self.plan, data, []), self.errors
        except GraphQLError as error:
            return None, [*self.errors, error]

    def _run_query(self) -> dict[str, Any]:
        data = self._level(self.plan, [None])[0]
        return self._settle_level(self.plan, data, []) if self.failed else data

    def _run_serially(self) -> dict[str, Any]:
        return {
            field.key: self._run_mutation(field, place) if field.constant is None else field.constant
            for place, field in enumerate(self.plan.fields)
        }

    def _run_mutation(self, field: FieldPlan, place: int) -> Any:
        run = partial(self._run_field, field)
        try:
            return run_field(run, place, self.context, self.errors, self.open_scope, in_scope=field.in_scope)
        except Exception as error:
            return self._null(field, field.declared, error, [field.key])

    def _run_field(self, field: FieldPlan) -> Any:
        self.failed = False
        value = self._column(field, [None])[0]
        return self._settle_field(field, value, [field.key]) if self.failed else value

    # --- The first pass: values, level by level ----------------------------------------------------------

    def _level(self, plan: LevelPlan, rows: list[Any]) -> list[dict[str, Any]]:
        """Return the dict of each row."""
        columns = []
        for field in plan.fields:
            column = self._column(field, rows)
            columns.append(column)
            if self.failed and field.required and all(value is None or type(value) is Failure for value in column):
                break  # the second pass comes no further in any row
        if not columns:
            return [{} for _ in rows]
        build = plan.build if len(columns) == len(plan.keys) else row_builder(plan.keys[: len(columns)])
        return build(columns)

    def _column(self, field: FieldPlan, rows: list[Any]) -> Sequence[Any]:
        """Return the completed value of a field for each row, with Failures in it."""
        if field.constant is not None:
            return [field.constant] * len(rows)
        try:
            values = self._read(field, rows)
            if not field.is_leaf:
                distinct, plain = _gather(field, values)
        except Exception as error:
            self.context.check_failure(error)
            return [self._fail(error)] * len(rows)
        if field.is_leaf:
            return self._leaves(field, values)
        has_null = distinct.pop(_NULL, self) is None
        made = self._objects(field, distinct)
        if not plain:
            return [self._put(field.declared, value, made) for value in values]
        if has_null:
            made[_NULL] = None
            self.failed |= field.item_required if field.depth else field.required
        return self._place(field, values, made)

    def _read(self, field: FieldPlan, rows: list[Any]) -> Sequence[Any]:
        arguments = field.arguments.values(self.variables) if field.arguments else {}
        if field.read is None:
            info = Info(self.context, field.owner, field.name, field.selection)
            self.context.check_time()
            values = field.batch(rows, info, **arguments)
            if len(values) != len(rows):
                raise TypeError(f"The batch resolver returned {len(values)} values for {len(rows)} rows.")
            return values
        try:
            return list(map(field.read, rows))
        except Exception:
            if not field.is_leaf:
                raise
            return [_attempt(field.read, row) for row in rows]

    def _fail(self, error: Exception) -> Failure:
        self.failed = True
        return Failure(error)

    # --- Leaves ------------------------------------------------------------------------------------------

    def _leaves(self, field: FieldPlan, values: Sequence[Any]) -> Sequence[Any]:
        if field.depth == 0 and _is_plain(field, values):
            if field.required and None in values:
                self.failed = True
            return values
        return [self._leaf(field, field.declared, value) for value in values]

    def _leaf(self, field: FieldPlan, declared: GraphQLOutputType, value: Any) -> Any:
        """Return one value in its serialized form, nested as deep in lists as its type is."""
        required = isinstance(declared, GraphQLNonNull)
        inner = declared.of_type if isinstance(declared, GraphQLNonNull) else declared
        if value is None or value is Undefined:
            self.failed |= required
            return None
        try:
            if isinstance(value, Exception):
                raise value
            if not isinstance(inner, GraphQLList):
                return ExecutionContext.complete_leaf_value(inner, value)  # type: ignore[arg-type]
            if not is_iterable(value):
                raise GraphQLError(f"Expected Iterable, but did not find one for field '{field.owner}.{field.name}'.")
            return [self._leaf(field, inner.of_type, item) for item in value]
        except Exception as error:
            return self._fail(error)

    # --- Rows --------------------------------------------------------------------------------------------

    def _objects(self, field: FieldPlan, distinct: dict[int, Any]) -> dict[int, Any]:
        """Return the dict, or the Failure, of each row, both by the id of the row."""
        if not distinct:
            return {}
        if is_object_type(field.named):
            level = field.level(field.named.name)
            return dict(zip(distinct, self._fitting(field, level, list(distinct.values())), strict=True))
        made: dict[int, Any] = {}
        groups: dict[str, dict[int, Any]] = {}
        for key, row in distinct.items():
            name = field.type_names.get(type(row)) or self._type_name(field, row)
            if isinstance(name, Failure):
                made[key] = name
            else:
                groups.setdefault(name, {})[key] = row
        for name, rows in groups.items():
            level = field.level(name)
            outs = self._fitting(field, level, list(rows.values()))
            made.update(zip(rows, outs, strict=True))
            self._levels.update((id(out), (out, level)) for out in outs)
        return made

    def _fitting(self, field: FieldPlan, level: LevelPlan, rows: list[Any]) -> list[Any]:
        """Return the dict of each row, or a Failure for one that is not of the object type."""
        check = level.owner.is_type_of
        if check is None or all(map(level.fitting.get, set(map(type, rows)))):
            return self._level(level, rows)
        fits = [self._fits(field, level, row) for row in rows]
        if not any(fit is True for fit in fits):
            return fits
        outs = self._level(level, rows)
        return [out if fit is True else fit for out, fit in zip(outs, fits, strict=True)]

    def _fits(self, field: FieldPlan, level: LevelPlan, row: Any) -> Any:
        """Return True, or the Failure of a row that is not of the object type."""
        check: Any = level.owner.is_type_of
        try:
            if not check(row, self._resolve_info(field)):
                raise invalid_return_type_error(level.owner, row, field.nodes)
        except Exception as error:
            return self._fail(error)
        if _is_by_class(check):
            level.fitting[type(row)] = True
        return True

    def _type_name(self, field: FieldPlan, row: Any) -> "str | Failure":
        """Return the name of the object type of a row behind an interface or union."""
        abstract, info = field.named, self._resolve_info(field)
        try:
            name = (abstract.resolve_type or default_type_resolver)(row, info, abstract)
            ensure: Any = ExecutionContext.ensure_valid_runtime_type  # which looks at `self.schema` only
            name = ensure(self, name, abstract, field.nodes, info, row).name
        except Exception as error:
            return self._fail(error)
        by_class = all(_is_by_class(possible.is_type_of) for possible in self.schema.get_possible_types(abstract))
        if by_class and _resolves_by_default(abstract) and get_typename(row) is None:
            field.type_names[type(row)] = name
        return str(name)

    def _resolve_info(self, field: FieldPlan) -> GraphQLResolveInfo:
        source = field.source
        return GraphQLResolveInfo(
            field.name,
            field.nodes,
            field.declared,
            self.schema.type_map[field.owner],  # type: ignore[arg-type]
            Path(None, field.key, field.owner),
            self.schema,
            dict(source.fragments),
            None,
            source.operation,
            dict(self.variables),
            self.context,
            _is_never_awaitable,
        )

    def _place(self, field: FieldPlan, values: Sequence[Any], made: dict[int, Any]) -> list[Any]:
        """Return what was made of the rows in their places; there are rows, lists of rows and nulls only."""
        if field.depth == 0:
            return [made[key] for key in map(id, values)]
        if field.required and None in values:
            self.failed = True
        return [None if value is None else [made[key] for key in map(id, value)] for value in values]

    def _put(self, declared: GraphQLOutputType, value: Any, made: Mapping[int, Any]) -> Any:
        required = isinstance(declared, GraphQLNonNull)
        inner = declared.of_type if isinstance(declared, GraphQLNonNull) else declared
        if value is None or value is Undefined:
            self.failed |= required
            return None
        if isinstance(value, Exception):
            return self._fail(value)
        if isinstance(inner, GraphQLList):
            return [self._put(inner.of_type, item, made) for item in value]
        return made[id(value)]

    # --- The second pass: nulls and errors, in the order of the document ---------------------------------

    def _settle_level(self, plan: LevelPlan, values: dict[str, Any], path: list[str | int]) -> dict[str, Any]:
        return {field.key: self._settle_field(field, values[field.key], [*path, field.key]) for field in plan.fields}

    def _settle_field(self, field: FieldPlan, value: Any, path: list[str | int]) -> Any:
        try:
            return self._settle(field, field.declared, value, path)
        except Exception as error:
            return self._null(field, field.declared, error, path)

    def _settle(self, field: FieldPlan, declared: GraphQLOutputType, value: Any, path: list[str | int]) -> Any:
        """Return a value with the errors in it settled, or raise the one that leaves nothing of it."""
        if isinstance(value, Failure):
            raise value.error
        if isinstance(declared, GraphQLNonNull):
            settled = self._settle(field, declared.of_type, value, path)
            if settled is None:
                raise TypeError(f"Cannot return null for non-nullable field {field.owner}.{field.name}.")
            return settled
        if value is None:
            return None
        if isinstance(declared, GraphQLList):
            return [self._settle_item(field, declared.of_type, item, [*path, at]) for at, item in enumerate(value)]
        if field.is_leaf:
            return value
        level = field.level(field.named.name) if is_object_type(field.named) else self._levels[id(value)][1]
        return self._settle_level(level, value, path)

    def _settle_item(self, field: FieldPlan, declared: GraphQLOutputType, value: Any, path: list[str | int]) -> Any:
        try:
            return self._settle(field, declared, value, path)
        except Exception as error:
            return self._null(field, declared, error, path)

    def _null(self, field: FieldPlan, declared: GraphQLOutputType, error: Exception, path: list[str | int]) -> None:
        """Note an error where null may stand, and raise it where not."""
        located = located_error(error, field.nodes, path)
        if isinstance(declared, GraphQLNonNull):
            raise located
        self.errors.append(located)


def _attempt(read: Callable[[Any], Any], row: Any) -> Any:
    try:
        return read(row)
    except Exception as error:
        return error


def _is_plain(field: FieldPlan, values: Sequence[Any]) -> bool:
    """Tell whether a scalar would give back all these values as they are."""
    kinds = set(map(type, values))
    if not kinds - {_NONE} <= field.plain:
        return False
    if field.named is GraphQLInt:
        return all(value in _INT for value in values if value is not None)
    return field.named is not GraphQLFloat or all(isfinite(value) for value in values if value is not None)


def _gather(field: FieldPlan, values: Sequence[Any]) -> tuple[dict[int, Any], bool]:
    """Return the rows in the values of a field, each once, by their ids, and whether it is a plain case.

    That is one of rows or lists of rows, with nulls in them, but nothing else.
    """
    if field.depth == 0:
        rows = values
    elif field.depth == 1 and set(map(type, values)) <= _LISTS:
        rows = list(chain.from_iterable(filter(None, values)))
    else:
        return _gather_deep(field, values)
    kinds = set(map(type, rows))
    if not kinds <= field.row_types:
        if any(issubclass(kind, _NO_ROWS) for kind in kinds):
            return _gather_deep(field, values)
        field.row_types.update(kinds)
    return dict(zip(map(id, rows), rows, strict=True)), True


def _gather_deep(field: FieldPlan, values: Sequence[Any]) -> tuple[dict[int, Any], bool]:
    return {id(row): row for value in values for row in rows_in(value, field.declared) if row is not Undefined}, False


def _is_by_class(check: Any) -> bool:
    """Tell whether an `is_type_of` looks at nothing but the class of a row."""
    return check is None or (isinstance(check, partial) and check.func is is_type_of_from_possible_types)


def _resolves_by_default(abstract: Any) -> bool:
    """Tell whether an interface or union leaves it to its types which of them a row is."""
    declared = getattr(abstract, "graphene_type", None)
    resolve = getattr(getattr(declared, "resolve_type", None), "__func__", None)
    return resolve in (Interface.resolve_type.__func__, Union.resolve_type.__func__)


def _is_never_awaitable(_: Any) -> bool:
    return False
