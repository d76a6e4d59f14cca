"""The workers and beat: `celery -A commerce.celery worker --queues default,webhooks` (docs/workers.md).

The truth is in PostgreSQL: the broker only wakes workers, and nobody waits for a result. Tasks are idempotent, for
each may run twice: it is acknowledged when it has ended, and comes back when its worker was killed. Whatever is to
happen later than in a few minutes is a row with a time, not a message with one (fact 51).
"""

import os
from collections.abc import Iterator
from typing import Any

from celery import Celery, signals
from django.conf import settings
from django.core import checks
from django.db import close_old_connections

from commerce.jobs import queues, transport
from commerce.jobs.schedule import Every

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "commerce.settings")

# The tasks that have no tenant, and why not.
PLATFORM_TASKS = {
    "commerce.idempotency.tasks.prune": "visits every tenant, each in a scope of its own",
    "catalog.files.tasks.sweep_files": "finds the tenants with files to delete, as the relay's role",
    "catalog.files.tasks.forget_transfers": "finds the tenants with imports and exports, as the relay's role",
    "catalog.search.tasks.take_up": "finds the tenants with documents to write, as the relay's role",
    "commerce.jobs.tasks.forget_workers": "workers are no tenant's",
    "commerce.jobs.tasks.revive": "finds the silent jobs of all tenants, as the relay's role",
    "commerce.outbox.tasks.prune": "visits every tenant, each in a scope of its own",
    "commerce.webhooks.tasks.deliver": "delivers for all tenants in turns, as the relay's role",
    "commerce.webhooks.tasks.prune": "visits every tenant, each in a scope of its own",
    "commerce.webhooks.tasks.take_up_installations": "visits every tenant, each in a scope of its own",
}
VISIBILITY_TIMEOUT = settings.BROKER_VISIBILITY_TIMEOUT or queues.VISIBILITY_TIMEOUT
REDIS = {
    "visibility_timeout": VISIBILITY_TIMEOUT,
    # Look for what was lost every so many seconds, and each time (kombu: only every tenth time).
    "unacked_restore_interval": max(1, min(30, VISIBILITY_TIMEOUT // 20)),
    "unacked_restore_throttle": 1,
    "unacked_mutex_expire": 60,
    "socket_connect_timeout": 3,
    "socket_timeout": 10,
    "socket_keepalive": True,
}
SQS = {
    "visibility_timeout": VISIBILITY_TIMEOUT,
    "queue_name_prefix": settings.SQS_QUEUE_PREFIX,
    "polling_interval": settings.SQS_POLLING_INTERVAL,
    "wait_time_seconds": settings.SQS_WAIT,
    **({"region": settings.SQS_REGION} if settings.SQS_REGION else {}),
}

transport.install()
app = Celery("commerce", task_cls="commerce.db.tasks:Work")
app.conf.update(
    broker_url=settings.BROKER_URL,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options=SQS if settings.BROKER_URL.startswith("sqs:") else REDIS,
    # SQS has no place for the messages of celery's own remote control.
    worker_enable_remote_control=not settings.BROKER_URL.startswith("sqs:"),
    result_backend=None,
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    task_queues=queues.declared(),
    task_default_queue=queues.DEFAULT,
    task_routes=(queues.route,),
    task_annotations=[queues.QueueLimits()],
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    worker_max_tasks_per_child=1000,
    worker_max_memory_per_child=settings.WORKER_MEMORY * 1024,
    # Where REMAP_SIGTERM=SIGQUIT is set, as in our image.
    worker_soft_shutdown_timeout=settings.WORKER_STOP_PATIENCE,
    # What was running when the broker went away will be handed out again: two must not run at once.
    worker_cancel_long_running_tasks_on_connection_loss=True,
    worker_hijack_root_logger=False,
    timezone="UTC",
    beat_scheduler="commerce.jobs.schedule:SlotScheduler",
    beat_schedule={
        "forget-workers": {"task": "commerce.jobs.tasks.forget_workers", "schedule": Every(600)},
        "revive-jobs": {"task": "commerce.jobs.tasks.revive", "schedule": Every(60)},
        "prune-idempotency": {"task": "commerce.idempotency.tasks.prune", "schedule": Every(3600, offset=27 * 60)},
        "prune-webhooks": {"task": "commerce.webhooks.tasks.prune", "schedule": Every(3600, offset=37 * 60)},
        "take-up-installations": {
            "task": "commerce.webhooks.tasks.take_up_installations",
            "schedule": Every(600, offset=7 * 60),
        },
        "prune-outbox": {"task": "commerce.outbox.tasks.prune", "schedule": Every(3600, offset=17 * 60)},
        "sweep-files": {"task": "catalog.files.tasks.sweep_files", "schedule": Every(300, offset=41)},
        "forget-transfers": {"task": "catalog.files.tasks.forget_transfers", "schedule": Every(3600, offset=47 * 60)},
        "take-up-search": {"task": "catalog.search.tasks.take_up", "schedule": Every(60, offset=23)},
        "deliver-webhooks": {"task": "commerce.webhooks.tasks.deliver", "schedule": Every(5)},
    },
    # Celery's Django fixup otherwise closes a forked worker's connection and pool around every task.
    CELERY_DB_REUSE_MAX=1_000_000,
)
app.autodiscover_tasks()


@signals.task_prerun.connect
def _drop_broken_connections(**_: Any) -> None:
    """Give a task no connection that PostgreSQL has closed meanwhile."""
    close_old_connections()


@signals.worker_init.connect
def _show_signs_of_life(sender: Any, **_: Any) -> None:
    from commerce.jobs.heartbeats import Pulse

    app.steps["consumer"].add(Pulse)


@signals.worker_ready.connect
def _show_counts(**_: Any) -> None:
    from commerce.observability import metrics

    metrics.serve()


@signals.worker_process_init.connect
def _limit_memory(**_: Any) -> None:
    queues.limit_growth(settings.WORKER_MEMORY_GROWTH)


@signals.beat_init.connect
def _watch_queues(**_: Any) -> None:
    from commerce.jobs import watch
    from commerce.observability import metrics

    watch.start()
    metrics.serve()


@checks.register
def check_tasks(**_: Any) -> list[checks.CheckMessage]:
    """Report tasks that neither name their tenant nor say why not, and a schedule that two beats would not share."""
    return [checks.Error(fault, id="commerce.E010") for fault in _faults()]


def _faults() -> Iterator[str]:
    from commerce.jobs.checks import faults

    return faults(app, PLATFORM_TASKS)
