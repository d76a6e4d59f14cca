"""Synchronous webhooks: apps that are asked, and whose answer is used at once (payments, taxes, shipping).

    answers = call(
        Question("CHECKOUT_CALCULATE_TAXES", "Checkout", checkout_id),
        tenant_id=tenant, make_payload=payload_for, read=read_taxes, deadline=5.0, fallback=None,
    )

All apps that listen are asked at once, with no scope open, and each answers within the deadline or is given up. An app
that fails again and again is not asked for a while (commerce.webhooks.breaker). Whatever an app does wrong, its answer
is the fallback and `error` says why: nothing that an app does is raised. A request is sent once, and never again.
"""

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

import orjson
from django.conf import settings
from django.db import DatabaseError, connections
from django.utils import timezone

from commerce.db.models import new_id
from commerce.db.scope import current_scope, tenant_scope
from commerce.errors import DomainError
from commerce.webhooks import keys
from commerce.webhooks.breaker import Breaker, Rules
from commerce.webhooks.models import Attempt, Delivery, Webhook
from commerce.webhooks.sending import AllowList, Outgoing, Response, SendError, Timeouts, allow_list, send
from commerce.webhooks.signing import Key, delivery_headers, sign, sign_with_secret
from commerce.webhooks.sync_events import SYNC_EVENTS
from tenants import queries

logger = logging.getLogger("commerce.webhooks")
T = TypeVar("T")

