"""Giving products and variants their attribute values."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from catalog.models import (
    Attribute,
    AttributeValue,
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


def ensure_value(*, attribute: Attribute, raw: Any) -> AttributeValue:
    """Return the attribute's value for this raw input, created if it is new. Raises DomainError if it does not fit."""
    columns = parse_value(attribute.input_type, raw)
    with about("value", ()):
        value, is_new = AttributeValue.objects.get_or_create(
            attribute=attribute, slug=columns.slug, defaults={k: v for k, v in asdict(columns).items() if k != "slug"}
        )
    if is_new:
        changed("value", [value.id])
    return value


def assign_product_values(*, product: Product, values: Mapping[str, Iterable[Any]], now: datetime) -> None:
    """Give a product these values by attribute slug; an empty list takes them away. Others stay.

    Raises DomainError for an attribute that the product's type does not have, or a value that does not fit.
    """
    for slug, raws in values.items():
        attribute = _attribute_of(product.product_type_id, slug, on_variants=False)
        wanted = _values(attribute, raws)
        with about("product", [product.id]):
            ProductValue.objects.filter(product=product, value__attribute=attribute).exclude(value__in=wanted).delete()
            ProductValue.objects.bulk_create(
                [ProductValue(product=product, value=value, position=i) for i, value in enumerate(wanted)],
                ignore_conflicts=True,
            )
    save(product, now=now)


def assign_variant_values(*, variant: Variant, values: Mapping[str, Iterable[Any]], now: datetime) -> None:
    """Give a variant these values by attribute slug; as assign_product_values."""
    for slug, raws in values.items():
        attribute = _attribute_of(variant.product.product_type_id, slug, on_variants=True)
        wanted = _values(attribute, raws)
        with about("product", [variant.product_id]):
            VariantValue.objects.filter(variant=variant, value__attribute=attribute).exclude(value__in=wanted).delete()
            VariantValue.objects.bulk_create(
                [
                    VariantValue(variant=variant, product_id=variant.product_id, value=value, position=i)
                    for i, value in enumerate(wanted)
                ],
                ignore_conflicts=True,
            )
    save(variant, now=now)


def _attribute_of(product_type_id: UUID, slug: str, *, on_variants: bool) -> Attribute:
    held = ProductTypeAttribute.objects.filter(
        product_type_id=product_type_id, attribute__slug=slug, on_variants=on_variants
    ).select_related("attribute")
    first = held.first()
    if first is None:
        raise DomainError(f"The product type has no attribute {slug!r} there.", code="NOT_FOUND", field="attribute")
    return first.attribute


def _values(attribute: Attribute, raws: Iterable[Any]) -> list[AttributeValue]:
    values = [ensure_value(attribute=attribute, raw=raw) for raw in raws]
    if len(values) > 1 and attribute.input_type != Attribute.InputType.MULTISELECT:
        raise DomainError(f"{attribute.slug!r} takes one value, {len(values)} were given.", field="values")
    return values
