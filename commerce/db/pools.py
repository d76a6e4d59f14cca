"""What becomes of the pools of connections when a server goes away: nobody gets a dead one, nobody waits for long."""

import contextlib
import os
import select
import socket
import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper

# Seconds that a request waits for a connection to a server that is believed to be gone: it may be back.
SHORT_PATIENCE = 0.3

_gone: set[str] = set()
_connections: defaultdict[str, WeakSet[Any]] = defaultdict(WeakSet)
_lock = threading.Lock()


def open_connection(wrapper: Any, get: Callable[[], Any]) -> Any:
    """Return what `get` of a Django connection finds in its pool, or makes, once it is none that the server ended."""
    if (pool := wrapper.pool) is not None:
        pool.timeout = SHORT_PATIENCE if wrapper.alias in _gone else wrapper.settings_dict["OPTIONS"]["pool"]["timeout"]
    while is_closed(connection := get()):
        connection.close()
        connection._pool.putconn(connection)
    with _lock:
        _connections[wrapper.alias].add(connection)
    return connection


def is_closed(connection: Any) -> bool:
    """Say whether the server has ended an idle connection; no round trip.

    A server sends nothing to a session that rests, so that whatever there is to read announces its end.
    """
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def believe_gone(alias: str) -> None:
    """Have requests wait only briefly for a connection from now on, and those that wait now no longer.

    The pool is thrown away: it would go on trying by itself, ever less often, and hold its dead connections out to
    one request after the other. Connections in use are closed when they come back.
    """
    _gone.add(alias)
    pools: dict[str, Any] = DatabaseWrapper._connection_pools  # type: ignore[attr-defined]  # shared by all threads
    pool = pools.get(alias)
    if pool is not None:
        apart: Any = connections.create_connection(alias)
        apart._connection_pools = {}
        pools[alias] = apart.pool  # in one step: there is always one to be found
        pool.close(timeout=0.05)


def believe_back(alias: str) -> None:
    """Have requests wait as long as the settings say."""
    _gone.discard(alias)


def cut(alias: str) -> None:
    """Break the connections in use, so that who waits on them for a silent server gets an OperationalError."""
    with _lock:
        found = list(_connections[alias])
    for connection in found:
        with contextlib.suppress(Exception), socket.socket(fileno=os.dup(connection.fileno())) as twin:
            twin.shutdown(socket.SHUT_RDWR)


def _forget() -> None:
    global _lock
    _lock = threading.Lock()
    _gone.clear()
    _connections.clear()


os.register_at_fork(after_in_child=_forget)
