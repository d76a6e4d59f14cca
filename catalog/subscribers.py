"""What the catalogue hears of."""

import logging
import time

from catalog.files import tasks as files
from catalog.search import pending, tasks
from commerce.outbox import EventRecord, subscribe

logger = logging.getLogger(__name__)
# Events after which a file may be named no longer.
RELEASING = (
    *(f"catalog.{word}.deleted" for word in ("product", "media", "category", "collection", "attribute_value")),
    *(f"catalog.{word}.updated" for word in ("media", "category", "collection", "attribute_value")),
)
# Seconds between two messages for one tenant: what is written down meanwhile, beat has looked at.
PAUSE = 5.0
_told: dict[int, float] = {}


def _write_documents(event: EventRecord) -> None:
    tasks.wake(event.tenant_id)


subscribe(pending.DUE, _write_documents)


def _delete_files(event: EventRecord) -> None:
    """Have a worker look what is to be deleted; losing the message costs time, so that a broker may be away."""
    now = time.monotonic()
    if now - _told.get(event.tenant_id, -PAUSE) < PAUSE:
        return
    if len(_told) > 10_000:
        _told.clear()
    _told[event.tenant_id] = now
    try:
        files.wake(event.tenant_id, after=1.0)
    except Exception:
        logger.warning("No worker was told of files to be deleted; beat finds them.", exc_info=True)


for releasing in RELEASING:
    subscribe(releasing, _delete_files)
