"""Events: written in the transaction of the change, delivered by the relay at least once and in order per object.

An operation calls `outbox.publish(…)` or `outbox.publish_many(…)`; an upper app's `subscribers.py` calls
`outbox.subscribe(pattern, handler)`.
"""

from commerce.outbox.operations import NewEvent, publish, publish_many
from commerce.outbox.pressure import wait_for_room
from commerce.outbox.registry import EventRecord, subscribe, subscribe_batch

__all__ = ["EventRecord", "NewEvent", "publish", "publish_many", "subscribe", "subscribe_batch", "wait_for_room"]
