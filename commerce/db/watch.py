"""What this process knows of its database servers: who answers, on which timeline, how far each has got.

One thread per server asks it ten times a second, on a connection of its own, so that a server which hangs delays
nobody else's news and no request ever waits for an answer about health. The threads start when somebody first asks,
ask once a second while nobody does, and end with the process. A forked child starts its own.

**Timelines.** A promotion begins a new one, and positions of the old one beyond the fork mean nothing there. A primary
tells its timeline. A standby tells an ordinary role only what its control file has of it: the timeline at its last
restart point, or of its pages written since. Both lag and never run ahead, so that a standby of which less is known
than is true stays unused for a while (at most its checkpoint_timeout after a promotion), and none is trusted
wrongly. Where the role is in pg_read_all_stats the timeline that it receives counts too, which is at once.

**Lag** is how long ago the primary was where the replica is now, by our own observations: a target is the place that
the primary had reached at some moment; a replica which reaches it is as fresh as that moment, and gets the next one.
The clocks of the servers play no part, and a shop where nothing is written shows no lag.
"""

import atexit
import logging
import os
import select
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from django.conf import settings
from django.db import connections
from psycopg import pq

from commerce.db import pools
from commerce.db.positions import Position

logger = logging.getLogger("commerce.db.watch")

PRIMARY = "default"
# Seconds: between two questions while requests come, while none has come for a while, and to a server that is gone.
BUSY_PAUSE = 0.1
IDLE_PAUSE = 1.0
IDLE_AFTER = 5.0
LONGEST_BACKOFF = 1.0
ANSWER_WITHIN = 2.0
# What was learned longer ago than this is not known any more.
KNOWN_FOR = 3.0

# CASE keeps a standby from being asked for a primary's position, which it refuses to tell. The replayed position is
# asked last, so that it never belongs to an earlier timeline than the one found.
_ASK = b"""
SELECT (SELECT system_identifier FROM pg_control_system())::text, recovering,
  CASE WHEN recovering THEN greatest(
      (SELECT timeline_id FROM pg_control_checkpoint()), (SELECT min_recovery_end_timeline FROM pg_control_recovery()),
      (SELECT received_tli FROM pg_stat_get_wal_receiver()))
    ELSE ('x' || left(pg_walfile_name(pg_current_wal_flush_lsn()), 8))::bit(32)::int END,
  (CASE WHEN recovering THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END - '0/0'::pg_lsn)::bigint
FROM (SELECT pg_is_in_recovery() AS recovering OFFSET 0) server
"""


class Silent(psycopg.OperationalError):
    """A server accepts what is asked and does not answer."""


@dataclass(frozen=True, slots=True)
class State:
    """What a server said when it was last asked; times are of time.monotonic()."""

    system_id: str
    position: Position
    is_standby: bool
    asked_at: float
    fresh_as_of: float


