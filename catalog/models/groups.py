from django.db import models

from commerce.db.models import TenantModel, TenantRow, WithMetadata
from commerce.db.topics.declared import Topic, Topics, clock_index


class Category(WithMetadata, TenantModel):
    """A node of the tenant's tree of categories; a root has level 0."""

    topics = Topics(Topic("category", by="id"))

    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="children")
    name = models.CharField(max_length=250)
    slug = models.SlugField(max_length=255, allow_unicode=True, db_index=False)
    level = models.IntegerField(default=0, editable=False)
    position = models.IntegerField(default=0)
    description = models.JSONField(null=True, blank=True)
    seo_title = models.CharField(max_length=200, blank=True)
    seo_description = models.CharField(max_length=500, blank=True)
    background_image = models.FileField(upload_to="categories", max_length=500, blank=True)
    background_image_alt = models.CharField(max_length=250, blank=True)
    external_reference = models.CharField(max_length=250, null=True, blank=True)

    class Meta:
        verbose_name_plural = "categories"
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "slug"], name="category_slug"),
            models.UniqueConstraint(fields=["tenant_id", "external_reference"], name="category_external_reference"),
        ]
        indexes = [models.Index(fields=["tenant_id", "level", "name", "id"], name="category_level")]

    def __str__(self) -> str:
        return self.name


class Collection(WithMetadata, TenantModel):
    """A merchant's own selection of products, in the merchant's order."""

    topics = Topics(Topic("collection", by="id"))

    name = models.CharField(max_length=250)
    slug = models.SlugField(max_length=255, allow_unicode=True, db_index=False)
    description = models.JSONField(null=True, blank=True)
    seo_title = models.CharField(max_length=200, blank=True)
    seo_description = models.CharField(max_length=500, blank=True)
    background_image = models.FileField(upload_to="collections", max_length=500, blank=True)
    background_image_alt = models.CharField(max_length=250, blank=True)
    external_reference = models.CharField(max_length=250, null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "slug"], name="collection_slug"),
            models.UniqueConstraint(fields=["tenant_id", "external_reference"], name="collection_external_reference"),
        ]

    def __str__(self) -> str:
        return self.name


class CollectionPublication(TenantModel):
    """Whether, and from when (UTC), a collection is shown in a channel."""

    topics = Topics(Topic("collection", by="collection_id"), clock=("published_at",))

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="publications", db_index=False)
    channel = models.ForeignKey("tenants.Channel", on_delete=models.CASCADE)
    is_published = models.BooleanField(default=True)
    published_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "collection", "channel"], name="collection_publication_once")
        ]
        indexes = [clock_index("published_at", name="collection_next_start")]

    def __str__(self) -> str:
        return "published" if self.is_published else "not published"


class CollectionProduct(TenantModel):
    """A product's place in a collection."""

    topics = Topics(Topic("collection", by="collection_id"), Topic("product", by="product_id"))

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, db_index=False)
    product = models.ForeignKey("catalog.Product", on_delete=models.CASCADE)
    position = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "collection", "product"], name="collection_product_once")
        ]

    def __str__(self) -> str:
        return f"place {self.position}"


class ProductGroup(TenantRow):
    """Written down for lists: a product is in this category (all ancestors too) or collection."""

    topics = Topics(Topic("group"))

    pk = models.CompositePrimaryKey("tenant_id", "group_id", "product_id")
    group_id = models.UUIDField()
    product = models.ForeignKey("catalog.Product", on_delete=models.CASCADE)
    position = models.IntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["tenant_id", "group_id", "position", "product"], name="product_group_position")]
