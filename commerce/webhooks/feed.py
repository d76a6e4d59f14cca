"""The feed of a tenant's events, for those who rather ask than be told.

Events are in the order of the transactions that wrote them, and are shown once every transaction that began before is
over: none is committed later in front of a cursor. A long writing transaction holds the feed up for as long. Two
events of one object whose transactions overlapped may come in either order: the object's version tells which is newer.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from commerce.db.rows import fetch
from commerce.errors import DomainError

# Behind every position of a transaction.
LAST = 2**63 - 1

_PAGE = """
SELECT h.horizon, e.* FROM (SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS horizon) h
LEFT JOIN LATERAL (
    SELECT xid, position, id, type, object_kind, object_id, object_version, payload, actor, created_at
    FROM outbox_event
    WHERE xid < h.horizon AND (xid, position) > (%s, %s) AND type = ANY(%s)
    ORDER BY xid, position LIMIT %s
) e ON true
"""


class BadCursor(DomainError):
    """What was given as a cursor is none."""

    code = "INVALID_CURSOR"


class CursorTooOld(DomainError):
    """Events behind the cursor may have been deleted."""

    code = "CURSOR_TOO_OLD"


class Cursor(NamedTuple):
    """A place in the feed, and when it was handed out. All events up to it have been seen."""

    xid: int
    position: int
    at: datetime

    def __str__(self) -> str:
        text = f"1.{self.xid}.{self.position}.{int(self.at.timestamp())}"
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """An event of the feed; `event_type` is the outbox's."""

    event_id: UUID
    event_type: str
    object_kind: str
    object_id: UUID
    object_version: int
    facts: dict[str, Any]
    actor: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """Events, the cursor to ask with next, and whether there is more by now."""

    events: list[FeedEvent]
    cursor: Cursor
    has_more: bool


def read_cursor(text: str) -> Cursor:
    """Return the cursor that a text is, or raise BadCursor."""
    try:
        decoded = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode("ascii")
        version, *numbers = decoded.split(".")
        xid, position, seconds = map(int, numbers)
        if version != "1" or not (0 <= xid <= LAST and 0 <= position <= LAST):
            raise BadCursor(_NO_CURSOR, field="after")
        return Cursor(xid, position, datetime.fromtimestamp(seconds, UTC))
    except (binascii.Error, UnicodeDecodeError, ValueError, OverflowError, OSError):
        raise BadCursor(_NO_CURSOR, field="after") from None


_NO_CURSOR = "This is no cursor of this feed: send one as it was received, or none to begin with the oldest event."


def check_age(cursor: Cursor, *, now: datetime, keep: timedelta) -> None:
    """Raise CursorTooOld where events that came after the cursor may be gone."""
    if now - cursor.at >= keep:
        raise CursorTooOld(
            f"The cursor is {(now - cursor.at).days} days old, and events are kept for {keep.days}: "
            "read the objects anew, and begin without a cursor.",
            field="after",
        )


def read_page(*, after: Cursor | None, types: Sequence[str], limit: int, now: datetime) -> Page:
    """Return up to `limit` events of the scope's tenant, of these types of the outbox, behind a cursor. One statement.

    Without a cursor it begins with the oldest event that is kept.
    """
    xid, position = (after.xid, after.position) if after else (0, 0)
    rows = fetch(_PAGE, [xid, position, list(types), limit + 1])
    horizon = rows[0][0]
    found = [row for row in rows if row[1] is not None]
    events = [_event(row) for row in found[:limit]]
    if len(found) > limit:
        return Page(events, Cursor(found[limit - 1][1], found[limit - 1][2], now), has_more=True)
    # Everything below the horizon has been looked through. A cursor of another server may be ahead of it.
    return Page(events, max(Cursor(horizon - 1, LAST, now), Cursor(xid, position, now)), has_more=False)


def _event(row: Sequence[Any]) -> FeedEvent:
    _, _, _, id_, type_, kind, object_id, version, payload, actor, created_at = row
    return FeedEvent(id_, type_, kind, object_id, version, orjson.loads(payload), actor, created_at)
