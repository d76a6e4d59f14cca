"""In which language an operation's plain words are given: that of the host, or the one that its reader prefers.

A process keeps the languages that a shop offers until a channel or a chain of languages changes: whoever sends a
preference costs a look at two versions and no SQL, and whoever sends none costs nothing.
"""

from collections.abc import Collection

from django.http import HttpRequest

from commerce.cache.remembered import Remembered
from commerce.db.scope import tenant_scope
from tenants import queries
from tenants.languages import Offer, read_preference
from tenants.queries import TenantRecord

# Whoever may change words is shown the very words that would be changed.
EDITORS = frozenset(
    {
        "MANAGE_MENUS",
        "MANAGE_PAGES",
        "MANAGE_PAGE_TYPES_AND_ATTRIBUTES",
        "MANAGE_PRODUCTS",
        "MANAGE_PRODUCT_TYPES_AND_ATTRIBUTES",
        "MANAGE_TRANSLATIONS",
    }
)
_offers: Remembered[tuple[int, str], Offer] = Remembered(["channel", "language"], most=2_000)  # shops


def languages_of(request: HttpRequest, shop: TenantRecord, permissions: Collection[str]) -> tuple[str, ...]:
    """Return where plain words are looked for, from the language of the answer to the shop's own.

    () where nobody asks for a language, and for those who may change words. Call it outside a scope. At most two
    statements, and none as long as nothing changes.
    """
    header = "" if shop.host_language else request.META.get("HTTP_ACCEPT_LANGUAGE", "").strip()
    if not (shop.host_language or header not in ("", "*")) or not EDITORS.isdisjoint(permissions):
        return ()
    offer = _offer(shop)
    return offer.chain(shop.host_language) if shop.host_language else read_preference(header, offer)


def _offer(shop: TenantRecord) -> Offer:
    """Return the languages that a shop offers, as they are now."""

    def read(alias: str) -> Offer:
        with tenant_scope(shop.id, read_only=True, using=alias):
            return queries.get_offer(shop.default_language)

    return _offers.get((shop.id, shop.default_language), tenant=shop.id, read=read)
