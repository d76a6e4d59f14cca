"""What the schema has beyond the dialect for searching: facets of a list of products, and suggestions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import graphene

from catalog.graphql.attributes import Attribute, AttributeValue
from catalog.graphql.loading import foretell
from catalog.queries import facets
from catalog.queries.facets import AttributeFacet as AttributeFacetRow
from catalog.queries.facets import CategoryCount, Facets, FacetSource, PriceRange, StockCounts, ValueCount
from catalog.queries.rows import CategoryRow, ProductRow
from commerce.graphql.batch import Batch, batch, column
from commerce.graphql.connections import Connection
from commerce.graphql.info import Info
from tenants.graphql.context import ShopContext

MOST, USUAL = 100, 10


def _limit() -> graphene.Int:
    return graphene.Int(default_value=USUAL, description=f"How many at most, {MOST} being the most there are.")


def _first(found: Sequence[Any], limit: int | None) -> list[Any]:
    return list(found[: max(0, min(USUAL if limit is None else limit, MOST))])


class FacetValue(graphene.ObjectType):
    """A value of an attribute, and how many products of the list have it."""

    class Meta:
        possible_types = (ValueCount,)

    value = graphene.Field(AttributeValue, required=True, description="The value.")
    count = graphene.Int(required=True, description="How many products have it.")


class AttributeFacet(graphene.ObjectType):
    """An attribute that products of the list may be chosen by."""

    class Meta:
        possible_types = (AttributeFacetRow,)

    attribute = graphene.Field(Attribute, required=True, description="The attribute.")
    values = graphene.List(
        graphene.NonNull(FacetValue), required=True, limit=_limit(), description="Its values, the commonest first."
    )

    @batch
    def resolve_values(
        rows: Sequence[AttributeFacetRow], info: Info[ShopContext], limit: int | None = None
    ) -> list[list[ValueCount]]:
        return [_first(row.values, limit) for row in rows]


class CategoryFacet(graphene.ObjectType):
    """A category, and how many products of the list are in it or below it."""

    class Meta:
        possible_types = (CategoryCount,)

    category = graphene.Field("catalog.graphql.groups.Category", required=True, description="The category.")
    count = graphene.Int(required=True, description="How many products are in it or below it.")


class PriceFacet(graphene.ObjectType):
    """A range of prices, as the filter `minimalPrice` takes it, and how many products cost so much."""

    class Meta:
        possible_types = (PriceRange,)

    gte = graphene.Float(required=True, description="The lowest price of the range.")
    lte = graphene.Float(required=True, description="The highest price of the range.")
    count = graphene.Int(required=True, description="How many products cost so much.")


class StockFacet(graphene.ObjectType):
    """How many products of the list are in stock."""

    class Meta:
        possible_types = (StockCounts,)

    in_stock = graphene.Int(required=True, description="How many have a free piece.")
    out_of_stock = graphene.Int(required=True, description="How many have none.")


class ProductFacets(graphene.ObjectType):
    """What all products of a list may be narrowed by. What was chosen of a facet does not narrow the facet itself."""

    class Meta:
        possible_types = (Facets,)

    attributes = graphene.List(
        graphene.NonNull(AttributeFacet),
        required=True,
        limit=_limit(),
        description="Attributes that shoppers may filter by: chosen ones, then those that most products have.",
    )
    categories = graphene.List(
        graphene.NonNull(CategoryFacet), required=True, limit=_limit(), description="Those of most products first."
    )
    prices = graphene.List(graphene.NonNull(PriceFacet), required=True, description="Ranges that have products.")
    stock = graphene.Field(StockFacet, required=True, description="What is in stock.")

    @batch
    def resolve_attributes(
        rows: Sequence[Facets], info: Info[ShopContext], limit: int | None = None
    ) -> list[list[AttributeFacetRow]]:
        return [_first(row.attributes, limit) for row in rows]

    @batch
    def resolve_categories(
        rows: Sequence[Facets], info: Info[ShopContext], limit: int | None = None
    ) -> list[list[CategoryCount]]:
        return [_first(row.categories, limit) for row in rows]


def facets_of_products() -> dict[str, Any]:
    """Return the field `facets` of a connection of products, and its resolver."""
    return {
        "facets": graphene.Field(
            ProductFacets,
            attributes=graphene.List(
                graphene.NonNull(graphene.String), description="The slugs of the attributes wanted; all if not given."
            ),
            description="What all products of the list may be narrowed by, however many the page has.",
        ),
        "resolve_facets": Batch(_resolve_facets),
    }


def _resolve_facets(
    rows: Sequence[Connection], info: Info[ShopContext], /, attributes: list[str] | None = None
) -> list[Facets | None]:
    parts = frozenset(part for part in ("attributes", "categories", "prices", "stock") if info.selects(part))
    found = [
        facets.read_facets(row.page.source, parts, attributes=attributes)
        if isinstance(row.page.source, FacetSource)
        else Facets()
        for row in rows
    ]
    if len(info.context.languages) > 1:
        for each in found:
            shown = each.attributes[:MOST]
            foretell(info.context, (one.attribute.id for one in shown))
            foretell(info.context, (counted.value.id for one in shown for counted in one.values[:USUAL]))
            foretell(info.context, (one.category.id for one in each.categories[:USUAL]))
    return list(found)


@dataclass(slots=True, eq=False)
class SuggestionsRow:
    """What may be meant by the beginning of a text."""

    words: list[str]
    found: list[ProductRow]
    groups: list[CategoryRow]


class SearchSuggestions(graphene.ObjectType):
    """What somebody may be about to search for."""

    class Meta:
        possible_types = (SuggestionsRow,)

    words = graphene.List(
        graphene.NonNull(graphene.String), required=True, description="Whole searches, the likeliest first."
    )
    products = graphene.List(
        graphene.NonNull("catalog.graphql.products.Product"), required=True, description="Products found so far."
    )
    categories = graphene.List(
        graphene.NonNull("catalog.graphql.groups.Category"), required=True, description="Categories named so."
    )

    resolve_products = column("found")
    resolve_categories = column("groups")
