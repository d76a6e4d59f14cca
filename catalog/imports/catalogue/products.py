"""Lines of products, many in one transaction: read, identified, laid on sheets, compared, written."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from catalog.exports import shapes
from catalog.exports.shapes import Shape, told
from catalog.imports.catalogue.lines import Cells, Refused, read_columns, read_list, read_name, read_values, read_words
from catalog.imports.catalogue.names import Names
from catalog.imports.events import publish
from catalog.imports.removals import Removal
from catalog.imports.sheets import Sheet, by_index, execute, touch
from catalog.models import (
    Attribute,
    Collection,
    CollectionProduct,
    Media,
    Product,
    ProductPublication,
    ProductValue,
    Stock,
    Translation,
    Variant,
    VariantMedia,
    VariantPrice,
    VariantValue,
)
from catalog.operations import refresh_products
from catalog.search import following
from commerce.db.models import new_id
from commerce.db.topics import about_objects

Words = dict[str, dict[str, Any]]
Value = tuple[str, UUID, str, int]  # place in the line, attribute, slug, position


@dataclass(slots=True)
class VariantLine:
    """A variant of a line; `id` is found or made later."""

    columns: dict[str, Any]
    prices: list[dict[str, Any]]
    stock: list[dict[str, Any]]
    values: list[Value]
    media: list[int]
    words: Words
    id: UUID = field(default_factory=new_id)


@dataclass(slots=True)
class ProductLine:
    """A line as its rows; `number` is its place in the batch."""

    number: int
    columns: dict[str, Any]
    publications: list[dict[str, Any]]
    collections: list[dict[str, Any]]
    values: list[Value]
    media: list[tuple[dict[str, Any], Words]]
    variants: list[VariantLine]
    words: Words
    id: UUID = field(default_factory=new_id)
    is_new: bool = True
    media_ids: list[UUID] = field(default_factory=list)


def read_product(cells: Cells, number: int, names: Names) -> ProductLine:
    """Return a line's product. Raises Refused."""
    columns = {**read_columns(shapes.PRODUCT, cells, also=("object",)), **_references(shapes.PRODUCT, cells, "", names)}
    media = [
        (read_columns(shapes.MEDIA, item, f"{place}."), read_words(shapes.MEDIA, item, f"{place}."))
        for place, item in read_list(cells, "media")
    ]
    for place, (picture, _) in enumerate(media):
        if bool(picture["url"]) == bool(picture["file"]):
            raise Refused(f"media[{place}]", "has either a url or a file.")
    return ProductLine(
        number,
        columns,
        _rows(shapes.PUBLICATIONS, cells, "", names),
        _rows(shapes.COLLECTED, cells, "", names),
        _values(cells, "", names),
        media,
        [_variant(item, f"{place}.", len(media), names) for place, item in read_list(cells, "variants")],
        read_words(shapes.PRODUCT, cells),
    )


def _variant(item: Any, place: str, pictures: int, names: Names) -> VariantLine:
    columns = read_columns(shapes.VARIANT, item, place, also=("media",))
    media = [number for _, number in read_list(item, "media", place)]
    if any(type(number) is not int or not 0 <= number < pictures for number in media):
        raise Refused(f"{place}media", "counts the product's media from 0.")
    prices = _rows(shapes.PRICES, item, place, names)
    for number, (price, (_, told_price)) in enumerate(zip(prices, read_list(item, "prices", place), strict=True)):
        currency = names.currencies[told_price["channel"]]
        if price["currency"] != currency:
            raise Refused(
                f"{place}prices[{number}].currency", f"is {price['currency']!r}; the channel's is {currency}."
            )
        if price["price"] < 0:
            raise Refused(f"{place}prices[{number}].price", "is below 0.")
    return VariantLine(
        columns,
        prices,
        _rows(shapes.STOCK, item, place, names),
        _values(item, place, names),
        media,
        read_words(shapes.VARIANT, item, place),
    )


def _references(shape: Shape, cells: Cells, place: str, names: Names) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for column, model in shape.references.items():
        name = told(column)
        found[column] = names.find(model, read_name(cells, name, place), place + name)
        if found[column] is None and not shape.model._meta.get_field(name).null:
            raise Refused(place + name, "is missing.")
    return found


def _rows(part: Shape, cells: Cells, place: str, names: Names) -> list[dict[str, Any]]:
    rows = []
    seen: set[Any] = set()
    for inner, item in read_list(cells, part.name, place):
        row = {**read_columns(part, item, f"{inner}."), **_references(part, item, f"{inner}.", names)}
        key = row[part.key[0]]
        if key in seen:
            raise Refused(inner, "stands twice.")
        seen.add(key)
        rows.append(row)
    return rows


