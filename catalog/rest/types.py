"""Product types, attributes and their values."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from catalog.models import Attribute, AttributeValue, ProductType, ProductTypeAttribute
from catalog.rest.base import METADATA, STANDARD, WRITE_TYPES, CatalogResource, sub_list
from catalog.values import parse_value
from commerce.errors import DomainError
from commerce.rest.changes import Change, sound
from commerce.rest.filters import ID, Filter
from commerce.rest.rows import Metadata, Part, Reference, RowSerializer, many

_BY_SLUG = (
    Filter("ids", "id__in", ID, many=True),
    Filter("slug", "slug__in", many=True, order=("slug",)),
)


class HeldAttributeSerializer(serializers.Serializer[Any]):
    """An attribute of a product type."""

    attribute = serializers.CharField(max_length=255, help_text="Takes the slug or the id; shows the slug.")
    on_variants = serializers.BooleanField(default=False, help_text="Of the variants, not of the product.")
    variant_selection = serializers.BooleanField(default=False, help_text="Shoppers choose a variant by it.")


@extend_schema_field(HeldAttributeSerializer(many=True))
class HeldAttributes(Part):
    """The attributes of a product type, in order."""


class ProductTypeSerializer(RowSerializer):
    """What a kind of product has."""

    metadata = Metadata()
    private_metadata = Metadata()
    attributes = HeldAttributes(many(HeldAttributeSerializer, 500), empty=())

    class Meta:
        model = ProductType
        fields = [*STANDARD, "name", "slug", "is_shipping_required", *METADATA, "attributes"]


class ProductTypes(CatalogResource):
    """What kinds of products have."""

    model, row, noun, tag = ProductType, ProductTypeSerializer, "product_type", "Types and attributes"
    writes = WRITE_TYPES
    keys = (("slug",),)
    filters = _BY_SLUG

    def load(self, instances: Sequence[Any]) -> None:
        columns = ("attribute__slug", "on_variants", "variant_selection")
        held = sub_list(ProductTypeAttribute, "product_type_id", instances, "position", *columns)
        for one in instances:
            rows = sorted(held.get(one.id, []), key=lambda row: (row[2], row[0], row[1]))
            one.parts = {
                "attributes": [
                    {"attribute": slug, "on_variants": on_variants, "variant_selection": selection}
                    for _, slug, on_variants, selection in rows
                ]
            }

    def fill(self, changes: Sequence[Change]) -> None:
        names = {str(held["attribute"]) for c in changes for held in c.parts.get("attributes") or ()}
        found = find_attributes(names)
        for change in sound(changes):
            for number, held in enumerate(change.parts.get("attributes") or ()):
                if held["attribute"] not in found:
                    told = ErrorDetail(f"There is no attribute {held['attribute']!r}.", "NOT_FOUND")
                    change.refuse(ValidationError({"attributes": {str(number): {"attribute": [told]}}}))
                    break
                held["attribute"] = found[held["attribute"]]

    def save_parts(self, change: Change) -> None:
        if "attributes" not in change.parts:
            return
        places = {True: itertools.count(), False: itertools.count()}
        wanted = [
            {
                "attribute_id": held["attribute"],
                "on_variants": held["on_variants"],
                "variant_selection": held["variant_selection"],
                "position": next(places[held["on_variants"]]),
            }
            for held in change.parts["attributes"]
        ]
        self.replace_rows(change, ProductTypeAttribute, "product_type_id", ["attribute_id", "on_variants"], wanted)


def find_attributes(names: set[str]) -> dict[str, UUID]:
    """Return the ids of attributes by what they were named, slug or id. One statement."""
    found: dict[str, UUID] = {}
    if names:
        ids = [UUID(name) for name in names if _is_id(name)]
        rows = Attribute.objects.filter(slug__in=names) | Attribute.objects.filter(id__in=ids)
        for id_, slug in rows.values_list("id", "slug"):
            found.update({slug: id_, str(id_): id_})
    return found


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


class AttributeSerializer(RowSerializer):
    """A property that products, variants or pages have values of."""

    class Meta:
        model = Attribute
        fields = [
            *STANDARD,
            "slug",
            "name",
            "input_type",
            "kind",
            "entity_type",
            "unit",
            "value_required",
            "visible_in_storefront",
            "filterable_in_storefront",
            "filterable_in_dashboard",
            "available_in_grid",
            "storefront_search_position",
            "external_reference",
            *METADATA,
        ]

    metadata = Metadata()
    private_metadata = Metadata()


class Attributes(CatalogResource):
    """Properties that products, variants and pages have values of."""

    model, row, noun, tag = Attribute, AttributeSerializer, "attribute", "Types and attributes"
    writes = WRITE_TYPES
    keys = (("slug",),)
    fixed = ("input_type", "kind", "entity_type")
    filters = _BY_SLUG


class AttributeValueSerializer(RowSerializer):
    """A value that a merchant lists beforehand: of dropdown, multiselect and swatch attributes."""

    attribute = Reference("catalog.Attribute", key="slug")
    slug = serializers.CharField(required=False, max_length=255)

    class Meta:
        model = AttributeValue
        fields = [*STANDARD, "attribute", "slug", "name", "position", "value", "external_reference"]


class AttributeValues(CatalogResource):
    """Values of attributes; those of free text, numbers and dates come with the products that have them."""

    model, row, noun, tag = AttributeValue, AttributeValueSerializer, "attribute_value", "Types and attributes"
    writes = WRITE_TYPES
    keys = (("attribute_id", "slug"),)
    fixed = ("attribute_id",)
    filters = (
        Filter("ids", "id__in", ID, many=True),
        Filter("attribute", "attribute_id", ID, order=("slug",)),
    )

    def fill(self, changes: Sequence[Change]) -> None:
        wanted = {change.instance.attribute_id for change in changes}
        types: Mapping[UUID, str] = dict(Attribute.objects.filter(id__in=wanted).values_list("id", "input_type"))
        for change in changes:
            try:
                self._fill(change, types[change.instance.attribute_id])
            except DomainError as error:
                change.refuse(error)

    def _fill(self, change: Change, input_type: str) -> None:
        value = change.instance
        if input_type not in Attribute.CHOICE_TYPES:
            if change.is_new or set(change.differing) & {"name", "slug", "value"}:
                told = f"Values of {input_type} attributes come with the products that have them."
                raise DomainError(told, field="attribute")
            return
        is_swatch = input_type == Attribute.InputType.SWATCH
        if value.value and not is_swatch:
            raise DomainError("Only swatches have a colour.", field="value")
        columns = parse_value(input_type, f"{value.name}|{value.value}" if is_swatch and value.value else value.name)
        value.name = columns.name
        value.slug = value.slug or columns.slug
