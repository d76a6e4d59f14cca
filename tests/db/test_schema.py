"""What the schema editor makes of unmodified migrations, tried on throw-away tables that are rolled back."""

from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import connections, migrations, models, transaction
from django.db.migrations.state import ProjectState
from django.db.models.functions import Lower

from commerce.db import isolation
from commerce.db.fields import TenantField

CASCADE = models.CASCADE


class Database:
    """Applies migration operations in one transaction and reads what came of it."""

    def __init__(self, cursor: Any) -> None:
        self.cursor = cursor
        self.state = ProjectState()

    def apply(self, *operations: Any) -> None:
        with connections["owner"].schema_editor(atomic=False) as editor:
            for operation in operations:
                before, self.state = self.state, self.state.clone()
                operation.state_forwards("spy", self.state)
                operation.database_forwards("spy", editor, before, self.state)

    def constraints(self, table: str) -> set[str]:
        """Return the definitions of a table's keys, unique constraints, foreign keys and checks."""
        return self._set("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass", table)

    def indexes(self, table: str) -> set[str]:
        """Return the columns (and condition) of the indexes that are no constraint."""
        definitions = self._set(
            "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = %s::regclass AND NOT EXISTS ("
            "SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u'))",
            table,
        )
        return {definition.partition(" USING ")[2] for definition in definitions}

    def findings(self) -> list[str]:
        """Return what check_isolation says, but for the missing models of these tables."""
        return [str(finding) for finding in isolation.check(self.cursor) if finding.rule != "table-without-model"]

    def _set(self, sql: str, table: str) -> set[str]:
        self.cursor.execute(sql, [table])
        return {row[0] for row in self.cursor.fetchall()}


@pytest.fixture
def database():
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        yield Database(cursor)
        transaction.set_rollback(True, using="owner")


def model(name: str, *fields: Any, **options: Any) -> migrations.CreateModel:
    """Return the operation that makemigrations writes for a TenantModel."""
    own = [
        ("tenant_id", TenantField()),
        ("id", models.UUIDField(primary_key=True)),
        ("version", models.BigIntegerField(default=1)),
        ("updated_at", models.DateTimeField(auto_now=True)),
    ]
    return migrations.CreateModel(name, [*own, *fields], options)


def to(name: str, **options: Any) -> models.ForeignKey:
    return models.ForeignKey(f"spy.{name}", CASCADE, **options)


SHOP = model("Shop", ("slug", models.SlugField(unique=True)))


def key(column: str, table: str) -> str:
    return f"FOREIGN KEY (tenant_id, {column}) REFERENCES {table}(tenant_id, id) DEFERRABLE INITIALLY DEFERRED"


# --- Making tables ------------------------------------------------------------------------------------------------


def test_a_tenants_table_gets_its_keys_policies_and_indexes(database):
    database.apply(
        SHOP,
        model(
            "Item",
            ("shop", to("Shop")),
            ("parent", to("Item", null=True)),
            ("twin", models.OneToOneField("spy.Shop", CASCADE, related_name="+")),
            ("name", models.CharField(max_length=20, db_index=True)),
            ("code", models.CharField(max_length=20, unique=True)),
            ("size", models.IntegerField()),
            indexes=[
                models.Index(fields=["size", "-name"], name="spy_size"),
                models.Index(fields=["tenant_id", "name", "size"], name="spy_name"),
                models.Index(fields=["size"], name="spy_covering", include=["code"], condition=models.Q(size__gt=1)),
            ],
            constraints=[
                models.UniqueConstraint(fields=["size", "name"], name="spy_once"),
                models.UniqueConstraint(fields=["name"], condition=models.Q(size=1), name="spy_first"),
                models.UniqueConstraint(fields=["tenant_id", "code", "size"], name="spy_twice"),
                models.CheckConstraint(condition=models.Q(size__gte=0), name="spy_positive"),
            ],
            unique_together={("code", "name")},
        ),
    )
    assert database.constraints("spy_shop") == {"PRIMARY KEY (tenant_id, id)", "UNIQUE (tenant_id, slug)"}
    assert database.constraints("spy_item") == {
        "PRIMARY KEY (tenant_id, id)",
        key("shop_id", "spy_shop"),
        key("parent_id", "spy_item"),
        key("twin_id", "spy_shop"),
        "UNIQUE (tenant_id, twin_id)",
        "UNIQUE (tenant_id, code)",
        "UNIQUE (tenant_id, code, name)",
        "UNIQUE (tenant_id, size, name)",
        "UNIQUE (tenant_id, code, size)",
        "CHECK ((size >= 0))",
    }
    assert database.indexes("spy_item") == {
        "btree (tenant_id, shop_id)",
        "btree (tenant_id, parent_id)",
        "btree (tenant_id, name)",
        "btree (tenant_id, size, name DESC)",
        "btree (tenant_id, name, size)",
        "btree (tenant_id, size) INCLUDE (code) WHERE (size > 1)",
        "btree (tenant_id, name) WHERE (size = 1)",
    }
    assert database.findings() == []


