"""Who asks at a door: an app by its token, or nobody known.

A process keeps the tokens of a tenant until one of them, or an app, changes: a caller with a token costs a look at
one version and no SQL, one with a wrong token no more, and a token that is revoked is refused by the next request of
every process. A request without credentials costs nothing.
"""

from dataclasses import dataclass

from django.http import HttpRequest

from commerce.cache.remembered import Remembered
from commerce.db.scope import tenant_scope
from tenants import queries
from tenants.queries import AppRow, TenantRecord
from tenants.scopes import narrow
from tenants.tokens import digest_of, split_token

# Headers that tell who is asking; the second counts where both are sent.
CREDENTIALS = ("HTTP_AUTHORIZATION", "HTTP_AUTHORIZATION_BEARER")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and what they may do in the dialect's names.

    `scopes` are those of the token, of which `permissions` is what they leave of the app's own.
    """

    app: AppRow | None = None
    permissions: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()

    @property
    def actor(self) -> str:
        """How events name the caller: "app:<id>", empty for nobody known."""
        return f"app:{self.app.id}" if self.app else ""


ANONYMOUS = Caller()


_tokens: Remembered[int, dict[str, Caller]] = Remembered(["apps"], most=2_000)  # shops


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

    def read(alias: str) -> dict[str, Caller]:
        with tenant_scope(tenant, read_only=True, using=alias):
            found = queries.list_active_tokens()
        return {
            digest: Caller(app, narrow(permissions_of(app), scopes), frozenset(scopes))
            for digest, (app, scopes) in found.items()
        }

    return _tokens.get(tenant, tenant=tenant, read=read)


def permissions_of(app: AppRow) -> frozenset[str]:
    """Return what an app may do, and that it is one."""
    return frozenset((*app.permissions, "AUTHENTICATED_APP"))
