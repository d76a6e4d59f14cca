"""What reference attributes can be limited to."""

import graphene

from catalog.graphql.pages import PageType
from catalog.graphql.types import ProductType


class ReferenceType(graphene.Union):
    """A type of products or pages."""

    class Meta:
        types = (ProductType, PageType)
