"""Writes of webhooks and of their deliveries, in a scope of their tenant."""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connections

from commerce import outbox
from commerce.db.scope import ScopeError, current_scope
from commerce.errors import DomainError
from commerce.outbox.operations import first_id
from commerce.webhooks.events import ANY, BY_TYPE, EVENTS, LATER
from commerce.webhooks.fan_out import INSERT_DELIVERIES, IS_WANTED
from commerce.webhooks.models import Delivery, Webhook
from commerce.webhooks.sending import SendError, allow_list, check_headers, check_url
from commerce.webhooks.subscriptions import check_subscription
from commerce.webhooks.targets import check_entries
from tenants import operations as tenants
from tenants import queries as tenant_queries

logger = logging.getLogger("commerce.webhooks")

# Deliveries that one request or form sends again; more are an operator's, by `manage.py webhooks replay`.
MOST_REPLAYED = 100_000


class WebhookNotFound(DomainError):
    """The tenant has no such webhook."""

    code = "NOT_FOUND"


class DeliveryNotFound(DomainError):
    """The tenant has no such delivery."""

    code = "NOT_FOUND"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a webhook is to be. `filters` are facts of events and the values that are wanted of each."""

    name: str
    target_url: str
    events: Collection[str]
    query: str = ""
    secret: str = ""
    identifier: str = ""
    custom_headers: Mapping[str, str] | None = None
    channels: Collection[UUID] = ()
    filters: Mapping[str, Collection[str]] | None = None
    is_sync: bool = False
    is_active: bool = True


def as_wanted(webhook: Webhook) -> Wanted:
    """Return what a webhook is now, to be changed in parts."""
    same = {field.name: getattr(webhook, field.name) for field in fields(Wanted)}
    return Wanted(**{**same, "channels": [UUID(channel) for channel in webhook.channels]})


def create_webhook(*, app_id: UUID, wanted: Wanted, permissions: Collection[str], actor: str = "") -> Webhook:
    """Subscribe an app, which has `permissions`, to events. Raises DomainError naming the field at fault."""
    webhook = Webhook(app_id=app_id)
    _fill(webhook, wanted, permissions)
    webhook.save(force_insert=True)
    _publish(webhook, "created", actor)
    return webhook


def update_webhook(*, webhook_id: UUID, wanted: Wanted, permissions: Collection[str], actor: str = "") -> Webhook:
    """Make a webhook what is wanted. Raises DomainError naming the field at fault."""
    webhook = _lock(webhook_id)
    _fill(webhook, wanted, permissions)
    webhook.save(update_fields=[*_WRITTEN, "updated_at"])
    webhook.refresh_from_db(fields=["version"])
    _publish(webhook, "updated", actor)
    return webhook


def allow_targets(*, slug: str, entries: Collection[str], is_production: bool) -> list[str]:
    """Let a tenant's webhooks and apps be at these addresses although they are not public; return what it is now.

    For operators, inside `all_tenants`. Raises DomainError for an entry that cannot be read or that leads to
    credentials of machines, and for any in production: `is_production` says that nobody has insisted there.
    """
    checked = check_entries(entries)
    if checked and is_production:
        raise DomainError(
            "This is production, where entries open our own network to the tenant; --yes-production insists.",
            field="targets",
        )
    allowed: list[str] = tenants.set_allowed_targets(slug=slug, entries=checked).allowed_targets
    return allowed


def delete_webhooks_of(app_id: UUID, actor: str) -> None:
    """Delete the webhooks of an app that is about to be deleted."""
    for webhook_id in Webhook.objects.filter(app_id=app_id).order_by("id").values_list("id", flat=True):
        delete_webhook(webhook_id=webhook_id, reason="The app was deleted.", actor=actor)


def delete_webhook(*, webhook_id: UUID, reason: str = "The webhook was deleted.", actor: str = "") -> Webhook:
    """Delete a webhook with its deliveries, and return what it was. Raises WebhookNotFound.

    The event tells how many deliveries waited that nobody gets any more, and why.
    """
    webhook = _lock(webhook_id)
    waiting = webhook.deliveries.filter(status="pending").count()
    # Not by the ORM, which would read all of them first.
    _execute(
        "DELETE FROM webhooks_attempt WHERE delivery_id IN (SELECT id FROM webhooks_delivery WHERE webhook_id = %s)",
        [webhook_id],
    )
    _execute("DELETE FROM webhooks_delivery WHERE webhook_id = %s", [webhook_id])
    webhook.delete()
    webhook.id, webhook.version, webhook.reason = webhook_id, webhook.version + 1, reason
    if waiting:
        logger.warning("%d deliveries to webhook %s are skipped: %s", waiting, webhook_id, reason)
    _publish(webhook, "deleted", actor, skipped=waiting)
    return webhook


def pause_webhook(*, webhook_id: UUID, reason: str, actor: str = "") -> bool:
    """Send nothing more to a webhook until it is resumed, and publish that; what comes meanwhile waits.

    Nothing happens to one that is paused or gone. Returns whether anything did.
    """
    webhook = Webhook.objects.select_for_update().filter(id=webhook_id).exclude(state=Webhook.State.PAUSED).first()
    if webhook is None:
        return False
    webhook.state, webhook.reason, webhook.probe_at = Webhook.State.PAUSED, reason, None
    webhook.save(update_fields=["state", "reason", "probe_at", "updated_at"])
    webhook.refresh_from_db(fields=["version"])
    _publish(webhook, "paused", actor)
    return True


def resume_webhook(*, webhook_id: UUID, now: datetime, actor: str = "") -> None:
    """Send again to a webhook that was paused or slowed, everything that waits at once. Raises WebhookNotFound."""
    webhook = _lock(webhook_id)
    webhook.state, webhook.reason, webhook.failures = Webhook.State.OK, "", 0
    webhook.failing_since = webhook.probe_at = None
    webhook.save(update_fields=["state", "reason", "failures", "failing_since", "probe_at", "updated_at"])
    webhook.deliveries.filter(status="pending", leased_until=None).update(next_at=now, tried_since=None)
    webhook.refresh_from_db(fields=["version"])
    _publish(webhook, "resumed", actor)


# What an app was asked and answered at once is over: a payment must not be asked for again.
_AGAIN = """
UPDATE webhooks_delivery SET status = 'pending', next_at = statement_timestamp(), leased_until = NULL,
       tried_since = NULL, finished_at = NULL, error = ''
