"""Arguments that name one object: exactly one of several, in the dialect's words."""

from typing import Any

from graphql import GraphQLError


def exactly_one(**arguments: Any) -> tuple[str, Any]:
    """Return the name and value of the one argument that was given (not null and not empty).

    Raises GraphQLError where none or several were; `arguments` are named as in the schema.
    """
    given = {name: value for name, value in arguments.items() if value}
    if not given:
        raise GraphQLError(f"At least one of arguments is required: {_quoted(arguments)}.")
    first, *others = given
    if others:
        raise GraphQLError(f"Argument '{first}' cannot be combined with {_quoted(others)}.")
    return first, given[first]


def _quoted(names: Any) -> str:
    return ", ".join(f"'{name}'" for name in names)
