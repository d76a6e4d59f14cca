"""What the application's and the relay's role may not do at all."""

import pytest
from django.db import connections

from commerce.db import rls
from tests.isolation.conftest import refused, undone

DENIED = "42501"
ALL = sorted(rls.PLATFORM_TABLES | rls.OPERATOR_TABLES)
WRITES = {
    "insert": 'INSERT INTO "{}" DEFAULT VALUES',
    "update": 'UPDATE "{0}" SET {1} = {1}',
    "delete": 'DELETE FROM "{}"',
    "truncate": 'TRUNCATE "{}"',
}
every_write = pytest.mark.parametrize("write", WRITES)
every_role = pytest.mark.parametrize("alias", ["default", "relay"])


def _column(table: str) -> str:
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT attname FROM pg_attribute "
            "WHERE attrelid = %s::regclass AND attnum > 1 AND NOT attisdropped LIMIT 1",
            [table],
        )
        return cursor.fetchone()[0]


@pytest.mark.parametrize("table", ALL)
@every_write
@every_role
def test_platform_tables_are_not_written(table, write, alias):
    with refused(DENIED, "permission denied"), undone(alias=alias) as cursor:
        cursor.execute(WRITES[write].format(table, _column(table)))


@pytest.mark.parametrize("table", sorted(rls.PLATFORM_TABLES))
@every_role
def test_platform_tables_are_read(table, alias):
    with connections[alias].cursor() as cursor:
        cursor.execute(f'SELECT count(*) FROM "{table}"')
        assert cursor.fetchone()[0] >= 0


@pytest.mark.parametrize("table", sorted(rls.OPERATOR_TABLES))
@every_role
def test_operators_tables_are_not_read(table, alias):
    with refused(DENIED, "permission denied"), undone(alias=alias) as cursor:
        cursor.execute(f'SELECT count(*) FROM "{table}"')


@pytest.mark.parametrize("role", [rls.OWNER, rls.PLATFORM, rls.RELAY, rls.READER, "postgres", "pg_read_all_data"])
def test_the_application_becomes_no_other_role(role):
    for statement in (f"SET ROLE {role}", f"SET SESSION AUTHORIZATION {role}", f"GRANT {role} TO {rls.APP}"):
        answer = pytest.raises(Exception, match=r"permission denied|must (have admin|be superuser)|not a superuser")
        with answer, undone() as cursor:
            cursor.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE spy (id integer)",
        "CREATE VIEW spy AS SELECT 1",
        "CREATE FUNCTION spy() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "CREATE OR REPLACE FUNCTION current_tenant() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "CREATE SCHEMA spy",
        "DROP EXTENSION plpgsql",
        "ALTER ROLE commerce_app SET app.tenant_id = '1'",
        "ALTER DATABASE {database} SET app.tenant_id = '1'",
        "SELECT setval('outbox_event_position', 1)",
        "SELECT last_value FROM outbox_event_position",
        "COPY (SELECT 1) TO PROGRAM 'cat'",
        "SELECT pg_read_file('/etc/passwd')",
    ],
)
def test_the_application_makes_and_changes_nothing_but_rows(statement):
    with pytest.raises(Exception, match=r"permission denied|must be (owner|superuser)"), undone() as cursor:
        cursor.execute(statement.format(database=connections["default"].settings_dict["NAME"]))


def test_a_temporary_function_cannot_take_the_place_of_the_one_that_names_the_tenant(shops):
    """Policies hold the function itself, not its name: what a session puts into its temporary schema is not asked."""
    with undone(shops.ours.id) as cursor:
        cursor.execute(
            f"CREATE FUNCTION pg_temp.current_tenant() RETURNS integer LANGUAGE sql AS 'SELECT {int(shops.theirs.id)}'"
        )
        cursor.execute("SET LOCAL search_path = pg_temp, public")
        cursor.execute("SELECT DISTINCT tenant_id FROM public.catalog_product")
        assert cursor.fetchall() == [(shops.ours.id,)]
