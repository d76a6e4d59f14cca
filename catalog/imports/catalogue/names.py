"""What lines name, as the ids of the shop that they come into."""

import difflib
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import models

from catalog.exports import shapes
from catalog.imports.catalogue.lines import Refused
from catalog.imports.sheets import execute
from catalog.models import Attribute, Category, Collection, Page, Product, Variant
from tenants import queries as tenants

# Some 300 bytes each.
MOST_VALUES_KNOWN = 60_000
_VALUES = """
SELECT s.attribute_id, s.slug, v.id FROM unnest(%s::uuid[], %s::text[]) AS s(attribute_id, slug) CROSS JOIN LATERAL (
  SELECT v.id FROM catalog_attributevalue v
  WHERE v.attribute_id = s.attribute_id AND v.slug BETWEEN s.slug AND s.slug ORDER BY v.slug LIMIT 1) v
"""
_KINDS: dict[str, type[models.Model]] = {
    "Product": Product,
    "Category": Category,
    "Collection": Collection,
    "Page": Page,
}


class Names:
    """Ids by slug, as far as an import has met them. `forget` after a transaction that was rolled back."""

    def __init__(self) -> None:
        self._ids: dict[Any, dict[str, UUID]] = {}
        self._values: dict[tuple[UUID, str], UUID] = {}
        self._input_types: dict[UUID, str] = {}
        channels = tenants.list_channels()
        self._channels = {channel.slug: channel.id for channel in channels}
        self.currencies = {channel.slug: channel.currency for channel in channels}

    def forget(self) -> None:
        """Look everything up again."""
        self._ids.clear()
        self._values.clear()
        self._input_types.clear()

    def learn(self, model: type[models.Model], slug: str, id_: UUID) -> None:
        """Take note of an object that was made."""
        if model in self._ids:
            self._ids[model][slug] = id_

    def find(self, model: Any, slug: str | None, place: str) -> UUID | None:
        """Return the id of what a line names. Raises Refused where the shop has none."""
        if slug is None:
            return None
        known = self._known(model)
        if slug not in known:
            kind = model if isinstance(model, str) else str(model._meta.verbose_name)
            near = difflib.get_close_matches(slug, list(known)[:5000], n=1)
            hint = f"; did you mean {near[0]!r}?" if near else "."
            where = "" if model == shapes.CHANNEL else " The line of it must stand before this one."
            raise Refused(place, f"There is no {kind} {slug!r}{hint}{where}")
        return known[slug]

    def input_type(self, attribute_id: UUID) -> str:
        """Return the input type of an attribute."""
        if attribute_id not in self._input_types:
            self._input_types = dict(Attribute.objects.values_list("id", "input_type"))
        return self._input_types[attribute_id]

    def load_values(self, wanted: Iterable[tuple[UUID, str]]) -> dict[tuple[UUID, str], UUID]:
        """Return the ids of attribute values by attribute and slug, of those that there are."""
        pairs = set(wanted)
        new = sorted(pair for pair in pairs if pair not in self._values)
        if len(self._values) + len(new) > MOST_VALUES_KNOWN:
            self._values = {pair: self._values[pair] for pair in pairs if pair in self._values}
        if new:
            attributes, slugs = zip(*new, strict=True)
            found = execute(_VALUES, [list(attributes), list(slugs)])
            self._values.update({(attribute, slug): id_ for attribute, slug, id_ in found})
        return {pair: self._values[pair] for pair in pairs if pair in self._values}

    def _known(self, model: Any) -> dict[str, UUID]:
        if model == shapes.CHANNEL:
            return self._channels
        if model not in self._ids:
            self._ids[model] = dict(model._default_manager.values_list("slug", "id"))
        return self._ids[model]


def find_object(line: Any, place: str) -> tuple[str, UUID]:
    """Return kind and id of an object that a line tells as {"kind": …, "slug": …}. Raises Refused."""
    match line:
        case {"kind": "ProductVariant", "slug": str() as slug, "variant": int() as number} if number >= 0:
            variants = Variant.objects.filter(product__slug=slug).order_by("position", "id")
            found = variants.values_list("id", flat=True)[number : number + 1].first()
        case {"kind": str() as kind, "slug": str() as slug} if kind in _KINDS:
            found = _KINDS[kind]._default_manager.filter(slug=slug).values_list("id", flat=True).first()
        case _:
            raise Refused(place, 'is no object such as {"kind": "Product", "slug": "blue-shirt"}.')
    if found is None:
        raise Refused(place, f"There is no {line['kind']} {slug!r} here.")
    return line["kind"], found
