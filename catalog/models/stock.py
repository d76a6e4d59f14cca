from django.db import models

from commerce.db.models import TenantModel, TenantRow, WithMetadata
from commerce.db.topics.declared import Topic, Topics

# What shoppers are told at most of a variant's free pieces, so that exact stock stays the shop's own business.
MOST_SHOWN = 50


class Warehouse(WithMetadata, TenantModel):
    """A place that holds stock. `address` has the dialect's address keys in snake_case."""

    topics = Topics(Topic("warehouse"))

    name = models.CharField(max_length=250)
    slug = models.SlugField(max_length=255, allow_unicode=True, db_index=False)
    email = models.EmailField(blank=True)
    address = models.JSONField(default=dict, blank=True)
    is_private = models.BooleanField(default=True)
    external_reference = models.CharField(max_length=250, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant_id", "slug"], name="warehouse_slug")]

    def __str__(self) -> str:
        return self.name


class WarehouseChannel(TenantRow):
    """A channel that a warehouse serves."""

    topics = Topics(Topic("warehouse"))

    pk = models.CompositePrimaryKey("tenant_id", "warehouse_id", "channel_id")
    warehouse = models.ForeignKey(Warehouse, on_delete=models.CASCADE, db_index=False)
    channel = models.ForeignKey("tenants.Channel", on_delete=models.CASCADE)


class Stock(TenantModel):
    """Pieces of a variant in a warehouse. Reserving more than is on hand is refused by the database."""

    # "pieces" are exact; "quantity" is what shoppers are told of a variant, MOST_SHOWN at most.
    topics = Topics(Topic("pieces"), Topic("quantity", by="variant_id"))

    variant = models.ForeignKey("catalog.Variant", on_delete=models.CASCADE, related_name="stocks", db_index=False)
    warehouse = models.ForeignKey(Warehouse, on_delete=models.CASCADE)
    on_hand = models.IntegerField(default=0)
    reserved = models.IntegerField(default=0, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "variant", "warehouse"], name="stock_once"),
            models.CheckConstraint(
                name="stock_not_oversold",
                condition=models.Q(reserved__gte=0) & models.Q(on_hand__gte=models.F("reserved")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.on_hand} on hand, {self.reserved} reserved"

    @property
    def free(self) -> int:
        """The pieces that can be sold."""
        return self.on_hand - self.reserved
