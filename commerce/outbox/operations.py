"""Writing events, in the transaction of the change that they tell of."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

import orjson
from django.db import connections
from uuid_utils.compat import uuid7

from commerce.db.scope import ScopeError, current_scope, current_tenant_id

# One statement takes this many events at most, which bounds its memory.
MOST_PER_STATEMENT = 20_000

_INSERT = """
INSERT INTO outbox_event (tenant_id, id, type, object_kind, object_id, object_version, payload, actor)
SELECT %s, id, type, object_kind, object_id, object_version, payload::jsonb, actor
FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::uuid[], %s::bigint[], %s::text[], %s::text[]) WITH ORDINALITY
     AS new (id, type, object_kind, object_id, object_version, payload, actor, nth)
ORDER BY nth
"""


# An event's id begins with the milliseconds of its writing (RFC 9562), so that the key finds the old ones. Each batch
# begins where the one before it ended: what is deleted stays in the index until vacuum, and is not read again.
_DELETE = """
WITH gone AS (
    DELETE FROM outbox_event WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM outbox_event WHERE id > %s AND id < %s AND status = 'done' AND finished_at < %s
        ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
    )) RETURNING id
)
SELECT count(*), (SELECT id FROM gone ORDER BY id DESC LIMIT 1) FROM gone
"""
_FIRST = UUID(int=0)


@dataclass(frozen=True, slots=True)
class NewEvent:
    """What happened to one object: `type` as "catalog.product.updated", the version it has now, a few facts.

    `payload` is what a subscriber needs without reading the object, in JSON's types, UUIDs and dates;
    `actor` is who did it ("user:<id>", "app:<id>", "import:<id>"), empty for the system.
    """

    type: str
    object_kind: str
    object_id: UUID
    object_version: int
    payload: dict[str, Any] = field(default_factory=dict)
    actor: str = ""


def publish(
    type: str,
    *,
    object_kind: str,
    object_id: UUID,
    object_version: int,
    payload: dict[str, Any] | None = None,
    actor: str = "",
) -> UUID:
    """Write one event into the scope's transaction and return its id.

    Call it while holding the object's row lock (an UPDATE or `select_for_update` takes it), for that is what
    gives one object's events their order. Raises ScopeError outside a scope that writes for one tenant.
    """
    return publish_many([NewEvent(type, object_kind, object_id, object_version, payload or {}, actor)])[0]


def publish_many(events: Iterable[NewEvent]) -> list[UUID]:
    """Write many events, in the order given, by one statement per 20,000, and return their ids.

    The same rules as for `publish`; no event makes no statement.
    """
    tenant_id, alias = _writing_scope()
    return insert(events, tenant_id=tenant_id, alias=alias)


def insert(events: Iterable[NewEvent], *, tenant_id: int, alias: str) -> list[UUID]:
    """Write a tenant's events into the transaction that is open on a connection, and return their ids."""
    ids: list[UUID] = []
    with connections[alias].cursor() as cursor:
        for chunk in _chunks(events):
            new = [uuid7() for _ in chunk]
            cursor.execute(
                _INSERT,
                [
                    tenant_id,
                    new,
                    [event.type for event in chunk],
                    [event.object_kind for event in chunk],
                    [event.object_id for event in chunk],
                    [event.object_version for event in chunk],
                    [orjson.dumps(event.payload).decode() for event in chunk],
                    [event.actor for event in chunk],
                ],
            )
            ids += new
    return ids


def delete_delivered_events(*, before: datetime, at_most: int, after: UUID = _FIRST) -> tuple[int, UUID]:
    """Delete the scope's tenant's events that were delivered before an instant, the oldest first.

    Returns how many, and the id of the last one: the next batch is those `after` it.
    """
    _, alias = _writing_scope()
    with connections[alias].cursor() as cursor:
        cursor.execute(_DELETE, [after, first_id(before), before, at_most])
        count, last = cursor.fetchone()
        return count, last or after


def first_id(moment: datetime) -> UUID:
    """Return the lowest id that was made at an instant: ids begin with milliseconds (RFC 9562)."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def _writing_scope() -> tuple[int, str]:
    tenant_id, scope = current_tenant_id(), current_scope()
    if scope is None or scope.read_only:
        raise ScopeError("An event was published in a scope for reading; open the writing one around the change.")
    return tenant_id, scope.alias


def _chunks(events: Iterable[NewEvent]) -> Iterator[list[NewEvent]]:
    remaining = iter(events)
    while chunk := list(islice(remaining, MOST_PER_STATEMENT)):
        yield chunk
