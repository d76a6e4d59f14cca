"""What an answer is kept under, and how keys and positions are written in Redis."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson

from commerce.db.positions import Position

PREFIX = "cache"
ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """Everything besides the rows that an answer may depend on. Two requests share an answer iff all parts are equal.

    `schema` is the version of the code that answers; `shop` what is known of the tenant without a statement;
    `document` the hash of its text; `caller` whoever sees more than others do, for whom nothing is stored as yet.
    """

    schema: str
    tenant: int
    shop: str = ""
    scheme: str
    host: str
    port: int
    channel: str
    language: str
    currency: str
    country: str
    document: str
    operation: str | None
    variables: Mapping[str, Any]
    caller: str = ANONYMOUS

    def digest(self) -> str:
        """Return a hash of all parts, 32 hex digits, whatever the order of the variables; raise TypeError for
        variables that JSON cannot say.
        """
        parts = [getattr(self, name) for name in self.__slots__]
        text = orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)
        return blake2b(text, digest_size=16).hexdigest()


def versions_key(system_id: str, tenant: int) -> str:
    """Return the key of the hash of a tenant's versions. All keys of a tenant have one hash tag."""
    return f"{PREFIX}:{system_id}:{{{tenant}}}:versions"


def answer_key(system_id: str, tenant: int, digest: str) -> str:
    return f"{PREFIX}:{system_id}:{{{tenant}}}:answer:{digest}"


def lead_key(system_id: str, tenant: int, digest: str) -> str:
    """Return the key that says who computes an answer."""
    return f"{PREFIX}:{system_id}:{{{tenant}}}:lead:{digest}"


def marks_key(system_id: str) -> str:
    """Return the key of the sorted set of all marks, by the second of their making."""
    return f"{PREFIX}:{system_id}:marks"


def timeline_text(timeline: int) -> str:
    return f"{timeline:010d}"


def position_text(position: Position) -> str:
    """Return a position as 30 decimal digits: Lua compares texts by the server's locale, and in some of them
    the letters of hex digits do not sort one by one.
    """
    return f"{position.timeline:010d}{position.lsn:020d}"


def read_position(text: bytes | str) -> Position:
    """Return the position that `position_text` wrote."""
    return Position(int(text[:10]), int(text[10:]))
