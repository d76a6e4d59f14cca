"""What lists are filtered and ordered by."""

from typing import Any

import graphene

from commerce.graphql.enums import OrderDirection
from commerce.graphql.scalars import UUID, Date, DateTime, Decimal


def _list(of: Any) -> graphene.List:
    return graphene.List(graphene.NonNull(of))


class IntRangeInput(graphene.InputObjectType):
    """From one whole number to another, both included."""

    gte = graphene.Int()
    lte = graphene.Int()


class PriceRangeInput(graphene.InputObjectType):
    """From one price to another, both included."""

    gte = graphene.Float()
    lte = graphene.Float()


class DecimalRangeInput(graphene.InputObjectType):
    """From one number to another, both included."""

    gte = Decimal()
    lte = Decimal()


class DateRangeInput(graphene.InputObjectType):
    """From one date to another, both included."""

    gte = Date()
    lte = Date()


class DateTimeRangeInput(graphene.InputObjectType):
    """From one instant to another, both included."""

    gte = DateTime()
    lte = DateTime()


class StringFilterInput(graphene.InputObjectType):
    """A text, or one of several."""

    eq = graphene.String()
    one_of = _list(graphene.String)


class GlobalIDFilterInput(graphene.InputObjectType):
    """An id, or one of several."""

    eq = graphene.ID()
    one_of = _list(graphene.ID)


class DecimalFilterInput(graphene.InputObjectType):
    """A number, one of several, or a range."""

    eq = Decimal()
    one_of = _list(Decimal)
    range = graphene.InputField(DecimalRangeInput)


class DateTimeFilterInput(graphene.InputObjectType):
    """An instant, one of several, or a range."""

    eq = DateTime()
    one_of = _list(DateTime)
    range = graphene.InputField(DateTimeRangeInput)


class ContainsFilterInput(graphene.InputObjectType):
    """Any or all of several."""

    contains_any = _list(graphene.String)
    contains_all = _list(graphene.String)


class IntFilterInput(graphene.InputObjectType):
    """A whole number, one of several, or a range."""

    eq = graphene.Int()
    one_of = _list(graphene.Int)
    range = graphene.InputField(IntRangeInput)


class UUIDFilterInput(graphene.InputObjectType):
    """A UUID, or one of several."""

    eq = UUID()
    one_of = _list(UUID)


class PriceFilterInput(graphene.InputObjectType):
    """An amount in major units, in a currency if that matters."""

    currency = graphene.String()
    amount = graphene.InputField(DecimalFilterInput, required=True)


class MetadataValueFilterInput(graphene.InputObjectType):
    """A value of the metadata, or one of several."""

    eq = graphene.String()
    one_of = _list(graphene.String)


class MetadataFilterInput(graphene.InputObjectType):
    """A key of the public metadata, and its value if that matters."""

    key = graphene.String(required=True)
    value = graphene.InputField(MetadataValueFilterInput)


class MetadataFilter(graphene.InputObjectType):
    """A key of the public metadata, and its value if that matters."""

    key = graphene.String(required=True)
    value = graphene.String()


class StockAvailability(graphene.Enum):
    """Whether there are pieces to sell."""

    IN_STOCK = "IN_STOCK"
    OUT_OF_STOCK = "OUT_OF_STOCK"


class AssignedAttributeReferenceInput(graphene.InputObjectType):
    """What an attribute refers to."""

    referenced_ids = graphene.InputField(ContainsFilterInput)
    page_slugs = graphene.InputField(ContainsFilterInput)
    product_slugs = graphene.InputField(ContainsFilterInput)
    product_variant_skus = graphene.InputField(ContainsFilterInput)
    category_slugs = graphene.InputField(ContainsFilterInput)
    collection_slugs = graphene.InputField(ContainsFilterInput)


class AssignedAttributeValueInput(graphene.InputObjectType):
    """The value of an attribute; one of these."""

    slug = graphene.InputField(StringFilterInput)
    name = graphene.InputField(StringFilterInput)
    numeric = graphene.InputField(DecimalFilterInput)
    date = graphene.InputField(DateRangeInput)
    date_time = graphene.InputField(DateTimeRangeInput)
    boolean = graphene.Boolean()
    reference = graphene.InputField(AssignedAttributeReferenceInput)


