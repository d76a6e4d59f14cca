"""Changing the pairs that apps keep with an object, of every type that says here how it is done.

    METADATA_WRITERS["Product"] = MetadataWriter(may_change, change)

`may_change(info, key, private)` raises PermissionDenied; `change(info, key, private=…, put=…, drop=…)` is the type's
operation and returns the row that is shown, or raises DomainError.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

import graphene

from commerce.errors import DomainError
from commerce.graphql.batch import root
from commerce.graphql.info import Info
from tenants import operations, queries
from tenants.graphql.context import ShopContext
from tenants.graphql.metadata import MetadataInput, ObjectWithMetadata
from tenants.graphql.reporting import ErrorRow, Errors, by, key_of, kind_of
from tenants.queries import AppRow

METADATA_ERRORS = Errors(
    "Metadata",
    "Why the pairs of an object were not changed.",
    ("GRAPHQL_ERROR", "INVALID", "NOT_FOUND", "REQUIRED", "NOT_UPDATED"),
)


class MetadataWriter(NamedTuple):
    """How the pairs of one type are changed."""

    may_change: Callable[[Info[ShopContext], UUID, bool], None]
    change: Callable[..., Any]


class MetadataPayload(NamedTuple):
    item: Any = None
    errors: list[ErrorRow] | tuple[ErrorRow, ...] = ()


def _change_app(info: Info[ShopContext], key: UUID, **changes: Any) -> AppRow:
    return queries.app_row(operations.change_app_metadata(app_id=key, **changes, **by(info)))


METADATA_WRITERS: dict[str, MetadataWriter] = {
    "App": MetadataWriter(lambda info, key, private: info.context.require_app(key), _change_app)
}


def _mutation(name: str, description: str, *, private: bool, puts: bool) -> Any:
    arguments: dict[str, Any] = {"id": graphene.ID(required=True, description="The object.")}
    if puts:
        pairs = graphene.List(graphene.NonNull(MetadataInput), required=True, description="The pairs to put in.")
        arguments["input"] = pairs
    else:
        arguments["keys"] = graphene.List(graphene.NonNull(graphene.String), required=True, description="The keys.")

    def mutate(
        info: Info[ShopContext], id: str, input: list[Mapping[str, str]] | None = None, keys: list[str] | None = None
    ) -> MetadataPayload:
        put = {pair["key"]: pair["value"] for pair in input or ()}

        def run() -> MetadataPayload:
            kind = kind_of(id)
            writer = METADATA_WRITERS.get(kind)
            if writer is None:
                raise DomainError(f"Nothing can be kept with a {kind[:50]} by this.", code="NOT_FOUND", field="id")
            key = key_of(id, kind)
            writer.may_change(info, key, private)
            return MetadataPayload(writer.change(info, key, private=private, put=put, drop=keys or []))

        return METADATA_ERRORS.report(info, run, MetadataPayload)

    members = {
        "__doc__": description,
        "Arguments": type("Arguments", (), arguments),
        "item": graphene.Field(ObjectWithMetadata),
        "errors": METADATA_ERRORS.field(),
        "mutate": root(mutate),
    }
    return type(name, (graphene.Mutation,), members)


_WHO = "Needs the permission that changes the object; an app may always change its own."
UpdateMetadata = _mutation("UpdateMetadata", f"Put public pairs to an object. {_WHO}", private=False, puts=True)
DeleteMetadata = _mutation("DeleteMetadata", f"Drop public pairs of an object. {_WHO}", private=False, puts=False)
UpdatePrivateMetadata = _mutation(
    "UpdatePrivateMetadata", f"Put private pairs to an object. {_WHO}", private=True, puts=True
)
DeletePrivateMetadata = _mutation(
    "DeletePrivateMetadata", f"Drop private pairs of an object. {_WHO}", private=True, puts=False
)
