"""What the statements of an answer have read."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, NamedTuple

from django.db import connections

from commerce.db.scope import ScopeError, current_scope
from commerce.db.topics.declared import FIRST, LAST, declared
from commerce.db.topics.statements import Usage, usage_of


class Found(NamedTuple):
    """A read that shows, of these tables, only what its rows name: the ids of `kind` in a column of the rows.

    Right where a row that was not found cannot become one without a change of something else that was read, or of
    a table apart from these. Where it can, `wanted` is how many rows there are at most: with fewer of them the
    answer depends on all of the kind.
    """

    kind: str
    column: int
    tables: frozenset[str]
    wanted: int = 0


class Reads:
    """What was read since `collecting_reads` began.

    `topics` is what the answer depends on; `storable` is False once a statement has written, read what is not
    for shoppers, or asked the database for the time.
    """

    def __init__(self) -> None:
        self._whole: set[str] = set()
        self._named: list[tuple[str, Collection[Any]]] = []  # told apart and written out when they are asked for
        self._clocks: set[tuple[str, str]] = set()
        self.storable = True

    @property
    def topics(self) -> frozenset[str]:
        objects: dict[str, set[Any]] = {}
        for kind, ids in self._named:
            objects.setdefault(kind, set()).update(ids)
        return frozenset(self._whole.union(*(named(kind, ids) for kind, ids in objects.items())))

    def note(self, sql: str) -> None:
        """Add what a statement reads: all rows of its tables."""
        read = _narrowed(usage_of(sql), (), None)
        self._whole |= read.topics
        self._clocks |= read.clocks
        self.storable = self.storable and read.is_storable

    def note_about(
        self,
        sql: str,
        rows: Sequence[Sequence[Any]],
        about: Mapping[str, Collection[Any]],
        found: Found | None = None,
    ) -> None:
        """Add what a statement reads: of each table the rows of the objects named by one of its kinds."""
        read = _narrowed(usage_of(sql), tuple(about), found)
        self._whole |= read.topics
        self._clocks |= read.clocks
        self.storable = self.storable and read.is_storable
        self._named += [(kind, about[kind]) for kind in read.by]
        if found is None:
            return
        if len(rows) < found.wanted:
            self._whole.add(found.kind)
        else:
            self._named.append((found.kind, [row[found.column] for row in rows]))

    def note_objects(self, kind: str, ids: Iterable[Any]) -> None:
        """Add objects whose rows were read before, and are shown from here on."""
        self._named.append((kind, list(ids)))

    def valid_until(self, now: datetime) -> datetime | None:
        """Return the first instant after `now` at which the clock alone may change the answer; None: none is known.

        At most one statement, in the still open scope of the answer, so that it sees the same rows. It is the
        earliest start or end among all rows of the tenant in the tables that were read, matching or not: an
        answer may end early, never late. Raises ScopeError outside a scope.
        """
        if not self._clocks:
            return None
        scope = current_scope()
        if scope is None:
            raise ScopeError("An answer's end is asked inside the scope that it was read in.")
        clocks = tuple(sorted(self._clocks))
        connection: Any = connections[scope.alias]
        with connection.cursor() as cursor:
            cursor.is_noted = True
            cursor.execute(_next_instant(clocks), [now, FIRST, LAST] * len(clocks))
            instant: datetime | None = cursor.fetchone()[0]
        return instant


_current: ContextVar[Reads | None] = ContextVar("reads", default=None)


@contextmanager
def collecting_reads() -> Iterator[Reads]:
    """Collect what every statement inside reads, by whatever way it is run. One inside another collects for itself."""
    reads = Reads()
    token = _current.set(reads)
    try:
        yield reads
    finally:
        _current.reset(token)


def current_reads() -> Reads | None:
    """Return what is collecting reads, or None."""
    return _current.get()


def depend_on(kind: str, ids: Iterable[Any]) -> None:
    """Say that the answer shows these objects, where the read left them out (`about={kind: ()}`)."""
    reads = _current.get()
    if reads is not None:
        reads.note_objects(kind, ids)


def named(kind: str, ids: Iterable[Any]) -> set[str]:
    """Return the topics of a read of these objects alone."""
    topics = {f"{kind}:{one}" for one in ids if one is not None}
    if topics:
        topics.add(f"{kind}:*")
    return topics


class _Read(NamedTuple):
    """What a statement reads: kinds as a whole, kinds by the objects named (`by`), instants."""

    topics: frozenset[str]
    by: frozenset[str]
    clocks: frozenset[tuple[str, str]]
    is_storable: bool


@lru_cache(4096)
def _narrowed(usage: Usage, kinds: tuple[str, ...], found: Found | None) -> _Read:
    """Return what a statement reads that names objects of these kinds, and maybe some by its rows."""
    tables = [(table, declared()[table]) for table in usage.read]
    whole, by = set(), set()
    for table, each in tables:
        own = [topic.kind for topic in each.topics.topics]
        if found is not None and table in found.tables:
            by.update({found.kind}.intersection(kinds))
        elif narrowing := [kind for kind in own if kind in kinds]:
            by.add(narrowing[0])
        else:
            whole.update(own[:1])
    return _Read(
        frozenset(whole),
        frozenset(by),
        frozenset((table, column) for table, each in tables for column in each.topics.clock),
        not usage.by_clock
        and not usage.written
        and all(each.topics.are_shown and not each.is_platform for _, each in tables),
    )


@cache
def _next_instant(clocks: tuple[tuple[str, str], ...]) -> str:
    # The bounds are those of the index.
    parts = [
        f"(SELECT {column} FROM {table} WHERE {column} > %s AND {column} > %s AND {column} < %s"
        f" ORDER BY {column} LIMIT 1)"
        for table, column in clocks
    ]
    return f"SELECT least({', '.join(parts)})"