def _values(cells: Cells, place: str, names: Names) -> list[Value]:
    found = []
    for inner, slug, value, position in read_values(cells, place):
        attribute = names.find(Attribute, slug, inner)
        if attribute is not None:
            found.append((inner, attribute, value, position))
    return found


@dataclass(slots=True)
class Outcome:
    """How many products were created, changed and left; and why lines were refused, by their place in the batch."""

    created: int = 0
    changed: int = 0
    left: int = 0
    refused: dict[int, Refused] = field(default_factory=dict)


def write_products(lines: Sequence[ProductLine], names: Names, *, now: datetime, actor: str) -> Outcome:
    """Bring products to what their lines say, in the caller's scope."""
    outcome = Outcome()
    _identify(lines)
    _find_media(lines)
    _refuse(lines, names, outcome)
    sound = [line for line in lines if line.number not in outcome.refused]
    batch = _Batch(sound, names)
    short = _lock_stock(batch, outcome)
    if short:
        batch = _Batch([line for line in sound if line.number not in short], names)
    touched = batch.write(now, actor)
    for line in batch.lines:
        if line.is_new:
            outcome.created += 1
        elif line.id in touched:
            outcome.changed += 1
        else:
            outcome.left += 1
    return outcome


def _identify(lines: Sequence[ProductLine]) -> None:
    """Find the products and variants that the shop has: products by slug, variants by SKU, reference, then place."""
    slugs = [line.columns["slug"] for line in lines]
    known = dict(execute("SELECT slug, id FROM catalog_product WHERE slug = ANY(%s)", [slugs]))
    held: dict[UUID, list[Any]] = defaultdict(list)
    if known:
        for product_id, *row in execute(_VARIANTS, [list(known.values())]):
            held[product_id].append(row)
    for line in lines:
        line.is_new = line.columns["slug"] not in known
        line.id = known.get(line.columns["slug"], line.id)
        own = held.get(line.id, [])
        used: set[UUID] = set()
        for variant in line.variants:
            found = next((row for row in own if row[0] not in used and _is_same(variant, row)), None)
            if found is not None:
                variant.id = found[0]
                used.add(found[0])


_VARIANTS = """
SELECT product_id, id, sku, external_reference FROM catalog_variant
WHERE product_id = ANY(%s) ORDER BY product_id, position, id
"""


def _is_same(variant: VariantLine, row: Any) -> bool:
    """Say whether a line's variant is this one; those without any name of their own go by their place."""
    sku, reference = variant.columns["sku"], variant.columns["external_reference"]
    if sku or row[1]:
        return bool(sku == row[1])
    return bool(reference == row[2])


def _find_media(lines: Sequence[ProductLine]) -> None:
    """Find the pictures that the shop has, by address or file and their turn among equal ones."""
    held: dict[tuple[UUID, str, str], list[UUID]] = defaultdict(list)
    existing = [line.id for line in lines if not line.is_new]
    rows = (
        Media.objects.filter(product_id__in=existing).order_by("position", "id") if existing else Media.objects.none()
    )
    for product_id, url, file, id_ in rows.values_list("product_id", "url", "file", "id"):
        held[product_id, url, file].append(id_)
    for line in lines:
        for picture, _ in line.media:
            found = held[line.id, picture["url"], picture["file"]]
            line.media_ids.append(found.pop(0) if found else new_id())


def _refuse(lines: Sequence[ProductLine], names: Names, outcome: Outcome) -> None:
    """Refuse lines that name a value that there is not, or a SKU that is another variant's."""
    known = names.load_values((attribute, slug) for line in lines for _, attribute, slug, _ in _values_of(line))
    skus = [v.columns["sku"] for line in lines for v in line.variants if v.columns["sku"]]
    owners = {sku: (id_, slug) for sku, id_, slug in execute(_SKUS, [skus])} if skus else {}
    for line in lines:
        for place, attribute, slug, _ in _values_of(line):
            if (attribute, slug) not in known:
                reason = f"There is no value {slug!r} of it. The line of it must stand before this one."
                outcome.refused[line.number] = Refused(place, reason)
        for number, variant in enumerate(line.variants):
            sku = variant.columns["sku"]
            owner, product = owners.setdefault(sku, (variant.id, line.columns["slug"])) if sku else (variant.id, "")
            if owner != variant.id:
                reason = f"is {sku!r}, which is that of the product {product!r}."
                outcome.refused[line.number] = Refused(f"variants[{number}].sku", reason)


