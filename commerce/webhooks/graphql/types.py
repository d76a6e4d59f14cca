"""Webhooks and their deliveries, as the app that has them and those who manage apps see them."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

import graphene
import orjson

from commerce.graphql.batch import batch, column
from commerce.graphql.connections import connection_field, paged
from commerce.graphql.enums import OrderDirection
from commerce.graphql.errors import PermissionDenied
from commerce.graphql.ids import to_global_id
from commerce.graphql.info import Info
from commerce.graphql.paging import Page, PageRequest
from commerce.graphql.scalars import DateTime, JSONString
from commerce.graphql.schema import extend
from commerce.webhooks import history
from commerce.webhooks.events import ANY, EVENTS, LATER
from commerce.webhooks.history import AttemptRow, DeliveryRow, Narrowing, WebhookRow
from commerce.webhooks.sync_events import SYNC_EVENTS
from tenants import queries
from tenants.graphql.apps import App
from tenants.graphql.context import ShopContext
from tenants.queries import AppRow


def _names(name: str, members: Sequence[str]) -> Any:
    return graphene.Enum(name, [(member, member) for member in sorted(members)])


WebhookEventTypeAsyncEnum = _names("WebhookEventTypeAsyncEnum", [ANY, *EVENTS, *LATER])
WebhookEventTypeSyncEnum = _names("WebhookEventTypeSyncEnum", [*SYNC_EVENTS])
WebhookEventTypeEnum = _names("WebhookEventTypeEnum", [ANY, *EVENTS, *LATER, *SYNC_EVENTS])

# How the dialect calls what became of a delivery, and the statuses that it means by it.
STATUSES = {"PENDING": ("pending",), "SUCCESS": ("delivered",), "FAILED": ("dead", "skipped")}
_SHOWN = {status: name for name, statuses in STATUSES.items() for status in statuses}
EventDeliveryStatusEnum = _names("EventDeliveryStatusEnum", [*STATUSES])


class WebhookStateEnum(graphene.Enum):
    """How the endpoint of a webhook does: fine, failing and tried now and then, or given up until it is resumed."""

    OK = "ok"
    SLOWED = "slowed"
    PAUSED = "paused"


class EventDeliverySortField(graphene.Enum):
    """What deliveries are sorted by."""

    CREATED_AT = "created_at"


class EventDeliveryAttemptSortField(graphene.Enum):
    """What attempts are sorted by."""

    CREATED_AT = "created_at"


class EventDeliverySortingInput(graphene.InputObjectType):
    """The order of deliveries; without it the newest come first."""

    direction = graphene.InputField(OrderDirection, required=True, description="The direction.")
    field = graphene.InputField(EventDeliverySortField, required=True, description="What by.")


class EventDeliveryAttemptSortingInput(graphene.InputObjectType):
    """The order of attempts; without it the newest come first."""

    direction = graphene.InputField(OrderDirection, required=True, description="The direction.")
    field = graphene.InputField(EventDeliveryAttemptSortField, required=True, description="What by.")


class EventDeliveryFilterInput(graphene.InputObjectType):
    """Which deliveries."""

    status = graphene.InputField(EventDeliveryStatusEnum, description="Those with this status.")
    event_type = graphene.InputField(WebhookEventTypeEnum, description="Those of this event.")


class EventRow(NamedTuple):
    event_type: str

    @property
    def name(self) -> str:
        return self.event_type.replace("_", " ").capitalize()


def _event_type(name: str, description: str, enum: Any) -> Any:
    members = {
        "__doc__": description,
        "event_type": graphene.Field(enum, required=True, description="The event."),
        "name": graphene.String(required=True, description="Its name for people."),
        "Meta": type("Meta", (), {"possible_types": (EventRow,)}),
    }
    return type(name, (graphene.ObjectType,), members)


WebhookEvent = _event_type("WebhookEvent", "An event that a webhook asks for.", WebhookEventTypeEnum)
WebhookEventAsync = _event_type("WebhookEventAsync", "An event that is told.", WebhookEventTypeAsyncEnum)
WebhookEventSync = _event_type("WebhookEventSync", "An event whose answer is waited for.", WebhookEventTypeSyncEnum)


class EventDeliveryAttempt(graphene.ObjectType):
    """One sending of a delivery. What was answered is not kept, only its status, length and type."""

    class Meta:
        possible_types = (AttemptRow,)

    id = graphene.ID(required=True, description="The id.")
    created_at = graphene.Field(DateTime, required=True, description="When it began.")
    task_id = graphene.String(description="Always null: attempts are no tasks.")
    duration = graphene.Float(description="Seconds until it was over.")
    response = graphene.String(description="Why it failed, in our words; the answer itself is not kept.")
    response_headers = graphene.String(description="Type and length of the answer, as JSON.")
    response_status_code = graphene.Int(description="The status of the answer, null if there was none.")
    request_headers = graphene.String(description="Always null: what was sent with it is not kept.")
    status = graphene.Field(EventDeliveryStatusEnum, required=True, description="How it ended.")

    resolve_created_at = column("at")
    resolve_response_status_code = column("status_code")

    @batch
    def resolve_id(rows: Sequence[AttemptRow], info: Info[ShopContext]) -> list[str]:
        return [to_global_id("EventDeliveryAttempt", f"{row.delivery_id}:{row.number}") for row in rows]

    @batch
    def resolve_task_id(rows: Sequence[AttemptRow], info: Info[ShopContext]) -> list[None]:
        return [None for _ in rows]

    @batch
    def resolve_request_headers(rows: Sequence[AttemptRow], info: Info[ShopContext]) -> list[None]:
        return [None for _ in rows]

    @batch
    def resolve_duration(rows: Sequence[AttemptRow], info: Info[ShopContext]) -> list[float]:
        return [row.duration_ms / 1000 for row in rows]

    @batch
    def resolve_response(rows: Sequence[AttemptRow], info: Info[ShopContext]) -> list[str | None]:
        return [row.error or None for row in rows]

    @batch
    def resolve_response_headers(rows: Sequence[AttemptRow], info: Info[ShopContext]) -> list[str | None]:
        headers = [{"content-type": row.content_type, "content-length": row.length} for row in rows]
        return [
            orjson.dumps(header).decode() if row.status_code else None
            for row, header in zip(rows, headers, strict=True)
        ]

    @batch
    def resolve_status(rows: Sequence[AttemptRow], info: Info[ShopContext]) -> list[str]:
        return ["SUCCESS" if 200 <= (row.status_code or 0) < 300 and not row.error else "FAILED" for row in rows]


class EventDelivery(graphene.ObjectType):
    """An event for a webhook, and what became of it."""

    class Meta:
        possible_types = (DeliveryRow,)

    id = graphene.ID(required=True, description="The id.")
    created_at = graphene.Field(DateTime, required=True, description="When it was written down.")
    status = graphene.Field(EventDeliveryStatusEnum, required=True, description="What became of it.")
    event_type = graphene.Field(WebhookEventTypeEnum, required=True, description="The event.")
    attempts = connection_field(
        EventDeliveryAttempt, sort_by=EventDeliveryAttemptSortingInput(), description="Its sendings."
    )
    payload = graphene.String(
        description="What is sent, once a subscription query has made it; for callers who may do what the app may."
    )
    error = graphene.String(description="Why it was not delivered, or not yet.")

    @batch
    def resolve_id(rows: Sequence[DeliveryRow], info: Info[ShopContext]) -> list[str]:
        return [to_global_id("EventDelivery", row.id) for row in rows]

    @batch
    def resolve_status(rows: Sequence[DeliveryRow], info: Info[ShopContext]) -> list[str]:
        return [_SHOWN[row.status] for row in rows]

    @paged("sort_by")
    def resolve_attempts(
        rows: Sequence[DeliveryRow], info: Info[ShopContext], page: PageRequest, sort_by: Any = None
    ) -> list[Page[AttemptRow]]:
        found = history.list_attempt_rows([row.id for row in rows])
        order = -1 if _is_descending(sort_by) else 1
        return [Page.slice(found.get(row.id, [])[::order], page, lambda attempt: (attempt.number,)) for row in rows]

    @batch
    def resolve_payload(rows: Sequence[DeliveryRow], info: Info[ShopContext]) -> list[Any]:
        owners = _owners(info, [row.webhook_id for row in rows])
        shown = [bytes(row.body).decode(errors="replace") if row.body is not None else None for row in rows]
        return [_covered(info, owners, row.webhook_id, text) for row, text in zip(rows, shown, strict=True)]

    @batch
    def resolve_error(rows: Sequence[DeliveryRow], info: Info[ShopContext]) -> list[str | None]:
        return [row.error or None for row in rows]


class Webhook(graphene.ObjectType):
    """Where an app is told of which events, or asked."""

    class Meta:
        possible_types = (WebhookRow,)

    id = graphene.ID(required=True, description="The id.")
    name = graphene.String(description="The name.")
    identifier = graphene.String(description="What the app calls it, null where it has no such name.")
    events = graphene.List(
        graphene.NonNull(WebhookEvent),
        required=True,
        description="All its events.",
        deprecation_reason="Use `asyncEvents` or `syncEvents`.",
    )
    sync_events = graphene.List(
        graphene.NonNull(WebhookEventSync), required=True, description="The events whose answer is waited for."
    )
    async_events = graphene.List(
        graphene.NonNull(WebhookEventAsync), required=True, description="The events that are told."
    )
    app = graphene.Field(App, required=True, description="The app.")
    event_deliveries = connection_field(
        EventDelivery,
        sort_by=EventDeliverySortingInput(),
        filter=EventDeliveryFilterInput(),
        description="What it was sent, the newest first.",
    )
    target_url = graphene.String(required=True, description="Where requests are sent.")
    is_active = graphene.Boolean(required=True, description="Whether it is told and asked.")
    secret_key = graphene.String(
        description="Always null: a secret is not shown.", deprecation_reason="Verify the signature by the JWKS."
    )
    subscription_query = graphene.String(description="The query that makes what is sent.")
    custom_headers = JSONString(description="What is sent with each request; for callers who may do what the app may.")
    state = graphene.Field(WebhookStateEnum, required=True, description="How its endpoint does.")
    reason = graphene.String(description="Why it is slowed or paused.")
    failing_since = graphene.Field(DateTime, description="Since when it has failed.")

    @batch
    def resolve_id(rows: Sequence[WebhookRow], info: Info[ShopContext]) -> list[str]:
        return [to_global_id("Webhook", row.id) for row in rows]

    @batch
    def resolve_identifier(rows: Sequence[WebhookRow], info: Info[ShopContext]) -> list[str | None]:
        return [row.identifier or None for row in rows]

    @batch
    def resolve_events(rows: Sequence[WebhookRow], info: Info[ShopContext]) -> list[list[EventRow]]:
        return [list(map(EventRow, row.events)) for row in rows]

    @batch
    def resolve_sync_events(rows: Sequence[WebhookRow], info: Info[ShopContext]) -> list[list[EventRow]]:
        return [list(map(EventRow, row.events)) if row.is_sync else [] for row in rows]

    @batch
    def resolve_async_events(rows: Sequence[WebhookRow], info: Info[ShopContext]) -> list[list[EventRow]]:
        return [[] if row.is_sync else list(map(EventRow, row.events)) for row in rows]

    @batch
    def resolve_app(rows: Sequence[WebhookRow], info: Info[ShopContext]) -> list[AppRow | None]:
        found = info.context.load("app", [row.app_id for row in rows], queries.list_app_rows)
        return [found[row.app_id] for row in rows]

    @paged("sort_by")
    def resolve_event_deliveries(
        rows: Sequence[WebhookRow], info: Info[ShopContext], page: PageRequest, sort_by: Any = None, filter: Any = None
    ) -> list[Page[DeliveryRow]]:
        given = filter or {}
        status, event = _value(given.get("status")), _value(given.get("event_type"))
        narrowing = Narrowing(STATUSES[status] if status else None, event, _is_descending(sort_by))
        found = history.page_deliveries([row.id for row in rows], page, narrowing)
        return [found[row.id] for row in rows]

    @batch
    def resolve_secret_key(rows: Sequence[WebhookRow], info: Info[ShopContext]) -> list[None]:
        return [None for _ in rows]

    @batch
    def resolve_subscription_query(rows: Sequence[WebhookRow], info: Info[ShopContext]) -> list[str | None]:
        return [row.query or None for row in rows]

    @batch
    def resolve_custom_headers(rows: Sequence[WebhookRow], info: Info[ShopContext]) -> list[Any]:
        owners = _owners(info, [row.id for row in rows])
        return [_covered(info, owners, row.id, row.custom_headers) for row in rows]

    @batch
    def resolve_reason(rows: Sequence[WebhookRow], info: Info[ShopContext]) -> list[str | None]:
        return [row.reason or None for row in rows]


@batch
def _webhooks(rows: Sequence[AppRow], info: Info[ShopContext]) -> list[list[WebhookRow]]:
    info.context.require_app(*(row.id for row in rows))
    found = history.list_webhook_rows([row.id for row in rows])
    return [found.get(row.id, []) for row in rows]


extend(
    App,
    "webhooks",
    graphene.List(graphene.NonNull(Webhook), description="Its webhooks; for itself and MANAGE_APPS."),
    _webhooks,
)


def _owners(info: Info[ShopContext], webhook_ids: Sequence[UUID]) -> dict[UUID, AppRow | None]:
    """Return the app of each webhook."""
    return info.context.load("apps by webhook", webhook_ids, history.list_owners)


def _covered(info: Info[ShopContext], owners: dict[UUID, AppRow | None], webhook_id: UUID, value: Any) -> Any:
    """Return what only those may see who may do all that the webhook's app may; otherwise why not."""
    owner = owners[webhook_id]
    lacking = set(owner.permissions if owner else ()) - info.context.permissions
    return PermissionDenied(sorted(lacking)) if lacking else value


def _is_descending(sort_by: Any) -> bool:
    return sort_by is None or _value(sort_by["direction"]) == "DESC"


def _value(member: Any) -> Any:
    return getattr(member, "value", member)
