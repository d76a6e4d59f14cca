"""Marks whose writers were killed: published once PostgreSQL says that their transactions are over."""

import time
from collections.abc import Iterable
from typing import Any, NamedTuple, Self

from django.db import DataError, connections

from commerce.cache import keys, primary, scripts, versions
from commerce.cache.client import patient_redis
from commerce.cache.scripts import Call

# Seconds that a writer has to take its own mark away.
AGE = 1.0
BATCH = 500

# "in progress" until a new snapshot shows the outcome; none for a transaction of long ago.
_STATUS_SQL = "SELECT number, pg_xact_status(number::xid8) FROM unnest(%s::text[]) AS asked (number)"


class Mark(NamedTuple):
    """A mark by its place in the list of all marks."""

    member: str
    tenant: int
    timeline: int
    number: str

    @classmethod
    def of(cls, member: bytes) -> Self:
        tenant, timeline, number = member.decode().split(":")
        return cls(member.decode(), int(tenant), int(timeline), number)

    @property
    def holder(self) -> str:
        return f"{self.timeline}:{self.number}"


def settle(*, age: float = AGE) -> int:
    """Publish the marks older than `age` seconds whose transactions are over, and return how many those were.

    Raises RedisUnavailable, or what Django raises where the primary does not answer. Any number of processes may
    do it at once, as often as they like.
    """
    system_id = primary.system_id(connections["default"])
    key, until = keys.marks_key(system_id), time.time() - age
    members: list[Any] = patient_redis().ask(lambda client: client.zrangebyscore(key, 0, until, start=0, num=BATCH))
    if not members:
        return 0
    over = _over([Mark.of(member) for member in members])
    if not over:
        return 0
    # Asked for now that they are over: whatever they committed was before it.
    position = keys.position_text(primary.ask_position())
    calls: list[Call | scripts.Command] = [
        Call(
            scripts.SETTLE,
            [keys.versions_key(system_id, mark.tenant)],
            [position, mark.holder, versions.MOST_FIELDS],
        )
        for mark in over
    ]
    done = ("ZREM", key, *(mark.member for mark in over))
    patient_redis().ask(lambda client: scripts.run_all(client, [*calls, done]))
    return len(over)


def _over(marks: list[Mark]) -> list[Mark]:
    """Return the marks whose transactions cannot take effect any more, or have."""
    timeline = primary.ask_position().timeline
    running = _running({mark.number for mark in marks if mark.timeline == timeline})
    return [
        mark for mark in marks if mark.timeline < timeline or (mark.timeline == timeline and mark.number not in running)
    ]


def _running(numbers: Iterable[str]) -> set[str]:
    asked = sorted(numbers)
    if not asked:
        return set()
    try:
        with connections["default"].cursor() as cursor:
            cursor.execute(_STATUS_SQL, [asked])
            return {number for number, status in cursor.fetchall() if status == "in progress"}
    except DataError:  # one of them was never given out: a crash has taken it back
        if len(asked) == 1:
            return set()
        half = len(asked) // 2
        return _running(asked[:half]) | _running(asked[half:])
