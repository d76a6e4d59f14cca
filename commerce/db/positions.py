"""Places in PostgreSQL's write-ahead log: how far a commit, a replica or a cached answer has got."""

from contextvars import ContextVar
from typing import NamedTuple, Self

# Asked after COMMIT: a position that was read before it can be reached while the commit is not replayed yet.
# How far the log is on disk, where our commit is by then: a standby is sent no more than that, and what a crash takes
# away beyond it nobody would ever reach. Commits that do not wait for the disk are further on.
CURRENT_SQL = """
SELECT pg_walfile_name(lsn), lsn::text FROM (SELECT CASE current_setting('synchronous_commit')
  WHEN 'off' THEN pg_current_wal_insert_lsn() ELSE pg_current_wal_flush_lsn() END AS lsn) current
"""


class Position(NamedTuple):
    """A place in the log of one cluster: later ones compare as greater, and a new timeline is greater than all before.

    Written as 24 hex digits, 8 for the timeline and 16 for the byte, which sort as the positions do.
    """

    timeline: int
    lsn: int

    @classmethod
    def of(cls, walfile: str, lsn: str) -> Self:
        """Return the position that CURRENT_SQL has found ("0000000200000000000000A1", "0/A1000028")."""
        high, low = lsn.split("/")
        return cls(int(walfile[:8], 16), int(high, 16) << 32 | int(low, 16))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the position written as `str()` does, or raise ValueError."""
        if len(text) != 24 or not text.isalnum():
            raise ValueError(f"{text[:40]!r} is no position: 24 hex digits are expected.")
        return cls(int(text[:8], 16), int(text[8:], 16))

    def __str__(self) -> str:
        return f"{self.timeline:08X}{self.lsn:016X}"


# Where nobody but the primary can be.
AHEAD_OF_ALL = Position(2**32 - 1, 0)

_written: ContextVar[Position | None] = ContextVar("written_position", default=None)


def note_written(position: Position) -> None:
    """Remember a commit of ours, which everything that follows in this request has to see."""
    known = _written.get()
    if known is None or position > known:
        _written.set(position)


def last_written() -> Position | None:
    """Return the position of the last commit of this request, or None."""
    return _written.get()


def forget_written() -> None:
    """Begin a new request, which has written nothing."""
    _written.set(None)
