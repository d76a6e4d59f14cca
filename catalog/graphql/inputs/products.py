"""What lists of products and of variants are narrowed and ordered by."""

import graphene

from catalog.graphql.inputs.values import (
    ContainsFilterInput,
    DateRangeInput,
    DateTimeFilterInput,
    DateTimeRangeInput,
    DecimalFilterInput,
    GlobalIDFilterInput,
    IntRangeInput,
    MetadataFilter,
    PriceRangeInput,
    StringFilterInput,
    many,
    sorting,
)
from commerce.graphql.enums import OrderDirection
from commerce.graphql.scalars import DateTime


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
    values = many(graphene.String)
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

    warehouse_ids = many(graphene.ID)
    quantity = graphene.InputField(IntRangeInput)


class ProductFilterInput(graphene.InputObjectType):
    """What a list of products is narrowed by; an empty list does not narrow."""

    is_published = graphene.Boolean()
    collections = many(graphene.ID)
    categories = many(graphene.ID)
    has_category = graphene.Boolean()
    attributes = many(AttributeInput)
    stock_availability = graphene.InputField(StockAvailability)
    stocks = graphene.InputField(ProductStockFilterInput)
    search = graphene.String()
    metadata = many(MetadataFilter)
    published_from = DateTime()
    is_available = graphene.Boolean()
    available_from = DateTime()
    is_visible_in_listing = graphene.Boolean()
    price = graphene.InputField(PriceRangeInput)
    minimal_price = graphene.InputField(PriceRangeInput)
    updated_at = graphene.InputField(DateTimeRangeInput)
    product_types = many(graphene.ID)
    gift_card = graphene.Boolean()
    ids = many(graphene.ID)
    has_preordered_variants = graphene.Boolean()
    slugs = many(graphene.String)
    channel = graphene.String()


class ProductWhereInput(graphene.InputObjectType):
    """What a list of products is narrowed by, with AND and OR; an empty list of choices leaves nothing."""

    metadata = many(MetadataFilter)
    ids = many(graphene.ID)
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
    attributes = many(AttributeInput)
    stock_availability = graphene.InputField(StockAvailability)
    stocks = graphene.InputField(ProductStockFilterInput)
    gift_card = graphene.Boolean()
    has_preordered_variants = graphene.Boolean()
    updated_at = graphene.InputField(DateTimeFilterInput)
    AND = many(lambda: ProductWhereInput)
    OR = many(lambda: ProductWhereInput)


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


class ProductVariantFilterInput(graphene.InputObjectType):
    """What a list of variants is narrowed by; an empty list does not narrow."""

    search = graphene.String()
    sku = many(graphene.String)
    metadata = many(MetadataFilter)
    is_preorder = graphene.Boolean()
    updated_at = graphene.InputField(DateTimeRangeInput)


class ProductVariantWhereInput(graphene.InputObjectType):
    """What a list of variants is narrowed by, with AND and OR; an empty list of choices leaves nothing."""

    metadata = many(MetadataFilter)
    ids = many(graphene.ID)
    sku = graphene.InputField(StringFilterInput)
    updated_at = graphene.InputField(DateTimeRangeInput)
    AND = many(lambda: ProductVariantWhereInput)
    OR = many(lambda: ProductVariantWhereInput)


ProductVariantSortingInput = sorting("ProductVariant", "variants", "LAST_MODIFIED_AT")
