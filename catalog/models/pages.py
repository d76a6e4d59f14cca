from django.db import models

from commerce.db.models import TenantModel, TenantRow, WithMetadata
from commerce.db.topics.declared import Topic, Topics, clock_index


class PageType(WithMetadata, TenantModel):
    """What a kind of page has: its attributes."""

    topics = Topics(Topic("page-type", by="id"))

    name = models.CharField(max_length=250)
    slug = models.SlugField(max_length=255, allow_unicode=True, db_index=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant_id", "slug"], name="page_type_slug")]

    def __str__(self) -> str:
        return self.name


class PageTypeAttribute(TenantModel):
    """An attribute of a page type."""

    topics = Topics(Topic("attribute"))

    page_type = models.ForeignKey(PageType, on_delete=models.CASCADE, db_index=False)
    attribute = models.ForeignKey("catalog.Attribute", on_delete=models.CASCADE)
    position = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "page_type", "attribute"], name="page_type_attribute_once")
        ]

    def __str__(self) -> str:
        return f"place {self.position}"


class Page(WithMetadata, TenantModel):
    """A text of the shop, shown in all channels from `published_at` (UTC) on; a null instant: at once.

    `content` is EditorJS.
    """

    topics = Topics(Topic("page", by="id"), clock=("published_at",))

    page_type = models.ForeignKey(PageType, on_delete=models.PROTECT, related_name="pages")
    title = models.CharField(max_length=250)
    slug = models.SlugField(max_length=255, allow_unicode=True, db_index=False)
    content = models.JSONField(null=True, blank=True)
    seo_title = models.CharField(max_length=200, blank=True)
    seo_description = models.CharField(max_length=500, blank=True)
    is_published = models.BooleanField(default=False)
    published_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant_id", "slug"], name="page_slug")]
        indexes = [clock_index("published_at", name="page_next_start")]

    def __str__(self) -> str:
        return self.title


class PageValue(TenantRow):
    """A value that a page has."""

    topics = Topics(Topic("assigned-value"), Topic("page", by="page_id"))

    pk = models.CompositePrimaryKey("tenant_id", "page_id", "value_id")
    page = models.ForeignKey(Page, on_delete=models.CASCADE, db_index=False)
    value = models.ForeignKey("catalog.AttributeValue", on_delete=models.CASCADE, db_index=False)
    position = models.IntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["tenant_id", "value", "page"], name="page_value_pages")]
