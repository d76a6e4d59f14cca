from django.db import models

from commerce.db.models import TenantRow
from commerce.db.topics.declared import Topic, Topics, clock_index


class Listing(TenantRow):
    """Written down for lists: all that a list filters or sorts by, per product, channel and window of time.

    A product's windows [valid_from, valid_to) do not overlap and cover all time (±infinity), so that what
    changes by the clock alone is stored ahead. Prices are minor units; null prices: nothing to buy here.
    """

    topics = Topics(
        Topic("listing", by="channel_id"),
        Topic("product", by="product_id"),
        clock=("valid_from", "valid_to"),
        timeless=("newest_at",),
    )

    pk = models.CompositePrimaryKey("tenant_id", "channel_id", "product_id", "valid_from")
    channel = models.ForeignKey("tenants.Channel", on_delete=models.CASCADE, db_index=False)
    product = models.ForeignKey("catalog.Product", on_delete=models.CASCADE)
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField()
    is_published = models.BooleanField()
    is_visible = models.BooleanField()
    is_purchasable = models.BooleanField()
    in_stock = models.BooleanField()
    on_sale = models.BooleanField()
    currency = models.CharField(max_length=3)
    price_min = models.BigIntegerField(null=True)
    price_max = models.BigIntegerField(null=True)
    undiscounted_min = models.BigIntegerField(null=True)
    undiscounted_max = models.BigIntegerField(null=True)
    rank = models.FloatField(default=0)
    newest_at = models.DateTimeField()
    # That of the product, 0 where nobody has rated it.
    rating = models.FloatField(default=0, db_default=0)

    class Meta:
        indexes = [
            models.Index(
                fields=["tenant_id", "channel", "price_min", "product"],
                name="listing_price",
                condition=models.Q(is_visible=True),
            ),
            models.Index(
                fields=["tenant_id", "channel", "newest_at", "product"],
                name="listing_newest",
                condition=models.Q(is_visible=True),
            ),
            models.Index(
                fields=["tenant_id", "channel", "rank", "product"],
                name="listing_rank",
                condition=models.Q(is_visible=True),
            ),
            models.Index(
                fields=["tenant_id", "channel", "rating", "product"],
                name="listing_rating",
                condition=models.Q(is_visible=True),
            ),
            # Products of which some variant may cost so much: the first two columns are compared, the others shown.
            models.Index(
                fields=["tenant_id", "channel", "undiscounted_max", "undiscounted_min", "product"],
                name="listing_undiscounted",
                condition=models.Q(is_visible=True),
            ),
            # The few that are sold out or not for sale.
            models.Index(
                fields=["tenant_id", "channel", "product"],
                name="listing_wanting",
                condition=models.Q(in_stock=False) | models.Q(is_purchasable=False),
            ),
            clock_index("valid_from", name="listing_next_start"),
            clock_index("valid_to", name="listing_next_end"),
        ]


class ListingName(TenantRow):
    """Written down for lists: a product's place in the order of names of one language.

    `name_key` is the sort key of the Unicode collation algorithm (UTS 10) tailored to the language.
    """

    topics = Topics(Topic("listing", by="channel_id"))

    pk = models.CompositePrimaryKey("tenant_id", "channel_id", "language", "product_id")
    channel = models.ForeignKey("tenants.Channel", on_delete=models.CASCADE, db_index=False)
    product = models.ForeignKey("catalog.Product", on_delete=models.CASCADE)
    language = models.CharField(max_length=20)
    name_key = models.BinaryField()

    class Meta:
        indexes = [
            models.Index(fields=["tenant_id", "channel", "language", "name_key", "product"], name="listing_name_order")
        ]
