"""What a change of a shop's languages means to the catalogue: other names to order by, other words to find by."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from catalog.models import ProductPublication
from catalog.operations.listings import refresh_products
from catalog.search import pending
from tenants import operations as tenants
from tenants import queries

BATCH = 1000


def set_chain(*, language: str, fallbacks: Sequence[str] | None, now: datetime) -> list[str]:
    """Have the words of a language that there are none of be looked for in these; None: in those that CLDR says.

    Returns the chain as it is from now on, the shop's own language last. Lists and searches follow. Raises DomainError.
    """
    if fallbacks is None:
        tenants.remove_chain(language=language)
    else:
        tenants.set_chain(language=language, fallbacks=fallbacks)
    cleaned = tenants.clean_language(language)
    follow_chain(cleaned, now=now)
    return list(queries.get_offer().chain(cleaned))


def follow_chain(language: str, *, now: datetime) -> None:
    """Bring lists and searches up to date with a language whose chain is another one than before."""
    for channel in queries.list_channel_rows():
        if language in channel.languages:
            follow_languages(channel.id, now=now)


def follow_languages(channel_id: UUID, *, now: datetime) -> None:
    """Write down the order of names in a channel's languages: about a second for 20,000 products.

    Documents follow soon, by a worker.
    """
    published = ProductPublication.objects.filter(channel_id=channel_id).order_by("product_id")
    products = list(published.values_list("product_id", flat=True))
    for start in range(0, len(products), BATCH):
        refresh_products(products[start : start + BATCH], now=now)
    pending.write_all()  # products are found in other languages than before
