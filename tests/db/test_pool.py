"""A pooled connection used for tenant A serves B without a trace of A (facts 2 to 5)."""

import threading

import pytest
from django.db import OperationalError, connections, transaction

from commerce.db.scope import tenant_scope
from tests.factories.catalog import make_category


def look(alias: str) -> tuple[int, str | None, set[int]]:
    """Return the server process, the setting and the tenants whose channels are seen, then give the connection back."""
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid(), current_setting('app.tenant_id', true)")
        pid, setting = cursor.fetchone()
        cursor.execute("SELECT DISTINCT tenant_id FROM tenants_channel")
        return pid, setting, {row[0] for row in cursor.fetchall()}


def use(alias: str, shop, work=lambda: None) -> int:
    """Work in a scope of the shop, see that only it is seen, give the connection back; return the server process."""
    try:
        with tenant_scope(shop.id, using=alias):
            pid, setting, tenants = look(alias)
            assert (setting, tenants) == (str(shop.id), {shop.id})
            work()
    finally:
        connections[alias].close()
    return pid


def nothing():
    pass


def fail():
    raise ZeroDivisionError


def fail_in_the_database():
    with connections["single"].cursor() as cursor:
        cursor.execute("SELECT 1 / 0")


def roll_back():
    transaction.set_rollback(True, using="single")


def fail_in_a_savepoint():
    try:
        with transaction.atomic(using="single"):
            fail_in_the_database()
    except Exception:
        pass


@pytest.mark.parametrize("work", [nothing, fail, fail_in_the_database, roll_back, fail_in_a_savepoint])
def test_the_next_tenant_finds_no_trace(work, single, tenant, other_tenant):
    before = use(single, other_tenant)
    try:
        use(single, tenant, work)
    except Exception:
        connections[single].close()
    pid, setting, tenants = look(single)
    connections[single].close()
    assert (pid, setting, tenants) == (before, "", set()), "outside a scope, on the same server process"
    assert use(single, other_tenant) == before


def test_an_unset_and_an_emptied_setting_are_no_tenant(single, tenant):
    first = look(single)
    use(single, tenant)
    again = look(single)
    assert (first[1:], again[1:]) == ((None, set()), ("", set()))


def test_a_connection_given_back_inside_a_transaction_is_rolled_back(single, tenant, other_tenant):
    """What a crashed request would leave: the pool resets it before the next one gets it."""
    connection = connections[single]
    connection.ensure_connection()
    connection.connection.execute(f"BEGIN; SET LOCAL app.tenant_id = '{tenant.id}'")
    connection.close()
    assert look(single)[1:] == ("", set())


def test_a_server_process_that_ends_takes_nobody_along(single, tenant, other_tenant):
    pid = use(single, tenant)
    with pytest.raises(OperationalError), tenant_scope(tenant.id, using=single):
        make_category()
        with connections["superuser"].cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
        look(single)
    connections[single].close()
    assert use(single, other_tenant) != pid


def test_threads_share_one_connection_and_no_rows(single, tenant, other_tenant):
    failures: list[BaseException] = []
    pids: set[int] = set()

    def work(shop):
        try:
            for turn in range(15):
                pids.add(use(single, shop, [nothing, roll_back, fail_in_a_savepoint][turn % 3]))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=[shop]) for shop in (tenant, other_tenant) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert len(pids) == 1
