"""Attributes and their values in the dialect's older form: SelectedAttribute."""

from collections.abc import Sequence
from typing import Any

import graphene

from catalog.graphql.inputs.content import (
    AttributeChoicesSortingInput,
    AttributeValueFilterInput,
    AttributeValueWhereInput,
)
from catalog.graphql.loading import rich_text
from catalog.graphql.media import File, StoredFile, file_url
from catalog.graphql.plain_filters import CHOICE_FILTER, CHOICE_WHERE, narrow, order_of
from catalog.graphql.translations import (
    AttributeTranslation,
    AttributeValueTranslation,
    in_language,
    resolve_named_translation,
    translation_field,
    word,
)
from catalog.graphql.units import MeasurementUnitsEnum, known_unit
from catalog.queries.attributes import CHOICES, list_choices
from catalog.queries.rows import Assignment, AttributeRow, ValueRow
from commerce.graphql.batch import batch
from commerce.graphql.connections import connection_field, paged
from commerce.graphql.ids import to_global_id
from commerce.graphql.info import Info
from commerce.graphql.paging import Page, PageRequest
from commerce.graphql.scalars import Date, DateTime, JSONString
from tenants.graphql.context import ShopContext
from tenants.graphql.metadata import ObjectWithMetadata


class AttributeInputTypeEnum(graphene.Enum):
    """What the values of an attribute are."""

    DROPDOWN = "dropdown"
    MULTISELECT = "multiselect"
    FILE = "file"
    REFERENCE = "reference"
    SINGLE_REFERENCE = "single-reference"
    NUMERIC = "numeric"
    RICH_TEXT = "rich-text"
    PLAIN_TEXT = "plain-text"
    SWATCH = "swatch"
    BOOLEAN = "boolean"
    DATE = "date"
    DATE_TIME = "date-time"


class AttributeTypeEnum(graphene.Enum):
    """What has an attribute."""

    PRODUCT_TYPE = "product-type"
    PAGE_TYPE = "page-type"
    CUSTOMER_TYPE = "customer-type"


class AttributeEntityTypeEnum(graphene.Enum):
    """What the values of a reference attribute lead to."""

    PAGE = "Page"
    PRODUCT = "Product"
    PRODUCT_VARIANT = "ProductVariant"
    CATEGORY = "Category"
    COLLECTION = "Collection"


class VariantAttributeScope(graphene.Enum):
    """Which attributes of a variant: those that shoppers choose it by, the others, or all."""

    ALL = "all"
    VARIANT_SELECTION = "variant_selection"
    NOT_VARIANT_SELECTION = "not_variant_selection"


class AttributeValue(graphene.ObjectType):
    """One value of an attribute."""

    class Meta:
        possible_types = (ValueRow,)

    id = graphene.ID(required=True, description="The id.")
    name = graphene.String(description="The name for people.")
    slug = graphene.String(description="The name in filters, unique in the attribute.")
    value = graphene.String(description="The colour of a swatch, #rrggbb.")
    input_type = graphene.Field(AttributeInputTypeEnum, description="What the values of the attribute are.")
    boolean = graphene.Boolean(description="The value of a boolean attribute.")
    date = Date(description="The value of a date attribute.")
    date_time = DateTime(description="The value of a date-time attribute.")
    plain_text = graphene.String(description="The value of a plain text attribute.")
    rich_text = JSONString(description="The value of a rich text attribute, EditorJS.")
    file = graphene.Field(File, description="The value of a file attribute, or the picture of a swatch.")
    reference = graphene.ID(description="The id of the object that a reference attribute leads to.")
    translation = translation_field(AttributeValueTranslation)

    resolve_name = word("name")
    resolve_plain_text = word("plain_text")
    resolve_translation = resolve_named_translation

    @batch
    def resolve_id(rows: Sequence[ValueRow], info: Info[ShopContext]) -> list[str]:
        return [to_global_id("AttributeValue", row.id) for row in rows]

    @batch
    def resolve_input_type(rows: Sequence[ValueRow], info: Info[ShopContext]) -> list[str]:
        return [row.attribute.input_type for row in rows]

    @batch
    def resolve_rich_text(rows: Sequence[ValueRow], info: Info[ShopContext]) -> list[Any]:
        own = [row.rich_text for row in rows]
        return list(map(rich_text, in_language(info, [row.id for row in rows], "rich_text", own)))

    @batch
    def resolve_file(rows: Sequence[ValueRow], info: Info[ShopContext]) -> list[StoredFile | None]:
        return [value_file(info.context, row) for row in rows]

    @batch
    def resolve_reference(rows: Sequence[ValueRow], info: Info[ShopContext]) -> list[str | None]:
        return [to_global_id(row.reference_kind, row.reference_id) if row.reference_id else None for row in rows]


