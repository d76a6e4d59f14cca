"""The token by which a caller's reads see its writes: `<system id>-<24 hex digits of the position>`.

The answer to a write carries it as header and as cookie; a read that brings it along is not served by a replica
that is behind it. It is no secret and grants nothing: a forged one sends its own bearer's reads to the primary.
"""

import re
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from commerce.db import positions, replicas
from commerce.db.positions import Position
from commerce.errors import DomainError

HEADER = "Read-After"
COOKIE = "read_after"
# Seconds. A replica which is further behind than that is out of use anyway (REPLICA_MAX_LAG).
COOKIE_AGE = 60

_TOKEN = re.compile(r"([0-9]{1,20})-([0-9A-Fa-f]{24})", re.ASCII)


class BadToken(DomainError):
    """The header of a request is no token. HTTP: 400."""

    def __init__(self) -> None:
        message = f"The header {HEADER} is no token: send back what an answer's {HEADER} said, or leave it out."
        super().__init__(message, field=HEADER)


def token_of(position: Position) -> str | None:
    """Return the token of a position, or None where the cluster cannot be found out about."""
    cluster = replicas.cluster(patience=1.0)
    return f"{cluster.system_id}-{position}" if cluster is not None else None


def read_token(request: HttpRequest) -> Position | None:
    """Return what the request's reads must see, the later one of header and cookie, or None.

    Raises BadToken for a header that is no token. A cookie that is none, and the token of another cluster, from
    before a move, count for nothing.
    """
    header, cookie = request.headers.get(HEADER, "").strip(), request.COOKIES.get(COOKIE, "")
    if not header and not cookie:
        return None
    if header and not _TOKEN.fullmatch(header):
        raise BadToken
    found = [_position(text) for text in (header, cookie)]
    return max((position for position in found if position is not None), default=None)


def write_token(response: HttpResponseBase, position: Position | None = None) -> None:
    """Have the response carry the token of a position, or of this request's last commit, if there was any."""
    position = position or positions.last_written()
    token = token_of(position) if position is not None else None
    if token is None:
        return
    response.headers[HEADER] = token
    response.set_cookie(
        COOKIE,
        token,
        max_age=COOKIE_AGE,
        path="/",
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


class ReadAfterMiddleware:
    """Begin each request as one that has written nothing, and have the answer to one that wrote carry the token."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        positions.forget_written()
        response = self.get_response(request)
        write_token(response)
        return response


def _position(token: str) -> Position | None:
    match = _TOKEN.fullmatch(token)
    cluster = replicas.cluster() if match else None
    if match is None or (cluster is not None and cluster.system_id != match[1]):
        return None
    return Position.parse(match[2])
