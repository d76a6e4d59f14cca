"""RunPerTenant on a loaded database of two tenants; and no migration changes rows in any other way."""

import re
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connections, migrations, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation

from catalog.models import Category, Product
from commerce.db.operations import RunPerTenant
from commerce.db.scope import current_scope, tenant_scope
from tests.factories.rows import load_every_model


class Crash(Exception):
    pass


@pytest.fixture
def loaded(tenant, other_tenant):
    return load_every_model(tenant), load_every_model(other_tenant)


@pytest.fixture
def state():
    return MigrationLoader(connections["owner"]).project_state()


def migrate(state, code, name: str, *, atomic: bool = False) -> None:
    """Apply a migration of this one operation, as `manage.py migrate` does."""
    migration = migrations.Migration("spy", "catalog")
    migration.operations = [RunPerTenant(code, name)]
    migration.atomic = atomic
    with connections["owner"].schema_editor(atomic=atomic) as editor:
        migration.apply(state.clone(), editor)


def names(shop) -> set[str]:
    with tenant_scope(shop.id, read_only=True):
        return set(Product.objects.values_list("name", flat=True))


def recorded(name: str) -> list[int]:
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT tenant_number FROM tenant_migration WHERE operation = %s", [f"catalog.{name}"])
        return [row[0] for row in cursor.fetchall()]


def test_it_changes_each_tenants_rows_and_only_those_in_reach(loaded, state):
    seen = {}

    def rename(historical_apps, tenant_id):
        products = historical_apps.get_model("catalog", "Product").objects
        seen[tenant_id] = set(products.values_list("tenant_id", flat=True))
        products.update(name=f"Renamed {tenant_id}")

    migrate(state, rename, loaded[0].slug)
    for shop in loaded:
        assert seen[shop.id] == {shop.id}
        assert names(shop) == {f"Renamed {shop.id}"}
    assert {shop.id for shop in loaded} <= set(recorded(loaded[0].slug))
    assert current_scope() is None


def test_after_a_crash_it_goes_on_where_it_stopped(loaded, state):
    first, second = loaded
    visits = []

    def crash(historical_apps, tenant_id):
        visits.append(tenant_id)
        products = historical_apps.get_model("catalog", "Product").objects
        products.update(name=f"Visit {len(visits)}")
        if tenant_id == second.id:
            raise Crash

    before = names(second)
    with pytest.raises(Crash):
        migrate(state, crash, first.slug)
    assert visits[-2:] == [first.id, second.id]
    assert names(first) == {f"Visit {len(visits) - 1}"}
    assert names(second) == before, "the second tenant's transaction was rolled back"
    assert second.id not in recorded(first.slug)

    again = []

    def go_on(historical_apps, tenant_id):
        again.append(tenant_id)

    migrate(state, go_on, first.slug)
    assert set(again).isdisjoint(visits[:-1])
    assert again[0] == second.id
    migrate(state, lambda *_: pytest.fail("all tenants are done"), first.slug)


def test_a_row_that_breaks_a_reference_stops_it_at_that_tenant(loaded, state):
    def break_it(historical_apps, tenant_id):
        products = historical_apps.get_model("catalog", "Product").objects
        products.filter(tenant_id=loaded[0].id).update(category_id="00000000-0000-0000-0000-000000000000")

    with pytest.raises(Exception, match="foreign key"):
        migrate(state, break_it, loaded[0].slug)
    assert loaded[0].id not in recorded(loaded[0].slug)


def test_it_runs_as_the_application(loaded, state):
    users = set()

    def ask(historical_apps, tenant_id):
        with connections["owner"].cursor() as cursor:
            cursor.execute("SELECT current_user::text")
            users.add(cursor.fetchone()[0])

    migrate(state, ask, loaded[0].slug)
    assert users == {"commerce_app"}


def test_one_transaction_over_all_tenants_is_refused(state, tenant):
    with pytest.raises(ValueError, match="needs `atomic = False`"):
        migrate(state, lambda *_: None, tenant.slug, atomic=True)


