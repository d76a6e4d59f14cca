"""A whole catalogue as lines: objects in the order of their names, so that equal catalogues make equal files.

Everything is read in the caller's scope, which must be a reading one: its transaction is the snapshot. Products and
values come in pages; of the rest, names alone stay in memory.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

from django.db import models

from catalog.exports import shapes
from catalog.exports.shapes import Shape, told
from catalog.models import (
    Attribute,
    AttributeValue,
    Category,
    Collection,
    Media,
    Menu,
    MenuItem,
    Page,
    PageValue,
    Product,
    ProductValue,
    Translation,
    Variant,
    VariantMedia,
    VariantValue,
)
from tenants import queries as tenants

Line = dict[str, Any]
# Objects of a page: a product of ten variants takes some 30 kB.
PAGE = 500


def lines() -> Iterator[Line]:
    """Yield the lines of the scope's tenant's catalogue."""
    names = _Names()
    yield {"object": shapes.HEADER, "version": shapes.VERSION, "channels": names.currencies}
    for shape in shapes.SHAPES:
        yield from _WRITERS.get(shape.name, _plain_lines)(shape, names)
    yield from _references(names)


def count() -> int:
    """Return about how many lines there are: uses of references apart."""
    values = AttributeValue.objects.exclude(attribute__input_type__in=shapes.REFERENCE_TYPES)
    others = sum(s.model._default_manager.count() for s in shapes.SHAPES if s.model is not AttributeValue)
    return 1 + values.count() + others


def batched(rows: Sequence[Any], size: int) -> Iterator[Any]:
    """Yield slices of this size, and the rest."""
    return (rows[start : start + size] for start in range(0, len(rows), size))


class _Names:
    """Slugs by id, of all that is referred to and few."""

    def __init__(self) -> None:
        channels = tenants.list_channels()
        self.currencies = {channel.slug: channel.currency for channel in channels}
        self._slugs: dict[Any, dict[UUID, str]] = {shapes.CHANNEL: {channel.id: channel.slug for channel in channels}}
        referring = Attribute.objects.filter(input_type__in=shapes.REFERENCE_TYPES)
        self.references = set(referring.values_list("id", flat=True))

    def of(self, model: Any, id_: UUID | None) -> str | None:
        """Return the slug of an object."""
        if id_ is None:
            return None
        if model not in self._slugs:
            self._slugs[model] = dict(model._default_manager.values_list("id", "slug"))
        return self._slugs[model][id_]


def _plain_lines(shape: Shape, names: _Names) -> Iterator[Line]:
    """Yield the lines of a model with few objects."""
    order = ("level", "slug") if shape.model is Category else ("slug",)
    for page in _pages(shape.model._default_manager.all(), order):
        ids = [one.pk for one in page]
        words = _translations(shape, ids)
        parts = {part.name: _parts(part, ids, names) for part in shape.parts}
        for one in page:
            line = {"object": shape.name, **_columns(shape, one, names)}
            line.update({name: rows.get(one.id, []) for name, rows in parts.items()})
            yield {**line, **words(one.id)}


def _value_lines(shape: Shape, names: _Names) -> Iterator[Line]:
    for attribute_id, slug in Attribute.objects.order_by("slug").values_list("id", "slug"):
        if attribute_id in names.references:
            continue
        for page in _pages(AttributeValue.objects.filter(attribute_id=attribute_id), ("slug",)):
            words = _translations(shape, [one.id for one in page])
            for one in page:
                yield {"object": shape.name, "attribute": slug, **_columns(shape, one, names), **words(one.id)}


def _page_lines(shape: Shape, names: _Names) -> Iterator[Line]:
    for page in _pages(Page.objects.all(), ("slug",)):
        ids = [one.id for one in page]
        words, values = _translations(shape, ids), _values(PageValue, "page", ids, names)
        for one in page:
            line = {"object": shape.name, **_columns(shape, one, names), "values": values.get(one.id, [])}
            yield {**line, **words(one.id)}


def _menu_lines(shape: Shape, names: _Names) -> Iterator[Line]:
    for menu in Menu.objects.order_by("slug"):
        items = list(MenuItem.objects.filter(menu_id=menu.id).order_by("level", "position", "id"))
        words = _translations(shapes.ITEM, [item.id for item in items])
        places = {item.id: place for place, item in enumerate(items)}
        told_items = [
            {
                **_columns(shapes.ITEM, item, names),
                "parent": places[item.parent_id] if item.parent_id else None,
                **words(item.id),
            }
            for item in items
        ]
        yield {"object": shape.name, **_columns(shape, menu, names), "items": told_items}


def _product_lines(shape: Shape, names: _Names) -> Iterator[Line]:
    for page in _pages(Product.objects.all(), ("slug",)):
        ids = [one.id for one in page]
        words = _translations(shape, ids)
        parts = {part.name: _parts(part, ids, names) for part in (shapes.PUBLICATIONS, shapes.COLLECTED)}
        values = _values(ProductValue, "product", ids, names)
        media, places = _media(ids, names)
        variants = _variants(ids, places, names)
        for one in page:
            line = {"object": shape.name, **_columns(shape, one, names), "values": values.get(one.id, [])}
            line.update({name: rows.get(one.id, []) for name, rows in parts.items()})
            yield {**line, "media": media.get(one.id, []), "variants": variants.get(one.id, []), **words(one.id)}


_WRITERS = {
    shapes.VALUE.name: _value_lines,
    shapes.PRODUCT.name: _product_lines,
    shapes.PAGE.name: _page_lines,
    shapes.MENU.name: _menu_lines,
}


def _media(product_ids: list[UUID], names: _Names) -> tuple[dict[UUID, list[Line]], dict[UUID, int]]:
    """Return the pictures by product, and the place of each among its product's."""
    rows = _in_order(Media.objects.filter(product_id__in=product_ids))
    words = _translations(shapes.MEDIA, [row.id for row in rows])
    found: dict[UUID, list[Line]] = defaultdict(list)
    places: dict[UUID, int] = {}
    for row in rows:
        places[row.id] = len(found[row.product_id])
        found[row.product_id].append({**_columns(shapes.MEDIA, row, names), **words(row.id)})
    return found, places


