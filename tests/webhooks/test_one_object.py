"""A flood of one object's events: they are sent one after the other, and do not keep the worker busy meanwhile."""

from datetime import timedelta
from uuid import uuid4

from django.utils import timezone

from commerce.webhooks import claims
from commerce.webhooks.claims import Batch, Health, Limits, Report
from tests.webhooks.conftest import changed, deliveries, publish, subscribe

FLOOD = 2500
NOTHING = Batch([], moved=False)


def claim() -> Batch:
    return claims.claim(after=0, limits=Limits(16, 8, 8), held=[], lease=timedelta(seconds=60))


def delivered(batch: Batch) -> None:
    now = timezone.now()
    claims.record([Report(one, "delivered", None, "", is_tried=True, began=now) for one in batch.claims], Health())


def test_what_waits_for_its_turn_leaves_the_queue_in_few_claims(tenant, relay):
    subscribe(tenant, "http://localhost:1/")
    key, other = uuid4(), uuid4()
    publish(tenant, *(changed(key, version) for version in range(1, FLOOD + 1)), changed(other, 1))
    relay.drain()

    first = claim()
    assert [one.object_version for one in first.claims] == [1]
    batches = list(iter(claim, NOTHING))
    assert len(batches) <= FLOOD // 1000 + 2
    found = [one.object_id for batch in batches for one in batch.claims]
    assert found == [other], "and the other object's comes through"

    delivered(first)
    for version in (2, 3, 4):
        batch = claim()
        assert [one.object_version for one in batch.claims] == [version]
        assert claim().claims == []
        delivered(batch)
    assert sum(one.status == "delivered" for one in deliveries(tenant)) == 4
