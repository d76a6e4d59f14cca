"""Beat's work on the outbox."""

from datetime import timedelta
from uuid import UUID

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from commerce.db.scope import tenant_scope
from commerce.db.tasks import Work
from commerce.db.tenants import list_tenant_ids
from commerce.outbox import operations

BATCH = 5_000


@shared_task(base=Work, queue_name="bulk")
def prune() -> int:
    """Delete the events delivered more than OUTBOX_KEEP_DAYS (default 7) ago, in short transactions per tenant.

    Dead events stay until somebody has seen to them. Returns how many were deleted.
    """
    before = timezone.now() - timedelta(days=settings.OUTBOX_KEEP_DAYS)
    deleted = 0
    for tenant_id in list_tenant_ids():
        batch, last = BATCH, UUID(int=0)
        while batch == BATCH:
            with tenant_scope(tenant_id):
                batch, last = operations.delete_delivered_events(before=before, at_most=BATCH, after=last)
            deleted += batch
    return deleted