_SKUS = """
SELECT v.sku, v.id, p.slug FROM catalog_variant v JOIN catalog_product p ON p.id = v.product_id WHERE v.sku = ANY(%s)
"""


def _values_of(line: ProductLine) -> list[Value]:
    return [*line.values, *(value for variant in line.variants for value in variant.values)]


class _Batch:
    """The sheets of some products, and what they lose."""

    def __init__(self, lines: Sequence[ProductLine], names: Names) -> None:
        self.lines = lines
        self.existing = [line.id for line in lines if not line.is_new]
        self.value_ids = names.load_values((a, slug) for line in lines for _, a, slug, _ in _values_of(line))
        product = {"product_id": "uuid"}
        self.products = _sheet(shapes.PRODUCT, Product, ["id"])
        self.publications = _sheet(shapes.PUBLICATIONS, ProductPublication, ["product_id", "channel_id"], ["id"])
        self.collected = _sheet(shapes.COLLECTED, CollectionProduct, ["collection_id", "product_id"], ["id"])
        self.media = _sheet(shapes.MEDIA, Media, ["id"], ["product_id"])
        self.variants = _sheet(shapes.VARIANT, Variant, ["id"], ["product_id"])
        self.prices = _sheet(shapes.PRICES, VariantPrice, ["variant_id", "channel_id"], ["id"], product)
        self.stock = _sheet(shapes.STOCK, Stock, ["variant_id", "warehouse_id"], ["id"], product)
        self.shown = Sheet(VariantMedia, keys=["variant_id", "media_id"], columns=[], beside=product)
        self.values = Sheet(ProductValue, keys=["product_id", "value_id"], columns=["position"])
        keys = ["variant_id", "value_id"]
        self.variant_values = Sheet(VariantValue, keys=keys, columns=["position"], once=["product_id"])
        texts = [f.attname for f in shapes.TRANSLATED if f.attname != "language"]
        keys, once = ["object_id", "language"], ["id", "object_kind"]
        self.words = Sheet(Translation, keys=keys, columns=texts, once=once, beside=product)
        for line in lines:
            self._add(line)

    def _add(self, line: ProductLine) -> None:
        own = {"product_id": line.id}
        self.products.add(id=line.id, **line.columns)
        for row in line.publications:
            self.publications.add(id=new_id(), **own, **row)
        for row in line.collections:
            self.collected.add(id=new_id(), **own, **row)
        for id_, (row, words) in zip(line.media_ids, line.media, strict=True):
            self.media.add(id=id_, **own, **row)
            self._add_words(line, id_, words)
        for _, attribute, slug, position in line.values:
            self.values.add(**own, value_id=self.value_ids[attribute, slug], position=position)
        self._add_words(line, line.id, line.words)
        for variant in line.variants:
            self.variants.add(id=variant.id, **own, **variant.columns)
            for row in variant.prices:
                self.prices.add(id=new_id(), variant_id=variant.id, **own, **row)
            for row in variant.stock:
                self.stock.add(id=new_id(), variant_id=variant.id, **own, **row)
            for number in sorted(set(variant.media)):
                self.shown.add(variant_id=variant.id, media_id=line.media_ids[number], **own)
            for _, attribute, slug, position in variant.values:
                value_id = self.value_ids[attribute, slug]
                self.variant_values.add(variant_id=variant.id, value_id=value_id, **own, position=position)
            self._add_words(line, variant.id, variant.words)

    def _add_words(self, line: ProductLine, object_id: UUID, words: Words) -> None:
        for texts in words.values():
            self.words.add(id=new_id(), object_id=object_id, product_id=line.id, **texts)

    def write(self, now: datetime, actor: str) -> set[UUID]:
        """Write what differs with its events, listings and search documents, and return the products touched."""
        sheets = self._sheets()
        for sheet, _ in sheets:
            sheet.fill()
        removals = list(self._removals())
        if self.existing:
            with by_index():
                for sheet, _ in sheets:
                    sheet.prune()
        touched = {product for sheet, column in sheets for product in sheet.left(column)}
        touched.update(*(removal.products for removal in removals))
        if not touched:
            return touched
        held = {
            id_: (on_hand, reserved)
            for id_, on_hand, reserved in execute(_HELD_STOCK if self.stock.rows else "SELECT 1 WHERE false")
        }
        execute("SELECT FROM catalog_product WHERE id = ANY(%s) ORDER BY id FOR UPDATE", [sorted(touched)])
        products, variants, collections = self._changed_parts(removals)
        told_of = {
            "product": touched,
            "translation": [
                *self.words.left("object_id"),
                *(row[2] for r in removals if r.model is Translation for row in r.rows),
            ],
            "collection": collections,
            "quantity": self.stock.left("variant_id"),
        }
        with about_objects(told_of):
            gone = [(removal.model, removal.delete()) for removal in removals]
            new = []
            for sheet, changed in ((self.products, products), (self.variants, variants)):
                rows = sheet.write(now=now)
                more = changed.difference(row.id for row in rows)
                new.append((sheet.model, [*rows, *touch(sheet.model, more, now)]))
            parts = (self.media, self.prices, self.stock, self.words)
            new += [(sheet.model, sheet.write(now=now)) for sheet in parts]
            for sheet in (self.publications, self.collected, self.shown, self.values, self.variant_values):
                sheet.write(now=now)
            new.append((Collection, touch(Collection, collections, now)))
        publish(new, gone, held, actor)
        refresh_products(touched, now=now)
        following.follow_products(touched)
        return touched

    def _sheets(self) -> list[tuple[Sheet, str]]:
        """Return each sheet with the column that tells the product."""
        parts = (
            self.publications, self.collected, self.media, self.variants, self.prices, self.stock,
            self.shown, self.values, self.variant_values, self.words,
        )  # fmt: skip
        return [(self.products, "id"), *((sheet, "product_id") for sheet in parts)]

    def _changed_parts(self, removals: Sequence[Removal]) -> tuple[set[UUID], set[UUID], set[UUID]]:
        """Return the products, variants and collections of which parts change that are no objects themselves."""
        lost = {removal.model: removal.rows for removal in removals}
        products = {*self.publications.left("product_id"), *self.values.left("product_id")}
        products.update(row[0] for model in (ProductPublication, ProductValue) for row in lost.get(model, []))
        variants = {*self.shown.left("variant_id"), *self.variant_values.left("variant_id")}
        variants.update(row[1] for model in (VariantMedia, VariantValue) for row in lost.get(model, []))
        collections = {*self.collected.left("collection_id"), *(row[2] for row in lost.get(CollectionProduct, []))}
        return products, variants, collections

    def _removals(self) -> Iterator[Removal]:
        """Yield what existing products have beyond their lines; stock, and variants that no line names, stay."""
        if not self.existing:
            return
        variants = [variant.id for line in self.lines if not line.is_new for variant in line.variants]
        media = [id_ for line in self.lines for id_ in line.media_ids]
        for model, sql, ids in (
            (ProductPublication, _GONE_PUBLICATIONS, [self.existing]),
            (CollectionProduct, _GONE_COLLECTED, [self.existing]),
            (ProductValue, _GONE_VALUES, [self.existing, list(shapes.REFERENCE_TYPES)]),
            (VariantValue, _GONE_VARIANT_VALUES, [variants, list(shapes.REFERENCE_TYPES)]),
            (VariantMedia, _GONE_SHOWN, [variants]),
            (VariantPrice, _GONE_PRICES, [variants]),
            (Translation, _GONE_WORDS, [[*self.existing, *variants, *media]]),
            (Media, _GONE_MEDIA, [self.existing]),
        ):
            rows = execute(sql, ids)
            if rows:
                yield Removal(model, _REMOVED_BY[model], self._with_products(model, rows))

    def _with_products(self, model: Any, rows: list[Any]) -> list[tuple[UUID, ...]]:
        if model is not Translation:
            return rows
        products = {v.id: line.id for line in self.lines for v in line.variants}
        products.update({id_: line.id for line in self.lines for id_ in line.media_ids})
        return [(products.get(object_id, object_id), id_, object_id) for object_id, id_ in rows]


