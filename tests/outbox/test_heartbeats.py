"""Relays say that they live and how far they are behind; whoever writes in bulk waits for its own shop's backlog."""

import signal
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import OperationalError, connections

from catalog.imports import running
from commerce.db.scope import tenant_scope
from commerce.outbox import heartbeats, pressure, queries
from commerce.outbox.heartbeats import Pulse
from tests.catalog.import_kit import ROWS, counts, run, write_csv
from tests.outbox.conftest import new_event, publish, wait_until


@pytest.fixture(autouse=True)
def _no_relays():
    with connections["default"].cursor() as cursor:
        cursor.execute("DELETE FROM outbox_relay")


def grow_old(**time: float) -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "UPDATE outbox_relay SET seen_at = seen_at - make_interval(secs => %(by)s),"
            " oldest_at = oldest_at - make_interval(secs => %(by)s)",
            {"by": timedelta(**time).total_seconds()},
        )


def make_older(shop, **time: float) -> None:
    """Let every event of a shop have been due for so long already."""
    with tenant_scope(shop.id), connections["default"].cursor() as cursor:
        cursor.execute(
            "UPDATE outbox_event SET next_at = next_at - make_interval(secs => %s) WHERE status = 'pending'",
            [timedelta(**time).total_seconds()],
        )


def test_the_lag_is_the_age_of_what_is_due_by_tenant_the_worst_first(tenant, other_tenant):
    publish(tenant, *(new_event() for _ in range(3)))
    publish(other_tenant, new_event())
    make_older(other_tenant, minutes=5)
    make_older(tenant, minutes=1)

    lag = queries.measure_lag()

    assert lag is not None
    assert lag.due == 4
    assert [(worst.slug, worst.due) for worst in lag.worst] == [(other_tenant.slug, 1), (tenant.slug, 3)]
    assert lag.oldest is not None
    assert timedelta(minutes=5) <= lag.oldest.age < timedelta(minutes=6)


def test_what_waits_for_its_next_try_is_no_lag(tenant, inbox, make_relay):
    inbox.fail = lambda event: True
    publish(tenant, new_event())
    make_relay(first_delay=600).drain()
    lag = queries.measure_lag()
    assert lag == queries.Lag(0, [])
    assert lag.oldest is None


def test_of_many_tenants_the_worst_are_named(tenant, other_tenant):
    for shop in (tenant, other_tenant):
        publish(shop, new_event())
    lag = queries.measure_lag(worst=1)
    assert lag is not None
    assert (lag.due, len(lag.worst)) == (2, 1)


def test_a_relay_keeps_a_row_young_while_it_turns_and_takes_it_away(tenant):
    pulse = Pulse()
    pulse.beat(0)
    publish(tenant, new_event())
    make_older(tenant, seconds=20)
    grow_old(seconds=10)
    pulse.beat(7)  # less than five seconds later, it writes nothing
    (row,) = queries.list_relays()
    assert (row.finished, row.due, row.lag, row.is_silent) == (0, 0, None, False)
    assert row.age >= timedelta(seconds=10)

    pulse._next = 0.001
    pulse.beat(7)
    (row,) = queries.list_relays()
    assert (row.finished, row.due) == (7, 1)
    assert row.age < timedelta(seconds=10)
    assert row.lag is not None
    assert row.lag >= timedelta(seconds=20)

    pulse.end()
    assert queries.list_relays() == []


def test_a_silent_relay_is_seen_its_lag_grows_and_an_hour_later_it_is_forgotten(tenant):
    publish(tenant, new_event())
    dead = Pulse()
    dead.name = "relay@gone:1"
    dead.beat(0)
    grow_old(seconds=31)
    (row,) = queries.list_relays()
    assert row.is_silent
    assert row.lag is not None
    assert row.lag >= timedelta(seconds=31)
    grow_old(seconds=heartbeats.FORGOTTEN_AFTER)
    Pulse().beat(0)
    assert [row.is_silent for row in queries.list_relays()] == [False]


