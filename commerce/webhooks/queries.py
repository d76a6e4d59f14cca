"""Reads of webhooks and of what became of their deliveries, in a scope of their tenant."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from commerce.db.rows import fetch
from commerce.webhooks.models import Attempt, Delivery, Webhook


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and how to send a webhook's deliveries; `host` is the shop's own, `secret` empty to sign by its key.

    `permissions` are the app's, `is_active` says that it and the webhook are.
    """

    webhook_id: UUID
    target_url: str
    secret: str
    custom_headers: dict[str, str]
    is_active: bool
    permissions: frozenset[str]
    host: str
    public_id: UUID
    allowed_targets: tuple[str, ...] = ()
    query: str = ""
    app_id: UUID | None = None


_ENDPOINTS = """
SELECT w.id, w.target_url, w.secret, w.custom_headers, w.is_active AND a.is_active, a.permissions,
       coalesce((SELECT d.host FROM tenants_domain d WHERE d.tenant_id = w.tenant_id
                 ORDER BY d.is_primary DESC, d.id LIMIT 1), ''), t.public_id, t.allowed_targets,
       w.query, w.app_id
FROM webhooks_webhook w JOIN tenants_app a ON a.tenant_id = w.tenant_id AND a.id = w.app_id
JOIN tenants_tenant t ON t.id = w.tenant_id WHERE w.id = ANY(%s)
"""


def list_endpoints(webhook_ids: list[UUID]) -> dict[UUID, Endpoint]:
    """Return the endpoints of webhooks of the scope's tenant, by the webhook's id. One statement."""
    return {row[0]: _endpoint(row) for row in fetch(_ENDPOINTS, [webhook_ids])}


def _endpoint(row: tuple[Any, ...]) -> Endpoint:
    id_, url, secret, headers, is_active, may, host, public_id, allowed, query, app_id = row
    loaded = orjson.loads(headers), is_active, frozenset(orjson.loads(may))
    return Endpoint(id_, url, secret, *loaded, host, public_id, tuple(orjson.loads(allowed)), query, app_id)


def list_webhooks() -> list[Webhook]:
    """Return the webhooks of the scope's tenant with their apps, by name."""
    return list(Webhook.objects.select_related("app").order_by("name", "id"))


def find_webhook(webhook_id: UUID) -> Webhook | None:
    """Return a webhook of the scope's tenant, or None."""
    return Webhook.objects.filter(id=webhook_id).first()


def count_deliveries() -> dict[tuple[UUID, str], int]:
    """Return how many deliveries there are of each webhook of the scope's tenant and status."""
    rows = fetch("SELECT webhook_id, status, count(*) FROM webhooks_delivery GROUP BY webhook_id, status")
    return {(webhook_id, status): count for webhook_id, status, count in rows}


def list_attempts(delivery_id: UUID) -> list[Attempt]:
    """Return the attempts of a delivery of the scope's tenant, the first one first."""
    return list(Attempt.objects.filter(delivery_id=delivery_id).order_by("number"))


def find_delivery(delivery_id: UUID) -> Delivery | None:
    """Return a delivery of the scope's tenant, or None."""
    return Delivery.objects.filter(id=delivery_id).first()
