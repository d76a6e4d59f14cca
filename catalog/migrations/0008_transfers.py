import django.db.models.deletion
from django.db import migrations, models

import commerce.db.fields
import commerce.db.models
from commerce.db.operations import AllowRelay


def released(table: str, column: str) -> migrations.RunSQL:
    """Have what a column named deleted (0004_files), of a table with several such columns."""
    is_file = f"OLD.{column} <> ''"
    return migrations.RunSQL(
        f"""
        CREATE TRIGGER release_{column}_deleted AFTER DELETE ON {table}
        FOR EACH ROW WHEN ({is_file}) EXECUTE FUNCTION release_file('{column}');
        CREATE TRIGGER release_{column}_changed AFTER UPDATE OF {column} ON {table}
        FOR EACH ROW WHEN ({is_file} AND OLD.{column} IS DISTINCT FROM NEW.{column})
        EXECUTE FUNCTION release_file('{column}')
        """,
        f"DROP TRIGGER release_{column}_deleted ON {table}; DROP TRIGGER release_{column}_changed ON {table}",
    )


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0007_slugs_of_any_language"),
        ("jobs", "0002_permission"),
    ]

    operations = [
        migrations.CreateModel(
            name="Export",
            fields=[
                ("tenant_id", commerce.db.fields.TenantField()),
                (
                    "id",
                    models.UUIDField(
                        default=commerce.db.models.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("version", models.BigIntegerField(default=1, editable=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("channel", models.CharField(blank=True, max_length=255)),
                ("file_name", models.CharField(max_length=250)),
                ("size", models.BigIntegerField(default=0)),
                ("notes", models.JSONField(default=list)),
                ("actor", models.CharField(blank=True, max_length=200)),
                ("expires_at", models.DateTimeField()),
                (
                    "format",
                    models.CharField(
                        choices=[("catalogue", "Catalogue"), ("shopify", "Shopify"), ("woocommerce", "Woocommerce")],
                        max_length=20,
                    ),
                ),
                ("file", models.FileField(blank=True, max_length=500, upload_to="private/exports")),
                ("lines", models.BigIntegerField(default=0)),
                (
                    "job",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="jobs.job",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["tenant_id", "expires_at"], name="export_expiry")],
            },
        ),
        migrations.CreateModel(
            name="Import",
            fields=[
                ("tenant_id", commerce.db.fields.TenantField()),
                (
                    "id",
                    models.UUIDField(
                        default=commerce.db.models.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("version", models.BigIntegerField(default=1, editable=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("channel", models.CharField(blank=True, max_length=255)),
                ("file_name", models.CharField(max_length=250)),
                ("size", models.BigIntegerField(default=0)),
                ("notes", models.JSONField(default=list)),
                ("actor", models.CharField(blank=True, max_length=200)),
                ("expires_at", models.DateTimeField()),
                (
                    "format",
                    models.CharField(
                        choices=[
                            ("catalogue", "Catalogue"),
                            ("shopify", "Shopify"),
                            ("woocommerce", "Woocommerce"),
                            ("mapping", "Mapping"),
                        ],
                        max_length=20,
                    ),
                ),
                ("mapping", models.TextField(blank=True)),
                ("file", models.FileField(max_length=500, upload_to="private/imports")),
                ("corrections", models.FileField(blank=True, max_length=500, upload_to="private/imports")),
                ("is_paused", models.BooleanField(default=False)),
                (
                    "job",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="jobs.job",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="catalog.importrun",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["tenant_id", "expires_at"], name="import_expiry")],
            },
        ),
        released("catalog_import", "file"),
        released("catalog_import", "corrections"),
        released("catalog_export", "file"),
        AllowRelay("catalog_import", columns=(), reads=("tenant_id",)),
        AllowRelay("catalog_export", columns=(), reads=("tenant_id",)),
    ]
