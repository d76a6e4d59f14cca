"""Beat's work on keys."""

from celery import shared_task
from django.utils import timezone

from commerce.db.scope import tenant_scope
from commerce.db.tasks import Work
from commerce.db.tenants import list_tenant_ids
from commerce.idempotency import operations

BATCH = 5_000


@shared_task(base=Work, queue_name="bulk")
def prune() -> int:
    """Forget the keys that came more than a day ago, in short transactions per tenant. Returns how many."""
    before = timezone.now() - operations.KEEP
    deleted = 0
    for tenant_id in list_tenant_ids():
        batch = BATCH
        while batch == BATCH:
            with tenant_scope(tenant_id):
                batch = operations.prune(before=before, at_most=BATCH)
            deleted += batch
    return deleted