class AttributeInput(graphene.InputObjectType):
    """An attribute by its slug, and one way of saying which values; none: any value."""

    slug = graphene.String()
    value = graphene.InputField(AssignedAttributeValueInput)
    values = _list(graphene.String)
    values_range = graphene.InputField(IntRangeInput)
    date_time = graphene.InputField(DateTimeRangeInput)
    date = graphene.InputField(DateRangeInput)
    boolean = graphene.Boolean()


class AssignedAttributeWhereInput(graphene.InputObjectType):
    """An attribute by its slug, and its value; none: any value."""

    slug = graphene.String()
    value = graphene.InputField(AssignedAttributeValueInput)


class ProductStockFilterInput(graphene.InputObjectType):
    """Free pieces of a variant, in all warehouses or in these together."""

    warehouse_ids = _list(graphene.ID)
    quantity = graphene.InputField(IntRangeInput)


class ProductFilterInput(graphene.InputObjectType):
    """What a list of products is narrowed by; an empty list does not narrow."""

    is_published = graphene.Boolean()
    collections = _list(graphene.ID)
    categories = _list(graphene.ID)
    has_category = graphene.Boolean()
    attributes = _list(AttributeInput)
    stock_availability = graphene.InputField(StockAvailability)
    stocks = graphene.InputField(ProductStockFilterInput)
    search = graphene.String()
    metadata = _list(MetadataFilter)
    published_from = DateTime()
    is_available = graphene.Boolean()
    available_from = DateTime()
    is_visible_in_listing = graphene.Boolean()
    price = graphene.InputField(PriceRangeInput)
    minimal_price = graphene.InputField(PriceRangeInput)
    updated_at = graphene.InputField(DateTimeRangeInput)
    product_types = _list(graphene.ID)
    gift_card = graphene.Boolean()
    ids = _list(graphene.ID)
    has_preordered_variants = graphene.Boolean()
    slugs = _list(graphene.String)
    channel = graphene.String()


class ProductWhereInput(graphene.InputObjectType):
    """What a list of products is narrowed by, with AND and OR; an empty list of choices leaves nothing."""

    metadata = _list(MetadataFilter)
    ids = _list(graphene.ID)
    name = graphene.InputField(StringFilterInput)
    slug = graphene.InputField(StringFilterInput)
    product_type = graphene.InputField(GlobalIDFilterInput)
    category = graphene.InputField(GlobalIDFilterInput)
    collection = graphene.InputField(GlobalIDFilterInput)
    is_available = graphene.Boolean()
    is_published = graphene.Boolean()
    is_visible_in_listing = graphene.Boolean()
    published_from = DateTime()
    available_from = DateTime()
    has_category = graphene.Boolean()
    price = graphene.InputField(DecimalFilterInput)
    minimal_price = graphene.InputField(DecimalFilterInput)
    attributes = _list(AttributeInput)
    stock_availability = graphene.InputField(StockAvailability)
    stocks = graphene.InputField(ProductStockFilterInput)
    gift_card = graphene.Boolean()
    has_preordered_variants = graphene.Boolean()
    updated_at = graphene.InputField(DateTimeFilterInput)
    AND = _list(lambda: ProductWhereInput)
    OR = _list(lambda: ProductWhereInput)


class ProductOrderField(graphene.Enum):
    """What products are ordered by."""

    NAME = "NAME"
    RANK = "RANK"
    PRICE = "PRICE"
    MINIMAL_PRICE = "MINIMAL_PRICE"
    LAST_MODIFIED = "LAST_MODIFIED"
    DATE = "DATE"
    TYPE = "TYPE"
    PUBLISHED = "PUBLISHED"
    PUBLICATION_DATE = "PUBLICATION_DATE"
    PUBLISHED_AT = "PUBLISHED_AT"
    LAST_MODIFIED_AT = "LAST_MODIFIED_AT"
    COLLECTION = "COLLECTION"
    RATING = "RATING"
    CREATED_AT = "CREATED_AT"


