"""The queues, and what their tasks may take."""

import os
import resource
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kombu

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue, and the seconds that one of its tasks may take.

    After `soft` it is told (SoftTimeLimitExceeded), after `hard` its process is killed.
    """

    name: str
    soft: int
    hard: int


DEFAULT = "default"
QUEUES = {
    queue.name: queue
    for queue in (
        Queue("default", soft=100, hard=120),  # short work that somebody waits for
        Queue("webhooks", soft=100, hard=120),  # deliveries to other people's servers
        Queue("bulk", soft=1740, hard=1800),  # long work, which may wait
    )
}
# Seconds after which the broker takes a task for lost and hands it out again. One for all queues: any worker on Redis
# looks after what all of them hold.
VISIBILITY_TIMEOUT = max(queue.hard for queue in QUEUES.values()) + 300


def declared() -> list[kombu.Queue]:
    """Return the queues as Celery declares them: a worker without --queues takes from all."""
    return [kombu.Queue(name, exchange=kombu.Exchange(name), routing_key=name) for name in QUEUES]


def name_of(task: Any) -> str:
    """Return the name of a task's queue: `@shared_task(queue_name="bulk")`, "default" where it says nothing."""
    return getattr(task, "queue_name", DEFAULT)


def route(name: str, args: Any, kwargs: Any, options: Any, task: Any = None, **_: Any) -> dict[str, str]:
    """Send a task to its queue (`task_routes`)."""
    return {"queue": name_of(task)}


class QueueLimits:
    """Give each task the time limits of its queue, where it names none that are tighter (`task_annotations`)."""

    def annotate(self, task: Any) -> dict[str, Any]:
        """Return the attributes to set on a task's class."""
        queue = QUEUES.get(name_of(task))
        if queue is None:
            return {}
        return {
            "soft_time_limit": min(task.soft_time_limit or queue.soft, queue.soft),
            "time_limit": min(task.time_limit or queue.hard, queue.hard),
        }


def limit_growth(mib: int) -> None:
    """Let this process take so many MiB of addresses more than it has; a task that needs more gets a MemoryError."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * os.sysconf("SC_PAGE_SIZE") + mib * MIB
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
