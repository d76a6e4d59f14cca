"""Which tenant a request is for: its host says so, and nothing else does."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse

from commerce.addresses import is_trusted_proxy
from commerce.rest.problems import Problem
from tenants import hosts
from tenants.queries import TenantRecord

OPEN_PATHS = ("/health/", "/metrics")
API_PATHS = ("/graphql/", "/media/", "/.well-known/")
REST_PATHS = ("/api/",)


class TenantMiddleware:
    """Set `request.tenant` from the host; answer 404 for an unknown and 403 for a suspended tenant's host."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        _use_forwarded_host(request)
        if request.path.startswith(OPEN_PATHS):
            return self.get_response(request)
        host, port = _host(request)
        tenant = hosts.find(host) if host else None
        if tenant is None:
            return _refuse(request, 404, "TENANT_NOT_FOUND", f"No shop is served at the host {host!r}.")
        if not tenant.is_active:
            return _refuse(request, 403, "TENANT_SUSPENDED", f"The shop at the host {host!r} is suspended.")
        request.META["HTTP_HOST"] = f"{host}:{port}" if port else host  # one way of writing it from here on
        request.tenant = tenant  # type: ignore[attr-defined]
        return self.get_response(request)


def tenant_of(request: HttpRequest) -> TenantRecord:
    """Return the tenant that the middleware found for this request."""
    tenant: TenantRecord = request.tenant  # type: ignore[attr-defined]
    return tenant


def _host(request: HttpRequest) -> tuple[str, str]:
    """Return the host in lower case without trailing dot, and the port; "" if it is malformed."""
    raw = str(request.META.get("HTTP_HOST", "")).strip().lower()
    name, _, port = raw.partition(":")
    if not raw.isascii() or (port and not port.isdigit()) or not all(c.isalnum() or c in "-." for c in name):
        return "", ""
    return name.removesuffix("."), port


def _use_forwarded_host(request: HttpRequest) -> None:
    """Believe X-Forwarded-Host only from a configured proxy; drop it otherwise."""
    forwarded = request.META.pop("HTTP_X_FORWARDED_HOST", None)
    if forwarded and is_trusted_proxy(request.META.get("REMOTE_ADDR", "")):
        request.META["HTTP_HOST"] = forwarded.rpartition(",")[2].strip()


def _refuse(request: HttpRequest, status: int, code: str, message: str) -> HttpResponse:
    if request.path.startswith(REST_PATHS):
        return Problem.of(status, code, message).response()
    if request.path.startswith(API_PATHS) or "json" in request.headers.get("Accept", ""):
        error = {"message": message, "extensions": {"exception": {"code": code}}}
        return JsonResponse({"errors": [error]}, status=status)
    return HttpResponse(f"{message}\n", status=status, content_type="text/plain; charset=utf-8")