def _in_order(rows: Any) -> list[Any]:
    """Return parts of products in their order. PostgreSQL, asked for it, reads all of the shop's along an index."""
    return sorted(rows, key=lambda row: (row.product_id, row.position, row.id))


def _variants(product_ids: list[UUID], places: dict[UUID, int], names: _Names) -> dict[UUID, list[Line]]:
    rows = _in_order(Variant.objects.filter(product_id__in=product_ids))
    ids = [row.id for row in rows]
    words = _translations(shapes.VARIANT, ids)
    parts = {part.name: _parts(part, ids, names) for part in (shapes.PRICES, shapes.STOCK)}
    values = _values(VariantValue, "variant", ids, names)
    shown: dict[UUID, list[int]] = defaultdict(list)
    for variant_id, media_id in VariantMedia.objects.filter(variant_id__in=ids).values_list("variant_id", "media_id"):
        shown[variant_id].append(places[media_id])
    found: dict[UUID, list[Line]] = defaultdict(list)
    for row in rows:
        line = {**_columns(shapes.VARIANT, row, names), "values": values.get(row.id, [])}
        line.update({name: lines.get(row.id, []) for name, lines in parts.items()})
        found[row.product_id].append({**line, "media": sorted(shown.get(row.id, [])), **words(row.id)})
    return found


def _references(names: _Names) -> Iterator[Line]:
    """Yield a line for each use of a reference, as what it leads to may stand anywhere before."""
    for attribute_id, slug in Attribute.objects.order_by("slug").values_list("id", "slug"):
        if attribute_id in names.references:
            for page in _values_by_target(attribute_id):
                yield from _uses(slug, page)


def _values_by_target(attribute_id: UUID) -> Iterator[dict[UUID, Line]]:
    """Yield the values of an attribute with what they lead to, in the order of that, page by page."""
    rows = AttributeValue.objects.filter(attribute_id=attribute_id).exclude(reference_id=None)
    values = list(rows.values_list("id", "reference_kind", "reference_id"))
    found: list[tuple[UUID, Line]] = []
    for page in batched(values, PAGE):
        targets = _targets(page)
        found += [(id_, targets[target]) for id_, _, target in page if target in targets]
    found.sort(key=lambda pair: _place(pair[1]))
    yield from (dict(page) for page in batched(found, PAGE))


def _uses(attribute: str, values: dict[UUID, Line]) -> Iterator[Line]:
    found: list[tuple[str, UUID, Line, int]] = []
    for name, model in (("product", ProductValue), ("variant", VariantValue), ("page", PageValue)):
        rows = model._default_manager.filter(value_id__in=list(values))
        for owner_id, value_id, position in rows.values_list(f"{name}_id", "value_id", "position"):
            found.append((name, owner_id, values[value_id], position))
    owners = _owners(found)
    uses = [(owners[name, owner_id], target, position) for name, owner_id, target, position in found]
    for owner, target, position in sorted(uses, key=lambda use: (_place(use[1]), _place(use[0]))):
        line = {"attribute": attribute, "owner": owner, "target": target, "position": position}
        yield {"object": shapes.REFERENCE, **line}


def _place(line: Line) -> tuple[str, str, int]:
    return line["kind"], line["slug"], line.get("variant", 0)


def _owners(found: list[tuple[str, UUID, Line, int]]) -> dict[tuple[str, UUID], Line]:
    ids: dict[str, list[UUID]] = defaultdict(list)
    for name, owner_id, *_ in found:
        ids[name].append(owner_id)
    told_: dict[tuple[str, UUID], Line] = {}
    for name, model in (("product", Product), ("page", Page)):
        for id_, slug in model._default_manager.filter(id__in=ids[name]).values_list("id", "slug"):
            told_[name, id_] = {"kind": model.__name__, "slug": slug}
    told_.update({("variant", id_): line for id_, line in _told_variants(ids["variant"]).items()})
    return told_


