"""The workers' and beat's work on deliveries."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from celery import shared_task
from django.conf import settings
from django.db import connections
from django.utils import timezone

from commerce.db.scope import tenant_scope
from commerce.db.tasks import TenantWork, Work
from commerce.db.tenants import RELAY, list_tenant_ids
from commerce.webhooks import installing, operations, owners
from commerce.webhooks.delivering import Deliverer, Options
from tenants import queries as tenant_queries

__all__ = ["deliver", "install_app", "owners", "prune", "take_up_installations", "wake"]  # owners has a job

BATCH = 5_000
# Seconds after which a message that says "there is work" is no news any more: another one has been sent since.
STALE = 5


@shared_task(base=Work, queue_name="webhooks", expires=STALE)
def deliver() -> int:
    """Deliver what is due, of all tenants, for some seconds; return how much was sent.

    It may run any number of times at once. Raises RuntimeError where DATABASE_RELAY_URL is not set.
    """
    if RELAY not in connections:
        raise RuntimeError("DATABASE_RELAY_URL is not set: a worker of the queue webhooks needs it to find deliveries.")
    options = Options.from_settings()
    deliverer = Deliverer(options)
    sent = deliverer.run()
    if deliverer.has_more:
        wake()
    return sent


def wake() -> None:
    """Tell a worker that something is due. Losing it loses nothing: beat has one look every few seconds."""
    deliver.apply_async(retry=False)


@shared_task(base=Work, queue_name="bulk")
def prune() -> int:
    """Delete old deliveries with their attempts, in short transactions per tenant; return how many.

    Delivered ones go after WEBHOOK_KEEP_DAYS (default 7). Dead ones, and those that wait for a paused webhook, go after
    WEBHOOK_KEEP_DEAD_DAYS (default 30).
    """
    now = timezone.now()
    limits: dict[str, Any] = {
        "before": now - timedelta(days=settings.WEBHOOK_KEEP_DAYS),
        "dead_before": now - timedelta(days=settings.WEBHOOK_KEEP_DEAD_DAYS),
    }
    deleted = 0
    for tenant_id in list_tenant_ids():
        batch = BATCH
        while batch == BATCH:
            with tenant_scope(tenant_id):
                batch = operations.delete_old_deliveries(**limits, at_most=BATCH)
            deleted += batch
    return deleted


# How long an installation may wait for the worker that was told of it, before beat tells another one.
WAITS = timedelta(minutes=4)


@shared_task(base=TenantWork, queue_name="default")
def install_app(*, tenant_id: int, installation_id: str) -> str:
    """Install an app that was ordered, and return how it ended. It may run twice."""
    return installing.install(tenant_id=tenant_id, installation_id=UUID(installation_id), now=timezone.now()).status


@shared_task(base=Work, queue_name="bulk")
def take_up_installations() -> int:
    """Have those installations done whose message was lost, or whose worker was killed; return how many."""
    before = timezone.now() - WAITS
    found = 0
    for tenant_id in list_tenant_ids():
        with tenant_scope(tenant_id, read_only=True):
            waiting = tenant_queries.list_waiting_installations(before)
        for installation_id in waiting:
            install_app.delay(tenant_id=tenant_id, installation_id=str(installation_id))
        found += len(waiting)
    return found
