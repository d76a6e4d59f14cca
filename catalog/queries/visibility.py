"""What is seen of the catalogue: in a channel what its shoppers see; for whoever manages products, hidden things too.

Those see in a channel all that is offered there, published or not, and in no channel at all (EVERYWHERE) every object,
without prices. Whatever is seen, a statement takes the same parameters.
"""

from functools import cache
from typing import Literal, NamedTuple

from tenants.queries import EVERYWHERE, ChannelRow

Flag = Literal["is_published", "is_visible"]

_WINDOW = "l.channel_id = %s AND l.valid_from <= %s AND l.valid_to > %s"
# Every product with an empty listing row. Its condition holds, and takes the parameters of the others.
_UNLISTED = """(SELECT p.id AS product_id, NULL::uuid AS channel_id, NULL::text AS currency,
  NULL::bigint AS price_min, NULL::bigint AS price_max, NULL::bigint AS undiscounted_min,
  NULL::bigint AS undiscounted_max, false AS on_sale, NULL::boolean AS in_stock,
  NULL::boolean AS is_purchasable, false AS is_visible,
  0::float8 AS rank, p.created_at AS newest_at, coalesce(p.rating, 0) AS rating FROM catalog_product p) l"""
_ANY = "num_nulls(%s::uuid, %s::timestamptz, %s::timestamptz) = 0"


class Listings(NamedTuple):
    """Listing rows as `l`: where they come from, and which ones are seen. Parameters: channel, instant, instant."""

    source: str
    where: str


Sight = Literal["shoppers", "channel", "everywhere"]


def sight(channel: ChannelRow) -> Sight:
    """Return what is seen of a channel."""
    if not channel.shows_all:
        return "shoppers"
    return "everywhere" if channel == EVERYWHERE else "channel"


@cache
def listings(seen: Sight, flag: Flag) -> Listings:
    """Return the listing rows that are seen now; `flag` is what a row must say for shoppers."""
    match seen:
        case "shoppers":
            return Listings("catalog_listing l", f"{_WINDOW} AND l.price_min IS NOT NULL AND l.{flag}")
        case "channel":
            return Listings("catalog_listing l", _WINDOW)
    return Listings(_UNLISTED, _ANY)


_COLLECTION = """EXISTS (
  SELECT FROM catalog_collectionpublication pub WHERE pub.collection_id = c.id AND pub.channel_id = %s
  AND {} OFFSET 0)"""
_IS_PUBLISHED = "pub.is_published AND (pub.published_at IS NULL OR pub.published_at <= %s)"
COLLECTIONS: dict[Sight, str] = {
    "shoppers": _COLLECTION.format(_IS_PUBLISHED),
    "channel": _COLLECTION.format("%s::timestamptz IS NOT NULL"),
    "everywhere": "num_nulls(%s::uuid, %s::timestamptz) = 0",
}
# That shoppers of some channel see it; takes the same parameters.
SHOWN_ANYWHERE = f"""EXISTS (
  SELECT FROM catalog_collectionpublication pub WHERE pub.collection_id = c.id AND %s::uuid IS NOT NULL
  AND {_IS_PUBLISHED} OFFSET 0)"""
