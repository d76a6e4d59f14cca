"""The relay: claims committed events, calls their subscribers, marks them.

**Locks, not leases.** A batch is one transaction of the relay's role: it locks the rows, calls the handlers, writes
the outcomes and commits. A relay that is killed drops its locks with its connection, so that its events are claimed
by the next one at once, with the same ids; there is no lease to tune, to outlive or to let run out under a slow
handler, and an event costs one UPDATE, not two. The price is a transaction that lasts as long as its handlers:
a batch therefore starts no event after one second (`Options.budget`) and leaves the rest to the next, handlers only
hand on (a row, a task), and a handler that hangs loses its locks to idle_in_transaction_session_timeout (60 s). The
lock is FOR NO KEY UPDATE, which lets a handler's own transaction write rows whose foreign key is the event.

**Fairness.** Every tenant with due events has an equal share of a batch, which begins after the tenant where the last
one ended, and within the batch tenants take turns: neither a flood nor slow handlers of one tenant hold up another.

**Order.** An event is delivered only when its object's event before it is finished, or was finished just now in this
batch: relays that lock neighbouring events of one object skip what is not their turn. An event that fails waits
(`next_at`), and its object's later events are made to wait as long, so that a claim finds them behind it, and does
not find the same blocked events again and again.

**Batches.** What can be done for many events by one statement (the deliveries of webhooks) is done by handlers of
batches, in the relay's own transaction, so that it is committed with the events or not at all.
"""

import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextvars import Context
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from django.db import InterfaceError, OperationalError, connections, transaction

from commerce.db.scope import Scope, open_scope
from commerce.db.tenants import RELAY
from commerce.observability.metrics import outbox_events
from commerce.outbox import claims
from commerce.outbox.claims import Claimed, Failure, Outcome, Wait
from commerce.outbox.registry import EventRecord, Subscriptions, subscriptions
from commerce.stopping import StopFlag

logger = logging.getLogger("commerce.outbox.relay")

# Characters of a handler's error kept with the event.
LONGEST_ERROR = 2000


@dataclass(frozen=True, slots=True)
class Options:
    """How the relay works; times in seconds. An event is dead after `most_attempts`: as it stands, some eight hours."""

    batch_size: int = 500
    budget: float = 1.0
    most_attempts: int = 20
    first_delay: float = 1.0
    longest_delay: float = 3600.0
    busy_pause: float = 0.02
    idle_pause: float = 0.5


