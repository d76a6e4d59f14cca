"""What operators do about dead events of the scope's tenant: look at them, have them delivered after all, drop them."""

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from django.db import connections
from django.db.models import QuerySet
from django.db.models.functions import Now

from commerce.db.scope import Scope, open_scope
from commerce.db.tenants import RELAY
from commerce.outbox.models import Event

# Each by its own index: most rows are neither.
_COUNT = """
SELECT pending.count, (SELECT count(*) FROM outbox_event WHERE status = 'dead'), pending.age FROM (
    SELECT count(*), extract(epoch FROM statement_timestamp() - min(created_at)) AS age
    FROM outbox_event WHERE status = 'pending'
) pending
"""


class Counts(NamedTuple):
    """How many events of all tenants are undelivered and dead, and the age of the oldest undelivered one in seconds."""

    pending: int
    dead: int
    oldest: float | None


def count() -> Counts | None:
    """Return the counts, or None in a process that does not have the relay's database address."""
    if RELAY not in connections:
        return None
    with open_scope(Scope(tenant_id=None, alias=RELAY)), connections[RELAY].cursor() as cursor:
        cursor.execute(_COUNT)
        pending, dead, oldest = cursor.fetchone()
    return Counts(pending, dead, None if oldest is None else float(oldest))


def list_dead(*, at_most: int) -> list[Event]:
    """Return the tenant's dead events, the oldest first."""
    return list(_dead(None).order_by("position")[:at_most])


def retry(ids: Collection[UUID] | None) -> int:
    """Have these dead events, or all, delivered again from the first attempt on; return how many.

    What happened to their objects since may have been delivered before them.
    """
    return _dead(ids).update(status=Event.Status.PENDING, attempts=0, next_at=Now(), finished_at=None)


def drop(ids: Collection[UUID] | None) -> int:
    """Delete these dead events, or all; return how many."""
    return _dead(ids).delete()[0]


def _dead(ids: Collection[UUID] | None) -> "QuerySet[Event]":
    found = Event.objects.filter(status=Event.Status.DEAD)
    return found if ids is None else found.filter(id__in=ids)