def test_a_row_without_an_identity_has_the_key_that_it_names(database):
    database.apply(
        SHOP,
        migrations.CreateModel(
            "Pair",
            [
                ("tenant_id", TenantField()),
                ("pk", models.CompositePrimaryKey("tenant_id", "one_id", "other_id")),
                ("one", to("Shop", related_name="+", db_index=False)),
                ("other", to("Shop", related_name="+", db_index=False)),
            ],
        ),
    )
    assert database.constraints("spy_pair") == {
        "PRIMARY KEY (tenant_id, one_id, other_id)",
        key("one_id", "spy_shop"),
        key("other_id", "spy_shop"),
    }
    assert database.findings() == []


def test_an_adopted_table_is_a_tenants_table():
    with connections["owner"].cursor() as cursor:
        found = Database(cursor)
        assert found.constraints("django_admin_log") >= {
            "PRIMARY KEY (tenant_id, id)",
            "FOREIGN KEY (tenant_id, user_id) REFERENCES tenants_user(tenant_id, id) DEFERRABLE INITIALLY DEFERRED",
        }
        assert all(index.startswith("btree (tenant_id, ") for index in found.indexes("django_admin_log"))


def test_a_table_of_nobody_is_the_platforms(database):
    database.apply(migrations.CreateModel("Note", [("id", models.BigAutoField(primary_key=True))]))
    findings = database.findings()
    assert [finding.split(":")[0] for finding in findings] == [
        "table-tenant",
        "table-rls-enabled",
        "table-rls-forced",
        "column-counter",
        "key-primary",
        "policy-missing",
        "policy-missing",
    ]
    assert all("spy_note" in finding for finding in findings)


# --- Changing them ----------------------------------------------------------------------------------------------------

ITEM = model("Item", ("shop", to("Shop")), ("name", models.CharField(max_length=20)), ("size", models.IntegerField()))
PLAIN = {"PRIMARY KEY (tenant_id, id)", key("shop_id", "spy_shop")}
INDEXED = {"btree (tenant_id, shop_id)"}