def test_the_loop_calls_with_the_number_of_finished_events_and_outlives_a_turn_that_finds_no_database(
    tenant, make_relay
):
    publish(tenant, *(new_event() for _ in range(3)))
    relay, seen = make_relay(), []

    def turn(finished: int) -> None:
        seen.append(finished)
        if len(seen) == 1:
            raise OperationalError("gone")
        relay.stop()

    relay.run(on_turn=turn)
    assert seen == [3, 3]


def test_the_status_names_relays_and_the_tenants_that_wait(tenant, capsys):
    publish(tenant, new_event())
    make_older(tenant, seconds=90)
    call_command("relay", "status")
    said = capsys.readouterr().out
    assert "NO RELAY LIVES" in said
    assert "1 events are due, the oldest for 9" in said
    assert f"{tenant.slug}: 1 events" in said

    pulse = Pulse()
    pulse.beat(12)
    call_command("relay", "status")
    said = capsys.readouterr().out
    assert "NO RELAY LIVES" not in said
    assert f"{pulse.name}: seen before" in said
    assert "12 events in" in said
    grow_old(minutes=2)
    call_command("relay", "status")
    assert f"{pulse.name}: SILENT for 12" in capsys.readouterr().out


def test_a_relay_process_says_that_it_lives_and_that_it_ends(tenant, start_relay):
    relay = start_relay()
    relay.wait_for("relay is ready")
    wait_until(lambda: [row.process for row in queries.list_relays()] == [relay.popen.pid], what="its row")
    assert relay.stop() == 0
    assert queries.list_relays() == []


def test_a_batch_that_takes_too_long_is_left_to_the_next_relay(tenant, start_relay):
    publish(tenant, new_event(event_type="recorded.thing.changed"))
    hanging = start_relay(RECORDER_SLEEP="600", RELAY_STOP_PATIENCE="1")
    wait_until(lambda: _is_locked(tenant), what="the batch")
    assert hanging.stop(signal.SIGTERM) == 1
    assert "left to the next relay" in hanging.said()
    assert start_relay("--once").popen.wait(30) == 0
    assert len(hanging.recorded()) == 1


def _is_locked(shop) -> bool:
    with tenant_scope(shop.id), connections["default"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM (SELECT FROM outbox_event FOR NO KEY UPDATE SKIP LOCKED) free")
        return cursor.fetchone() == (0,)


# --- Back-pressure ------------------------------------------------------------------------------------


def test_bulk_work_waits_for_its_own_shops_backlog_alone(tenant, other_tenant, settings, monkeypatch, make_relay):
    settings.OUTBOX_BACKLOG, settings.OUTBOX_BACKLOG_WAIT = 3, 60
    publish(tenant, *(new_event() for _ in range(3)))
    slept = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            make_relay(batch_size=1).run_once()

    monkeypatch.setattr(pressure.time, "sleep", sleep)
    pressure.wait_for_room(other_tenant.id)
    assert slept == []
    pressure.wait_for_room(tenant.id)
    assert len(slept) == 2, "until the third is delivered"


def test_without_a_relay_bulk_work_goes_on_slowly(tenant, settings, caplog):
    settings.OUTBOX_BACKLOG, settings.OUTBOX_BACKLOG_WAIT = 1, 0.3
    publish(tenant, new_event())
    assert pressure.wait_for_room(tenant.id) >= 0.3
    assert "its bulk work is slow" in caplog.text


def test_an_import_waits_between_its_batches_and_is_whole(tenant, settings, tmp_path, monkeypatch, make_relay):
    settings.OUTBOX_BACKLOG, settings.OUTBOX_BACKLOG_WAIT = 1, 60
    slept = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        make_relay().drain()

    monkeypatch.setattr(pressure.time, "sleep", sleep)
    monkeypatch.setattr(running, "LOOKED_EVERY", 1)
    result = run(tenant, write_csv(tmp_path / "products.csv", ROWS), batch_size=1)
    assert (result.code, counts(result)) == (0, (3, 0, 0, 0))
    assert len(slept) == 2, "before the second product's batch and the third's"
