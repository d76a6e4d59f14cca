"""Installing apps and their webhooks over GraphQL, only as far as the caller's own permissions go."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import graphene

from commerce.graphql.batch import batch, column, root
from commerce.graphql.ids import from_global_id, to_global_id
from commerce.graphql.info import Info
from commerce.graphql.scalars import DateTime
from commerce.webhooks import history
from commerce.webhooks.graphql import mutations
from commerce.webhooks.graphql.fetching import AppFetchManifest
from commerce.webhooks.graphql.types import Webhook
from commerce.webhooks.history import WebhookRow
from tenants import operations, queries
from tenants.graphql.apps import PermissionEnum
from tenants.graphql.context import ShopContext
from tenants.graphql.mutations import APP_ERRORS, managing
from tenants.graphql.reporting import ErrorRow, by, codes_in, key_of
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
    errors = APP_ERRORS.field()

    @root
    def mutate(info: Info[ShopContext], input: dict[str, Any]) -> InstallPayload:
        def run() -> InstallPayload:
            order = operations.order_installation(
                name=input.get("app_name") or "App",
                manifest_url=input.get("manifest_url") or "",
                permissions=codes_in(input.get("permissions")),
                activate=input.get("activate_after_installation", True),
                **by(info),
            )
            return InstallPayload(order)

        return managing(info, run, InstallPayload)


class AppRetryInstall(graphene.Mutation):
    """Have an installation that failed done again. Needs MANAGE_APPS."""

    class Arguments:
        id = graphene.ID(required=True, description="The installation.")
        activate_after_installation = graphene.Boolean(default_value=True, description="Whether it is let in then.")

    app_installation = graphene.Field(AppInstallation)
    errors = APP_ERRORS.field()

    @root
    def mutate(info: Info[ShopContext], id: str, activate_after_installation: bool | None = True) -> InstallPayload:
        def run() -> InstallPayload:
            key, activate = key_of(id, "AppInstallation"), activate_after_installation is not False
            return InstallPayload(operations.retry_installation(installation_id=key, activate=activate, **by(info)))

        return managing(info, run, InstallPayload)


class AppDeleteFailedInstallation(graphene.Mutation):
    """Forget an installation that failed. Needs MANAGE_APPS."""

    class Arguments:
        id = graphene.ID(required=True, description="The installation.")

    app_installation = graphene.Field(AppInstallation)
    errors = APP_ERRORS.field()

    @root
    def mutate(info: Info[ShopContext], id: str) -> InstallPayload:
        def run() -> InstallPayload:
            key, granted_by = key_of(id, "AppInstallation"), by(info)["granted_by"]
            return InstallPayload(operations.delete_installation(installation_id=key, granted_by=granted_by))

        return managing(info, run, InstallPayload)


class Query:
    """The fields of the root for reading."""

    apps_installations = graphene.List(
        graphene.NonNull(AppInstallation), required=True, description="The newest installations; needs MANAGE_APPS."
    )

    webhook = graphene.Field(
        Webhook,
        id=graphene.ID(required=True, description="Its id."),
        description="One webhook, for its app and for MANAGE_APPS.",
    )

    @root
    def resolve_webhook(info: Info[ShopContext], id: str) -> WebhookRow | None:
        info.context.require("MANAGE_APPS", "AUTHENTICATED_APP")
        found = history.find_webhook_row(from_global_id(id, "Webhook"))
        may_see = found is not None and (
            "MANAGE_APPS" in info.context.permissions or (info.context.app and found.app_id == info.context.app.id)
        )
        return found if may_see else None

    @root
    def resolve_apps_installations(info: Info[ShopContext]) -> list[InstallationRow]:
        info.context.require("MANAGE_APPS")
        return queries.list_installations()


class Mutation:
    """The fields of the root for writing."""

    app_fetch_manifest = AppFetchManifest.Field()
    app_install = AppInstall.Field()
    app_retry_install = AppRetryInstall.Field()
    app_delete_failed_installation = AppDeleteFailedInstallation.Field()
    webhook_create = mutations.WebhookCreate.Field()
    webhook_update = mutations.WebhookUpdate.Field()
    webhook_delete = mutations.WebhookDelete.Field()
    event_delivery_retry = mutations.EventDeliveryRetry.Field()
