"""What operators do about dead deliveries of the scope's tenant: look at them, have them sent after all, drop them."""

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Now

from commerce.webhooks.models import Delivery


class Dead(NamedTuple):
    """A dead delivery: of which event and object, how often it was tried, and what went wrong."""

    id: UUID
    type: str
    object_kind: str
    object_id: UUID
    attempts: int
    error: str


def list_dead(*, at_most: int) -> list[Dead]:
    """Return the tenant's dead deliveries, the oldest event first."""
    columns = ("id", "event_type", "object_kind", "object_id", "attempts", "error")
    return [Dead(*row) for row in _dead(None).order_by("position", "id").values_list(*columns)[:at_most]]


def retry(ids: Collection[UUID] | None) -> int:
    """Have these dead deliveries, or all, sent again, and tried for a day from now; return how many.

    Later events of their objects may have been delivered before them. Those of a paused webhook wait with it.
    """
    return _dead(ids).update(
        status=Delivery.Status.PENDING, next_at=Now(), tried_since=None, finished_at=None, leased_until=None, error=""
    )


def drop(ids: Collection[UUID] | None) -> int:
    """Delete these dead deliveries, or all, with their attempts; return how many."""
    _, by_model = _dead(ids).delete()
    return by_model.get(Delivery._meta.label, 0)


def _dead(ids: Collection[UUID] | None) -> "QuerySet[Delivery]":
    # What an app was asked and answered at once is over: a payment must not be asked for again.
    found = Delivery.objects.filter(status=Delivery.Status.DEAD, webhook__is_sync=False)
    return found if ids is None else found.filter(id__in=ids)
