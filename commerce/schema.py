"""The one GraphQL schema, gathered from every app."""

from types import SimpleNamespace

import graphene
from graphql import introspection_from_schema

from catalog.graphql.schema import TYPES
from catalog.graphql.schema import Query as CatalogQuery
from commerce.graphql.schema import build_schema
from tenants.graphql.schema import Query as TenantsQuery


class Query(TenantsQuery, CatalogQuery, graphene.ObjectType):
    """What can be read."""


schema = build_schema(Query, types=TYPES)
# What `manage.py graphql_schema --schema commerce.schema.printable --out schema.graphql` prints.
printable = SimpleNamespace(graphql_schema=schema, introspect=lambda: introspection_from_schema(schema))
