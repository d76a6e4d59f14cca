"""The workers' part: writing what is due."""

import time

from celery import shared_task
from django.utils import timezone

from catalog.models import SearchPending
from catalog.search import pending, status
from commerce.db.scope import tenant_scope
from commerce.db.tasks import TenantWork, Work
from commerce.db.tenants import list_tenants_of

# Seconds after which a worker lets others have a turn.
LONGEST_TURN = 30.0
# And after which it looks again where another one was at work.
SOON = 0.2


@shared_task(base=TenantWork, queue_name="default")
def write_documents(*, tenant_id: int) -> int:
    """Write the documents of a tenant that are due, in short transactions; return how many changes were seen to.

    It may run twice: the second one leaves what is due to the first, and looks again a moment later.
    """
    done, started = 0, time.monotonic()
    while time.monotonic() - started < LONGEST_TURN:
        with tenant_scope(tenant_id):
            some = pending.write_some()
            if some == 0 and not status.recount_due(timezone.now()):
                return done
        done += some or 0
        if some is None:
            break
    wake(tenant_id, after=SOON)
    return done


def wake(tenant_id: int, *, after: float = 0.0) -> None:
    """Tell a worker that documents of a tenant are due. Losing it loses nothing: beat has all looked at."""
    write_documents.apply_async(kwargs={"tenant_id": tenant_id}, countdown=after or None, retry=False)


@shared_task(base=Work, queue_name="webhooks")
def take_up() -> int:
    """Have those documents written whose message was lost, of all tenants; return of how many tenants.

    It is for the queue whose workers have the relay's role.
    """
    found = list_tenants_of(SearchPending._meta.db_table)
    for tenant_id in found:
        wake(tenant_id)
    return len(found)
