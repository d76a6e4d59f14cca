"""Beat's own work, and the task that does a tenant's job."""

from uuid import UUID

from celery import shared_task

from commerce.db.tasks import TenantWork, Work
from commerce.jobs import heartbeats, jobs


@shared_task(base=TenantWork, queue_name="bulk")
def run(*, tenant_id: int, job_id: str) -> None:
    """Do a tenant's job (`jobs.start`)."""
    jobs.run(tenant_id, UUID(job_id))


@shared_task(base=Work)
def revive() -> int:
    """Have the jobs of workers that died go on, and those whose message was lost begin; return how many."""
    return sum(len(jobs.revive(tenant_id)) for tenant_id in jobs.list_tenant_ids())


@shared_task(base=Work)
def forget_workers() -> int:
    """Delete the rows of workers that have been silent for an hour."""
    return heartbeats.forget()
