"""The one GraphQL schema, gathered from every app."""

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

import graphene
from django.conf import settings

from catalog.graphql.events import EVENT_TYPES as CATALOG_EVENTS
from catalog.graphql.schema import TYPES
from catalog.graphql.schema import Query as CatalogQuery
from commerce.graphql.batch import batch
from commerce.graphql.info import Info
from commerce.graphql.schema import build_schema
from commerce.webhooks.graphql.schema import Mutation as WebhooksMutation
from commerce.webhooks.graphql.schema import Query as WebhooksQuery
from tenants.graphql.context import ShopContext
from tenants.graphql.events import EVENT_TYPES as TENANTS_EVENTS
from tenants.graphql.events import Event, EventRow
from tenants.graphql.schema import Mutation as TenantsMutation
from tenants.graphql.schema import Query as TenantsQuery


class Query(TenantsQuery, CatalogQuery, WebhooksQuery, graphene.ObjectType):
    """What can be read."""


class Mutation(TenantsMutation, WebhooksMutation, graphene.ObjectType):
    """What can be done."""


class Subscription(graphene.ObjectType):
    """What a webhook can be told of each of its events; it does not run at the GraphQL door."""

    event = graphene.Field(Event, description="The event.")

    @batch
    def resolve_event(rows: Sequence[EventRow], info: Info[ShopContext]) -> list[EventRow]:
        return list(rows)


schema = build_schema(Query, Mutation, Subscription, types=[*TYPES, *TENANTS_EVENTS, *CATALOG_EVENTS])


def _version() -> str:
    """Return a hash of all our code: whoever answers by other code shares no kept answer with this process."""
    digest = blake2b(digest_size=8)
    for package in ("commerce", "tenants", "catalog", "pricing", "checkout"):
        for path in sorted(Path(settings.BASE_DIR, package).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


SCHEMA_VERSION = _version()
