"""Relays say that they live, and how far they are behind, by a row each.

It is written by the loop itself: a relay that hangs in a handler, or finds no database, falls silent.
"""

import logging
import os
import socket
import time
from typing import Any

from django.db import Error, connections

from commerce.outbox import queries

logger = logging.getLogger("commerce.outbox.relay")

# Seconds between two signs of life, and after which the row of a relay that was killed is deleted.
EVERY = 5.0
FORGOTTEN_AFTER = 3600

_SAY = """
INSERT INTO outbox_relay (name, process, started_at, seen_at, finished, due, oldest_at)
VALUES (%s, %s, statement_timestamp(), statement_timestamp(), %s, %s, %s)
ON CONFLICT (name) DO UPDATE SET seen_at = EXCLUDED.seen_at, finished = EXCLUDED.finished, due = EXCLUDED.due,
                                 oldest_at = EXCLUDED.oldest_at
"""
_FORGET = "DELETE FROM outbox_relay WHERE seen_at < statement_timestamp() - make_interval(secs => %s) OR name = %s"


class Pulse:
    """A relay's sign of life."""

    def __init__(self) -> None:
        self.name = f"relay@{socket.gethostname()}:{os.getpid()}"
        self._next = 0.0

    def begin(self) -> None:
        """Forget relays that were killed long ago, and one of our name: in a container each has the number 1."""
        self._execute(_FORGET, [FORGOTTEN_AFTER, self.name])

    def beat(self, finished: int) -> None:
        """Write the row, if the last time is five seconds ago; `finished` is how many events we have finished."""
        if time.monotonic() < self._next:
            return
        if not self._next:
            self.begin()
        self._next = time.monotonic() + EVERY
        lag = queries.measure_lag(worst=1)
        if lag is not None:
            since = None if lag.oldest is None else lag.oldest.since
            self._execute(_SAY, [self.name, os.getpid(), finished, lag.due, since])

    def end(self) -> None:
        """Take the row away."""
        self._execute(_FORGET, [FORGOTTEN_AFTER, self.name])

    def _execute(self, sql: str, parameters: list[Any]) -> None:
        try:
            with connections["default"].cursor() as cursor:
                cursor.execute(sql, parameters)
        except Error as error:
            logger.warning("This relay could not say that it lives: %s", error)
            connections["default"].close_if_unusable_or_obsolete()
