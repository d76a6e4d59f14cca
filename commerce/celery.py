"""The workers and beat: `celery -A commerce.celery worker`.

The truth is in PostgreSQL: the broker only wakes workers, and nobody waits for a result. Tasks are idempotent, for
each may run twice: it is acknowledged when it has ended, and comes back when its worker was killed. Whatever is to
happen later than in a few minutes is a row with a time, not a message with one (fact 51).
"""

import os
from typing import Any

from celery import Celery, signals
from celery.schedules import crontab
from django.conf import settings
from django.db import close_old_connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "commerce.settings")

TIME_LIMIT = 600

app = Celery("commerce")
app.conf.update(
    broker_url=settings.REDIS_BROKER_URL,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={
        # Redis hands a message out again after so many seconds, so a task must have ended by then.
        "visibility_timeout": TIME_LIMIT + 300,
        "socket_connect_timeout": 3,
        "socket_timeout": 10,
        "socket_keepalive": True,
    },
    result_backend=None,
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    task_default_queue="default",
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_time_limit=TIME_LIMIT,
    task_soft_time_limit=TIME_LIMIT - 60,
    worker_prefetch_multiplier=1,
    worker_max_tasks_per_child=1000,
    # What was running when the broker went away will be handed out again: two must not run at once.
    worker_cancel_long_running_tasks_on_connection_loss=True,
    worker_hijack_root_logger=False,
    timezone="UTC",
    beat_schedule={
        "prune-outbox": {"task": "commerce.outbox.tasks.prune", "schedule": crontab(minute="17")},
    },
    # Celery's Django fixup otherwise closes a forked worker's connection and pool around every task.
    CELERY_DB_REUSE_MAX=1_000_000,
)
app.autodiscover_tasks()


@signals.task_prerun.connect
def _drop_broken_connections(**_: Any) -> None:
    """Give a task no connection that PostgreSQL has closed meanwhile."""
    close_old_connections()
