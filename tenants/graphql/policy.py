"""What a shop allows at its GraphQL door: its limits, documents, plan, and whoever holds one of its tokens."""

from collections.abc import Callable
from functools import lru_cache, partial
from hmac import compare_digest
from typing import NoReturn, TypeVar

from django.conf import settings
from django.http import HttpRequest

from commerce.addresses import client_of
from commerce.db import replicas
from commerce.db.scope import tenant_scope
from commerce.graphql.limits import Limits
from commerce.graphql.policy import Policy
from commerce.graphql.transport import BadRequest, pay
from commerce.ratelimit import Allowance, plan_limit
from tenants import queries
from tenants.callers import CREDENTIALS
from tenants.queries import TenantRecord
from tenants.tokens import digest_of

STOREFRONT_TOKEN = "X-Storefront-Token"  # noqa: S105  the header's name
MAX_KEPT = 10_000  # shops
T = TypeVar("T")

_UNLIMITED = Allowance()
_digests: dict[tuple[int, int], list[str]] = {}


def policy_of(request: HttpRequest, shop: TenantRecord, base: Limits) -> Policy:
    """Return what a shop allows to a request; `base` are the limits of shops that have none of their own.

    A client is limited by its address, and one with a storefront token, who renders for many shoppers, with its
    shop alone. Raises BadRequest for a token that is not this shop's, for which the client pays.
    """
    is_storefront = _is_storefront(request, shop)
    has_credentials = any(name in request.META for name in CREDENTIALS)
    return Policy(
        limits=_own_limits(base, tuple(shop.limits.items())) if shop.limits else base,
        tenant=shop.id,
        surrogate=str(shop.public_id),
        documents_only=shop.documents_only,
        documents_version=shop.door_version,
        read_document=partial(_read_document, shop.id),
        allowance=_allowance(request, shop, is_storefront) if settings.RATE_LIMIT else _UNLIMITED,
        has_credentials=has_credentials,
        by_language=not shop.host_language,
    )


def _allowance(request: HttpRequest, shop: TenantRecord, is_storefront: bool) -> Allowance:
    client = None if is_storefront else client_of(request)
    return Allowance.of(tenant=shop.id, client=client, per_minute=plan_limit(shop.plan))


@lru_cache(maxsize=MAX_KEPT)
def _own_limits(base: Limits, own: tuple[tuple[str, int], ...]) -> Limits:
    return base.with_values(dict(own))


def _is_storefront(request: HttpRequest, shop: TenantRecord) -> bool:
    token = request.headers.get(STOREFRONT_TOKEN)
    if token is None:
        return False
    owner, _, secret = token.partition(".")
    digest = digest_of(secret)
    known = [compare_digest(digest, kept) for kept in _token_digests(shop)]
    if owner != str(shop.public_id) or not any(known):
        _refuse_token(_allowance(request, shop, is_storefront=False))
    return True


def _refuse_token(allowance: Allowance) -> NoReturn:
    check = pay(allowance)
    raise BadRequest(
        f"{STOREFRONT_TOKEN} holds no token of this shop, or one that was revoked: "
        "`manage.py tenant storefront-token` makes another.",
        401,
        check,
    )


def _token_digests(shop: TenantRecord) -> list[str]:
    """Return the digests of a shop's tokens, read once per process until one of them changes."""
    place = (shop.id, shop.door_version)
    digests = _digests.get(place)
    if digests is None:
        if len(_digests) >= MAX_KEPT:
            _digests.clear()
        digests = _digests[place] = _read(shop.id, queries.list_token_digests)
    return digests


def _read_document(tenant: int, key: str) -> str | None:
    return _read(tenant, partial(queries.find_document, key))


def _read(tenant: int, query: Callable[[], T]) -> T:
    """Read on the primary, as a replica may not have yet what the shop's record tells of; on one while it is gone."""

    def read(alias: str) -> T:
        with tenant_scope(tenant, read_only=True, using=alias):
            return query()

    return replicas.reading_primary(read)
