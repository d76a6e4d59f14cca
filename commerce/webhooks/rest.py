"""`GET /api/v1/events`: the feed of events for apps (docs/webhooks.md)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request

from commerce.errors import DomainError
from commerce.idempotency import Answer
from commerce.rest.filters import TEXT, Filter, read_filters
from commerce.rest.paging import read_limit
from commerce.rest.router import Router
from commerce.rest.schema import QUERY, Operation
from commerce.webhooks import feed
from commerce.webhooks.events import BY_TYPE, EVENTS
from commerce.webhooks.payloads import describe
from tenants.callers import permissions_of
from tenants.rest import Need, ShopView

MOST = 500
USUAL = 100
_TYPES = Filter("types", "", TEXT)
_AFTER = Filter("after", "", TEXT)


class ObjectSerializer(serializers.Serializer[Any]):
    """What an event is about."""

    kind = serializers.CharField()
    id = serializers.UUIDField()
    version = serializers.IntegerField()


class EventSerializer(serializers.Serializer[Any]):
    """What happened to one object, in the form of a delivery."""

    id = serializers.UUIDField()
    type = serializers.CharField()
    tenant = serializers.UUIDField()
    actor = serializers.CharField()
    occurredAt = serializers.DateTimeField()  # noqa: N815  as deliveries have it
    object = ObjectSerializer()
    facts = serializers.DictField()


class EventPageSerializer(serializers.Serializer[Any]):
    """Events in the order of their transactions, and the cursor to ask with next."""

    events = EventSerializer(many=True)
    cursor = serializers.CharField()
    hasMore = serializers.BooleanField()  # noqa: N815


class Events(ShopView):
    """The events behind `after` that the app may hear of, of the `types` asked for."""

    noun = "event"
    tag = "Events"
    reads = Need("events:read")
    http_method_names = ["get", "head"]

    def list(self, request: Request) -> HttpResponse:
        """Answer with a page of events."""
        given = read_filters((_TYPES, _AFTER), request.query_params, ("limit",))
        types = self._types(str(given.get(_TYPES, "")))
        limit = read_limit(request.query_params, most=MOST, usual=USUAL)
        text = given.get(_AFTER)
        after = feed.read_cursor(text) if text else None
        if after is not None:
            feed.check_age(after, now=self.now, keep=timedelta(days=settings.OUTBOX_KEEP_DAYS))

        def read() -> Answer:
            page = feed.read_page(after=after, types=types, limit=limit, now=self.now)
            named = [replace(event, event_type=BY_TYPE[event.event_type].name) for event in page.events]
            events = [describe(event, public_id=self.shop.public_id) for event in named]
            # Instants are written as deliveries have them.
            return Answer(200, orjson.dumps({"events": events, "cursor": str(page.cursor), "hasMore": page.has_more}))

        return self.reading(read, on_primary=True)

    def _types(self, names: str) -> Sequence[str]:
        """Return the outbox's types of the events asked for, or all that the caller may hear of. Raises DomainError."""
        held = permissions_of(self.caller.app) if self.caller.app else frozenset()
        asked = [name.strip().upper() for name in names.split(",") if name.strip()]
        for name in asked:
            if name not in EVENTS:
                raise DomainError(
                    f"There is no event {name[:100]!r}; there are {', '.join(sorted(EVENTS))}.", field="types"
                )
            if EVENTS[name].permission not in held:
                needed = EVENTS[name].permission
                raise DomainError(f"{name} needs the permission {needed}.", code="PERMISSION_DENIED", field="types")
        chosen = [EVENTS[name] for name in asked] or [e for e in EVENTS.values() if e.permission in held]
        if not chosen:
            raise DomainError("The app has no permission for any event.", code="PERMISSION_DENIED")
        return [type_ for event in chosen for type_ in event.types]

    def describe(self, action: str) -> Operation:
        parameters = [
            OpenApiParameter(
                "limit",
                {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL},
                QUERY,
                description="Events of a page.",
            ),
            OpenApiParameter(
                "after",
                {"type": "string", "minLength": 1},
                QUERY,
                description="The cursor of the page before; without it, from the oldest event that is kept.",
            ),
            OpenApiParameter(
                "types", {"type": "string", "minLength": 1}, QUERY, description="PRODUCT_UPDATED,PRODUCT_DELETED …"
            ),
        ]
        return Operation(
            "list_events", "Read the feed of events", None, {200: EventPageSerializer}, parameters, "", [410]
        )


router = Router()
router.register("events", Events)
