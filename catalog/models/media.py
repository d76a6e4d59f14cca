from django.db import models

from commerce.db.models import TenantModel, TenantRow, WithMetadata, new_secret_id
from commerce.db.topics.declared import NOT_SHOWN, Topic, Topics


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


class Thumbnail(TenantRow):
    """A stored picture made smaller: of the stored file `source`, whoever shows it.

    `name` is the stored file, which is the source itself where that is small enough; empty while it is made, by
    whoever has `holder`, and where it cannot be made, for the reason in `error`.
    """

    topics = Topics(Topic("thumbnail"), timeless=("claimed_at",))

    class Format(models.TextChoices):
        ORIGINAL = "ORIGINAL"
        AVIF = "AVIF"
        WEBP = "WEBP"

    pk = models.CompositePrimaryKey("tenant_id", "source", "size", "format")
    source = models.CharField(max_length=500)
    size = models.IntegerField()
    format = models.CharField(max_length=10, choices=Format.choices)
    name = models.CharField(max_length=500, blank=True)
    holder = models.UUIDField(null=True)
    claimed_at = models.DateTimeField()
    error = models.CharField(max_length=500, blank=True)


class ReleasedFile(TenantRow):
    """A stored file that a row named and names no longer: to be deleted, unless another row still names it.

    Written by a trigger in the transaction of the change (`catalog.files`), and deleted once the file is gone.
    """

    topics = NOT_SHOWN

    pk = models.CompositePrimaryKey("tenant_id", "name")
    name = models.CharField(max_length=1000)
    released_at = models.DateTimeField()


class Upload(TenantModel):
    """A file that somebody was allowed to send straight to the storage, until `expires_at`.

    `stored_name` is where it was put after it was looked at; until the object names it, this row does.
    """

    topics = NOT_SHOWN

    id = models.UUIDField(primary_key=True, default=new_secret_id, editable=False)
    target_kind = models.CharField(max_length=50)
    target_id = models.UUIDField()
    file_name = models.CharField(max_length=250)
    content_type = models.CharField(max_length=100, blank=True)
    size = models.BigIntegerField()
    alt = models.CharField(max_length=250, blank=True)
    stored_name = models.CharField(max_length=500, blank=True)
    actor = models.CharField(max_length=200, blank=True)
    expires_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["tenant_id", "expires_at"], name="upload_expiry")]

    def __str__(self) -> str:
        return self.file_name
