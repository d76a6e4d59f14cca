"""What a load balancer asks, and what callers are told while there is no primary database."""

import logging
import sys

from django.db import Error, connections
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults

from commerce import monitoring
from commerce.db import replicas
from commerce.db.replicas import RETRY_AFTER, PrimaryUnavailable
from commerce.db.watch import PRIMARY
from commerce.rest.problems import problem_of

logger = logging.getLogger(__name__)


def live(request: HttpRequest) -> JsonResponse:
    """Answer that this process runs; no tenant, no database."""
    return JsonResponse({"status": "ok"})


def ready(request: HttpRequest) -> JsonResponse:
    """Answer 200 while shops can be read, 503 otherwise, and how each database is; no tenant.

    `{"status": "ok" | "read-only" | "unavailable", "databases": {"default": "ok", "replica": "behind", …}}`
    """
    try:
        is_readable = replicas.reading_primary(_answers)
    except Exception:  # whatever it is, this process cannot serve
        logger.warning("Not ready: no database answers", exc_info=True)
        is_readable = False
    found = replicas.health()
    if not is_readable:
        return JsonResponse({"status": "unavailable", "databases": found}, status=503)
    is_writable = found[PRIMARY] in ("ok", "unknown")
    return JsonResponse({"status": "ok" if is_writable else "read-only", "databases": found})


def workers(request: HttpRequest) -> JsonResponse:
    """Answer 200 while every queue has a living worker, and a relay and beat live, 503 otherwise; no tenant.

    `{"status": "ok" | "degraded" | "unknown", "queues": {"default": 2, …}, "unserved": [], "relays": 1,
    "relayAge": 1.5, "outboxDue": 0, "outboxLag": 0.0, "beatAge": 3.1}`: the workers that live by queue, then
    seconds since a relay's last sign of life, events due and seconds for which the oldest has been, and seconds since
    the start of beat's last slot; null where there is none.
    """
    try:
        found = monitoring.look()
    except Error:
        logger.warning("The workers cannot be looked at: the database does not answer", exc_info=True)
        return JsonResponse({"status": "unknown"}, status=503)
    content = {
        "status": "ok" if found.is_well else "degraded",
        "queues": found.workers,
        "unserved": found.unserved,
        "relays": found.relays,
        "relayAge": found.relay_age,
        "outboxDue": found.due,
        "outboxLag": found.lag,
        "beatAge": found.beat_age,
    }
    return JsonResponse(content, status=200 if found.is_well else 503)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer what a view or middleware raised: 503 with Retry-After where the primary is gone, 500 otherwise."""
    error = sys.exc_info()[1]
    if request.path.startswith("/api/") and error is not None:
        return problem_of(error, is_write=False).response()
    if isinstance(error, PrimaryUnavailable) or replicas.is_outage(error):
        return unavailable(request)
    return defaults.server_error(request)


def unavailable(request: HttpRequest) -> HttpResponse:
    """Answer 503: there is no primary for now."""
    message = str(PrimaryUnavailable())
    response: HttpResponse
    if request.path.startswith("/admin/") and "json" not in request.headers.get("Accept", ""):
        response = HttpResponse(f"{message}\n", content_type="text/plain; charset=utf-8")
    else:
        error = {"message": message, "extensions": {"exception": {"code": "PRIMARY_UNAVAILABLE"}}}
        response = JsonResponse({"errors": [error]})
    response.status_code = 503
    response.headers["Retry-After"] = str(RETRY_AFTER)
    response.headers["Cache-Control"] = "no-store"
    return response


def _answers(alias: str) -> bool:
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT 1")
        return bool(cursor.fetchone() == (1,))
