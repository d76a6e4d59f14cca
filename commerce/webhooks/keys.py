"""Which key a tenant signs with: made when it is first needed, replaced without a receiver noticing.

A new key is shown beside the old one for some time before it signs, for receivers keep what they have read, and the
old one is shown for a day after, for what it has signed may still be tried again.
"""

import threading
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from commerce.db.scope import tenant_scope
from commerce.webhooks import signing
from commerce.webhooks.signing import Key
from tenants import signing_keys
from tenants.signing_keys import KeyRow

SHOWN_BEFORE_USE = timedelta(minutes=2)
SHOWN_AFTER_USE = timedelta(days=1)
# How long a process goes on with what it has read, in seconds, and of how many tenants.
KEPT_SECONDS = 60.0
MOST = 10_000


class _Kept(NamedTuple):
    key: Key
    until: float


_kept: dict[int, _Kept] = {}
# Making a key takes some tenths of a second: the threads of a process do not make the same one each.
_making = threading.Lock()


def signing_key(tenant_id: int, now: datetime) -> Key:
    """Return the key to sign with; no SQL within a minute of the last time. Not to be called in a reading scope."""
    kept = _kept.get(tenant_id)
    if kept is not None and time.monotonic() < kept.until:
        return kept.key
    rows = _rows(tenant_id, now)
    row = next((row for row in rows if row.created_at <= now - SHOWN_BEFORE_USE), rows[-1])
    if len(_kept) >= MOST:
        _kept.clear()
    _kept[tenant_id] = _Kept(Key(row.kid, row.sealed), time.monotonic() + KEPT_SECONDS)
    return _kept[tenant_id].key


def public_keys(tenant_id: int, now: datetime) -> list[Mapping[str, Any]]:
    """Return the tenant's public keys as JWKs, newest first, as they are now."""
    return [row.public_jwk for row in _rows(tenant_id, now)]


def rotate(now: datetime, *, at_once: bool = False) -> str:
    """Give the scope's tenant a new key and return its kid; two minutes later it signs.

    With `at_once`, for a private key that others may have, the old one is no longer shown from now on: what it has
    signed verifies nowhere any more, and processes that know it sign with it for another minute.
    """
    made = signing.new_key()
    retire_at = now - SHOWN_AFTER_USE if at_once else now
    signing_keys.add_signing_key(kid=made.kid, sealed=made.sealed, public_jwk=made.public_jwk, retire_at=retire_at)
    return signing_keys.list_signing_keys(now)[0].kid


def reseal(now: datetime) -> int:
    """Seal the keys of the scope's tenant under the current SECRET_KEY and return how many they are.

    Raises CannotUnseal for one that was sealed under a SECRET_KEY that is not named any more.
    """
    rows = signing_keys.list_signing_keys(now - SHOWN_AFTER_USE)
    for row in rows:
        signing_keys.replace_seal(kid=row.kid, sealed=signing.reseal(Key(row.kid, row.sealed)).sealed)
    return len(rows)


def forget() -> None:
    """Have this process read all keys again."""
    _kept.clear()


def _rows(tenant_id: int, now: datetime) -> list[KeyRow]:
    """Return what is shown, newest first, at least one."""
    rows = _read(tenant_id, now)
    if not rows:
        with _making:
            rows = _read(tenant_id, now) or _first(tenant_id, now)
    return rows


def _read(tenant_id: int, now: datetime) -> list[KeyRow]:
    with tenant_scope(tenant_id):
        return signing_keys.list_signing_keys(now - SHOWN_AFTER_USE)


def _first(tenant_id: int, now: datetime) -> list[KeyRow]:
    made = signing.new_key()
    with tenant_scope(tenant_id):
        signing_keys.add_signing_key(kid=made.kid, sealed=made.sealed, public_jwk=made.public_jwk, retire_at=now)
        # Another process may have been first: then it is that one's.
        return signing_keys.list_signing_keys(now - SHOWN_AFTER_USE)
