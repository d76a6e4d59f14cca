"""Looking at an app's manifest before it is installed."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import graphene

from commerce.graphql.batch import batch, root_outside
from commerce.graphql.info import Info
from commerce.graphql.scalars import JSON
from commerce.webhooks import installing
from commerce.webhooks.graphql.types import WebhookEventTypeAsyncEnum, WebhookEventTypeSyncEnum
from commerce.webhooks.manifests import Manifest as ManifestRead
from commerce.webhooks.operations import Wanted
from tenants.graphql.apps import Permission, PermissionRow, permission_row
from tenants.graphql.context import ShopContext
from tenants.graphql.mutations import APP_ERRORS, managing
from tenants.graphql.reporting import ErrorRow
from tenants.permissions import GRANTS


class ManifestRow(NamedTuple):
    """A manifest that was read."""

    fields: Mapping[str, Any]
    read: ManifestRead


class ExtensionRow(NamedTuple):
    given: Mapping[str, Any]


class FetchPayload(NamedTuple):
    manifest: ManifestRow | None = None
    errors: Sequence[ErrorRow] = ()


class AppManifestExtension(graphene.ObjectType):
    """A place in a dashboard that an app fills."""

    class Meta:
        possible_types = (ExtensionRow,)

    permissions = graphene.List(graphene.NonNull(Permission), required=True, description="What a person needs for it.")
    label = graphene.String(required=True, description="Its name for people.")
    url = graphene.String(required=True, description="Its address.")
    mount_name = graphene.String(required=True, description="Where it is.")
    target_name = graphene.String(required=True, description="How it opens.")
    settings = JSON(required=True, description="More about that.")
    identifier = graphene.String(description="What the app calls it.")

    @batch
    def resolve_permissions(rows: Sequence[ExtensionRow], info: Info[ShopContext]) -> list[list[PermissionRow]]:
        return [[permission_row(code) for code in row.given.get("permissions") or () if code in GRANTS] for row in rows]

    @batch
    def resolve_label(rows: Sequence[ExtensionRow], info: Info[ShopContext]) -> list[str]:
        return [str(row.given["label"]) for row in rows]

    @batch
    def resolve_url(rows: Sequence[ExtensionRow], info: Info[ShopContext]) -> list[str]:
        return [str(row.given["url"]) for row in rows]

    @batch
    def resolve_mount_name(rows: Sequence[ExtensionRow], info: Info[ShopContext]) -> list[str]:
        return [str(row.given["mount"]).upper() for row in rows]

    @batch
    def resolve_target_name(rows: Sequence[ExtensionRow], info: Info[ShopContext]) -> list[str]:
        return [str(row.given.get("target") or "POPUP").upper() for row in rows]

    @batch
    def resolve_settings(rows: Sequence[ExtensionRow], info: Info[ShopContext]) -> list[Any]:
        return [row.given.get("options") or {} for row in rows]

    @batch
    def resolve_identifier(rows: Sequence[ExtensionRow], info: Info[ShopContext]) -> list[str | None]:
        return [str(row.given["identifier"]) if row.given.get("identifier") else None for row in rows]


class AppManifestWebhook(graphene.ObjectType):
    """A webhook that an app asks for."""

    class Meta:
        possible_types = (Wanted,)

    name = graphene.String(required=True, description="Its name.")
    async_events = graphene.List(graphene.NonNull(WebhookEventTypeAsyncEnum), description="What it is told of.")
    sync_events = graphene.List(graphene.NonNull(WebhookEventTypeSyncEnum), description="What it answers.")
    query = graphene.String(required=True, description="The query that makes what is sent.")
    target_url = graphene.String(required=True, description="Where that is sent.")

    @batch
    def resolve_async_events(rows: Sequence[Wanted], info: Info[ShopContext]) -> list[list[str]]:
        return [[] if row.is_sync else list(row.events) for row in rows]

    @batch
    def resolve_sync_events(rows: Sequence[Wanted], info: Info[ShopContext]) -> list[list[str]]:
        return [list(row.events) if row.is_sync else [] for row in rows]


@batch
def _text(rows: Sequence[ManifestRow], info: Info[ShopContext]) -> list[str | None]:
    name = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in info.field_name)
    return [row.fields.get(name) or None for row in rows]


class Manifest(graphene.ObjectType):
    """What an app says of itself."""

    class Meta:
        possible_types = (ManifestRow,)

    identifier = graphene.String(required=True, description="Its id.")
    version = graphene.String(required=True, description="Its version.")
    name = graphene.String(required=True, description="Its name.")
    author = graphene.String(description="Who made it.")
    about = graphene.String(description="What it is for.")
    permissions = graphene.List(graphene.NonNull(Permission), description="What it asks to be allowed.")
    app_url = graphene.String(description="The address of its pages.")
    configuration_url = graphene.String(description="The address of its settings.")
    token_target_url = graphene.String(description="Where its token is sent.")
    data_privacy = graphene.String(description="What it says of privacy.")
    data_privacy_url = graphene.String(description="The address of its privacy policy.")
    homepage_url = graphene.String(description="The address of its home page.")
    support_url = graphene.String(description="The address of its support.")
    audience = graphene.String(description="Whom it is for.")
    extensions = graphene.List(graphene.NonNull(AppManifestExtension), required=True, description="Where it shows up.")
    webhooks = graphene.List(graphene.NonNull(AppManifestWebhook), required=True, description="What it subscribes to.")

    resolve_identifier = resolve_name = resolve_author = resolve_about = resolve_audience = _text
    resolve_app_url = resolve_configuration_url = resolve_token_target_url = _text
    resolve_data_privacy = resolve_data_privacy_url = resolve_homepage_url = resolve_support_url = _text

    @batch
    def resolve_version(rows: Sequence[ManifestRow], info: Info[ShopContext]) -> list[str]:
        return [row.fields["app_version"] for row in rows]

    @batch
    def resolve_permissions(rows: Sequence[ManifestRow], info: Info[ShopContext]) -> list[list[PermissionRow]]:
        return [[permission_row(code) for code in row.read.permissions] for row in rows]

    @batch
    def resolve_extensions(rows: Sequence[ManifestRow], info: Info[ShopContext]) -> list[list[ExtensionRow]]:
        return [[ExtensionRow(given) for given in row.fields["extensions"]] for row in rows]

    @batch
    def resolve_webhooks(rows: Sequence[ManifestRow], info: Info[ShopContext]) -> list[list[Wanted]]:
        return [list(row.read.webhooks) for row in rows]


class AppFetchManifest(graphene.Mutation):
    """Fetch and check the manifest of an app; nothing is installed. Needs MANAGE_APPS."""

    class Arguments:
        manifest_url = graphene.String(required=True, description="Its address.")

    manifest = graphene.Field(Manifest)
    errors = APP_ERRORS.field()

    @root_outside
    def mutate(info: Info[ShopContext], manifest_url: str) -> FetchPayload:
        def run() -> FetchPayload:
            allowed = installing.allowed_for(info.context.shop.id)
            read = installing.fetch_manifest(manifest_url.strip(), allowed)
            return FetchPayload(ManifestRow(read.fields, read))

        return managing(info, run, FetchPayload)
