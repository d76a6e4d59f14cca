from django.db import models

from commerce.db.models import TenantModel, WithMetadata
from commerce.db.topics.declared import Topic, Topics

# Levels of a menu: an item of the first has level 0.
MAX_LEVELS = 8


class Menu(WithMetadata, TenantModel):
    """A tree of links that a storefront shows, found by its slug ("navbar", "footer")."""

    topics = Topics(Topic("menu", by="id"))

    name = models.CharField(max_length=250)
    slug = models.SlugField(max_length=255, allow_unicode=True, db_index=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant_id", "slug"], name="menu_slug")]

    def __str__(self) -> str:
        return self.name


class MenuItem(WithMetadata, TenantModel):
    """A link of a menu: to a category, a collection, a page or a URL, or a heading without any.

    Items of one parent are in order of `position`. An item whose target is deleted goes with it.
    """

    topics = Topics(Topic("menu", by="menu_id"))

    TARGETS = ("category", "collection", "page")

    menu = models.ForeignKey(Menu, on_delete=models.CASCADE, related_name="items", db_index=False)
    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True, blank=True, related_name="children")
    name = models.CharField(max_length=250)
    level = models.IntegerField(default=0, editable=False)
    position = models.IntegerField(default=0)
    url = models.CharField(max_length=1000, blank=True)
    category = models.ForeignKey("catalog.Category", on_delete=models.CASCADE, null=True, blank=True)
    collection = models.ForeignKey("catalog.Collection", on_delete=models.CASCADE, null=True, blank=True)
    page = models.ForeignKey("catalog.Page", on_delete=models.CASCADE, null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["tenant_id", "menu", "position", "id"], name="menu_item_of_menu")]
        constraints = [
            models.CheckConstraint(
                name="menu_item_one_target",
                condition=(
                    models.Q(category=None, collection=None, page=None)
                    | models.Q(url="", collection=None, page=None)
                    | models.Q(url="", category=None, page=None)
                    | models.Q(url="", category=None, collection=None)
                ),
            ),
            models.CheckConstraint(name="menu_item_level", condition=models.Q(level__gte=0, level__lt=MAX_LEVELS)),
        ]

    def __str__(self) -> str:
        return self.name
