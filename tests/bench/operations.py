"""What a storefront asks, with the answers that the facts of the shop lead to."""

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from catalog.values import editorjs
from tests.bench import facts
from tests.bench.facts import CATEGORIES, US, Facts, Product, make_id
from tests.bench.rows import name_key, thumbnail_file

PAGE = 24
PAGES = 20


@dataclass(frozen=True)
class Budget:
    """Milliseconds of CPU and statements that a request may take; None: nothing is promised."""

    server: float | None = None
    postgres: float | None = None
    statements: int | None = None


@dataclass
class Ask:
    """A request and whether its answer is right.

    `check` takes the data of the answer and returns what is wrong, or "". Where `follows`, its variable
    `after` is the cursor at which the answer before ended.
    """

    variables: dict[str, Any]
    check: Callable[[Any], str]
    limit: dict[str, Any] = field(default_factory=dict)
    follows: bool = False


@dataclass(frozen=True)
class Shop:
    """The shop that is asked."""

    facts: Facts
    tenant_id: int
    public_id: UUID
    host: str

    def id(self, kind: str, number: int, type_name: str) -> str:
        key = make_id(kind, number, self.tenant_id)
        return base64.b64encode(f"{type_name}:{key}".encode()).decode()


@dataclass(frozen=True)
class Operation:
    """An operation of a storefront, with its budget where nothing is cached and where all is."""

    name: str
    title: str
    document: str
    asks: Callable[[Shop], list[Ask]]
    uncached: Budget
    cached: Budget


# --- Answers ----------------------------------------------------------------------------------------------


def _equal(wanted: Any) -> Callable[[Any], str]:
    def check(data: Any) -> str:
        return _difference(data, wanted)

    return check


