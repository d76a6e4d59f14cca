"""What a delivery says to a webhook with a subscription query: made once, and stored before it is first sent.

A query runs as the app that is told: with its permissions, on the primary, at the moment of making. The deliveries of a
batch that go to one webhook are made together, and those of one tenant in one scope for reading; where that fails, each
is made by itself, so that one which cannot be made holds up no other.
"""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import groupby
from typing import Any, Protocol
from uuid import UUID

from django.conf import settings
from django.db import Error, connections
from django.http import HttpRequest
from django.utils.module_loading import import_string

from commerce.db import replicas
from commerce.db.scope import tenant_scope
from commerce.errors import DomainError
from commerce.graphql import subscriptions as kit
from commerce.graphql.compiled import Refused
from commerce.graphql.dialect import VERSION
from commerce.webhooks.events import EVENTS, LATER, type_name
from commerce.webhooks.payloads import Event
from commerce.webhooks.sync_events import SYNC_EVENTS
from tenants import queries as tenants
from tenants.callers import Caller, permissions_of
from tenants.graphql.context import ShopContext
from tenants.graphql.events import EventRow
from tenants.queries import AppRow, TenantRecord

logger = logging.getLogger("commerce.webhooks")

LARGEST = 5 * 1024 * 1024


class NothingSelected(DomainError):
    """A query selects nothing of an event, which is not sent then."""


