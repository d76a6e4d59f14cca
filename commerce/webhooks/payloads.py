"""What a delivery says: bytes that are the same at each attempt.

With a subscription query it is what that selects of the event (commerce.webhooks.subscriptions). Without one it is this
JSON (docs/webhooks.md):

    {"id": event, "type": "PRODUCT_UPDATED", "tenant": the shop's public id, "actor": "user:…" | "app:…" | "",
     "occurredAt": RFC 3339, "object": {"kind": "Product", "id": …, "version": 7}, "facts": {…}}
"""

from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

import orjson


class Event(Protocol):
    """What a payload is made of: a delivery, as it was claimed or as it is stored."""

    @property
    def event_id(self) -> UUID: ...
    @property
    def event_type(self) -> str: ...
    @property
    def object_kind(self) -> str: ...
    @property
    def object_id(self) -> UUID: ...
    @property
    def object_version(self) -> int: ...
    @property
    def facts(self) -> dict[str, Any]: ...
    @property
    def actor(self) -> str: ...
    @property
    def occurred_at(self) -> datetime: ...


def make_plain_payload(event: Event, *, public_id: UUID) -> bytes:
    """Return the JSON of an event for a webhook without a query; `public_id` is the shop's."""
    return orjson.dumps(describe(event, public_id=public_id))


def describe(event: Event, *, public_id: UUID) -> dict[str, Any]:
    """Return an event as its JSON shows it; `public_id` is the shop's."""
    return {
        "id": event.event_id,
        "type": event.event_type,
        "tenant": public_id,
        "actor": event.actor,
        "occurredAt": event.occurred_at.astimezone(UTC),
        "object": {"kind": event.object_kind, "id": event.object_id, "version": event.object_version},
        "facts": event.facts,
    }