def _difference(found: Any, wanted: Any, at: str = "data") -> str:
    """Return where two answers differ, cursors aside, or ""."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        missing = wanted.keys() ^ (found.keys() - {"endCursor"})
        if missing:
            return f"{at}: {sorted(missing)} on one side only"
        parts = [(f"{at}.{key}", found[key], wanted[key]) for key in wanted]
    elif isinstance(wanted, list) and isinstance(found, list):
        if len(found) != len(wanted):
            return f"{at}: {len(found)} instead of {len(wanted)}"
        parts = [(f"{at}[{i}]", *pair) for i, pair in enumerate(zip(found, wanted, strict=True))]
    else:
        return "" if found == wanted else f"{at}: {found!r} instead of {wanted!r}"
    return next((text for name, one, other in parts if (text := _difference(one, other, name))), "")


def _money(minor: int) -> dict[str, Any]:
    return {"gross": {"amount": minor / 100, "currency": US.currency}}


def _pricing(product: Product) -> dict[str, Any]:
    prices = product.prices(US)
    return {"onSale": False, "priceRange": {"start": _money(min(prices)), "stop": _money(max(prices))}}


def _category(shop: Shop, number: int) -> dict[str, Any]:
    category = CATEGORIES[number]
    return {"id": shop.id("category", number, "Category"), "name": category.name, "slug": category.slug}


def _picture(shop: Shop, product: Product, position: int, size: int) -> dict[str, Any]:
    url = f"http://{shop.host}/media/{shop.public_id}/{thumbnail_file(product, position, size)}"
    return {"url": url, "alt": product.name}


def _card(shop: Shop, product: Product) -> dict[str, Any]:
    return {
        "id": shop.id("product", product.number, "Product"),
        "name": product.name,
        "slug": product.slug,
        "category": _category(shop, product.category),
        "thumbnail": _picture(shop, product, 0, 256),
        "pricing": _pricing(product),
    }


def _list(shop: Shop, found: list[Product], start: int = 0, **more: Any) -> dict[str, Any]:
    """Return the answer of a page of a list that has these products in all."""
    edges = [{"node": _card(shop, product)} for product in found[start : start + PAGE]]
    return {"products": {"pageInfo": {"hasNextPage": start + PAGE < len(found)}, "edges": edges, **more}}


# --- Lists ------------------------------------------------------------------------------------------------

CARD = """pageInfo { hasNextPage endCursor } edges { node {
  id name slug category { id name slug } thumbnail(size: 256) { url alt }
  pricing { onSale priceRange { start { gross { amount currency } } stop { gross { amount currency } } } } } }"""
LIST = f"""query List($after: String) {{ products(first: {PAGE}, after: $after, channel: "{US.slug}",
  sortBy: {{field: NAME, direction: ASC}}) {{ {CARD} }} }}"""
COUNTED = LIST.replace("query List", "query Counted").replace("pageInfo", "totalCount pageInfo", 1)
FILTERED = f"""query Filtered($filter: ProductFilterInput) {{ products(first: {PAGE}, channel: "{US.slug}",
  filter: $filter, sortBy: {{field: PRICE, direction: ASC}}) {{ {CARD} }} }}"""
SEARCH = f"""query Search($text: String) {{ products(first: {PAGE}, channel: "{US.slug}", search: $text) {{
  {CARD} }} }}"""


def _pages(shop: Shop, **more: Any) -> Iterator[Ask]:
    listed = shop.facts.listed
    for start in range(0, min(PAGES * PAGE, len(listed)), PAGE):
        yield Ask({}, _equal(_list(shop, listed, start, **more)), _place(shop, start), follows=start > 0)


def _place(shop: Shop, start: int) -> dict[str, Any]:
    """Return where the page before ends, as the limit is told it."""
    if not start:
        return {}
    before = shop.facts.listed[start - 1]
    return {"key": name_key(before, US).hex(), "id": str(make_id("product", before.number, shop.tenant_id))}


def _plain_list(shop: Shop) -> list[Ask]:
    return list(_pages(shop))


def _counted_list(shop: Shop) -> list[Ask]:
    return list(_pages(shop, totalCount=len(shop.facts.listed)))


def _filtered_list(shop: Shop) -> list[Ask]:
    """Ask for a root category, two colours, in stock, within a range of prices, the cheapest first."""
    return [_filtered(shop, n % facts.ROOTS, {n, (n + 7) % 20}, 5_000 + 100 * n, 30_000) for n in range(PAGES)]


def _filtered(shop: Shop, root: int, colours: set[int], least: int, most: int) -> Ask:
    group = root * (1 + facts.BELOW_ROOT * (1 + facts.BELOW_MIDDLE))
    slugs = sorted(facts.COLOURS[n].lower().replace(" ", "-") for n in colours)
    found = [
        product
        for product in shop.facts.listed
        if product.colour in colours
        and group in product.groups
        and product.in_stock
        and any(least <= price <= most for price in product.prices(US))
    ]
    found.sort(key=lambda product: (min(product.prices(US)), product.number))
    wanted = {
        "categories": [shop.id("category", group, "Category")],
        "attributes": [{"slug": "colour", "values": slugs}],
        "stockAvailability": "IN_STOCK",
        "price": {"gte": least / 100, "lte": most / 100},
    }
    limit = {"group": str(make_id("category", group, shop.tenant_id)), "colours": slugs, "least": least, "most": most}
    return Ask({"filter": wanted}, _equal(_list(shop, found)), limit)


def _search(shop: Shop) -> list[Ask]:
    return [_searched(shop, word.lower()) for word in facts.NOUNS[:PAGES]]


def _searched(shop: Shop, word: str) -> Ask:
    """Ask for a word. Which hits come first is the search's business; each must be one, and be shown rightly."""
    hits = {
        shop.id("product", product.number, "Product"): product
        for product in shop.facts.listed
        if word in product.name.lower().split()
    }

    def check(data: Any) -> str:
        nodes = [edge["node"] for edge in data["products"]["edges"]]
        if len(nodes) != min(PAGE, len(hits)) or len({node["id"] for node in nodes}) != len(nodes):
            return f"{len(nodes)} hits of {len(hits)} for {word!r}"
        if strange := [node["name"] for node in nodes if node["id"] not in hits]:
            return f"{strange} are no hits for {word!r}"
        return _difference(nodes, [_card(shop, hits[node["id"]]) for node in nodes])

    return Ask({"text": word}, check, {"text": word})


# --- One product, the tree, the menu ------------------------------------------------------------------------

