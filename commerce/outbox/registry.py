"""Who wants to hear of which events."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class EventRecord:
    """An event as a subscriber gets it. `id` is the same each time it is delivered: dedupe by it."""

    tenant_id: int
    id: UUID
    type: str
    object_kind: str
    object_id: UUID
    object_version: int
    payload: dict[str, Any]
    actor: str
    created_at: datetime
    attempts: int
    position: int = 0


Handler = Callable[[EventRecord], None]
BatchHandler = Callable[[Any, Sequence[EventRecord]], None]


class Subscriptions:
    """Handlers by pattern of event types."""

    def __init__(self) -> None:
        self._all: list[tuple[str, Handler]] = []
        self._by_type: dict[str, tuple[Handler, ...]] = {}
        self.batches: list[tuple[str, BatchHandler]] = []

    def subscribe(self, pattern: str, handler: Handler) -> None:
        """Call `handler` with every committed event whose type matches, as "catalog.product.*" or "*"."""
        self._all.append((pattern, handler))
        self._by_type.clear()

    def handlers(self, event_type: str) -> tuple[Handler, ...]:
        """Return the handlers of an event type, in the order in which they subscribed."""
        found = self._by_type.get(event_type)
        if found is None:
            found = tuple(handler for pattern, handler in self._all if fnmatchcase(event_type, pattern))
            self._by_type[event_type] = found
        return found

    def subscribe_batch(self, pattern: str, handler: BatchHandler) -> None:
        """Call `handler` once per batch with the matching events that were delivered in it."""
        self.batches.append((pattern, handler))


subscriptions = Subscriptions()


def subscribe(pattern: str, handler: Handler) -> None:
    """Have the relay call `handler` with every committed event whose type matches (`*` stands for any characters).

    Call it from an app's `subscribers.py`. A handler is called at least once per event and in order per object,
    outside any scope: it opens `tenant_scope(event.tenant_id)` for the rows it needs, is idempotent, and takes
    milliseconds; whatever takes longer it gives to a task. When it raises, the event is delivered again later,
    to all its handlers.
    """
    subscriptions.subscribe(pattern, handler)


def subscribe_batch(pattern: str, handler: BatchHandler) -> None:
    """Have the relay call `handler(cursor, events)` with the matching events of a batch, in its own transaction.

    What the handler writes by the cursor, as the relay's role, is committed together with the events' outcome:
    exactly once per event. It is called after the handlers of single events, with those events alone that they
    took. When it raises, the whole batch is rolled back, and the relay tries again.
    """
    subscriptions.subscribe_batch(pattern, handler)
