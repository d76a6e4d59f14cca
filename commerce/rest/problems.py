"""What is told when something is refused or fails: problem documents (RFC 9457), made in one place.

    {"type": "about:blank", "title": "Conflict", "status": 409, "code": "UNIQUE", "field": "slug",
     "detail": "Another product has slug 'shirt'.", "errors": [{"code": …, "field": …, "message": …}]}

`code` is for programs, `detail` is a sentence that names the remedy, `errors` has them all where there are several;
`field` is a path into the body ("rows.3.price"), or the name of a parameter or header.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import orjson
from django.core import exceptions
from django.db import DataError, Error
from django.http import Http404, HttpResponse, UnreadablePostError
from rest_framework import exceptions as drf

from commerce.db import replicas
from commerce.db.replicas import RETRY_AFTER, PrimaryUnavailable
from commerce.errors import DomainError

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
# DomainError's code → status, where it says something of its own.
STATUSES = {
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "OUT_OF_SCOPE_APP": 403,
    "OUT_OF_SCOPE_PERMISSION": 403,
    "UNIQUE": 409,
    "CONFLICT": 409,
    "IDEMPOTENCY_IN_FLIGHT": 409,
    "CURSOR_TOO_OLD": 410,
    "PRECONDITION_FAILED": 412,
    "IDEMPOTENCY_KEY_REUSED": 422,
}
_QUERY_CANCELED = "57014"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, and where."""

    code: str
    message: str
    field: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {"code": self.code, "field": self.field, "message": self.message}


@dataclass(slots=True)
class Problem(Exception):
    """An answer that is none: status, what is wrong (the first is told first), further members and headers."""

    status: int
    faults: Sequence[Fault]
    more: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, status: int, code: str, message: str, field: str | None = None, **more: Any) -> "Problem":
        """Return the problem of one fault."""
        return cls(status, [Fault(code, message, field)], more)

    def as_json(self) -> dict[str, Any]:
        """Return the document."""
        first = self.faults[0]
        return {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": first.code,
            "field": first.field,
            "detail": first.message,
            "errors": [fault.as_json() for fault in self.faults],
            **self.more,
        }

    def response(self) -> HttpResponse:
        """Return the answer; nobody keeps it."""
        headers = {"Cache-Control": "no-store", **self.headers}
        return HttpResponse(orjson.dumps(self.as_json()), status=self.status, content_type=MEDIA_TYPE, headers=headers)


def problem_of(error: BaseException, *, is_write: bool) -> Problem:
    """Return what a caller is told of an exception; what nobody expected is logged and not told."""
    match error:
        case Problem():
            return error
        case DomainError():
            return Problem(_status(error, is_write), [Fault(error.code, error.message, error.field)])
        case drf.ValidationError():
            return Problem(422, list(faults_in(error.detail)))
        case drf.APIException():
            return _of_framework(error)
        case PrimaryUnavailable():
            return _unavailable(str(error))
        case Error():
            found = _of_database(error)
        case _:
            found = next((make(error) for kind, make in _MADE.items() if isinstance(error, kind)), None)
    if found is None:
        logger.error("A REST request failed", exc_info=error)
        found = Problem.of(500, "INTERNAL", "Something went wrong on our side: try again, and tell us if it stays so.")
    return found


def _of_database(error: Error) -> Problem | None:
    if replicas.is_outage(error):
        return _unavailable(str(PrimaryUnavailable()))
    if getattr(error.__cause__, "sqlstate", "") == _QUERY_CANCELED:
        return _unavailable("The answer took too long: ask for less, or try again later.", "TOO_SLOW")
    if isinstance(error, DataError):
        return Problem.of(422, "INVALID", "A value is outside of what the database can hold.")
    return None


def _unreadable(error: BaseException) -> Problem:
    return Problem.of(400, "MALFORMED", f"The request cannot be read: {error}")


_MADE: dict[type[BaseException], Callable[[BaseException], Problem]] = {
    Http404: lambda _: Problem.of(404, "NOT_FOUND", "There is nothing at this address."),
    exceptions.RequestDataTooBig: lambda _: Problem.of(413, "TOO_LARGE", "The body is too large: send several."),
    exceptions.SuspiciousOperation: _unreadable,
    exceptions.BadRequest: _unreadable,
    UnreadablePostError: _unreadable,
    RecursionError: lambda _: Problem.of(400, "MALFORMED", "The body is nested too deeply."),
}


def faults_in(detail: Any, path: str = "", code: str = "INVALID") -> Iterator[Fault]:
    """Yield what a ValidationError of the framework says, field by field."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            yield from faults_in(inner, _joined(path, "" if name == "non_field_errors" else str(name)))
    elif isinstance(detail, list):
        for number, inner in enumerate(detail):
            is_place = isinstance(inner, Mapping | list)
            if not is_place or inner:
                yield from faults_in(inner, _joined(path, str(number)) if is_place else path)
    else:
        code = str(getattr(detail, "code", "invalid")).upper()
        yield Fault("REQUIRED" if code in ("REQUIRED", "NULL", "BLANK") else code, str(detail), path or None)


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name else path or name


def _status(error: DomainError, is_write: bool) -> int:
    if error.code == "NOT_FOUND":
        return 404 if error.field in (None, "id") else 422
    return STATUSES.get(error.code, 422 if is_write else 400)


def _of_framework(error: drf.APIException) -> Problem:
    codes = {400: "MALFORMED", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND"}
    codes |= {405: "METHOD_NOT_ALLOWED", 415: "UNSUPPORTED_MEDIA_TYPE"}
    problem = Problem.of(error.status_code, codes.get(error.status_code, "INVALID"), str(error.detail))
    if challenge := getattr(error, "auth_header", None):
        problem.headers["WWW-Authenticate"] = challenge
    return problem


def _unavailable(message: str, code: str = "PRIMARY_UNAVAILABLE") -> Problem:
    problem = Problem.of(503, code, message)
    problem.headers["Retry-After"] = str(RETRY_AFTER)
    return problem