PRODUCT = f"""query Product($slug: String) {{ product(slug: $slug, channel: "{US.slug}") {{
  id name slug description seoTitle seoDescription isAvailable category {{ id name slug }}
  thumbnail(size: 1024) {{ url alt }} media {{ url(size: 1024) alt type }}
  attributes {{ attribute {{ id slug name }} values {{ id slug name }} }}
  pricing {{ onSale priceRange {{ start {{ gross {{ amount currency }} }} stop {{ gross {{ amount currency }} }} }} }}
  variants {{ id name sku quantityAvailable pricing {{ price {{ gross {{ amount currency }} }} }}
    attributes(variantSelection: VARIANT_SELECTION) {{ attribute {{ slug name }} values {{ slug name }} }} }} }} }}"""
_NODES = "edges { node { id name slug %s } }"
_LEAVES = f"children(first: 20) {{ {_NODES % ''} }}"
_MIDDLE = f"children(first: 20) {{ {_NODES % _LEAVES} }}"
TREE = f"query Tree {{ categories(first: 20, level: 0) {{ {_NODES % _MIDDLE} }} }}"


def _product_page(shop: Shop) -> list[Ask]:
    step = max(len(shop.facts.listed) // 100, 1)
    return [_one_product(shop, product) for product in shop.facts.listed[::step][:100]]


def _one_product(shop: Shop, product: Product) -> Ask:
    def check(data: Any) -> str:
        found = dict(data["product"] or {})
        found["description"] = json.loads(found.get("description") or "null")  # JSON in JSON, spaced as it likes
        return _difference(found, _product(shop, product))

    return Ask({"slug": product.slug}, check, {"slug": product.slug})


def _product(shop: Shop, product: Product) -> dict[str, Any]:
    pictures = [_picture(shop, product, position, 1024) for position in range(product.media)]
    held = [(facts.BRAND, product.brand), (facts.COLOUR, product.colour), (facts.WEIGHT, product.weight)]
    return {
        **_card(shop, product),
        "description": editorjs(product.text),
        "seoTitle": None,
        "seoDescription": None,
        "isAvailable": product.in_stock,
        "thumbnail": pictures[0],
        "media": [{**picture, "type": "IMAGE"} for picture in pictures],
        "attributes": [
            {
                "attribute": {
                    "id": shop.id("attribute", attribute.number, "Attribute"),
                    "slug": attribute.slug,
                    "name": attribute.name,
                },
                "values": [
                    {
                        "id": shop.id("value", attribute.first + value, "AttributeValue"),
                        **_named(attribute, value),
                    }
                ],
            }
            for attribute, value in held
        ],
        "variants": [
            {
                "id": shop.id("variant", product.number * facts.PARTS + variant.position, "ProductVariant"),
                "name": variant.name,
                "sku": variant.sku,
                "quantityAvailable": min(variant.on_hand, 50),
                "pricing": {"price": _money(variant.cents)},
                "attributes": [
                    {"attribute": {"slug": "size", "name": "Size"}, "values": [_named(facts.SIZE, variant.size)]}
                ],
            }
            for variant in product.variants
        ],
    }


def _named(attribute: facts.Attribute, value: int) -> dict[str, Any]:
    name = str(attribute.values[value])
    return {"slug": name.lower().replace(" ", "-"), "name": name}


def _tree(shop: Shop) -> list[Ask]:
    def below(parent: int | None) -> dict[str, Any]:
        nodes = []
        for category in CATEGORIES:
            if category.parent == parent:
                node = _category(shop, category.number)
                if category.level < 2:
                    node["children"] = below(category.number)
                nodes.append({"node": node})
        return {"edges": nodes}

    return [Ask({}, _equal({"categories": below(None)}))]


OPERATIONS = (
    Operation("list", "list of 24", LIST, _plain_list, Budget(3, 1.5, 6), Budget(0.6, None, 0)),
    Operation("filtered", "filtered, sorted list", FILTERED, _filtered_list, Budget(None, 12), Budget(0.6, None, 0)),
    Operation("counted", "list with totalCount", COUNTED, _counted_list, Budget(3, 1.5 + 5, 7), Budget(0.6, None, 0)),
    Operation("product", "product page", PRODUCT, _product_page, Budget(3, 1.5, 8), Budget(0.6, None, 0)),
    Operation("search", "search, 24 hits", SEARCH, _search, Budget(3.5, 3), Budget(0.6, None, 0)),
    Operation("categories", "categories, 3 levels", TREE, _tree, Budget(), Budget(0.6, None, 0)),
)
