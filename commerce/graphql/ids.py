"""Global ids of the dialect: base64 of "Type:key", standard padding."""

from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import TypeVar, overload
from uuid import UUID

from graphql import GraphQLError

K = TypeVar("K")


def to_global_id(type_name: str, key: object) -> str:
    """Return the id that clients see for the object of type `type_name` whose key is `key`."""
    return b64encode(f"{type_name}:{key}".encode()).decode()


@overload
def from_global_id(value: str, expected_type: str) -> UUID: ...
@overload
def from_global_id(value: str, expected_type: str, key: Callable[[str], K]) -> K: ...
def from_global_id(value: str, expected_type: str, key: Callable[[str], object] = UUID) -> object:
    """Return the key in the global id `value`, which must be of `expected_type`.

    `key` makes the key from its text and raises ValueError where it cannot. Raises GraphQLError in the
    dialect's words for anything but such an id, without telling whether the object exists.
    """
    invalid = GraphQLError(f"Invalid ID: {value}. Expected: {expected_type}.")
    type_name, text = split_global_id(value, invalid)
    if type_name != expected_type:
        raise invalid
    try:
        return key(text)
    except ValueError:
        raise invalid from None


def split_global_id(value: str, invalid: GraphQLError | None = None) -> tuple[str, str]:
    """Return type name and key of a global id of any type, or raise GraphQLError (`invalid`, if given)."""
    try:
        type_name, colon, text = b64decode(value, validate=True).decode().partition(":")
    except ValueError:
        type_name = colon = text = ""
    if not (type_name and colon and text):
        raise invalid or GraphQLError(f"Invalid ID: {value}.")
    return type_name, text
