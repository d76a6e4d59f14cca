"""Workers as processes of their own, killed at each step: nothing is lost, and nothing gets a second id."""

import os
import signal
import subprocess
import sys
from collections import Counter
from uuid import uuid4

import pytest

from tests.outbox.conftest import wait_until
from tests.webhooks.conftest import PROJECT, changed, deliveries, publish, subscribe, versions


@pytest.fixture
def start():
    """Return a function that starts a worker, which dies at the step named."""
    started = []

    def begin(step: str = "") -> subprocess.Popen:
        environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
        code = f"import django; django.setup(); from tests.webhooks.worker import main; main({step!r})"
        command = [sys.executable, "-c", code]
        started.append(subprocess.Popen(command, cwd=PROJECT, env=environment))
        return started[-1]

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()


@pytest.mark.parametrize("step", ["claimed", "sent", "recorded"])
def test_a_worker_killed_at_a_step_loses_nothing_and_the_next_one_goes_on(tenant, relay, receiver, start, step):
    subscribe(tenant, receiver.url)
    objects = [uuid4() for _ in range(10)]
    ids = [id_ for version in (1, 2, 3) for id_ in publish(tenant, *(changed(key, version) for key in objects))]
    relay.drain()

    assert start(step).wait(60) == -signal.SIGKILL
    at_death = Counter(one.status for one in deliveries(tenant))
    assert at_death["pending"] > 0
    assert start().wait(60) == 0

    told = Counter(got.event_id for got in receiver.received)
    assert told.keys() == {str(id_) for id_ in ids}
    assert Counter(one.status for one in deliveries(tenant)) == {"delivered": 30}
    again = sum(told.values()) - len(told)
    assert again <= 4, "no more than the dead worker had in its hands is sent twice"
    if step == "sent":
        assert again > 0
    for key in objects:
        mine = versions(got for got in receiver.received if got.json["object"]["id"] == str(key))
        assert mine == sorted(mine)
        assert set(mine) == {1, 2, 3}


def test_a_worker_killed_at_a_random_moment_with_another_beside_it(tenant, relay, receiver, start):
    subscribe(tenant, receiver.url)
    ids = publish(tenant, *(changed() for _ in range(300)))
    relay.drain()
    first, second = start(), start()
    wait_until(lambda: len(receiver.received) > 60, what="the first ones")
    first.kill()
    assert second.wait(60) == 0
    third = start()
    assert third.wait(60) == 0
    assert {got.event_id for got in receiver.received} == {str(id_) for id_ in ids}
    assert Counter(one.status for one in deliveries(tenant)) == {"delivered": 300}
