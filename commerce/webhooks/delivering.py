"""The worker's part: claims what is due, sends it in threads, writes down what came of it.

**At least once.** A delivery is written off after its answer has come, in a transaction of its own. A worker killed in
between leaves it leased; once the lease is over the next one sends it again, with the same event id and the same bytes.

**Fair.** One claim shares its places out over tenants, and one tenant, or one webhook, holds no more than a part of the
threads, so that receivers that hang do not keep others waiting.

**No transaction around the network**: claims, payloads and reports are short transactions of this module's one thread;
the threads of the pool sign and send, and touch no database.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from commerce.db.scope import tenant_scope
from commerce.observability.metrics import webhook_deliveries, webhooks_paused
from commerce.stopping import StopFlag
from commerce.webhooks import claims, keys, operations, queries, retries, subscriptions
from commerce.webhooks.claims import Ailing, Claimed, Health, Limits, Report
from commerce.webhooks.events import EVENTS
from commerce.webhooks.payloads import make_plain_payload
from commerce.webhooks.queries import Endpoint
from commerce.webhooks.retries import Verdict
from commerce.webhooks.sending import Kind, Outgoing, SendError, Timeouts, allow_list, send
from commerce.webhooks.signing import Key, delivery_headers, sign, sign_with_secret
from commerce.webhooks.subscriptions import CannotRun, NothingSelected, Order, Recipient

logger = logging.getLogger("commerce.webhooks")

# Characters of an error kept with a delivery.
LONGEST_ERROR = 500


@dataclass(frozen=True, slots=True)
class Options:
    """How a worker delivers; times in seconds.

    It starts nothing after `budget`, and ends once it found nothing to do for `linger`. `lease` is longer than a
    sending can take (`timeouts`), including what waits before it. `kept` is how long a webhook's address and headers
    are used before they are read again. A webhook is paused whose endpoint fails for `pause_after`, or of which as many
    deliveries died in a row as `health.most_dead` says.
    """

    threads: int = 16
    budget: float = 10.0
    linger: float = 1.0
    poll: float = 0.05
    lease: float = 60.0
    kept: float = 5.0
    timeouts: Timeouts = field(default_factory=Timeouts)
    health: Health = field(default_factory=Health)
    pause_after: timedelta = timedelta(days=3)

    @classmethod
    def from_settings(cls) -> "Options":
        """Return the options that the settings ask for."""
        return cls(
            threads=settings.WEBHOOK_THREADS,
            budget=settings.WEBHOOK_BUDGET,
            lease=settings.WEBHOOK_LEASE,
            health=Health(first_wait=settings.WEBHOOK_SLOWED_WAIT, most_dead=settings.WEBHOOK_PAUSE_AFTER_DEAD),
            pause_after=timedelta(hours=settings.WEBHOOK_PAUSE_AFTER_HOURS),
        )


class Ready(NamedTuple):
    """A delivery with all that its sending takes. Without a `key`, the endpoint's secret signs."""

    claimed: Claimed
    endpoint: Endpoint
    body: bytes
    key: Key | None
    api_url: str


class _Kept(NamedTuple):
    """An endpoint until it is read again, and where it has a query, for whom that runs."""

    endpoint: Endpoint | None
    recipient: Recipient | None
    until: float


