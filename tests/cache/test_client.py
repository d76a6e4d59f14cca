"""The way to Redis while it answers, while it is gone, and while it hangs."""

import logging
import socket
import threading

import pytest
import redis
from django.conf import settings

from commerce.cache import client as module
from commerce.cache.client import CacheRedis, RedisUnavailable, cache_redis


@pytest.fixture
def hanging():
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


@pytest.fixture
def gone():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return f"redis://127.0.0.1:{port}/0"


def test_it_asks_redis():
    assert cache_redis().ask(lambda client: client.ping()) is True
    assert cache_redis() is cache_redis()


@pytest.mark.parametrize("kind", ["gone", "hanging"])
def test_after_a_failure_redis_is_left_alone_then_tried_by_one(kind, request, monkeypatch, caplog):
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    broken, tried = CacheRedis(request.getfixturevalue(kind)), []

    def question(client):
        tried.append(1)
        return client.ping()

    for _ in range(3):
        with pytest.raises(RedisUnavailable):
            broken.ask(question)
    assert len(tried) == 1
    now[0] += module.PAUSE
    barrier = threading.Barrier(4)

    def many():
        barrier.wait()
        with pytest.raises(RedisUnavailable):
            broken.ask(question)

    threads = [threading.Thread(target=many) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(tried) == 2
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    now[0] += module.LOG_EVERY
    with pytest.raises(RedisUnavailable):
        broken.ask(question)
    assert len(caplog.records) == 2


def test_it_comes_back(gone, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    ours = CacheRedis(gone)
    with pytest.raises(RedisUnavailable):
        ours.ask(lambda client: client.ping())
    ours._client = redis.Redis.from_url(settings.REDIS_CACHE_URL)
    now[0] += module.PAUSE
    assert [ours.ask(lambda client: client.ping()) for _ in range(3)] == [True] * 3


def test_a_refused_command_is_no_failure_of_the_others():
    ours = CacheRedis(settings.REDIS_CACHE_URL)
    with pytest.raises(RedisUnavailable, match="wrong number of arguments"):
        ours.ask(lambda client: client.execute_command("GET"))
    assert ours.ask(lambda client: client.ping()) is True
