"""Two tenants over one server connection: PgBouncer in transaction mode, which RDS Proxy resembles."""

import os
import shutil
import subprocess
import tempfile
import threading
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection, connections, transaction

from catalog.models import Category
from commerce.db import watch
from commerce.db.scope import ScopeError, tenant_scope
from commerce.stack.ports import candidates, choose
from tests.db.conftest import extra_connection
from tests.factories.catalog import make_category

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
REQUIRED = os.environ.get("COMMERCE_REQUIRE_PGBOUNCER") == "1"

CONFIGURATION = """
[databases]
* = host={HOST} port={PORT} dbname={NAME} user={USER} password='{PASSWORD}'
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 1
max_client_conn = 100
query_wait_timeout = 30
logfile = {directory}/log
"""


@pytest.fixture(scope="module")
def pooler(_database):
    """Start PgBouncer with one server connection, as a user that is not root; return its port."""
    if PGBOUNCER is None:
        (pytest.fail if REQUIRED else pytest.skip)("There is no pgbouncer here: apt-get install pgbouncer.")
    target: Any = {"PASSWORD": "", **connections.settings["default"]}
    directory, port = Path(tempfile.mkdtemp(prefix="pgbouncer-")), choose(candidates(0, scattered=True))
    user: Any = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
    (directory / "ini").write_text(CONFIGURATION.format(**target, port=port, directory=directory))
    if user:
        shutil.chown(directory, "nobody")
        shutil.chown(directory / "ini", "nobody")
    process = subprocess.Popen([PGBOUNCER, "-q", str(directory / "ini")], stderr=subprocess.DEVNULL, **user)
    try:
        _wait(process, port, directory)
        yield port
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(directory)


def _wait(process, port: int, directory: Path) -> None:
    for _ in range(100):
        with suppress(psycopg.OperationalError), closing(_connect(port)):
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    pytest.fail(f"pgbouncer does not answer: {(directory / 'log').read_text()}")


def _connect(port: int) -> psycopg.Connection:
    return psycopg.connect(host="127.0.0.1", port=port, user="anybody", dbname="commerce", autocommit=True)


@pytest.fixture
def pooled(pooler):
    """Return an alias whose connections, one per thread, go through PgBouncer."""
    with extra_connection("pooled", HOST="127.0.0.1", PORT=pooler, OPTIONS={"pool": False}) as alias:
        yield alias


def look(alias: str) -> tuple[int, str, set[int]]:
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT pg_backend_pid(), coalesce(current_setting('app.tenant_id', true), ''), "
            "ARRAY(SELECT DISTINCT tenant_id FROM tenants_channel)"
        )
        pid, setting, tenants = cursor.fetchone()
        return pid, setting, set(tenants)


def in_threads(*works) -> None:
    """Run these at once and raise the first error."""
    failures: list[BaseException] = []

    def run(work):
        try:
            work()
        except BaseException as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if failures:
        raise failures[0]


def test_two_tenants_in_turn_over_one_server_connection_see_their_own_rows_alone(pooled, tenant, other_tenant):
    pids: set[int] = set()

    def work(shop):
        for turn in range(25):
            with suppress(ZeroDivisionError), tenant_scope(shop.id, using=pooled, read_only=turn % 3 == 0):
                pid, setting, tenants = look(pooled)
                assert (setting, tenants) == (str(shop.id), {shop.id})
                pids.add(pid)
                if turn % 5 == 0:
                    raise ZeroDivisionError
            assert look(pooled)[1:] == ("", set()), "between two scopes"

    in_threads(*[lambda shop=shop: work(shop) for shop in (tenant, other_tenant) * 3])
    assert len(pids) == 1


def test_writes_of_two_tenants_land_at_home(pooled, tenant, other_tenant):
    def work(shop):
        for _ in range(10):
            with tenant_scope(shop.id, using=pooled):
                make_category(shop.token)

    in_threads(*[lambda shop=shop: work(shop) for shop in (tenant, other_tenant) * 2])
    for shop in (tenant, other_tenant):
        with tenant_scope(shop.id):
            assert list(Category.objects.values_list("name", "tenant_id").distinct()) == [(shop.token, shop.id)]
            assert Category.objects.count() == 20


