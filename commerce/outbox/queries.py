"""Reads around events: how far the relays are behind, and which of them live."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connections

from commerce.db.scope import Scope, open_scope, tenant_scope
from commerce.db.tenants import RELAY
from commerce.outbox.claims import PLAN

# A relay says that it lives every five seconds.
SILENT_AFTER = timedelta(seconds=30)
# More due events than this are not counted.
MOST_COUNTED = 100_000
WORST = 5

_RELAYS = """
SELECT name, process, statement_timestamp() - seen_at, seen_at - started_at, finished, due,
       CASE WHEN oldest_at IS NOT NULL THEN statement_timestamp() - oldest_at END
FROM outbox_relay ORDER BY name
"""

# From tenant to tenant through the index of the claim, as claims.py does; of each the event that is due the longest.
_LAG = """
WITH RECURSIVE waiting AS (
    (SELECT tenant_id FROM outbox_event WHERE status = 'pending' ORDER BY tenant_id, next_at, position LIMIT 1)
    UNION ALL
    SELECT (SELECT e.tenant_id FROM outbox_event e
            WHERE e.status = 'pending' AND e.tenant_id > w.tenant_id
            ORDER BY e.tenant_id, e.next_at, e.position LIMIT 1)
    FROM waiting w WHERE w.tenant_id IS NOT NULL
), due AS MATERIALIZED (
    SELECT w.tenant_id, first.next_at FROM waiting w CROSS JOIN LATERAL (
        SELECT e.next_at FROM outbox_event e WHERE e.tenant_id = w.tenant_id AND e.status = 'pending'
        ORDER BY e.next_at, e.position LIMIT 1
    ) first
    WHERE first.next_at <= statement_timestamp()
)
SELECT d.tenant_id, t.slug, d.next_at, statement_timestamp() - d.next_at, (
    SELECT count(*) FROM (
        SELECT FROM outbox_event e
        WHERE e.tenant_id = d.tenant_id AND e.status = 'pending' AND e.next_at <= statement_timestamp() LIMIT %(most)s
    ) counted
)
FROM due d JOIN tenants_tenant t ON t.id = d.tenant_id ORDER BY d.next_at, d.tenant_id LIMIT %(worst)s
"""
_DUE = """
SELECT count(*) FROM (
    SELECT FROM outbox_event WHERE status = 'pending' AND next_at <= statement_timestamp() LIMIT %s
) counted
"""
_PENDING = "SELECT count(*) FROM (SELECT FROM outbox_event WHERE status = 'pending' LIMIT %s) counted"


@dataclass(frozen=True, slots=True)
class RelayRow:
    """A relay: when it was last seen, how long it had run, how many events it had finished and saw due then.

    `lag` is the age of the oldest of those due events, as of now: it grows while nobody says that it is done.
    """

    name: str
    process: int
    age: timedelta
    ran: timedelta
    finished: int
    due: int
    lag: timedelta | None

    @property
    def is_silent(self) -> bool:
        """Say whether it is probably dead, or hangs."""
        return self.age > SILENT_AFTER


@dataclass(frozen=True, slots=True)
class TenantLag:
    """A tenant with due events: since when the oldest is due, its age, and how many there are."""

    tenant_id: int
    slug: str
    since: datetime
    age: timedelta
    due: int


@dataclass(frozen=True, slots=True)
class Lag:
    """How many events are due (at most 100,000 are counted), and the five tenants that have waited the longest."""

    due: int
    worst: list[TenantLag]

    @property
    def oldest(self) -> TenantLag | None:
        """The tenant whose event has been due the longest, or None where nothing is."""
        return self.worst[0] if self.worst else None


def list_relays() -> list[RelayRow]:
    """Return the relays that were seen in the last hour and have not said that they end; needs no scope."""
    with connections["default"].cursor() as cursor:
        cursor.execute(_RELAYS)
        return [RelayRow(*row) for row in cursor.fetchall()]


def measure_lag(*, worst: int = WORST) -> Lag | None:
    """Return how far the relays are behind now, or None in a process without DATABASE_RELAY_URL; needs no scope.

    The events of so many of the `worst` tenants are counted one by one: a relay that looks every five seconds asks for
    no more than the oldest.
    """
    if RELAY not in connections:
        return None
    with open_scope(Scope(tenant_id=None, alias=RELAY)), connections[RELAY].cursor() as cursor:
        cursor.execute(PLAN)
        cursor.execute(_LAG, {"most": MOST_COUNTED, "worst": worst})
        tenants = [TenantLag(*row) for row in cursor.fetchall()]
        cursor.execute(_DUE, [MOST_COUNTED])
        return Lag(cursor.fetchone()[0], tenants)


def count_pending(tenant_id: int, *, at_most: int) -> int:
    """Return how many events of a tenant are not delivered, up to `at_most`."""
    with tenant_scope(tenant_id, read_only=True), connections["default"].cursor() as cursor:
        cursor.execute(_PENDING, [at_most])
        return int(cursor.fetchone()[0])
