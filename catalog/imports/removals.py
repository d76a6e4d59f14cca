"""What a product no longer has, of the parts that the mapping names."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from django.db import models

from catalog.imports.filling import MEDIA_MARK, Batch
from catalog.imports.sheets import Written, execute, returning, written
from catalog.models import CollectionProduct, Media, Translation, VariantPrice
from commerce.db.models import TenantModel


@dataclass(frozen=True, slots=True)
class Removal:
    """Rows of one table that go: `rows` are their product and their key."""

    model: type[models.Model]
    key: tuple[str, ...]
    rows: list[tuple[UUID, ...]]

    @property
    def products(self) -> set[UUID]:
        return {row[0] for row in self.rows}

    def delete(self) -> list[Written]:
        """Delete the rows, and return those that are objects with the version after their last."""
        if not self.rows:
            return []
        names = ", ".join(self.key)
        match = " AND ".join(f"t.{name} = x.{name}" for name in self.key)
        has_id = issubclass(self.model, TenantModel)
        sql = (
            f"DELETE FROM {self.model._meta.db_table} t USING unnest({', '.join(['%s::uuid[]'] * len(self.key))}) "
            f"AS x({names}) WHERE {match} {returning(self.model, 't') if has_id else ''}"
        )
        found = execute(sql, [list(column) for column in list(zip(*self.rows, strict=True))[1:]])
        last = written(self.model, found) if has_id else []
        return [Written(row.id, row.version + 1, row.facts) for row in last]


def find_removals(batch: Batch) -> Iterator[Removal]:
    """Yield what the existing products of a batch lose, values apart; the sheets are filled and not pruned."""
    existing = batch.existing
    if not existing:
        return
    mapping = batch.mapping
    if mapping.media:
        yield Removal(Media, ("id",), execute(_MEDIA, [existing, MEDIA_MARK]))
    if mapping.collections is not None and mapping.collections.replace:
        yield Removal(CollectionProduct, ("id",), execute(_COLLECTIONS, [existing]))
    for number, language in enumerate(mapping.translations):
        yield Removal(Translation, ("id",), execute(_TRANSLATIONS.format(number=number), [existing, language]))
    priceless = [
        (variant.id, batch.markets[slug].id)
        for _, variant in batch.variants
        if not variant.is_new
        for slug, price in variant.draft.prices.items()
        if price is None
    ]
    if priceless:
        variants, channels = zip(*priceless, strict=True)
        yield Removal(VariantPrice, ("id",), execute(_PRICES, [list(variants), list(channels)]))


_MEDIA = """
SELECT t.product_id, t.id FROM catalog_media t
WHERE t.product_id = ANY(%s) AND starts_with(t.external_reference, %s) AND NOT EXISTS (
  SELECT FROM import_media s WHERE s.id = t.id)
"""
_COLLECTIONS = """
SELECT t.product_id, t.id FROM catalog_collectionproduct t WHERE t.product_id = ANY(%s) AND NOT EXISTS (
  SELECT FROM import_collectionproduct s WHERE s.product_id = t.product_id AND s.collection_id = t.collection_id)
"""
_TRANSLATIONS = """
SELECT t.object_id, t.id FROM catalog_translation t
WHERE t.object_id = ANY(%s) AND t.language = %s AND NOT EXISTS (
  SELECT FROM import_translation_{number} s WHERE s.object_id = t.object_id)
"""
_PRICES = """
SELECT v.product_id, t.id FROM catalog_variantprice t
JOIN unnest(%s::uuid[], %s::uuid[]) AS x(variant_id, channel_id)
  ON x.variant_id = t.variant_id AND x.channel_id = t.channel_id
JOIN catalog_variant v ON v.id = t.variant_id
"""
