"""Changing webhooks: an app its own, and who holds MANAGE_APPS those of apps that may do no more than they."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple
from uuid import UUID

import graphene

from commerce.errors import DomainError
from commerce.graphql.batch import root
from commerce.graphql.info import Info
from commerce.graphql.scalars import JSONString
from commerce.webhooks import history, operations, queries
from commerce.webhooks.graphql import types
from commerce.webhooks.history import DeliveryRow, WebhookRow
from commerce.webhooks.operations import Wanted
from commerce.webhooks.sync_events import SYNC_EVENTS
from tenants import operations as tenants
from tenants.graphql.context import ShopContext
from tenants.graphql.reporting import ErrorRow, Errors, by, codes_in, key_of

WEBHOOK_ERRORS = Errors(
    "Webhook",
    "Why a mutation of webhooks did nothing.",
    (
        "GRAPHQL_ERROR", "INVALID", "NOT_FOUND", "REQUIRED", "UNIQUE", "DELETE_FAILED", "SYNTAX",
        "MISSING_SUBSCRIPTION", "UNABLE_TO_PARSE", "MISSING_EVENT", "INVALID_CUSTOM_HEADERS",
        "INVALID_NOTIFY_WITH_SUBSCRIPTION",
    ),
    secret="secretKey",  # noqa: S106  the name of an input
    events="asyncEvents",
)  # fmt: skip

# Inputs of the same name as what they set.
_PLAIN = ("name", "identifier", "target_url", "query", "is_active")


class WebhookPayload(NamedTuple):
    webhook: WebhookRow | None = None
    errors: Sequence[ErrorRow] = ()


class RetryPayload(NamedTuple):
    delivery: DeliveryRow | None = None
    errors: Sequence[ErrorRow] = ()


class _WebhookInput:
    name = graphene.String(description="The name.")
    identifier = graphene.String(description="What the app calls it.")
    target_url = graphene.String(description="Where requests are sent.")
    events = graphene.List(graphene.NonNull(types.WebhookEventTypeEnum), description="Use the two below instead.")
    async_events = graphene.List(
        graphene.NonNull(types.WebhookEventTypeAsyncEnum), description="The events that it is told of."
    )
    sync_events = graphene.List(
        graphene.NonNull(types.WebhookEventTypeSyncEnum), description="The events that it answers; no others beside."
    )
    app = graphene.ID(description="The app; without one that which asks.")
    is_active = graphene.Boolean(description="Whether it is told and asked.")
    secret_key = graphene.String(description="Signs in the place of the shop's key; empty for that key.")
    query = graphene.String(description="The subscription query that makes what is sent.")
    custom_headers = JSONString(description="Up to five headers by name, X-… or Authorization-….")


class WebhookCreateInput(_WebhookInput, graphene.InputObjectType):
    """A webhook."""


class WebhookUpdateInput(_WebhookInput, graphene.InputObjectType):
    """What is to change of a webhook."""


class WebhookCreate(graphene.Mutation):
    """Subscribe an app to events. Needs MANAGE_APPS, or the app's own token."""

    class Arguments:
        input = WebhookCreateInput(required=True)

    webhook = graphene.Field(types.Webhook)
    errors = WEBHOOK_ERRORS.field()

    @root
    def mutate(info: Info[ShopContext], input: dict[str, Any]) -> WebhookPayload:
        def run() -> WebhookPayload:
            app = _lock_app(info, _app_id(info, input))
            if not input.get("target_url"):
                raise DomainError("Say where requests are to be sent.", code="REQUIRED", field="target_url")
            wanted = _change(Wanted(name="", target_url="", events=()), input)
            made = operations.create_webhook(
                app_id=app.id, wanted=wanted, permissions=app.permissions, actor=info.context.caller.actor
            )
            return WebhookPayload(history.webhook_row(made))

        return WEBHOOK_ERRORS.report(info, run, WebhookPayload)


class WebhookUpdate(graphene.Mutation):
    """Change a webhook; what is not given stays. Needs MANAGE_APPS, or the app's own token."""

    class Arguments:
        id = graphene.ID(required=True, description="The webhook.")
        input = WebhookUpdateInput(required=True)

    webhook = graphene.Field(types.Webhook)
    errors = WEBHOOK_ERRORS.field()

    @root
    def mutate(info: Info[ShopContext], id: str, input: dict[str, Any]) -> WebhookPayload:
        def run() -> WebhookPayload:
            webhook, permissions = _find(info, id)
            changed = operations.update_webhook(
                webhook_id=webhook.id,
                wanted=_change(operations.as_wanted(webhook), input),
                permissions=permissions,
                actor=info.context.caller.actor,
            )
            return WebhookPayload(history.webhook_row(changed))

        return WEBHOOK_ERRORS.report(info, run, WebhookPayload)