class ProductOrder(graphene.InputObjectType):
    """The order of a list of products."""

    direction = graphene.InputField(OrderDirection, required=True)
    channel = graphene.String()
    attribute_id = graphene.ID()
    field = graphene.InputField(ProductOrderField)


class CategoryFilterInput(graphene.InputObjectType):
    """What a list of categories is narrowed by; an empty list does not narrow."""

    search = graphene.String()
    metadata = _list(MetadataFilter)
    ids = _list(graphene.ID)
    slugs = _list(graphene.String)
    updated_at = graphene.InputField(DateTimeRangeInput)


class CollectionPublished(graphene.Enum):
    """Whether shoppers see a collection."""

    PUBLISHED = "PUBLISHED"
    HIDDEN = "HIDDEN"


class CollectionFilterInput(graphene.InputObjectType):
    """What a list of collections is narrowed by; an empty list does not narrow."""

    published = graphene.InputField(CollectionPublished)
    search = graphene.String()
    metadata = _list(MetadataFilter)
    ids = _list(graphene.ID)
    slugs = _list(graphene.String)
    channel = graphene.String()


class PageFilterInput(graphene.InputObjectType):
    """What a list of pages is narrowed by; an empty list does not narrow."""

    search = graphene.String()
    metadata = _list(MetadataFilter)
    page_types = _list(graphene.ID)
    ids = _list(graphene.ID)
    slugs = _list(graphene.String)


class PageWhereInput(graphene.InputObjectType):
    """What a list of pages is narrowed by, with AND and OR; an empty list of choices leaves nothing."""

    metadata = graphene.InputField(MetadataFilterInput)
    ids = _list(graphene.ID)
    slug = graphene.InputField(StringFilterInput)
    page_type = graphene.InputField(GlobalIDFilterInput)
    attributes = _list(AssignedAttributeWhereInput)
    AND = _list(lambda: PageWhereInput)
    OR = _list(lambda: PageWhereInput)


class PageSortField(graphene.Enum):
    """What pages are ordered by."""

    TITLE = "TITLE"
    SLUG = "SLUG"
    VISIBILITY = "VISIBILITY"
    CREATION_DATE = "CREATION_DATE"
    PUBLICATION_DATE = "PUBLICATION_DATE"
    PUBLISHED_AT = "PUBLISHED_AT"
    CREATED_AT = "CREATED_AT"


class PageSortingInput(graphene.InputObjectType):
    """The order of a list of pages."""

    direction = graphene.InputField(OrderDirection, required=True)
    field = graphene.InputField(PageSortField, required=True)


class TypeFilterInput(graphene.InputObjectType):
    """What a list of types is narrowed by; an empty list does not narrow."""

    class Meta:
        abstract = True

    search = graphene.String()
    slugs = _list(graphene.String)


class PageTypeFilterInput(TypeFilterInput):
    """What a list of page types is narrowed by; an empty list does not narrow."""


class ProductTypeFilterInput(TypeFilterInput):
    """What a list of product types is narrowed by; an empty list does not narrow."""

    ids = _list(graphene.ID)
    metadata = _list(MetadataFilter)


class PageTypeSortField(graphene.Enum):
    """What page types are ordered by."""

    NAME = "NAME"
    SLUG = "SLUG"


class PageTypeSortingInput(graphene.InputObjectType):
    """The order of a list of page types."""

    direction = graphene.InputField(OrderDirection, required=True)
    field = graphene.InputField(PageTypeSortField, required=True)


class ProductTypeSortField(graphene.Enum):
    """What product types are ordered by."""

    NAME = "NAME"


class ProductTypeSortingInput(graphene.InputObjectType):
    """The order of a list of product types."""

    direction = graphene.InputField(OrderDirection, required=True)
    field = graphene.InputField(ProductTypeSortField, required=True)


class MenuFilterInput(graphene.InputObjectType):
    """What a list of menus is narrowed by; an empty list does not narrow."""

    search = graphene.String()
    slug = _list(graphene.String)
    slugs = _list(graphene.String)
    metadata = _list(MetadataFilter)


class MenuSortField(graphene.Enum):
    """What menus are ordered by."""

    NAME = "NAME"
    ITEMS_COUNT = "ITEMS_COUNT"


