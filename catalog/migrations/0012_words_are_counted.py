from datetime import UTC, datetime

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("catalog", "0011_search_by_words_alone")]

    operations = [
        migrations.AddField("searchword", "counted_at", models.DateTimeField(db_default=NEVER, default=NEVER)),
        AddIndexConcurrently(
            "searchword",
            models.Index(fields=["tenant_id", "counted_at", "language"], name="search_word_counted"),
        ),
    ]