def test_a_scope_holds_the_server_connection_until_it_ends(pooled, tenant, other_tenant):
    """It is transaction mode indeed: meanwhile the other one waits."""
    order = []
    opened, waiting = threading.Event(), threading.Event()

    def first():
        with tenant_scope(tenant.id, using=pooled):
            look(pooled)
            opened.set()
            waiting.wait(10)
            time.sleep(0.3)
            order.append("first")

    def second():
        opened.wait(10)
        waiting.set()
        with tenant_scope(other_tenant.id, using=pooled):
            order.append("second")
            assert look(pooled)[2] == {other_tenant.id}

    in_threads(first, second)
    assert order == ["first", "second"]


def test_savepoints_and_nested_scopes_stay_in_their_transaction(pooled, tenant, other_tenant):
    with tenant_scope(tenant.id, using=pooled):
        with suppress(ZeroDivisionError), tenant_scope(tenant.id, using=pooled):
            raise ZeroDivisionError
        with transaction.atomic(using=pooled):
            assert look(pooled)[2] == {tenant.id}
        with pytest.raises(ScopeError), tenant_scope(other_tenant.id, using=pooled):
            pass


def test_a_client_that_vanishes_in_a_scope_leaves_nothing(pooler, pooled, tenant, other_tenant):
    lost = _connect(pooler)
    lost.execute(f"BEGIN; SET LOCAL app.tenant_id = '{tenant.id}'")
    lost.pgconn.finish()
    for _ in range(3):
        assert look(pooled)[1:] == ("", set())
    with tenant_scope(other_tenant.id, using=pooled):
        assert look(pooled)[2] == {other_tenant.id}


def test_nothing_of_a_session_is_left_on_the_server_connection(pooled, tenant):
    """What pooled sessions share must be what it was: settings, prepared statements, cursors, advisory locks."""
    query = (
        "SELECT (SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings "
        "WHERE source = 'session' AND name <> 'application_name'), "
        "(SELECT count(*) FROM pg_prepared_statements), (SELECT count(*) FROM pg_cursors WHERE name <> ''), "
        "(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid())"
    )

    def left():
        with connections[pooled].cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchone()

    before = left()
    for _ in range(10):
        with tenant_scope(tenant.id, using=pooled):
            make_category()
            list(Category.objects.iterator(chunk_size=2))
    assert left() == before
    assert before[1:] == (0, 0, 0)


@pytest.fixture
def application_behind_the_pooler(pooler, settings):
    """Send the application's own connections, reads too, through PgBouncer, as DATABASE_PREPARE=0 has them."""
    settings.REPLICAS = []
    kept = {key: connection.settings_dict[key] for key in ("HOST", "PORT", "OPTIONS")}
    _reconnect({"HOST": "127.0.0.1", "PORT": pooler, "OPTIONS": {**kept["OPTIONS"], "prepare_threshold": None}})
    yield pooler
    _reconnect(kept)


def _reconnect(changes):
    wrapper: Any = connection
    watch.stop()
    wrapper.close()
    wrapper.close_pool()
    wrapper.settings_dict.update(changes)


QUERY = '{ channel(slug: "default-channel") { name } }'


def test_shops_are_served_through_it_at_once(application_behind_the_pooler, client_for, tenant, other_tenant):
    def browse(shop):
        for _ in range(5):
            answer = client_for(shop).post("/graphql/", {"query": QUERY}, content_type="application/json")
            assert answer.status_code == 200
            assert shop.channel.name in answer.content.decode()

    def strangers():
        for _ in range(5):
            assert client_for(tenant, host="nowhere.test").get("/graphql/").status_code == 404

    in_threads(*[lambda shop=shop: browse(shop) for shop in (tenant, other_tenant) * 2], strangers)
    connection.ensure_connection()
    assert connection.connection.info.port == application_behind_the_pooler