class MenuSortingInput(graphene.InputObjectType):
    """The order of a list of menus."""

    direction = graphene.InputField(OrderDirection, required=True)
    field = graphene.InputField(MenuSortField, required=True)


class MenuItemFilterInput(graphene.InputObjectType):
    """What a list of menu items is narrowed by; an empty list does not narrow."""

    search = graphene.String()
    metadata = _list(MetadataFilter)


class MenuItemsSortField(graphene.Enum):
    """What menu items are ordered by."""

    NAME = "NAME"


class MenuItemSortingInput(graphene.InputObjectType):
    """The order of a list of menu items."""

    direction = graphene.InputField(OrderDirection, required=True)
    field = graphene.InputField(MenuItemsSortField, required=True)


class WarehouseFilterInput(graphene.InputObjectType):
    """What a list of warehouses is narrowed by; an empty list does not narrow."""

    search = graphene.String()
    ids = _list(graphene.ID)
    is_private = graphene.Boolean()
    slugs = _list(graphene.String)
    metadata = _list(MetadataFilter)


class AttributeSortField(graphene.Enum):
    """What attributes are ordered by."""

    NAME = "NAME"
    SLUG = "SLUG"
    VALUE_REQUIRED = "VALUE_REQUIRED"
    IS_VARIANT_ONLY = "IS_VARIANT_ONLY"
    VISIBLE_IN_STOREFRONT = "VISIBLE_IN_STOREFRONT"
    FILTERABLE_IN_STOREFRONT = "FILTERABLE_IN_STOREFRONT"
    FILTERABLE_IN_DASHBOARD = "FILTERABLE_IN_DASHBOARD"
    STOREFRONT_SEARCH_POSITION = "STOREFRONT_SEARCH_POSITION"
    AVAILABLE_IN_GRID = "AVAILABLE_IN_GRID"


class AttributeSortingInput(graphene.InputObjectType):
    """The order of a list of attributes."""

    direction = graphene.InputField(OrderDirection, required=True)
    field = graphene.InputField(AttributeSortField, required=True)


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
    metadata = _list(MetadataFilter)
    search = graphene.String()
    ids = _list(graphene.ID)
    type = graphene.InputField("catalog.graphql.attributes.AttributeTypeEnum")
    in_collection = graphene.ID()
    in_category = graphene.ID()
    slugs = _list(graphene.String)
    channel = graphene.String()


class AttributeInputTypeEnumFilterInput(graphene.InputObjectType):
    """An input type, or one of several."""

    eq = graphene.InputField("catalog.graphql.attributes.AttributeInputTypeEnum")
    one_of = graphene.List(graphene.NonNull("catalog.graphql.attributes.AttributeInputTypeEnum"))


class AttributeTypeEnumFilterInput(graphene.InputObjectType):
    """What has an attribute, or one of several."""

    eq = graphene.InputField("catalog.graphql.attributes.AttributeTypeEnum")
    one_of = graphene.List(graphene.NonNull("catalog.graphql.attributes.AttributeTypeEnum"))


class AttributeEntityTypeEnumFilterInput(graphene.InputObjectType):
    """What an attribute refers to, or one of several."""

    eq = graphene.InputField("catalog.graphql.attributes.AttributeEntityTypeEnum")
    one_of = graphene.List(graphene.NonNull("catalog.graphql.attributes.AttributeEntityTypeEnum"))


class AttributeWhereInput(graphene.InputObjectType):
    """What a list of attributes is narrowed by, with AND and OR; an empty list of choices leaves nothing."""

    value_required = graphene.Boolean()
    visible_in_storefront = graphene.Boolean()
    filterable_in_dashboard = graphene.Boolean()
    metadata = _list(MetadataFilter)
    ids = _list(graphene.ID)
    name = graphene.InputField(StringFilterInput)
    slug = graphene.InputField(StringFilterInput)
    with_choices = graphene.Boolean()
    input_type = graphene.InputField(AttributeInputTypeEnumFilterInput)
    entity_type = graphene.InputField(AttributeEntityTypeEnumFilterInput)
    type = graphene.InputField(AttributeTypeEnumFilterInput)
    in_collection = graphene.ID()
    in_category = graphene.ID()
    AND = _list(lambda: AttributeWhereInput)
    OR = _list(lambda: AttributeWhereInput)


