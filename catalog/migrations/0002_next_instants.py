from datetime import UTC, datetime

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


def clock_index(column: str, name: str) -> models.Index:
    within = {f"{column}__gt": datetime(1000, 1, 1, tzinfo=UTC), f"{column}__lt": datetime(9000, 1, 1, tzinfo=UTC)}
    return models.Index(condition=models.Q(**within), fields=["tenant_id", column], name=name)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("catalog", "0001_initial")]

    operations = [
        AddIndexConcurrently("collectionpublication", clock_index("published_at", "collection_next_start")),
        AddIndexConcurrently("listing", clock_index("valid_from", "listing_next_start")),
        AddIndexConcurrently("listing", clock_index("valid_to", "listing_next_end")),
    ]
