"""Beat's own work, and the task that does a tenant's job."""

from uuid import UUID

from celery import shared_task
from django.db import connections

from commerce.db.tasks import TenantWork, Work
from commerce.db.tenants import RELAY
from commerce.jobs import heartbeats, jobs


@shared_task(base=TenantWork, queue_name="bulk")
def run(*, tenant_id: int, job_id: str) -> None:
    """Do a tenant's job (`jobs.start`)."""
    jobs.run(tenant_id, UUID(job_id))


@shared_task(base=Work, queue_name="webhooks")
def revive() -> int:
    """Have the jobs of workers that died go on, and those whose message was lost begin; return how many.

    It is for the queue whose workers have the relay's role. Raises RuntimeError where DATABASE_RELAY_URL is not set.
    """
    if RELAY not in connections:
        raise RuntimeError(
            "DATABASE_RELAY_URL is not set: a worker of the queue webhooks needs it to find silent jobs."
        )
    return len(jobs.revive())


@shared_task(base=Work)
def forget_workers() -> int:
    """Delete the rows of workers that have been silent for an hour."""
    return heartbeats.forget()
