"""Kept answers: looked up in one trip to Redis, computed by one caller at a time, stored only while current.

    entry = Entry.of(tenant=7, digest=key.digest())
    match entry.lookup():
        case Hit(body=body): ...                         # serve it
        case Miss() as miss: ...                         # entry.wait(miss) unless it leads; compute; store or release
        case Bypass(): ...                               # compute, and keep nothing

What is computed after a Miss or a Bypass reads the primary, or a replica that had replayed `since` before its
snapshot was taken; without a `since`, nobody knows what a replica may lack. Nothing here raises.
"""

import random
import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any, NamedTuple
from uuid import uuid4

import redis
from django.conf import settings

from commerce.cache import keys, scripts, versions
from commerce.cache.client import RedisUnavailable, cache_redis
from commerce.db.positions import Position
from commerce.db.replicas import cluster

# Seconds for which the others leave an answer to the one that computes it, and how long they wait in all.
LEAD = 0.7
WAIT = 1.0
_founding = Lock()
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.004, 0.05
# An answer made from more topics than this is not stored.
MOST_TOPICS = 2000


class Hit(NamedTuple):
    """An answer that is current: its bytes, the topics it was made from, its age in seconds, and when it ends."""

    body: bytes
    topics: tuple[str, ...]
    age: float
    valid_until: datetime


class Miss(NamedTuple):
    """No current answer is kept. `leads`: this caller computes it for all; `follows`: another one is about to."""

    since: Position
    leads: bool
    follows: bool


class Bypass(NamedTuple):
    """Nothing is served or stored: "redis", "primary", "timeline", or "marked" while a change is being committed."""

    reason: str
    since: Position | None = None


Found = Hit | Miss | Bypass


@dataclass(frozen=True, slots=True)
class Entry:
    """The place of one request's answer."""

    tenant: int
    digest: str
    system_id: str
    timeline: int
    nonce: str

    @classmethod
    def of(cls, *, tenant: int, digest: str) -> "Entry | None":
        """Return the place, or None where answers are not kept (RESPONSE_CACHE=0) or no cluster is known yet."""
        if not settings.RESPONSE_CACHE:
            return None
        known = cluster()
        if known is None:
            return None
        return cls(tenant, digest, known.system_id, known.timeline, uuid4().hex)

    def lookup(self) -> Found:
        """Look the answer up, in one trip of its own."""
        return self._lookup(may_found=True)

    def add_to(self, pipeline: Any) -> None:
        """Add the looking up to a pipeline of redis-py, as one command; its result is for `read`."""
        scripts.LOOKUP.add_to(pipeline, *self._call())

    def read(self, reply: Any) -> Found:
        """Return what the pipeline's result says (`raise_on_error=False`); a first use of Redis takes further trips."""
        if isinstance(reply, redis.exceptions.NoScriptError):
            return self.lookup()
        return self._read(reply, may_found=True)

    def wait(self, miss: Miss) -> Found:
        """Wait up to a second until whoever leads has stored the answer; return it, or a Miss to compute oneself."""
        deadline = time.monotonic() + WAIT
        pause = _SHORTEST_PAUSE
        found: Found = miss
        while isinstance(found, Miss) and found.follows and time.monotonic() < deadline:
            time.sleep(pause * random.uniform(0.7, 1.3))  # noqa: S311  it keeps callers out of step, no more
            pause = min(pause * 1.6, _LONGEST_PAUSE)
            found = self._lookup(may_found=True)
        return found

    def store(self, miss: Miss, *, body: bytes, topics: Collection[str], valid_until: datetime | None = None) -> bool:
        """Keep an answer that was read after `miss`; return whether it was, which it is only while it is current.

        It is kept for RESPONSE_CACHE_TTL seconds, up to a tenth less, but not beyond `valid_until`. In any case
        those who wait for this caller wait no longer.
        """
        now = time.time()
        seconds = settings.RESPONSE_CACHE_TTL * random.uniform(0.9, 1.0)  # noqa: S311  no secret
        if valid_until is not None:
            seconds = min(seconds, (valid_until - datetime.now(UTC)) / timedelta(seconds=1))
        if seconds <= 0 or len(body) > settings.RESPONSE_CACHE_LARGEST or len(topics) > MOST_TOPICS:
            self.release(miss)
            return False
        since = keys.position_text(miss.since)
        arguments: list[Any] = [since, self.nonce, versions.words(topics), body]
        arguments += [f"{now + seconds:.3f}", f"{now:.3f}", max(1, int(seconds * 1000))]
        try:
            reply = cache_redis().ask(lambda client: scripts.STORE.run(client, self._keys(), arguments))
        except RedisUnavailable:
            return False
        return bool(reply == b"stored")

    def release(self, miss: Miss) -> None:
        """Tell those who wait that there will be nothing to keep, so that each computes for itself at once."""
        if not miss.leads:
            return
        key = keys.lead_key(self.system_id, self.tenant, self.digest)
        try:
            cache_redis().ask(lambda client: scripts.RELEASE.run(client, [key], [self.nonce, int(WAIT * 1000)]))
        except RedisUnavailable:
            return  # the lead ends by itself

    def _lookup(self, *, may_found: bool) -> Found:
        try:
            reply = cache_redis().ask(lambda client: scripts.LOOKUP.run(client, *self._call()))
        except RedisUnavailable:
            return Bypass("redis")
        return self._read(reply, may_found=may_found)

    def _read(self, reply: Any, *, may_found: bool) -> Found:
        if isinstance(reply, Exception):
            return Bypass("redis")
        match reply:
            case [b"hit", made, topics, body, until]:
                age = max(0.0, time.time() - float(made))
                return Hit(body, tuple(topics.decode().split()), age, datetime.fromtimestamp(float(until), UTC))
            case [b"miss", top, role]:
                return Miss(keys.read_position(top), leads=role == b"leads", follows=role == b"follows")
            case [b"marked", top, holder, made]:
                self._remember(holder, made)
                return Bypass("marked", keys.read_position(top))
            case [b"unfounded", claim]:
                return self._found(claim) if may_found else Bypass("primary")
        return Bypass("timeline")

    def _found(self, claim: bytes) -> Found:
        """Have a floor set, by one thread at a time, and look again."""
        if not _founding.acquire(timeout=WAIT):
            return Bypass("primary")
        try:
            found = self._lookup(may_found=False)  # the thread before may have done it
            if found != Bypass("primary") or not versions.found(self.system_id, self.tenant, claim):
                return found
        finally:
            _founding.release()
        return self._lookup(may_found=False)

    def _remember(self, holder: bytes, made: bytes) -> None:
        try:
            versions.remember_mark(self.system_id, self.tenant, holder, made)
        except RedisUnavailable:
            return  # the next reader does

    def _keys(self) -> list[str]:
        return [
            keys.versions_key(self.system_id, self.tenant),
            keys.answer_key(self.system_id, self.tenant, self.digest),
            keys.lead_key(self.system_id, self.tenant, self.digest),
        ]

    def _call(self) -> tuple[list[str], list[Any]]:
        now = f"{time.time():.3f}"
        return self._keys(), [keys.timeline_text(self.timeline), now, self.nonce, int(LEAD * 1000)]