# `Removal` deletes by as many columns as a row has beyond its product.
_REMOVED_BY: dict[Any, tuple[str, ...]] = {
    ProductPublication: ("id",),
    CollectionProduct: ("id", "collection_id"),
    ProductValue: ("product_id", "value_id"),
    VariantValue: ("variant_id", "value_id"),
    VariantMedia: ("variant_id", "media_id"),
    VariantPrice: ("id",),
    Translation: ("id", "object_id"),
    Media: ("id",),
}
_GONE_PUBLICATIONS = """
SELECT t.product_id, t.id FROM catalog_productpublication t WHERE t.product_id = ANY(%s) AND NOT EXISTS (
  SELECT FROM import_productpublication s WHERE s.product_id = t.product_id AND s.channel_id = t.channel_id)
"""
_GONE_COLLECTED = """
SELECT t.product_id, t.id, t.collection_id FROM catalog_collectionproduct t
WHERE t.product_id = ANY(%s) AND NOT EXISTS (
  SELECT FROM import_collectionproduct s WHERE s.product_id = t.product_id AND s.collection_id = t.collection_id)
"""
_GONE_VALUES = """
SELECT t.product_id, t.product_id, t.value_id FROM catalog_productvalue t
JOIN catalog_attributevalue v ON v.id = t.value_id JOIN catalog_attribute a ON a.id = v.attribute_id
WHERE t.product_id = ANY(%s) AND NOT a.input_type = ANY(%s) AND NOT EXISTS (
  SELECT FROM import_productvalue s WHERE s.product_id = t.product_id AND s.value_id = t.value_id)
"""
_GONE_VARIANT_VALUES = """
SELECT t.product_id, t.variant_id, t.value_id FROM catalog_variantvalue t
JOIN catalog_attributevalue v ON v.id = t.value_id JOIN catalog_attribute a ON a.id = v.attribute_id
WHERE t.variant_id = ANY(%s) AND NOT a.input_type = ANY(%s) AND NOT EXISTS (
  SELECT FROM import_variantvalue s WHERE s.variant_id = t.variant_id AND s.value_id = t.value_id)
"""
_GONE_SHOWN = """
SELECT v.product_id, t.variant_id, t.media_id FROM catalog_variantmedia t JOIN catalog_variant v ON v.id = t.variant_id
WHERE t.variant_id = ANY(%s) AND NOT EXISTS (
  SELECT FROM import_variantmedia s WHERE s.variant_id = t.variant_id AND s.media_id = t.media_id)
"""
_GONE_PRICES = """
SELECT v.product_id, t.id FROM catalog_variantprice t JOIN catalog_variant v ON v.id = t.variant_id
WHERE t.variant_id = ANY(%s) AND NOT EXISTS (
  SELECT FROM import_variantprice s WHERE s.variant_id = t.variant_id AND s.channel_id = t.channel_id)
"""
_GONE_WORDS = """
SELECT t.object_id, t.id FROM catalog_translation t WHERE t.object_id = ANY(%s) AND NOT EXISTS (
  SELECT FROM import_translation s WHERE s.object_id = t.object_id AND s.language = t.language)
"""
_GONE_MEDIA = """
SELECT t.product_id, t.id FROM catalog_media t WHERE t.product_id = ANY(%s) AND NOT EXISTS (
  SELECT FROM import_media s WHERE s.id = t.id)
"""
_HELD_STOCK = """
SELECT t.id, t.on_hand, t.reserved FROM catalog_stock t
JOIN import_stock s ON s.variant_id = t.variant_id AND s.warehouse_id = t.warehouse_id ORDER BY t.id FOR UPDATE OF t
"""
_RESERVED = """
SELECT variant_id, warehouse_id, reserved FROM catalog_stock WHERE variant_id = ANY(%s) AND reserved > 0
ORDER BY id FOR UPDATE
"""


def _lock_stock(batch: _Batch, outcome: Outcome) -> set[int]:
    """Lock what is reserved of existing variants, and return the lines that would leave fewer pieces than that."""
    lines = [line for line in batch.lines if not line.is_new]
    ids = [variant.id for line in lines for variant in line.variants]
    rows = execute(_RESERVED, [ids]) if ids else []
    reserved = {(variant_id, warehouse_id): pieces for variant_id, warehouse_id, pieces in rows}
    for line in lines:
        for place, variant in enumerate(line.variants):
            for number, row in enumerate(variant.stock):
                least = reserved.get((variant.id, row["warehouse_id"]), 0)
                if row["on_hand"] < least:
                    column = f"variants[{place}].stock[{number}].on_hand"
                    reason = f"{row['on_hand']} pieces are fewer than the {least} that are reserved."
                    outcome.refused[line.number] = Refused(column, reason)
    return set(outcome.refused)


def _sheet(
    shape: Shape, model: Any, keys: list[str], once: Sequence[str] = (), beside: dict[str, str] | None = None
) -> Sheet:
    columns = [*(f.attname for f in shape.columns), *(c for c in shape.references if c not in keys)]
    return Sheet(model, keys=keys, columns=columns, once=list(once), beside=beside or {})
