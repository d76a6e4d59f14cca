"""Every tenant's table, as the application's role: what one shop does never reaches another's rows.

The cases are made from the models, and the models are compared with the database, so that a new table is
covered on the day it is added.
"""

import uuid

import pytest
from django.db import connections, models

from commerce.db import rls
from commerce.db.scope import ScopeError, tenant_scope
from tests.factories.rows import tenant_models
from tests.isolation.conftest import columns_of, key_of, owned_references, refused, rows_of, undone

MODELS = tenant_models()
REFERENCES = [(model, field) for model in MODELS for field in owned_references(model)]
DENIED, BROKEN_REFERENCE = "42501", "23503"

every_table = pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
every_reference = pytest.mark.parametrize(
    ("model", "field"), REFERENCES, ids=[f"{model._meta.label}.{field.name}" for model, field in REFERENCES]
)


def test_the_models_are_all_the_tables_that_have_a_tenant():
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' "
            "WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace AND relrowsecurity"
        )
        assert {row[0] for row in cursor.fetchall()} == {model._meta.db_table for model in MODELS}


def test_the_references_are_all_the_foreign_keys_between_tenants_tables():
    tables = [model._meta.db_table for model in MODELS]
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT conrelid::regclass::text, "
            "(SELECT attname FROM pg_attribute WHERE attrelid = conrelid AND attnum = conkey[2]) FROM pg_constraint "
            "WHERE contype = 'f' AND conrelid::regclass::text = ANY(%s) AND confrelid::regclass::text = ANY(%s)",
            [tables, tables],
        )
        expected = {(model._meta.db_table, field.column) for model, field in REFERENCES}
        assert set(cursor.fetchall()) == expected


@every_table
def test_both_shops_have_rows(model, shops):
    assert shops.our_rows[model._meta.db_table]
    assert shops.their_rows[model._meta.db_table]


@every_table
@pytest.mark.parametrize("alias", ["default", "replica"])
def test_outside_a_scope_no_row_is_seen(model, alias, shops):
    with connections[alias].cursor() as cursor:
        cursor.execute(f'SELECT count(*) FROM "{model._meta.db_table}"')
        assert cursor.fetchone() == (0,)


@every_table
def test_outside_a_scope_no_row_is_changed(model, shops):
    with undone() as cursor:
        cursor.execute(f'UPDATE "{model._meta.db_table}" SET tenant_id = tenant_id')
        assert cursor.rowcount == 0
        cursor.execute(f'DELETE FROM "{model._meta.db_table}"')
        assert cursor.rowcount == 0


@every_table
def test_outside_a_scope_no_row_is_written(model, shops):
    with refused(DENIED, "row-level security"), undone() as cursor:
        _insert_copy(cursor, model, shops.our_rows, shops.ours.id)


@every_table
@pytest.mark.parametrize("verb", ["get", "count", "update", "delete", "create", "bulk_create"])
def test_outside_a_scope_the_orm_raises(model, verb):
    rows = model._base_manager.all()
    calls = {
        "get": rows.first,
        "count": rows.count,
        "update": lambda: rows.update(**{columns_of(model)[0]: models.F(columns_of(model)[0])}),
        "delete": rows.delete,
        "create": lambda: model().save(force_insert=True),
        "bulk_create": lambda: rows.bulk_create([model()]),
    }
    with pytest.raises(ScopeError, match="scope"):
        calls[verb]()


@every_table
@pytest.mark.parametrize("alias", ["default", "replica"])
def test_in_a_scope_only_the_shops_own_rows_are_seen(model, alias, shops):
    table, ours = model._meta.db_table, shops.our_rows[model._meta.db_table]
    with tenant_scope(shops.ours.id, read_only=True, using=alias), connections[alias].cursor() as cursor:
        cursor.execute(f'SELECT tenant_id, count(*) FROM "{table}" GROUP BY tenant_id')
        assert cursor.fetchall() == [(shops.ours.id, len(ours))]
        cursor.execute(f'SELECT count(*) FROM "{table}" WHERE tenant_id = %s', [shops.theirs.id])
        assert cursor.fetchone() == (0,)
        for row in shops.their_rows[table]:
            for column, value in row.items():
                cursor.execute(
                    f'SELECT count(*) FROM "{table}" WHERE "{column}"::text = %s AND tenant_id <> %s',
                    [value, shops.ours.id],
                )
                assert cursor.fetchone() == (0,), column


@every_table
def test_in_a_scope_the_other_shops_rows_are_neither_changed_nor_locked_nor_deleted(model, shops):
    table = model._meta.db_table
    with undone(shops.ours.id) as cursor:
        for row in shops.their_rows[table]:
            where, values = _by_key(model, row)
            cursor.execute(f'SELECT 1 FROM "{table}" WHERE {where} FOR UPDATE', values)
            assert cursor.rowcount == 0
            cursor.execute(f'UPDATE "{table}" SET tenant_id = tenant_id WHERE {where}', values)
            assert cursor.rowcount == 0
            cursor.execute(f'DELETE FROM "{table}" WHERE {where}', values)
            assert cursor.rowcount == 0


@every_table
def test_in_a_scope_no_row_is_written_for_the_other_shop(model, shops):
    with refused(DENIED, "row-level security"), undone(shops.ours.id) as cursor:
        _insert_copy(cursor, model, shops.our_rows, shops.theirs.id)


@every_table
def test_in_a_scope_no_row_is_moved_to_the_other_shop(model, shops):
    with refused(DENIED, "row-level security"), undone(shops.ours.id) as cursor:
        cursor.execute(f'UPDATE "{model._meta.db_table}" SET tenant_id = %s', [shops.theirs.id])


