"""What mutations have in common: who asks, and failures that their payload tells of in the dialect's words."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import graphene
from graphql import GraphQLError

from commerce.errors import DomainError
from commerce.graphql.ids import from_global_id, split_global_id
from commerce.graphql.info import Info
from tenants.graphql.context import ShopContext

P = TypeVar("P")


class ErrorRow(NamedTuple):
    field: str | None
    message: str
    code: str


class Errors:
    """The errors of a family of mutations: the type `<name>Error`, and `<name>ErrorCode` with these codes.

    `names` are the inputs whose names differ from those of the operations' fields.
    """

    def __init__(self, name: str, description: str, codes: Sequence[str], **names: str) -> None:
        self.codes = frozenset(codes)
        self.names: Mapping[str, str] = names
        enum: Any = graphene.Enum(f"{name}ErrorCode", [(code, code) for code in codes])
        self.type: Any = type(
            f"{name}Error",
            (graphene.ObjectType,),
            {
                "__doc__": description,
                "field": graphene.String(description="The input at fault."),
                "message": graphene.String(description="What is wrong."),
                "code": graphene.Field(enum, required=True, description="The code."),
                "Meta": type("Meta", (), {"possible_types": (ErrorRow,)}),
            },
        )

    def field(self) -> Any:
        """Return the field `errors` of a payload."""
        return graphene.List(graphene.NonNull(self.type), required=True, description="Why nothing was done.")

    def report(self, info: Info[ShopContext], run: Callable[[], P], payload: Callable[..., P]) -> P:
        """Run a mutation; what its operation refuses is told in the payload, and nothing of it is kept."""
        try:
            return run()
        except DomainError as error:
            info.context.discard()
            return payload(errors=[self._shown(error)])

    def _shown(self, error: DomainError) -> ErrorRow:
        head, *rest = (error.field or "").split("_")
        field = self.names.get(error.field or "") or head + "".join(word.capitalize() for word in rest)
        return ErrorRow(field or None, error.message, error.code if error.code in self.codes else "INVALID")


def by(info: Info[ShopContext]) -> dict[str, Any]:
    """Return who asks, as operations want to know it."""
    return {"granted_by": info.context.permissions, "actor": info.context.caller.actor}


def key_of(value: str, kind: str, field: str = "id") -> UUID:
    """Return the key in a global id of this type, or raise DomainError that names the input."""
    try:
        return from_global_id(value, kind)
    except GraphQLError as error:
        raise DomainError(error.message, code="GRAPHQL_ERROR", field=field) from None


def kind_of(value: str, field: str = "id") -> str:
    """Return the type that a global id names, or raise DomainError that names the input."""
    try:
        return split_global_id(value)[0]
    except GraphQLError as error:
        raise DomainError(error.message, code="GRAPHQL_ERROR", field=field) from None


def codes_in(values: Sequence[Any] | None) -> list[str]:
    """Return the values of an enum's members as an input gives them."""
    return [str(getattr(value, "value", value)) for value in values or ()]