ANSWER_LIMIT = 256 * 1024
RULES = Rules()
# Apps that are asked at once.
MOST_APPS = 10


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: a synchronous event of the dialect (SYNC_EVENTS) about an object."""

    event: str
    object_kind: str
    object_id: UUID
    object_version: int = 0


@dataclass(frozen=True, slots=True)
class Listener:
    """A webhook that a question goes to; `app_identifier` is the app's id in its manifest."""

    webhook_id: UUID
    app_id: UUID
    app_identifier: str
    target_url: str
    query: str
    secret: str
    custom_headers: dict[str, str]
    permissions: frozenset[str]


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What an app answered, as `read` understood it; where `error` is not empty, `value` is the fallback."""

    listener: Listener
    value: T
    error: str = ""


@dataclass(frozen=True, slots=True)
class _Outcome(Generic[T]):
    answer: Answer[T]
    began: datetime
    duration_ms: int
    response: Response | None
    is_sent: bool


@dataclass(frozen=True, slots=True)
class _Asking(Generic[T]):
    """All that the asking of one question has in common."""

    question: Question
    tenant_id: int
    api_url: str
    allowed: AllowList
    key: Key | None
    read: Callable[[object], T]
    fallback: T
    ends: float
    rules: Rules

    def left(self) -> float:
        return self.ends - time.monotonic()


def call(
    question: Question,
    *,
    tenant_id: int,
    make_payload: Callable[[Listener], bytes],
    read: Callable[[object], T],
    deadline: float,
    fallback: T,
    app_identifier: str | None = None,
    rules: Rules = RULES,
) -> list[Answer[T]]:
    """Ask every app that listens, or that of this identifier alone, and return their answers, by the webhooks' names.

    `make_payload` is called in a scope for reading; `read` gets the parsed JSON of a 2xx answer and raises ValueError
    or DomainError for one that cannot be used. `deadline` is in seconds, for all of it but the writing down. Raises
    RuntimeError where a transaction is open, and KeyError for an event that is not synchronous.
    """
    _refuse_transaction()
    ends = time.monotonic() + deadline
    bodies, api_url, allowed = _prepare(question, tenant_id, make_payload, app_identifier)
    if not bodies:
        return []
    needs_key = any(not listener.secret for listener, _ in bodies)
    key = keys.signing_key(tenant_id, timezone.now()) if needs_key else None
    asking = _Asking(question, tenant_id, api_url, allowed, key, read, fallback, ends, rules)
    if len(bodies) == 1:
        outcomes = [_ask(asking, *bodies[0])]
    else:
        with ThreadPoolExecutor(min(len(bodies), MOST_APPS), thread_name_prefix="sync") as pool:
            outcomes = list(pool.map(lambda pair: _ask(asking, *pair), bodies))
    _record(asking, outcomes)
    return [outcome.answer for outcome in outcomes]


def _refuse_transaction() -> None:
    if current_scope() is not None or any(connection.in_atomic_block for connection in connections.all(True)):
        raise RuntimeError("An app is asked while a transaction is open: leave the scope first.")


def _prepare(
    question: Question, tenant_id: int, make_payload: Callable[[Listener], bytes], app_identifier: str | None
) -> tuple[list[tuple[Listener, bytes]], str, AllowList]:
    """Return who is to be asked with what, the API's address as apps know it, and where the tenant's apps may be."""
    needed = SYNC_EVENTS[question.event]
    with tenant_scope(tenant_id, read_only=True):
        found = Webhook.objects.filter(
            is_sync=True, is_active=True, app__is_active=True, events__contains=[question.event]
        )
        if app_identifier is not None:
            found = found.filter(app__identifier=app_identifier)
        listeners = map(_listener, found.select_related("app").order_by("name", "id"))
        bodies = [(each, make_payload(each)) for each in listeners if needed & each.permissions]
        api_url = settings.WEBHOOK_API_URL.format(host=queries.get_primary_host()) if bodies else ""
        allowed = allow_list(queries.list_allowed_targets() if bodies else ())
    return bodies, api_url, allowed


def _listener(webhook: Webhook) -> Listener:
    app = webhook.app
    return Listener(
        webhook_id=webhook.id,
        app_id=app.id,
        app_identifier=app.identifier,
        target_url=webhook.target_url,
        query=webhook.query,
        secret=webhook.secret,
        custom_headers=webhook.custom_headers,
        permissions=frozenset(app.permissions),
    )


def _ask(asking: _Asking[T], listener: Listener, body: bytes) -> _Outcome[T]:
    """Ask one app. No database; raises nothing."""
    began, clock = timezone.now(), time.monotonic()
    response: Response | None = None

    def outcome(value: T, error: str, *, is_sent: bool = True) -> _Outcome[T]:
        duration = round((time.monotonic() - clock) * 1000)
        if error:
            logger.warning(
                "%s was not answered by webhook %s: %s", asking.question.event, listener.webhook_id, error,
                extra={"tenant": asking.tenant_id},
            )  # fmt: skip
        return _Outcome(Answer(listener, value, error), began, duration, response, is_sent)

    left = asking.left()
    if left <= 0:
        return outcome(asking.fallback, "There was no time left to ask.", is_sent=False)
    state, passed = Breaker(f"{asking.tenant_id}:{listener.webhook_id}", asking.rules).enter(left + 1)
    if state != "closed":
        why = "It failed too often: it is asked again later." if state == "open" else "Too many calls are under way."
        return outcome(asking.fallback, why, is_sent=False)
    is_success = False
    try:
        response = _send(asking, listener, body)
        value = asking.read(_parse(response))
        is_success = True
        return outcome(value, "")
    except SendError as error:
        return outcome(asking.fallback, error.message)
    except (ValueError, DomainError) as error:
        return outcome(asking.fallback, f"The answer cannot be used: {str(error)[:300]}")
    except Exception as error:
        logger.exception("Asking webhook %s failed", listener.webhook_id)
        return outcome(asking.fallback, f"It could not be asked: {type(error).__name__}.")
    finally:
        passed.leave(is_success=is_success)


def _send(asking: _Asking[T], listener: Listener, body: bytes) -> Response:
    if listener.secret:
        signature = sign_with_secret(body, listener.secret)
    else:
        assert asking.key is not None  # noqa: S101
        signature = sign(body, asking.key)
    named = delivery_headers(event=asking.question.event, api_url=asking.api_url, signature=signature)
    request = Outgoing(listener.target_url, {**listener.custom_headers, **named}, body, once=True)
    left = max(asking.left(), 0.001)
    return send(request, timeout=Timeouts(connect=min(2.0, left), total=left), allow=asking.allowed, limit=ANSWER_LIMIT)


def _parse(response: Response) -> object:
    if not response.is_success:
        raise ValueError(f"the app answered {response.status}")
    if not response.is_whole:
        raise ValueError(f"it has more than {ANSWER_LIMIT} bytes")
    parsed: object = orjson.loads(response.body)
    return parsed


# --- Writing down -------------------------------------------------------------------------------------------


def _record(asking: _Asking[T], outcomes: Sequence[_Outcome[T]]) -> None:
    """Write down what was asked and how it ended; what cannot be written down is logged, for the answer counts."""
    pairs = [(_delivery(asking, outcome), outcome) for outcome in outcomes]
    try:
        with tenant_scope(asking.tenant_id):
            Delivery.objects.bulk_create([delivery for delivery, _ in pairs])
            Attempt.objects.bulk_create([_attempt(delivery, outcome) for delivery, outcome in pairs if outcome.is_sent])
    except DatabaseError:
        logger.exception("What apps answered to %s could not be written down.", asking.question.event)


def _delivery(asking: _Asking[T], outcome: _Outcome[T]) -> Delivery:
    question, error = asking.question, outcome.answer.error
    status = Delivery.Status.SKIPPED if not outcome.is_sent else Delivery.Status.DELIVERED
    return Delivery(
        id=new_id(),
        webhook_id=outcome.answer.listener.webhook_id,
        event_id=new_id(),
        event_type=question.event,
        object_kind=question.object_kind,
        object_id=question.object_id,
        object_version=question.object_version,
        position=0,
        facts={},
        occurred_at=outcome.began,
        status=Delivery.Status.DEAD if error and outcome.is_sent else status,
        attempts=int(outcome.is_sent),
        error=error[:500],
        finished_at=timezone.now(),
    )


def _attempt(delivery: Delivery, outcome: _Outcome[T]) -> Attempt:
    response = outcome.response
    return Attempt(
        delivery_id=delivery.id,
        number=1,
        at=outcome.began,
        duration_ms=outcome.duration_ms,
        status_code=response.status if response else None,
        length=response.length if response else None,
        content_type=response.content_type if response else "",
        error=outcome.answer.error[:500],
    )
