"""What a tenant answers about itself."""

from typing import Any

import graphene

from commerce.graphql.batch import root
from commerce.graphql.ids import from_global_id
from commerce.graphql.info import Info
from tenants import queries
from tenants.graphql import metadata_mutations as metadata
from tenants.graphql import mutations
from tenants.graphql.apps import App
from tenants.graphql.arguments import exactly_one
from tenants.graphql.context import ShopContext
from tenants.graphql.types import Channel, DomainRow, Shop, ShopRow, display_country, display_language
from tenants.queries import AppRow, ChannelRow


class Query:
    """The tenant's fields of the root."""

    shop = graphene.Field(Shop, required=True, description="The shop at this host.")
    channel = graphene.Field(
        Channel,
        id=graphene.ID(description="Its id."),
        slug=graphene.String(description="Its slug."),
        description="One channel, by exactly one of its id and its slug.",
    )
    channels = graphene.List(graphene.NonNull(Channel), description="All channels; needs a staff member or an app.")

    app = graphene.Field(
        App,
        id=graphene.ID(description="Its id; without one the app that asks."),
        description="One app; another one than that which asks needs MANAGE_APPS.",
    )

    @root
    def resolve_shop(info: Info[ShopContext]) -> ShopRow:
        context = info.context
        active = [channel for channel in context.channels() if channel.is_active]
        countries = sorted({code for channel in active for code in channel.countries})
        languages = sorted({context.shop.default_language, *(code for channel in active for code in channel.languages)})
        scheme, _, host = context.origin.partition("://")
        return ShopRow(
            context.shop.public_id,
            context.shop.name,
            DomainRow(host, scheme == "https", f"{context.origin}/"),
            display_country(active[0].default_country) if active else None,
            sorted({channel.currency for channel in active}),
            [display_country(code) for code in countries],
            [display_language(code) for code in languages],
        )

    @root
    def resolve_channel(info: Info[ShopContext], id: str | None = None, slug: str | None = None) -> ChannelRow | None:
        name, value = exactly_one(id=id, slug=slug)
        wanted: Any = from_global_id(value, "Channel") if name == "id" else value
        return next((row for row in info.context.channels() if getattr(row, name) == wanted), None)

    @root
    def resolve_channels(info: Info[ShopContext]) -> list[ChannelRow]:
        info.context.require("AUTHENTICATED_APP", "AUTHENTICATED_STAFF_USER")
        return info.context.channels()

    @root
    def resolve_app(info: Info[ShopContext], id: str | None = None) -> AppRow | None:
        context = info.context
        context.require("AUTHENTICATED_STAFF_USER", "AUTHENTICATED_APP")
        if not id:
            return context.app
        app_id = from_global_id(id, "App")
        context.require_app(app_id)
        return queries.find_app_row(app_id)


class Mutation:
    """The tenant's fields of the root for writing."""

    app_create = mutations.AppCreate.Field()
    app_token_create = mutations.AppTokenCreate.Field()
    app_token_delete = mutations.AppTokenDelete.Field()
    app_token_verify = mutations.AppTokenVerify.Field()
    app_activate = mutations.AppActivate.Field()
    app_deactivate = mutations.AppDeactivate.Field()
    app_delete = mutations.AppDelete.Field()
    app_update = mutations.AppUpdate.Field()
    update_metadata = metadata.UpdateMetadata.Field()
    delete_metadata = metadata.DeleteMetadata.Field()
    update_private_metadata = metadata.UpdatePrivateMetadata.Field()
    delete_private_metadata = metadata.DeletePrivateMetadata.Field()
