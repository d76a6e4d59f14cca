"""What processes count, and how it is shown: Prometheus' text format (docs/workers.md).

A count starts at 0 and only grows. A label's values are few and known beforehand: never a tenant, an address, or what
somebody sent. With METRICS_DIR the processes of a machine count into files there, and each shows what all have counted;
without it each process has its own counts.
"""

import fcntl
import os
from collections.abc import Iterable
from itertools import count

import prometheus_client
from django.conf import settings
from prometheus_client import CollectorRegistry, generate_latest, multiprocess, values
from prometheus_client.registry import Collector

PREFIX = "commerce_"


class Slot:
    """The number under which this process counts: the lowest that no living process has.

    A process that takes over the number of one that ended goes on with its counts, so that there are never more files
    than processes at once. The number is held by a lock, which ends with the process.
    """

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self._number: str | None = None
        self._lock: int | None = None
        os.register_at_fork(after_in_child=self._forget)

    def __call__(self) -> str:
        """Return the number."""
        if self._number is None:
            self._number = next(number for number in map(str, count()) if self._take(number))
        return self._number

    def _take(self, number: str) -> bool:
        lock = os.open(os.path.join(self.directory, f"{number}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        self._lock = lock
        return True

    def _forget(self) -> None:
        """Leave the number to the parent: closing a copy of its lock does not end it."""
        if self._lock is not None:
            os.close(self._lock)
        self._number = self._lock = None


_DIRECTORY: str = settings.METRICS_DIR
if _DIRECTORY:
    os.makedirs(_DIRECTORY, exist_ok=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = _DIRECTORY  # where the library looks for it
    values.ValueClass = values.MultiProcessValue(Slot(_DIRECTORY))  # type: ignore[no-untyped-call]

_own = CollectorRegistry()


class Counter:
    """A count by the value of one label; any thread may add to it."""

    def __init__(self, name: str, label: str, description: str) -> None:
        self.name = name
        self.label = label
        self._counter = prometheus_client.Counter(PREFIX + name, description, [label], registry=_own)

    def add(self, value: str, times: int = 1) -> None:
        """Count so many events whose label has this value."""
        self._counter.labels(value).inc(times)

    def values(self) -> dict[str, int]:
        """Return the counts of this process so far, by the value of the label."""
        samples = (sample for metric in self._counter.collect() for sample in metric.samples)
        return {sample.labels[self.label]: int(sample.value) for sample in samples if sample.name.endswith("_total")}


def render(more: Iterable[Collector] = ()) -> bytes:
    """Return all counts, and what these collectors say, as Prometheus reads it."""
    registry = _registry()
    for collector in more:
        registry.register(collector)
    return generate_latest(registry)


def serve() -> None:
    """Show the counts at METRICS_PORT, for processes that have no other port; nothing where that is 0."""
    if settings.METRICS_PORT:
        prometheus_client.start_http_server(settings.METRICS_PORT, registry=_registry())


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    if _DIRECTORY:
        multiprocess.MultiProcessCollector(registry, path=_DIRECTORY)  # type: ignore[no-untyped-call]
    else:
        registry.register(_own)
    return registry


graphql_fallbacks = Counter(
    "graphql_fallbacks_total", "reason", "Operations that graphql-core ran, as they have no plan, by reason."
)
graphql_answers = Counter(
    "graphql_answers_total", "cache", "Answers of the GraphQL door, by what the response cache had of them."
)
queues_unserved = Counter(
    "queues_unserved_total", "queue", "Looks of beat that found work in a queue which no living worker serves."
)
webhook_deliveries = Counter(
    "webhook_deliveries_total", "outcome", "Attempts to deliver an event to a webhook, by what came of them."
)
webhooks_paused = Counter("webhooks_paused_total", "reason", "Webhooks that were paused as their endpoint failed.")
outbox_events = Counter("outbox_events_total", "outcome", "Events that relays took up, by what became of them.")
rest_answers = Counter("rest_answers_total", "status", "Answers of the REST API, by HTTP status.")
