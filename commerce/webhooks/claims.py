"""Claiming deliveries for a worker, and writing down what became of them: the SQL of the relay's role.

Each call is one short transaction. A claim is a lease: a worker that is killed leaves deliveries that are due again
when their lease is over, and what a worker reports after its lease counts no more.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from django.db import connections

from commerce.db.scope import Scope, open_scope
from commerce.db.tenants import RELAY

# As for the outbox: with nothing but ordered index scans to choose from, every ORDER BY … LIMIT is answered by the
# one index that has its order, whatever the statistics of a queue say; and the few rows named are found by their keys.
_PLAN = """
SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off;
SET LOCAL jit = off; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off;
SET LOCAL enable_sort = off; SET LOCAL enable_incremental_sort = off
"""

# `pairs` steps through the webhooks with pending deliveries; `due` are those that may be sent to now: not paused, not
# slowed and waiting, with room for more in this worker. Tenants share alike, and within a tenant its webhooks; where
# there are more than are claimed, each tenant's first come before anybody's second. The one delivery of an object
# that may be sent is its oldest unfinished to that webhook.
_CLAIM = """
WITH RECURSIVE pairs AS (
    (SELECT tenant_id, webhook_id FROM webhooks_delivery WHERE status = 'pending'
     ORDER BY tenant_id, webhook_id, next_at, position LIMIT 1)
    UNION ALL
    SELECT n.tenant_id, n.webhook_id FROM pairs p CROSS JOIN LATERAL (
        SELECT d.tenant_id, d.webhook_id FROM webhooks_delivery d
        WHERE d.status = 'pending' AND (d.tenant_id, d.webhook_id) > (p.tenant_id, p.webhook_id)
        ORDER BY d.tenant_id, d.webhook_id, d.next_at, d.position LIMIT 1
    ) n
), due AS MATERIALIZED (
    SELECT p.tenant_id, p.webhook_id, w.state = 'slowed' AS is_probe,
           CASE w.state WHEN 'slowed' THEN 1 ELSE %(per_webhook)s - coalesce(h.held, 0) END AS room
    FROM pairs p JOIN webhooks_webhook w ON w.tenant_id = p.tenant_id AND w.id = p.webhook_id
    LEFT JOIN unnest(%(webhooks)s::uuid[], %(held)s::integer[]) AS h (webhook_id, held) ON h.webhook_id = p.webhook_id
    WHERE w.is_active AND (w.state = 'ok' OR w.state = 'slowed' AND w.probe_at <= statement_timestamp())
      AND NOT p.tenant_id = ANY(%(full)s::integer[])
      AND (SELECT d.next_at FROM webhooks_delivery d
           WHERE d.tenant_id = p.tenant_id AND d.webhook_id = p.webhook_id AND d.status = 'pending'
           ORDER BY d.next_at, d.position LIMIT 1) <= statement_timestamp()
), turns AS MATERIALIZED (
    SELECT *, row_number() OVER (PARTITION BY tenant_id ORDER BY random()) AS turn,
           count(*) OVER (PARTITION BY tenant_id) AS webhooks
    FROM due WHERE room > 0
), chosen AS MATERIALIZED (
    SELECT *, greatest(1, %(size)s / (SELECT count(DISTINCT tenant_id) FROM turns) / webhooks) AS share
    FROM turns ORDER BY turn, tenant_id <= %(after)s, tenant_id LIMIT %(size)s
), locked AS MATERIALIZED (
    SELECT d.*, c.is_probe FROM chosen c CROSS JOIN LATERAL (
        SELECT ctid, tenant_id, id, webhook_id, event_id, event_type, object_kind, object_id, object_version, position,
               facts, actor, occurred_at, attempts, tried_since, body
        FROM webhooks_delivery
        WHERE tenant_id = c.tenant_id AND webhook_id = c.webhook_id AND status = 'pending'
          AND next_at <= statement_timestamp()
        ORDER BY next_at, position LIMIT least(c.share, c.room) FOR NO KEY UPDATE SKIP LOCKED
    ) d
)
SELECT l.ctid, l.tenant_id, l.id, l.webhook_id, l.event_id, l.event_type, l.object_kind, l.object_id, l.object_version,
       l.position, l.facts, l.actor, l.occurred_at, l.attempts, l.tried_since, statement_timestamp(), l.is_probe,
       (SELECT d.position FROM webhooks_delivery d
        WHERE d.tenant_id = l.tenant_id AND d.webhook_id = l.webhook_id AND d.object_id = l.object_id
          AND d.finished_at IS NULL ORDER BY d.position LIMIT 1) < l.position, l.body
