"""Where a read goes: to a replica that has all that the reader must see, else to the primary.

    rows = replicas.reading(lambda alias: …, at_least=position)

Nothing here waits for a server, `reading` apart: what is known of them is the work of `commerce.db.watch`.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

import psycopg
from django.conf import settings
from django.db import Error, InternalError, connections

from commerce.db import watch
from commerce.db.positions import Position
from commerce.db.watch import PRIMARY, State, Watch

T = TypeVar("T")

# Seconds that a caller who met PrimaryUnavailable may wait before it tries again.
RETRY_AFTER = 2
# Seconds that a read waits for a replica to replay what the primary sent before it went.
CATCH_UP = 1.0

# What a server says that ends, refuses or has lost its sessions: 57P01 to 57P03, and too many of them.
_ENDINGS = ("57P01", "57P02", "57P03", "53300")
# What a standby says of a read that is in the way of replaying (PostgreSQL, "Handling Query Conflicts").
_CONFLICTS = ("40001", "40P01")
_READ_ONLY = "25006"
_LOST = (psycopg.OperationalError, psycopg.InterfaceError)


class PrimaryUnavailable(Exception):
    """There is no primary to write to, or to read a fresh write from. HTTP: 503 with `Retry-After: RETRY_AFTER`."""

    def __init__(self, message: str = "The database cannot be written to at the moment: try again soon.") -> None:
        super().__init__(message)


class Cluster(NamedTuple):
    """Whose positions are comparable: the cluster, and the timeline that its primary is on."""

    system_id: str
    timeline: int


def cluster(*, patience: float = 0.0) -> Cluster | None:
    """Return the cluster as last seen, or None if no server has answered yet, within `patience` seconds.

    Costs microseconds. While the primary is gone it is the latest timeline that any server has shown.
    """
    found = _cluster()
    deadline = time.monotonic() + patience
    while found is None and time.monotonic() < deadline:
        time.sleep(0.01)
        found = _cluster()
    return found


def _cluster() -> Cluster | None:
    servers = watch.current()
    now = time.monotonic()
    servers.note_request(now)
    state = servers.primary.known(now)
    if state is None:
        seen = [server.last for server in (servers.primary, *servers.replicas) if server.last is not None]
        state = max(seen, key=lambda state: state.position, default=None)
    return Cluster(state.system_id, state.position.timeline) if state is not None else None


def choose(at_least: Position | None = None) -> str:
    """Return the alias of a replica that has replayed `at_least` and is not behind, else "default".

    While the primary does not answer, any replica that has replayed `at_least` will do, since nobody can tell
    how far behind it is. A position of a timeline before the primary's counts as replayed: what a promotion lost
    is lost for all. Costs microseconds and asks nobody.
    """
    servers = watch.current()
    now = time.monotonic()
    servers.note_request(now)
    return _find_replica(servers, now, at_least) or PRIMARY


def has_replayed(alias: str, position: Position) -> bool:
    """Say whether a snapshot opened from now on at this alias is known to have all that was committed up to there."""
    servers = watch.current()
    server, now = servers.server(alias), time.monotonic()
    if server is None or server is servers.primary:
        return True
    state, primary = server.known(now), servers.primary.known(now)
    if state is None or (primary is not None and primary.position.timeline != state.position.timeline):
        return False
    return _has(state, position)


def reading(run: Callable[[str], T], *, at_least: Position | None = None, ideally: Position | None = None) -> T:
    """Return `run(alias)` of the server that `choose` names, outside any scope, and run it anew where that fails.

    `at_least` is what the caller must see. `ideally` is what it is to see as long as there is a primary, which has it
    in any case: while the primary is gone, a replica that lacks it will do. `has_replayed` tells which it was.

    A server that is lost on the way, or a standby that cancels the read because it is in the way of replaying, has
    the read begin again on the primary, or on another replica while the primary is gone; each server is tried once.
    `run` may catch the error itself, as resolvers do, as long as its scope then fails to commit.
    Raises PrimaryUnavailable where none is left that has replayed `at_least`.
    """
    return _run(run, _choose_ideally(at_least, ideally), at_least)


def reading_primary(run: Callable[[str], T]) -> T:
    """Return `run("default")`, or of a replica while the primary is gone: for what must not be behind in good times."""
    servers = watch.current()
    now = time.monotonic()
    servers.note_request(now)
    is_gone = servers.primary.is_gone(now)
    return _run(run, (_find_replica(servers, now, None) if is_gone else None) or PRIMARY, None)


def health() -> dict[str, str]:
    """Return for each alias: "ok", "behind", "unreachable", or "unknown" where it was not asked yet."""
    servers = watch.current()
    now = time.monotonic()
    servers.note_request(now)
    primary = servers.primary.known(now)
    found = {}
    for server in (servers.primary, *servers.replicas):
        state = server.known(now)
        if state is None:
            found[server.alias] = "unreachable" if server.is_gone(now) else "unknown"
        else:
            is_behind = server is not servers.primary and primary is not None and is_lagging(state, primary)
            found[server.alias] = "behind" if is_behind else "ok"
    return found


@contextmanager
def writing() -> Iterator[None]:
    """Raise PrimaryUnavailable in place of what a lost primary, or one that became a standby, raises inside.

    Whether a transaction was committed whose COMMIT met this is not known.
    """
    try:
        yield
    except Error as error:
        if not is_outage(error):
            raise
        _suspect(PRIMARY)
        raise PrimaryUnavailable from error


def is_outage(error: BaseException | None) -> bool:
    """Say whether an exception, or what caused it, is a server that is gone, or one that takes no writes."""
    code = _sqlstate(error)
    return code is not None and (code in ("", _READ_ONLY, *_ENDINGS) or code.startswith("08"))


def is_passing(error: BaseException | None) -> bool:
    """Say whether a read that failed with this may succeed on another server."""
    return is_outage(error) or _sqlstate(error) in _CONFLICTS


def _choose_ideally(at_least: Position | None, ideally: Position | None) -> str:
    wanted = max((position for position in (at_least, ideally) if position is not None), default=None)
    alias = choose(wanted)
    if alias == PRIMARY and wanted != at_least and watch.current().primary.has_failed:
        return choose(at_least)
    return alias


def _run(run: Callable[[str], T], alias: str, at_least: Position | None) -> T:
    tried: list[str] = []
    while True:
        try:
            return run(alias)
        except Error as error:
            if not is_passing(error) and (alias == PRIMARY or not _was_swallowed(error)):
                raise
            if is_outage(error):
                _suspect(alias)
            tried.append(alias)
            found = _find_another(at_least, tried)
            if found is None:
                raise PrimaryUnavailable from error
            alias = found


def _was_swallowed(error: Error) -> bool:
    """Say whether all that is left of an error is a transaction that cannot be committed; the error is not known."""
    return isinstance(error, InternalError) and error.__cause__ is None


def _find_another(at_least: Position | None, tried: list[str]) -> str | None:
    """Return the primary unless it was tried or is gone, else a replica, which may need a moment to catch up."""
    servers = watch.current()
    deadline = time.monotonic() + CATCH_UP
    while (now := time.monotonic()) < deadline:
        if PRIMARY not in tried and not servers.primary.is_gone(now):
            return PRIMARY
        found = _find_replica(servers, now, at_least, tried)
        if found is not None:
            return found
        if all(server.alias in tried for server in servers.replicas):
            break
        time.sleep(0.02)
    return None if PRIMARY in tried else PRIMARY


def _find_replica(servers: Watch, now: float, at_least: Position | None, tried: Sequence[str] = ()) -> str | None:
    replicas = servers.replicas
    primary = servers.primary.known(now)
    if primary is None and not servers.primary.is_gone(now):
        return None  # not asked yet
    if primary is not None:
        timeline = primary.position.timeline
    else:
        timeline = max((state.position.timeline for server in replicas if (state := server.known(now))), default=0)
    start = random.randrange(len(replicas)) if len(replicas) > 1 else 0  # noqa: S311  no secret
    for server in (*replicas[start:], *replicas[:start]):
        state = server.known(now)
        if state is None or server.alias in tried or state.position.timeline != timeline:
            continue
        if at_least is not None and not _has(state, at_least):
            continue
        if primary is None or not is_lagging(state, primary):
            return server.alias
    return None


def _has(state: State, position: Position) -> bool:
    return position.timeline < state.position.timeline or state.position >= position


def is_lagging(replica: State, primary: State) -> bool:
    """Say whether a replica is too far behind to be read from, or no replica of this primary."""
    return (
        replica.asked_at - replica.fresh_as_of > settings.REPLICA_MAX_LAG
        or primary.position.lsn - replica.position.lsn > settings.REPLICA_MAX_LAG_BYTES
        or replica.system_id != primary.system_id
        or replica.position.timeline != primary.position.timeline
    )


def _suspect(alias: str) -> None:
    server = watch.current().server(alias)
    if server is not None:
        server.suspect()
    if not connections[alias].in_atomic_block:
        connections[alias].close()


def _sqlstate(error: BaseException | None) -> str | None:
    """Return the code of the PostgreSQL error within, "" for a lost connection, None for anything else."""
    while error is not None and not isinstance(error, psycopg.Error):
        error = error.__cause__
    if error is None or (error.sqlstate is None and not isinstance(error, _LOST)):
        return None
    return error.sqlstate or ""