WHERE {where} AND status <> 'pending' AND webhook_id IN (SELECT id FROM webhooks_webhook WHERE NOT is_sync)
"""

# Events of which the webhook has no delivery: from before it was made, or pruned since.
_MISSED = f"""{INSERT_DELIVERIES}
FROM outbox_event e
JOIN unnest(%s::text[], %s::text[]) AS n (type, name) ON n.type = e.type
JOIN webhooks_webhook w ON NOT w.is_sync AND w.events ? n.name
WHERE w.id = %s AND {{where}} AND {IS_WANTED}
ON CONFLICT (tenant_id, webhook_id, event_id) DO NOTHING
"""


def replay_delivery(*, delivery_id: UUID) -> None:
    """Send a delivery once more, and try it for a day from now. Raises DeliveryNotFound.

    One that is still pending becomes due now, unless a worker has it. Raises DomainError for one whose answer was used
    at once.
    """
    if _execute(_AGAIN.format(where="id = %s"), [delivery_id]):
        return
    delivery = Delivery.objects.select_related("webhook").filter(id=delivery_id).first()
    if delivery is None:
        raise DeliveryNotFound(f"There is no delivery {delivery_id}.", field="id")
    if delivery.webhook.is_sync:
        raise DomainError("What an app was asked and has answered is over: it is not asked again.", field="id")
    _execute(
        "UPDATE webhooks_delivery SET next_at = statement_timestamp(), tried_since = NULL "
        "WHERE id = %s AND status = 'pending' AND leased_until IS NULL",
        [delivery_id],
    )


def replay_range(*, webhook_id: UUID, since: datetime, until: datetime, at_most: int | None = None) -> int:
    """Send to a webhook, once more or for the first time, all events from `since` up to `until`; return how many.

    Events that the outbox no longer has (OUTBOX_KEEP_DAYS) are sent as far as there are deliveries of them.
    Raises WebhookNotFound, and DomainError where there may be more than `at_most`.
    """
    _lock(webhook_id)
    if at_most is not None:
        _refuse_too_many(webhook_id, first_id(since), first_id(until), at_most)
    again = _AGAIN.format(where="webhook_id = %s AND occurred_at >= %s AND occurred_at < %s")
    count = _execute(again, [webhook_id, since, until])
    missed = _MISSED.format(where="e.id >= %s AND e.id < %s")
    return count + _execute(missed, [*_names(), webhook_id, first_id(since), first_id(until)])


def replay_after(*, webhook_id: UUID, xid: int, position: int, at_most: int | None = None) -> int:
    """Send to a webhook all events behind this place of the feed, and return how many.

    Raises WebhookNotFound, and DomainError where there may be more than `at_most`.
    """
    _lock(webhook_id)
    if at_most is not None:
        counted = "SELECT FROM outbox_event e WHERE (e.xid, e.position) > (%s, %s) LIMIT %s"
        _refuse_above(at_most, _execute(counted, [xid, position, at_most + 1]))
    behind = "(e.xid, e.position) > (%s, %s)"
    again = _AGAIN.format(where=f"webhook_id = %s AND event_id IN (SELECT e.id FROM outbox_event e WHERE {behind})")
    count = _execute(again, [webhook_id, xid, position])
    return count + _execute(_MISSED.format(where=behind), [*_names(), webhook_id, xid, position])


def _refuse_too_many(webhook_id: UUID, first: UUID, end: UUID, at_most: int) -> None:
    """Raise DomainError where so many deliveries, or events, have ids between these; both are found by an index."""
    sent = "SELECT FROM webhooks_delivery WHERE webhook_id = %s AND event_id >= %s AND event_id < %s LIMIT %s"
    _refuse_above(at_most, _execute(sent, [webhook_id, first, end, at_most + 1]))
    _refuse_above(
        at_most,
        _execute("SELECT FROM outbox_event WHERE id >= %s AND id < %s LIMIT %s", [first, end, at_most + 1]),
    )


def _refuse_above(at_most: int, count: int) -> None:
    if count > at_most:
        raise DomainError(
            f"These are more than {at_most:,} events: choose a shorter time, and send the rest after it. "
            "An operator can send all at once (manage.py webhooks replay).",
            field="since",
        )


_DELETE = """
WITH old AS MATERIALIZED (
    SELECT d.id FROM webhooks_delivery d
    WHERE d.id < %s AND (
        d.status IN ('delivered', 'skipped') AND d.finished_at < %s OR d.status = 'dead' AND d.finished_at < %s
        OR d.status = 'pending' AND d.created_at < %s AND EXISTS (
            SELECT FROM webhooks_webhook w WHERE w.id = d.webhook_id AND (w.state = 'paused' OR NOT w.is_active)))
    ORDER BY d.id LIMIT %s FOR UPDATE SKIP LOCKED
), attempts AS (
    DELETE FROM webhooks_attempt WHERE delivery_id IN (SELECT id FROM old)
)
DELETE FROM webhooks_delivery WHERE id IN (SELECT id FROM old)
"""


def delete_old_deliveries(*, before: datetime, dead_before: datetime, at_most: int) -> int:
    """Delete the tenant's deliveries that were over before an instant, oldest first, and return how many.

    `dead_before` is that of dead ones, and of those that wait for a webhook that is paused or not active.
    """
    return _execute(_DELETE, [first_id(before), before, dead_before, dead_before, at_most])


_WRITTEN = (
    "name",
    "identifier",
    "target_url",
    "events",
    "is_sync",
    "query",
    "secret",
    "custom_headers",
    "channels",
    "filters",
    "is_active",
)


def _fill(webhook: Webhook, wanted: Wanted, permissions: Collection[str]) -> None:
    """Check what is wanted and put it into the row."""
    _check(wanted, permissions)
    webhook.name, webhook.identifier, webhook.target_url = wanted.name.strip(), wanted.identifier, wanted.target_url
    webhook.events = sorted(set(wanted.events)) if wanted.is_sync else allowed(wanted.events, permissions)
    webhook.is_sync, webhook.is_active = wanted.is_sync, wanted.is_active
    webhook.query, webhook.secret = wanted.query.strip(), wanted.secret
    webhook.custom_headers = dict(wanted.custom_headers or {})
    webhook.channels = sorted(str(channel) for channel in wanted.channels)
    webhook.filters = {name: sorted(values) for name, values in (wanted.filters or {}).items()}


def _check(wanted: Wanted, permissions: Collection[str]) -> None:
    for name in ("name", "identifier", "secret"):
        if len(getattr(wanted, name)) > 255:
            raise DomainError("It has more than 255 characters.", field=name)
    try:
        check_url(wanted.target_url, allow_list(tenant_queries.list_allowed_targets()))
    except SendError as error:
        raise DomainError(error.message, field="target_url") from error
    check_headers(wanted.custom_headers or {})
    if not wanted.is_sync:
        _check_events(wanted.events, permissions)
    if problems := check_subscription(wanted.query, wanted.events):
        raise DomainError(" ".join(problems), field="query")


def _check_events(events: Collection[str], permissions: Collection[str]) -> None:
    if not events:
        raise DomainError("A webhook needs at least one event.", field="events")
    for name in sorted(set(events)):
        if name == ANY:
            continue
        needed = EVENTS[name].permission if name in EVENTS else LATER.get(name)
        if needed is None:
            raise DomainError(f"There is no event {name!r}; there are {', '.join(sorted(EVENTS))}.", field="events")
        if needed not in permissions:
            raise DomainError(f"{name} needs the permission {needed}.", field="events")


def allowed(events: Collection[str], permissions: Collection[str]) -> list[str]:
    """Return the events by name, with all that these permissions allow in the place of ANY_EVENTS."""
    everything = {event.name for event in EVENTS.values() if event.permission in permissions}
    return sorted({*events} - {ANY} | (everything if ANY in events else set()))


def _lock(webhook_id: UUID) -> Webhook:
    webhook = Webhook.objects.select_for_update().filter(id=webhook_id).first()
    if webhook is None:
        raise WebhookNotFound(f"There is no webhook {webhook_id}.", field="id")
    return webhook


def _publish(webhook: Webhook, verb: str, actor: str, **more: Any) -> None:
    outbox.publish(
        f"webhooks.webhook.{verb}",
        object_kind="Webhook",
        object_id=webhook.id,
        object_version=webhook.version,
        payload={
            "name": webhook.name,
            "app_id": str(webhook.app_id),
            "state": webhook.state,
            "reason": webhook.reason,
            **more,
        },
        actor=actor,
    )


def _names() -> list[list[str]]:
    return [list(BY_TYPE), [event.name for event in BY_TYPE.values()]]


def _execute(sql: str, params: list[Any]) -> int:
    scope = current_scope()
    if scope is None or scope.tenant_id is None:
        raise ScopeError("No tenant is in scope: open `with tenant_scope(tenant_id):` around this.")
    with connections[scope.alias].cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.rowcount)
