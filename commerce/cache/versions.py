"""The versions of topics: set by whoever changes something, and compared by whoever keeps an answer."""

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import uuid4

import redis
from django.db import DatabaseError, InterfaceError, connections

from commerce.cache import keys, primary, scripts
from commerce.cache.client import RedisUnavailable, cache_redis, patient_redis
from commerce.cache.scripts import Call
from commerce.db.positions import Position
from commerce.db.replicas import Cluster, cluster

logger = logging.getLogger(__name__)

# Above so many fields the hash of a tenant's versions forgets the older topics, and raises its floor.
MOST_FIELDS = 1000
# Seconds after which a reader who meets a mark sees to it that the relay knows of it.
OLD_MARK = 5.0

# The transaction's number (none if it wrote nothing), and the log file, which tells the timeline.
_TRANSACTION_SQL = "SELECT pg_current_xact_id_if_assigned()::text, pg_walfile_name(pg_current_wal_insert_lsn())"

Changes = Mapping[int, frozenset[str]]


class Seen(NamedTuple):
    """What a look at the versions showed: `since` covers all that was published, `newest` some topics only.

    What is read from now on, on the primary or on a replica that has replayed `since`, may be kept with it, and
    is current as long as a later look shows `newest <= since`.
    """

    since: Position
    newest: Position


def look(tenant: int, topics: Collection[str]) -> Seen | None:
    """Return the versions of a few topics, or None where nothing can be said: no Redis, or a change is under way."""
    known = cluster()
    if known is None:
        return None
    for _ in range(2):
        nonce = uuid4().hex
        call = _look(known, tenant, topics, nonce)
        try:
            reply = cache_redis().ask(lambda client, call=call: call.script.run(client, call.keys, call.arguments))  # type: ignore[misc]
        except RedisUnavailable:
            return None
        if reply[0] != b"unfounded":
            break
        found(known.system_id, tenant, reply[1])
    return Seen(keys.read_position(reply[1]), keys.read_position(reply[2])) if reply[0] == b"sound" else None


def _look(known: Cluster, tenant: int, topics: Collection[str], nonce: str) -> Call:
    hash_key = keys.versions_key(known.system_id, tenant)
    return Call(scripts.LOOK, [hash_key], [keys.timeline_text(known.timeline), nonce, words(topics)])


def found(system_id: str, tenant: int, claim: bytes) -> bool:
    """Set the floor of a tenant's versions: the primary's position, asked for now that `claim` was seen.

    Whatever was published into a hash that was lost, was committed before. Returns False where that cannot be
    done: no primary, no Redis, or the claim itself was lost meanwhile.
    """
    try:
        position = keys.position_text(primary.ask_position())
        key = keys.versions_key(system_id, tenant)
        return bool(patient_redis().ask(lambda client: scripts.FOUND.run(client, [key], [position, claim])))
    except (RedisUnavailable, DatabaseError, InterfaceError):
        return False


def remember_mark(system_id: str, tenant: int, holder: bytes, made: bytes) -> None:
    """See to it that the relay knows of a mark that was met and is old: its place in the list may have been evicted."""
    now = time.time()
    if now - float(made) > OLD_MARK:
        member = f"{tenant}:{holder.decode()}"
        cache_redis().ask(lambda client: client.zadd(keys.marks_key(system_id), {member: now}, nx=True))


def publish(changes: Changes, position: Position, *, alias: str = "default") -> None:
    """Outdate what depends on these topics, as of a position of the primary, which `alias` leads to.

    Raises RedisUnavailable.
    """
    system_id = primary.system_id(connections[alias])
    patient_redis().ask(lambda client: scripts.run_all(client, _publishing(system_id, changes, position, "")))


def outdate_all(tenant: int) -> bool:
    """Outdate all that is kept for a tenant; return False where there was nothing. Raises RedisUnavailable."""
    key = keys.versions_key(primary.system_id(connections["default"]), tenant)
    arguments = [keys.position_text(primary.ask_new_position())]
    return bool(patient_redis().ask(lambda client: scripts.OUTDATE.run(client, [key], arguments)))


