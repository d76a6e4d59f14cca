"""Giving products, variants and pages their attribute values."""

from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import models

from catalog.models import (
    Attribute,
    AttributeValue,
    Category,
    Collection,
    Page,
    PageTypeAttribute,
    PageValue,
    Product,
    ProductTypeAttribute,
    ProductValue,
    Variant,
    VariantValue,
)
from catalog.operations.objects import save
from catalog.values import parse_value
from commerce.db.topics import about, changed
from commerce.errors import DomainError

REFERENCES = frozenset({Attribute.InputType.REFERENCE, Attribute.InputType.SINGLE_REFERENCE})
MANY_VALUES = frozenset({Attribute.InputType.MULTISELECT, Attribute.InputType.REFERENCE})
# The dialect's kind → the model of what a reference leads to.
_REFERRED: dict[str, type[models.Model]] = {
    Attribute.EntityType.PRODUCT: Product,
    Attribute.EntityType.PRODUCT_VARIANT: Variant,
    Attribute.EntityType.CATEGORY: Category,
    Attribute.EntityType.COLLECTION: Collection,
    Attribute.EntityType.PAGE: Page,
}


@dataclass(frozen=True, slots=True)
class _ReferenceColumns:
    slug: str
    name: str
    reference_kind: str
    reference_id: UUID


def ensure_value(*, attribute: Attribute, raw: Any) -> AttributeValue:
    """Return the attribute's value for this raw input, created if it is new. Raises DomainError if it does not fit.

    A reference is given as the object itself, as "Product:<uuid>", or as the global id that clients see.
    """
    is_reference = attribute.input_type in REFERENCES
    columns = asdict(refer(attribute, raw) if is_reference else parse_value(attribute.input_type, raw))
    with about("value", ()):
        value, is_new = AttributeValue.objects.get_or_create(
            attribute=attribute, slug=columns.pop("slug"), defaults=columns
        )
    if is_new:
        changed("value", [value.id])
    return value


def refer(attribute: Attribute, raw: Any) -> _ReferenceColumns:
    """Return the columns of a reference. Raises DomainError."""
    kind, key = _reference(raw)
    wanted = attribute.entity_type
    if wanted and kind != wanted:
        raise DomainError(f"{attribute.slug!r} refers to a {wanted}, not to a {kind}.", field="value")
    target = _REFERRED[kind]._default_manager.filter(pk=key).first()
    if target is None:
        raise DomainError(f"There is no {kind} {key}.", code="NOT_FOUND", field="value")
    return _ReferenceColumns(slug=str(key), name=str(target)[:500], reference_kind=kind, reference_id=key)


def _reference(raw: Any) -> tuple[str, UUID]:
    for kind, model in _REFERRED.items():
        if isinstance(raw, model):
            return kind, raw.pk
    text = str(raw).strip()
    try:
        kind, _, key = (text if ":" in text else b64decode(text, validate=True).decode()).partition(":")
        if kind in _REFERRED:
            return kind, UUID(key)
    except ValueError:
        pass
    raise DomainError(f"{raw!r} is no reference such as Product:01900000-0000-7000-8000-000000000000.", field="value")


def assign_product_values(*, product: Product, values: Mapping[str, Iterable[Any]], now: datetime) -> None:
    """Give a product these values by attribute slug; an empty list takes them away. Others stay.

    Raises DomainError for an attribute that the product's type does not have, or a value that does not fit.
    """
    held = ProductTypeAttribute.objects.filter(product_type_id=product.product_type_id, on_variants=False)
    with about("product", [product.id]):
        _assign(ProductValue, {"product": product}, _read(held, "product type", values))
    save(product, now=now)


def assign_variant_values(*, variant: Variant, values: Mapping[str, Iterable[Any]], now: datetime) -> None:
    """Give a variant these values by attribute slug; as assign_product_values."""
    held = ProductTypeAttribute.objects.filter(product_type_id=variant.product.product_type_id, on_variants=True)
    owner = {"variant": variant, "product_id": variant.product_id}
    with about("product", [variant.product_id]):
        _assign(VariantValue, owner, _read(held, "product type", values))
    save(variant, now=now)


def assign_page_values(*, page: Page, values: Mapping[str, Iterable[Any]], now: datetime) -> None:
    """Give a page these values by attribute slug; as assign_product_values."""
    held = PageTypeAttribute.objects.filter(page_type_id=page.page_type_id)
    with about("page", [page.id]):
        _assign(PageValue, {"page": page}, _read(held, "page type", values))
    save(page, now=now)


Assigned = list[tuple[Attribute, list[AttributeValue]]]


def _read(held: Any, type_name: str, values: Mapping[str, Iterable[Any]]) -> Assigned:
    """Return the values that are meant, by attribute, of the attributes that a type has."""
    attributes = {one.attribute.slug: one.attribute for one in held.select_related("attribute")}
    if unknown := [slug for slug in values if slug not in attributes]:
        text = f"The {type_name} has no attribute {unknown[0]!r} there."
        raise DomainError(text, code="NOT_FOUND", field="attribute")
    return [(attributes[slug], _values(attributes[slug], raws)) for slug, raws in values.items()]


def _values(attribute: Attribute, raws: Iterable[Any]) -> list[AttributeValue]:
    values = list(dict.fromkeys(ensure_value(attribute=attribute, raw=raw) for raw in raws))
    if len(values) > 1 and attribute.input_type not in MANY_VALUES:
        raise DomainError(f"{attribute.slug!r} takes one value, {len(values)} were given.", field="values")
    if not values and attribute.value_required:
        raise DomainError(f"{attribute.slug!r} must have a value.", code="REQUIRED", field="values")
    return values


def _assign(model: Any, owner: dict[str, Any], assigned: Assigned) -> None:
    """Write which values an object has of these attributes, in order; only what differs."""
    for attribute, wanted in assigned:
        held = model.objects.filter(**owner, value__attribute=attribute)
        places = dict(held.values_list("value_id", "position"))
        if gone := places.keys() - {value.id for value in wanted}:
            held.filter(value__in=gone).delete()
        placed = enumerate(wanted)
        changes = [model(**owner, value=v, position=place) for place, v in placed if places.get(v.id) != place]
        if changes:
            model.objects.bulk_create(
                changes,
                update_conflicts=True,
                unique_fields=model._meta.pk.field_names,
                update_fields=["position"],
            )
