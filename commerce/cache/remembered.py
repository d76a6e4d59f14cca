"""What a process keeps in its own memory, for as long as the versions in Redis say that nothing has changed."""

from collections.abc import Callable, Collection
from typing import Generic, NamedTuple, TypeVar

from commerce.cache import versions
from commerce.db import replicas
from commerce.db.positions import AHEAD_OF_ALL, Position

K = TypeVar("K")
V = TypeVar("V")


class _Kept(NamedTuple, Generic[V]):
    value: V
    since: Position


class Remembered(Generic[K, V]):
    """Values by key, each read once and again when one of its topics changes; any number of threads may share it.

    Beyond `most` values it begins anew. None is not kept.
    """

    def __init__(self, topics: Collection[str], most: int) -> None:
        self.topics = topics
        self.most = most
        self._kept: dict[K, _Kept[V]] = {}

    def get(self, key: K, *, tenant: int, read: Callable[[str], V]) -> V:
        """Return the value as it is now; `read(alias)` reads it from a database, outside any scope.

        One round trip to Redis, and a reading where the key is new or something of the tenant has changed. Without
        Redis each call reads, on the primary while there is one.
        """
        seen = versions.look(tenant, self.topics)
        kept = self._kept.get(key)
        if kept and seen and seen.newest <= kept.since:
            return kept.value
        since = seen.since if seen else AHEAD_OF_ALL

        def read_there(alias: str) -> tuple[V, bool]:
            is_current = replicas.has_replayed(alias, since)  # before there is a snapshot
            return read(alias), is_current

        value, is_current = replicas.reading(read_there, ideally=since)
        if value is None or seen is None or not is_current:
            self._kept.pop(key, None)
        else:
            if len(self._kept) >= self.most:
                self._kept.clear()
            self._kept[key] = _Kept(value, seen.since)
        return value

    def forget(self) -> None:
        """Keep nothing, as a process that has just begun."""
        self._kept.clear()

    def __len__(self) -> int:
        return len(self._kept)
