"""Beats, two of them: each run is sent once, whichever dies."""

from datetime import UTC, datetime, timedelta

import pytest
from celery.beat import SchedulingError
from django.db import connections

from commerce import celery
from commerce.jobs.schedule import Every, SlotScheduler
from tests.workers.conftest import until

NAME = "test-tick"


@pytest.fixture(autouse=True)
def _no_slots():
    with connections["default"].cursor() as cursor:
        cursor.execute("DELETE FROM jobs_slot WHERE entry LIKE 'test-%%'")
    yield
    with connections["default"].cursor() as cursor:
        cursor.execute("DELETE FROM jobs_slot WHERE entry LIKE 'test-%%'")


def _slots(name: str) -> list[datetime]:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT starts_at FROM jobs_slot WHERE entry = %s", [name])
        return [row[0] for row in cursor.fetchall()]


def test_slots_are_the_same_for_every_clock():
    hourly = Every(3600, offset=17 * 60)
    for minute, start in ((16, (11, 17)), (17, (12, 17)), (59, (12, 17))):
        at = datetime(2026, 11, 21, 12, minute, 30, tzinfo=UTC)
        assert hourly.start_of_slot(at) == datetime(2026, 11, 21, *start, tzinfo=UTC)


def test_a_slot_is_due_once_and_again_in_the_next(monkeypatch):
    every = Every(10)
    at = datetime(2026, 11, 21, 12, 0, 4, tzinfo=UTC)
    monkeypatch.setattr(every, "now", lambda: at)
    assert every.is_due(at - timedelta(seconds=1)) == (False, 6.0)
    assert every.is_due(at - timedelta(seconds=5)) == (True, 6.0)
    assert every.is_due(at - timedelta(hours=1)) == (True, 6.0)


def test_two_beats_send_each_run_once_and_one_goes_on_when_the_other_is_killed(
    broker, start, notes, start_worker, tmp_path
):
    path, read = notes
    options = ["--loglevel=DEBUG", "--schedule", str(tmp_path / "beat"), "--pidfile="]
    beats = [start(broker.url, "beat", *options, TICK_PATH=path, LOG_LEVEL="DEBUG") for _ in range(2)]
    start_worker()
    until(lambda: len(read("tick")) >= 4, "four ticks")
    sent = [beat.said().count("Sent tests.workers.probe.tasks.tick") for beat in beats]
    seen = [beat.said().count("Another beat has sent tests.workers.probe.tasks.tick") for beat in beats]
    assert sum(seen) >= 2, f"both were at it: {sent} {seen}"

    ticks = read("tick")
    assert len({tick["slot"] for tick in ticks}) == len(ticks), ticks

    beats[0].kill()
    count = len(read("tick"))
    until(lambda: len(read("tick")) >= count + 2, "two more by the other one")


@pytest.fixture
def scheduler(broker):
    """Return a function that makes the scheduler of one beat, with one entry that is due."""
    celery.app.loader.import_default_modules()
    entry = {"task": "commerce.jobs.tasks.forget_workers", "schedule": Every(3600)}
    before, celery.app.conf.beat_schedule = celery.app.conf.beat_schedule, {NAME: entry}

    def make() -> SlotScheduler:
        made = SlotScheduler(celery.app)
        made.schedule[NAME].last_run_at = datetime.now(UTC) - timedelta(hours=2)
        return made

    yield make
    celery.app.conf.beat_schedule = before


def _sent(broker) -> int:
    return broker.client.llen("default")


def test_a_slot_that_the_broker_did_not_take_is_sent_later(scheduler, broker, monkeypatch):
    beat = scheduler()
    task = celery.app.tasks["commerce.jobs.tasks.forget_workers"]

    def fail(*_, **__):
        raise SchedulingError("no broker")

    with monkeypatch.context() as patch:
        patch.setattr(task, "apply_async", fail)
        beat.tick()
    assert (_sent(broker), _slots(NAME)) == (0, [])
    beat.tick()
    assert _sent(broker) == 1
    assert len(_slots(NAME)) == 1


def test_a_new_beat_begins_after_the_last_slot_that_was_sent(scheduler, broker):
    scheduler().tick()
    assert _sent(broker) == 1
    second = scheduler()
    second.tick()  # it believes that the slot is due, and finds it taken
    third = SlotScheduler(celery.app)
    assert third.schedule[NAME].last_run_at == _slots(NAME)[0]
    third.tick()
    assert _sent(broker) == 1
