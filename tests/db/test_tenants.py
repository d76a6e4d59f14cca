"""Finding the tenants for whom something is left to do, as the relay's role."""

import pytest
from django.db import ProgrammingError, connections
from django.test.utils import CaptureQueriesContext

from catalog.models import SearchPending
from commerce.db.scope import tenant_scope
from commerce.db.tenants import RELAY, list_tenants_of
from tests.factories.tenants import open_shop

TABLE = "catalog_searchpending"


def leave(shop, pieces: int) -> None:
    with tenant_scope(shop.id):
        # Of no kind that has documents: a worker that comes by drops them.
        SearchPending.objects.bulk_create(
            SearchPending(object_kind="Nothing", object_id=shop.public_id) for _ in range(pieces)
        )


@pytest.mark.usefixtures("tenant")
def test_those_with_rows_are_found_once_each_by_one_statement():
    busy, idle = [open_shop(), open_shop()], open_shop()
    with connections["owner"].cursor() as keeper:  # no worker of the stack takes the rows meanwhile
        for shop in busy:
            keeper.execute("SELECT pg_advisory_lock(hashtextextended('catalog.search', %s))", [shop.id])
        try:
            for shop in busy:
                leave(shop, 3)
            with CaptureQueriesContext(connections[RELAY]) as asked:
                found = list_tenants_of(TABLE)
        finally:
            keeper.execute("SELECT pg_advisory_unlock_all()")
    assert [found.count(shop.id) for shop in (*busy, idle)] == [1, 1, 0]
    assert len([one for one in asked if "BEGIN" not in one["sql"] and "COMMIT" not in one["sql"]]) == 1


@pytest.mark.parametrize("table", [TABLE, "catalog_releasedfile", "catalog_upload", "catalog_import", "catalog_export"])
def test_nothing_else_of_them_is_seen(table):
    with connections[RELAY].cursor() as cursor:
        cursor.execute(f"SELECT count(tenant_id) FROM {table}")
        for forbidden in (f"SELECT * FROM {table}", f"UPDATE {table} SET tenant_id = 1", f"DELETE FROM {table}"):
            with pytest.raises(ProgrammingError, match="permission denied"):
                cursor.execute(forbidden)


def test_a_process_without_the_role_is_told(monkeypatch):
    monkeypatch.setattr("commerce.db.tenants.RELAY", "nowhere")
    with pytest.raises(RuntimeError, match="DATABASE_RELAY_URL"):
        list_tenants_of(TABLE)