def test_taking_it_back_leaves_the_data(loaded, state):
    operation = RunPerTenant(lambda *_: pytest.fail("ran"), "back")
    before = names(loaded[0])
    with connections["owner"].schema_editor(atomic=False) as editor:
        operation.database_backwards("catalog", editor, state, state)
    assert operation.reversible
    assert names(loaded[0]) == before


def test_it_is_written_into_a_migration_file():
    operation = RunPerTenant(rename_nothing, "nothing")
    name, args, kwargs = operation.deconstruct()
    assert (name, args, kwargs) == ("RunPerTenant", [], {"code": rename_nothing, "name": "nothing"})
    assert operation.describe() == "Change data per tenant: nothing"


def rename_nothing(historical_apps, tenant_id):
    pass


def test_a_plain_update_by_the_owner_changes_nothing_and_says_nothing(loaded):
    """Why all this is."""
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE catalog_category SET name = 'x'")
        assert cursor.rowcount == 0
    with tenant_scope(loaded[0].id):
        assert not Category.objects.filter(name="x").exists()


# --- The project's own migrations -----------------------------------------------------------------------

OURS = {config.label for config in apps.get_app_configs() if Path(config.path).is_relative_to(settings.BASE_DIR)}
OURS -= {config.label for config in apps.get_app_configs() if ".venv" in Path(config.path).parts}
CHANGE = re.compile(
    r"\b(UPDATE\s+(ONLY\s+)?[\w.\"]+(\s+(AS\s+)?\w+)?\s+SET|INSERT\s+INTO|DELETE\s+FROM|MERGE\s+INTO|TRUNCATE|COPY)\b",
    re.IGNORECASE,
)


def _own_migrations():
    loader = MigrationLoader(None, ignore_no_migrations=True)
    return [migration for (label, _), migration in sorted(loader.disk_migrations.items()) if label in OURS]


def _operations(operations: list[Operation]):
    for operation in operations:
        yield operation
        yield from _operations(getattr(operation, "database_operations", []))


def changes_of_rows(migration) -> list[str]:
    """Return what in a migration changes rows otherwise than per tenant."""
    found = []
    for operation in _operations(migration.operations):
        if isinstance(operation, migrations.RunPython):
            found.append(f"{migration}: RunPython {operation.code}")
        # What a function does when a trigger calls it later is no change of the migration's.
        if isinstance(operation, migrations.RunSQL) and CHANGE.search(
            re.sub(r"AS \$\$.*?\$\$", "", f"{operation.sql} {operation.reverse_sql}", flags=re.DOTALL)
        ):
            found.append(f"{migration}: {operation.sql}")
        if isinstance(operation, RunPerTenant) and migration.atomic:
            found.append(f"{migration}: RunPerTenant in one transaction")
    return found


@pytest.mark.parametrize("migration", _own_migrations(), ids=str)
def test_no_migration_changes_rows_but_per_tenant(migration):
    assert changes_of_rows(migration) == []


def test_the_projects_migrations_are_all_looked_at():
    assert {migration.app_label for migration in _own_migrations()} >= {"tenants", "catalog", "outbox", "commerce_db"}


@pytest.mark.parametrize(
    "operation",
    [
        migrations.RunPython(rename_nothing),
        migrations.RunSQL("UPDATE catalog_product SET name = 'x'"),
        migrations.RunSQL('update only "catalog_product" p set name = 1'),
        migrations.RunSQL([("INSERT INTO catalog_product VALUES (%s)", [1])]),
        migrations.RunSQL("SELECT 1; DELETE FROM catalog_product"),
        migrations.RunSQL("SELECT 1", "TRUNCATE catalog_product"),
        migrations.SeparateDatabaseAndState([migrations.RunPython(rename_nothing)]),
        RunPerTenant(rename_nothing, "x"),
    ],
)
def test_a_migration_that_does_is_found(operation):
    migration = migrations.Migration("spy", "catalog")
    migration.operations = [operation]
    assert len(changes_of_rows(migration)) == 1


def test_what_changes_no_rows_is_not_found():
    migration = migrations.Migration("spy", "catalog")
    migration.operations = [
        migrations.RunSQL(
            "GRANT SELECT, UPDATE ON catalog_product TO commerce_app; CREATE TRIGGER t BEFORE UPDATE ON x"
        )
    ]
    assert changes_of_rows(migration) == []
