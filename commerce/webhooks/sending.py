"""The safe sender: one HTTP request to an address that somebody else chose.

    answer = send(Outgoing(url, headers, body), allow=allow_list(tenant's entries))

The name is looked up for every request, all of its addresses must be public (commerce/webhooks/targets.py), and what
is connected to is one of the addresses that were checked, so that a name that leads elsewhere a moment later gains
nothing. TLS and the Host header keep the name. Redirects are answers like any other, the environment's proxies are
not used, nothing is unpacked. Each request has a deadline, and a limit on what is read of its answer.
"""

import http.client
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from commerce.webhooks import connections
from commerce.webhooks.connections import Connection, TooMuch, open_connection
from commerce.webhooks.failures import Kind, SendError
from commerce.webhooks.resolving import resolve
from commerce.webhooks.targets import (
    AllowList,
    Target,
    allow_list,
    check_addresses,
    check_headers,
    check_url,
)

__all__ = [
    "AllowList",
    "Kind",
    "Outgoing",
    "Response",
    "SendError",
    "Timeouts",
    "allow_list",
    "check_headers",
    "check_url",
    "send",
]

HEAD_LIMIT = 64 * 1024
# An answer that nobody wants is read for so long and so far, only to keep its connection.
DRAIN_SECONDS = 1.0
DRAIN_LIMIT = 16 * 1024
# The framing of a chunked body, beside what is in it.
_FRAMING = 16 * 1024
_LONGEST_DECLARED = 2**31 - 1
_USER_AGENT = "commerce-webhooks/1"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to look the name up, to connect (TLS included), and in total until the answer has been read."""

    connect: float = 2.0
    total: float = 20.0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request. With `once` it goes over a connection of its own and is never sent again.

    Without it, a request that was sent over a kept connection is sent once more over a new one where the kept one
    turns out to be closed: the receiver may then have got it twice.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    method: str = "POST"
    once: bool = False


@dataclass(frozen=True, slots=True)
class Response:
    """An answer of any status. `length` is the body's in bytes as declared, else as far as it was read.

    `body` has its first bytes up to the limit asked for, and `is_whole` says whether that is all of it. `duration` is
    in seconds, `retry_after` the header of that name as it came. The body is for whoever called, not for tenants to
    read.
    """

    status: int
    length: int
    content_type: str
    body: bytes
    is_whole: bool
    duration: float
    retry_after: str = ""

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


def send(
    request: Outgoing, *, timeout: Timeouts | None = None, allow: AllowList | None = None, limit: int = 0
) -> Response:
    """Send a request and return its answer with up to `limit` bytes of the body, or raise SendError.

    With `limit` 0 the status alone counts: a body that is endless, broken or slow fails nothing. Otherwise one that
    breaks off or comes too slowly raises, and one longer than `limit` is cut off. Without `allow` it is the settings'.
    """
    began = time.monotonic()
    timeout = timeout or Timeouts()
    deadline = began + timeout.total
    allow = allow or allow_list()
    target = check_url(request.url, allow)
    found = (
        [target.address] if target.address is not None else resolve(target.host, min(timeout.connect, timeout.total))
    )
    addresses = check_addresses(target, found, allow)
    if not request.once and (kept := connections.pool.take(target, addresses)):
        try:
            return _exchange(kept, target, request, began, deadline, limit)
        except _Closed:
            pass
    opened = open_connection(target, addresses, seconds=timeout.connect, deadline=deadline)
    try:
        return _exchange(opened, target, request, began, deadline, limit)
    except _Closed:
        raise SendError(Kind.CONNECT, "The receiver closed the connection without an answer.") from None


class _Closed(Exception):  # no answer, and none will come
    pass


def _exchange(
    connection: Connection, target: Target, request: Outgoing, began: float, deadline: float, limit: int
) -> Response:
    is_reusable = False
    answer: http.client.HTTPResponse | None = None
    try:
        answer = _ask(connection, target, request, deadline)
        connection.stream.deadline = deadline if limit else min(deadline, time.monotonic() + DRAIN_SECONDS)
        declared = answer.length
        body, is_whole = _read(answer, connection, limit)
        is_reusable = is_whole and answer.isclosed() and not answer.will_close and not request.once
        return Response(
            status=answer.status,
            length=len(body) if declared is None else min(declared, _LONGEST_DECLARED),
            content_type=_printable(answer.headers.get("Content-Type", "")),
            body=body[:limit],
            is_whole=is_whole and len(body) <= limit,
            duration=time.monotonic() - began,
            retry_after=_printable(answer.headers.get("Retry-After", "")),
        )
    finally:
        if answer is not None:
            answer.close()
        if is_reusable:
            connections.pool.keep(connection)
        else:
            connection.close()


def _ask(connection: Connection, target: Target, request: Outgoing, deadline: float) -> http.client.HTTPResponse:
    """Send the request and read the answer's head."""
    connection.stream.deadline, connection.stream.allowance = deadline, HEAD_LIMIT
    headers = {**request.headers, "Host": target.authority, "User-Agent": _USER_AGENT}
    try:
        # Some answer before they have read everything, and close: the answer may be there to read.
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.request(request.method, target.path, request.body or None, headers)
        return connection.getresponse()
    except TimeoutError:
        raise SendError(Kind.TIMEOUT, "The receiver did not answer in time.") from None
    except (TooMuch, http.client.LineTooLong):
        raise SendError(Kind.TOO_LARGE, "The head of the receiver's answer is too large.") from None
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
        raise _Closed from None
    except ssl.SSLError:
        raise SendError(Kind.TLS, "The receiver broke off TLS.") from None
    except OSError:
        raise _Closed from None
    except (http.client.HTTPException, ValueError):
        raise SendError(Kind.PROTOCOL, "The receiver's answer is no HTTP.") from None


def _read(answer: http.client.HTTPResponse, connection: Connection, limit: int) -> tuple[bytes, bool]:
    """Return the first bytes of the body, and whether that is all of it."""
    most = limit or DRAIN_LIMIT
    connection.stream.allowance = most + _FRAMING
    declared = answer.length
    body = b""
    try:
        body = answer.read(most + 1)
        is_short = declared is not None and len(body) < min(declared, most + 1)
    except (TimeoutError, TooMuch) as error:
        if limit and isinstance(error, TimeoutError):
            raise SendError(Kind.TIMEOUT, "The receiver's answer did not end in time.") from None
        if limit:
            raise SendError(Kind.TOO_LARGE, "The receiver's answer is in too many pieces.") from None
        return b"", False
    except (OSError, http.client.HTTPException, ValueError):
        is_short = True
    if is_short and limit:
        raise SendError(Kind.PROTOCOL, "The receiver's answer breaks off.")
    return body, not is_short and len(body) <= most


def _printable(text: str) -> str:
    return "".join(character for character in text[:100] if " " <= character <= "~")
