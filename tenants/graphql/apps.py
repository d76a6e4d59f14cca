"""Apps as they see themselves, and as whoever manages them sees them."""

from collections.abc import Sequence
from enum import Enum
from typing import Any, NamedTuple

import graphene

from commerce.graphql.batch import batch, column
from commerce.graphql.ids import to_global_id
from commerce.graphql.info import Info
from commerce.graphql.scalars import DateTime
from tenants import queries
from tenants.graphql.context import ShopContext
from tenants.graphql.metadata import ObjectWithMetadata
from tenants.permissions import GRANTS
from tenants.queries import AppRow, TokenRow

PermissionEnum: Any = graphene.Enum.from_enum(
    Enum("PermissionEnum", {code: code for code in sorted(GRANTS)}),
    description=lambda member: None if member else "What a staff member or an app may do.",
)


class PermissionRow(NamedTuple):
    code: str
    name: str


class AppTypeEnum(graphene.Enum):
    """Where an app comes from."""

    LOCAL = "local"
    THIRDPARTY = "third-party"


class Permission(graphene.ObjectType):
    """What a staff member or an app may do."""

    class Meta:
        possible_types = (PermissionRow,)

    code = graphene.Field(PermissionEnum, required=True, description="The code.")
    name = graphene.String(required=True, description="The name for people.")


class AppToken(graphene.ObjectType):
    """A token of an app."""

    class Meta:
        possible_types = (TokenRow,)

    id = graphene.ID(required=True, description="The id.")
    name = graphene.String(description="The name, to tell tokens apart.")
    auth_token = graphene.String(description="The last four characters; the rest is not kept.")

    resolve_auth_token = column("last_four")

    @batch
    def resolve_id(rows: Sequence[TokenRow], info: Info[ShopContext]) -> list[str]:
        return [to_global_id("AppToken", row.id) for row in rows]


class App(graphene.ObjectType):
    """Software that acts for the shop."""

    class Meta:
        interfaces = (ObjectWithMetadata,)
        possible_types = (AppRow,)

    id = graphene.ID(required=True, description="The id.")
    identifier = graphene.String(description="The id in the manifest, null for a local app.")
    name = graphene.String(description="The name.")
    type = graphene.Field(AppTypeEnum, description="Where it comes from.")
    is_active = graphene.Boolean(description="Whether it is let in.")
    created = graphene.Field(DateTime, description="When it was made.")
    permissions = graphene.List(graphene.NonNull(Permission), description="What it may do.")
    tokens = graphene.List(graphene.NonNull(AppToken), description="Its tokens; for itself and MANAGE_APPS.")
    version = graphene.String(description="The version in the manifest.")
    about_app = graphene.String(description="What it is for.")
    author = graphene.String(description="Who made it.")
    app_url = graphene.String(description="The address of its pages.")
    manifest_url = graphene.String(description="The address of its manifest.")
    homepage_url = graphene.String(description="The address of its home page.")
    support_url = graphene.String(description="The address of its support.")
    data_privacy_url = graphene.String(description="The address of its privacy policy.")

    resolve_type = column("kind")
    resolve_created = column("created_at")
    resolve_version = column("app_version")
    resolve_about_app = column("about")

    @batch
    def resolve_id(rows: Sequence[AppRow], info: Info[ShopContext]) -> list[str]:
        return [to_global_id("App", row.id) for row in rows]

    @batch
    def resolve_identifier(rows: Sequence[AppRow], info: Info[ShopContext]) -> list[str | None]:
        return [row.identifier or None for row in rows]

    @batch
    def resolve_permissions(rows: Sequence[AppRow], info: Info[ShopContext]) -> list[list[PermissionRow]]:
        return [[permission_row(code) for code in row.permissions] for row in rows]

    @batch
    def resolve_tokens(rows: Sequence[AppRow], info: Info[ShopContext]) -> list[list[TokenRow]]:
        info.context.require_app(*(row.id for row in rows))
        found = queries.list_token_rows([row.id for row in rows])
        return [found.get(row.id, []) for row in rows]


def permission_row(code: str) -> PermissionRow:
    """Return a permission for display."""
    return PermissionRow(code, code.replace("_", " ").capitalize())
