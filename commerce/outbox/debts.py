"""Debts to the response cache: changes that it could not be told of, and whose writers were killed.

A transaction that finds no Redis before its COMMIT writes an event of its own, which the relay delivers, again and
again, until Redis has taken it. Beside that the relay settles the marks that killed writers have left.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.db import DatabaseError, InterfaceError, connections
from django.utils import timezone

from commerce.cache import primary, settling, versions
from commerce.cache.client import RedisUnavailable
from commerce.cache.versions import Changes
from commerce.db.scope import Scope, open_scope
from commerce.db.tenants import RELAY
from commerce.outbox import operations
from commerce.outbox.operations import NewEvent
from commerce.outbox.registry import EventRecord

logger = logging.getLogger(__name__)

TYPE = "cache.outdated"
# Seconds between two looks at the marks.
EVERY = 1.0
# No answer is kept, and none is being computed, for so long.
MOOT_AFTER = timedelta(hours=1)

_HURRY_SQL = """
UPDATE outbox_event SET next_at = statement_timestamp() WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM outbox_event
    WHERE status = 'pending' AND type = %s AND next_at > statement_timestamp() FOR NO KEY UPDATE SKIP LOCKED
))
"""

# Set while Redis has not taken what it was told here: the debts then wait ever longer.
_behind = threading.Event()


def owe(changes: Changes, connection: Any) -> None:
    """Write a debt for each tenant into the connection's transaction."""
    for tenant_id, topics in changes.items():
        event = NewEvent(TYPE, "Cache", uuid4(), 1, {"topics": sorted(topics)})
        operations.insert([event], tenant_id=tenant_id, alias=connection.alias)


def pay(event: EventRecord) -> None:
    """Outdate what a debt names, or raise RedisUnavailable."""
    if timezone.now() - event.created_at > MOOT_AFTER:
        return
    try:
        versions.publish({event.tenant_id: frozenset(event.payload["topics"])}, primary.ask_position())
    except RedisUnavailable:
        _behind.set()
        raise


@contextmanager
def settling_marks() -> Iterator[None]:
    """Settle the marks of killed writers every second, in a thread, while the context is open."""
    stop = threading.Event()
    thread = threading.Thread(target=_run, args=[stop], name="cache-marks", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=5)


def settle_once() -> None:
    """Settle the marks; once Redis answers again have all debts paid now. What fails is tried again next time."""
    try:
        settling.settle()
        if _behind.is_set():
            _behind.clear()
            _hurry()
    except RedisUnavailable:
        _behind.set()
    except (DatabaseError, InterfaceError) as error:
        _behind.set()
        logger.warning("PostgreSQL does not answer; marks wait: %s", error)
        for connection in connections.all(initialized_only=True):
            connection.close_if_unusable_or_obsolete()


def _run(stop: threading.Event) -> None:
    try:
        while not stop.wait(EVERY):
            try:
                settle_once()
            except Exception:
                logger.exception("The marks of killed writers could not be settled; trying again")
    finally:
        connections.close_all()


def _hurry() -> None:
    with open_scope(Scope(tenant_id=None, alias=RELAY)), connections[RELAY].cursor() as cursor:
        cursor.execute(_HURRY_SQL, [TYPE])