class WebhookDelete(graphene.Mutation):
    """Delete a webhook with its deliveries. Needs MANAGE_APPS, or the app's own token."""

    class Arguments:
        id = graphene.ID(required=True, description="The webhook.")

    webhook = graphene.Field(types.Webhook)
    errors = WEBHOOK_ERRORS.field()

    @root
    def mutate(info: Info[ShopContext], id: str) -> WebhookPayload:
        def run() -> WebhookPayload:
            webhook, _ = _find(info, id)
            gone = operations.delete_webhook(webhook_id=webhook.id, actor=info.context.caller.actor)
            return WebhookPayload(history.webhook_row(gone))

        return WEBHOOK_ERRORS.report(info, run, WebhookPayload)


class EventDeliveryRetry(graphene.Mutation):
    """Send a delivery once more. Needs MANAGE_APPS."""

    class Arguments:
        id = graphene.ID(required=True, description="The delivery.")

    delivery = graphene.Field(types.EventDelivery)
    errors = WEBHOOK_ERRORS.field()

    @root
    def mutate(info: Info[ShopContext], id: str) -> RetryPayload:
        info.context.require("MANAGE_APPS")

        def run() -> RetryPayload:
            delivery_id = key_of(id, "EventDelivery")
            operations.replay_delivery(delivery_id=delivery_id)
            found = queries.find_delivery(delivery_id)
            return RetryPayload(history.delivery_row(found) if found else None)

        return WEBHOOK_ERRORS.report(info, run, RetryPayload)


def _app_id(info: Info[ShopContext], input: Mapping[str, Any]) -> UUID:
    if input.get("app"):
        return key_of(input["app"], "App", "app")
    if info.context.app is None:
        info.context.require("MANAGE_APPS")
        raise DomainError("Say whose webhook it is to be.", code="REQUIRED", field="app")
    return info.context.app.id


def _lock_app(info: Info[ShopContext], app_id: UUID) -> Any:
    """Return an app whose webhooks the caller may change, locked; raise PermissionDenied or DomainError."""
    info.context.require_app(app_id)
    try:
        return tenants.lock_app(app_id, by(info)["granted_by"])
    except DomainError as error:
        raise DomainError(error.message, code=error.code, field="app") from error


def _find(info: Info[ShopContext], id: str) -> tuple[Any, Sequence[str]]:
    """Return a webhook that the caller may change, and what its app may do."""
    webhook = queries.find_webhook(key_of(id, "Webhook"))
    if webhook is None:
        info.context.require("MANAGE_APPS", "AUTHENTICATED_APP")
        raise operations.WebhookNotFound("There is no such webhook.", field="id")
    return webhook, _lock_app(info, webhook.app_id).permissions


def _change(wanted: Wanted, input: Mapping[str, Any]) -> Wanted:
    """Return what is wanted with an input's changes; null is as if it was not given."""
    given = {name: value for name, value in input.items() if value is not None}
    changes: dict[str, Any] = {name: given[name] for name in _PLAIN if name in given}
    if "secret_key" in given:
        changes["secret"] = given["secret_key"]
    if "custom_headers" in given:
        changes["custom_headers"] = _headers(given["custom_headers"])
    return replace(wanted, **changes, **_events(wanted, given))


def _events(wanted: Wanted, given: Mapping[str, Any]) -> dict[str, Any]:
    told, asked = codes_in(given.get("async_events")), codes_in(given.get("sync_events"))
    for name in codes_in(given.get("events")):
        (asked if name in SYNC_EVENTS else told).append(name)
    if told and asked:
        raise DomainError(
            "A webhook is either told of events or asked: make another one for the synchronous events.",
            field="sync_events",
        )
    if asked or (wanted.is_sync and "sync_events" in given and not told):
        return {"events": asked, "is_sync": True}
    if told or "async_events" in given:
        return {"events": told, "is_sync": False}
    return {}


def _headers(given: Any) -> dict[str, str]:
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise DomainError("Headers are a JSON object of texts.", code="INVALID_CUSTOM_HEADERS", field="custom_headers")
    return given
