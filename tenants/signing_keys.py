"""The rows of a tenant's signing keys: the current one, and those that are retired."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.db import IntegrityError, transaction
from django.db.models import F

from commerce.db.rows import fetch
from commerce.db.scope import current_scope
from tenants.models import SigningKey


class KeyRow(NamedTuple):
    kid: str
    sealed: str
    public_jwk: Mapping[str, Any]
    created_at: datetime
    retired_at: datetime | None


def list_signing_keys(retired_after: datetime) -> list[KeyRow]:
    """Return the keys of the scope's tenant that are not retired, or were after that time; newest first."""
    rows = fetch(
        """SELECT kid, sealed_private_key, public_jwk, created_at, retired_at FROM tenants_signingkey
        WHERE retired_at IS NULL OR retired_at > %s ORDER BY created_at DESC, id DESC""",
        [retired_after],
    )
    return [KeyRow(kid, sealed, json.loads(jwk), created, retired) for kid, sealed, jwk, created, retired in rows]


def add_signing_key(*, kid: str, sealed: str, public_jwk: Mapping[str, Any], retire_at: datetime) -> bool:
    """Give the scope's tenant a new key, the one before it being retired as of that time.

    Returns False, and changes nothing, where another one was added at the same moment.
    """
    scope = current_scope()
    try:
        with transaction.atomic(using=scope.alias if scope else None):
            SigningKey.objects.filter(retired_at__isnull=True).update(retired_at=retire_at, version=F("version") + 1)
            SigningKey.objects.create(kid=kid, sealed_private_key=sealed, public_jwk=dict(public_jwk))
    except IntegrityError:
        return False
    return True


def replace_seal(*, kid: str, sealed: str) -> None:
    """Keep a private key of the scope's tenant under another seal."""
    SigningKey.objects.filter(kid=kid).update(sealed_private_key=sealed, version=F("version") + 1)
