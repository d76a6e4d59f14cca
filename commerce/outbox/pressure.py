"""Back-pressure: whoever writes in bulk waits while the shop's own events pile up.

Other shops are not concerned: the relay serves tenants in turns, and a shop waits for its own backlog alone.
"""

import logging
import time

from django.conf import settings

from commerce.outbox import queries

logger = logging.getLogger(__name__)

POLL = 0.25


def wait_for_room(tenant_id: int) -> float:
    """Wait while OUTBOX_BACKLOG of the tenant's events or more are undelivered; return the seconds waited.

    Call it outside a scope, between two batches of a bulk write. After OUTBOX_BACKLOG_WAIT seconds it returns all the
    same: without a relay, bulk work becomes slow, and does not stand still.
    """
    most, began = settings.OUTBOX_BACKLOG, time.monotonic()
    while queries.count_pending(tenant_id, at_most=most) >= most:
        waited = time.monotonic() - began
        if waited >= settings.OUTBOX_BACKLOG_WAIT:
            logger.warning("Tenant %s has %d undelivered events or more: its bulk work is slow.", tenant_id, most)
            return waited
        time.sleep(POLL)
    return time.monotonic() - began
