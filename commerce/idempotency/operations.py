"""Writing down what was asked under a key, and what was answered."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import orjson
from django.db import connections

from commerce.db.scope import ScopeError, current_scope, current_tenant_id
from commerce.errors import DomainError
from commerce.idempotency.answers import Answer

# An answer is repeated for at least so long.
KEEP = timedelta(hours=24)
# Somebody who works in several transactions is believed to be at it for so long.
LEASE = timedelta(seconds=60)

# The lock makes two requests at once see each other before either is committed; it ends with the transaction.
_BEGIN = """
INSERT INTO idempotency_record (tenant_id, caller, key, digest, status, recovery_point, leased_until, answer_headers)
SELECT current_tenant(), %(caller)s, %(key)s, %(digest)s, 'started', '', %(until)s, '{}'
FROM (SELECT pg_try_advisory_xact_lock(%(lock)s) AS is_ours OFFSET 0) lock WHERE lock.is_ours
ON CONFLICT (tenant_id, caller, key) DO NOTHING RETURNING 1
"""
_LOCK = "SELECT pg_try_advisory_xact_lock(%s)"
_FIND = """
SELECT digest, status, recovery_point, leased_until, answer_status, answer_headers, answer_body
FROM idempotency_record WHERE caller = %s AND key = %s FOR UPDATE
"""
_ADVANCE = """
UPDATE idempotency_record SET recovery_point = %s, leased_until = %s WHERE caller = %s AND key = %s
"""
_FINISH = """
UPDATE idempotency_record SET status = 'finished', answer_status = %s, answer_headers = %s::jsonb, answer_body = %s
WHERE caller = %s AND key = %s
"""
_PRUNE = """
DELETE FROM idempotency_record WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM idempotency_record WHERE created_at < %s ORDER BY created_at LIMIT %s FOR UPDATE SKIP LOCKED
))
"""


_KEY = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")


def is_key(text: str) -> bool:
    """Tell whether a text can be a key: 1 to 255 visible ASCII characters, and spaces between them."""
    return _KEY.fullmatch(text) is not None


class InFlight(DomainError):
    """Another request with this key is not finished. HTTP: 409."""

    code = "IDEMPOTENCY_IN_FLIGHT"


class KeyReused(DomainError):
    """The key came with another request before. HTTP: 422."""

    code = "IDEMPOTENCY_KEY_REUSED"


@dataclass(frozen=True, slots=True)
class Begun:
    """A write that is this caller's to do, from its recovery point on ("": from the start)."""

    caller: str
    key: str
    recovery_point: str = ""

    def advance(self, recovery_point: str, *, now: datetime, lease: timedelta = LEASE) -> None:
        """Write down, in the scope's transaction, how far it is, and that somebody is at it for so long."""
        _execute(_ADVANCE, [recovery_point, now + lease, self.caller, self.key])

    def abandon(self) -> None:
        """Forget, in the scope's transaction, a write that had no effect: the key may be sent again."""
        _execute("DELETE FROM idempotency_record WHERE caller = %s AND key = %s", [self.caller, self.key])

    def finish(self, answer: Answer) -> None:
        """Write down, in the scope's transaction, what whoever sends the key again is told."""
        headers = orjson.dumps(answer.headers).decode()
        _execute(_FINISH, [answer.status, headers, answer.body, self.caller, self.key])


def begin(*, key: str, caller: str, digest: str, now: datetime, lease: timedelta = LEASE) -> Begun | Answer:
    """Return the write to be done under a key, in the scope's transaction, or the answer that it had.

    `digest` is that of all that makes the request what it is. Two statements at most where the key is new.
    Raises InFlight while another request is at it, KeyReused where the key came with another request.
    """
    lock = _number(f"{current_tenant_id()}:{caller}:{key}")
    new = {"caller": caller, "key": key, "digest": digest, "until": now + lease, "lock": lock}
    while True:
        if _execute(_BEGIN, new):
            return Begun(caller, key)
        if not _execute(_LOCK, [lock])[0][0]:
            raise InFlight("A request with this key is being answered: send it again in a moment.", field="key")
        found = _execute(_FIND, [caller, key])
        if found:
            return _known(found[0], Begun(caller, key), digest, now, lease)


def prune(*, before: datetime, at_most: int) -> int:
    """Forget what the scope's tenant was asked before an instant; return how many."""
    scope = current_scope()
    with connections[scope.alias if scope else "default"].cursor() as cursor:
        cursor.execute(_PRUNE, [before, at_most])
        return int(cursor.rowcount)


def _known(row: Any, begun: Begun, digest: str, now: datetime, lease: timedelta) -> Begun | Answer:
    first, status, recovery_point, leased_until, *answer = row
    if first != digest:
        raise KeyReused("This key came with another request before: a key belongs to one request.", field="key")
    if status == "finished":
        return Answer(answer[0], bytes(answer[2] or b""), orjson.loads(answer[1]))
    if leased_until > now:
        raise InFlight("A request with this key is being answered: send it again in a moment.", field="key")
    begun.advance(recovery_point, now=now, lease=lease)
    return Begun(begun.caller, begun.key, recovery_point)


def _number(text: str) -> int:
    return int.from_bytes(sha256(text.encode()).digest()[:8], "big", signed=True)


def _execute(sql: str, parameters: Any) -> list[Any]:
    scope = current_scope()
    if scope is None or scope.read_only:
        raise ScopeError("A key was begun outside a writing scope; open `with tenant_scope(tenant_id):` around it.")
    with connections[scope.alias].cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall()) if cursor.description else []
