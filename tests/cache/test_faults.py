"""Redis gone, full, slow, or paused and continued with what it knew before."""

import signal
import socket
import threading
import time
from contextlib import contextmanager, suppress

import pytest
from django.db import connections

from commerce.cache import client as clients
from commerce.cache.responses import Bypass, Entry, Hit, Miss
from commerce.db.scope import tenant_scope
from commerce.outbox import debts as owing
from commerce.outbox.registry import Subscriptions
from commerce.outbox.relay import Options, Relay
from tests.cache.conftest import debts, finish_events, make_row, read, versions_key, write
from tests.outbox.conftest import wait_until

# What a hundred requests may lose to a Redis that is left alone: less than a timeout each.
BOUND = 20 * clients.TIMEOUT


@pytest.fixture
def row(tenant):
    return make_row(tenant)


@pytest.fixture
def relay():
    """A relay that delivers debts alone."""
    finish_events()
    subscribers = Subscriptions()
    subscribers.subscribe(owing.TYPE, owing.pay)
    return Relay(subscribers=subscribers, options=Options(first_delay=60))


@pytest.fixture(autouse=True)
def _at_once(monkeypatch, patience):
    """Let every caller try Redis, as if it had not just failed, and for no longer than callers do."""
    monkeypatch.setattr(clients, "PAUSE", 0)
    patience()


def answer(shop, row, entry: Entry) -> bytes:
    """Answer a request as a door does, from the primary."""
    found = entry.lookup()
    if isinstance(found, Miss) and found.follows:
        found = entry.wait(found)
    if isinstance(found, Hit):
        return found.body
    body = read(shop, row)
    if isinstance(found, Miss):
        entry.store(found, body=body, topics=["thing:1", "thing:*"])
    return body


def seconds_of(work) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


# --- Gone ---------------------------------------------------------------------------------------------


def test_without_redis_answers_are_right_and_nothing_waits(tenant, row, new_entry, own_redis, relay):
    own = own_redis()
    assert answer(tenant, row, new_entry(tenant)) == b"1"
    own.stop()
    for _ in range(3):
        assert isinstance(new_entry(tenant).lookup(), Bypass)
        version = write(tenant, row)
        assert answer(tenant, row, new_entry(tenant)) == str(version).encode()
    assert debts(tenant) == ["pending"] * 3

    own.start()
    wait_until(lambda: isinstance(new_entry(tenant).lookup(), Miss), what="Redis")
    assert answer(tenant, row, new_entry(tenant)) == str(version).encode()
    relay.drain()
    assert debts(tenant) == ["done"] * 3


def test_a_rolled_back_transaction_owes_nothing(tenant, row, own_redis):
    own_redis().stop()
    with pytest.raises(ZeroDivisionError):
        write(tenant, row, 1, inside=lambda: 1 / 0)
    assert debts(tenant) == []


def test_while_redis_is_left_alone_readers_do_not_wait_for_it(tenant, row, new_entry, own_redis, monkeypatch):
    monkeypatch.setattr(clients, "PAUSE", 60.0)
    clients._of_url.cache_clear()
    own = own_redis()
    own.process.send_signal(signal.SIGSTOP)
    assert isinstance(new_entry(tenant).lookup(), Bypass)
    assert seconds_of(lambda: [new_entry(tenant).lookup() for _ in range(100)]) < BOUND
    own.process.send_signal(signal.SIGCONT)


# --- Full ---------------------------------------------------------------------------------------------


def fill(own) -> None:
    with suppress(Exception):
        for number in range(100_000):
            own.client.set(f"filling:{number}", b"x" * 1000)


def test_a_full_redis_that_evicts_nothing_serves_nothing_old(
    tenant, other_tenant, row, new_entry, own_redis, relay, around_commit
):
    own = own_redis("--maxmemory", "8mb", "--maxmemory-policy", "noeviction")
    assert answer(tenant, row, new_entry(tenant)) == b"1"
    fill(own)
    own.client.config_set("maxmemory", "1mb")
    assert isinstance(new_entry(tenant).lookup(), Hit), "what is there is served"
    assert isinstance(new_entry(other_tenant).lookup(), Bypass)

    seen = []
    around_commit(committed=lambda: seen.append(new_entry(tenant).lookup()))
    version = write(tenant, row)

    assert seen == [Bypass("redis")], "what cannot be marked is not served either"
    assert debts(tenant) == ["pending"]
    assert isinstance(new_entry(tenant).lookup(), Bypass)
    assert answer(tenant, row, new_entry(tenant)) == str(version).encode()
    own.client.config_set("maxmemory", "32mb")
    assert answer(tenant, row, new_entry(tenant)) == str(version).encode()
    relay.drain()
    assert debts(tenant) == ["done"]
    assert answer(tenant, row, new_entry(tenant)) == str(version).encode()
    assert isinstance(new_entry(tenant).lookup(), Hit)


