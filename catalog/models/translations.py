from django.db import models

from commerce.db.models import TenantModel
from commerce.db.topics.declared import Topic, Topics


class Translation(TenantModel):
    """The words of one object in one language (BCP 47); an empty column falls back to the object's own.

    `object_kind` is the dialect's type name (Product, Category, AttributeValue …).
    """

    topics = Topics(Topic("translation", by="object_id"))

    object_kind = models.CharField(max_length=40)
    object_id = models.UUIDField()
    language = models.CharField(max_length=20)
    name = models.CharField(max_length=500, blank=True)
    # NULL, never "": a translation without a slug of its own does not collide with another.
    slug = models.SlugField(max_length=255, null=True, blank=True, allow_unicode=True, db_index=False)
    description = models.JSONField(null=True, blank=True)
    seo_title = models.CharField(max_length=200, blank=True)
    seo_description = models.CharField(max_length=500, blank=True)
    plain_text = models.TextField(blank=True)
    rich_text = models.JSONField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "object_id", "language"], name="translation_once"),
            models.UniqueConstraint(fields=["tenant_id", "object_kind", "language", "slug"], name="translation_slug"),
        ]
        # A slug of whatever language.
        indexes = [models.Index(fields=["tenant_id", "object_kind", "slug"], name="translation_any_slug")]

    def __str__(self) -> str:
        return f"{self.object_kind} {self.language}: {self.name}"
