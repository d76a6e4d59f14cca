"""Claiming events for the relay, and writing down what became of them: the SQL of the relay's role.

All of it runs in the one transaction of a batch, inside the relay's scope; `relay.py` says why.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from django.db import connections

from commerce.db.tenants import RELAY
from commerce.outbox.registry import EventRecord

# A queue's statistics are always of another moment. A table analysed while few events were pending, with a partial
# index large and nearly empty, made the planner read all of a tenant's events through the primary key, once more for
# each event: seconds per batch. With nothing but ordered index scans to choose from, every ORDER BY … LIMIT below is
# answered by the one index that has its order; and locked rows stay where they are, so they are updated by ctid.
PLAN = """
SET LOCAL jit = off; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off;
SET LOCAL enable_sort = off; SET LOCAL enable_incremental_sort = off
"""

# `waiting` steps from tenant to tenant through the index (fact 50); `due` starts after the tenant where the last batch
# ended; `locked` takes each one's share; `previous` is the unfinished event before, of the same object.
_CLAIM = """
WITH RECURSIVE waiting AS (
    (SELECT tenant_id FROM outbox_event WHERE status = 'pending' ORDER BY tenant_id, next_at, position LIMIT 1)
    UNION ALL
    SELECT (SELECT e.tenant_id FROM outbox_event e
            WHERE e.status = 'pending' AND e.tenant_id > w.tenant_id
            ORDER BY e.tenant_id, e.next_at, e.position LIMIT 1)
    FROM waiting w WHERE w.tenant_id IS NOT NULL
), due AS MATERIALIZED (
    SELECT w.tenant_id FROM waiting w
    WHERE (SELECT e.next_at FROM outbox_event e WHERE e.tenant_id = w.tenant_id AND e.status = 'pending'
           ORDER BY e.next_at, e.position LIMIT 1) <= statement_timestamp()
    ORDER BY w.tenant_id <= %(after)s, w.tenant_id LIMIT %(size)s
), locked AS MATERIALIZED (
    SELECT e.* FROM due CROSS JOIN LATERAL (
        SELECT ctid, tenant_id, id, position, type, object_kind, object_id, object_version, payload, actor,
               created_at, attempts, next_at
        FROM outbox_event
        WHERE tenant_id = due.tenant_id AND status = 'pending' AND next_at <= statement_timestamp()
        ORDER BY next_at, position
        LIMIT (SELECT greatest(1, %(size)s / nullif(count(*), 0)) FROM due)
        FOR NO KEY UPDATE SKIP LOCKED
    ) e
)
SELECT l.ctid, l.tenant_id, l.id, l.type, l.object_kind, l.object_id, l.object_version, l.payload, l.actor,
       l.created_at, l.attempts, l.position, l.next_at, statement_timestamp(), previous.ctid, previous.next_at
FROM locked l LEFT JOIN LATERAL (
    SELECT e.ctid, e.next_at FROM outbox_event e
    WHERE e.tenant_id = l.tenant_id AND e.object_id = l.object_id AND e.finished_at IS NULL AND e.position < l.position
    ORDER BY e.position DESC LIMIT 1
) previous ON true
ORDER BY row_number() OVER (PARTITION BY l.tenant_id ORDER BY l.position), l.tenant_id <= %(after)s, l.tenant_id
"""

_FINISH = """
UPDATE outbox_event SET status = 'done', finished_at = clock_timestamp(), attempts = attempts + 1, error = ''
WHERE ctid = ANY(%s::tid[])
"""

_FAIL = """
UPDATE outbox_event e SET attempts = e.attempts + 1, error = x.error, next_at = x.next_at,
       status = CASE WHEN x.dead THEN 'dead' ELSE 'pending' END,
       finished_at = CASE WHEN x.dead THEN clock_timestamp() END
FROM unnest(%s::tid[], %s::text[], %s::timestamptz[], %s::boolean[]) AS x (place, error, next_at, dead)
WHERE e.ctid = ANY(%s::tid[]) AND e.ctid = x.place
"""

_WAIT = """
UPDATE outbox_event e SET next_at = x.next_at FROM unnest(%s::tid[], %s::timestamptz[]) AS x (place, next_at)
WHERE e.ctid = ANY(%s::tid[]) AND e.ctid = x.place
"""


class Claimed(NamedTuple):
    """A locked event, when it was due and claimed, and its object's unfinished event before it, with its due time.

    A place is a row's ctid, which stands still under the lock; ids are unique within a tenant only.
    """

    place: str
    event: EventRecord
    next_at: datetime
    claimed_at: datetime
    previous: str | None
    previous_next_at: datetime | None


class Failure(NamedTuple):
    """A failed event, what went wrong, and when it is tried again, unless it is dead."""

    claimed: Claimed
    error: str
    next_at: datetime
    is_dead: bool


class Wait(NamedTuple):
    """An event that waits until its object's earlier one is due."""

    claimed: Claimed
    next_at: datetime


@dataclass(slots=True)
class Outcome:
    """What became of a batch. `is_full`: there is probably more to do at once."""

    done: list[Claimed] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    waiting: list[Wait] = field(default_factory=list)
    is_full: bool = False

    @property
    def moved(self) -> int:
        """How many events are not where they were; with none, the relay may rest."""
        return len(self.done) + len(self.failed) + len(self.waiting)


def claim(*, after: int, size: int) -> list[Claimed]:
    """Lock a batch of due events, an equal share for every tenant, and return them with tenants taking turns.

    The first tenant is the one after the number `after`. An object's events are in the order of their writing.
    """
    with connections[RELAY].cursor() as cursor:
        cursor.execute(PLAN)
        cursor.execute(_CLAIM, {"after": after, "size": size})
        return [_claimed(row) for row in cursor.fetchall()]


def record(outcome: Outcome) -> None:
    """Write the outcome of a batch to its events, which are still locked."""
    with connections[RELAY].cursor() as cursor:
        if outcome.done:
            cursor.execute(_FINISH, [_places(outcome.done)])
        if outcome.failed:
            failed, errors, times, dead = _columns(outcome.failed)
            cursor.execute(_FAIL, [_places(failed), errors, times, dead, _places(failed)])
        if outcome.waiting:
            waiting, times = _columns(outcome.waiting)
            cursor.execute(_WAIT, [_places(waiting), times, _places(waiting)])


def _claimed(row: Sequence[Any]) -> Claimed:
    place, tenant_id, id_, type_, kind, object_id, version, payload, actor, created_at, attempts, position, *rest = row
    facts = orjson.loads(payload)
    event = EventRecord(tenant_id, id_, type_, kind, object_id, version, facts, actor, created_at, attempts, position)
    return Claimed(place, event, *rest)


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _places(batch: Sequence[Claimed]) -> list[str]:
    return [claimed.place for claimed in batch]
