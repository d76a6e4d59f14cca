from django.db import models

from commerce.db.models import TenantModel, WithMetadata
from commerce.db.topics.declared import Topic, Topics


class Product(WithMetadata, TenantModel):
    """Something a shop offers; what is bought is one of its variants."""

    topics = Topics(Topic("product", by="id"))

    product_type = models.ForeignKey(
        "catalog.ProductType", on_delete=models.PROTECT, related_name="products", db_index=False
    )
    category = models.ForeignKey(
        "catalog.Category", on_delete=models.SET_NULL, null=True, blank=True, related_name="products"
    )
    name = models.CharField(max_length=500)
    slug = models.SlugField(max_length=255, allow_unicode=True, db_index=False)
    description = models.JSONField(null=True, blank=True)
    seo_title = models.CharField(max_length=200, blank=True)
    seo_description = models.CharField(max_length=500, blank=True)
    rating = models.FloatField(null=True, blank=True)
    weight_grams = models.IntegerField(null=True, blank=True)
    # NULL, never "": several products without a reference must not collide in the unique constraint.
    external_reference = models.CharField(max_length=250, null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "slug"], name="product_slug"),
            models.UniqueConstraint(fields=["tenant_id", "external_reference"], name="product_external_reference"),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "updated_at", "id"], name="product_modified"),
            models.Index(fields=["tenant_id", "product_type", "slug"], name="product_of_type"),
            models.Index(fields=["tenant_id", "name", "id"], name="product_name"),
            models.Index(fields=["tenant_id", "id"], name="product_with_metadata", condition=~models.Q(metadata={})),
        ]

    def __str__(self) -> str:
        return self.name


class ProductPublication(TenantModel):
    """Whether, and from when (UTC), a product is shown and sold in a channel. A null instant: at once."""

    topics = Topics(
        # Listing rows have the windows that these instants make; lists compare them with instants of the client.
        Topic("product", by="product_id"),
        timeless=("published_at", "available_for_purchase_at"),
    )

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="publications", db_index=False)
    channel = models.ForeignKey("tenants.Channel", on_delete=models.CASCADE, db_index=False)
    is_published = models.BooleanField(default=True)
    published_at = models.DateTimeField(null=True, blank=True)
    visible_in_listings = models.BooleanField(default=True)
    is_available_for_purchase = models.BooleanField(default=True)
    available_for_purchase_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "product", "channel"], name="product_publication_once")
        ]

    def __str__(self) -> str:
        return "published" if self.is_published else "not published"


class Variant(WithMetadata, TenantModel):
    """What is priced, stocked and sold."""

    topics = Topics(Topic("product", by="product_id"))

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="variants", db_index=False)
    sku = models.CharField(max_length=255, null=True, blank=True)
    name = models.CharField(max_length=255, blank=True)
    gtin = models.CharField(max_length=14, blank=True)
    position = models.IntegerField(default=0)
    track_inventory = models.BooleanField(default=True)
    quantity_limit_per_customer = models.IntegerField(null=True, blank=True)
    weight_grams = models.IntegerField(null=True, blank=True)
    external_reference = models.CharField(max_length=250, null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "sku"], name="variant_sku"),
            models.UniqueConstraint(fields=["tenant_id", "external_reference"], name="variant_external_reference"),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "product", "position", "id"], name="variant_of_product"),
            models.Index(fields=["tenant_id", "gtin"], name="variant_gtin"),
        ]

    def __str__(self) -> str:
        return self.sku or self.name or str(self.id)


class VariantPrice(TenantModel):
    """A variant's base price in a channel, in minor units of the channel's currency (ISO 4217).

    `cost` is what the shop pays; `prior_price` the price before a reduction (EU 98/6/EC, article 6a).
    """

    topics = Topics(Topic("product", by="variant.product_id"))

    variant = models.ForeignKey(Variant, on_delete=models.CASCADE, related_name="prices", db_index=False)
    channel = models.ForeignKey("tenants.Channel", on_delete=models.CASCADE, db_index=False)
    currency = models.CharField(max_length=3)
    price = models.BigIntegerField()
    cost = models.BigIntegerField(null=True, blank=True)
    prior_price = models.BigIntegerField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "variant", "channel"], name="variant_price_once"),
            models.CheckConstraint(name="variant_price_positive", condition=models.Q(price__gte=0)),
        ]

    def __str__(self) -> str:
        return f"{self.price} {self.currency} (minor units)"
