"""Beat looks whether each queue's tasks are taken: a queue without a worker cannot tell of it."""

import logging
import threading

from django.conf import settings
from django.db import Error, close_old_connections, connections

from commerce.jobs import broker, heartbeats
from commerce.observability.metrics import queues_unserved

logger = logging.getLogger(__name__)

# Heartbeats of workers between two looks.
EVERY = 3


def look() -> list[str]:
    """Log and count the silent workers, and the queues in which work waits and which no living worker serves.

    Returns the latter. Raises BrokerUnavailable, or what PostgreSQL raises.
    """
    workers = heartbeats.list_workers()
    for worker in workers:
        if worker.is_silent:
            logger.error(
                "The worker %s has been silent for %d s (queues: %s).",
                worker.name,
                worker.age.total_seconds(),
                ", ".join(worker.queues),
            )
    served = {queue for worker in workers if not worker.is_silent for queue in worker.queues}
    unserved = [name for name, depth in broker.depths().items() if depth.waiting and name not in served]
    for name in unserved:
        queues_unserved.add(name)
        logger.error("Work waits in the queue %s, and no living worker serves it: start one (docs/workers.md).", name)
    return unserved


def start() -> None:
    """Look every third heartbeat, in a thread, for as long as this process lives."""
    threading.Thread(target=_run, name="watch", daemon=True).start()


def _run() -> None:
    pause = threading.Event()
    while not pause.wait(EVERY * settings.WORKER_HEARTBEAT):
        try:
            close_old_connections()
            look()
        except (broker.BrokerUnavailable, Error) as error:
            logger.warning("Whether the queues are served is unknown: %s", error)
            connections["default"].close()
        except Exception:
            logger.exception("Whether the queues are served is unknown")
