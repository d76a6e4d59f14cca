"""Connections to checked addresses: with a deadline and a limit on what is read, and kept for the next request."""

import http.client
import io
import os
import select
import socket
import ssl
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from django.conf import settings

from commerce.webhooks.failures import Kind, SendError
from commerce.webhooks.targets import Address, Target

# Addresses of a name that are tried, in turn.
MOST_TRIED = 3
# Connections that are kept, of all and of one endpoint, and for how long: most servers close them after 5 s or more.
MOST_KEPT = 256
MOST_KEPT_OF_ONE = 32
KEPT_SECONDS = 4.0
_SENT_AT_ONCE = 65536


class TooMuch(Exception):  # what is read has passed its limit
    pass


class Stream:
    """A socket as http.client uses one: whatever is sent or read ends by `deadline`, and by `allowance` bytes read.

    Sockets have a timeout for each call alone, which a receiver that sends a byte now and then never reaches.
    """

    def __init__(self, plain: socket.socket) -> None:
        self.socket = plain
        self.deadline = 0.0
        self.allowance = 0

    def prepare(self) -> None:
        """Give the socket the time that is left; raise TimeoutError if there is none."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.socket.settimeout(left)

    def sendall(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            self.prepare()
            rest = rest[self.socket.send(rest[:_SENT_AT_ONCE]) :]

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self))

    def close(self) -> None:
        self.socket.close()


class _Reader(io.RawIOBase):
    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._raw = stream.socket.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._stream.allowance <= 0:
            raise TooMuch
        self._stream.prepare()
        count = self._raw.readinto(memoryview(buffer)[: self._stream.allowance])
        self._stream.allowance -= count or 0
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class Key(NamedTuple):
    """Which connections are alike. The name is part of it: it is what the certificate was verified for."""

    scheme: str
    host: str
    port: int
    address: Address


class Connection(http.client.HTTPConnection):
    """An open connection to one address of a target; it never opens itself again."""

    auto_open = 0

    def __init__(self, key: Key, stream: Stream) -> None:
        super().__init__(key.host, key.port)
        self.key = key
        self.stream = stream
        self.sock: Any = stream


def open_connection(target: Target, addresses: Sequence[Address], *, seconds: float, deadline: float) -> Connection:
    """Connect to the first of these addresses that takes it within so many seconds, TLS included, or raise SendError.

    With https the certificate is verified for the target's name, whichever address it is.
    """
    until = min(time.monotonic() + seconds, deadline)
    tried = addresses[:MOST_TRIED]
    for number, address in enumerate(tried):
        share = (until - time.monotonic()) / (len(tried) - number)
        try:
            opened = _connect(address, target.port, share)
        except OSError:
            continue
        stream = Stream(opened if target.scheme == "http" else _secure(opened, target.host, until))
        return Connection(Key(target.scheme, target.host, target.port, address), stream)
    raise SendError(Kind.CONNECT, "The receiver took no connection.")


def _connect(address: Address, port: int, seconds: float) -> socket.socket:
    if seconds <= 0:
        raise TimeoutError
    opened = socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET, socket.SOCK_STREAM)
    try:
        opened.settimeout(seconds)
        opened.connect((str(address), port))
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        opened.close()
        raise
    return opened


def _secure(opened: socket.socket, host: str, until: float) -> ssl.SSLSocket:
    try:
        # A timeout is that of the whole handshake, here alone.
        opened.settimeout(max(until - time.monotonic(), 0.001))
        return _tls(settings.WEBHOOK_CA_FILE).wrap_socket(opened, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        opened.close()
        raise SendError(Kind.TLS, f"The receiver's certificate was not accepted: {error.verify_message}") from None
    except TimeoutError:
        opened.close()
        raise SendError(Kind.TLS, "The receiver did not agree on TLS in time.") from None
    except (OSError, ValueError):
        opened.close()
        raise SendError(Kind.TLS, "The receiver did not agree on TLS.") from None


@lru_cache(maxsize=4)
def _tls(ca_file: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    if ca_file:
        context.load_verify_locations(ca_file)
    return context


class Pool:
    """Open connections that wait for the next request to the same endpoint."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # By endpoint, the longest unused one first; in each the newest connection last.
        self._kept: OrderedDict[Key, list[tuple[float, Connection]]] = OrderedDict()
        self._count = 0

    def take(self, target: Target, addresses: Sequence[Address]) -> Connection | None:
        """Return a connection to one of these addresses that is still open, or None."""
        for address in addresses[:MOST_TRIED]:
            key = Key(target.scheme, target.host, target.port, address)
            while (found := self._pop(key)) is not None:
                kept_at, connection = found
                if time.monotonic() - kept_at < KEPT_SECONDS and not _has_something_to_say(connection.stream.socket):
                    return connection
                connection.close()
        return None

    def keep(self, connection: Connection) -> None:
        """Keep a connection whose answer has been read to its end, or close it if there are enough."""
        surplus: Connection | None = None
        with self._lock:
            waiting = self._kept.setdefault(connection.key, [])
            self._kept.move_to_end(connection.key)
            waiting.append((time.monotonic(), connection))
            self._count += 1
            if len(waiting) > MOST_KEPT_OF_ONE:
                surplus = self._drop_oldest(connection.key)
            elif self._count > MOST_KEPT:
                surplus = self._drop_oldest(next(iter(self._kept)))
        if surplus is not None:
            surplus.close()

    def clear(self) -> None:
        """Close all of them."""
        with self._lock:
            kept, self._kept, self._count = self._kept, OrderedDict(), 0
        for waiting in kept.values():
            for _, connection in waiting:
                connection.close()

    def _pop(self, key: Key) -> tuple[float, Connection] | None:
        with self._lock:
            waiting = self._kept.get(key)
            if not waiting:
                return None
            self._count -= 1
            found = waiting.pop()
            if not waiting:
                del self._kept[key]
            return found

    def _drop_oldest(self, key: Key) -> Connection:
        self._count -= 1
        waiting = self._kept[key]
        _, oldest = waiting.pop(0)
        if not waiting:
            del self._kept[key]
        return oldest


def _has_something_to_say(opened: socket.socket) -> bool:
    """Tell whether a waiting connection was closed at the other end, or has sent what nobody asked for."""
    poll = select.poll()
    try:
        poll.register(opened, select.POLLIN | select.POLLERR | select.POLLHUP)
        return bool(poll.poll(0))
    except (OSError, ValueError):
        return True


pool = Pool()


def _after_fork() -> None:
    # The parent goes on using its connections: here they are only closed, of which the other end notices nothing.
    global pool
    inherited, pool = pool, Pool()
    inherited._lock = threading.Lock()
    inherited.clear()


os.register_at_fork(after_in_child=_after_fork)
