from datetime import timedelta

import pytest
from django.utils import timezone

from commerce import celery
from commerce.db.scope import tenant_scope
from commerce.db.tenants import list_tenant_ids
from commerce.outbox import tasks
from commerce.outbox.models import Event
from tests.outbox.conftest import new_event, publish


@pytest.fixture
def ten_days_later(monkeypatch):
    later = timezone.now() + timedelta(days=10)
    monkeypatch.setattr(tasks.timezone, "now", lambda: later)


def test_pruning_deletes_every_tenants_delivered_events_and_keeps_the_rest(
    tenant, other_tenant, make_relay, inbox, monkeypatch, ten_days_later
):
    monkeypatch.setattr(tasks, "BATCH", 2)
    monkeypatch.setattr(tasks, "list_tenant_ids", lambda: [tenant.id, other_tenant.id])
    inbox.fail = lambda event: event.object_version == 99
    publish(tenant, *(new_event() for _ in range(5)), new_event(version=99))
    publish(other_tenant, new_event())
    make_relay(first_delay=600).drain()

    assert tasks.prune() == 6

    with tenant_scope(tenant.id):
        assert [event.object_version for event in Event.objects.all()] == [99]
    with tenant_scope(other_tenant.id):
        assert not Event.objects.exists()


def test_the_days_are_a_setting(tenant, make_relay, settings, monkeypatch, ten_days_later):
    settings.OUTBOX_KEEP_DAYS = 11
    monkeypatch.setattr(tasks, "list_tenant_ids", lambda: [tenant.id])
    publish(tenant, new_event())
    make_relay().drain()
    assert tasks.prune() == 0
    with tenant_scope(tenant.id):
        assert Event.objects.count() == 1


def test_all_tenants_are_visited(tenant, other_tenant):
    assert {tenant.id, other_tenant.id} <= set(list_tenant_ids())


def test_beat_knows_its_tasks():
    celery.app.loader.import_default_modules()
    assert {entry["task"] for entry in celery.app.conf.beat_schedule.values()} <= celery.app.tasks.keys()
