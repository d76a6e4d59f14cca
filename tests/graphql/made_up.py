"""Documents made up from a schema, for hypothesis: `documents(schema)` gives a text with its variables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    Undefined,
    get_named_type,
    is_abstract_type,
    is_composite_type,
    is_leaf_type,
)
from hypothesis import strategies as st

Pools = Mapping[str, Sequence[Any]]  # values by the name of an argument or input field
SCALARS: Pools = {
    "Int": [0, 1, 2, 3, 7, -1],
    "Float": [0.5, 2, -1.25],
    "Boolean": [True, False],
    "String": ["", "a", 'é "quoted"\n\\'],
    "ID": ["a", "1"],
    "Date": ["2026-01-31", "2026-13-01"],
    "DateTime": ["2026-01-01T12:00:00+00:00"],
    "Decimal": [1.5, 0],
    "PositiveDecimal": [2.5, 0],
    "JSON": [None, {"a": [1]}],
}


class Enum(str):
    """The name of an enum's value, which a literal writes without quotes."""


@dataclass
class Writer:
    """Writes one document, drawing each decision."""

    draw: Any
    schema: GraphQLSchema
    pools: Pools
    depth: int
    most: int  # fields
    variables: dict[str, tuple[str, Any]] = field(default_factory=dict)
    fragments: list[tuple[str, str, str]] = field(default_factory=list)  # name, type, selections
    keys: dict[tuple[str, str, str], int] = field(default_factory=dict)
    fields: int = 0

    def one(self, choices: Sequence[Any]) -> Any:
        return choices[self.draw(st.integers(0, len(choices) - 1))]

    def chance(self, of: int) -> bool:
        return self.draw(st.integers(0, of - 1)) == of - 1

    def document(self, operation: str) -> tuple[str, dict[str, Any]]:
        root: Any = self.schema.query_type if operation == "query" else self.schema.mutation_type
        selections = self.selections(root, self.depth)
        declared = ", ".join(f"${name}: {kind}" for name, (kind, _) in self.variables.items())
        parts = [f"{operation} Made{f'({declared})' if declared else ''} {selections}"]
        parts += [f"fragment {name} on {on} {inner}" for name, on, inner in self.fragments]
        values = {name: value for name, (_, value) in self.variables.items() if value is not Undefined}
        return "\n".join(parts), values

    def selections(self, owner: Any, depth: int) -> str:
        count = self.draw(st.integers(1, 3))
        return "{ " + " ".join(self.selection(owner, depth) for _ in range(count)) + " }"

    def selection(self, owner: Any, depth: int) -> str:
        kind = self.draw(st.integers(0, 11))
        if kind == 0:
            return f"{self.one(['', '', 'kind: '])}__typename{self.directives()}"
        if kind == 1 or (kind < 5 and is_abstract_type(owner)) or isinstance(owner, GraphQLUnionType):
            return self.inline(owner, depth)
        if kind == 2 and depth < self.depth:
            return self.spread(owner, depth)
        return self.field(owner, depth)

    def inline(self, owner: Any, depth: int) -> str:
        target = self.narrowed(owner)
        on = "" if target is owner and self.chance(2) and not isinstance(owner, GraphQLUnionType) else f" on {target}"
        inner = "{ __typename }" if isinstance(target, GraphQLUnionType) else self.selections(target, depth)
        return f"...{on}{self.directives()} {inner}"

    def spread(self, owner: Any, depth: int) -> str:
        """Spread a fragment, an old one if one fits."""
        target = self.narrowed(owner)
        fitting = [name for name, on, _ in self.fragments if on == target.name]
        if fitting and self.chance(2):
            return f"...{self.one(fitting)}{self.directives()}"
        inner = "{ __typename }" if isinstance(target, GraphQLUnionType) else self.selections(target, depth)
        name = f"f{len(self.fragments)}"
        self.fragments.append((name, target.name, inner))
        return f"...{name}{self.directives()}"

    def narrowed(self, owner: Any) -> Any:
        """Return the type itself, one that it may be, or an interface of it."""
        choices = [owner]
        if is_abstract_type(owner):
            choices += self.schema.get_possible_types(owner) * 2
        if isinstance(owner, GraphQLObjectType):
            choices += owner.interfaces
        return self.one(choices)

    def field(self, owner: Any, depth: int) -> str:
        self.fields += 1
        last = depth <= 1 or self.fields > self.most
        choices = [
            (name, found)
            for name, found in owner.fields.items()
            if not last or is_leaf_type(get_named_type(found.type))
        ]
        if not choices:
            return "__typename"
        name, found = self.one(choices)
        arguments = self.arguments(name, found)
        inner = ""
        if is_composite_type(get_named_type(found.type)):
            inner = f" {self.selections(get_named_type(found.type), depth - 1)}"
        return f"{self.alias(name, arguments, found)}{name}{arguments}{self.directives()}{inner}"

    def alias(self, name: str, arguments: str, found: GraphQLField) -> str:
        """Return an alias: the same for fields that merge, another for those that would not."""
        key = (name, arguments, str(found.type))
        number = self.keys.setdefault(key, len(self.keys))
        alone = not arguments and sum(1 for other, _, _ in self.keys if other == name) == 1
        same_everywhere = len({str(one.type) for one in self.named(name)}) == 1
        if alone and same_everywhere and not self.chance(4):
            return ""
        return f"{name}{number}{self.one(['', '', 'x'])}: "

    def named(self, name: str) -> list[GraphQLField]:
        owners = [named for named in self.schema.type_map.values() if isinstance(named, GraphQLObjectType)]
        return [owner.fields[name] for owner in owners if name in owner.fields]

    def directives(self) -> str:
        if not self.chance(8):
            return ""
        first, second = self.one([("include", "skip"), ("skip", "include")])
        found = f" @{first}(if: {self.condition(first)})"
        return found + f" @{second}(if: {self.condition(second)})" if self.chance(4) else found

    def condition(self, directive: str) -> str:
        value = self.chance(3) is (directive == "skip")  # two of three times the field stays
        return self.literal(value) if self.chance(2) else self.variable("Boolean!", value)

    def arguments(self, name: str, found: GraphQLField) -> str:
        given = self.window() if {"first", "last"} <= found.args.keys() else {}
        written = []
        for argument_name, argument in found.args.items():
            if argument_name in ("first", "last", "after", "before"):
                value = given.get(argument_name, Undefined)
            elif isinstance(argument.type, GraphQLNonNull) and argument.default_value is Undefined:
                value = self.value(argument_name, argument.type)
            else:
                value = Undefined if self.chance(2) else self.value(argument_name, argument.type)
            if value is not Undefined or self.chance(20):
                written += self.argument(argument_name, argument, value)
        return f"({', '.join(written)})" if written else ""

    def window(self) -> dict[str, Any]:
        found = [{"first": 3}, {"first": 2}, {"first": 1}, {"last": 2}, {"first": 2, "after": "bad"}, {}]
        return found[self.draw(st.integers(0, 5))]

    def argument(self, name: str, argument: GraphQLArgument, value: Any) -> list[str]:
        """Return an argument as a literal or by a variable, whose value may be missing."""
        if value is Undefined:
            if isinstance(argument.type, GraphQLNonNull):
                return []
            return [f"{name}: {self.variable(str(argument.type), Undefined)}"]
        if self.chance(2):
            return [f"{name}: {self.variable(str(argument.type), value)}"]
        return [f"{name}: {self.literal(value)}"]

    def value(self, name: str, declared: Any) -> Any:
        if isinstance(declared, GraphQLNonNull):
            found = self.value(name, declared.of_type)
            return self.value(name, declared) if found is None else found
        if self.chance(12):
            return None
        if isinstance(declared, GraphQLList):
            if self.chance(6):
                return self.value(name, declared.of_type)  # a list of one, written without brackets
            return [self.value(name, declared.of_type) for _ in range(self.draw(st.integers(0, 2)))]
        if isinstance(declared, GraphQLInputObjectType):
            return self.input_object(declared)
        if name in self.pools:
            return self.one(self.pools[name])
        if isinstance(declared, GraphQLEnumType):
            return Enum(self.one(self.pools.get(declared.name) or list(declared.values)))
        return self.one(self.pools.get(declared.name) or SCALARS[declared.name])

    def input_object(self, declared: GraphQLInputObjectType) -> dict[str, Any]:
        wanted = {self.draw(st.integers(0, len(declared.fields) - 1)) for _ in range(self.draw(st.integers(0, 2)))}
        return {
            name: self.value(name, given.type)
            for at, (name, given) in enumerate(declared.fields.items())
            if at in wanted or (isinstance(given.type, GraphQLNonNull) and given.default_value is Undefined)
        }

    def variable(self, kind: str, value: Any) -> str:
        """Declare a variable of this value, perhaps with a default instead."""
        name = f"v{len(self.variables)}"
        if value is not Undefined and value is not None and self.chance(4):
            self.variables[name] = (f"{kind.rstrip('!')} = {self.literal(value)}", Undefined)
        else:
            self.variables[name] = (kind, value)
        return f"${name}"

    def literal(self, value: Any) -> str:
        match value:
            case None:
                return "null"
            case bool():
                return "true" if value else "false"
            case Enum():
                return str(value)
            case str():
                text = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
                return f'"{text}"'
            case list():
                return f"[{', '.join(map(self.literal, value))}]"
            case dict():
                return "{" + ", ".join(f"{name}: {self.literal(item)}" for name, item in value.items()) + "}"
            case _:
                return str(value)


@st.composite
def documents(
    draw: Any,
    schema: GraphQLSchema,
    *,
    operation: str = "query",
    pools: Pools | None = None,
    depth: int = 4,
    most: int = 14,
) -> tuple[str, dict[str, Any]]:
    """Draw the text of a document, which is valid or nearly so, and the values of its variables.

    `pools` gives values by the name of an argument or input field, of an enum or of a scalar.
    """
    return Writer(draw, schema, pools or {}, depth, draw(st.integers(1, most))).document(operation)