@every_table
def test_no_upsert_takes_over_a_row_of_the_other_shop(model, shops):
    table, row = model._meta.db_table, shops.their_rows[model._meta.db_table][0]
    columns = ", ".join(f'"{column}"' for column in row)
    conflict = ", ".join(f'"{column}"' for column in ["tenant_id", *key_of(model)])
    with refused(DENIED, "row-level security"), undone(shops.ours.id) as cursor:
        cursor.execute(
            f'INSERT INTO "{table}" (tenant_id, {columns}) {_values(model, row)} '
            f"ON CONFLICT ({conflict}) DO UPDATE SET tenant_id = %s",
            [shops.theirs.id, *row.values(), shops.ours.id],
        )


@every_table
def test_values_and_keys_of_the_other_shop_are_free_to_use(model, shops):
    """A unique constraint over all tenants would tell one shop what another has (references wait for the commit)."""
    table, theirs = model._meta.db_table, shops.their_rows[model._meta.db_table][0]
    types = _types(model)
    assignments = ", ".join(f'"{column}" = %s::{types[column]}' for column in theirs)
    where, key = _by_key(model, shops.our_rows[table][0])
    with undone(shops.ours.id) as cursor:
        cursor.execute(f'UPDATE "{table}" SET {assignments} WHERE {where}', [*theirs.values(), *key])
        assert cursor.rowcount == 1


@every_reference
def test_no_reference_leads_to_the_other_shop_and_none_tells_what_it_has(model, field, shops):
    table, target = model._meta.db_table, field.related_model._meta.db_table
    where, key = _by_key(model, shops.our_rows[table][0])
    answers = []
    for value in (shops.their_rows[target][0][field.target_field.column], _unknown(field.target_field)):
        with refused(BROKEN_REFERENCE) as words, undone(shops.ours.id) as cursor:
            cursor.execute(f'UPDATE "{table}" SET "{field.column}" = %s WHERE {where}', [value, *key])
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        answers += words
    assert answers[0] == answers[1]


@every_table
@pytest.mark.parametrize(
    "statement",
    [
        "TRUNCATE {}",
        "COPY {} FROM STDIN",
        "ALTER TABLE {} DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE {} NO FORCE ROW LEVEL SECURITY",
        "CREATE POLICY open ON {} USING (true)",
        "DROP POLICY tenant ON {}",
        "DROP TABLE {}",
        "CREATE TRIGGER spy BEFORE INSERT ON {} EXECUTE FUNCTION raise_version()",
        "CREATE VIEW spy AS SELECT * FROM {}",
    ],
)
def test_the_application_cannot_get_round_row_level_security(model, statement, shops):
    answer = pytest.raises(Exception, match=r"permission denied|must be owner|COPY FROM not supported")
    with answer, undone(shops.ours.id) as cursor:
        cursor.execute(statement.format(f'"{model._meta.db_table}"'))


@every_table
def test_switching_row_security_off_is_an_error_and_no_way_round(model, shops):
    with refused(DENIED, "row-level security"), undone(shops.ours.id) as cursor:
        cursor.execute("SET LOCAL row_security = off")
        cursor.execute(f'SELECT count(*) FROM "{model._meta.db_table}"')


@every_table
def test_the_owner_sees_no_tenants_rows(model, shops):
    with connections["owner"].cursor() as cursor:
        cursor.execute(f'SELECT count(*) FROM "{model._meta.db_table}"')
        assert cursor.fetchone() == (0,)


@every_table
def test_the_relay_reads_the_outbox_and_the_deliveries_alone(model, shops):
    table = model._meta.db_table
    with connections["relay"].cursor() as cursor:
        if table in rls.RELAY_TABLES:
            cursor.execute(f'SELECT count(*) FROM "{table}" WHERE tenant_id = %s', [shops.theirs.id])
            assert cursor.fetchone() != (0,)
            return
        with refused(DENIED, "permission denied"):
            cursor.execute(f'SELECT count(*) FROM "{table}"')


def test_statistics_tell_nothing_of_tenants_rows(shops):
    with undone(shops.ours.id) as cursor:
        cursor.execute("SELECT tablename FROM pg_stats WHERE tablename = ANY(%s)", [list(shops.our_rows)])
        assert cursor.fetchall() == []


def test_all_that_was_tried_left_the_other_shop_as_it_was(shops):
    assert rows_of(shops.theirs) == shops.their_rows


def _types(model) -> dict[str, str]:
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute "
            "WHERE attrelid = %s::regclass AND attnum > 0",
            [model._meta.db_table],
        )
        return dict(cursor.fetchall())


def _values(model, row) -> str:
    types = _types(model)
    return "SELECT %s, " + ", ".join(f"%s::{types[column]}" for column in row)


def _insert_copy(cursor, model, rows, tenant_id: int) -> None:
    row = rows[model._meta.db_table][0]
    columns = ", ".join(f'"{column}"' for column in row)
    cursor.execute(
        f'INSERT INTO "{model._meta.db_table}" (tenant_id, {columns}) {_values(model, row)}', [tenant_id, *row.values()]
    )


def _by_key(model, row) -> tuple[str, list]:
    key = key_of(model)
    return " AND ".join(f'"{column}"::text = %s' for column in key), [row[column] for column in key]


def _unknown(field):
    return str(uuid.uuid4()) if isinstance(field, models.UUIDField) else "nothing"
