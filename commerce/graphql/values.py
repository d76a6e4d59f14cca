"""The values of variables and arguments, prepared as far as a document allows.

graphql-core's own coercion is the rule; what is worked out here ahead of it is what needs none: a variable
that is a plain scalar, an argument that is a literal or a variable.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLError,
    GraphQLField,
    GraphQLID,
    GraphQLInt,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLString,
    ValueNode,
    VariableDefinitionNode,
    VariableNode,
    is_input_object_type,
    is_non_null_type,
    type_from_ast,
    value_from_ast,
)
from graphql.execution.values import get_argument_values, get_variable_values
from graphql.language import FieldNode, Visitor, visit
from graphql.pyutils import Undefined

MAX_ERRORS = 20
_INT = range(-(2**31), 2**31)

# The values that graphql-core's coercion gives back as they are.
_PLAIN: dict[GraphQLScalarType, Callable[[Any], bool]] = {
    GraphQLString: lambda value: type(value) is str,
    GraphQLID: lambda value: type(value) is str,
    GraphQLBoolean: lambda value: type(value) is bool,
    GraphQLInt: lambda value: type(value) is int and value in _INT,
}


class Variables:
    """The variables that an operation declares."""

    __slots__ = ("_definitions", "_plain", "_schema")

    def __init__(self, schema: GraphQLSchema, definitions: Sequence[VariableDefinitionNode]) -> None:
        self._schema = schema
        self._definitions = definitions
        self._plain = [(node.variable.name.value, *_plain(schema, node)) for node in definitions]

    def coerce(self, given: Mapping[str, Any]) -> dict[str, Any] | list[GraphQLError]:
        """Return the values by name, or what is wrong with those given."""
        found: dict[str, Any] = {}
        for name, is_plain, optional in self._plain:
            if name in given:
                value = given[name]
                if not (is_plain(value) or (value is None and optional)):
                    break
                found[name] = value
            elif not optional:
                break
        else:
            return found
        return get_variable_values(self._schema, self._definitions, dict(given), MAX_ERRORS)


def _plain(schema: GraphQLSchema, node: VariableDefinitionNode) -> tuple[Callable[[Any], bool], bool]:
    """Return what tells a plain value of a variable, and whether it may be missing or null as well."""
    declared = type_from_ast(schema, node.type)
    optional = not isinstance(declared, GraphQLNonNull) and node.default_value is None
    named: Any = declared.of_type if isinstance(declared, GraphQLNonNull) else declared
    return _PLAIN.get(named, _never) if isinstance(named, GraphQLScalarType) else _never, optional


def _never(value: Any) -> bool:
    return False


class Arguments:
    """The arguments of one field of a document.

    Literals are read once, where `shared`: then every call gets the same objects.
    """

    __slots__ = ("_definition", "_direct", "_fixed", "_node", "_simple")

    def __init__(self, definition: GraphQLField, node: FieldNode, *, shared: bool) -> None:
        self._definition = definition
        self._node = node
        self._fixed: dict[str, Any] = {}
        self._direct: list[tuple[str, str, bool, Any]] = []  # name, variable, non-null, default
        self._simple = shared and all(self._add(name) for name in definition.args)

    def values(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments as a resolver takes them, or raise GraphQLError with the place of a wrong one."""
        if not self._simple:
            return get_argument_values(self._definition, self._node, dict(variables))
        found = dict(self._fixed)
        for name, variable, required, default in self._direct:
            value = variables.get(variable, default)
            if value is not Undefined and not (value is None and required):
                found[name] = value
            elif required:
                return get_argument_values(self._definition, self._node, dict(variables))  # which raises
        return found

    def _add(self, name: str) -> bool:
        """Prepare one argument, or tell that it cannot be."""
        argument = self._definition.args[name]
        nodes: list[Any] = [given.value for given in self._node.arguments if given.name.value == name]
        value, out_name, required = argument.default_value, argument.out_name or name, is_non_null_type(argument.type)
        if not nodes or isinstance(nodes[0], VariableNode):
            if value is not Undefined and is_input_object_type(argument.type):
                return False
            if nodes:
                self._direct.append((out_name, nodes[0].name.value, required, value))
            elif value is not Undefined:
                self._fixed[out_name] = value
            return bool(nodes) or value is not Undefined or not required
        value = Undefined if _has_variables(nodes[0]) else value_from_ast(nodes[0], argument.type)
        self._fixed[out_name] = value
        return value is not Undefined and not (value is None and required)


def _has_variables(node: ValueNode) -> bool:
    finder = _Finder()
    visit(node, finder)
    return finder.found


class _Finder(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.found = False

    def enter_variable(self, *_: Any) -> None:
        self.found = True
