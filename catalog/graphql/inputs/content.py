"""What lists of pages, types, menus, attributes and warehouses are narrowed and ordered by."""

import graphene

from catalog.graphql.inputs.products import AssignedAttributeWhereInput
from catalog.graphql.inputs.values import (
    GlobalIDFilterInput,
    MetadataFilter,
    MetadataFilterInput,
    StringFilterInput,
    many,
    one_of,
    sorting,
)

AttributeInputTypeEnumFilterInput = one_of(
    "AttributeInputTypeEnumFilterInput",
    "An input type, or one of several.",
    "catalog.graphql.attributes.AttributeInputTypeEnum",
)
AttributeTypeEnumFilterInput = one_of(
    "AttributeTypeEnumFilterInput",
    "What has an attribute, or one of several.",
    "catalog.graphql.attributes.AttributeTypeEnum",
)
AttributeEntityTypeEnumFilterInput = one_of(
    "AttributeEntityTypeEnumFilterInput",
    "What an attribute refers to, or one of several.",
    "catalog.graphql.attributes.AttributeEntityTypeEnum",
)


class PageFilterInput(graphene.InputObjectType):
    """What a list of pages is narrowed by; an empty list does not narrow."""

    search = graphene.String()
    metadata = many(MetadataFilter)
    page_types = many(graphene.ID)
    ids = many(graphene.ID)
    slugs = many(graphene.String)


class PageWhereInput(graphene.InputObjectType):
    """What a list of pages is narrowed by, with AND and OR; an empty list of choices leaves nothing."""

    metadata = graphene.InputField(MetadataFilterInput)
    ids = many(graphene.ID)
    slug = graphene.InputField(StringFilterInput)
    page_type = graphene.InputField(GlobalIDFilterInput)
    attributes = many(AssignedAttributeWhereInput)
    AND = many(lambda: PageWhereInput)
    OR = many(lambda: PageWhereInput)


class TypeFilterInput(graphene.InputObjectType):
    """What a list of types is narrowed by; an empty list does not narrow."""

    class Meta:
        abstract = True

    search = graphene.String()
    slugs = many(graphene.String)


class PageTypeFilterInput(TypeFilterInput):
    """What a list of page types is narrowed by; an empty list does not narrow."""


class ProductTypeFilterInput(TypeFilterInput):
    """What a list of product types is narrowed by; an empty list does not narrow."""

    ids = many(graphene.ID)
    metadata = many(MetadataFilter)


class MenuFilterInput(graphene.InputObjectType):
    """What a list of menus is narrowed by; an empty list does not narrow."""

    search = graphene.String()
    slug = many(graphene.String)
    slugs = many(graphene.String)
    metadata = many(MetadataFilter)


class MenuItemFilterInput(graphene.InputObjectType):
    """What a list of menu items is narrowed by; an empty list does not narrow."""

    search = graphene.String()
    metadata = many(MetadataFilter)


class WarehouseFilterInput(graphene.InputObjectType):
    """What a list of warehouses is narrowed by; an empty list does not narrow."""

    search = graphene.String()
    ids = many(graphene.ID)
    is_private = graphene.Boolean()
    slugs = many(graphene.String)
    metadata = many(MetadataFilter)


class AttributeFilterInput(graphene.InputObjectType):
    """What a list of attributes is narrowed by; an empty list does not narrow.

    `in_category` and `in_collection`: those of the products that are seen there in the channel.
    """

    value_required = graphene.Boolean()
    is_variant_only = graphene.Boolean()
    visible_in_storefront = graphene.Boolean()
    filterable_in_storefront = graphene.Boolean()
    filterable_in_dashboard = graphene.Boolean()
    available_in_grid = graphene.Boolean()
    metadata = many(MetadataFilter)
    search = graphene.String()
    ids = many(graphene.ID)
    type = graphene.InputField("catalog.graphql.attributes.AttributeTypeEnum")
    in_collection = graphene.ID()
    in_category = graphene.ID()
    slugs = many(graphene.String)
    channel = graphene.String()


class AttributeWhereInput(graphene.InputObjectType):
    """What a list of attributes is narrowed by, with AND and OR; an empty list of choices leaves nothing."""

    value_required = graphene.Boolean()
    visible_in_storefront = graphene.Boolean()
    filterable_in_dashboard = graphene.Boolean()
    metadata = many(MetadataFilter)
    ids = many(graphene.ID)
    name = graphene.InputField(StringFilterInput)
    slug = graphene.InputField(StringFilterInput)
    with_choices = graphene.Boolean()
    input_type = graphene.InputField(AttributeInputTypeEnumFilterInput)
    entity_type = graphene.InputField(AttributeEntityTypeEnumFilterInput)
    type = graphene.InputField(AttributeTypeEnumFilterInput)
    in_collection = graphene.ID()
    in_category = graphene.ID()
    AND = many(lambda: AttributeWhereInput)
    OR = many(lambda: AttributeWhereInput)


class AttributeValueFilterInput(graphene.InputObjectType):
    """What the values of an attribute are narrowed by; an empty list does not narrow."""

    search = graphene.String()
    ids = many(graphene.ID)
    slugs = many(graphene.String)


class AttributeValueWhereInput(graphene.InputObjectType):
    """What the values of an attribute are narrowed by, with AND and OR; an empty list of choices leaves nothing."""

    ids = many(graphene.ID)
    name = graphene.InputField(StringFilterInput)
    slug = graphene.InputField(StringFilterInput)
    AND = many(lambda: AttributeValueWhereInput)
    OR = many(lambda: AttributeValueWhereInput)


PageSortingInput = sorting(
    "Page", "pages", "TITLE SLUG VISIBILITY CREATION_DATE PUBLICATION_DATE PUBLISHED_AT CREATED_AT"
)
PageTypeSortingInput = sorting("PageType", "page types", "NAME SLUG")
ProductTypeSortingInput = sorting("ProductType", "product types", "NAME")
MenuSortingInput = sorting("Menu", "menus", "NAME ITEMS_COUNT")
MenuItemSortingInput = sorting("MenuItem", "menu items", "NAME", field_of="MenuItems")
AttributeSortingInput = sorting(
    "Attribute",
    "attributes",
    "NAME SLUG VALUE_REQUIRED IS_VARIANT_ONLY VISIBLE_IN_STOREFRONT FILTERABLE_IN_STOREFRONT "
    "FILTERABLE_IN_DASHBOARD STOREFRONT_SEARCH_POSITION AVAILABLE_IN_GRID",
)
AttributeChoicesSortingInput = sorting("AttributeChoices", "choices", "NAME SLUG")
