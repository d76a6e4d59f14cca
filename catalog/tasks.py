"""The catalogue's tasks."""

from celery import shared_task
from django.utils import timezone

from catalog import operations
from catalog.queries.files import is_released
from catalog.search.tasks import take_up, write_documents
from commerce.db.scope import tenant_scope
from commerce.db.tasks import TenantWork, Work
from commerce.outbox import queries as outbox_queries

__all__ = ["delete_files", "sweep_files", "take_up", "write_documents"]


@shared_task(base=TenantWork, queue_name="bulk")
def delete_files(*, tenant_id: int) -> int:
    """Delete a tenant's files that no row names any longer; return how many. It may run twice."""
    return operations.delete_released(tenant_id=tenant_id)


@shared_task(base=Work, queue_name="bulk")
def sweep_files() -> int:
    """Forget uploads whose time is over, and have those files deleted of which nobody was told; return of how many."""
    found = 0
    for tenant_id in outbox_queries.list_tenant_ids():
        with tenant_scope(tenant_id):
            operations.forget_uploads(now=timezone.now())
            is_waiting = is_released()
        if is_waiting:
            delete_files.apply_async(kwargs={"tenant_id": tenant_id}, retry=False)
            found += 1
    return found
