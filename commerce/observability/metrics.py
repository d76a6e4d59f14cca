"""What this process counts. A count starts at 0 with the process and only grows."""

from collections import Counter as Counts
from threading import Lock


class Counter:
    """A count by the value of one label; any thread may add to it."""

    def __init__(self, name: str, label: str, description: str) -> None:
        self.name = name
        self.label = label
        self.description = description
        self._counts: Counts[str] = Counts()
        self._lock = Lock()

    def add(self, value: str) -> None:
        """Count one event whose label has this value."""
        with self._lock:
            self._counts[value] += 1

    def values(self) -> dict[str, int]:
        """Return the counts so far, by the value of the label."""
        with self._lock:
            return dict(self._counts)


graphql_fallbacks = Counter(
    "graphql_fallbacks_total", "reason", "Operations that graphql-core ran, as they have no plan, by reason."
)
queues_unserved = Counter(
    "queues_unserved_total", "queue", "Looks of beat that found work in a queue which no living worker serves."
)
rest_answers = Counter("rest_answers_total", "status", "Answers of the REST API, by HTTP status.")
