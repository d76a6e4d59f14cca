import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
from django.db import migrations, models

import commerce.db.fields
import commerce.db.models

# Full-text search is not leakproof: under row-level security the index is reached through a plain view alone, whose
# owner has a policy that shows it the table, and which holds itself to the tenant in scope.
VIEW = """
CREATE POLICY reader ON catalog_searchdocument FOR SELECT TO commerce_reader USING (true);
GRANT SELECT ON catalog_searchdocument TO commerce_reader;
CREATE VIEW catalog_search AS
  SELECT product_id, language, words, head, quality, sold_out_in FROM catalog_searchdocument
  WHERE tenant_id = (SELECT current_tenant());
GRANT SELECT ON catalog_search TO commerce_app, commerce_platform;
ALTER VIEW catalog_search OWNER TO commerce_reader;
"""
NO_VIEW = """
SET LOCAL ROLE commerce_reader;
DROP VIEW catalog_search;
SET LOCAL ROLE NONE;
REVOKE ALL ON catalog_searchdocument FROM commerce_reader;
DROP POLICY reader ON catalog_searchdocument;
"""
# Ranking reads many rows and no `words`: these are kept apart, so that the rows stay short. And the words tell the
# tenant already: a planner that took it for a condition of its own would read all of its keys beside them.
STORAGE = """
ALTER TABLE catalog_searchdocument ALTER COLUMN tenant_id SET (n_distinct = 1);
ALTER TABLE catalog_searchdocument SET (toast_tuple_target = 256, fillfactor = 85);
ALTER TABLE catalog_searchdocument ALTER COLUMN words SET STORAGE EXTERNAL;
ALTER TABLE catalog_searchdocument ALTER COLUMN head SET STORAGE PLAIN;
ALTER TABLE catalog_searchdocument ALTER COLUMN sold_out_in SET STORAGE PLAIN;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0004_files"),
    ]

    operations = [
        migrations.CreateModel(
            name="SearchPending",
            fields=[
                ("tenant_id", commerce.db.fields.TenantField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant_id", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("id", models.UUIDField(default=commerce.db.models.new_id, editable=False)),
                ("object_kind", models.CharField(max_length=40)),
                ("object_id", models.UUIDField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="SearchTypo",
            fields=[
                ("tenant_id", commerce.db.fields.TenantField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant_id", "fragment", "word", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("fragment", models.BigIntegerField()),
                ("word", models.CharField(max_length=64)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="SearchWord",
            fields=[
                ("tenant_id", commerce.db.fields.TenantField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant_id", "language", "word", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("language", models.CharField(max_length=20)),
                ("word", models.CharField(db_collation="C", max_length=64)),
                ("shown", models.CharField(max_length=64)),
                ("documents", models.IntegerField(default=1)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="SearchDocument",
            fields=[
                ("tenant_id", commerce.db.fields.TenantField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant_id",
                        "product_id",
                        "language",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("language", models.CharField(max_length=20)),
                ("words", django.contrib.postgres.search.SearchVectorField()),
                ("head", django.contrib.postgres.search.SearchVectorField()),
                ("quality", models.FloatField(default=0)),
                (
                    "sold_out_in",
                    django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), default=list, size=None),
                ),
                (
                    "product",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.CASCADE, to="catalog.product"
                    ),
                ),
            ],
            options={
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(fastupdate=False, fields=["words"], name="search_words")
                ],
            },
        ),
        migrations.RunSQL(STORAGE, migrations.RunSQL.noop),
        migrations.RunSQL(VIEW, NO_VIEW),
    ]
