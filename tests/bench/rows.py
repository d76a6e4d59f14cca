"""The rows of a shop's tables, from its facts: for each table its columns and where they come from."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from django.db.models import Model

from catalog import models
from catalog.collation import sort_key
from catalog.values import editorjs, parse_value
from tests.bench import facts
from tests.bench.facts import MARKETS, PARTS, Facts, Market, Product, id_prefix

Rows = Iterator[tuple[Any, ...]]
# The sizes that lists and pages ask for, in pixels, which have been made of every picture.
THUMBNAILS = (256, 1024)


@dataclass(frozen=True)
class Table:
    """A table of the catalogue.

    `columns` says of each column its type in PostgreSQL, `id <kind>` for an id that is given by its number,
    or `channel` for one given by the channel's slug. `rows` yields the columns, before them the number of
    the product: a smaller shop has the rows of a larger one up to its size. What a column is not told it
    has from its default.
    """

    model: type[Model]
    columns: dict[str, str]
    rows: Callable[[Facts], Rows]

    @property
    def name(self) -> str:
        return self.model._meta.db_table


def _of_shop(rows: Callable[[], Rows]) -> Callable[[Facts], Rows]:
    """Yield rows that every shop has."""
    return lambda shop: ((-1, *row) for row in rows())


def _of_products(rows: Callable[[Product], Rows]) -> Callable[[Facts], Rows]:
    return lambda shop: ((product.number, *row) for product in shop.products for row in rows(product))


def _values() -> Rows:
    for attribute in facts.ATTRIBUTES:
        for position, raw in enumerate(attribute.values):
            columns = parse_value(attribute.input_type, raw)
            number = attribute.first + position
            yield number, attribute.number, columns.slug, columns.name, position, columns.numeric


def _publications(product: Product) -> Rows:
    for at, market in enumerate(MARKETS):
        yield (
            _part(product, at),
            product.number,
            market.slug,
            product.is_published(market),
            product.published_at,
            not product.is_hidden,
        )


def _variants(product: Product) -> Rows:
    for variant in product.variants:
        yield _part(product, variant.position), product.number, variant.sku, variant.name, variant.position


def _prices(product: Product) -> Rows:
    for variant in product.variants:
        for at, market in enumerate(MARKETS):
            number = _part(product, variant.position)
            yield (
                _part(product, 2 * variant.position + at),
                number,
                market.slug,
                market.currency,
                facts.price(variant.cents, market),
            )


def _product_values(product: Product) -> Rows:
    held = [(facts.BRAND, product.brand), (facts.COLOUR, product.colour), (facts.WEIGHT, product.weight)]
    for position, (attribute, value) in enumerate(held):
        yield product.number, attribute.first + value, position


def _variant_values(product: Product) -> Rows:
    for variant in product.variants:
        yield _part(product, variant.position), product.number, facts.SIZE.first + variant.size


def _media(product: Product) -> Rows:
    for position in range(product.media):
        yield _part(product, position), product.number, product.name, media_file(product, position), position


def media_file(product: Product, position: int) -> str:
    """Return the stored name of a picture."""
    return f"products/{product.slug}-{position}.jpg"


def _thumbnails(product: Product) -> Rows:
    for position in range(product.media):
        for size in THUMBNAILS:
            source = media_file(product, position)
            yield source, size, "ORIGINAL", thumbnail_file(product, position, size), facts.OPENED_AT


def thumbnail_file(product: Product, position: int, size: int) -> str:
    """Return the stored name of a picture made smaller."""
    return f"thumbnails/{product.slug}-{position}_{size}.jpg"


def _collection_product(product: Product) -> Rows:
    if product.collection is not None:
        yield product.number, product.collection, product.number, product.number


def _in_categories(product: Product) -> Rows:
    for number in product.groups:
        yield number, product.number, 0


def _in_collections(product: Product) -> Rows:
    if product.collection is not None:
        yield product.collection, product.number, product.number


def _listings(product: Product) -> Rows:
    """Yield the windows of each market: one for all time, or one before and one after its publication."""
    later = product.published_at == facts.LATER
    edges: list[datetime | str] = ["-infinity", *([facts.LATER] if later else []), "infinity"]
    for market in MARKETS:
        least, most = min(product.prices(market)), max(product.prices(market))
        for start, end in pairwise(edges):
            published = product.is_published(market) and not (later and start == "-infinity")
            yield (
                market.slug,
                product.number,
                start,
                end,
                published,
                published and not product.is_hidden,
                True,
                product.in_stock,
                False,
                market.currency,
                least,
                most,
                least,
                most,
                0.0,
                product.published_at or product.created_at,
                product.rating,
            )


def _names(product: Product) -> Rows:
    for market in MARKETS:
        yield market.slug, product.number, market.language, name_key(product, market)


def name_key(product: Product, market: Market) -> bytes:
    """Return a product's place in the order of names of a market."""
    name = product.translated_name if market.language == "nl" else None
    return sort_key(name or product.name, market.language)


