"""A shop made from a seed: its products and all that hangs on them, without a database.

Product `i` is the same in every shop that is large enough to have it. The loader writes these facts down,
and the answers that are expected are computed from them.
"""

# ruff: noqa: SIM905 - words read better without quotes and commas
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from uuid import UUID

SEED = 20_003
OPENED_AT = datetime(2025, 1, 1, tzinfo=UTC)
LATER = datetime(2100, 1, 1, tzinfo=UTC)
FIRST_MILLISECOND = 0x0194_0000_0000  # of the ids, which are UUIDs of version 7

# What an id is of. A product's parts are numbered in tens of it.
KINDS = (
    "product type attribute value category collection warehouse publication variant price stock media "
    "collection_publication collection_product type_attribute translation"
).split()
PARTS = 10


@dataclass(frozen=True)
class Market:
    """A channel: prices there are the dollars times `rate`, rounded half up."""

    slug: str
    currency: str
    country: str
    language: str
    rate: int  # per cent


US = Market("default-channel", "USD", "US", "en", 100)
EU = Market("europe", "EUR", "NL", "nl", 92)
MARKETS = (US, EU)

_ADJECTIVES = """Amber Ancient Azure Bold Brave Bright Calm Clear Cosy Crisp Deep Early Fair Fine Fresh Gentle
Golden Grand Happy Ivory Keen Light Little Lively Lucky Mild Modern Noble Plain Proud Quick Quiet Rapid Rich Royal
Rustic Silent Smooth Sunny Warm""".split()
_MATERIALS = """Ash Bamboo Brass Ceramic Copper Cork Cotton Felt Glass Hemp Leather Linen Marble Oak Paper Silk
Steel Walnut Wicker Wool""".split()
NOUNS = """Apron Armchair Backpack Basket Bench Blanket Bookcase Bottle Bowl Bracelet Broom Brush Bucket Cabinet
Candle Cape Carafe Carpet Chair Clock Coaster Cradle Cup Curtain Cushion Desk Dish Drawer Easel Fan Frame Globe
Glove Hammock Hat Jar Jug Kettle Lamp Ladle Mirror Mug Napkin Necklace Notebook Pan Pillow Pitcher Plate Pouch
Purse Rack Saddle Scarf Shelf Stool Table Towel Tray Vase""".split()
_SENTENCE = "Made with care, easy to keep clean, and sent within a day in a box that can be used again."

ROOTS, BELOW_ROOT, BELOW_MIDDLE = 8, 4, 3
LEAVES = ROOTS * BELOW_ROOT * BELOW_MIDDLE
COLLECTIONS = 20
TYPES = 5
BRANDS = tuple(f"{word} Works" for word in _ADJECTIVES)
COLOURS = tuple(f"{word} Blue" for word in _ADJECTIVES[:20])
WEIGHTS = tuple(range(100, 2100, 10))
SIZES = ("XXS", "XS", "S", "M", "L", "XL", "XXL", "3XL")


@dataclass(frozen=True)
class Attribute:
    """An attribute with its values, whose numbers count on from `first`."""

    number: int
    slug: str
    name: str
    input_type: str
    values: tuple[str | int, ...]
    first: int
    on_variants: bool = False


ATTRIBUTES = (
    Attribute(0, "brand", "Brand", "dropdown", BRANDS, 0),
    Attribute(1, "colour", "Colour", "dropdown", COLOURS, 100),
    Attribute(2, "weight", "Weight", "numeric", WEIGHTS, 200),
    Attribute(3, "size", "Size", "dropdown", SIZES, 500, on_variants=True),
)
BRAND, COLOUR, WEIGHT, SIZE = ATTRIBUTES


@dataclass(frozen=True)
class Category:
    """A node of the tree, numbered over all levels."""

    number: int
    parent: int | None
    level: int
    position: int
    name: str
    slug: str


def _categories() -> Iterator[Category]:
    number = 0
    for root in range(ROOTS):
        above = number
        yield Category(above, None, 0, root, f"Room {root + 1}", f"room-{root + 1}")
        number += 1
        for middle in range(BELOW_ROOT):
            between = number
            name = f"Room {root + 1} part {middle + 1}"
            yield Category(between, above, 1, middle, name, name.lower().replace(" ", "-"))
            number += 1
            for leaf in range(BELOW_MIDDLE):
                deep = f"{name} row {leaf + 1}"
                yield Category(number, between, 2, leaf, deep, deep.lower().replace(" ", "-"))
                number += 1


CATEGORIES = tuple(_categories())
_LEAVES = tuple(category.number for category in CATEGORIES if category.level == 2)


@dataclass(frozen=True, slots=True)
class Variant:
    position: int
    sku: str
    name: str
    size: int
    cents: int
    on_hand: int


