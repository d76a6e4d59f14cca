"""Which tables a statement reads and writes, from its text."""

import re
from functools import cache, lru_cache
from typing import NamedTuple

from commerce.db.topics.declared import declared

# What makes an answer depend on the moment without saying so: instants are parameters.
_BY_CLOCK = re.compile(
    r"\b(?:now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday|random|gen_random_uuid)\s*\("
    r"|\b(?:current_timestamp|current_date|current_time|localtime|localtimestamp)\b",
    re.IGNORECASE,
)
_COUNTS = re.compile(r"\s*(?:INSERT|UPDATE|DELETE)\b", re.IGNORECASE)
_WORDS_OF_WRITES = r"\b(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM|MERGE\s+INTO|TRUNCATE(?:\s+TABLE)?|COPY)\s+(?:ONLY\s+)?"
# "ON CONFLICT … DO UPDATE SET" and "FOR UPDATE" are no statements of their own.
_WRITES = re.compile(r"\b(?:INSERT|(?<!DO )(?<!FOR )UPDATE|DELETE|MERGE)\b", re.IGNORECASE)


class Usage(NamedTuple):
    """What a statement does: the tables it reads and writes.

    `by_clock`: it asks the database for the time. `counts`: it writes one table, and the number of rows that the
    database reports is that of the rows written.
    """

    read: frozenset[str]
    written: frozenset[str]
    by_clock: bool
    counts: bool


@lru_cache(4096)
def usage_of(sql: str) -> Usage:
    """Return what a statement, or several in one text, does. A table that is written may count as read too."""
    tables, written = _patterns()
    return Usage(
        frozenset(tables.findall(sql)),
        frozenset(written.findall(sql)),
        _BY_CLOCK.search(sql) is not None,
        _COUNTS.match(sql) is not None and len(_WRITES.findall(sql)) == 1 and ";" not in sql,
    )


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    names = "|".join(sorted(map(re.escape, declared()), key=len, reverse=True))
    written = rf'{_WORDS_OF_WRITES}(?:"?public"?\s*\.\s*)?"?({names})\b'
    return re.compile(rf"\b({names})\b"), re.compile(written, re.IGNORECASE)
