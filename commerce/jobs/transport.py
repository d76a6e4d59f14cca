"""Kombu's Redis, which a worker outlives: see `Channel`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from kombu.transport import TRANSPORT_ALIASES
from kombu.transport import redis as kombu


class Channel(kombu.Channel):
    """Say that the connection is gone where kombu trips over having forgotten its address.

    A worker that had a task when Redis went away ended by that AttributeError. By a ConnectionError it tries until
    Redis is back; what it had stays in Redis, and is handed out again after the visibility timeout.
    """

    @contextmanager
    def conn_or_acquire(self, client: Any = None) -> Iterator[Any]:
        if client is None and self.connection.client is None:
            raise redis.ConnectionError("The connection to the broker is gone.")
        with super().conn_or_acquire(client) as found:
            yield found


class Transport(kombu.Transport):
    Channel = Channel


def install() -> None:
    """Have addresses that begin with redis:// or rediss:// lead here."""
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = "commerce.jobs.transport:Transport"
