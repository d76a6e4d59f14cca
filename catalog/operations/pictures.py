"""Which pictures of a product show a variant, of many variants at once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from catalog.models import VariantMedia
from commerce.db.topics import about


@dataclass(slots=True)
class PictureChanges:
    """Pairs of a variant and a picture to be written, and to be taken away."""

    wanted: list[tuple[UUID, UUID]] = field(default_factory=list)
    gone: list[tuple[UUID, UUID]] = field(default_factory=list)

    @property
    def variants(self) -> set[UUID]:
        """The variants of which something differs."""
        return {variant_id for variant_id, _ in (*self.wanted, *self.gone)}

    def write(self, products: Iterable[UUID]) -> None:
        """Write them; the variants' versions and events are the caller's, `products` those that they are of."""
        with about("product", products):
            for variant_id, media_id in self.gone:
                VariantMedia.objects.filter(variant_id=variant_id, media_id=media_id).delete()
            if self.wanted:
                VariantMedia.objects.bulk_create(
                    [VariantMedia(variant_id=one, media_id=other) for one, other in self.wanted], ignore_conflicts=True
                )


def compare_pictures(wanted: Mapping[UUID, set[UUID]]) -> PictureChanges:
    """Return what differs between these pictures, all that are to show each variant, and those that do."""
    if not wanted:
        return PictureChanges()
    held = set(VariantMedia.objects.filter(variant_id__in=list(wanted)).values_list("variant_id", "media_id"))
    all_wanted = {(variant_id, media_id) for variant_id, ids in wanted.items() for media_id in ids}
    return PictureChanges(sorted(all_wanted - held), sorted(held - all_wanted))
