"""Beat's own work."""

from celery import shared_task

from commerce.jobs import heartbeats


@shared_task
def forget_workers() -> int:
    """Delete the rows of workers that have been silent for an hour."""
    return heartbeats.forget()
