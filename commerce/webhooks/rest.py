"""`GET /api/v1/events`: the feed of events for apps (docs/webhooks.md)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import orjson
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from commerce.db.scope import tenant_scope
from commerce.errors import DomainError
from commerce.webhooks import feed
from commerce.webhooks.events import BY_TYPE, EVENTS
from commerce.webhooks.payloads import describe
from tenants.callers import Caller, authenticate
from tenants.middleware import tenant_of

MOST = 500
USUAL = 100
_STATUS = {"UNAUTHENTICATED": 401, "PERMISSION_DENIED": 403, "CURSOR_TOO_OLD": 410}


@require_safe
def events(request: HttpRequest) -> HttpResponse:
    """Answer with the events behind `after` that the app may hear of, of the `types` asked for."""
    return _answering(lambda: _page(request))


def _page(request: HttpRequest) -> HttpResponse:
    shop, now = tenant_of(request), timezone.now()
    caller = authenticate(request, shop)
    types = _types(request.GET.get("types", ""), caller)
    limit = _limit(request.GET.get("limit", ""))
    text = request.GET.get("after", "")
    after = feed.read_cursor(text) if text else None
    if after is not None:
        feed.check_age(after, now=now, keep=timedelta(days=settings.OUTBOX_KEEP_DAYS))
    with tenant_scope(shop.id, read_only=True, along_indexes=True):
        page = feed.read_page(after=after, types=types, limit=limit, now=now)
    named = [replace(event, event_type=BY_TYPE[event.event_type].name) for event in page.events]
    return _json(
        {
            "events": [describe(event, public_id=shop.public_id) for event in named],
            "cursor": str(page.cursor),
            "hasMore": page.has_more,
        }
    )


def _types(names: str, caller: Caller) -> list[str]:
    """Return the outbox's types of the events asked for, or of all that the caller may hear of. Raises DomainError."""
    if caller.app is None:
        raise DomainError("Send an app's token as `Authorization: Bearer <token>`.", code="UNAUTHENTICATED")
    asked = [name.strip().upper() for name in names.split(",") if name.strip()]
    for name in asked:
        if name not in EVENTS:
            raise DomainError(f"There is no event {name!r}; there are {', '.join(sorted(EVENTS))}.", field="types")
        if EVENTS[name].permission not in caller.permissions:
            needed = EVENTS[name].permission
            raise DomainError(f"{name} needs the permission {needed}.", code="PERMISSION_DENIED", field="types")
    chosen = [EVENTS[name] for name in asked] or [e for e in EVENTS.values() if e.permission in caller.permissions]
    if not chosen:
        raise DomainError("The app has no permission for any event.", code="PERMISSION_DENIED")
    return [type_ for event in chosen for type_ in event.types]


def _limit(text: str) -> int:
    if not text:
        return USUAL
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= MOST):
        raise DomainError(f"limit is a number from 1 to {MOST}, not {text[:20]!r}.", field="limit")
    return int(text)


def _answering(answer: Callable[[], HttpResponse]) -> HttpResponse:
    try:
        return answer()
    except DomainError as error:
        response = _json(
            {"errors": [{"code": error.code, "field": error.field, "message": error.message}]},
            status=_STATUS.get(error.code, 400),
        )
        if response.status_code == 401:
            response["WWW-Authenticate"] = "Bearer"
        return response


def _json(content: object, status: int = 200) -> HttpResponse:
    headers = {"Cache-Control": "no-store"}
    return HttpResponse(orjson.dumps(content), content_type="application/json", status=status, headers=headers)