@pytest.mark.parametrize(
    ("operations", "constraints", "indexes"),
    [
        pytest.param(
            [migrations.AddField("Item", "other", to("Shop", null=True, related_name="+"))],
            PLAIN | {key("other_id", "spy_shop")},
            INDEXED | {"btree (tenant_id, other_id)"},
            id="add a foreign key",
        ),
        pytest.param(
            [migrations.AddField("Item", "code", models.CharField(max_length=9, unique=True, null=True))],
            PLAIN | {"UNIQUE (tenant_id, code)"},
            INDEXED,
            id="add a unique field",
        ),
        pytest.param(
            [migrations.AddField("Item", "code", models.CharField(max_length=9, db_index=True, default=""))],
            PLAIN,
            INDEXED | {"btree (tenant_id, code)"},
            id="add an indexed field",
        ),
        pytest.param(
            [migrations.AddField("Item", "twin", models.OneToOneField("spy.Shop", CASCADE, null=True))],
            PLAIN | {key("twin_id", "spy_shop"), "UNIQUE (tenant_id, twin_id)"},
            INDEXED,
            id="add a one-to-one",
        ),
        pytest.param(
            [migrations.AlterField("Item", "name", models.CharField(max_length=20, unique=True))],
            PLAIN | {"UNIQUE (tenant_id, name)"},
            INDEXED,
            id="make a field unique",
        ),
        pytest.param(
            [
                migrations.AlterField("Item", "name", models.CharField(max_length=20, unique=True)),
                migrations.AlterField("Item", "name", models.CharField(max_length=30)),
            ],
            PLAIN,
            INDEXED,
            id="make it unique and not",
        ),
        pytest.param(
            [migrations.AlterField("Item", "name", models.CharField(max_length=20, db_index=True))],
            PLAIN,
            INDEXED | {"btree (tenant_id, name)"},
            id="index a field",
        ),
        pytest.param(
            [
                migrations.AlterField("Item", "name", models.SlugField(db_index=True)),
                migrations.AlterField("Item", "name", models.TextField()),
            ],
            PLAIN,
            INDEXED,
            id="index it and not",
        ),
        pytest.param(
            [migrations.AlterField("Item", "size", models.BigIntegerField(null=True))], PLAIN, INDEXED, id="widen"
        ),
        pytest.param(
            [migrations.AlterField("Item", "shop", to("Shop", null=True))], PLAIN, INDEXED, id="let a reference be null"
        ),
        pytest.param(
            [migrations.AlterField("Item", "shop", to("Shop", db_index=False))], PLAIN, set(), id="no index on it"
        ),
        pytest.param(
            [migrations.AlterField("Item", "shop", to("Item"))],
            {"PRIMARY KEY (tenant_id, id)", key("shop_id", "spy_item")},
            INDEXED,
            id="lead it elsewhere",
        ),
        pytest.param(
            [migrations.AlterField("Item", "shop", models.OneToOneField("spy.Shop", CASCADE))],
            PLAIN | {"UNIQUE (tenant_id, shop_id)"},
            set(),
            id="make it one-to-one",
        ),
        pytest.param(
            [
                migrations.AlterField("Item", "shop", to("Shop", db_constraint=False)),
                migrations.AlterField("Item", "shop", to("Shop")),
            ],
            PLAIN,
            INDEXED,
            id="take the constraint away and back",
        ),
        pytest.param(
            [migrations.RenameField("Item", "shop", "house")],
            {"PRIMARY KEY (tenant_id, id)", key("house_id", "spy_shop")},
            {"btree (tenant_id, house_id)"},
            id="rename a reference",
        ),
        pytest.param([migrations.RemoveField("Item", "shop")], {"PRIMARY KEY (tenant_id, id)"}, set(), id="remove it"),
        pytest.param(
            [
                migrations.AddConstraint("Item", models.UniqueConstraint(fields=["name"], name="spy_name")),
                migrations.RemoveConstraint("Item", "spy_name"),
                migrations.AddConstraint("Item", models.UniqueConstraint(fields=["size", "name"], name="spy_both")),
            ],
            PLAIN | {"UNIQUE (tenant_id, size, name)"},
            INDEXED,
            id="add and remove constraints",
        ),
        pytest.param(
            [
                migrations.AddConstraint(
                    "Item",
                    models.UniqueConstraint(fields=["name"], name="spy_later", deferrable=models.Deferrable.DEFERRED),
                )
            ],
            PLAIN | {"UNIQUE (tenant_id, name) DEFERRABLE INITIALLY DEFERRED"},
            INDEXED,
            id="add a deferred constraint",
        ),
        pytest.param(
            [
                migrations.AlterUniqueTogether("Item", {("name", "size")}),
                migrations.AlterUniqueTogether("Item", set()),
            ],
            PLAIN,
            INDEXED,
            id="unique together and not",
        ),
        pytest.param(
            [
                migrations.AddIndex("Item", models.Index(fields=["size"], name="spy_size")),
                migrations.RenameIndex("Item", new_name="spy_sizes", old_name="spy_size"),
                migrations.AddIndex("Item", models.Index(fields=["name"], name="spy_name")),
                migrations.RemoveIndex("Item", "spy_name"),
            ],
            PLAIN,
            INDEXED | {"btree (tenant_id, size)"},
            id="add, rename and remove indexes",
        ),
        pytest.param(
            [
                migrations.AddIndex(
                    "Item", models.Index(fields=["name"], name="spy_prefix", opclasses=["varchar_pattern_ops"])
                )
            ],
            PLAIN,
            INDEXED | {"btree (tenant_id, name varchar_pattern_ops)"},
            id="add an index with an operator class",
        ),
        pytest.param(
            [migrations.RenameModel("Shop", "House")],
            {"PRIMARY KEY (tenant_id, id)", key("shop_id", "spy_house")},
            INDEXED,
            id="rename what it leads to",
        ),
        pytest.param(
            [migrations.AlterModelTable("Shop", "spy_house")],
            {"PRIMARY KEY (tenant_id, id)", key("shop_id", "spy_house")},
            INDEXED,
            id="rename the table that it leads to",
        ),
        pytest.param(
            [migrations.AlterField("Shop", "id", models.CharField(max_length=36, primary_key=True))],
            PLAIN,
            INDEXED,
            id="change the type of an identity",
        ),
    ],
)
def test_changes_keep_the_tenant_first(database, operations, constraints, indexes):
    database.apply(SHOP, ITEM)
    database.apply(*operations)
    assert database.constraints("spy_item") == constraints
    assert database.indexes("spy_item") == indexes
    assert database.findings() == []


