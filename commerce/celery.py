"""The workers and beat: `celery -A commerce.celery worker`."""

import os

from celery import Celery
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "commerce.settings")

app = Celery("commerce")
app.conf.update(
    broker_url=settings.REDIS_BROKER_URL,
    broker_connection_retry_on_startup=True,
    # The truth is in PostgreSQL: the broker only wakes workers, and nobody waits for a result.
    result_backend=None,
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_default_queue="default",
    task_time_limit=600,
    task_soft_time_limit=540,
    worker_prefetch_multiplier=1,
    worker_max_tasks_per_child=1000,
    worker_hijack_root_logger=False,
    timezone="UTC",
    beat_schedule={
        "sweep-outbox": {"task": "commerce.outbox.tasks.sweep", "schedule": 60.0},
    },
)
app.autodiscover_tasks()
