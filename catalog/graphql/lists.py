"""From the arguments of a list of products to the list that is read."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from graphql import GraphQLError

from catalog.graphql.filters import check_nesting, read_filter, read_where
from catalog.queries.conditions import Pending, flatten, found_by, needs_channel
from catalog.queries.facets import CATEGORY, PRICE, STOCK, FacetSource, attribute_label
from catalog.queries.lists import ProductList
from catalog.search.query import make_search
from commerce.graphql.ids import from_global_id
from tenants.graphql.context import ShopContext
from tenants.queries import EVERYWHERE, ChannelRow

_ORDERS = {
    "NAME": "NAME",
    "PRICE": "PRICE",
    "MINIMAL_PRICE": "PRICE",
    "LAST_MODIFIED": "MODIFIED",
    "LAST_MODIFIED_AT": "MODIFIED",
    "DATE": "NEWEST",
    "PUBLICATION_DATE": "NEWEST",
    "PUBLISHED_AT": "NEWEST",
    "PUBLISHED": "SLUG",  # what shoppers see is published: the tie-break alone decides
    "TYPE": "TYPE",
    "RATING": "RATING",
    "CREATED_AT": "CREATED",
    "COLLECTION": "POSITION",
    "RANK": "RANK",
}


# What somebody chose of a facet, by the argument that says so.
_LABELS = {
    "categories": CATEGORY,
    "category": CATEGORY,
    "price": PRICE,
    "minimal_price": PRICE,
    "stock_availability": STOCK,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ListArguments:
    """The arguments of a list of products, checked as far as that needs no database.

    Without `sortBy` the order is by slug, as in the dialect; by rank where there is a search.
    """

    channel: str | None
    conditions: tuple[Pending, ...]
    order: str
    descending: bool
    collection: UUID | None = None
    attribute: UUID | None = None
    searches: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    @classmethod
    def read(
        cls,
        *,
        channel: str | None = None,
        filter: Mapping[str, Any] | None = None,
        where: Mapping[str, Any] | None = None,
        sort_by: Mapping[str, Any] | None = None,
        search: str | None = None,
        in_collection: bool = False,
    ) -> "ListArguments":
        """Return the arguments, or raise GraphQLError naming the one that cannot be honoured."""
        if filter is not None and where is not None:
            raise GraphQLError("Only one filtering argument (filter or where) can be specified.")
        check_nesting(filter or {})
        check_nesting(where or {})
        labelled = [*_labelled(filter or {}, read_filter), *_labelled(where or {}, read_where)]
        texts = [text for text in (search, (filter or {}).get("search")) if text and text.strip()]
        default = "RANK" if texts else "POSITION" if in_collection else "SLUG"
        order, descending = _order(sort_by or {}, default, bool(texts))
        collection = None
        if order == "POSITION" and not in_collection:
            collection = _one_collection(filter or {}, where or {})
        return cls(
            channel=channel or (filter or {}).get("channel") or (sort_by or {}).get("channel"),
            conditions=tuple(condition for _, condition in labelled),
            labels=tuple(label for label, _ in labelled),
            order=order,
            descending=descending,
            collection=collection,
            attribute=_attribute(sort_by or {}),
            searches=tuple(texts),
        )

    def of(self, context: ShopContext, channel: ChannelRow) -> ProductList:
        """Return the list that a channel shows now; raise GraphQLError for what makes sense in a channel alone."""
        order = self.order
        if channel == EVERYWHERE:
            if order == "PRICE" or needs_channel(self.conditions):
                raise GraphQLError("Prices and availability are those of a channel: name one by `channel`.")
            order = "PLAIN_NAME" if order == "NAME" else order
        searches = [make_search(text, context.language(channel)) for text in self.searches]
        ranking = None
        if searches and order == "RANK":
            order, ranking = "RELEVANCE", searches.pop(0)
        return ProductList(
            channel=channel,
            now=context.now,
            order=order,
            descending=self.descending,
            language=context.language(channel),
            group=self.collection,
            attribute=self.attribute,
            conditions=(*flatten(self.conditions, channel.currency), *map(found_by, searches)),
            search=ranking,
        )

    def facets(self, products: ProductList) -> FacetSource:
        """Return the list with what was chosen of its facets."""
        labels = [
            label
            for label, condition in zip(self.labels, self.conditions, strict=True)
            for _ in flatten([condition], products.channel.currency)
        ]
        others = len(products.conditions) - len(labels)
        return FacetSource(products, (*labels, *[""] * others))


def _labelled(
    given: Mapping[str, Any], read: Callable[[Mapping[str, Any]], list[Pending]]
) -> Iterator[tuple[str, Pending]]:
    """Yield the conditions of a filter, each with the facet that it chooses of."""
    for name, value in given.items():
        if name == "attributes" and value:
            for one in value:
                label = attribute_label(one.get("slug") or "")
                yield from ((label, condition) for condition in read({name: [one]}))
        else:
            yield from ((_LABELS.get(name, ""), condition) for condition in read({name: value}))


def _order(given: Mapping[str, Any], default: str, searches: bool) -> tuple[str, bool]:
    descending = bool(given) and given["direction"].value == "DESC"
    if given.get("attribute_id") is not None:
        if given.get("field") is not None:
            raise GraphQLError("You must provide either `field` or `attributeId` to sort the products.")
        return "ATTRIBUTE DOWN" if descending else "ATTRIBUTE", descending
    if given.get("field") is None:
        return default, descending or (default == "RANK" and not given)
    field = given["field"].value
    if field == "RANK" and not searches:
        raise GraphQLError("Sorting by RANK is available only when using a search filter or search argument.")
    return _ORDERS[field], descending


def _attribute(given: Mapping[str, Any]) -> UUID | None:
    key = given.get("attribute_id")
    return None if key is None else from_global_id(key, "Attribute")


def _one_collection(filter: Mapping[str, Any], where: Mapping[str, Any]) -> UUID:
    """Return the collection whose order is asked for: the one that the list is narrowed to."""
    given = filter.get("collections") or [((where.get("collection") or {}).get("eq"))]
    if len(given) != 1 or given[0] is None:
        raise GraphQLError("Sorting by COLLECTION is available only when filtering by exactly one collection.")
    return from_global_id(given[0], "Collection")
