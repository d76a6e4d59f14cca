"""From events to deliveries: one statement for a batch, in the relay's own transaction and with its role."""

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from django.db import transaction

from commerce.db.tenants import RELAY
from commerce.outbox.registry import EventRecord
from commerce.webhooks.events import BY_TYPE

logger = logging.getLogger(__name__)

# Workers are told at most so often that there is something to send, and rarely while the broker is away. They look
# once more a while after they found nothing, and beat has them look besides.
WAKE_EVERY = 0.5
WAKE_AFTER_FAILURE = 5.0

# The events are few of many: found by their key, whatever the statistics say.
_BY_KEY = "SET LOCAL enable_hashjoin = {0}; SET LOCAL enable_mergejoin = {0}"

# A delivery's id begins with the milliseconds of its event's, like the version 7 of RFC 9562 that it is, so that the
# key finds the old ones.
INSERT_DELIVERIES = """
INSERT INTO webhooks_delivery (tenant_id, id, webhook_id, event_id, event_type, object_kind, object_id, object_version,
                               position, facts, actor, occurred_at)
SELECT e.tenant_id, (left(e.id::text, 15) || substr(gen_random_uuid()::text, 16))::uuid, w.id, e.id, n.name,
       e.object_kind, e.object_id, e.object_version, e.position, e.payload, e.actor, e.created_at
"""
# Whether a webhook w wants an event e of those that it asks for.
IS_WANTED = """
(w.channels = '[]' OR NOT e.payload ? 'channel_id' OR w.channels ? (e.payload ->> 'channel_id'))
AND NOT EXISTS (SELECT FROM jsonb_each(w.filters) f WHERE (f.value ? (e.payload ->> f.key)) IS NOT TRUE)
"""
_INSERT = f"""{INSERT_DELIVERIES}
FROM unnest(%s::integer[], %s::uuid[], %s::text[]) AS n (tenant_id, event_id, name)
JOIN webhooks_webhook w ON w.tenant_id = n.tenant_id AND w.is_active AND NOT w.is_sync
                           AND w.events ? n.name
JOIN outbox_event e ON e.tenant_id = n.tenant_id AND e.id = n.event_id
WHERE {IS_WANTED}
ON CONFLICT (tenant_id, webhook_id, event_id) DO NOTHING
"""


class FanOut:
    """Writes the deliveries of a batch of events, and calls `wake` once they are committed."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._next_wake = 0.0

    def __call__(self, cursor: Any, events: Sequence[EventRecord]) -> None:
        """Write a delivery for each webhook that wants one of these events, unless there is one."""
        if insert(cursor, events):
            transaction.on_commit(partial(self._tell), using=RELAY)

    def _tell(self) -> None:
        now = time.monotonic()
        if now < self._next_wake:
            return
        try:
            self._wake()
            self._next_wake = now + WAKE_EVERY
        except Exception as error:
            # The deliveries are there: workers find them when beat has them look.
            self._next_wake = time.monotonic() + WAKE_AFTER_FAILURE
            logger.warning("No worker could be told of deliveries: %s", error)


def insert(cursor: Any, events: Sequence[EventRecord]) -> int:
    """Write the deliveries of these events by a cursor of the relay's role, and return how many there were to write."""
    named = [(event.tenant_id, event.id, BY_TYPE[event.type].name) for event in events if event.type in BY_TYPE]
    if not named:
        return 0
    tenants, ids, names = (list(column) for column in zip(*named, strict=True))
    cursor.execute(_BY_KEY.format("off"))
    cursor.execute(_INSERT, [tenants, ids, names])
    count = int(cursor.rowcount)
    cursor.execute(_BY_KEY.format("on"))
    return count