FROM locked l
"""

# Of two workers that would try a slowed webhook at the same moment, one does.
_PROBE = """
UPDATE webhooks_webhook w SET probe_at = %s
FROM unnest(%s::integer[], %s::uuid[]) AS x (tenant_id, id)
WHERE w.tenant_id = x.tenant_id AND w.id = x.id AND w.state = 'slowed' AND w.probe_at <= statement_timestamp()
RETURNING w.id
"""

_LEASE = (
    "UPDATE webhooks_delivery SET leased_until = %(until)s, next_at = %(until)s WHERE ctid = ANY(%(places)s::tid[])"
)

# What cannot be sent before an object's oldest delivery is done with leaves the front of the queue, many at once, so
# that of a flood of one object each is moved once, and not again and again by eights. Each becomes due when the one
# before it is finished (_NEXT); the time is for those whose predecessor is deleted.
# In a snapshot of its own: a worker that has finished the oldest one meanwhile has either been seen by now, or waits
# for the lock on the one behind it, and makes it due then. What another worker has locked is left to that one.
_WAIT = """
UPDATE webhooks_delivery d SET next_at = x.next_at FROM (
    SELECT behind.ctid, greatest(oldest.next_at, statement_timestamp() + interval '5 minutes') AS next_at
    FROM (
        SELECT tenant_id, webhook_id, object_id, min(position) AS position
        FROM unnest(%s::integer[], %s::uuid[], %s::uuid[], %s::bigint[])
             AS n (tenant_id, webhook_id, object_id, position)
        GROUP BY tenant_id, webhook_id, object_id
    ) n
    CROSS JOIN LATERAL (
        SELECT o.position, o.next_at FROM webhooks_delivery o
        WHERE o.tenant_id = n.tenant_id AND o.webhook_id = n.webhook_id AND o.object_id = n.object_id
          AND o.finished_at IS NULL
        ORDER BY o.position LIMIT 1
    ) oldest
    CROSS JOIN LATERAL (
        SELECT o.ctid FROM webhooks_delivery o
        WHERE o.tenant_id = n.tenant_id AND o.webhook_id = n.webhook_id AND o.object_id = n.object_id
          AND o.finished_at IS NULL AND o.position >= n.position
        ORDER BY o.position LIMIT 1000 FOR NO KEY UPDATE SKIP LOCKED
    ) behind
    WHERE oldest.position < n.position
) x WHERE d.ctid = x.ctid AND d.next_at <= statement_timestamp()
"""

# What is leased, and what is unfinished, is pending: to say so would let the planner walk the index of all that is.
_RECORD = """
WITH moved AS (
    UPDATE webhooks_delivery d
    SET status = x.status, attempts = d.attempts + x.is_tried::integer, error = x.error, leased_until = NULL,
        next_at = coalesce(x.next_at, d.next_at),
        tried_since = CASE WHEN x.is_tried THEN coalesce(d.tried_since, x.began) ELSE d.tried_since END,
        finished_at = CASE WHEN x.status <> 'pending' THEN clock_timestamp() END
    FROM unnest(%s::integer[], %s::uuid[], %s::timestamptz[], %s::text[], %s::timestamptz[], %s::text[], %s::boolean[],
                %s::timestamptz[], %s::integer[], %s::integer[], %s::bigint[], %s::text[])
         AS x (tenant_id, id, lease, status, next_at, error, is_tried, began, duration_ms, code, length, content_type)
    WHERE d.tenant_id = x.tenant_id AND d.id = x.id AND d.leased_until = x.lease
    RETURNING d.tenant_id, d.id, d.webhook_id, d.object_id, d.position, d.attempts, d.finished_at, x.error AS said,
              x.is_tried, x.began, x.duration_ms, x.code, x.length, x.content_type
), tried AS (
    INSERT INTO webhooks_attempt (tenant_id, delivery_id, number, at, duration_ms, status_code, length, content_type,
                                  error)
    SELECT tenant_id, id, attempts, began, duration_ms, code, length, content_type, said FROM moved WHERE is_tried
    ON CONFLICT DO NOTHING
)
SELECT tenant_id, id, webhook_id, object_id, position FROM moved WHERE finished_at IS NOT NULL
"""

# The row is named by its key: one that a claim moves at this moment is waited for, and found where it is then.
_NEXT = """
UPDATE webhooks_delivery d SET next_at = least(d.next_at, statement_timestamp()) FROM (
    SELECT n.tenant_id, behind.id
    FROM unnest(%s::integer[], %s::uuid[], %s::uuid[], %s::bigint[]) AS n (tenant_id, webhook_id, object_id, position)
    CROSS JOIN LATERAL (
        SELECT o.id FROM webhooks_delivery o
        WHERE o.tenant_id = n.tenant_id AND o.webhook_id = n.webhook_id AND o.object_id = n.object_id
          AND o.finished_at IS NULL AND o.position > n.position
        ORDER BY o.position LIMIT 1
    ) behind
) x WHERE d.tenant_id = x.tenant_id AND d.id = x.id AND d.leased_until IS NULL
"""

_RELEASE = """
UPDATE webhooks_delivery d SET leased_until = NULL, next_at = statement_timestamp()
FROM unnest(%s::integer[], %s::uuid[], %s::timestamptz[]) AS x (tenant_id, id, lease)
WHERE d.tenant_id = x.tenant_id AND d.id = x.id AND d.leased_until = x.lease
"""

# A slowed one is well again once a delivery that tried it succeeds, not one that was on its way when it was slowed.
_HEALTHY = """
UPDATE webhooks_webhook w SET failures = 0, failing_since = NULL, state = 'ok', reason = '', probe_at = NULL
FROM unnest(%s::integer[], %s::uuid[], %s::boolean[]) AS x (tenant_id, id, was_tried)
WHERE w.tenant_id = x.tenant_id AND w.id = x.id
  AND (w.state = 'slowed' AND x.was_tried OR w.state = 'ok' AND (w.failures > 0 OR w.failing_since IS NOT NULL))
