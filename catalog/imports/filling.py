"""The sheets of a batch: what each table should hold of its products."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import models

from catalog.imports.drafts import Market
from catalog.imports.identities import KnownProduct, KnownVariant
from catalog.imports.mapping import Mapping
from catalog.imports.references import References
from catalog.imports.sheets import Sheet, execute
from catalog.models import (
    CollectionProduct,
    Media,
    Product,
    ProductPublication,
    Stock,
    Translation,
    Variant,
    VariantPrice,
)
from commerce.db.models import new_id

# Marks the pictures that an import put there, so that it never removes a merchant's own.
MEDIA_MARK = "import:"


@dataclass(slots=True)
class Batch:
    """The products of one transaction, and what is needed to write them."""

    mapping: Mapping
    references: References
    markets: dict[str, Market]
    published_in: Sequence[Market]
    products: list[KnownProduct]
    now: datetime

    @property
    def variants(self) -> Iterator[tuple[KnownProduct, KnownVariant]]:
        return ((product, variant) for product in self.products for variant in product.variants)

    @property
    def existing(self) -> list[UUID]:
        """The products that the shop has already."""
        return [product.id for product in self.products if not product.is_new]


def product_sheet(batch: Batch) -> Sheet:
    mapping = batch.mapping
    columns = ["product_type_id", *(name for name in mapping.product_texts if name != "slug")]
    columns += ["slug"] if "slug" in mapping.product_texts else []
    columns += ["category_id"] if mapping.category else []
    columns += ["weight_grams"] if mapping.product_weight else []
    columns += ["rating"] if mapping.rating else []
    merged = _merged(columns, list(mapping.product_metadata))
    once = [] if "slug" in columns else ["slug"]
    sheet = Sheet(Product, keys=["id"], columns=columns, once=once, merged=merged)
    for product in batch.products:
        draft = product.draft
        values = {**draft.columns, "slug": product.slug, "metadata": draft.metadata}
        sheet.add(id=product.id, **_filled(Product, sheet, values))
    return sheet


def publication_sheet(batch: Batch) -> Sheet:
    mapping = batch.mapping
    columns = ["is_published"] if mapping.is_published else []
    columns += ["published_at"] if mapping.published_at else []
    sheet = Sheet(ProductPublication, keys=["product_id", "channel_id"], columns=columns, once=["id"])
    for product in batch.products:
        for market in batch.published_in:
            sheet.add(id=new_id(), product_id=product.id, channel_id=market.id, **product.draft.publication)
    return sheet


def variant_sheet(batch: Batch) -> Sheet:
    mapping = batch.mapping
    columns = list(mapping.variant_texts)
    columns += ["gtin"] if mapping.gtin else []
    columns += ["weight_grams"] if mapping.variant_weight else []
    columns += ["track_inventory"] if mapping.track_inventory else []
    columns += ["quantity_limit_per_customer"] if mapping.quantity_limit else []
    merged = _merged(columns, list(mapping.variant_metadata))
    sheet = Sheet(Variant, keys=["id"], columns=columns, once=["product_id", "position"], merged=merged)
    for product, variant in batch.variants:
        values = {**variant.draft.columns, "sku": variant.sku, "metadata": variant.draft.metadata}
        own = {"product_id": product.id, "position": variant.position}
        sheet.add(id=variant.id, **_filled(Variant, sheet, {**values, **own}))
    return sheet


def price_sheet(batch: Batch) -> Sheet:
    rules = batch.mapping.prices
    columns = ["price", "currency"]
    columns += ["cost"] if any(rule.cost for rule in rules) else []
    columns += ["prior_price"] if any(rule.prior for rule in rules) else []
    keys = ["variant_id", "channel_id"]
    sheet = Sheet(VariantPrice, keys=keys, columns=columns, once=["id"], beside={"product_id": "uuid"})
    for product, variant in batch.variants:
        for slug, price in variant.draft.prices.items():
            market = batch.markets[slug]
            if price is not None:
                sheet.add(
                    id=new_id(),
                    product_id=product.id,
                    variant_id=variant.id,
                    channel_id=market.id,
                    currency=market.currency,
                    price=price.price,
                    cost=price.cost,
                    prior_price=price.prior_price,
                )
    return sheet


def stock_sheet(batch: Batch) -> Sheet:
    keys = ["variant_id", "warehouse_id"]
    sheet = Sheet(Stock, keys=keys, columns=["on_hand"], once=["id"], beside={"product_id": "uuid"})
    for product, variant in batch.variants:
        for slug, pieces in variant.draft.stock.items():
            sheet.add(
                id=new_id(),
                product_id=product.id,
                variant_id=variant.id,
                warehouse_id=batch.references.warehouse(slug, batch.now),
                on_hand=pieces,
            )
    return sheet


def media_sheet(batch: Batch) -> Sheet:
    columns = ["url", "position", *(["alt"] if batch.mapping.media_alt else [])]
    sheet = Sheet(Media, keys=["id"], columns=columns, once=["product_id", "external_reference"])
    if not batch.mapping.media:
        return sheet
    found = execute(_MEDIA_IDS, [batch.existing, MEDIA_MARK]) if batch.existing else []
    ids = {(product_id, mark): id_ for product_id, mark, id_ in found}
    for product in batch.products:
        for position, url in enumerate(product.draft.media):
            mark = MEDIA_MARK + hashlib.sha256(url.encode()).hexdigest()[:24]
            sheet.add(
                id=ids.get((product.id, mark)) or new_id(),
                product_id=product.id,
                external_reference=mark,
                url=url,
                position=position,
                alt=product.draft.media_alt,
            )
    return sheet


_MEDIA_IDS = """
SELECT product_id, external_reference, id FROM catalog_media
WHERE product_id = ANY(%s) AND starts_with(external_reference, %s)
"""


def translation_sheets(batch: Batch) -> list[Sheet]:
    """Return a sheet per language of the mapping, for products that have words in it."""
    sheets = []
    for number, (language, texts) in enumerate(batch.mapping.translations.items()):
        keys, once = ["object_id", "language"], ["id", "object_kind"]
        sheet = Sheet(Translation, keys=keys, columns=list(texts), once=once, label=f"_{number}")
        for product in batch.products:
            words = product.draft.translations.get(language, {})
            if any(words.values()):
                own = {"id": new_id(), "object_kind": "Product", "object_id": product.id, "language": language}
                sheet.add(**_filled(Translation, sheet, {**words, **own}))
        sheets.append(sheet)
    return sheets


def collection_sheet(batch: Batch) -> Sheet:
    sheet = Sheet(CollectionProduct, keys=["collection_id", "product_id"], columns=[], once=["id", "position"])
    named = [(name, product.id) for product in batch.products for name in product.draft.collections]
    ids = {name: batch.references.collection(name, batch.now) for name, _ in named}
    last = dict(execute(_LAST_POSITIONS, [list(set(ids.values()))])) if ids else {}
    for name, product_id in named:
        collection_id = ids[name]
        last[collection_id] = last.get(collection_id, -1) + 1
        sheet.add(id=new_id(), collection_id=collection_id, product_id=product_id, position=last[collection_id])
    return sheet


_LAST_POSITIONS = """
SELECT collection_id, max(position) FROM catalog_collectionproduct WHERE collection_id = ANY(%s) GROUP BY collection_id
"""


def _merged(columns: list[str], keys: list[str]) -> dict[str, list[str]]:
    """Let the sheet have the metadata when the mapping names some of it."""
    if not keys:
        return {}
    columns.append("metadata")
    return {"metadata": keys}


def _filled(model: type[models.Model], sheet: Sheet, values: dict[str, Any]) -> dict[str, Any]:
    """Return the sheet's columns; nothing is "" where the model takes no NULL."""
    filled = {}
    for name in sheet.names:
        if name in values:
            value = values[name]
            is_empty_text = value is None and not model._meta.get_field(name).null
            filled[name] = "" if is_empty_text else value
    return filled