class Deliverer:
    """Delivers what is due, of all tenants, in one process. Any number of processes may do so at once."""

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()
        self._stop = StopFlag()
        self._after = 0
        self._endpoints: dict[UUID, _Kept] = {}
        # Whether `run` ended because its budget was spent.
        self.has_more = False

    def stop(self) -> None:
        """Have `run` start nothing more; safe in a signal handler."""
        self._stop.set()

    def run(self) -> int:
        """Deliver until nothing is due or the budget is spent; return how many were sent, with whatever success."""
        ends = time.monotonic() + self.options.budget
        idle_since: float | None = None
        held: dict[Future[Report], Claimed] = {}
        sent = 0
        with ThreadPoolExecutor(self.options.threads, thread_name_prefix="webhooks") as pool:
            while True:
                may_start = not self._stop.is_set() and time.monotonic() < ends
                moved = may_start and self._start(pool, held)
                if held:
                    idle_since = None
                    sent += self._finish(held)
                elif not may_start:
                    self.has_more = True
                    return sent
                elif not moved:
                    idle_since = idle_since or time.monotonic()
                    if time.monotonic() - idle_since >= self.options.linger:
                        return sent
                    self._stop.wait(self.options.poll)

    def _start(self, pool: ThreadPoolExecutor, held: dict[Future[Report], Claimed]) -> bool:
        """Claim as much as there are threads for and have it sent; return whether anything was moved."""
        free = self.options.threads - len(held)
        if free <= 0:
            return False
        limits = Limits(free, max(1, self.options.threads // 2), max(1, self.options.threads // 2))
        lease = timedelta(seconds=self.options.lease)
        batch = claims.claim(after=self._after, limits=limits, held=held.values(), lease=lease)
        if batch.claims:
            self._after = batch.claims[-1].tenant_id
        reports: list[Report] = []
        for ready in self._prepare(batch.claims, reports.append):
            held[pool.submit(deliver, ready, self.options.timeouts)] = ready.claimed
        self._record(reports)
        return batch.moved

    def _finish(self, held: dict[Future[Report], Claimed]) -> int:
        """Write down what has come back within a moment, and return how much."""
        wait_for(held, timeout=0.02, return_when=FIRST_COMPLETED)
        done, _ = wait_for(held, timeout=0.004)  # what comes together is written down together
        self._record([future.result() for future in done])
        for future in done:
            del held[future]
        return len(done)

    def _prepare(self, batch: Sequence[Claimed], report: Callable[[Report], None]) -> Iterable[Ready]:
        """Yield what can be sent; report what cannot."""
        self._read_endpoints(batch)
        allowed: list[tuple[Claimed, Endpoint]] = []
        for claimed in batch:
            endpoint = self._endpoints[claimed.webhook_id].endpoint
            if endpoint is None or (told := _obstacle(claimed, endpoint)):
                told = "The webhook is gone." if endpoint is None else told
                report(Report(claimed, "skipped", None, told, is_tried=False, began=timezone.now()))
            else:
                allowed.append((claimed, endpoint))
        selected = self._select(allowed)
        for claimed, endpoint in allowed:
            now = timezone.now()
            try:
                key = None if endpoint.secret else keys.signing_key(claimed.tenant_id, now)
                body = self._body(claimed, endpoint, selected)
            except Exception as error:
                report(_unmade(claimed, error, now))
                continue
            if body is not None:
                yield Ready(claimed, endpoint, body, key, settings.WEBHOOK_API_URL.format(host=endpoint.host))

    def _select(self, allowed: Sequence[tuple[Claimed, Endpoint]]) -> dict[UUID, bytes | Exception]:
        """Return the bodies that subscription queries make now, by delivery."""
        orders: dict[int, list[Order]] = {}
        for claimed, endpoint in allowed:
            recipient = self._endpoints[claimed.webhook_id].recipient
            if endpoint.query and claimed.body is None and recipient is not None:
                orders.setdefault(claimed.tenant_id, []).append(Order(claimed, endpoint.query, recipient))
        made: dict[UUID, bytes | Exception] = {}
        for tenant_id, wanted in orders.items():
            try:
                made.update(subscriptions.make_bodies(tenant_id, wanted))
            except Exception as error:
                made.update((order.delivery.id, error) for order in wanted)
        return made

    def _body(self, claimed: Claimed, endpoint: Endpoint, selected: Mapping[UUID, bytes | Exception]) -> bytes | None:
        """Return what is to be sent, None if another worker has the delivery by now. Raises what hindered making it."""
        if claimed.body is not None:
            return claimed.body
        if not endpoint.query:
            return make_plain_payload(claimed, public_id=endpoint.public_id)
        body = selected.get(claimed.id)
        if isinstance(body, Exception):
            raise body
        return body

    def _read_endpoints(self, batch: Sequence[Claimed]) -> None:
        now = time.monotonic()
        wanted: dict[int, set[UUID]] = {}
        for claimed in batch:
            kept = self._endpoints.get(claimed.webhook_id)
            if kept is None or kept.until < now:
                wanted.setdefault(claimed.tenant_id, set()).add(claimed.webhook_id)
        if len(self._endpoints) > 10_000:
            self._endpoints = {id_: kept for id_, kept in self._endpoints.items() if kept.until >= now}
        for tenant_id, webhook_ids in wanted.items():
            with tenant_scope(tenant_id):
                found = queries.list_endpoints(list(webhook_ids))
                recipients = _recipients(found.values())
            for webhook_id in webhook_ids:
                until = now + self.options.kept
                self._endpoints[webhook_id] = _Kept(found.get(webhook_id), recipients.get(webhook_id), until)

    def _record(self, reports: Sequence[Report]) -> None:
        ailing = claims.record(reports, self.options.health)
        for report in reports:
            claimed = report.claimed
            webhook_deliveries.add("retried" if report.status == "pending" else report.status)
            if report.status == "dead":
                logger.warning("Delivery %s of tenant %s is dead: %s", claimed.id, claimed.tenant_id, report.error)
            if report.code == retries.GONE:
                self._pause(claimed.tenant_id, claimed.webhook_id, "The receiver answered 410 Gone.", "gone")
        for webhook in ailing:
            self._pause_if_hopeless(webhook)

    def _pause_if_hopeless(self, webhook: Ailing) -> None:
        most = self.options.health.most_dead
        since = f"{webhook.failing_since:%Y-%m-%d %H:%M} UTC"
        if most and webhook.dead >= most:
            reason = f"The last {most} deliveries are dead, and none has succeeded since {since}."
            self._pause(webhook.tenant_id, webhook.webhook_id, reason, "dead")
        elif webhook.state == "slowed" and timezone.now() - webhook.failing_since >= self.options.pause_after:
            told = f"No delivery has succeeded since {since}."
            self._pause(webhook.tenant_id, webhook.webhook_id, told, "failing")

    def _pause(self, tenant_id: int, webhook_id: UUID, reason: str, word: str) -> None:
        with tenant_scope(tenant_id):
            if operations.pause_webhook(webhook_id=webhook_id, reason=reason):
                webhooks_paused.add(word)


def _recipients(endpoints: Iterable[Endpoint]) -> dict[UUID, Recipient]:
    """Return for whom the queries of a tenant's webhooks run."""
    asking = {one.webhook_id: one.app_id for one in endpoints if one.query and one.app_id is not None}
    host = next((one.host for one in endpoints), "")
    origin = subscriptions.origin_of(settings.WEBHOOK_API_URL.format(host=host))
    return subscriptions.list_recipients(asking, origin)


def _obstacle(claimed: Claimed, endpoint: Endpoint) -> str:
    """Return why a delivery may not be sent, or nothing."""
    if not endpoint.is_active:
        return "The app or its webhook is not active."
    event = EVENTS.get(claimed.event_type)
    if event is not None and event.permission not in endpoint.permissions:
        return f"The app does not have the permission {event.permission}."
    return ""


def deliver(ready: Ready, timeouts: Timeouts) -> Report:
    """Sign and send a delivery, and return what came of it. No database; raises nothing."""
    claimed, endpoint = ready.claimed, ready.endpoint
    began, clock = timezone.now(), time.monotonic()
    try:
        request = _request(ready)
        answer = send(request, timeout=timeouts, allow=allow_list(endpoint.allowed_targets))
    except SendError as error:
        verdict = retries.judge(None, is_refused=error.kind == Kind.ADDRESS)
        return _report(claimed, verdict, began, clock, error=str(error))
    except Exception as error:
        logger.warning("Delivery %s to %s failed", claimed.id, endpoint.webhook_id, exc_info=True)
        return _report(claimed, Verdict.AGAIN, began, clock, error=f"It could not be sent: {type(error).__name__}.")
    verdict = retries.judge(answer.status)
    after = retries.asked_wait(answer.status, answer.retry_after, timezone.now())
    told = "" if verdict is Verdict.DONE else _told(answer.status)
    report = _report(claimed, verdict, began, clock, error=told, after=after)
    return report._replace(code=answer.status, length=answer.length, content_type=answer.content_type[:200])


def _request(ready: Ready) -> Outgoing:
    claimed, endpoint = ready.claimed, ready.endpoint
    signature = sign_with_secret(ready.body, endpoint.secret) if ready.key is None else sign(ready.body, ready.key)
    event = EVENTS[claimed.event_type].header if claimed.event_type in EVENTS else claimed.event_type
    named = delivery_headers(event=event, api_url=ready.api_url, signature=signature)
    ids = {"X-Event-Id": str(claimed.event_id), "X-Delivery-Attempt": str(claimed.attempts + 1)}
    return Outgoing(endpoint.target_url, {**endpoint.custom_headers, **ids, **named}, ready.body)


def _report(
    claimed: Claimed, verdict: Verdict, began: datetime, clock: float, *, error: str, after: float | None = None
) -> Report:
    now = timezone.now()
    since = claimed.tried_since or began
    then = retries.decide(verdict, attempts=claimed.attempts + 1, since=since, now=now, at_least=after)
    duration = round((time.monotonic() - clock) * 1000)
    is_endpoints = verdict in (Verdict.AGAIN, Verdict.GONE)
    report = Report(claimed, then.status, then.at, error[:LONGEST_ERROR], True, began, duration_ms=duration)
    return report._replace(counts=is_endpoints, after=after)


def _unmade(claimed: Claimed, error: Exception, now: datetime) -> Report:
    """Return the report of a delivery that could not be made ready; the cause is not the endpoint's."""
    if isinstance(error, NothingSelected | CannotRun):
        status = "skipped" if isinstance(error, NothingSelected) else "dead"
        return Report(claimed, status, None, error.message[:LONGEST_ERROR], is_tried=False, began=now)
    logger.warning("Delivery %s of tenant %s failed", claimed.id, claimed.tenant_id, exc_info=error)
    since = claimed.tried_since or now
    after = retries.decide(Verdict.AGAIN, attempts=claimed.attempts + 1, since=since, now=now)
    told = f"The delivery could not be made: {type(error).__name__}."
    return Report(claimed, after.status, after.at, told, is_tried=True, began=now, counts=False)


def _told(status: int) -> str:
    return f"The receiver answered {status}."
