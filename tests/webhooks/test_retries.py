from datetime import UTC, datetime, timedelta

import pytest

from commerce.webhooks import retries
from commerce.webhooks.retries import LONGEST_WAIT, Next, Verdict, asked_wait, decide

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "text", "seconds"),
    [
        (429, "120", 120.0),
        (503, " 120 ", 120.0),
        (503, "Fri, 01 May 2026 12:02:00 GMT", 120.0),
        (503, "Friday, 01-May-26 12:02:00 GMT", 120.0),
        (429, "999999999999999999999", LONGEST_WAIT),
        (429, "Sat, 01 May 2027 12:00:00 GMT", LONGEST_WAIT),
        (429, "0", None),
        (429, "Fri, 01 May 2026 11:00:00 GMT", None),
        (429, "-5", None),
        (429, "1.5", None),
        (429, "soon", None),
        (429, "\u0661\u0662", None),
        (429, "Fri, 99 May 2026 12:02:00 GMT", None),
        (429, "", None),
        (500, "120", None),
        (200, "120", None),
    ],
)
def test_what_a_receiver_asks_for_is_read_within_bounds(status, text, seconds):
    assert asked_wait(status, text, NOW) == seconds


def test_a_delivery_waits_as_long_as_was_asked_and_as_its_own_turn_takes():
    def next_at(at_least):
        found = decide(Verdict.AGAIN, attempts=1, since=NOW, now=NOW, at_least=at_least)
        return (found.at - NOW).total_seconds()

    assert next_at(600) == 600
    assert {1 <= next_at(0.1) <= 10 for _ in range(50)} == {True}


def test_no_wait_leads_beyond_the_day():
    late = NOW + retries.PATIENCE - timedelta(minutes=1)
    assert decide(Verdict.AGAIN, attempts=9, since=NOW, now=late, at_least=3600) == Next(
        "pending", NOW + retries.PATIENCE
    )