"""

# An endpoint that answers, but that nothing succeeds at. The start of the transaction is before what died in it.
_REJECTED = """
UPDATE webhooks_webhook w SET failing_since = coalesce(w.failing_since, now()), reason = x.reason,
    failures = CASE WHEN x.answered THEN 0 ELSE w.failures END,
    state = CASE WHEN x.answered THEN 'ok' ELSE w.state END,
    probe_at = CASE WHEN x.answered THEN NULL ELSE w.probe_at END
FROM unnest(%s::integer[], %s::uuid[], %s::boolean[], %s::text[]) AS x (tenant_id, id, answered, reason)
WHERE w.tenant_id = x.tenant_id AND w.id = x.id AND w.state <> 'paused'
  AND (w.failing_since IS NULL OR w.reason <> x.reason OR x.answered AND (w.failures > 0 OR w.state = 'slowed'))
"""

# Some failures at once count up to the first wait; from there on each is a probe that doubles it. An endpoint that says
# when to come again (`after`, in seconds) is slowed at once, and not asked before.
_AILING = """
UPDATE webhooks_webhook w
SET failures = CASE WHEN w.state = 'ok' THEN least(w.failures + x.failures, %(slow_after)s) ELSE w.failures + 1 END,
    failing_since = coalesce(w.failing_since, now()), reason = x.reason,
    state = CASE WHEN w.failures + x.failures >= %(slow_after)s OR x.after IS NOT NULL THEN 'slowed'
                 ELSE w.state END,
    probe_at = CASE WHEN w.failures + x.failures >= %(slow_after)s OR x.after IS NOT NULL
        THEN statement_timestamp() + greatest(x.after, least(
            %(longest)s, %(first)s * 2 ^ least(w.failures + 1 - %(slow_after)s, 20)::float
        ) * (0.75 + random() / 2)) * interval '1 second' ELSE w.probe_at END
FROM unnest(%(tenants)s::integer[], %(ids)s::uuid[], %(failures)s::integer[], %(reasons)s::text[], %(after)s::float[])
     AS x (tenant_id, id, failures, reason, after)
WHERE w.tenant_id = x.tenant_id AND w.id = x.id AND w.state <> 'paused'
RETURNING w.tenant_id, w.id, w.failing_since, w.state
"""

# A success would have ended `failing_since`: what died since died in a row. The index of the once-only rule has a
# webhook's deliveries in the order of their events; a few times as many as are wanted are looked at, and no more.
_DEAD_IN_A_ROW = """
SELECT w.tenant_id, w.id, w.failing_since, w.state, (
    SELECT count(*) FROM (
        SELECT d.status, d.finished_at FROM webhooks_delivery d
        WHERE d.tenant_id = w.tenant_id AND d.webhook_id = w.id AND d.event_id <= x.event_id
        ORDER BY d.tenant_id DESC, d.webhook_id DESC, d.event_id DESC LIMIT %s
    ) last WHERE last.status = 'dead' AND last.finished_at >= w.failing_since)
