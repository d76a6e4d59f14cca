"""What every test stands on: a migrated throw-away stack, fresh tenants in it, real commits."""

import ipaddress
import os
import re
import socket
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from tests.factories.tenants import open_shop

pytest_plugins = ["tests.apps", "tests.graphql.differential", "tests.s3", "tests.stacks"]
NEEDED = ("DATABASE_URL", "REPLICA_URL", "DATABASE_OWNER_URL", "DATABASE_PLATFORM_URL", "DATABASE_RELAY_URL")
NOT_COUNTED = re.compile(r"\s*(BEGIN|COMMIT|ROLLBACK|SET|SELECT set_config)\b", re.IGNORECASE)


def pytest_configure(config):
    if missing := [name for name in NEEDED if not os.environ.get(name)]:
        raise pytest.UsageError(f"No stack to test on ({', '.join(missing)} not set): run `make test`.")


@pytest.fixture(scope="session", autouse=True)
def _database(django_db_blocker):
    """Use the stack's database as it is: migrated once by its owner, never flushed, nothing rolled back."""
    with django_db_blocker.unblock():
        with connections["platform"].cursor() as cursor:
            cursor.execute("SELECT pg_has_role('commerce_app', 'MEMBER')")
            assert cursor.fetchone() == (True,), "The roles are old: run deploy/roles.sql again in the test database."
        yield
        opened: Any = connections.all()
        for connection in opened:
            connection.close_pool()


@pytest.fixture(scope="session", autouse=True)
def _only_loopback():
    """Refuse sockets to anywhere but this machine."""
    connect = socket.socket.connect

    def guarded(self, address):
        host = address[0] if isinstance(address, tuple) else "localhost"
        if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
            raise RuntimeError(f"A test tried to reach {address}: only loopback is allowed.")
        return connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        yield


@pytest.fixture(autouse=True)
def _close_connections():
    yield
    connections.close_all()


tenant = pytest.fixture(open_shop, name="tenant")
other_tenant = pytest.fixture(open_shop, name="other_tenant")


@pytest.fixture
def client_for():
    """Return a function that makes an HTTP client at a shop's host."""
    return lambda shop, **headers: Client(headers={"host": shop.host, **headers})


@pytest.fixture
def graphql(client_for):
    """Return a function `graphql(shop, query, **variables)` that posts to the shop's door and parses the answer."""

    def post(shop, query: str, **variables):
        body = {"query": query, "variables": variables}
        return client_for(shop).post("/graphql/", body, "application/json").json()

    return post


@pytest.fixture
def count_sql():
    """Return a context manager that lists the statements run inside it (without BEGIN, COMMIT, ROLLBACK, SET)."""

    @contextmanager
    def counting(*aliases: str):
        statements: list[str] = []

        def record(execute, sql, params, many, context):
            if not NOT_COUNTED.match(str(sql)):
                statements.append(str(sql))
            return execute(sql, params, many, context)

        with ExitStack() as wrappers:
            for alias in aliases or ("default", "replica"):
                wrappers.enter_context(connections[alias].execute_wrapper(record))
            yield statements

    return counting
