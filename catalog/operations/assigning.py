"""Giving many products, variants or pages their attribute values at once.

plans = plan_values(ProductValue, [(type_id, {"colour": ["Red"]}), …])         # a Plan or a DomainError for each
differences = compare(ProductValue, {product_id: plan, …})                    # makes values that there are not
save_many(changed, now=now, then=lambda: differences.write(products))
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

from catalog.models import (
    Attribute,
    AttributeValue,
    PageTypeAttribute,
    PageValue,
    ProductTypeAttribute,
    ProductValue,
    VariantValue,
)
from catalog.operations.attributes import MANY_VALUES, REFERENCES, refer
from catalog.operations.statements import execute
from catalog.values import parse_value
from commerce.db.topics import about, changed
from commerce.errors import DomainError

_HELD = """
SELECT t.{owner}_id, v.attribute_id, t.value_id, t.position
FROM catalog_{owner}value t JOIN catalog_attributevalue v ON v.id = t.value_id WHERE t.{owner}_id = ANY(%s)
"""
# A lookup by range, as only the index on the slug answers it (catalog/imports/assigning.py).
_FIND = """
SELECT s.attribute_id, s.slug, v.id FROM unnest(%s::uuid[], %s::text[]) AS s (attribute_id, slug)
CROSS JOIN LATERAL (
  SELECT v.id FROM catalog_attributevalue v
  WHERE v.attribute_id = s.attribute_id AND v.slug BETWEEN s.slug AND s.slug ORDER BY v.slug LIMIT 1) v
"""

Key = tuple[UUID, str]
_WORDS: dict[Any, str] = {ProductValue: "product", VariantValue: "variant", PageValue: "page"}


@dataclass(frozen=True, slots=True)
class Existing:
    """A value that there is, named by its slug."""

    slug: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The values that an object is to have, by attribute: their keys (attribute, slug), and the columns of new ones."""

    values: dict[UUID, list[Key]]
    columns: dict[Key, dict[str, Any]]


def plan_values(model: Any, wanted: Sequence[tuple[UUID, Mapping[str, Sequence[Any]]]]) -> list[Plan | DomainError]:
    """Return what each object of a product type or page type is to have, or why it cannot have it.

    Values are given by attribute slug as `assign_product_values` takes them, or as Existing. Two statements, and one
    for each reference.
    """
    held: dict[UUID, dict[str, Attribute]] = {}
    for type_id, attribute in _held_by(model, {type_id for type_id, _ in wanted}):
        held.setdefault(type_id, {})[attribute.slug] = attribute
    named = {
        (held[type_id][slug].id, raw.slug)
        for type_id, values in wanted
        for slug, raws in values.items()
        if slug in held.get(type_id, {})
        for raw in raws
        if isinstance(raw, Existing)
    }
    known = _find(named)
    return [_plan(held.get(type_id, {}), values, known) for type_id, values in wanted]


def _held_by(model: Any, types: set[UUID]) -> Iterator[tuple[UUID, Attribute]]:
    """Yield the attributes of types."""
    if model is PageValue:
        for page_row in PageTypeAttribute.objects.filter(page_type_id__in=types).select_related("attribute"):
            yield page_row.page_type_id, page_row.attribute
        return
    rows = ProductTypeAttribute.objects.filter(product_type_id__in=types, on_variants=model is VariantValue)
    for row in rows.select_related("attribute"):
        yield row.product_type_id, row.attribute


def _plan(
    attributes: Mapping[str, Attribute], values: Mapping[str, Sequence[Any]], known: Mapping[Key, UUID]
) -> Plan | DomainError:
    plan = Plan({}, {})
    for slug, raws in values.items():
        if slug not in attributes:
            told = f"The type has no attribute {slug!r} there."
            return DomainError(told, code="NOT_FOUND", field=f"attributes.{slug}")
        try:
            _add(plan, attributes[slug], raws, known)
        except DomainError as error:
            return DomainError(error.message, code=error.code, field=f"attributes.{slug}")
    return plan


