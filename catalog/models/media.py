from django.db import models

from commerce.db.models import TenantModel, TenantRow, WithMetadata
from commerce.db.topics.declared import Topic, Topics


class Media(WithMetadata, TenantModel):
    """A picture or video of a product: a stored file, or an address (`url`) elsewhere."""

    topics = Topics(Topic("product", by="product_id"))

    class Type(models.TextChoices):
        IMAGE = "IMAGE"
        VIDEO = "VIDEO"

    product = models.ForeignKey("catalog.Product", on_delete=models.CASCADE, related_name="media", db_index=False)
    type = models.CharField(max_length=10, choices=Type.choices, default=Type.IMAGE)
    alt = models.CharField(max_length=250, blank=True)
    url = models.CharField(max_length=1000, blank=True)
    file = models.FileField(upload_to="products", max_length=500, blank=True)
    position = models.IntegerField(default=0)
    external_reference = models.CharField(max_length=250, blank=True)

    class Meta:
        verbose_name_plural = "media"
        indexes = [models.Index(fields=["tenant_id", "product", "position", "id"], name="media_of_product")]
        constraints = [
            models.CheckConstraint(
                name="media_one_source",
                condition=(models.Q(url="") & ~models.Q(file="")) | (~models.Q(url="") & models.Q(file="")),
            )
        ]

    def __str__(self) -> str:
        return self.alt or self.url or self.file.name or ""


class VariantMedia(TenantRow):
    """A picture of the product that shows this variant."""

    topics = Topics(Topic("product", by="variant.product_id"))

    pk = models.CompositePrimaryKey("tenant_id", "variant_id", "media_id")
    variant = models.ForeignKey("catalog.Variant", on_delete=models.CASCADE, db_index=False)
    media = models.ForeignKey(Media, on_delete=models.CASCADE)
