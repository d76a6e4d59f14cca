"""The workers' part of stored files: deleting what nothing names any longer."""

from celery import shared_task
from django.utils import timezone

from catalog import operations, transfers
from catalog.models import Export, Import, ReleasedFile, Upload
from commerce.db.scope import tenant_scope
from commerce.db.tasks import TenantWork, Work
from commerce.db.tenants import list_tenants_of


@shared_task(base=TenantWork, queue_name="bulk")
def delete_files(*, tenant_id: int) -> int:
    """Delete a tenant's files that no row names any longer; return how many. It may run twice."""
    return operations.delete_released(tenant_id=tenant_id)


@shared_task(base=Work, queue_name="webhooks")
def sweep_files() -> int:
    """Forget uploads whose time is over, and have those files deleted of which nobody was told.

    Returns of how many tenants. It is for the queue whose workers have the relay's role.
    """
    for tenant_id in list_tenants_of(Upload._meta.db_table):
        with tenant_scope(tenant_id):
            operations.forget_uploads(now=timezone.now())
    found = list_tenants_of(ReleasedFile._meta.db_table)
    for tenant_id in found:
        wake(tenant_id)
    return len(found)


@shared_task(base=Work, queue_name="webhooks")
def forget_transfers() -> int:
    """Forget imports and exports whose time is over, with their files; return how many.

    It is for the queue whose workers have the relay's role.
    """
    found = 0
    for tenant_id in sorted({*list_tenants_of(Import._meta.db_table), *list_tenants_of(Export._meta.db_table)}):
        with tenant_scope(tenant_id):
            found += transfers.forget(now=timezone.now())
    return found


def wake(tenant_id: int, *, after: float = 0.0) -> None:
    """Tell a worker that files of a tenant are to be deleted. Losing it loses nothing: beat has all looked at."""
    delete_files.apply_async(kwargs={"tenant_id": tenant_id}, countdown=after or None, retry=False)
