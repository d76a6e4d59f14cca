from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("catalog", "0006_whose_work_is_due"),
    ]

    operations = [
        AddIndexConcurrently(
            "translation",
            models.Index(fields=["tenant_id", "object_kind", "slug"], name="translation_any_slug"),
        ),
    ]