class Attribute(graphene.ObjectType):
    """A property that products, variants or pages have values of."""

    class Meta:
        interfaces = (ObjectWithMetadata,)
        possible_types = (AttributeRow,)

    id = graphene.ID(required=True, description="The id.")
    slug = graphene.String(required=True, description="The name in filters, unique in the shop.")
    name = graphene.String(required=True, description="The name for people.")
    input_type = graphene.Field(AttributeInputTypeEnum, description="What the values are.")
    type = graphene.Field(AttributeTypeEnum, description="What has the attribute.")
    with_choices = graphene.Boolean(required=True, description="Whether the values are a list to choose from.")
    value_required = graphene.Boolean(required=True, description="Whether there must be a value.")
    visible_in_storefront = graphene.Boolean(required=True, description="Whether shoppers see it.")
    filterable_in_storefront = graphene.Boolean(required=True, description="Whether shoppers may filter by it.")
    filterable_in_dashboard = graphene.Boolean(required=True, description="Whether staff may filter by it.")
    available_in_grid = graphene.Boolean(required=True, description="Whether lists for staff may show it.")
    storefront_search_position = graphene.Int(required=True, description="The place among the filters of shoppers.")
    entity_type = graphene.Field(AttributeEntityTypeEnum, description="What a reference leads to; null: anything.")
    external_reference = graphene.String(description="The id in another system of the merchant.")
    unit = graphene.Field(MeasurementUnitsEnum, description="The unit of numbers; null too for one of no other system.")
    reference_types = graphene.List(
        graphene.NonNull("catalog.graphql.references.ReferenceType"),
        description="The types that a reference is limited to: none are yet.",
    )
    translation = translation_field(AttributeTranslation)
    choices = connection_field(
        AttributeValue,
        filter=AttributeValueFilterInput(description="What to narrow the list by."),
        where=AttributeValueWhereInput(description="What to narrow the list by; not together with `filter`."),
        search=graphene.String(description="A part of the name or the slug."),
        sort_by=AttributeChoicesSortingInput(description="The order; the merchant's if not given."),
        description="The values to choose from.",
    )

    resolve_name = word("name")
    resolve_translation = resolve_named_translation

    @batch
    def resolve_id(rows: Sequence[AttributeRow], info: Info[ShopContext]) -> list[str]:
        return [to_global_id("Attribute", row.id) for row in rows]

    @batch
    def resolve_type(rows: Sequence[AttributeRow], info: Info[ShopContext]) -> list[str]:
        return [row.kind for row in rows]

    @batch
    def resolve_entity_type(rows: Sequence[AttributeRow], info: Info[ShopContext]) -> list[str | None]:
        return [row.entity_type or None for row in rows]

    @batch
    def resolve_external_reference(rows: Sequence[AttributeRow], info: Info[ShopContext]) -> list[str | None]:
        return [row.external_reference or None for row in rows]

    @batch
    def resolve_unit(rows: Sequence[AttributeRow], info: Info[ShopContext]) -> list[str | None]:
        return [known_unit(row.unit) for row in rows]

    @batch
    def resolve_reference_types(rows: Sequence[AttributeRow], info: Info[ShopContext]) -> list[list[Any] | None]:
        return [[] if "reference" in row.input_type else None for row in rows]

    @batch
    def resolve_with_choices(rows: Sequence[AttributeRow], info: Info[ShopContext]) -> list[bool]:
        return [row.input_type in CHOICES for row in rows]

    @paged("filter", "where", "search", "sort_by")
    def resolve_choices(
        rows: Sequence[AttributeRow],
        info: Info[ShopContext],
        page: PageRequest,
        filter: Any = None,
        where: Any = None,
        search: str | None = None,
        sort_by: Any = None,
    ) -> list[Page[ValueRow] | None]:
        narrowed = narrow(CHOICE_FILTER, CHOICE_WHERE, filter=filter, where=where, search=search)
        field, descending = order_of(sort_by, "POSITION")
        choosing = [row for row in rows if row.input_type in CHOICES]
        pages = list_choices(choosing, page, narrowed, field, descending=descending) if choosing else {}
        return [pages.get(row.id) for row in rows]


class SelectedAttribute(graphene.ObjectType):
    """An attribute of an object, with the object's values."""

    class Meta:
        possible_types = (Assignment,)

    attribute = graphene.Field(Attribute, required=True, description="The attribute.")
    values = graphene.List(graphene.NonNull(AttributeValue), required=True, description="The values.")


def value_file(context: ShopContext, row: ValueRow) -> StoredFile | None:
    """Return the file of a value, or None."""
    return StoredFile(file_url(context, row.file_url), row.file_content_type or None) if row.file_url else None


def in_scope(assignments: Sequence[Assignment], scope: Any) -> list[Assignment]:
    """Return those of a variant's attributes that a VariantAttributeScope, or None for all, asks for."""
    if scope is None or scope.value == "all":
        return list(assignments)
    return [found for found in assignments if found.is_variant_selection == (scope.value == "variant_selection")]
