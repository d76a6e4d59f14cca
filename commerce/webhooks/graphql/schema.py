"""Installing apps over GraphQL, for an app that holds MANAGE_APPS and only as far as its own permissions go."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import graphene

from commerce.graphql.batch import batch, column, root
from commerce.graphql.ids import to_global_id
from commerce.graphql.info import Info
from commerce.graphql.scalars import DateTime
from commerce.webhooks.installing import check_manifest_url
from tenants import operations, queries
from tenants.graphql.apps import PermissionEnum
from tenants.graphql.context import ShopContext
from tenants.graphql.mutations import ErrorRow, by, errors_field, reporting
from tenants.queries import InstallationRow


class JobStatusEnum(graphene.Enum):
    """How far a job is."""

    PENDING = "pending"
    SUCCESS = "installed"
    FAILED = "failed"


class AppInstallation(graphene.ObjectType):
    """The installing of an app."""

    class Meta:
        possible_types = (InstallationRow,)

    id = graphene.ID(required=True, description="The id.")
    app_name = graphene.String(required=True, description="The name of the app.")
    manifest_url = graphene.String(required=True, description="The address of its manifest.")
    status = graphene.Field(JobStatusEnum, required=True, description="How far it is.")
    message = graphene.String(description="Why it failed.")
    created_at = graphene.Field(DateTime, required=True, description="When it was ordered.")
    updated_at = graphene.Field(DateTime, required=True, description="When it was changed last.")

    resolve_app_name = column("name")

    @batch
    def resolve_id(rows: Sequence[InstallationRow], info: Info[ShopContext]) -> list[str]:
        return [to_global_id("AppInstallation", row.id) for row in rows]

    @batch
    def resolve_message(rows: Sequence[InstallationRow], info: Info[ShopContext]) -> list[str | None]:
        return [row.message or None for row in rows]


class AppInstallInput(graphene.InputObjectType):
    """An app that is to be installed."""

    app_name = graphene.String(description="Its name until the manifest tells it.")
    manifest_url = graphene.String(description="The address of its manifest.")
    activate_after_installation = graphene.Boolean(default_value=True, description="Whether it is let in then.")
    permissions = graphene.List(graphene.NonNull(PermissionEnum), description="What it may do at most.")


class InstallPayload(NamedTuple):
    app_installation: InstallationRow | None = None
    errors: Sequence[ErrorRow] = ()


class AppInstall(graphene.Mutation):
    """Have an app installed by its manifest. Needs MANAGE_APPS; `appsInstallations` tells how it ends."""

    class Arguments:
        input = AppInstallInput(required=True)

    app_installation = graphene.Field(AppInstallation)
    errors = errors_field()

    @root
    def mutate(info: Info[ShopContext], input: dict[str, Any]) -> InstallPayload:
        def run() -> InstallPayload:
            check_manifest_url(input.get("manifest_url") or "")
            order = operations.order_installation(
                name=input.get("app_name") or "App",
                manifest_url=input.get("manifest_url") or "",
                permissions=[str(getattr(code, "value", code)) for code in input.get("permissions") or ()],
                activate=input.get("activate_after_installation", True),
                **by(info),
            )
            return InstallPayload(order)

        return reporting(info, run, InstallPayload)


class Query:
    """The fields of the root for reading."""

    apps_installations = graphene.List(
        graphene.NonNull(AppInstallation), required=True, description="The newest installations; needs MANAGE_APPS."
    )

    @root
    def resolve_apps_installations(info: Info[ShopContext]) -> list[InstallationRow]:
        info.context.require("MANAGE_APPS")
        return queries.list_installations()


class Mutation:
    """The fields of the root for writing."""

    app_install = AppInstall.Field()