class AttributeValueFilterInput(graphene.InputObjectType):
    """What the values of an attribute are narrowed by; an empty list does not narrow."""

    search = graphene.String()
    ids = _list(graphene.ID)
    slugs = _list(graphene.String)


class AttributeValueWhereInput(graphene.InputObjectType):
    """What the values of an attribute are narrowed by, with AND and OR; an empty list of choices leaves nothing."""

    ids = _list(graphene.ID)
    name = graphene.InputField(StringFilterInput)
    slug = graphene.InputField(StringFilterInput)
    AND = _list(lambda: AttributeValueWhereInput)
    OR = _list(lambda: AttributeValueWhereInput)


class AttributeChoicesSortField(graphene.Enum):
    """What the values of an attribute are ordered by."""

    NAME = "NAME"
    SLUG = "SLUG"


class AttributeChoicesSortingInput(graphene.InputObjectType):
    """The order of the values of an attribute."""

    direction = graphene.InputField(OrderDirection, required=True)
    field = graphene.InputField(AttributeChoicesSortField, required=True)


class CategoryWhereInput(graphene.InputObjectType):
    """What a list of categories is narrowed by, with AND and OR; an empty list of choices leaves nothing."""

    metadata = _list(MetadataFilter)
    ids = _list(graphene.ID)
    AND = _list(lambda: CategoryWhereInput)
    OR = _list(lambda: CategoryWhereInput)


class CollectionWhereInput(graphene.InputObjectType):
    """What a list of collections is narrowed by, with AND and OR; an empty list of choices leaves nothing."""

    metadata = _list(MetadataFilter)
    ids = _list(graphene.ID)
    AND = _list(lambda: CollectionWhereInput)
    OR = _list(lambda: CollectionWhereInput)


class CategorySortField(graphene.Enum):
    """What categories are ordered by."""

    NAME = "NAME"
    PRODUCT_COUNT = "PRODUCT_COUNT"
    SUBCATEGORY_COUNT = "SUBCATEGORY_COUNT"


class CategorySortingInput(graphene.InputObjectType):
    """The order of a list of categories."""

    direction = graphene.InputField(OrderDirection, required=True)
    channel = graphene.String()
    field = graphene.InputField(CategorySortField, required=True)


class CollectionSortField(graphene.Enum):
    """What collections are ordered by."""

    NAME = "NAME"
    AVAILABILITY = "AVAILABILITY"
    PRODUCT_COUNT = "PRODUCT_COUNT"
    PUBLICATION_DATE = "PUBLICATION_DATE"
    PUBLISHED_AT = "PUBLISHED_AT"


class CollectionSortingInput(graphene.InputObjectType):
    """The order of a list of collections."""

    direction = graphene.InputField(OrderDirection, required=True)
    channel = graphene.String()
    field = graphene.InputField(CollectionSortField, required=True)


class ProductVariantFilterInput(graphene.InputObjectType):
    """What a list of variants is narrowed by; an empty list does not narrow."""

    search = graphene.String()
    sku = _list(graphene.String)
    metadata = _list(MetadataFilter)
    is_preorder = graphene.Boolean()
    updated_at = graphene.InputField(DateTimeRangeInput)


class ProductVariantWhereInput(graphene.InputObjectType):
    """What a list of variants is narrowed by, with AND and OR; an empty list of choices leaves nothing."""

    metadata = _list(MetadataFilter)
    ids = _list(graphene.ID)
    AND = _list(lambda: ProductVariantWhereInput)
    OR = _list(lambda: ProductVariantWhereInput)


class ProductVariantSortField(graphene.Enum):
    """What variants are ordered by."""

    LAST_MODIFIED_AT = "LAST_MODIFIED_AT"


class ProductVariantSortingInput(graphene.InputObjectType):
    """The order of a list of variants."""

    direction = graphene.InputField(OrderDirection, required=True)
    field = graphene.InputField(ProductVariantSortField, required=True)
