"""Beat's schedule, kept by as many beats as there are: each run is claimed as a row before it is sent."""

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from celery.beat import Scheduler
from celery.schedules import BaseSchedule, schedstate
from django.db import close_old_connections, connections, transaction

logger = logging.getLogger(__name__)

# The row is locked until the message is sent, so that a second beat waits, and then finds the slot taken.
_CLAIM = """
INSERT INTO jobs_slot (entry, starts_at) VALUES (%s, %s)
ON CONFLICT (entry) DO UPDATE SET starts_at = EXCLUDED.starts_at WHERE jobs_slot.starts_at < EXCLUDED.starts_at
"""


class Every(BaseSchedule):
    """Once in each slot of so many seconds; slots are counted from 1970, `offset` seconds later.

    Every clock thus names a slot alike: Every(3600, offset=17 * 60) is 17 minutes past each hour, UTC. Slots that
    have passed while no beat ran are made up for by one run.
    """

    def __init__(self, seconds: int, *, offset: int = 0, app: Any = None) -> None:
        super().__init__(app=app)
        self.seconds = seconds
        self.offset = offset

    def start_of_slot(self, at: datetime) -> datetime:
        """Return when the slot began that an instant is in."""
        since = int(at.timestamp()) - self.offset
        return datetime.fromtimestamp(since - since % self.seconds + self.offset, UTC)

    def is_due(self, last_run_at: datetime) -> schedstate:
        """Say whether a slot has begun since, and in how many seconds to ask again."""
        now = self.now()
        slot = self.start_of_slot(now)
        rest = (slot + timedelta(seconds=self.seconds) - now).total_seconds()
        return schedstate(slot > self.start_of_slot(last_run_at), max(rest, 0.01))

    def remaining_estimate(self, last_run_at: datetime) -> timedelta:
        """Return the time until the slot after `last_run_at`."""
        return self.start_of_slot(last_run_at) + timedelta(seconds=self.seconds) - self.now()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Every) and (self.seconds, self.offset) == (other.seconds, other.offset)

    def __hash__(self) -> int:
        return hash((self.seconds, self.offset))

    def __reduce__(self) -> Any:
        return _every, (self.seconds, self.offset)

    def __repr__(self) -> str:
        return f"Every({self.seconds}, offset={self.offset})"


def _every(seconds: int, offset: int) -> Every:
    return Every(seconds, offset=offset)


def last_slot_age() -> timedelta | None:
    """Return how long ago the last slot began that a beat has sent, or None where none ever was; needs no scope."""
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT statement_timestamp() - max(starts_at) FROM jobs_slot")
        age: timedelta | None = cursor.fetchone()[0]
    return age


class SlotScheduler(Scheduler):
    """Send each entry once per slot, whichever beat is first; remember the last slot in the database.

    The claim commits when the broker has taken the message: what could not be sent is tried again, and a beat that
    is killed in between may have a slot sent twice, never not at all.
    """

    max_interval = 5

    def __init__(self, *args: Any, schedule_filename: str = "", **options: Any) -> None:
        self._sign_of_life = schedule_filename
        self._unsent: dict[str, Any] = {}
        super().__init__(*args, **options)

    def setup_schedule(self) -> None:
        """Begin with the entries of the settings, each after the slot that was sent last."""
        self.merge_inplace(self.app.conf.beat_schedule)
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT entry, starts_at FROM jobs_slot")
            for name, starts_at in cursor.fetchall():
                if name in self.schedule:
                    self.schedule[name].last_run_at = starts_at

    def tick(self, *args: Any, **options: Any) -> float:
        """Send what is due, and what could not be sent before; return the seconds to rest."""
        if self._sign_of_life:  # the file of --schedule, for those who ask whether beat lives
            Path(self._sign_of_life).touch()
        for entry in list(self._unsent.values()):
            self.apply_entry(entry)
        return min(super().tick(*args, **options), self.max_interval)

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        """Send an entry unless its slot was sent already."""
        self._unsent[entry.name] = entry
        try:
            is_first = self._send_once(entry, producer or self.producer)
            logger.debug("Sent %s" if is_first else "Another beat has sent %s", entry.task)
        except Exception as error:
            logger.error("Beat could not send %s and will try again: %s", entry.task, error)
            close_old_connections()
        else:
            del self._unsent[entry.name]

    def _send_once(self, entry: Any, producer: Any) -> bool:
        close_old_connections()
        starts_at = entry.schedule.start_of_slot(datetime.now(UTC))
        with transaction.atomic(using="default"), connections["default"].cursor() as cursor:
            cursor.execute(_CLAIM, [entry.name, starts_at])
            if not cursor.rowcount:
                return False
            # What is not begun before its next turn has had its time.
            options = {"expires": entry.schedule.seconds, **entry.options}
            entry.app.tasks[entry.task].apply_async(entry.args, entry.kwargs, producer=producer, **options)
        return True
