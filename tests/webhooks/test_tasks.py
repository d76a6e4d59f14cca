import pytest
from django.db import connections

from commerce.webhooks import tasks
from tests.webhooks.conftest import changed, deliveries, publish, subscribe


def test_the_task_delivers_what_is_due(tenant, relay, receiver, settings):
    settings.WEBHOOK_BUDGET = 5
    subscribe(tenant, receiver.url)
    publish(tenant, changed(), changed())
    relay.drain()
    assert tasks.deliver() == 2
    assert {one.status for one in deliveries(tenant)} == {"delivered"}


def test_a_spent_budget_has_the_next_one_go_on(tenant, relay, receiver, settings, monkeypatch):
    told = []
    monkeypatch.setattr(tasks, "wake", lambda: told.append(True))
    settings.WEBHOOK_BUDGET = 0
    subscribe(tenant, receiver.url)
    publish(tenant, changed())
    relay.drain()
    assert (tasks.deliver(), told) == (0, [True])


def test_without_the_relays_address_it_says_what_is_missing(monkeypatch):
    monkeypatch.delitem(connections.settings, "relay")
    with pytest.raises(RuntimeError, match="DATABASE_RELAY_URL"):
        tasks.deliver()