def _translations(product: Product) -> Rows:
    if product.translated_name:
        yield product.number, "Product", product.number, "nl", product.translated_name


def _part(product: Product, at: int) -> int:
    return product.number * PARTS + at


TABLES = (
    Table(
        models.ProductType,
        {"id": "id type", "name": "text", "slug": "text"},
        _of_shop(lambda: ((n, f"Type {n}", f"type-{n}") for n in range(facts.TYPES))),
    ),
    Table(
        models.Attribute,
        {"id": "id attribute", "slug": "text", "name": "text", "input_type": "text"},
        _of_shop(lambda: ((a.number, a.slug, a.name, a.input_type) for a in facts.ATTRIBUTES)),
    ),
    Table(
        models.AttributeValue,
        {
            "id": "id value",
            "attribute_id": "id attribute",
            "slug": "text",
            "name": "text",
            "position": "integer",
            "numeric": "float8",
        },
        _of_shop(_values),
    ),
    Table(
        models.ProductTypeAttribute,
        {
            "id": "id type_attribute",
            "product_type_id": "id type",
            "attribute_id": "id attribute",
            "on_variants": "boolean",
            "variant_selection": "boolean",
            "position": "integer",
        },
        _of_shop(
            lambda: (
                (n * PARTS + a.number, n, a.number, a.on_variants, a.on_variants, a.number)
                for n in range(facts.TYPES)
                for a in facts.ATTRIBUTES
            )
        ),
    ),
    Table(
        models.Category,
        {
            "id": "id category",
            "parent_id": "id category",
            "level": "integer",
            "position": "integer",
            "name": "text",
            "slug": "text",
        },
        _of_shop(lambda: ((c.number, c.parent, c.level, c.position, c.name, c.slug) for c in facts.CATEGORIES)),
    ),
    Table(
        models.Collection,
        {"id": "id collection", "name": "text", "slug": "text"},
        _of_shop(lambda: ((n, f"Collection {n}", f"collection-{n}") for n in range(facts.COLLECTIONS))),
    ),
    Table(
        models.CollectionPublication,
        {"id": "id collection_publication", "collection_id": "id collection", "channel_id": "channel"},
        _of_shop(
            lambda: (
                (n * PARTS + at, n, market.slug) for n in range(facts.COLLECTIONS) for at, market in enumerate(MARKETS)
            )
        ),
    ),
    Table(
        models.Warehouse,
        {"id": "id warehouse", "name": "text", "slug": "text"},
        _of_shop(lambda: iter([(0, "Main warehouse", "main")])),
    ),
    Table(
        models.WarehouseChannel,
        {"warehouse_id": "id warehouse", "channel_id": "channel"},
        _of_shop(lambda: ((0, market.slug) for market in MARKETS)),
    ),
    Table(
        models.Product,
        {
            "id": "id product",
            "product_type_id": "id type",
            "category_id": "id category",
            "name": "text",
            "slug": "text",
            "description": "jsonb",
            "rating": "float8",
            "weight_grams": "integer",
            "created_at": "timestamptz",
            "updated_at": "timestamptz",
        },
        _of_products(
            lambda p: iter(
                [
                    (
                        p.number,
                        p.type,
                        p.category,
                        p.name,
                        p.slug,
                        json.dumps(editorjs(p.text)),
                        p.rating,
                        facts.WEIGHTS[p.weight],
                        p.created_at,
                        p.created_at,
                    )
                ]
            )
        ),
    ),
    Table(
        models.ProductPublication,
        {
            "id": "id publication",
            "product_id": "id product",
            "channel_id": "channel",
            "is_published": "boolean",
            "published_at": "timestamptz",
            "visible_in_listings": "boolean",
        },
        _of_products(_publications),
    ),
    Table(
        models.Variant,
        {"id": "id variant", "product_id": "id product", "sku": "text", "name": "text", "position": "integer"},
        _of_products(_variants),
    ),
    Table(
        models.VariantPrice,
        {
            "id": "id price",
            "variant_id": "id variant",
            "channel_id": "channel",
            "currency": "text",
            "price": "bigint",
        },
        _of_products(_prices),
    ),
    Table(
        models.Stock,
        {"id": "id stock", "variant_id": "id variant", "warehouse_id": "id warehouse", "on_hand": "integer"},
        _of_products(lambda p: ((_part(p, v.position), _part(p, v.position), 0, v.on_hand) for v in p.variants)),
    ),
    Table(
        models.ProductValue,
        {"product_id": "id product", "value_id": "id value", "position": "integer"},
        _of_products(_product_values),
    ),
    Table(
        models.VariantValue,
        {"variant_id": "id variant", "product_id": "id product", "value_id": "id value"},
        _of_products(_variant_values),
    ),
    Table(
        models.Media,
        {"id": "id media", "product_id": "id product", "alt": "text", "file": "text", "position": "integer"},
        _of_products(_media),
    ),
    Table(
        models.Thumbnail,
        {"source": "text", "size": "integer", "format": "text", "name": "text", "claimed_at": "timestamptz"},
        _of_products(_thumbnails),
    ),
    Table(
        models.CollectionProduct,
        {
            "id": "id collection_product",
            "collection_id": "id collection",
            "product_id": "id product",
            "position": "integer",
        },
        _of_products(_collection_product),
    ),
    Table(
        models.ProductGroup,
        {"group_id": "id category", "product_id": "id product", "position": "integer"},
        _of_products(_in_categories),
    ),
    Table(
        models.ProductGroup,
        {"group_id": "id collection", "product_id": "id product", "position": "integer"},
        _of_products(_in_collections),
    ),
    Table(
        models.Listing,
        {
            "channel_id": "channel",
            "product_id": "id product",
            "valid_from": "timestamptz",
            "valid_to": "timestamptz",
            "is_published": "boolean",
            "is_visible": "boolean",
            "is_purchasable": "boolean",
            "in_stock": "boolean",
            "on_sale": "boolean",
            "currency": "text",
            "price_min": "bigint",
            "price_max": "bigint",
            "undiscounted_min": "bigint",
            "undiscounted_max": "bigint",
            "rank": "float8",
            "newest_at": "timestamptz",
            "rating": "float8",
        },
        _of_products(_listings),
    ),
    Table(
        models.ListingName,
        {"channel_id": "channel", "product_id": "id product", "language": "text", "name_key": "bytea"},
        _of_products(_names),
    ),
    Table(
        models.Translation,
        {
            "id": "id translation",
            "object_kind": "text",
            "object_id": "id product",
            "language": "text",
            "name": "text",
        },
        _of_products(_translations),
    ),
)


def staged(table: Table, row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a row as it is staged: ids by the first half of their digits."""
    number, *values = row
    kinds = table.columns.values()
    return (
        number,
        *(
            id_prefix(value) if kind.startswith("id ") and value is not None else value
            for kind, value in zip(kinds, values, strict=True)
        ),
    )
