"""The one way to the cache's Redis (REDIS_CACHE_URL), which holds no request up for long."""

import logging
import time
from collections.abc import Callable
from functools import cache
from threading import Lock
from typing import TypeVar

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

logger = logging.getLogger(__name__)

T = TypeVar("T")
_FAILURES = (redis.ConnectionError, redis.TimeoutError)
TIMEOUT = 0.25  # seconds to connect, and again for each reply
PATIENT_TIMEOUT = 1.0  # the same for what is worth waiting for: to outdate answers
PAUSE = 1.0  # seconds without Redis after it has failed
LOG_EVERY = 60.0  # seconds between two complaints


class RedisUnavailable(Exception):
    """Redis gave no answer in time, refused to, or has just failed and is being left alone."""


class CacheRedis:
    """A Redis that may be gone, slow or full; any number of threads may share it, and processes fork it.

    After a failure to connect or to answer in time (`pause_after`) it is left alone for `pause` seconds; one caller
    then tries it, the others go on without it until that has succeeded.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float = TIMEOUT,
        pause: float = PAUSE,
        pause_after: type[redis.RedisError] | tuple[type[redis.RedisError], ...] = _FAILURES,
    ) -> None:
        self._client = redis.Redis.from_url(
            url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=Retry(NoBackoff(), 0)
        )
        self._pause = pause
        self._pause_after = pause_after
        self._lock = Lock()
        self._retry_at: float | None = None  # None: it answers
        self._complain_at = 0.0

    def ask(self, question: Callable[["redis.Redis"], T]) -> T:
        """Return `question(client)`; raise RedisUnavailable where Redis cannot answer, at once if it just failed."""
        self._wait_turn()
        try:
            answer = question(self._client)
        except _FAILURES as error:
            if isinstance(error, self._pause_after):
                with self._lock:
                    self._retry_at = time.monotonic() + self._pause
            self._complain(error)
            raise RedisUnavailable(str(error)) from error
        except redis.RedisError as error:  # it is full, read-only, or refuses the command
            self._complain(error)
            raise RedisUnavailable(str(error)) from error
        if self._retry_at is not None:
            self._retry_at = None
            logger.warning("Redis answers again.")
        return answer

    def _wait_turn(self) -> None:
        if self._retry_at is None:
            return
        with self._lock:
            now = time.monotonic()
            if self._retry_at is not None and now < self._retry_at:
                raise RedisUnavailable("Redis failed less than a second ago.")
            self._retry_at = now + self._pause  # this caller tries it

    def _complain(self, error: Exception) -> None:
        with self._lock:
            now = time.monotonic()
            if now < self._complain_at:
                return
            self._complain_at = now + LOG_EVERY
        logger.error("Redis does not do its work (%s: %s); going on without it.", type(error).__name__, error)


def cache_redis() -> CacheRedis:
    """Return this process's way to the cache's Redis."""
    return _of_url(settings.REDIS_CACHE_URL)


def patient_redis() -> CacheRedis:
    """Return the way to the same Redis for those who outdate what is in it.

    They wait longer, and try it also where it has just refused a connection, which costs nothing.
    """
    return _patient_of_url(settings.REDIS_CACHE_URL)


@cache
def _of_url(url: str) -> CacheRedis:
    return CacheRedis(url, timeout=TIMEOUT, pause=PAUSE)


@cache
def _patient_of_url(url: str) -> CacheRedis:
    return CacheRedis(url, timeout=PATIENT_TIMEOUT, pause=PAUSE, pause_after=redis.TimeoutError)
