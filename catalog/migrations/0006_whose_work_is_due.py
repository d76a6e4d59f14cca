from django.db import migrations

from commerce.db.operations import AllowRelay


class Migration(migrations.Migration):
    """Let the relay's role see which tenants have work left, and nothing of it."""

    dependencies = [("catalog", "0005_search")]
    operations = [
        AllowRelay(table, columns=(), reads=("tenant_id",))
        for table in ("catalog_searchpending", "catalog_releasedfile", "catalog_upload")
    ]
