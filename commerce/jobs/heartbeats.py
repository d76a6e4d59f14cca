"""Workers say that they live, by a row each; whoever asks sees how long ago.

The row is written by a thread, for the worker's loop waits for nobody; but only while the loop itself turns: a worker
that no longer takes tasks from the broker falls silent too.
"""

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson
from celery import bootsteps
from django.conf import settings
from django.db import Error, connections

logger = logging.getLogger(__name__)

# After so many heartbeats a loop is taken to hang, and a worker counts as silent.
HANGS_AFTER = 4
SILENT_AFTER = 6
FORGOTTEN_AFTER = timedelta(hours=1)

_SAY = """
INSERT INTO jobs_worker (name, queues, process, started_at, seen_at)
VALUES (%s, %s, %s, statement_timestamp(), statement_timestamp())
ON CONFLICT (name) DO UPDATE SET queues = EXCLUDED.queues, process = EXCLUDED.process, seen_at = EXCLUDED.seen_at,
  started_at = CASE WHEN jobs_worker.process = EXCLUDED.process THEN jobs_worker.started_at
                    ELSE EXCLUDED.started_at END
"""
_LEAVE = "DELETE FROM jobs_worker WHERE name = %s AND process = %s"
_FORGET = "DELETE FROM jobs_worker WHERE seen_at < statement_timestamp() - make_interval(secs => %s)"
_LIST = "SELECT name, queues, process, statement_timestamp() - seen_at FROM jobs_worker ORDER BY name"


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """A worker, the queues that it serves, the number of its process, and how long ago it was last seen."""

    name: str
    queues: list[str]
    process: int
    age: timedelta

    @property
    def is_silent(self) -> bool:
        """Say whether it is probably dead, or hangs."""
        return self.age > timedelta(seconds=SILENT_AFTER * settings.WORKER_HEARTBEAT)


def list_workers() -> list[WorkerRow]:
    """Return the workers that were seen in the last hour and have not said that they end."""
    with connections["default"].cursor() as cursor:
        cursor.execute(_LIST)
        rows = cursor.fetchall()
    return [WorkerRow(name, orjson.loads(queues), process, age) for name, queues, process, age in rows]


def forget() -> int:
    """Delete the workers that have been silent for an hour; return how many."""
    with connections["default"].cursor() as cursor:
        cursor.execute(_FORGET, [FORGOTTEN_AFTER.total_seconds()])
        return int(cursor.rowcount)


class Pulse(bootsteps.StartStopStep):
    """A step of the worker's consumer: while that consumes, its row is kept young."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._timer: Any = None
        self._turned_at = 0.0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, consumer: Any) -> None:
        """Begin with each connection to the broker."""
        self._turn()
        self._timer = consumer.timer.call_repeatedly(settings.WORKER_HEARTBEAT, self._turn)
        if self._thread is None:
            queues = sorted(consumer.app.amqp.queues.consume_from)
            self._thread = threading.Thread(
                target=self._run, args=[consumer.hostname, queues], name="heartbeat", daemon=True
            )
            self._thread.start()

    def stop(self, consumer: Any) -> None:
        """Fall silent while there is no connection to the broker."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def shutdown(self, consumer: Any) -> None:
        """Say that the worker ends."""
        self.stop(consumer)
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _turn(self) -> None:
        self._turned_at = time.monotonic()

    def _run(self, name: str, queues: list[str]) -> None:
        process, is_away, every = os.getpid(), False, settings.WORKER_HEARTBEAT
        while True:
            if time.monotonic() - self._turned_at < HANGS_AFTER * every:
                try:
                    _execute(_SAY, [name, orjson.dumps(queues).decode(), process])
                    is_away = False
                except Error as error:
                    if not is_away:
                        logger.warning("This worker could not say that it lives: %s", error)
                    is_away = True
            if self._stop.wait(every):
                break
        with _ignored():
            _execute(_LEAVE, [name, process])


@contextmanager
def _ignored() -> Iterator[None]:
    try:
        yield
    except Error as error:
        logger.warning("This worker could not say that it ends: %s", error)


def _execute(sql: str, parameters: list[Any]) -> None:
    """Run a statement on a connection of its own: the worker forks, and its processes must find none of ours."""
    connection: Any = connections.create_connection("default")
    options = {name: value for name, value in connection.settings_dict["OPTIONS"].items() if name != "pool"}
    connection.settings_dict = {**connection.settings_dict, "OPTIONS": options}
    connection.inc_thread_sharing()
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
    finally:
        connection.close()
