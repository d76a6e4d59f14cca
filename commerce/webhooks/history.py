"""Webhooks and what became of their deliveries, as those see them who manage apps; in a scope of their tenant.

Deliveries are listed per webhook in the order of their events' ids, which is that of time.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from commerce.db.rows import fetch
from commerce.graphql.paging import Page, PageRequest
from commerce.webhooks.models import Delivery, Webhook
from tenants import queries
from tenants.queries import AppRow


class WebhookRow(NamedTuple):
    """A webhook without its secret."""

    id: UUID
    app_id: UUID
    name: str
    identifier: str
    target_url: str
    events: list[str]
    is_sync: bool
    query: str
    custom_headers: dict[str, str]
    is_active: bool
    state: str
    reason: str
    failing_since: datetime | None


class DeliveryRow(NamedTuple):
    """A delivery; `body` is there where a subscription query has made it."""

    id: UUID
    webhook_id: UUID
    event_id: UUID
    event_type: str
    status: str
    created_at: datetime
    error: str
    body: bytes | None


class AttemptRow(NamedTuple):
    """One sending of a delivery."""

    delivery_id: UUID
    number: int
    at: datetime
    duration_ms: int
    status_code: int | None
    length: int | None
    content_type: str
    error: str


class Narrowing(NamedTuple):
    """Which deliveries are wanted, by statuses and event (None: any), and whether the newest come first."""

    statuses: Sequence[str] | None = None
    event_type: str | None = None
    is_descending: bool = True


_NAMES = WebhookRow._fields
_JSON = ("events", "custom_headers")
_WEBHOOK = ", ".join(_NAMES)
_DELIVERY = ", ".join(DeliveryRow._fields)
_ATTEMPT = ", ".join(AttemptRow._fields)


def webhook_row(webhook: Webhook) -> WebhookRow:
    """Return a webhook as it is shown."""
    row = WebhookRow._make(getattr(webhook, name) for name in WebhookRow._fields)
    return row._replace(state=str(webhook.state))


def delivery_row(delivery: Delivery) -> DeliveryRow:
    """Return a delivery as it is shown."""
    row = DeliveryRow._make(getattr(delivery, name) for name in DeliveryRow._fields)
    return row._replace(status=str(delivery.status))


def find_webhook_row(webhook_id: UUID) -> WebhookRow | None:
    """Return a webhook, or None. One statement."""
    found = fetch(f"SELECT {_WEBHOOK} FROM webhooks_webhook WHERE id = %s", [webhook_id])
    return _webhook(found[0]) if found else None


def list_webhook_rows(app_ids: Sequence[UUID]) -> dict[UUID, list[WebhookRow]]:
    """Return the webhooks of apps, the oldest first. One statement."""
    found: dict[UUID, list[WebhookRow]] = {}
    rows = fetch(f"SELECT {_WEBHOOK} FROM webhooks_webhook WHERE app_id = ANY(%s) ORDER BY id", [list(app_ids)])
    for row in map(_webhook, rows):
        found.setdefault(row.app_id, []).append(row)
    return found


def list_owners(webhook_ids: Sequence[UUID]) -> dict[UUID, AppRow]:
    """Return the app of each webhook. Two statements."""
    pairs = fetch("SELECT id, app_id FROM webhooks_webhook WHERE id = ANY(%s)", [list(webhook_ids)])
    apps = queries.list_app_rows([app_id for _, app_id in pairs])
    return {webhook_id: apps[app_id] for webhook_id, app_id in pairs}


def page_deliveries(
    webhook_ids: Sequence[UUID], page: PageRequest, narrowing: Narrowing
) -> dict[UUID, Page[DeliveryRow]]:
    """Return a page of the deliveries of each webhook; one statement, and one where the totals are wanted."""
    where, params = _where(narrowing)
    totals = _count(webhook_ids, where, params) if page.with_total else {}
    found: dict[UUID, list[DeliveryRow]] = {webhook_id: [] for webhook_id in webhook_ids}
    if page.limit:
        descending = narrowing.is_descending != page.backwards
        order, beyond = ("DESC", "<") if descending else ("ASC", ">")
        start = page.position(UUID)
        after = f"AND event_id {beyond} %s" if start else ""
        sql = f"""SELECT d.* FROM unnest(%s::uuid[]) AS w (id) CROSS JOIN LATERAL (
            SELECT {_DELIVERY} FROM webhooks_delivery WHERE webhook_id = w.id {where} {after}
            ORDER BY webhook_id {order}, event_id {order} LIMIT %s) d"""
        rows = fetch(sql, [list(webhook_ids), *params, *(start or ()), page.limit + 1])
        for row in map(DeliveryRow._make, rows):
            found[row.webhook_id].append(row)
    return {
        webhook_id: Page.of(rows, page, lambda row: (row.event_id,), total=_total(page, totals, webhook_id))
        for webhook_id, rows in found.items()
    }


def list_attempt_rows(delivery_ids: Sequence[UUID]) -> dict[UUID, list[AttemptRow]]:
    """Return the attempts of deliveries, the first ones first. One statement."""
    found: dict[UUID, list[AttemptRow]] = {}
    sql = f"SELECT {_ATTEMPT} FROM webhooks_attempt WHERE delivery_id = ANY(%s) ORDER BY delivery_id, number"
    for row in map(AttemptRow._make, fetch(sql, [list(delivery_ids)])):
        found.setdefault(row.delivery_id, []).append(row)
    return found


def _where(narrowing: Narrowing) -> tuple[str, list[Any]]:
    clauses, params = [], []
    if narrowing.statuses is not None:
        # Written out, so that the index of those that failed is found.
        names = ", ".join(f"'{Delivery.Status(status)}'" for status in narrowing.statuses)
        clauses.append(f"AND status IN ({names})")
    if narrowing.event_type is not None:
        clauses.append("AND event_type = %s")
        params.append(narrowing.event_type)
    return " ".join(clauses), params


def _count(webhook_ids: Sequence[UUID], where: str, params: list[Any]) -> Mapping[UUID, int]:
    sql = f"SELECT webhook_id, count(*) FROM webhooks_delivery WHERE webhook_id = ANY(%s) {where} GROUP BY webhook_id"
    return dict(fetch(sql, [list(webhook_ids), *params]))


def _total(page: PageRequest, totals: Mapping[UUID, int], webhook_id: UUID) -> int | None:
    return totals.get(webhook_id, 0) if page.with_total else None


def _webhook(columns: Sequence[Any]) -> WebhookRow:
    loaded = [orjson.loads(value) if name in _JSON else value for name, value in zip(_NAMES, columns, strict=True)]
    return WebhookRow._make(loaded)