def test_an_index_made_concurrently_begins_with_the_tenant():
    state = ProjectState()
    for operation in (SHOP, ITEM):
        operation.state_forwards("spy", state)
    addition = AddIndexConcurrently("Item", models.Index(fields=["name"], name="spy_name"))
    after = state.clone()
    addition.state_forwards("spy", after)
    with connections["owner"].schema_editor(collect_sql=True, atomic=False) as editor:
        addition.database_forwards("spy", editor, state, after)
    assert editor.collected_sql == ['CREATE INDEX CONCURRENTLY "spy_name" ON "spy_item" ("tenant_id", "name");']


def test_a_deleted_model_leaves_nothing(database):
    database.apply(SHOP, ITEM, migrations.DeleteModel("Item"))
    database.cursor.execute("SELECT to_regclass('spy_item'), to_regclass('spy_shop') IS NULL")
    assert database.cursor.fetchone() == (None, False)
    assert database.findings() == []


# --- What it refuses ------------------------------------------------------------------------------------


@contextmanager
def refused(message: str):
    with pytest.raises(ValueError, match=message):
        yield


def test_an_automatic_many_to_many_table_is_refused(database):
    with refused("has no tenant; name an explicit `through`"):
        database.apply(SHOP, model("Tag", ("shops", models.ManyToManyField("spy.Shop"))))


def test_an_automatic_many_to_many_table_is_refused_when_it_comes_later(database):
    database.apply(SHOP, ITEM)
    with refused("has no tenant; name an explicit `through`"):
        database.apply(migrations.AddField("Item", "shops", models.ManyToManyField("spy.Shop", related_name="+")))


@pytest.mark.parametrize(
    "operation",
    [
        migrations.AddIndex("Item", models.Index(Lower("name"), name="spy_lower")),
        migrations.AddConstraint("Item", models.UniqueConstraint(Lower("name"), name="spy_lower")),
    ],
)
def test_an_index_on_an_expression_is_refused(database, operation):
    database.apply(SHOP, ITEM)
    with refused("never used under row-level security"):
        database.apply(operation)


def test_a_platform_table_does_not_lead_to_a_tenants(database):
    with refused("a platform table cannot point at a tenant's"):
        database.apply(
            SHOP, migrations.CreateModel("Note", [("id", models.BigAutoField(primary_key=True)), ("shop", to("Shop"))])
        )


def test_a_platform_table_does_not_lead_to_a_tenants_later(database):
    database.apply(SHOP, migrations.CreateModel("Note", [("id", models.BigAutoField(primary_key=True))]))
    with refused("a platform table cannot point at a tenant's"):
        database.apply(migrations.AddField("Note", "shop", to("Shop", null=True)))


def test_a_platform_table_does_not_become_a_tenants(database):
    database.apply(migrations.CreateModel("Note", [("id", models.BigAutoField(primary_key=True))]))
    with refused("cannot become a tenant's"):
        database.apply(migrations.AddField("Note", "tenant_id", TenantField()))


def test_a_tenants_table_does_not_become_the_platforms(database):
    database.apply(SHOP)
    with refused("cannot cease to be a tenant's"):
        database.apply(migrations.RemoveField("Shop", "tenant_id"))
