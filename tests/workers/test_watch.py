"""Who notices that nobody works: heartbeats, beat's watch, and what operators are shown."""

import os
import signal
from io import StringIO

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from commerce.jobs import broker as brokers
from commerce.jobs import heartbeats, watch
from commerce.observability.metrics import queues_unserved
from tests.workers.conftest import HEARTBEAT, SOON, until
from tests.workers.probe import tasks


@pytest.fixture(autouse=True)
def _no_workers(settings):
    """Begin with no row of a worker; other tests' workers that were killed have left theirs."""
    settings.WORKER_HEARTBEAT = HEARTBEAT
    with connections["default"].cursor() as cursor:
        cursor.execute("DELETE FROM jobs_worker")


@pytest.fixture
def grow_old():
    """Return a function that makes the rows of workers older, as time would."""

    def grow_old(seconds: float) -> None:
        with connections["default"].cursor() as cursor:
            cursor.execute("UPDATE jobs_worker SET seen_at = seen_at - make_interval(secs => %s)", [seconds])

    return grow_old


def _status(*arguments: str) -> str:
    out = StringIO()
    call_command("queue", "status", *arguments, stdout=out)
    return out.getvalue()


def test_a_worker_says_that_it_lives_and_that_it_ends(start_worker):
    worker = start_worker("default,webhooks")
    until(lambda: len(heartbeats.list_workers()) == 1, "its row")
    (row,) = heartbeats.list_workers()
    assert (row.queues, row.process, row.is_silent) == (["default", "webhooks"], worker.popen.pid, False)
    worker.stop()
    assert heartbeats.list_workers() == []


def test_a_worker_whose_loop_hangs_falls_silent(start_worker):
    worker = start_worker()
    until(lambda: len(heartbeats.list_workers()) == 1, "its row")
    os.kill(worker.popen.pid, signal.SIGSTOP)
    until(lambda: heartbeats.list_workers()[0].is_silent, "silence")
    os.kill(worker.popen.pid, signal.SIGCONT)
    until(lambda: not heartbeats.list_workers()[0].is_silent, "its next sign")


def test_a_worker_without_its_broker_falls_silent_though_its_process_lives(broker, start_worker):
    worker = start_worker()
    until(lambda: len(heartbeats.list_workers()) == 1, "its row")
    broker.kill()
    until(lambda: heartbeats.list_workers()[0].is_silent, "silence", 90)
    assert worker.popen.poll() is None
    broker.start()
    until(lambda: not heartbeats.list_workers()[0].is_silent, "its next sign", 90)


def test_work_without_a_worker_is_an_error_and_counted(tenant, broker, start_worker, notes, caplog, grow_old):
    path, _ = notes
    assert watch.look() == [], "no work, no complaint"
    tasks.note_slowly.delay(tenant_id=tenant.id, path=path, seconds=0)
    before = queues_unserved.values().get("bulk", 0)
    assert watch.look() == ["bulk"]
    assert queues_unserved.values()["bulk"] == before + 1
    assert "Work waits in the queue bulk, and no living worker serves it" in caplog.text

    worker = start_worker("default")
    until(lambda: len(heartbeats.list_workers()) == 1, "its row")
    assert watch.look() == ["bulk"], "a worker of another queue does not help"
    worker.kill()
    grow_old(60)
    caplog.clear()
    watch.look()
    assert "has been silent for 6" in caplog.text
    grow_old(4000)
    assert heartbeats.forget() == 1


def test_beat_notices_by_itself(tenant, broker, start, notes, tmp_path):
    path, _ = notes
    tasks.note_quickly.delay(tenant_id=tenant.id, path=path)
    beat = start(broker.url, "beat", "--loglevel=INFO", "--schedule", str(tmp_path / "beat"), "--pidfile=")
    beat.wait_for("Work waits in the queue webhooks, and no living worker serves it", SOON)


def test_status_shows_depths_and_workers(tenant, broker, start_worker, notes, grow_old):
    path, read = notes
    for _ in range(3):
        tasks.note_slowly.delay(tenant_id=tenant.id, path=path, seconds=300)
    silent = start_worker("default,webhooks")
    until(lambda: len(heartbeats.list_workers()) == 1, "its row")
    silent.kill()
    grow_old(100)
    start_worker("bulk")
    until(lambda: len(read("begin")) == 1, "the first")
    until(lambda: len(heartbeats.list_workers()) == 2, "both rows")

    lines = [line.split() for line in _status().splitlines()]
    assert lines[:4] == [
        ["queue", "waiting", "held", "workers"],
        ["default", "0", "0", "NONE"],
        ["webhooks", "0", "0", "NONE"],
        ["bulk", "2", "1", "1"],
    ]
    assert sorted(line[1] for line in lines[4:6]) == ["SILENT", "seen"]
    assert lines[6][0] == "outbox:"
    with pytest.raises(CommandError, match="No living worker serves default, webhooks"):
        _status("--check")


def test_without_a_broker_status_says_so(broker):
    broker.kill()
    with pytest.raises(CommandError, match="The broker does not answer"):
        _status()


def test_messages_are_listed_and_purged(tenant, other_tenant, broker, notes):
    path, _ = notes
    first = tasks.note.delay(tenant_id=tenant.id, path=path)
    tasks.note.delay(tenant_id=other_tenant.id, path=path)
    out = StringIO()
    call_command("queue", "list", "default", "--limit", "1", stdout=out)
    assert out.getvalue() == f"{first.id}\ttests.workers.probe.tasks.note\ttenant {tenant.id}\n"

    with pytest.raises(CommandError, match="--yes"):
        call_command("queue", "purge", "default")
    assert brokers.depths()["default"].waiting == 2
    call_command("queue", "purge", "default", "--yes", stdout=out)
    assert out.getvalue().endswith("threw away 2 messages of default\n")
    assert brokers.depths()["default"].waiting == 0


def test_health_of_the_workers_is_no_tenants_business():
    """The rows can be read and written in no tenant's scope, and by the relay not at all."""
    with connections["relay"].cursor() as cursor, pytest.raises(Exception, match="permission denied") as caught:
        cursor.execute("SELECT * FROM jobs_worker")
    assert isinstance(caught.value.__cause__, psycopg.errors.InsufficientPrivilege)
