"""Which addresses a name has now, asked of the system's resolver for a limited time."""

import ipaddress
import os
import socket
import threading
from concurrent.futures import Future

from commerce.webhooks.failures import Kind, SendError
from commerce.webhooks.targets import Address

# Look-ups that may run at once; one that nobody waits for any longer runs on until the resolver gives up.
MOST = 64


class _Lookups:
    """Those that run now, by name: who asks for a name meanwhile waits for the same answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, Future[list[Address]]] = {}

    def ask(self, host: str) -> Future[list[Address]]:
        with self._lock:
            running = self._running.get(host)
            if running is not None:
                return running
            if len(self._running) >= MOST:
                raise SendError(Kind.DNS, "Too many names are being looked up; this one was not.")
            answer: Future[list[Address]] = Future()
            self._running[host] = answer
        try:
            # A thread of its own: no waiting for it when the process stops, and none are lost when it forks.
            threading.Thread(target=self._look_up, args=(host, answer), name="look-up", daemon=True).start()
        except RuntimeError as error:
            self._forget(host)
            answer.set_exception(error)
            raise SendError(Kind.DNS, "The name could not be looked up.") from error
        return answer

    def _look_up(self, host: str, answer: Future[list[Address]]) -> None:
        try:
            found = addresses(host)
        except BaseException as error:
            self._forget(host)
            answer.set_exception(error)
        else:
            self._forget(host)
            answer.set_result(found)

    def _forget(self, host: str) -> None:
        with self._lock:
            self._running.pop(host, None)


_lookups = _Lookups()


def _after_fork() -> None:
    global _lookups
    _lookups = _Lookups()


os.register_at_fork(after_in_child=_after_fork)


def addresses(host: str) -> list[Address]:
    """Return the addresses of a name, in the resolver's order. It may take long, and raises OSError."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ipaddress.ip_address(place[0]) for _, _, _, _, place in found))


def resolve(host: str, seconds: float) -> list[Address]:
    """Return the addresses that a name has now, or raise SendError (DNS) where it has none or it takes too long."""
    try:
        return _lookups.ask(host).result(max(seconds, 0))
    except TimeoutError:
        raise SendError(Kind.DNS, "The URL's host was not found in time.") from None
    except (OSError, ValueError):
        raise SendError(Kind.DNS, "The URL's host was not found.") from None
