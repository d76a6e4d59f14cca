"""The relay as a process of its own: killed, stopped, cut off from PostgreSQL, broken."""

import signal
import socket
import threading
from collections import Counter
from contextlib import suppress
from uuid import UUID, uuid4

import pytest
from django.conf import settings

from tests.outbox.conftest import count_by_status, get_event, new_event, publish, wait_until


def recorded_event(version: int = 1, object_id: UUID | None = None):
    return new_event(object_id, version, "recorded.thing.changed")


def test_killed_in_the_middle_of_a_batch_its_events_are_delivered_by_the_next_one_with_the_same_ids(
    tenant, start_relay
):
    objects = [uuid4() for _ in range(100)]
    ids = publish(tenant, *(recorded_event(version, object_id) for version in range(10) for object_id in objects))
    first = start_relay(RECORDER_SLEEP="0.001")
    wait_until(lambda: len(first.recorded()) >= 100, what="the first hundred")
    first.stop(signal.SIGKILL)
    before = first.recorded()
    unmarked = len(before) - count_by_status(tenant).get("done", 0)
    assert 0 < unmarked <= 500, "it was killed inside a batch"

    second = start_relay("--once")
    assert second.popen.wait(30) == 0

    delivered = Counter(second.recorded())
    assert delivered.keys() == set(ids), "each event, by the id that it was published with, and no other"
    assert sorted(delivered.values()) == [1] * (1000 - unmarked) + [2] * unmarked
    assert count_by_status(tenant) == {"done": 1000}
    lines = [line.split() for line in second.record.read_text().splitlines()[len(before) :]]
    for object_id in objects:
        versions = [int(version) for _, of, version in lines if of == str(object_id)]
        assert versions == sorted(versions)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_it_finishes_its_batch(tenant, start_relay, number):
    ids = publish(tenant, *(recorded_event() for _ in range(3000)))
    relay = start_relay(RECORDER_SLEEP="0.001")
    wait_until(lambda: len(relay.recorded()) >= 50, what="the first fifty")

    assert relay.stop(number) == 0

    delivered = relay.recorded()
    assert 50 <= len(delivered) < 3000
    assert len(set(delivered)) == len(delivered)
    assert count_by_status(tenant) == {"done": len(delivered), "pending": len(ids) - len(delivered)}
    assert "relay has stopped" in relay.said()


def test_it_says_when_it_is_ready_and_delivers_what_comes_later(tenant, start_relay):
    relay = start_relay()
    relay.wait_for("relay is ready")
    ids = publish(tenant, recorded_event())
    wait_until(lambda: relay.recorded() == ids, what="the event")
    assert relay.stop() == 0


def test_a_broken_subscriber_ends_it_with_an_error(start_relay):
    relay = start_relay(RECORDER_BROKEN="1")
    assert relay.popen.wait(60) == 1
    assert "cannot even be imported" in relay.said()


def test_without_the_relays_address_it_says_what_is_missing(start_relay):
    relay = start_relay(DATABASE_RELAY_URL="")
    assert relay.popen.wait(60) == 1
    assert "DATABASE_RELAY_URL is not set" in relay.said()


def test_it_outlives_postgresql_going_away_and_coming_back(tenant, start_relay):
    door = Door(settings.DATABASES["relay"]["HOST"])
    relay = start_relay(DATABASE_RELAY_URL=door.url, PGCONNECT_TIMEOUT="2")
    relay.wait_for("relay is ready")

    door.close()
    relay.wait_for("PostgreSQL does not answer")
    (event_id,) = publish(tenant, recorded_event())
    threading.Event().wait(2)  # several tries
    assert relay.recorded() == []
    door.open()
    wait_until(lambda: relay.recorded() == [event_id], what="the event")

    wait_until(lambda: get_event(tenant, event_id).status == "done", what="its mark")
    relay.wait_for("PostgreSQL answers again")
    assert relay.said().count("does not answer") == 1
    assert relay.stop() == 0
    door.close()


def test_it_waits_for_a_postgresql_that_is_not_there_yet_and_can_be_stopped_meanwhile(start_relay):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    relay = start_relay(DATABASE_RELAY_URL=f"postgresql://commerce_relay:x@127.0.0.1:{port}/commerce")
    relay.wait_for("PostgreSQL does not answer")
    assert "ready" not in relay.said()
    assert relay.stop() == 0


class Door:
    """A TCP port that leads to PostgreSQL while it is open."""

    def __init__(self, host: str) -> None:
        database = settings.DATABASES["relay"]
        self.target = (host, int(database["PORT"] or 5432))
        self.sockets: list[socket.socket] = []
        self.port = 0
        self.open()
        self.url = f"postgresql://{database['USER']}:{database['PASSWORD']}@127.0.0.1:{self.port}/{database['NAME']}"

    def open(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, args=[self.listener], daemon=True).start()

    def close(self) -> None:
        for each in [self.listener, *self.sockets]:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self.sockets = []

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                inside, _ = listener.accept()
                outside = socket.create_connection(self.target)
                self.sockets += [inside, outside]
                for pair in ((inside, outside), (outside, inside)):
                    threading.Thread(target=self._pump, args=pair, daemon=True).start()

    @staticmethod
    def _pump(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)