class CannotRun(DomainError):
    """A query that will not run, whenever it is tried."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """The app that is told, its shop, and the address (https://host:port) that its shop's files are at."""

    app: AppRow
    shop: TenantRecord
    origin: str


class Wanted(Event, Protocol):
    """A delivery whose body is to be made."""

    @property
    def id(self) -> UUID: ...
    @property
    def webhook_id(self) -> UUID: ...
    @property
    def lease(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Order:
    """A body to be made: of which delivery, by which query, for whom."""

    delivery: Wanted
    query: str
    recipient: Recipient


@cache
def runner() -> kit.Subscriptions:
    """Return what runs queries against the schema that the setting GRAPHQL_SCHEMA names."""
    events = (*EVENTS, *LATER, *SYNC_EVENTS)
    return kit.Subscriptions(import_string(settings.GRAPHQL_SCHEMA), later={type_name(event) for event in events})


def is_checked(events: Collection[str]) -> bool:
    """Tell whether a query for these events can be checked: whether one of them has a type already."""
    types = runner().schema.type_map
    return any((event not in LATER and event not in SYNC_EVENTS) or type_name(event) in types for event in events)


def check_subscription(text: str, events: Collection[str] = EVENTS) -> list[str]:
    """Return what is wrong with a webhook's query, with lines and columns.

    Parts on types of events that are not raised yet are passed over, and so is the whole query where all `events` are.
    """
    return runner().check(text) if text.strip() and is_checked(events) else []


def list_recipients(app_ids: Mapping[UUID, UUID], origin: str) -> dict[UUID, Recipient]:
    """Return whom the webhooks of the scope's tenant tell, given their apps' ids. Two statements."""
    if not app_ids:
        return {}
    shop, apps = tenants.get_record(), tenants.list_app_rows(list(set(app_ids.values())))
    return {webhook: Recipient(apps[app], shop, origin) for webhook, app in app_ids.items() if app in apps}


# --- Making and storing -------------------------------------------------------------------------------------


def make_bodies(tenant_id: int, orders: Sequence[Order]) -> dict[UUID, bytes | Exception]:
    """Return the bodies of deliveries of a tenant, stored, by the delivery's id; an exception where none can be made.

    What is missing was taken by another worker meanwhile. Exceptions are NothingSelected, CannotRun, and others where
    it is worth another try.
    """
    made = _make(tenant_id, orders)
    bodies = [(order.delivery, body) for order in orders if isinstance(body := made[order.delivery.id], bytes)]
    stored = _store(tenant_id, bodies)
    return {key: body for key, body in made.items() if key in stored or not isinstance(body, bytes)}


def _make(tenant_id: int, orders: Sequence[Order]) -> dict[UUID, bytes | Exception]:
    try:
        with tenant_scope(tenant_id, read_only=True, along_indexes=True, time_limit=runner().limits.time):
            return _select_all(orders)
    except Exception as error:
        if len(orders) == 1 or replicas.is_outage(error):
            return {order.delivery.id: error for order in orders}
    return {key: body for order in orders for key, body in _make(tenant_id, [order]).items()}


def _select_all(orders: Iterable[Order]) -> dict[UUID, bytes | Exception]:
    made: dict[UUID, bytes | Exception] = {}
    by_webhook = sorted(orders, key=lambda order: order.delivery.webhook_id)
    for _, of_one in groupby(by_webhook, key=lambda order: order.delivery.webhook_id):
        same = list(of_one)
        query, recipient = same[0].query, same[0].recipient
        rows = [_event_row(order.delivery, recipient) for order in same]
        selected = _select(query, rows, recipient)
        made.update(zip((order.delivery.id for order in same), map(_body, selected), strict=True))
    return made


def _select(query: str, rows: Sequence[EventRow], recipient: Recipient) -> list[kit.Selected]:
    try:
        return runner().run(query, rows, _context(recipient))
    except Refused as refusal:
        raise CannotRun(f"The webhook's query cannot run: {refusal.errors[0].message}") from None


def _body(selected: kit.Selected) -> bytes | Exception:
    body = selected.body
    if not body:
        return NothingSelected("The webhook's query selects nothing of this event.")
    if len(body) > LARGEST:
        return CannotRun(f"What the webhook's query selects has {len(body)} bytes, and may have {LARGEST}.")
    return body


def _event_row(delivery: Wanted, recipient: Recipient) -> EventRow:
    return EventRow(
        type_name=_known_type(delivery.event_type),
        object_id=delivery.object_id,
        facts=delivery.facts,
        actor=delivery.actor,
        issued_at=delivery.occurred_at,
        version=VERSION,
        recipient=recipient.app,
    )


def _known_type(event: str) -> str:
    name = type_name(event)
    if name not in runner().schema.type_map:
        raise CannotRun(f"There is no type of {event} that a query could select.")
    return name


def _context(recipient: Recipient) -> ShopContext:
    """Return the context of a query that runs for an app, as if it had asked at its shop's door.

    A failing statement ends all: what comes after it in the transaction would fail as well.
    """
    return ShopContext(
        request=HttpRequest(),
        tenant=recipient.shop.id,
        shop=recipient.shop,
        origin=recipient.origin,
        caller=Caller(recipient.app, permissions_of(recipient.app)),
        interrupts=lambda error: isinstance(error, Error),
    )


# A delivery that has a body keeps it, and one that another worker has by now is left to that.
_STORE = """
UPDATE webhooks_delivery d SET body = x.body
FROM unnest(%s::uuid[], %s::timestamptz[], %s::bytea[]) AS x (id, lease, body)
WHERE d.id = x.id AND d.leased_until = x.lease AND d.body IS NULL RETURNING d.id
"""


def _store(tenant_id: int, bodies: Sequence[tuple[Wanted, bytes]]) -> set[UUID]:
    if not bodies:
        return set()
    columns: list[Any] = [[d.id for d, _ in bodies], [d.lease for d, _ in bodies], [body for _, body in bodies]]
    with tenant_scope(tenant_id, along_indexes=True) as scope, connections[scope.alias].cursor() as cursor:
        cursor.execute(_STORE, columns)
        return {row[0] for row in cursor.fetchall()}


# --- Synchronous events -------------------------------------------------------------------------------------


class Asked(Protocol):
    """A webhook whose answer is waited for."""

    @property
    def app_id(self) -> UUID: ...
    @property
    def query(self) -> str: ...


def make_question(asked: Asked, *, event: str, object_id: UUID, subject: Any, now: datetime) -> bytes:
    """Return what a synchronous event asks an app, by its query, in the open scope.

    `subject` is what the event's type reads its fields from, which the caller brings. Raises CannotRun.
    """
    shop, app = tenants.get_record(), tenants.find_app_row(asked.app_id)
    if app is None:
        raise CannotRun("The app is gone.")
    origin = origin_of(settings.WEBHOOK_API_URL.format(host=tenants.get_primary_host()))
    recipient = Recipient(app, shop, origin)
    row = EventRow(_known_type(event), object_id, {}, "", now, VERSION, app, subject)
    body = _body(_select(asked.query, [row], recipient)[0])
    if isinstance(body, Exception):
        raise CannotRun(str(body))
    return body


def origin_of(api_url: str) -> str:
    """Return the scheme, host and port of an address."""
    scheme, _, rest = api_url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"