@dataclass(slots=True)
class Change:
    """A transaction on its way through COMMIT."""

    system_id: str
    holder: str  # timeline and number of the transaction
    changes: Changes
    is_marked: bool = False


@dataclass(slots=True)
class Publisher:
    """Marks what a transaction changes before its COMMIT, and publishes its position after it.

    Where Redis cannot be told before COMMIT, `owe(changes, connection)` writes the debt into the transaction
    itself, and whoever delivers it calls `publish`.
    """

    owe: Callable[[Changes, Any], None] | None = field(default=None)

    def before_commit(self, changes: Changes, connection: Any) -> Change | None:
        """Mark the topics, or owe them; return None where the transaction wrote nothing."""
        with connection.cursor() as cursor:
            cursor.execute(_TRANSACTION_SQL)
            number, walfile = cursor.fetchone()
        if number is None:
            return None
        change = Change(primary.system_id(connection), f"{int(walfile[:8], 16)}:{number}", changes)
        try:
            self._mark(change)
            change.is_marked = True
        except RedisUnavailable:
            if self.owe is not None:
                self.owe(changes, connection)
        return change

    def after_commit(self, change: Change | None, position: Position) -> None:
        """Publish the position, which makes the mark good; where that fails the mark or the debt stays."""
        if change is None:
            return
        calls = _publishing(change.system_id, change.changes, position, change.holder)
        try:
            self._tell(change, calls)
        except RedisUnavailable:
            logger.warning("What %s changed is told to the cache by the relay.", change.holder)

    def after_failure(self, change: Change | None, rolled_back: bool) -> None:
        """Take the mark away if nothing was written; otherwise the relay does once PostgreSQL knows."""
        if change is None or not rolled_back or not change.is_marked:
            return
        calls = [
            Call(scripts.UNMARK, [keys.versions_key(change.system_id, tenant)], [change.holder])
            for tenant in change.changes
        ]
        self._tell(change, calls)

    def _mark(self, change: Change) -> None:
        """Put the marks, or raise RedisUnavailable; what a full Redis refuses, it answers by serving nothing."""
        now = time.time()
        members = [item for tenant in change.changes for item in (now, _member(tenant, change.holder))]
        calls = [
            Call(
                scripts.MARK,
                [keys.versions_key(change.system_id, tenant)],
                [change.holder, f"{now:.3f} {words(topics)}"],
            )
            for tenant, topics in change.changes.items()
        ]

        def mark(client: "redis.Redis") -> None:
            try:
                # First the list, so that no mark is unknown to the relay.
                scripts.run_all(client, [("ZADD", keys.marks_key(change.system_id), *members), *calls])
            except redis.ResponseError:
                scripts.run_all(client, _dropping(change))
                raise

        patient_redis().ask(mark)

    def _tell(self, change: Change, calls: Sequence[Call]) -> None:
        members = [_member(tenant, change.holder) for tenant in change.changes]

        def tell(client: "redis.Redis") -> None:
            forget = ("ZREM", keys.marks_key(change.system_id), *members)
            try:
                scripts.run_all(client, [*calls, forget])
            except redis.ResponseError:
                scripts.run_all(client, [*_dropping(change), forget])

        patient_redis().ask(tell)


publisher = Publisher()


def words(topics: Collection[str]) -> str:
    """Return topics as one text, or raise ValueError for one with a space in it."""
    text = " ".join(topics)
    if len(text.split()) != len(topics):
        raise ValueError(f"A topic has no spaces and is not empty: {sorted(topics)}")
    return text


def _member(tenant: int, holder: str) -> str:
    return f"{tenant}:{holder}"


def _publishing(system_id: str, changes: Changes, position: Position, holder: str) -> list[Call]:
    text = keys.position_text(position)
    return [
        Call(scripts.PUBLISH, [keys.versions_key(system_id, tenant)], [text, holder, MOST_FIELDS, words(topics)])
        for tenant, topics in changes.items()
    ]


def _dropping(change: Change) -> list[Call]:
    return [
        Call(scripts.DROP, [keys.versions_key(change.system_id, tenant)], [change.holder]) for tenant in change.changes
    ]
