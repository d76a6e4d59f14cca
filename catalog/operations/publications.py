"""In which channels many products are shown and sold, at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from catalog.models import ProductPublication
from commerce.db.topics import about

_COLUMNS = (
    "is_published",
    "published_at",
    "visible_in_listings",
    "is_available_for_purchase",
    "available_for_purchase_at",
)


@dataclass(slots=True)
class PublicationChanges:
    """Publications to be written, and to be taken away."""

    wanted: list[ProductPublication] = field(default_factory=list)
    gone: list[ProductPublication] = field(default_factory=list)

    @property
    def products(self) -> set[UUID]:
        """The products of which something differs."""
        return {one.product_id for one in (*self.wanted, *self.gone)}

    def write(self) -> None:
        """Write them; the products' versions, events and listings are the caller's. Two statements at most."""
        with about("product", self.products):
            if self.gone:
                ProductPublication.objects.filter(id__in=[one.id for one in self.gone]).delete()
            if self.wanted:
                ProductPublication.objects.bulk_create(
                    self.wanted,
                    update_conflicts=True,
                    unique_fields=["tenant_id", "product", "channel"],
                    update_fields=[*_COLUMNS, "updated_at"],
                )


def compare_publications(wanted: Mapping[UUID, Sequence[ProductPublication]]) -> PublicationChanges:
    """Return what differs between these publications, all that each product is to have, and those that there are."""
    changes = PublicationChanges()
    if not wanted:
        return changes
    held = {
        (one.product_id, one.channel_id): one for one in ProductPublication.objects.filter(product_id__in=list(wanted))
    }
    for product_id, publications in wanted.items():
        for one in publications:
            one.product_id = product_id
            old = held.pop((product_id, one.channel_id), None)
            if old is None or any(getattr(old, name) != getattr(one, name) for name in _COLUMNS):
                changes.wanted.append(one)
    changes.gone = list(held.values())
    return changes
