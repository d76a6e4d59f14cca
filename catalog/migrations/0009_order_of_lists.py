from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import connections, migrations, models
from django.db.models.deletion import PROTECT

from commerce.db.operations import RunPerTenant
from commerce.db.scope import current_scope


def take_over_ratings(apps, tenant_id):
    """Write the ratings of products into their listing rows."""
    with connections[current_scope().alias].cursor() as cursor:
        cursor.execute(
            "UPDATE catalog_listing l SET rating = p.rating FROM catalog_product p "
            "WHERE p.id = l.product_id AND p.rating <> 0 AND l.rating <> p.rating"
        )


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("catalog", "0008_transfers"), ("commerce_db", "0001_initial")]

    operations = [
        migrations.AddField("listing", "rating", models.FloatField(default=0, db_default=0)),
        RunPerTenant(take_over_ratings, "ratings of listings"),
        AddIndexConcurrently(
            "listing",
            models.Index(
                condition=models.Q(("is_visible", True)),
                fields=["tenant_id", "channel", "rating", "product"],
                name="listing_rating",
            ),
        ),
        AddIndexConcurrently(
            "listing",
            models.Index(
                condition=models.Q(("is_visible", True)),
                fields=["tenant_id", "channel", "undiscounted_max", "undiscounted_min", "product"],
                name="listing_undiscounted",
            ),
        ),
        AddIndexConcurrently(
            "listing",
            models.Index(
                condition=models.Q(("in_stock", False), ("is_purchasable", False), _connector="OR"),
                fields=["tenant_id", "channel", "product"],
                name="listing_wanting",
            ),
        ),
        AddIndexConcurrently(
            "product",
            models.Index(fields=["tenant_id", "product_type", "slug"], name="product_of_type"),
        ),
        AddIndexConcurrently(
            "product",
            models.Index(fields=["tenant_id", "name", "id"], name="product_name"),
        ),
        # The new index begins with the same columns.
        migrations.AlterField(
            "product",
            "product_type",
            models.ForeignKey(db_index=False, on_delete=PROTECT, related_name="products", to="catalog.producttype"),
        ),
        AddIndexConcurrently(
            "producttype",
            models.Index(fields=["tenant_id", "name", "id"], name="product_type_name"),
        ),
        AddIndexConcurrently(
            "attributevalue",
            models.Index(
                fields=["tenant_id", "attribute", "position", "numeric", "name"], name="attribute_value_order"
            ),
        ),
    ]
