"""How workers, relays, beat and the broker do, for operators' monitors: /health/workers and /metrics."""

import logging
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from hmac import compare_digest
from threading import Lock

from django.conf import settings
from django.db import Error, close_old_connections
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from commerce.jobs import broker, heartbeats, schedule
from commerce.jobs.queues import QUEUES
from commerce.observability.metrics import PREFIX, render
from commerce.outbox import queries as outbox_queries

logger = logging.getLogger(__name__)

# Beat sends something every five seconds.
BEAT_SILENT_AFTER = 60.0
# However often a process is asked, it looks no more than once in so many seconds.
KEPT = 1.0


@dataclass(frozen=True, slots=True)
class State:
    """Living workers by queue, silent ones, relays, and beat; ages and the lag in seconds, None where there is none.

    `due` and `lag` are what the relays saw when they last said that they live: the lag grows while they say nothing.
    """

    workers: dict[str, int]
    silent: int
    relays: int
    relay_age: float | None
    due: int
    lag: float
    beat_age: float | None

    @property
    def unserved(self) -> list[str]:
        """The queues without a living worker."""
        return [name for name, count in self.workers.items() if not count]

    @property
    def is_well(self) -> bool:
        """Say whether everybody lives."""
        return (
            not self.unserved and bool(self.relays) and self.beat_age is not None and self.beat_age < BEAT_SILENT_AFTER
        )


class _Kept:
    lock = Lock()
    state: State | None = None
    until = 0.0


def look() -> State:
    """Return how everybody does, as of at most a second ago; three short statements. Raises what PostgreSQL raises."""
    with _Kept.lock:
        if _Kept.state is None or _Kept.until < time.monotonic():
            _Kept.state = _look()
            _Kept.until = time.monotonic() + KEPT
        return _Kept.state


def _look() -> State:
    close_old_connections()
    workers = heartbeats.list_workers()
    relays = outbox_queries.list_relays()
    living = Counter(queue for worker in workers if not worker.is_silent for queue in worker.queues)
    return State(
        workers={name: living[name] for name in QUEUES},
        silent=sum(worker.is_silent for worker in workers),
        relays=sum(not relay.is_silent for relay in relays),
        relay_age=_seconds(min((relay.age for relay in relays), default=None)),
        due=max((relay.due for relay in relays), default=0),
        lag=_seconds(max((relay.lag for relay in relays if relay.lag is not None), default=timedelta())) or 0.0,
        beat_age=_seconds(schedule.last_slot_age()),
    )


def _seconds(time: timedelta | None) -> float | None:
    return None if time is None else round(time.total_seconds(), 3)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer with all counts and how everybody does, for who has METRICS_TOKEN; 404 where there is none, or 401."""
    if not settings.METRICS_TOKEN:
        raise Http404("METRICS_TOKEN is not set.")
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not compare_digest(token.encode(), settings.METRICS_TOKEN.encode()):
        return HttpResponse(
            "Send METRICS_TOKEN as `Authorization: Bearer <token>`.\n",
            status=401,
            content_type="text/plain; charset=utf-8",
            headers={"WWW-Authenticate": "Bearer", "Cache-Control": "no-store"},
        )
    body = render([Deployment()])
    return HttpResponse(body, content_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"})


class Deployment(Collector):
    """What is the same whichever process is asked: every scrape looks anew."""

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges; those of a database or broker that does not answer are left out, and `up` says so."""
        up = _gauge("up", "Whether the database, and the broker, answered.", "part")
        yield from self._of_the_database(up)
        yield from self._of_the_broker(up)
        yield up

    def _of_the_database(self, up: GaugeMetricFamily) -> Iterator[Metric]:
        try:
            found = look()
        except Error as error:
            logger.warning("The workers cannot be looked at: %s", error)
            up.add_metric(["database"], 0)
            return
        up.add_metric(["database"], 1)
        workers = _gauge("workers", "Living workers of each queue.", "queue")
        for queue, count in found.workers.items():
            workers.add_metric([queue], count)
        yield workers
        yield _gauge("workers_silent", "Workers that say nothing any more.", value=found.silent)
        yield _gauge("relays", "Living relays.", value=found.relays)
        yield _gauge("outbox_due", "Events that are due, as a relay last saw them.", value=found.due)
        yield _gauge("outbox_lag_seconds", "For how long the oldest of them has been due.", value=found.lag)
        if found.beat_age is not None:
            yield _gauge(
                "beat_age_seconds", "Since the start of the last slot that beat has sent.", value=found.beat_age
            )

    def _of_the_broker(self, up: GaugeMetricFamily) -> Iterator[Metric]:
        try:
            depths = broker.depths()
        except broker.BrokerUnavailable as error:
            logger.warning("The queues cannot be looked at: %s", error)
            up.add_metric(["broker"], 0)
            return
        up.add_metric(["broker"], 1)
        waiting = _gauge("queue_waiting", "Messages that wait.", "queue")
        held = _gauge("queue_held", "Messages that workers hold.", "queue")
        for name, depth in depths.items():
            waiting.add_metric([name], depth.waiting)
            held.add_metric([name], depth.held)
        yield waiting
        yield held


def _gauge(name: str, description: str, *labels: str, value: float | None = None) -> GaugeMetricFamily:
    return GaugeMetricFamily(PREFIX + name, description, value=value, labels=labels or None)
