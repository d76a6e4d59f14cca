from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("catalog", "0009_order_of_lists")]

    operations = [
        AddIndexConcurrently(
            "product",
            models.Index(
                condition=models.Q(("metadata", {}), _negated=True),
                fields=["tenant_id", "id"],
                name="product_with_metadata",
            ),
        ),
    ]