def _targets(values: Iterable[tuple[UUID, str, UUID | None]]) -> dict[UUID, Line]:
    """Return how what these values lead to is told, of what is still there."""
    ids: dict[str, list[UUID]] = defaultdict(list)
    for _, kind, target in values:
        if target is not None:
            ids[kind].append(target)
    found: dict[UUID, Line] = dict(_told_variants(ids.pop("ProductVariant", [])))
    for model in (Product, Category, Collection, Page):
        kind = model.__name__
        for id_, slug in model._default_manager.filter(id__in=ids[kind]).values_list("id", "slug"):
            found[id_] = {"kind": kind, "slug": slug}
    return found


def _told_variants(ids: list[UUID]) -> dict[UUID, Line]:
    """Return variants as their product's slug and their place among its variants."""
    if not ids:
        return {}
    products = dict(Variant.objects.filter(id__in=ids).values_list("id", "product_id"))
    slugs = dict(Product.objects.filter(id__in=set(products.values())).values_list("id", "slug"))
    places: dict[UUID, int] = {}
    seen: dict[UUID, int] = defaultdict(int)
    for variant in _in_order(Variant.objects.filter(product_id__in=list(slugs)).only("id", "product_id", "position")):
        places[variant.id] = seen[variant.product_id]
        seen[variant.product_id] += 1
    return {id_: {"kind": "ProductVariant", "slug": slugs[p], "variant": places[id_]} for id_, p in products.items()}


def _pages(rows: Any, order: tuple[str, ...]) -> Iterator[list[Any]]:
    """Yield objects in the order of these columns, the last of which is unique, page by page."""
    after: tuple[Any, ...] | None = None
    while True:
        wanted = rows if after is None else rows.filter(_beyond(order, after))
        page = list(wanted.order_by(*order)[:PAGE])
        if page:
            yield page
        if len(page) < PAGE:
            return
        after = tuple(getattr(page[-1], name) for name in order)


def _beyond(order: tuple[str, ...], after: tuple[Any, ...]) -> models.Q:
    if len(order) == 1:
        return models.Q(**{f"{order[0]}__gt": after[0]})
    return models.Q(**{f"{order[0]}__gt": after[0]}) | (
        models.Q(**{order[0]: after[0]}) & _beyond(order[1:], after[1:])
    )


def _columns(shape: Shape, one: Any, names: _Names) -> Line:
    line = {f.attname: str(v) if isinstance(f, models.FileField) else v for f, v in _told_columns(shape, one)}
    for column, model in shape.references.items():
        if model != "none" and shape.model is not AttributeValue:
            line[told(column)] = names.of(model, getattr(one, column))
    return line


def _told_columns(shape: Shape, one: Any) -> Iterable[tuple[Any, Any]]:
    return ((f, getattr(one, f.attname)) for f in shape.columns)


def _parts(part: Shape, owner_ids: list[UUID], names: _Names) -> dict[UUID, list[Line]]:
    """Return parts by their owner, in the order of their names."""
    found: dict[UUID, list[Line]] = defaultdict(list)
    for row in part.model._default_manager.filter(**{f"{part.owner}__in": owner_ids}):
        found[getattr(row, part.owner)].append(_columns(part, row, names))
    for rows in found.values():
        rows.sort(key=lambda row: [str(row[told(name)]) for name in part.key])
    return found


def _values(model: Any, owner: str, ids: list[UUID], names: _Names) -> dict[UUID, list[list[Any]]]:
    """Return values by owner, each as attribute, value and place; references apart."""
    found: dict[UUID, list[list[Any]]] = defaultdict(list)
    rows = model._default_manager.filter(**{f"{owner}_id__in": ids})
    for id_, attribute_id, slug, position in rows.values_list(
        f"{owner}_id", "value__attribute_id", "value__slug", "position"
    ):
        if attribute_id not in names.references:
            found[id_].append([names.of(Attribute, attribute_id), slug, position])
    for values in found.values():
        values.sort(key=lambda value: (value[0], value[2], value[1]))
    return found


def _translations(shape: Shape, ids: list[UUID]) -> Any:
    """Return a function of an object's id: its words by language, or nothing where the shape has none."""
    if not shape.is_translated:
        return lambda id_: {}
    found: dict[UUID, dict[str, Line]] = defaultdict(dict)
    for row in Translation.objects.filter(object_id__in=ids).order_by("language"):
        words = {f.attname: getattr(row, f.attname) for f in shapes.TRANSLATED}
        language = words.pop("language")
        found[row.object_id][language] = words
    return lambda id_: {"translations": found.get(id_, {})}