@dataclass(frozen=True, slots=True)
class Product:
    """A product; prices are in cents of a dollar."""

    number: int
    name: str
    slug: str
    words: tuple[str, str, str]
    type: int
    category: int
    brand: int
    colour: int
    weight: int
    rating: float
    media: int
    variants: tuple[Variant, ...]

    @property
    def text(self) -> str:
        return f"{self.name}. {_SENTENCE} {_SENTENCE} Number {self.number}."

    @property
    def created_at(self) -> datetime:
        return OPENED_AT + timedelta(minutes=self.number)

    @property
    def published_at(self) -> datetime | None:
        """Nothing for most; a few are published in the next century."""
        if self.number % 100 == 98:
            return LATER
        return self.created_at + timedelta(hours=1) if self.number % 3 == 0 else None

    @property
    def is_hidden(self) -> bool:
        """Whether lists leave it out, though it has a page."""
        return self.number % 50 == 49

    def is_published(self, market: Market) -> bool:
        return market is US or self.number % 20 != 19

    @property
    def is_listed(self) -> bool:
        """Whether lists of the first market show it today."""
        return not self.is_hidden and self.published_at != LATER

    @property
    def in_stock(self) -> bool:
        return any(variant.on_hand for variant in self.variants)

    @property
    def collection(self) -> int | None:
        """One in ten products is in one of the collections."""
        return self.number % COLLECTIONS if self.number // COLLECTIONS % 10 == 0 else None

    @property
    def translated_name(self) -> str | None:
        return f"{self.words[2]} van {self.words[1]} {self.number}" if self.number % 3 == 0 else None

    def prices(self, market: Market) -> list[int]:
        return [price(variant.cents, market) for variant in self.variants]

    @property
    def groups(self) -> list[int]:
        """The category and all above it."""
        found, node = [], CATEGORIES[self.category]
        while node.parent is not None:
            found.append(node.number)
            node = CATEGORIES[node.parent]
        return [*found, node.number]


def price(cents: int, market: Market) -> int:
    """Return what so many cents of a dollar are in a market, in its minor unit."""
    return (cents * market.rate + 50) // 100


def make_product(number: int) -> Product:
    """Return the product of this number."""
    chance = random.Random(SEED * 1_000_003 + number)
    words = (chance.choice(_ADJECTIVES), chance.choice(_MATERIALS), chance.choice(NOUNS))
    name = f"{' '.join(words)} {number}"
    base, first = chance.randrange(199, 50_000), chance.randrange(len(SIZES))
    variants = tuple(
        Variant(
            position=position,
            sku=f"SKU-{number}-{position}",
            name=f"{name} {SIZES[(first + position) % len(SIZES)]}",
            size=(first + position) % len(SIZES),
            cents=base + 150 * position,
            on_hand=0 if chance.random() < 0.15 else chance.randrange(1, 60),
        )
        for position in range(chance.randrange(1, 5))
    )
    return Product(
        number=number,
        name=name,
        slug=name.lower().replace(" ", "-"),
        words=words,
        type=number % TYPES,
        category=chance.choice(_LEAVES),
        brand=chance.randrange(len(BRANDS)),
        colour=chance.randrange(len(COLOURS)),
        weight=chance.randrange(len(WEIGHTS)),
        rating=chance.randrange(11) / 2,
        media=chance.randrange(1, 4),
        variants=variants,
    )


def id_prefix(number: int) -> str:
    """Return the first 12 hexadecimal digits of the ids of what has this number."""
    return f"{FIRST_MILLISECOND + number:012x}"


def id_suffix(tenant_id: int) -> str:
    """Return the last 16 hexadecimal digits of the ids of a tenant's objects."""
    return f"8{tenant_id:015x}"


def make_id(kind: str, number: int, tenant_id: int) -> UUID:
    """Return the id, a UUID of version 7, of an object of one of KINDS."""
    return UUID(f"{id_prefix(number)}7{KINDS.index(kind):03x}{id_suffix(tenant_id)}")


@dataclass(frozen=True)
class Facts:
    """A shop with so many products."""

    size: int

    @cached_property
    def products(self) -> list[Product]:
        return [make_product(number) for number in range(self.size)]

    @cached_property
    def listed(self) -> list[Product]:
        """The products that lists of the first market show, by name: words in order, numbers by value."""
        shown = [product for product in self.products if product.is_listed]
        return sorted(shown, key=lambda product: (product.words, product.number))


# --- The sets of shops ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Town:
    """The shops of one database: `shops` are (how many, with how many products each), the first is asked."""

    name: str
    shops: tuple[tuple[int, int], ...]
    domain: str = "bench.test"

    def host(self, number: int) -> str:
        """Return the host of a shop by its place in `sizes`."""
        return f"shop-{number}.{self.domain}"

    @property
    def sizes(self) -> list[int]:
        """The number of products of each shop."""
        return [size for count, size in self.shops for _ in range(count)]

    @property
    def is_searched(self) -> bool:
        """Whether searches are measured in it: a large shop beside smaller ones."""
        return len(self.shops) > 1

    @property
    def words(self) -> str:
        return " beside ".join(f"{count:,} of {size:,}" for count, size in self.shops)


@dataclass(frozen=True)
class Plan:
    """What a run of the bench measures: so many times for so many seconds each."""

    main: Town
    by_shops: tuple[Town, ...]
    by_size: tuple[Town, ...]
    rounds: int
    seconds: float

    @property
    def towns(self) -> list[Town]:
        return [self.main, *self.by_shops, *self.by_size]


def _plan(
    prefix: str, main: tuple[tuple[int, int], ...], shops: tuple[int, ...], of: int, sizes: tuple[int, ...]
) -> Plan:
    return Plan(
        Town(f"{prefix}_main", main),
        tuple(Town(f"{prefix}_shops_{count}", ((count, of),)) for count in shops),
        tuple(Town(f"{prefix}_size_{size}", ((1, size),)) for size in sizes),
        rounds=3,
        seconds=2,
    )


FULL = _plan("bench", ((1, 20_000), (49, 2_000)), (1, 50, 500), 2_000, (1_000, 20_000, 200_000))
QUICK = replace(_plan("quick", ((1, 4_000), (9, 400)), (1, 20), 400, (1_000, 10_000)), rounds=1, seconds=1)
