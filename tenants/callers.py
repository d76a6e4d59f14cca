"""Who asks at a door: an app by its token, or nobody known.

A process keeps the tokens of a tenant until one of them, or an app, changes: a caller with a token costs a look at
one version and no SQL, one with a wrong token no more, and a token that is revoked is refused by the next request of
every process. A request without credentials costs nothing.
"""

from dataclasses import dataclass
from typing import NamedTuple

from django.http import HttpRequest

from commerce.cache import versions
from commerce.cache.versions import Seen
from commerce.db import replicas
from commerce.db.positions import AHEAD_OF_ALL, Position
from commerce.db.scope import tenant_scope
from tenants import queries
from tenants.queries import AppRow, TenantRecord
from tenants.tokens import digest_of, split_token

# Headers that tell who is asking; the second counts where both are sent.
CREDENTIALS = ("HTTP_AUTHORIZATION", "HTTP_AUTHORIZATION_BEARER")
TOPICS = ("apps",)
# Shops whose tokens one process keeps; beyond that it begins anew.
MOST = 2_000


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and what they may do in the dialect's names."""

    app: AppRow | None = None
    permissions: frozenset[str] = frozenset()

    @property
    def actor(self) -> str:
        """How events name the caller: "app:<id>", empty for nobody known."""
        return f"app:{self.app.id}" if self.app else ""


ANONYMOUS = Caller()


class _Kept(NamedTuple):
    callers: dict[str, Caller]
    since: Position


_kept: dict[int, _Kept] = {}


def authenticate(request: HttpRequest, shop: TenantRecord) -> Caller:
    """Return who sent a request to a tenant's host; a token that is not this tenant's, or no more, is nobody's.

    Call it outside a scope. At most one statement, on the primary or on a replica that has all tokens.
    """
    token = _token(request)
    if token is None:
        return ANONYMOUS
    secret = split_token(token, shop.public_id)
    return ANONYMOUS if secret is None else _callers(shop.id).get(digest_of(secret), ANONYMOUS)


def _token(request: HttpRequest) -> str | None:
    """Return the token in the headers of a request, if there is one."""
    bare = request.META.get("HTTP_AUTHORIZATION_BEARER")
    if bare is not None:
        return str(bare).strip()
    scheme, _, token = str(request.META.get("HTTP_AUTHORIZATION", "")).strip().partition(" ")
    return token.strip() if scheme.lower() in ("bearer", "jwt") and token else None


def _callers(tenant: int) -> dict[str, Caller]:
    """Return who may ask a tenant, by the digests of their tokens, as it is now."""
    seen = versions.look(tenant, TOPICS)
    kept = _kept.get(tenant)
    if kept and seen and seen.newest <= kept.since:
        return kept.callers
    callers, is_current = _read(tenant, seen)
    if seen is None or not is_current:
        _kept.pop(tenant, None)
    else:
        if len(_kept) >= MOST:
            _kept.clear()
        _kept[tenant] = _Kept(callers, seen.since)
    return callers


def _read(tenant: int, seen: Seen | None) -> tuple[dict[str, Caller], bool]:
    """Return a tenant's callers, and whether they were read where everything is that was seen to be published."""
    since = seen.since if seen else AHEAD_OF_ALL

    def read(alias: str) -> tuple[dict[str, Caller], bool]:
        is_current = replicas.has_replayed(alias, since)
        with tenant_scope(tenant, read_only=True, using=alias):
            found = queries.list_active_tokens()
        return {digest: Caller(app, permissions_of(app)) for digest, app in found.items()}, is_current

    return replicas.reading(read, ideally=since)


def permissions_of(app: AppRow) -> frozenset[str]:
    """Return what an app may do, and that it is one."""
    return frozenset((*app.permissions, "AUTHENTICATED_APP"))
