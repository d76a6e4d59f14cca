"""From graphene's declarations to a GraphQLSchema whose every resolver is a batch resolver."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import graphene
from graphene.types.resolver import dict_or_attr_resolver
from graphene.types.utils import get_field_as
from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    assert_valid_schema,
    is_specified_scalar_type,
)

from commerce.graphql.batch import Batch, Column

SCALARS = frozenset(
    {"Date", "DateTime", "Day", "Decimal", "GenericScalar", "JSON", "JSONString", "Metadata", "Minute"}
    | {"PositiveDecimal", "UUID", "Upload", "WeightScalar"}
)


def build_schema(
    query: Any, mutation: Any = None, subscription: Any = None, types: Iterable[Any] = ()
) -> GraphQLSchema:
    """Compile the graphene root types, and `types` that only an interface leads to, into one schema.

    Raises TypeError for what the dialect or the batch contract refuses: an ordinary resolver, a field
    without an attribute to read (where the type names its rows in `Meta.possible_types`), a custom scalar
    that clients do not know, and a deprecated argument or input field, which introspection would hide.
    """
    schema: GraphQLSchema = graphene.Schema(
        query=query, mutation=mutation, subscription=subscription, types=[*types]
    ).graphql_schema
    assert_valid_schema(schema)
    roots = {schema.query_type, schema.mutation_type}
    for named in schema.type_map.values():
        if named.name.startswith("__"):
            continue
        if isinstance(named, GraphQLObjectType):
            _adapt(named, at_root=named in roots)
        if isinstance(named, GraphQLScalarType) and not is_specified_scalar_type(named):
            _check_scalar(named)
        for place, value in _inputs(named):
            if value.deprecation_reason is not None:
                raise TypeError(f"{place}: a deprecated argument or input field is hidden from clients.")
    return schema


def extend(type_: Any, name: str, field: Any, resolver: Batch) -> None:
    """Give a graphene type of a lower app another field, before the schema is built; `name` in snake_case."""
    if name in type_._meta.fields:
        raise TypeError(f"{type_._meta.name} has a field {name} already.")
    type_._meta.fields[name] = get_field_as(field, graphene.Field)
    setattr(type_, f"resolve_{name}", resolver)


def _adapt(owner: GraphQLObjectType, *, at_root: bool) -> None:
    for name, field in owner.fields.items():
        field.resolve = resolver = _batch_resolver(f"{owner.name}.{name}", field)
        if resolver.at_root and not at_root:
            raise TypeError(f"{owner.name}.{name}: @root is for the fields of Query and Mutation.")
        if isinstance(resolver, Column):
            if at_root:
                raise TypeError(f"{owner.name}.{name}: a field of the root needs a resolver.")
            _check_column(owner, name, resolver)


def _batch_resolver(place: str, field: GraphQLField) -> Batch:
    """Return the field's batch resolver; graphene's default becomes a Column."""
    resolver: Any = field.resolve
    if isinstance(resolver, Batch):
        return resolver
    if isinstance(resolver, partial) and resolver.func is dict_or_attr_resolver:
        return Column(resolver.args[0])
    raise TypeError(f"{place}: the resolver must be declared by @batch, @root, @paged or column().")


def _check_column(owner: GraphQLObjectType, name: str, column: Column) -> None:
    options = getattr(owner, "graphene_type", None)
    for row in options._meta.possible_types if options else ():
        declared = getattr(row, "__annotations__", {})
        if not hasattr(row, column.attribute) and column.attribute not in declared:
            raise TypeError(f"{owner.name}.{name}: {row.__name__} has no attribute {column.attribute!r}.")


def _check_scalar(scalar: GraphQLScalarType) -> None:
    if scalar.name not in SCALARS:
        raise TypeError(f"{scalar.name}: clients generate code for {', '.join(sorted(SCALARS))} only.")


def _inputs(named: Any) -> Iterator[tuple[str, GraphQLArgument | GraphQLInputField]]:
    """Yield the arguments or input fields of a type, each with its place."""
    if isinstance(named, GraphQLInputObjectType):
        for name, field in named.fields.items():
            yield f"{named.name}.{name}", field
    if isinstance(named, GraphQLObjectType | GraphQLInterfaceType):
        for name, output in named.fields.items():
            for argument_name, argument in output.args.items():
                yield f"{named.name}.{name}({argument_name})", argument
