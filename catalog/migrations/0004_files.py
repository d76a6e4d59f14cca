from django.db import migrations, models

import commerce.db.fields
import commerce.db.models

# What a row named and names no longer is written down in the same transaction, whoever changes it and how.
FUNCTION = """
CREATE FUNCTION release_file() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE released text := to_jsonb(OLD) ->> TG_ARGV[0];
BEGIN
  IF octet_length(released) <= 1000 THEN
    INSERT INTO catalog_releasedfile (tenant_id, name, released_at)
    VALUES (OLD.tenant_id, released, statement_timestamp()) ON CONFLICT DO NOTHING;
  END IF;
  RETURN NULL;
END $$
"""


def released(table: str, column: str) -> migrations.RunSQL:
    is_file = f"OLD.{column} <> '' AND OLD.{column} !~ '^https?://'"
    return migrations.RunSQL(
        f"""
        CREATE TRIGGER release_file_deleted AFTER DELETE ON {table}
        FOR EACH ROW WHEN ({is_file}) EXECUTE FUNCTION release_file('{column}');
        CREATE TRIGGER release_file_changed AFTER UPDATE OF {column} ON {table}
        FOR EACH ROW WHEN ({is_file} AND OLD.{column} IS DISTINCT FROM NEW.{column})
        EXECUTE FUNCTION release_file('{column}')
        """,
        f"DROP TRIGGER release_file_deleted ON {table}; DROP TRIGGER release_file_changed ON {table}",
    )


class Migration(migrations.Migration):
    dependencies = [("catalog", "0003_menus_and_pages")]

    operations = [
        migrations.CreateModel(
            name="ReleasedFile",
            fields=[
                ("tenant_id", commerce.db.fields.TenantField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant_id", "name", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=1000)),
                ("released_at", models.DateTimeField()),
            ],
            options={"abstract": False},
        ),
        migrations.CreateModel(
            name="Thumbnail",
            fields=[
                ("tenant_id", commerce.db.fields.TenantField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant_id",
                        "source",
                        "size",
                        "format",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("source", models.CharField(max_length=500)),
                ("size", models.IntegerField()),
                (
                    "format",
                    models.CharField(
                        choices=[("ORIGINAL", "Original"), ("AVIF", "Avif"), ("WEBP", "Webp")], max_length=10
                    ),
                ),
                ("name", models.CharField(blank=True, max_length=500)),
                ("holder", models.UUIDField(null=True)),
                ("claimed_at", models.DateTimeField()),
                ("error", models.CharField(blank=True, max_length=500)),
            ],
            options={"abstract": False},
        ),
        migrations.CreateModel(
            name="Upload",
            fields=[
                ("tenant_id", commerce.db.fields.TenantField()),
                ("version", models.BigIntegerField(default=1, editable=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "id",
                    models.UUIDField(
                        default=commerce.db.models.new_secret_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("target_kind", models.CharField(max_length=50)),
                ("target_id", models.UUIDField()),
                ("file_name", models.CharField(max_length=250)),
                ("content_type", models.CharField(blank=True, max_length=100)),
                ("size", models.BigIntegerField()),
                ("alt", models.CharField(blank=True, max_length=250)),
                ("stored_name", models.CharField(blank=True, max_length=500)),
                ("actor", models.CharField(blank=True, max_length=200)),
                ("expires_at", models.DateTimeField()),
            ],
            options={"indexes": [models.Index(fields=["tenant_id", "expires_at"], name="upload_expiry")]},
        ),
        migrations.RunSQL(FUNCTION, "DROP FUNCTION release_file()"),
        released("catalog_media", "file"),
        released("catalog_category", "background_image"),
        released("catalog_collection", "background_image"),
        released("catalog_attributevalue", "file_url"),
    ]