class Relay:
    """Delivers events until it is told to stop. Several may run at once, each in a process of its own."""

    def __init__(self, *, subscribers: Subscriptions = subscriptions, options: Options | None = None) -> None:
        self.subscribers = subscribers
        self.options = options or Options()
        self._stop = StopFlag()
        self._after = 0

    def stop(self) -> None:
        """Have `run` finish the batch at hand and return; safe in a signal handler."""
        self._stop.set()

    def run(
        self, *, on_ready: Callable[[], None] = lambda: None, on_turn: Callable[[int], None] = lambda finished: None
    ) -> None:
        """Deliver events as they come, until `stop`; `on_ready` is called after the first batch.

        `on_turn` is called after each batch with the number of events finished so far, and may raise what PostgreSQL
        raises.

        Goes on at once while batches are full, polls every 20 ms while there are events, and ever less often,
        down to twice a second, while there are none. Outlives PostgreSQL's absence; any other error ends it.
        """
        pause, is_ready, is_away, finished = self.options.busy_pause, False, False, 0
        while not self._stop.is_set():
            try:
                outcome = self.run_once()
                finished += len(outcome.done)
                on_turn(finished)
            except (OperationalError, InterfaceError) as error:
                if not is_away:
                    logger.warning("PostgreSQL does not answer; trying until it does: %s", error)
                outcome, is_away = Outcome(), True
            else:
                if is_away:
                    logger.warning("PostgreSQL answers again.")
                if not is_ready:
                    on_ready()
                is_ready, is_away = True, False
            if outcome.moved and outcome.is_full:
                continue
            pause = self.options.busy_pause if outcome.moved else min(pause * 1.5, self.options.idle_pause)
            self._stop.wait(pause * random.uniform(0.8, 1.2))  # noqa: S311  it keeps relays out of step, no more

    def drain(self) -> int:
        """Deliver until nothing is due, and return how many events were finished. Raises what PostgreSQL raises."""
        finished = 0
        while not self._stop.is_set():
            outcome = self.run_once()
            finished += len(outcome.done)
            if not outcome.moved:
                break
        return finished

    def run_once(self) -> Outcome:
        """Deliver one batch in one transaction and return what became of it."""
        try:
            with open_scope(Scope(tenant_id=None, alias=RELAY)):
                batch = claims.claim(after=self._after, size=self.options.batch_size)
                outcome = self._deliver(batch)
                self._deliver_whole(outcome)
                claims.record(outcome)
        finally:
            _close_broken_connections()
        outbox_events.add("delivered", len(outcome.done))
        outbox_events.add("failed", len(outcome.failed))
        for (_, event, *_), error, _, is_dead in outcome.failed:
            if is_dead:
                logger.error("Event %s (%s) of tenant %s is dead: %s", event.id, event.type, event.tenant_id, error)
        return outcome

    def _deliver(self, batch: Sequence[Claimed]) -> Outcome:
        outcome = Outcome(is_full=_is_full(batch, self.options.batch_size))
        finished: set[str] = set()
        due: dict[str, datetime] = {}
        started = time.monotonic()
        for claimed in batch:
            elapsed = time.monotonic() - started
            if elapsed > self.options.budget:
                outcome.is_full = True
                break
            event = claimed.event
            self._after = event.tenant_id
            if claimed.previous is not None and claimed.previous not in finished:
                behind = due.get(claimed.previous, claimed.previous_next_at)
                if behind is not None and behind > claimed.next_at:
                    due[claimed.place] = behind
                    outcome.waiting.append(Wait(claimed, behind))
                continue
            error = self._call(event)
            if error is None:
                finished.add(claimed.place)
                outcome.done.append(claimed)
                continue
            failure = self._failure(claimed, error, claimed.claimed_at + timedelta(seconds=elapsed))
            outcome.failed.append(failure)
            due[claimed.place] = failure.next_at
            if failure.is_dead:
                finished.add(claimed.place)
        return outcome

    def _deliver_whole(self, outcome: Outcome) -> None:
        """Call the handlers of batches with what was delivered; what they cannot take fails, tenant by tenant."""
        if not self.subscribers.batches or not outcome.done:
            return
        try:
            self._call_batch(outcome.done)
            return
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            logger.warning("A batch failed as a whole, trying it tenant by tenant: %s", error)
        by_tenant: dict[int, list[Claimed]] = {}
        for claimed in outcome.done:
            by_tenant.setdefault(claimed.event.tenant_id, []).append(claimed)
        outcome.done = []
        for share in by_tenant.values():
            try:
                self._call_batch(share)
                outcome.done += share
            except (OperationalError, InterfaceError):
                raise
            except Exception as error:
                logger.warning("Events of tenant %s failed", share[0].event.tenant_id, exc_info=True)
                told = f"{type(error).__name__}: {error}".replace("\0", "")[:LONGEST_ERROR]
                outcome.failed += [self._failure(claimed, told, claimed.claimed_at) for claimed in share]

    def _call_batch(self, batch: Sequence[Claimed]) -> None:
        """Call the handlers of batches, within a savepoint."""
        with transaction.atomic(using=RELAY), connections[RELAY].cursor() as cursor:
            for pattern, handler in self.subscribers.batches:
                if events := [claimed.event for claimed in batch if fnmatchcase(claimed.event.type, pattern)]:
                    handler(cursor, events)

    def _call(self, event: EventRecord) -> str | None:
        """Call the event's handlers, each in an empty context, which has no scope; return what went wrong."""
        for handler in self.subscribers.handlers(event.type):
            try:
                Context().run(handler, event)
            except Exception as error:
                name = f"{handler.__module__}.{getattr(handler, '__qualname__', type(handler).__qualname__)}"
                # Once with its traceback; the retries need one line.
                logger.warning(
                    "%s failed on event %s (%s): %s", name, event.id, event.type, error, exc_info=not event.attempts
                )
                _close_broken_connections()
                return f"{name}: {type(error).__name__}: {error}".replace("\0", "")[:LONGEST_ERROR]
        return None

    def _failure(self, claimed: Claimed, error: str, now: datetime) -> Failure:
        """Return what to write of a failed event: the wait doubles, is bounded, and up to half longer or shorter."""
        attempts = claimed.event.attempts + 1
        seconds = min(self.options.first_delay * 2 ** min(attempts - 1, 30), self.options.longest_delay)
        delay = timedelta(seconds=seconds * random.uniform(0.5, 1.5))  # noqa: S311  no secret
        return Failure(claimed, error, now + delay, is_dead=attempts >= self.options.most_attempts)


def _is_full(batch: Sequence[Claimed], size: int) -> bool:
    """Say whether some tenant filled its share, so that more of its events are probably due."""
    counts = Counter(claimed.event.tenant_id for claimed in batch)
    return bool(counts) and max(counts.values()) >= max(1, size // len(counts))


def _close_broken_connections() -> None:
    """Let go of connections on which something failed, the handlers' own included, if they are of no more use."""
    for connection in connections.all(initialized_only=True):
        if connection.errors_occurred and not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
