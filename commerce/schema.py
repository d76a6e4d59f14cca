"""The one GraphQL schema, gathered from every app."""

import graphene

from catalog.graphql.schema import TYPES
from catalog.graphql.schema import Query as CatalogQuery
from commerce.graphql.schema import build_schema
from tenants.graphql.schema import Query as TenantsQuery


class Query(TenantsQuery, CatalogQuery, graphene.ObjectType):
    """What can be read."""


schema = build_schema(Query, types=TYPES)
