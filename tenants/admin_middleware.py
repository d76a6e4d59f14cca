"""Sessions, sign-in, messages and CSRF for the admin's pages alone, all within one scope of the host's tenant."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponseBase
from django.utils.module_loading import import_string

from commerce.db.scope import tenant_scope
from commerce.storage import discard_files_on_error

Handler = Callable[[HttpRequest], HttpResponseBase]

ADMIN = "/admin"


class AdminMiddleware:
    """Run ADMIN_MIDDLEWARE, the view and its rendering in one writing scope; other paths go through untouched.

    The scope is a writing one for every method, as sessions and last sign-ins are tenant rows. An exception of
    the view or its template, and any answer of 5xx, leaves nothing behind: no row, no session, no file.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response
        self.chain: Any = get_response
        self.view_hooks: list[Callable[..., HttpResponseBase | None]] = []
        for path in reversed(settings.ADMIN_MIDDLEWARE):
            middleware = import_string(path)(self.chain)
            if hasattr(middleware, "process_view"):
                self.view_hooks.insert(0, middleware.process_view)
            self.chain = convert_exception_to_response(middleware)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not _is_admin(request):
            return self.get_response(request)
        try:
            with tenant_scope(request.tenant.id), discard_files_on_error():  # type: ignore[attr-defined]
                response: HttpResponseBase = self.chain(request)
                if response.status_code >= 500 or hasattr(request, "admin_failure"):
                    raise _RollBack(response)
        except _RollBack as failed:
            return failed.response
        return response

    def process_view(self, request: HttpRequest, *view: Any) -> HttpResponseBase | None:
        """Ask the inner middlewares that look at the view (CSRF), in their order."""
        if _is_admin(request):
            for hook in self.view_hooks:
                response = hook(request, *view)
                if response is not None:
                    return response
        return None

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        """Remember a failure that Django will answer with less than 5xx, such as Http404 after a write."""
        if _is_admin(request):
            request.admin_failure = exception  # type: ignore[attr-defined]


class _RollBack(Exception):
    def __init__(self, response: HttpResponseBase) -> None:
        self.response = response


def _is_admin(request: HttpRequest) -> bool:
    return request.path == ADMIN or request.path.startswith(f"{ADMIN}/")