def _add(plan: Plan, attribute: Attribute, raws: Sequence[Any], known: Mapping[Key, UUID]) -> None:
    keys = plan.values.setdefault(attribute.id, [])
    for raw in raws:
        if isinstance(raw, Existing):
            key = (attribute.id, raw.slug)
            if key not in known:
                raise DomainError(f"{attribute.slug!r} has no value {raw.slug!r}.", code="NOT_FOUND")
        else:
            is_reference = attribute.input_type in REFERENCES
            columns = asdict(refer(attribute, raw) if is_reference else parse_value(attribute.input_type, raw))
            key = (attribute.id, columns["slug"])
            plan.columns[key] = columns
        if key not in keys:
            keys.append(key)
    if len(keys) > 1 and attribute.input_type not in MANY_VALUES:
        raise DomainError(f"{attribute.slug!r} takes one value, {len(keys)} were given.")
    if not keys and attribute.value_required:
        raise DomainError(f"{attribute.slug!r} must have a value.", code="REQUIRED")


@dataclass(slots=True)
class Differences:
    """What objects get (their id, value, place) and lose (their id, value)."""

    model: Any
    gained: list[tuple[UUID, UUID, int]] = field(default_factory=list)
    lost: list[tuple[UUID, UUID]] = field(default_factory=list)

    @property
    def owners(self) -> set[UUID]:
        """The objects of which something differs."""
        return {row[0] for row in self.gained} | {row[0] for row in self.lost}

    def write(self, products: Mapping[UUID, UUID]) -> None:
        """Write them; `products` are those that the objects belong to, by id. Three statements at most."""
        owner = _owner(self.model)
        topic = "page" if self.model is PageValue else "product"
        with about(topic, {products[id_] for id_ in self.owners}):
            if self.lost:
                execute(
                    f"DELETE FROM catalog_{owner}value t "
                    "USING unnest(%s::uuid[], %s::uuid[]) AS s (owner_id, value_id) "
                    f"WHERE t.{owner}_id = s.owner_id AND t.value_id = s.value_id",
                    list(map(list, zip(*self.lost, strict=True))),
                )
            if self.gained:
                self.model.objects.bulk_create(
                    [self._row(id_, value_id, place, products) for id_, value_id, place in self.gained],
                    update_conflicts=True,
                    unique_fields=self.model._meta.pk.field_names,
                    update_fields=["position"],
                )

    def _row(self, id_: UUID, value_id: UUID, place: int, products: Mapping[UUID, UUID]) -> Any:
        if self.model is PageValue:
            return PageValue(page_id=id_, value_id=value_id, position=place)
        if self.model is ProductValue:
            return ProductValue(product_id=id_, value_id=value_id, position=place)
        return VariantValue(variant_id=id_, product_id=products[id_], value_id=value_id, position=place)


def compare(model: Any, plans: Mapping[UUID, Plan]) -> Differences:
    """Return what objects get and lose, of attributes that their plans name. Makes the values that there are not.

    Four statements at most.
    """
    differences = Differences(model)
    if not plans:
        return differences
    ids = _find_or_make(plans.values())
    held: dict[UUID, dict[UUID, dict[UUID, int]]] = {}
    for owner_id, attribute_id, value_id, place in execute(_HELD.format(owner=_owner(model)), [list(plans)]):
        held.setdefault(owner_id, {}).setdefault(attribute_id, {})[value_id] = place
    for owner_id, plan in plans.items():
        for attribute_id, keys in plan.values.items():
            has = held.get(owner_id, {}).get(attribute_id, {})
            wanted = {ids[key]: place for place, key in enumerate(keys)}
            differences.lost += [(owner_id, value_id) for value_id in has if value_id not in wanted]
            differences.gained += [
                (owner_id, value_id, place) for value_id, place in wanted.items() if has.get(value_id) != place
            ]
    return differences


def _find_or_make(plans: Iterable[Plan]) -> dict[Key, UUID]:
    wanted: dict[Key, dict[str, Any]] = {}
    named: set[Key] = set()
    for plan in plans:
        wanted.update(plan.columns)
        named.update(key for keys in plan.values.values() for key in keys)
    ids = _find(named)
    missing = [key for key in named if key not in ids]
    if missing:
        rows = [AttributeValue(attribute_id=key[0], **wanted[key]) for key in missing]
        with about("value", ()):
            AttributeValue.objects.bulk_create(rows, ignore_conflicts=True)
        changed("value", [row.id for row in rows])
        ids.update(_find(missing))
    return ids


def _find(keys: Iterable[Key]) -> dict[Key, UUID]:
    wanted = list(keys)
    rows = execute(_FIND, [[key[0] for key in wanted], [key[1] for key in wanted]]) if wanted else []
    return {(attribute_id, slug): id_ for attribute_id, slug, id_ in rows}


def _owner(model: Any) -> str:
    return _WORDS[model]