def test_full_between_mark_and_publication_it_serves_nothing_old(tenant, row, new_entry, own_redis, around_commit):
    own = own_redis("--maxmemory", "8mb", "--maxmemory-policy", "noeviction")
    assert answer(tenant, row, new_entry(tenant)) == b"1"
    fill(own)
    own.client.config_set("maxmemory", "32mb")
    around_commit(committed=lambda: own.client.config_set("maxmemory", "1mb"))
    version = write(tenant, row)
    assert answer(tenant, row, new_entry(tenant)) == str(version).encode()
    own.client.config_set("maxmemory", "32mb")
    assert answer(tenant, row, new_entry(tenant)) == str(version).encode()
    assert not [field for field in own.client.hkeys(versions_key(tenant)) if field[:1] == b"~"]


def test_a_redis_that_evicts_everything_serves_nothing_old(tenant, row, new_entry, own_redis):
    own = own_redis("--maxmemory", "2500kb", "--maxmemory-policy", "allkeys-random")
    for _ in range(30):
        version = write(tenant, row)
        assert answer(tenant, row, new_entry(tenant)) == str(version).encode()
        fill_some(own)
        assert answer(tenant, row, new_entry(tenant)) == str(version).encode()
    assert own.client.info()["evicted_keys"] > 0


def fill_some(own) -> None:
    with suppress(Exception):
        for number in range(200):
            own.client.set(f"filling:{time.monotonic_ns()}:{number}", b"x" * 1000)


# --- Slow ---------------------------------------------------------------------------------------------


class Slow:
    """A port that leads to Redis, with so many seconds on the way there."""

    def __init__(self, port: int, seconds: float) -> None:
        self.seconds, self.port = seconds, port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self.listener.getsockname()[1]}/0"
        self.sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for each in [self.listener, *self.sockets]:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                inside, _ = self.listener.accept()
                outside = socket.create_connection(("127.0.0.1", self.port))
                self.sockets += [inside, outside]
                threading.Thread(target=self._pump, args=[inside, outside, self.seconds], daemon=True).start()
                threading.Thread(target=self._pump, args=[outside, inside, 0], daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, seconds: float) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                time.sleep(seconds)
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)


@contextmanager
def slowed(own, settings, seconds: float):
    slow = Slow(own.port, seconds)
    settings.REDIS_CACHE_URL = slow.url
    try:
        yield
    finally:
        settings.REDIS_CACHE_URL = own.url
        slow.close()


def test_a_slow_redis_costs_a_reader_one_timeout_and_a_writer_tells_it_nevertheless(
    tenant, row, new_entry, own_redis, settings
):
    own = own_redis()
    assert answer(tenant, row, new_entry(tenant)) == b"1"
    with slowed(own, settings, 0.5):
        assert new_entry(tenant).lookup() == Bypass("redis"), "it does not wait for half a second"
        version = write(tenant, row)
        assert answer(tenant, row, new_entry(tenant)) == str(version).encode()
    assert debts(tenant) == [], "half a second is no reason not to wait"
    assert isinstance(new_entry(tenant).lookup(), Miss)
    assert answer(tenant, row, new_entry(tenant)) == str(version).encode()


# --- Paused -------------------------------------------------------------------------------------------


def test_a_redis_that_was_paused_and_goes_on_with_old_values_is_put_right(tenant, row, new_entry, own_redis, relay):
    own = own_redis()
    assert answer(tenant, row, new_entry(tenant)) == b"1"
    own.process.send_signal(signal.SIGSTOP)
    try:
        version = write(tenant, row)
        assert answer(tenant, row, new_entry(tenant)) == str(version).encode()
        assert debts(tenant) == ["pending"]
        relay.drain()
        assert debts(tenant) == ["pending"], "not before Redis has taken it"
    finally:
        own.process.send_signal(signal.SIGCONT)

    owing.settle_once()  # finds Redis back, and has debts paid at once, though the next try was far away
    relay.drain()

    assert debts(tenant) == ["done"]
    assert answer(tenant, row, new_entry(tenant)) == str(version).encode()
    assert answer(tenant, row, new_entry(tenant)) == str(version).encode()


def test_cut_off_from_redis_a_writer_outdates_by_the_relay_what_others_serve(
    tenant, row, new_entry, own_redis, relay, settings
):
    own = own_redis()
    assert answer(tenant, row, new_entry(tenant)) == b"1"
    settings.REDIS_CACHE_URL = "redis://127.0.0.1:1/0"
    version = write(tenant, row)
    settings.REDIS_CACHE_URL = own.url
    assert debts(tenant) == ["pending"]
    relay.drain()
    assert answer(tenant, row, new_entry(tenant)) == str(version).encode()


def test_a_debt_of_an_hour_ago_is_moot(tenant, row, own_redis, relay):
    own_redis().stop()
    write(tenant, row)
    with tenant_scope(tenant.id), connections["default"].cursor() as cursor:
        cursor.execute("UPDATE outbox_event SET created_at = created_at - interval '61 minutes'")
    relay.drain()
    assert debts(tenant) == ["done"]
