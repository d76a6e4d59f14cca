"""`GET /api/v1/events`, the feed of events for apps, and sending again what webhooks were sent (docs/webhooks.md)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request

from commerce.errors import DomainError
from commerce.idempotency import Answer
from commerce.rest.filters import TEXT, Filter, read_filters
from commerce.rest.paging import read_limit
from commerce.rest.router import Router
from commerce.rest.schema import QUERY, Operation
from commerce.rest.views import answer
from commerce.webhooks import feed, operations, queries
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


class ReplaySerializer(serializers.Serializer[Any]):
    """What to send again: one delivery, what happened from an instant on, or what is behind a cursor of the feed."""

    delivery = serializers.UUIDField(required=False)
    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False, help_text="The end of the time; without it, now.")
    after = serializers.CharField(required=False, help_text="A cursor of the feed.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        unknown = sorted(set(self.initial_data) - self.fields.keys())
        if unknown:
            raise serializers.ValidationError({unknown[0][:100]: "There is no such field."})
        if sum(name in attrs for name in ("delivery", "since", "after")) != 1:
            raise serializers.ValidationError("Give exactly one of delivery, since and after.")
        if "until" in attrs and ("since" not in attrs or attrs["since"] >= attrs["until"]):
            raise serializers.ValidationError({"until": "It ends a time that `since` begins, and is later than that."})
        return attrs


class ReplayedSerializer(serializers.Serializer[Any]):
    """How many deliveries are due now."""

    count = serializers.IntegerField(min_value=0)


class Webhooks(ShopView):
    """Webhooks of all apps of the shop."""

    noun = "webhook"
    tag = "Webhooks"
    writes = Need("apps:write", ("MANAGE_APPS",))
    lookup_field = "id"
    lookup_value_converter = "uuid"
    http_method_names = ["post"]

    @action(detail=True, methods=["post"])
    def replay(self, request: Request, id: UUID) -> HttpResponse:
        """Send a webhook again what it was sent or has missed."""
        self.refuse_parameters(request)
        given = ReplaySerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return self.writing(lambda: answer({"count": self._replay(id, given.validated_data)}))

    def _replay(self, id: UUID, given: Mapping[str, Any]) -> int:
        if queries.find_webhook(id) is None:
            raise operations.WebhookNotFound(f"There is no webhook {id}.", field="id")
        if "delivery" in given:
            found = queries.find_delivery(given["delivery"])
            if found is None or found.webhook_id != id:
                told = f"The webhook has no delivery {given['delivery']}."
                raise operations.DeliveryNotFound(told, field="delivery")
            operations.replay_delivery(delivery_id=found.id)
            return 1
        if "since" in given:
            return operations.replay_range(
                webhook_id=id,
                since=given["since"],
                until=given.get("until", self.now),
                at_most=operations.MOST_REPLAYED,
            )
        cursor = feed.read_cursor(given["after"])
        feed.check_age(cursor, now=self.now, keep=timedelta(days=settings.OUTBOX_KEEP_DAYS))
        return operations.replay_after(
            webhook_id=id, xid=cursor.xid, position=cursor.position, at_most=operations.MOST_REPLAYED
        )

    def describe(self, action: str) -> Operation:
        return Operation(
            "replay_webhook",
            "Send a webhook again what it was sent or has missed",
            ReplaySerializer,
            {200: ReplayedSerializer},
            description="Each event keeps its id. What was answered at once (synchronous events) is not asked again.",
            problems=[410],
        )


router = Router()
router.register("events", Events)
router.register("webhooks", Webhooks)
