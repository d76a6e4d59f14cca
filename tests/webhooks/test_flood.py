"""The whole fairness figure: `WEBHOOKS_FLOOD=100000 make test ARGS='tests/webhooks/test_flood.py -s'`."""

import os
import sys
import threading
import time

import pytest
from django.db import connections

from tests.outbox.conftest import wait_until
from tests.webhooks.conftest import changed, deliverer, publish, subscribe

FLOOD = int(os.environ.get("WEBHOOKS_FLOOD", "0"))


@pytest.mark.skipif(not FLOOD, reason="a figure, not a test: set WEBHOOKS_FLOOD")
def test_how_long_anothers_event_takes_during_a_flood(tenant, other_tenant, relay, receiver):
    subscribe(tenant, receiver.url + "flood")
    subscribe(other_tenant, receiver.url + "lone")
    worker = deliverer(budget=120, linger=10)

    def run(work):
        def body():
            try:
                work()
            finally:
                connections.close_all()

        return threading.Thread(target=body)

    threads = [run(relay.run), run(worker.run)]
    for thread in threads:
        thread.start()
    publish(tenant, *(changed() for _ in range(FLOOD)))
    wait_until(lambda: len(receiver.of("flood")) > 100, what="the flood to begin")
    took = []
    for number in range(1, 6):
        began = time.monotonic()
        publish(other_tenant, changed())
        wait_until(lambda: len(receiver.of("lone")) == number, what="the lone event")  # noqa: B023
        took.append(time.monotonic() - began)
        time.sleep(0.5)
    sys.stdout.write(f"\n{FLOOD} events of one shop; another's took {', '.join(f'{one:.2f}' for one in took)} s\n")
    relay.stop()
    worker.stop()
    for thread in threads:
        thread.join()
    assert len(receiver.of("flood")) < FLOOD
