from django.db import models

from commerce.db.models import TenantModel, TenantRow, WithMetadata
from commerce.db.topics.declared import Topic, Topics


class ProductType(WithMetadata, TenantModel):
    """What a kind of product has: its attributes, and whether it is shipped."""

    topics = Topics(Topic("product-type", by="id"))

    name = models.CharField(max_length=250)
    slug = models.SlugField(max_length=255, allow_unicode=True, db_index=False)
    is_shipping_required = models.BooleanField(default=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant_id", "slug"], name="product_type_slug")]
        indexes = [models.Index(fields=["tenant_id", "name", "id"], name="product_type_name")]

    def __str__(self) -> str:
        return self.name


class Attribute(WithMetadata, TenantModel):
    """A property that products or variants have values of."""

    topics = Topics(Topic("attribute"))

    class InputType(models.TextChoices):
        DROPDOWN = "dropdown"
        MULTISELECT = "multiselect"
        NUMERIC = "numeric"
        BOOLEAN = "boolean"
        PLAIN_TEXT = "plain-text"
        RICH_TEXT = "rich-text"
        SWATCH = "swatch"
        DATE = "date"
        DATE_TIME = "date-time"
        FILE = "file"
        REFERENCE = "reference"
        SINGLE_REFERENCE = "single-reference"

    class Kind(models.TextChoices):
        PRODUCT_TYPE = "product-type"
        PAGE_TYPE = "page-type"

    class EntityType(models.TextChoices):
        PRODUCT = "Product"
        PRODUCT_VARIANT = "ProductVariant"
        CATEGORY = "Category"
        COLLECTION = "Collection"
        PAGE = "Page"

    # Types whose values a merchant lists beforehand and a customer may choose from.
    CHOICE_TYPES = frozenset({InputType.DROPDOWN, InputType.MULTISELECT, InputType.SWATCH})

    slug = models.SlugField(max_length=255, allow_unicode=True, db_index=False)
    name = models.CharField(max_length=255)
    input_type = models.CharField(max_length=20, choices=InputType.choices, default=InputType.DROPDOWN)
    kind = models.CharField(max_length=20, choices=Kind.choices, default=Kind.PRODUCT_TYPE)
    # Of a reference: the kind that its values lead to; "": any.
    entity_type = models.CharField(max_length=20, choices=EntityType.choices, blank=True)
    unit = models.CharField(max_length=50, blank=True)
    value_required = models.BooleanField(default=False)
    visible_in_storefront = models.BooleanField(default=True)
    filterable_in_storefront = models.BooleanField(default=True)
    filterable_in_dashboard = models.BooleanField(default=True)
    available_in_grid = models.BooleanField(default=False)
    storefront_search_position = models.IntegerField(default=0)
    external_reference = models.CharField(max_length=250, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "slug"], name="attribute_slug"),
            models.CheckConstraint(
                name="attribute_input_type",
                condition=models.Q(
                    input_type__in=[
                        "dropdown",
                        "multiselect",
                        "numeric",
                        "boolean",
                        "plain-text",
                        "rich-text",
                        "swatch",
                        "date",
                        "date-time",
                        "file",
                        "reference",
                        "single-reference",
                    ]
                ),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class AttributeValue(TenantModel):
    """One value of an attribute, shared by all products that have it.

    `slug` names the value within its attribute; for free text it is a digest. Exactly the column of the
    attribute's input type is filled beside `name`: `value` (a swatch's colour), `numeric`, `boolean`,
    `date`, `date_time`, `plain_text`, `rich_text` (EditorJS), `file_url`, `reference_id`.
    """

    topics = Topics(Topic("value", by="id", when_new=True), timeless=("date_time",))

    attribute = models.ForeignKey(Attribute, on_delete=models.CASCADE, related_name="values", db_index=False)
    slug = models.CharField(max_length=255)
    name = models.CharField(max_length=500)
    position = models.IntegerField(default=0)
    value = models.CharField(max_length=255, blank=True)
    numeric = models.FloatField(null=True, blank=True)
    boolean = models.BooleanField(null=True, blank=True)
    date = models.DateField(null=True, blank=True)
    date_time = models.DateTimeField(null=True, blank=True)
    plain_text = models.TextField(null=True, blank=True)
    rich_text = models.JSONField(null=True, blank=True)
    file_url = models.CharField(max_length=1000, blank=True)
    file_content_type = models.CharField(max_length=100, blank=True)
    reference_kind = models.CharField(max_length=20, blank=True)
    reference_id = models.UUIDField(null=True, blank=True)
    external_reference = models.CharField(max_length=250, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant_id", "attribute", "slug"], name="attribute_value_slug")]
        indexes = [
            models.Index(fields=["tenant_id", "attribute", "numeric"], name="attribute_value_numeric"),
            models.Index(fields=["tenant_id", "attribute", "date"], name="attribute_value_date"),
            models.Index(
                fields=["tenant_id", "attribute", "position", "numeric", "name"], name="attribute_value_order"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ProductTypeAttribute(TenantModel):
    """An attribute of a product type, on its products or on their variants."""

    topics = Topics(Topic("attribute"))

    product_type = models.ForeignKey(ProductType, on_delete=models.CASCADE, db_index=False)
    attribute = models.ForeignKey(Attribute, on_delete=models.CASCADE)
    on_variants = models.BooleanField(default=False)
    variant_selection = models.BooleanField(default=False)
    position = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant_id", "product_type", "attribute", "on_variants"], name="product_type_attribute_once"
            )
        ]

    def __str__(self) -> str:
        return "on variants" if self.on_variants else "on products"


class ProductValue(TenantRow):
    """A value that a product has."""

    topics = Topics(Topic("assigned-value"), Topic("product", by="product_id"))

    pk = models.CompositePrimaryKey("tenant_id", "product_id", "value_id")
    product = models.ForeignKey("catalog.Product", on_delete=models.CASCADE, db_index=False)
    value = models.ForeignKey(AttributeValue, on_delete=models.CASCADE, db_index=False)
    position = models.IntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["tenant_id", "value", "product"], name="product_value_products")]


class VariantValue(TenantRow):
    """A value that a variant has; the product stands beside it for lists."""

    topics = Topics(Topic("assigned-value"), Topic("product", by="variant.product_id"))

    pk = models.CompositePrimaryKey("tenant_id", "variant_id", "value_id")
    variant = models.ForeignKey("catalog.Variant", on_delete=models.CASCADE, db_index=False)
    product = models.ForeignKey("catalog.Product", on_delete=models.CASCADE)
    value = models.ForeignKey(AttributeValue, on_delete=models.CASCADE, db_index=False)
    position = models.IntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["tenant_id", "value", "product"], name="variant_value_products")]