class Server:
    """One alias of DATABASES. `state` is None while it does not answer, `last` is what it ever said last."""

    def __init__(self, alias: str) -> None:
        self.alias = alias
        self.state: State | None = None
        self.last: State | None = None
        self.wake = threading.Event()
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None
        self._target: tuple[Position, float] | None = None
        self._failures = 0

    def known(self, now: float) -> State | None:
        """Return what is known of the server, or None: it does not answer, or has not for a while."""
        state = self.state
        return state if state is not None and now - state.asked_at < KNOWN_FOR else None

    def is_gone(self, now: float) -> bool:
        """Say whether the server is believed not to answer; one that was not asked yet is not."""
        return self.known(now) is None and (self._failures > 0 or self.last is not None)

    @property
    def has_failed(self) -> bool:
        """Say whether it did not answer when it was last asked."""
        return self._failures > 0

    def ask(self, primary: "Server") -> None:
        """Ask the server and remember the answer, or that there is none."""
        try:
            answer = self._fetch()
        except psycopg.Error as error:
            self._close()
            self._lose(error)
            return
        system_id, is_standby, timeline, lsn, asked_at = answer
        position = Position(timeline, lsn)
        fresh = self._fresh_as_of(position, asked_at, primary)
        if self._failures:
            logger.warning("Database %r answers again.", self.alias)
        if self.state is None:
            pools.believe_back(self.alias)
        self._failures = 0
        self.state = self.last = State(system_id, position, is_standby, asked_at, fresh)

    def suspect(self) -> None:
        """Take the server for gone until it answers again, which it is asked at once."""
        self.state = None
        self.wake.set()

    @property
    def pause(self) -> float:
        """Seconds to wait before the server is asked again, longer the longer it has not answered."""
        return min(BUSY_PAUSE * 2.0 ** min(self._failures, 10), LONGEST_BACKOFF) if self._failures else BUSY_PAUSE

    def close(self) -> None:
        """Give the connection back."""
        self._close()

    def _fetch(self) -> tuple[str, bool, int, int, float]:
        if self._connection is None:
            self._connection = psycopg.connect(**_parameters(self.alias))
        asked_at = time.monotonic()
        system_id, is_standby, timeline, lsn = _row(self._connection, _ASK)
        if self.alias == PRIMARY and is_standby == b"t":
            raise psycopg.OperationalError("it is a standby")
        return system_id.decode(), is_standby == b"t", int(timeline), int(lsn), asked_at

    def _fresh_as_of(self, position: Position, asked_at: float, primary: "Server") -> float:
        if self is primary:
            return asked_at
        ahead = primary.known(asked_at)
        fresh = self.state.fresh_as_of if self.state is not None else 0.0
        if ahead is None:
            return fresh
        reached, moment = self._target or (ahead.position, ahead.asked_at)
        if position >= reached:
            fresh = ahead.asked_at if position >= ahead.position else moment
            reached, moment = ahead.position, ahead.asked_at
        self._target = reached, moment
        return fresh

    def _lose(self, error: psycopg.Error) -> None:
        if not self._failures:
            logger.warning("Database %r does not answer: %s", self.alias, _first_line(error))
        self.state = None
        self._failures += 1
        pools.believe_gone(self.alias)
        if isinstance(error, Silent) and self.alias != PRIMARY:
            pools.cut(self.alias)  # reads begin again elsewhere; what writes wait for is not ours to break

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Watch:
    """The servers of this process, each with the thread that asks it."""

    def __init__(self, aliases: list[str]) -> None:
        self.primary = Server(PRIMARY)
        self.replicas = [Server(alias) for alias in aliases]
        self.asked_at = time.monotonic()
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._run, args=[server], name=f"watch {server.alias}", daemon=True)
            for server in (self.primary, *self.replicas)
        ]
        for thread in self._threads:
            thread.start()

    def note_request(self, now: float) -> None:
        """Have the servers asked often for a while, from now on if they were not."""
        was_idle = now - self.asked_at > IDLE_AFTER
        self.asked_at = now
        if was_idle:
            for server in (self.primary, *self.replicas):
                server.wake.set()

    def server(self, alias: str) -> Server | None:
        """Return the server of an alias, or None for one that is not watched."""
        return next((server for server in (self.primary, *self.replicas) if server.alias == alias), None)

    def stop(self) -> None:
        """End the threads and close their connections."""
        self._stopping = True
        for server in (self.primary, *self.replicas):
            server.wake.set()
        for thread in self._threads:
            thread.join(timeout=1)

    def _run(self, server: Server) -> None:
        while not self._stopping:
            server.wake.clear()
            try:
                server.ask(self.primary)
            except Exception:  # whatever it is, the thread has to live on; what it knew grows old and is forgotten
                logger.exception("Watching database %r failed", server.alias)
                server.suspect()
                server.wake.clear()
                time.sleep(LONGEST_BACKOFF)
            is_idle = time.monotonic() - self.asked_at > IDLE_AFTER
            server.wake.wait(max(server.pause, IDLE_PAUSE) if is_idle else server.pause)
        server.close()


_watch: Watch | None = None
_starting = threading.Lock()


def current() -> Watch:
    """Return the watch of this process, started if it has none yet."""
    return _watch or _start()


def _start() -> Watch:
    global _watch
    with _starting:
        if _watch is None:
            _watch = Watch([alias for alias in settings.REPLICAS if alias in settings.DATABASES])
        return _watch


def stop() -> None:
    """End the threads; the next question starts them again."""
    global _watch
    with _starting:
        watch, _watch = _watch, None
    if watch is not None:
        watch.stop()


def _forget() -> None:
    global _watch, _starting
    _watch, _starting = None, threading.Lock()


atexit.register(stop)
os.register_at_fork(after_in_child=_forget)


def _row(connection: psycopg.Connection[Any], statement: bytes) -> list[bytes]:
    """Return the one row of a statement, as texts; raise Silent where it does not come in time.

    It goes below psycopg's cursors, which wait for as long as it takes.
    """
    pgconn = connection.pgconn
    pgconn.send_query(statement)
    pgconn.flush()
    deadline = time.monotonic() + ANSWER_WITHIN
    while pgconn.is_busy():
        if not select.select([pgconn.socket], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise Silent(f"no answer within {ANSWER_WITHIN:.0f} s")
        pgconn.consume_input()
    result = pgconn.get_result()
    if result is None or result.status != pq.ExecStatus.TUPLES_OK:
        raise psycopg.OperationalError(result.get_error_message() if result else "no answer")
    row = [result.get_value(0, column) for column in range(result.nfields)]
    while pgconn.get_result() is not None:
        pass
    if any(value is None for value in row):
        raise psycopg.OperationalError("it does not say how far it has got")
    return [bytes(value) for value in row if value is not None]


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _parameters(alias: str) -> Mapping[str, Any]:
    """Return how to connect to a server beside its pool: as its pool does, but without patience or preparing."""
    parameters = connections[alias].get_connection_params()
    for name in ("cursor_factory", "context", "server_side_binding"):
        parameters.pop(name, None)
    return {
        **parameters,
        "autocommit": True,
        "prepare_threshold": None,
        "connect_timeout": 2,
        "tcp_user_timeout": 2000,
        "application_name": f"commerce watch {alias}",
    }