FROM unnest(%s::integer[], %s::uuid[], %s::uuid[]) AS x (tenant_id, id, event_id)
JOIN webhooks_webhook w ON w.tenant_id = x.tenant_id AND w.id = x.id
WHERE w.state <> 'paused'
"""
# Deliveries looked at for each dead one that is wanted: others wait between them.
_LOOKED_AT = 4


class Claimed(NamedTuple):
    """A delivery that this worker alone may send until `lease`; `is_probe`: it tries a slowed webhook."""

    tenant_id: int
    id: UUID
    webhook_id: UUID
    event_id: UUID
    event_type: str
    object_kind: str
    object_id: UUID
    object_version: int
    position: int
    facts: dict[str, Any]
    actor: str
    occurred_at: datetime
    attempts: int
    tried_since: datetime | None
    lease: datetime
    body: bytes | None = None
    is_probe: bool = False


class Report(NamedTuple):
    """What came of a delivery: its new status, when it is due again, what was answered; times in UTC.

    `is_tried` says that something was sent, and `counts` that a failure is the endpoint's, not the delivery's. `after`
    are the seconds for which the endpoint asks to be left alone.
    """

    claimed: Claimed
    status: str
    next_at: datetime | None
    error: str
    is_tried: bool
    began: datetime
    duration_ms: int = 0
    code: int | None = None
    length: int | None = None
    content_type: str = ""
    counts: bool = True
    after: float | None = None


class Health(NamedTuple):
    """When endpoints that fail are slowed: after so many failures in a row; waits in seconds, the first and longest.

    Up to `most_dead` deliveries that died in a row are counted; with 0, none are.
    """

    slow_after: int = 5
    first_wait: float = 10.0
    longest_wait: float = 1800.0
    most_dead: int = 0


class Ailing(NamedTuple):
    """A webhook at which nothing has succeeded since, and how many of its deliveries died in a row, where one just did.

    `dead` is a lower bound.
    """

    tenant_id: int
    webhook_id: UUID
    failing_since: datetime
    state: str
    dead: int = 0


class Limits(NamedTuple):
    """How many deliveries to claim, and how many of one tenant and of one webhook the worker may hold at once."""

    size: int
    per_tenant: int
    per_webhook: int


class Batch(NamedTuple):
    """What was claimed. `moved`: rows changed, so that there may be more at once."""

    claims: list[Claimed]
    moved: bool


def claim(*, after: int, limits: Limits, held: Collection[Claimed], lease: timedelta) -> Batch:
    """Lease due deliveries to this worker, which holds others; tenants after the number `after` come first."""
    by_webhook = Counter(claimed.webhook_id for claimed in held)
    by_tenant = Counter(claimed.tenant_id for claimed in held)
    with open_scope(Scope(tenant_id=None, alias=RELAY)), connections[RELAY].cursor() as cursor:
        cursor.execute(_PLAN)
        cursor.execute(
            _CLAIM,
            {
                "after": after,
                "size": limits.size,
                "per_webhook": limits.per_webhook,
                "webhooks": list(by_webhook),
                "held": list(by_webhook.values()),
                "full": [tenant_id for tenant_id, count in by_tenant.items() if count >= limits.per_tenant],
            },
        )
        rows = cursor.fetchall()
        if not rows:
            return Batch([], moved=False)
        until = rows[0][15] + lease
        rows = _without_lost_probes(cursor, rows, until)
        free, waiting = [row for row in rows if not row[17]], [row for row in rows if row[17]]
        if free:
            cursor.execute(_LEASE, {"until": until, "places": [row[0] for row in free]})
        if waiting:
            cursor.execute(_WAIT, [[row[column] for row in waiting] for column in (1, 3, 7, 9)])
    return Batch([_claimed(row, until) for row in free], moved=True)


def record(reports: Sequence[Report], health: Health) -> list[Ailing]:
    """Write what came of deliveries, and how their endpoints do; return the webhooks that fail.

    What was reported after its lease is left out. The next delivery of each object that is done with becomes due.
    """
    if not reports:
        return []
    with open_scope(Scope(tenant_id=None, alias=RELAY)), connections[RELAY].cursor() as cursor:
        cursor.execute(_PLAN)
        cursor.execute(_RECORD, _report_columns(reports))
        if finished := cursor.fetchall():
            cursor.execute(_NEXT, [[row[column] for row in finished] for column in (0, 2, 3, 4)])
        return _record_health(cursor, reports, health)


def release(claims: Sequence[Claimed]) -> None:
    """Give back what was not sent: it is due at once."""
    if claims:
        with open_scope(Scope(tenant_id=None, alias=RELAY)), connections[RELAY].cursor() as cursor:
            cursor.execute(_PLAN)
            cursor.execute(_RELEASE, [[c.tenant_id for c in claims], [c.id for c in claims], [c.lease for c in claims]])


def _without_lost_probes(cursor: Any, rows: list[Any], until: datetime) -> list[Any]:
    probes = {row[3]: row[1] for row in rows if row[16] and not row[17]}
    if not probes:
        return rows
    cursor.execute(_PROBE, [until, list(probes.values()), list(probes)])
    won = {webhook_id for (webhook_id,) in cursor.fetchall()}
    return [row for row in rows if row[17] or not row[16] or row[3] in won]


def _claimed(row: Sequence[Any], until: datetime) -> Claimed:
    columns: list[Any] = list(row[1:15])
    columns[9] = orjson.loads(columns[9])
    return Claimed._make((*columns, until, None if row[18] is None else bytes(row[18]), row[16]))


def _report_columns(reports: Sequence[Report]) -> list[list[Any]]:
    rows = [
        (
            report.claimed.tenant_id,
            report.claimed.id,
            report.claimed.lease,
            report.status,
            report.next_at,
            report.error,
            report.is_tried,
            report.began,
            report.duration_ms,
            report.code,
            report.length,
            report.content_type,
        )
        for report in reports
    ]
    return _columns(rows)


def _record_health(cursor: Any, reports: Sequence[Report], health: Health) -> list[Ailing]:
    tried = _by_webhook(report for report in reports if report.is_tried)
    done = {key: [one for one in found if one.status == "delivered"] for key, found in tried.items()}
    healthy = {key: any(one.claimed.is_probe for one in found) for key, found in done.items() if found}
    if healthy:
        cursor.execute(_HEALTHY, _columns((*key, was_tried) for key, was_tried in healthy.items()))
    rejected = [
        (*key, any(report.code is not None for report in found), found[-1].error)
        for key, found in tried.items()
        if key not in healthy and all(report.status == "dead" and not report.counts for report in found)
    ]
    if rejected:
        cursor.execute(_REJECTED, _columns(rejected))
    ailing = {(webhook.tenant_id, webhook.webhook_id): webhook for webhook in _slow(cursor, tried, health)}
    for webhook in _count_dead(cursor, tried, health):
        ailing[webhook.tenant_id, webhook.webhook_id] = webhook
    return list(ailing.values())


def _slow(cursor: Any, tried: "dict[_Key, list[Report]]", health: Health) -> list[Ailing]:
    """Write down the failures of endpoints; one that delivered, and yet asks to be left alone, is left alone."""
    rows = []
    for (tenant_id, webhook_id), found in tried.items():
        asked = [report.after for report in found if report.after is not None]
        answered = any(report.status == "delivered" or (not report.counts and report.code) for report in found)
        failed = [report for report in found if report.status != "delivered" and report.counts]
        if failed and (asked or not answered):
            rows.append((tenant_id, webhook_id, len(failed), failed[-1].error, max(asked, default=None)))
    if not rows:
        return []
    names = ("tenants", "ids", "failures", "reasons", "after")
    limits = {"slow_after": health.slow_after, "first": health.first_wait, "longest": health.longest_wait}
    cursor.execute(_AILING, dict(zip(names, _columns(rows), strict=True)) | limits)
    return [Ailing(*row) for row in cursor.fetchall()]


def _count_dead(cursor: Any, tried: "dict[_Key, list[Report]]", health: Health) -> list[Ailing]:
    last = [
        (*key, max(report.claimed.event_id for report in dead))
        for key, found in tried.items()
        if (dead := [report for report in found if report.status == "dead"])
    ]
    if not last or not health.most_dead:
        return []
    cursor.execute(_DEAD_IN_A_ROW, [health.most_dead * _LOOKED_AT, *_columns(last)])
    return [Ailing(*row) for row in cursor.fetchall() if row[2] is not None]


_Key = tuple[int, UUID]


def _by_webhook(reports: Iterable[Report]) -> dict[_Key, list[Report]]:
    found: dict[_Key, list[Report]] = {}
    for report in reports:
        found.setdefault((report.claimed.tenant_id, report.claimed.webhook_id), []).append(report)
    return found


def _columns(rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
