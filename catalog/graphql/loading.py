"""Reading what a level needs in one statement, and once per operation."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import orjson

from catalog.queries import attributes, groups, pages, products
from catalog.queries.pages import PageRow, Viewer
from catalog.queries.rows import Assignment, CategoryRow, CollectionRow, MediaRow, ProductRow, VariantRow
from tenants.graphql.context import ShopContext
from tenants.queries import ChannelRow

V = TypeVar("V")


def load_in_channels(
    context: ShopContext,
    kind: Hashable,
    pairs: Iterable[tuple[ChannelRow | None, UUID | None]],
    read: Callable[[list[UUID], ChannelRow], Mapping[UUID, V]],
) -> list[V | None]:
    """Return what `read` finds for each key in its channel: one call per channel, None for None and for nothing.

    Without a channel nothing is found.
    """
    wanted = list(pairs)
    by_channel: dict[ChannelRow, list[UUID]] = {}
    for channel, key in wanted:
        if key is not None and channel is not None:
            by_channel.setdefault(channel, []).append(key)
    found = {
        channel.id: context.load((kind, channel.id), keys, partial(_swapped, read, channel))
        for channel, keys in by_channel.items()
    }
    return [None if key is None or channel is None else found[channel.id][key] for channel, key in wanted]


def _swapped(
    read: Callable[[list[UUID], ChannelRow], Mapping[UUID, V]], channel: ChannelRow, keys: list[UUID]
) -> Mapping[UUID, V]:
    return read(keys, channel)


def foretell(context: ShopContext, ids: Iterable[UUID | None]) -> None:
    """Say that what these objects are called is about to be shown, so that it is all read in one statement."""
    if len(context.languages) > 1:
        foretold(context).update(dict.fromkeys(key for key in ids if key is not None))


def foretold(context: ShopContext) -> dict[UUID, None]:
    """Return the objects that were foretold and whose words nobody has asked for yet."""
    return context.once("foretold", dict)


def load_products(
    context: ShopContext, pairs: Iterable[tuple[ChannelRow | None, UUID | None]]
) -> list[ProductRow | None]:
    """Return published products by channel and id."""
    return load_in_channels(
        context, "products", pairs, lambda ids, channel: products.list_products_by_id(ids, channel, context.now)
    )


def keep_products(context: ShopContext, rows: Iterable[ProductRow]) -> None:
    """Remember products that were read already, so that what refers to them need not read them again."""
    for row in rows:
        kept: dict[UUID, Any] = context.once(("load", ("products", row.channel.id)), dict)
        kept.setdefault(row.id, row)
        foretell(context, (row.id, row.category_id))


def load_variants_by_id(
    context: ShopContext, pairs: Iterable[tuple[ChannelRow | None, UUID | None]]
) -> list[VariantRow | None]:
    """Return priced variants of published products by channel and id."""
    return load_in_channels(
        context, "variants by id", pairs, lambda ids, channel: products.list_variants_by_id(ids, channel, context.now)
    )


def load_collections(
    context: ShopContext, pairs: Iterable[tuple[ChannelRow | None, UUID | None]]
) -> list[CollectionRow | None]:
    """Return published collections by channel and id."""
    return load_in_channels(
        context, "collections", pairs, lambda ids, channel: groups.list_collections_by_id(ids, channel, context.now)
    )


def load_pages(context: ShopContext, pairs: Iterable[tuple[ChannelRow | None, UUID | None]]) -> list[PageRow | None]:
    """Return the pages that the caller sees, by id; the channel, if any, is where they look up what they refer to."""
    wanted = list(pairs)
    found: dict[ChannelRow | None, dict[UUID, PageRow | None]] = {}
    for channel in dict.fromkeys(channel for channel, _ in wanted):
        keys = [key for its, key in wanted if its == channel and key is not None]
        viewer = Viewer(context.now, channel, "MANAGE_PAGES" in context.permissions)
        found[channel] = context.load(("pages", channel), keys, partial(_pages_by_id, viewer))
    return [None if key is None else found[channel][key] for channel, key in wanted]


def _pages_by_id(viewer: Viewer, ids: list[UUID]) -> dict[UUID, PageRow]:
    return pages.list_pages_by_id(ids, viewer)


def load_categories(context: ShopContext, ids: Iterable[UUID | None]) -> list[CategoryRow | None]:
    """Return categories by id."""
    keys = list(ids)
    found = context.load("categories", [key for key in keys if key is not None], groups.list_categories_by_id)
    return [None if key is None else found[key] for key in keys]


def load_variants(context: ShopContext, rows: Sequence[ProductRow]) -> list[list[VariantRow]]:
    """Return the variants of each product."""
    keep_products(context, rows)
    pairs = [(row.channel, row.id) for row in rows]
    loaded = [found or [] for found in load_in_channels(context, "variants", pairs, products.list_variants)]
    if len(context.languages) > 1:
        foretell(context, (variant.id for variants in loaded for variant in variants))
    return loaded


def load_media(context: ShopContext, rows: Sequence[ProductRow]) -> list[list[MediaRow]]:
    """Return the media of each product."""
    found = context.load("media", [row.id for row in rows], products.list_media)
    return [found[row.id] or [] for row in rows]


def load_product_attributes(context: ShopContext, rows: Sequence[ProductRow]) -> list[list[Assignment]]:
    """Return the attributes of each product."""
    pairs = [(row.channel, row.id) for row in rows]
    read = attributes.list_product_attributes
    return _foretold(context, [found or [] for found in load_in_channels(context, "product attributes", pairs, read)])


def load_variant_attributes(context: ShopContext, rows: Sequence[VariantRow]) -> list[list[Assignment]]:
    """Return the attributes of each variant."""
    pairs = [(row.channel, row.id) for row in rows]
    read = partial(attributes.list_variant_attributes, product_ids={row.product_id for row in rows})
    return _foretold(context, [found or [] for found in load_in_channels(context, "variant attributes", pairs, read)])


def _foretold(context: ShopContext, loaded: list[list[Assignment]]) -> list[list[Assignment]]:
    """Return attributes of objects, their words and those of their values foretold."""
    if len(context.languages) > 1:
        held = [assignment for assignments in loaded for assignment in assignments]
        foretell(context, (assignment.attribute.id for assignment in held))
        foretell(context, (value.id for assignment in held for value in assignment.values))
    return loaded


def rich_text(text: str | None) -> Any:
    """Return EditorJS that the database gave as JSON text, or None where there is none."""
    return orjson.loads(text) or None if text else None
