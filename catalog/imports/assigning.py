"""Attribute values of a batch: found or made, and given to its products and variants."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any
from uuid import UUID

from catalog.imports.drafts import Assigned
from catalog.imports.filling import Batch
from catalog.imports.plan import PlannedAttribute
from catalog.imports.removals import Removal
from catalog.imports.sheets import Sheet, Written, by_index, execute
from catalog.models import Attribute, AttributeValue, ProductValue, Translation, VariantValue
from catalog.values import ValueColumns
from commerce.db.models import new_id
from commerce.db.topics import about

_COLUMNS = [field.name for field in fields(ValueColumns) if field.name != "slug"]
_CHOICES = frozenset(str(choice.value) for choice in Attribute.CHOICE_TYPES)
# A lookup by range, as only the index on the slug answers it; for = the planner may take another one on the attribute.
_OLD_IDS = """
SELECT s.attribute_id, s.slug, v.id FROM import_attributevalue s CROSS JOIN LATERAL (
  SELECT v.id FROM catalog_attributevalue v
  WHERE v.attribute_id = s.attribute_id AND v.slug BETWEEN s.slug AND s.slug ORDER BY v.slug LIMIT 1) v
WHERE NOT s.id = ANY(%s::uuid[])
"""
_HELD = """
SELECT t.{owner}_id, t.product_id, v.attribute_id, v.slug, v.id, t.position
FROM catalog_{owner}value t JOIN catalog_attributevalue v ON v.id = t.value_id WHERE t.{owner}_id = ANY(%s)
"""
# Some 300 bytes each.
MOST_VALUES_KNOWN = 60_000


class Values:
    """The values that a batch assigns; made when they are new, before the sheets refer to them.

    What products and variants have already is read at once and compared here: of the hundreds of thousands of
    rows only those that differ travel on.
    """

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.made: list[Written] = []
        self.words: list[Written] = []
        assigned = list(self._assigned())
        planned = {value.attribute.slug: value.attribute for value in assigned}
        self._attributes = batch.references.attributes(planned.values(), batch.now)
        self._slugs = {id_: slug for slug, id_ in self._attributes.items()}
        self._pair_types()
        variants = [variant.id for _, variant in batch.variants if not variant.is_new]
        self._held = {
            "product": self._load_held("product", batch.existing),
            "variant": self._load_held("variant", variants),
        }
        self._ids = self._find_or_make(assigned)
        self._translate(assigned)

    def sheets(self) -> tuple[Sheet, Sheet]:
        """Return what products, and what variants, are to get."""
        products = Sheet(ProductValue, keys=["product_id", "value_id"], columns=["position"])
        variants = Sheet(VariantValue, keys=["variant_id", "value_id"], columns=["position"], once=["product_id"])
        for product in self.batch.products:
            for value_id, position in self._differing("product", product.id, product.draft.values):
                products.add(product_id=product.id, value_id=value_id, position=position)
            for variant in product.variants:
                for value_id, position in self._differing("variant", variant.id, variant.draft.values):
                    variants.add(variant_id=variant.id, value_id=value_id, product_id=product.id, position=position)
        return products, variants

    def removals(self) -> Iterator[Removal]:
        """Yield what products, and what variants, are to lose."""
        wanted: dict[UUID, list[Assigned]] = {}
        for product in self.batch.products:
            wanted[product.id] = product.draft.values
            wanted.update((variant.id, variant.draft.values) for variant in product.variants)
        for owner, model in (("product", ProductValue), ("variant", VariantValue)):
            rows: list[tuple[UUID, ...]] = []
            for owner_id, held in self._held[owner].items():
                kept = {self._ids[value.attribute.slug, value.value.slug] for value in wanted[owner_id]}
                rows += [(product, owner_id, value) for value, (product, _) in held.items() if value not in kept]
            yield Removal(model, (f"{owner}_id", "value_id"), rows)

    def _load_held(self, owner: str, ids: list[UUID]) -> dict[UUID, dict[UUID, tuple[UUID, int]]]:
        """Return the values of attributes of the plan that these have: by owner, by value, with product and place."""
        held: dict[UUID, dict[UUID, tuple[UUID, int]]] = {}
        known = self.batch.references.value_ids
        managed = {a.slug for a in self.batch.references.plan if a.rule.on_variants == (owner == "variant")}
        rows = execute(_HELD.format(owner=owner), [ids]) if ids and managed else []
        for owner_id, product_id, attribute_id, slug, value_id, position in rows:
            attribute = self._slugs.get(attribute_id)
            if attribute in managed:
                held.setdefault(owner_id, {})[value_id] = (product_id, position)
                known[attribute, slug] = value_id
        return held

    def _differing(self, owner: str, owner_id: UUID, values: list[Assigned]) -> Iterator[tuple[UUID, int]]:
        """Yield the value ids with their places among the values of one attribute, where they are not so yet."""
        held = self._held[owner].get(owner_id, {})
        places: dict[str, int] = {}
        for assigned in values:
            attribute = assigned.attribute.slug
            position = places[attribute] = places.get(attribute, -1) + 1
            value_id = self._ids[attribute, assigned.value.slug]
            if value_id not in held or held[value_id][1] != position:
                yield value_id, position

    def _assigned(self) -> Iterator[Assigned]:
        for product in self.batch.products:
            yield from product.draft.values
            for variant in product.variants:
                yield from variant.draft.values

    def _pair_types(self) -> None:
        by_type: dict[UUID, dict[str, PlannedAttribute]] = {}
        for product in self.batch.products:
            planned = by_type.setdefault(product.draft.columns["product_type_id"], {})
            planned.update({value.attribute.slug: value.attribute for value in product.draft.values})
            for variant in product.variants:
                planned.update({value.attribute.slug: value.attribute for value in variant.draft.values})
        for type_id, planned in by_type.items():
            self.batch.references.pair(type_id, planned, self.batch.now)

    def _find_or_make(self, assigned: list[Assigned]) -> dict[tuple[str, str], UUID]:
        """Return the ids of the values, by attribute and slug."""
        known = self.batch.references.value_ids
        distinct: dict[tuple[str, str], Assigned] = {}
        for value in assigned:
            distinct.setdefault((value.attribute.slug, value.value.slug), value)
        new = {key: value for key, value in distinct.items() if key not in known}
        if new:
            found = self._write_values(new)
            if len(known) + len(found) > MOST_VALUES_KNOWN:
                kept = {key: known[key] for key in distinct if key in known}
                known.clear()
                known.update(kept)
            known.update(found)
        return known

    def _write_values(self, new: dict[tuple[str, str], Assigned]) -> dict[tuple[str, str], UUID]:
        sheet = Sheet(AttributeValue, keys=["attribute_id", "slug"], columns=[], once=["id", *_COLUMNS])
        choices: set[UUID] = set()
        ids: dict[tuple[str, str], UUID] = {}
        for key, value in new.items():
            id_ = ids[key] = new_id()
            if value.attribute.type in _CHOICES:
                choices.add(id_)
            columns = {name: getattr(value.value, name) for name in _COLUMNS}
            sheet.add(id=id_, attribute_id=self._attributes[key[0]], slug=key[1], **columns)
        sheet.fill()
        with about("value", ids.values()):
            made = sheet.write(now=self.batch.now)
        self.made = [row for row in made if row.id in choices]
        if len(made) < len(new):
            written = {row.id for row in made}
            with by_index():
                ids.update({(self._slugs[row[0]], row[1]): row[2] for row in execute(_OLD_IDS, [list(written)])})
        return ids

    def _translate(self, assigned: list[Assigned]) -> None:
        """Give values their words in other languages, where they have none yet."""
        sheet = Sheet(
            Translation,
            keys=["object_id", "language"],
            columns=[],
            once=["id", "object_kind", "name"],
            label="_words",
        )
        seen: set[Any] = set()
        for value in assigned:
            for language, name in value.translations.items():
                id_ = self._ids[value.attribute.slug, value.value.slug]
                if (id_, language) not in seen:
                    seen.add((id_, language))
                    own = {"id": new_id(), "object_kind": "AttributeValue", "object_id": id_, "language": language}
                    sheet.add(name=name, **own)
        if sheet.rows:
            sheet.fill()
            self.words = sheet.write(now=self.batch.now)
