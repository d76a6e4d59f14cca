"""What the pools of connections do when their server goes away: hand out no dead connection, and wait briefly."""

import select
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db.backends.postgresql.base import DatabaseWrapper

# Seconds that a request waits for a connection to a server that is believed to be gone: it may be back.
SHORT_PATIENCE = 0.3


def is_closed(connection: Any) -> bool:
    """Say whether the server has ended an idle connection; no round trip.

    A server sends nothing to a session that rests, so that whatever there is to read announces its end.
    """
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def first_open(connect: Callable[[], Any]) -> Any:
    """Return the first connection of the pool whose server has not ended it; throw the others away."""
    while is_closed(connection := connect()):
        connection.close()
        pool = getattr(connection, "_pool", None)
        if pool is not None:
            pool.putconn(connection)
    return connection


def be_patient(alias: str, patient: bool) -> None:
    """Have requests wait for a connection as long as the settings say, or only briefly."""
    pool = _pool(alias)
    if pool is not None:
        pool.timeout = settings.DATABASES[alias]["OPTIONS"]["pool"]["timeout"] if patient else SHORT_PATIENCE


def drop_idle(alias: str) -> None:
    """Close the connections that rest in the pool, and those in use when they come back."""
    pool = _pool(alias)
    if pool is not None and not pool.closed:
        pool.drain()


def _pool(alias: str) -> Any:
    return DatabaseWrapper._connection_pools.get(alias)  # type: ignore[attr-defined]  # by alias, for all threads
