"""What the cache asks PostgreSQL's primary."""

from typing import Any

from django.db import connections

from commerce.db import positions
from commerce.db.positions import Position
from commerce.db.replicas import cluster

SYSTEM_SQL = "SELECT system_identifier::text FROM pg_control_system()"


def system_id(connection: Any) -> str:
    """Return the cluster's system identifier: as known to this process, or asked for over a connection."""
    if known := cluster():
        return known.system_id
    with connection.cursor() as cursor:
        cursor.execute(SYSTEM_SQL)
        return str(cursor.fetchone()[0])


def ask_new_position() -> Position:
    """Return a position of the primary that nobody can have asked for before."""
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT pg_logical_emit_message(true, 'commerce', '')")  # a record that its commit waits for
    return ask_position()


def ask_position(alias: str = "default") -> Position:
    """Return how far the primary is by now; raise what Django raises where it does not answer."""
    with connections[alias].cursor() as cursor:
        cursor.execute(positions.CURRENT_SQL)
        return Position.of(*cursor.fetchone())
