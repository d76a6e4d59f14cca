"""Lists of variants, whatever their product."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from catalog.queries.conditions import Condition, Every, Pending, contains
from catalog.queries.keyset import Ordering, Source, read_page
from catalog.queries.products import list_variants_by_id, variant_is_shown
from catalog.queries.rows import VariantRow
from catalog.queries.visibility import sight
from commerce.graphql.paging import Page, PageRequest
from tenants.queries import ChannelRow

# Ids are UUIDs of version 7, whose order is that of their creation.
ORDERINGS = {
    "CREATED": Ordering(("c.id",), (UUID,)),
    "LAST_MODIFIED_AT": Ordering(("c.updated_at", "c.id"), (datetime, UUID)),
}
_SOURCE = Source("catalog_variant", "c.id", lambda columns: columns[0])
_HAS_PRICE = """EXISTS (
  SELECT FROM catalog_variantprice price WHERE price.variant_id = c.id AND price.channel_id = %s OFFSET 0)"""


def list_all_variants(
    conditions: Sequence[Pending],
    ordering: str,
    page: PageRequest,
    channel: ChannelRow,
    now: datetime,
    *,
    descending: bool = False,
) -> Page[VariantRow]:
    """Return a page of the variants that are seen in the channel; `ordering` is a name of ORDERINGS."""
    where = Every((*conditions, *_is_seen(channel, now))).bind("")
    found = read_page(_SOURCE, ORDERINGS[ordering], where, page, descending=descending)
    rows = list_variants_by_id(found.rows, channel, now) if found.rows else {}
    return Page(
        [rows[key] for key in found.rows],
        lambda row: _place(found, row),
        found.has_next,
        found.has_previous,
        found.total,
    )


def _place(found: Page[UUID], row: VariantRow) -> tuple[Any, ...]:
    return found.position(next(key for key in found.rows if key == row.id))


def _is_seen(channel: ChannelRow, now: datetime) -> list[Condition]:
    """Return the conditions that the variant `c` is seen: by shoppers, one with a price of a published product."""
    seen = sight(channel)
    shown = f"EXISTS (SELECT FROM (SELECT c.id, c.product_id) v WHERE {variant_is_shown(seen)})"
    priced = [Condition(_HAS_PRICE, (channel.id,))] if seen == "shoppers" else []
    return [*priced, Condition(shown, (channel.id, now, now))]


def matching(text: str) -> Condition:
    """Return the condition that name or SKU of the variant `c` contain a text."""
    pattern = contains(text)
    return Condition("(c.name ILIKE %s OR c.sku ILIKE %s)", (pattern, pattern))
