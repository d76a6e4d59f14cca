"""When a delivery is tried again, and when no more: no clock, no database.

2xx is success. An answer that is about this request and would be the same again (400, 405, 406, 411, 413, 414, 415,
422, 431) and an address that may not be reached make it dead at once. 410 says that the receiver is gone for good: its
webhook is paused. Whatever else there is, redirects, 401, 403 and 404 too, may heal with the receiver's next
deployment, and is tried again, after waits that double and whose length is drawn by lot (full jitter), for a day.
A receiver that says when to come again (Retry-After of 429 and 503) is not asked before, within the longest wait.
"""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum

# Answers to this very request.
FINAL = frozenset({400, 405, 406, 411, 413, 414, 415, 422, 431})
GONE = 410
# Answers whose Retry-After counts.
BUSY = frozenset({429, 503})

FIRST_WAIT = 10.0
LONGEST_WAIT = 4 * 3600.0
# A wait is no shorter, whatever the lot says.
SHORTEST_WAIT = 1.0
PATIENCE = timedelta(hours=24)


class Verdict(Enum):
    """What an attempt was: DONE; DEAD, as it would fail again; GONE, the receiver is no more; AGAIN."""

    DONE = "done"
    DEAD = "dead"
    GONE = "gone"
    AGAIN = "again"


@dataclass(frozen=True, slots=True)
class Next:
    """What becomes of a delivery: over, as delivered or dead, or due again `at`."""

    status: str
    at: datetime | None = None


def judge(status: int | None, *, is_refused: bool = False) -> Verdict:
    """Return what an answer's status means; None: there was no answer, which `is_refused` says nobody may ask for."""
    if status is None:
        return Verdict.DEAD if is_refused else Verdict.AGAIN
    if 200 <= status < 300:
        return Verdict.DONE
    if status == GONE:
        return Verdict.GONE
    return Verdict.DEAD if status in FINAL else Verdict.AGAIN


def asked_wait(status: int, retry_after: str, now: datetime) -> float | None:
    """Return the seconds that a receiver asks to be left alone, 4 hours at most, or None.

    Retry-After is a number of seconds or a date (RFC 9110, 10.2.3); whatever else it says counts for nothing.
    """
    text = retry_after.strip()
    if status not in BUSY or not text:
        return None
    if text.isascii() and text.isdigit():
        seconds = float(text[:10])
    else:
        try:
            at = parsedate_to_datetime(text)
        except ValueError:
            return None
        seconds = ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds()
    return min(seconds, LONGEST_WAIT) if seconds > 0 else None


def decide(verdict: Verdict, *, attempts: int, since: datetime, now: datetime, at_least: float | None = None) -> Next:
    """Return what comes after the attempt number `attempts` (1 is the first) of a delivery tried `since` then.

    It is not tried again before `at_least` seconds.
    """
    match verdict:
        case Verdict.DONE:
            return Next("delivered")
        case Verdict.DEAD:
            return Next("dead")
    if now - since >= PATIENCE:
        return Next("dead")
    at = now + timedelta(seconds=max(wait(attempts), at_least or 0.0))
    return Next("pending", min(at, since + PATIENCE))


def wait(attempts: int) -> float:
    """Return how many seconds to wait after so many attempts: up to 10, 20, 40 … and 4 hours."""
    longest = min(FIRST_WAIT * 2 ** min(attempts - 1, 20), LONGEST_WAIT)
    return random.uniform(SHORTEST_WAIT, longest)  # noqa: S311  no secret
