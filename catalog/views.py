"""The door `/thumbnail/<global id>/<size>/[<format>/]`: a smaller picture, by a redirection to where it is kept."""

import threading
from uuid import UUID

from django.core.files.storage import default_storage
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.views.decorators.http import require_safe
from graphql import GraphQLError

from catalog.operations import ThumbnailImpossible, Wanted, make_thumbnail
from catalog.queries import thumbnails as queries
from commerce.addresses import client_of
from commerce.db import replicas
from commerce.db.scope import tenant_scope
from commerce.graphql.ids import split_global_id
from commerce.pictures import PicturesBusy
from commerce.ratelimit import Allowance, plan_limit
from commerce.storage import files_of
from tenants.media import redirect_to
from tenants.middleware import tenant_of

# What making a thumbnail counts as, in requests.
MAKING = 10.0
# How many requests of a process may make one or wait for one: half of its threads (WEB_THREADS, 4) go on with others.
MAKERS = 2
_places = threading.BoundedSemaphore(MAKERS)


class _Refused(Exception):
    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.response = HttpResponse(f"{message}\n", "text/plain; charset=utf-8", status, headers=headers)
        self.response["X-Content-Type-Options"] = "nosniff"


@require_safe
def thumbnail(request: HttpRequest, global_id: str, size: str, format: str = "ORIGINAL") -> HttpResponse:
    """Redirect to an object's picture in the nearest size; the first request for it has it made.

    404 for what is not there, 400 for a picture that cannot be made smaller, 429 beyond the limits of requests.
    """
    shop = tenant_of(request)
    limit = Allowance.of(tenant=shop.id, client=client_of(request), per_minute=plan_limit(shop.plan))
    try:
        _take(limit, 1.0)
        kind, key = _read_id(global_id)
        pixels, wanted_format = _read_size(size), _read_format(format)
        found = _find(shop.id, kind, key)
        if found.url:
            return redirect_to(found.url)
        name = queries.find_made(found.made, pixels, wanted_format)
        if name is None:
            _take(limit, MAKING)
            name = _make(Wanted(kind, key, found.file, pixels, wanted_format), shop.id)
        with files_of(shop.id):
            if name is not None:
                return redirect_to(default_storage.url(name))
            # It was not ready in time: the picture itself, and next time it is.
            response = HttpResponseRedirect(default_storage.url(found.file))
        response["Cache-Control"] = "no-store"
        return response
    except _Refused as refused:
        return refused.response


def _take(limit: Allowance, cost: float) -> None:
    check = limit.take(cost)
    if not check.allowed:
        raise _Refused(429, check.message(), check.headers())


def _read_id(global_id: str) -> tuple[str, UUID]:
    try:
        kind, key = split_global_id(global_id)
        if kind in queries.KINDS:
            return kind, UUID(key)
    except (GraphQLError, ValueError):
        pass
    raise _Refused(404, "There is no picture of this id.")


def _read_size(size: str) -> int:
    if not (size.isascii() and size.isdigit() and len(size) < 9 and int(size)):
        raise _Refused(404, f"A size is one of {', '.join(map(str, queries.SIZES))} pixels.")
    return queries.nearest_size(int(size))


def _read_format(format: str) -> str:
    if format.upper() not in queries.FORMATS:
        raise _Refused(404, "A format is one of original, avif and webp.")
    return format.upper()


def _find(tenant_id: int, kind: str, id: UUID) -> queries.Pictured:
    def read(alias: str) -> queries.Pictured | None:
        with tenant_scope(tenant_id, read_only=True, using=alias):
            return queries.find_picture(kind, id)

    found = replicas.reading_primary(read)
    if found is None:
        raise _Refused(404, "There is no picture of this id.")
    return found


def _make(wanted: Wanted, tenant_id: int) -> str | None:
    """Return the thumbnail's name, or None where it is not ready in time, or too many are being made just now."""
    if not _places.acquire(blocking=False):
        return None
    try:
        return make_thumbnail(wanted, tenant_id=tenant_id, now=timezone.now())
    except ThumbnailImpossible as error:
        raise _Refused(400, error.message) from error
    except PicturesBusy:
        return None
    finally:
        _places.release()
