"""What happens around a request: its limits, who asks, the scope, the key that makes it happen once, the problem told.

A request is answered by one scope: a reading one on a replica that has all that the caller has written, or a writing
one on the primary, in which the effect, its events, and the answer kept under the request's `Idempotency-Key` are
committed together. `tenants.rest` tells whose shop it is and who asks.
"""

import time
from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from typing import Any, ClassVar, TypeVar

import orjson
from django.conf import settings
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.viewsets import ViewSet

from commerce import idempotency
from commerce.db import replicas
from commerce.db.read_after import read_token
from commerce.db.scope import tenant_scope
from commerce.idempotency import Answer
from commerce.observability.metrics import rest_answers
from commerce.ratelimit import UNLIMITED, Allowance, Check
from commerce.rest.filters import read_filters
from commerce.rest.parsing import JSONParser
from commerce.rest.problems import Problem, problem_of
from commerce.rest.schema import Described, Schema

T = TypeVar("T")

READS = ("GET", "HEAD")
JSON = "application/json"
# Milliseconds that one statement of a read may take.
READ_TIME = 10_000
# Deadlock, serialization failure: nothing was done, and the same may well succeed a moment later.
_PASSING = ("40001", "40P01")
_ATTEMPTS = 3


def answer(data: Any, status: int = 200, **headers: str) -> Answer:
    """Return an answer with a body of JSON; `ETag="…"` and the like are headers."""
    return Answer(status, b"" if data is None else orjson.dumps(data, option=orjson.OPT_UTC_Z), headers)


class View(Described, ViewSet):
    """The base of every REST view; a subclass says whose shop it is, who asks, and what they need.

    Its actions return an Answer by `reading` or `writing`.
    """

    schema = Schema()
    parser_classes = [JSONParser]
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]
    # Bytes that a body may have; 0: as many as the settings say.
    max_body: ClassVar[int] = 0
    # What taking the request from its caller's allowance came to.
    check: Check = UNLIMITED

    @cached_property
    def now(self) -> datetime:
        """When the request came."""
        return timezone.now()

    @property
    def tenant(self) -> int:
        """The number of the shop that is asked."""
        raise NotImplementedError

    @property
    def actor(self) -> str:
        """Who asks, as events name them."""
        raise NotImplementedError

    def allowance(self, request: HttpRequest) -> Allowance:
        """Return what the request is taken from."""
        raise NotImplementedError

    # --- In the framework's order ---------------------------------------------------------------------------

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.check = self.allowance(request._request).take(1)
        if not self.check.allowed:
            raise Problem.of(429, "TOO_MANY_REQUESTS", self.check.message())
        super().initial(request, *args, **kwargs)
        self._read_body(request._request)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[Any, str]:
        """Answer in JSON whatever is asked for."""
        return None, JSON

    def handle_exception(self, exc: Exception) -> Any:
        if getattr(exc, "status_code", 0) == 401:
            exc.auth_header = self.get_authenticate_header(self.request)  # type: ignore[attr-defined]
        return problem_of(exc, is_write=self.request.method not in READS).response()

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        final: HttpResponseBase = super().finalize_response(request, response, *args, **kwargs)
        for name, value in self.check.headers().items():
            final[name] = value
        if final.status_code not in (401, 405):
            del final["Allow"]
        final["Vary"] = "Host, Authorization, Authorization-Bearer"
        rest_answers.add(str(final.status_code))
        return final

    def spend(self, requests: float) -> None:
        """Take what a request counts for beyond one, or raise Problem (429)."""
        if requests > 0:
            check = self.allowance(self.request._request).take(requests)
            if not check.allowed:
                self.check = check
                raise Problem.of(429, "TOO_MANY_REQUESTS", check.message())

    def refuse_parameters(self, request: Request) -> None:
        """Raise Problem (400) where the address has any parameter."""
        read_filters((), request.query_params, ())

    # --- For actions --------------------------------------------------------------------------------------------

    def reading(
        self, read: Callable[[], Answer], *, along_indexes: bool = True, on_primary: bool = False
    ) -> HttpResponse:
        """Return the answer of `read`, run in a reading scope."""

        def run(alias: str) -> Answer:
            with tenant_scope(
                self.tenant, read_only=True, using=alias, along_indexes=along_indexes, time_limit=READ_TIME
            ):
                return read()

        if on_primary:
            return _response(replicas.reading_primary(run))
        return _response(replicas.reading(run, at_least=read_token(self.request._request)))

    def writing(self, write: Callable[[], Answer]) -> HttpResponse:
        """Return the answer of `write`, run in a writing scope, once for an `Idempotency-Key`."""
        key = self._key()
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._write_once(key, write)
            except OperationalError as error:
                if attempt == _ATTEMPTS or getattr(error.__cause__, "sqlstate", None) not in _PASSING:
                    raise
                time.sleep(0.02 * 4**attempt)
        raise AssertionError

    def working(self, work: Callable[[], Answer]) -> HttpResponse:
        """Return the answer of `work`, which opens transactions of its own, once for an `Idempotency-Key`."""
        key = self._key()
        with replicas.writing():
            if key is None:
                return _response(work())
            with tenant_scope(self.tenant):
                begun = idempotency.begin(key=key, caller=self.actor, digest=self._digest(), now=self.now)
            if isinstance(begun, Answer):
                return _response(begun, **{"Idempotency-Replayed": "true"})
            try:
                found = work()
            except BaseException:
                with tenant_scope(self.tenant):
                    begun.abandon()
                raise
            with tenant_scope(self.tenant):
                begun.finish(found)
            return _response(found)

    def _write_once(self, key: str | None, write: Callable[[], Answer]) -> HttpResponse:
        with replicas.writing(), tenant_scope(self.tenant):
            if key is None:
                return _response(write())
            begun = idempotency.begin(key=key, caller=self.actor, digest=self._digest(), now=self.now)
            if isinstance(begun, Answer):
                return _response(begun, **{"Idempotency-Replayed": "true"})
            found = write()
            begun.finish(found)
            return _response(found)

    def _key(self) -> str | None:
        key = self.request.headers.get("Idempotency-Key")
        if key is not None and not idempotency.is_key(key):
            raise Problem.of(
                400, "INVALID", "Idempotency-Key is a text of 1 to 255 visible ASCII characters.", "Idempotency-Key"
            )
        return key

    def _digest(self) -> str:
        """Return the digest of all that makes the request what it is."""
        request = self.request._request
        parts = [request.method, request.get_full_path(), request.headers.get("If-Match", ""), request.content_type]
        digest = sha256("\n".join(str(part) for part in parts).encode("utf-8", "surrogateescape"))
        digest.update(b"\n" + request.body)
        return digest.hexdigest()

    def _read_body(self, request: HttpRequest) -> None:
        """Take the body in, or raise Problem (411, 413) before it is read."""
        most = self.max_body or settings.REST_MAX_BODY
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not length.isdecimal() or int(length) > most:
            raise Problem.of(413, "TOO_LARGE", f"The body has {length[:20]} bytes; at most {most} are taken.")
        request.body  # noqa: B018  it is kept for the digest


def _response(found: Answer, **headers: str) -> HttpResponse:
    response = HttpResponse(found.body, status=found.status, content_type=JSON)
    response["Cache-Control"] = "no-store"
    for name, value in (found.headers | headers).items():
        response[name.replace("_", "-")] = value
    if found.status in (204, 304):
        del response["Content-Type"]
    return response
