"""What PostgreSQL burns for every order and every way of narrowing lists of products.

The statements are those of one request to a web process that keeps no answers, read from the log, prepared and with the
plans on which they settle. It is the CPU of the backend that runs them once more, as the kernel counts it (Linux),
without their planning, which happens once, and without the transaction around them.
"""

import http.client
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from commerce.stack.layout import Stack
from tests.bench import facts, ground, statements
from tests.bench.ground import BenchError, Web
from tests.bench.operations import PAGE, Shop
from tests.bench.report import judged
from tests.bench.statements import Statement

BUDGET = 12.0
ROUNDS = 5
DEEP = 8
QUERY = """query Lists($first: Int, $last: Int, $after: String, $before: String, $sortBy: ProductOrder,
  $filter: ProductFilterInput, $where: ProductWhereInput, $search: String) {
  products(first: $first, last: $last, after: $after, before: $before, channel: "default-channel", sortBy: $sortBy,
    filter: $filter, where: $where, search: $search) {
    pageInfo { startCursor endCursor } edges { node { id name } } } }"""
FACETS = """query Facets($filter: ProductFilterInput, $search: String) {
  products(channel: "default-channel", filter: $filter, search: $search) { facets {
    attributes { attribute { slug } values { count value { slug } } } categories { count category { slug } }
    prices { gte lte count } stock { inStock outOfStock } } } }"""


@dataclass(frozen=True, eq=False)
class Case:
    """A list: what it is called, the document and its variables, and the pages of it that are measured."""

    name: str
    variables: Mapping[str, Any] = field(default_factory=dict)
    document: str = QUERY
    pages: tuple[str, ...] = ("first",)
    budget: float | None = BUDGET


@dataclass(frozen=True)
class Cost:
    """What one request took: milliseconds of CPU, statements, buffers."""

    case: Case
    page: str
    milliseconds: float
    statements: int
    buffers: int


def cases(shop: Shop) -> Iterator[Case]:
    """Yield every order in both directions, every way of narrowing, facets."""
    yield from _orders(shop)
    yield from _filters(shop)
    yield from _facets(shop)


def _orders(shop: Shop) -> Iterator[Case]:
    both = ("first", "deep", "last")
    fields = "NAME PRICE MINIMAL_PRICE LAST_MODIFIED LAST_MODIFIED_AT CREATED_AT DATE TYPE PUBLISHED".split()  # noqa: SIM905
    fields += ["PUBLICATION_DATE", "PUBLISHED_AT", "RATING"]
    collection = [shop.id("collection", 0, "Collection")]
    for direction in ("ASC", "DESC"):
        for name in fields:
            yield Case(f"{name} {direction}", {"sortBy": {"field": name, "direction": direction}}, pages=both)
        by_place = {"sortBy": {"field": "COLLECTION", "direction": direction}, "filter": {"collections": collection}}
        yield Case(f"COLLECTION {direction}", by_place, pages=both)
        by_rank = {"sortBy": {"field": "RANK", "direction": direction}, "search": "lamp"}
        yield Case(f"RANK {direction}", by_rank, pages=both)
        for attribute in (facts.BRAND, facts.WEIGHT, facts.SIZE):
            key = shop.id("attribute", attribute.number, "Attribute")
            sort = {"attributeId": key, "direction": direction}
            yield Case(f"attribute {attribute.slug} {direction}", {"sortBy": sort}, pages=both)


def _filters(shop: Shop) -> Iterator[Case]:
    product, category = shop.id("product", 17, "Product"), shop.id("category", 0, "Category")
    later, early = {"gte": "2025-01-10T00:00:00Z"}, {"lte": "2024-12-31T00:00:00Z"}
    one = shop.facts.products[17]
    filters: dict[str, Any] = {
        "isAvailable": True,
        "isAvailable ": False,
        "isPublished": True,
        "hasCategory": True,
        "hasCategory ": False,
        "categories": [category],
        "collections": [shop.id("collection", 0, "Collection")],
        "productTypes": [shop.id("type", 0, "ProductType")],
        "attributes": [{"slug": "colour", "values": ["amber-blue"]}],
        "attributes size": [{"slug": "size", "values": ["m"]}],
        "attributes weight": [{"slug": "weight", "valuesRange": {"gte": 100, "lte": 120}}],
        "attributes all weights": [{"slug": "weight", "valuesRange": {"gte": 100}}],
        "attributes none": [{"slug": "weight", "valuesRange": {"gte": 1_000_000}}],
        "stockAvailability": "IN_STOCK",
        "stockAvailability ": "OUT_OF_STOCK",
        "stocks": {"quantity": {"gte": 100}},
        "stocks ": {"warehouseIds": [shop.id("warehouse", 0, "Warehouse")], "quantity": {"gte": 1, "lte": 5}},
        "search": "lamp",
        "price": {"gte": 100, "lte": 101},
        "price ": {"gte": 100_000},
        "minimalPrice": {"gte": 100, "lte": 101},
        "minimalPrice ": {"gte": 100_000},
        "updatedAt": later,
        "updatedAt ": early,
        "metadata": [{"key": "none"}],
        "metadata ": [{"key": "none", "value": "x"}],
        "ids": [product],
        "slugs": [one.slug],
        "publishedFrom": "2025-01-10T00:00:00Z",
        "publishedFrom ": "2020-01-10T00:00:00Z",
        "availableFrom": "2025-01-10T00:00:00Z",
        "isVisibleInListing": True,
        "giftCard": True,
        "giftCard ": False,
    }
    where: dict[str, Any] = {
        "name": {"eq": one.name},
        "name ": {"eq": "No such name"},
        "slug": {"oneOf": [one.slug, "none"]},
        "productType": {"eq": shop.id("type", 0, "ProductType")},
        "category": {"eq": category},
        "collection": {"eq": shop.id("collection", 0, "Collection")},
        "price": {"range": {"gte": 100, "lte": 101}},
        "price ": {"eq": 1_000_000},
        "minimalPrice": {"eq": 1_000_000},
        "updatedAt": {"range": early},
        "updatedAt ": {"eq": "2020-01-01T00:00:00Z"},
        "attributes": [{"slug": "colour", "value": {"name": {"eq": "Amber Blue"}}}],
        "attributes ": [{"slug": "weight", "value": {"numeric": {"range": {"gte": 100, "lte": 120}}}}],
        "hasCategory": False,
        "stocks": {"quantity": {"gte": 100}},
        "AND": [{"hasCategory": True}, {"stockAvailability": "OUT_OF_STOCK"}],
        "OR": [{"slug": {"eq": one.slug}}, {"minimalPrice": {"eq": 1_000_000}}],
    }
    for kind, given in (("filter", filters), ("where", where)):
        for name, value in given.items():
            shown = f"{kind} {name.strip()}: {_short(value)}"
            yield Case(shown, {kind: {name.split()[0]: value}})
            if name.strip() in ("price", "attributes", "categories", "stockAvailability", "hasCategory"):
                by_price = {"field": "PRICE", "direction": "ASC"}
                yield Case(f"{shown}, by price", {kind: {name.split()[0]: value}, "sortBy": by_price})


def _short(value: Any) -> str:
    text = re.sub(r'[{}"\[\]]', "", json.dumps(value))
    return re.sub(r"\b[A-Za-z0-9=]{30,}", "…", text)[:70]


def _facets(shop: Shop) -> Iterator[Case]:
    category = {"categories": [shop.id("category", 0, "Category")]}
    for name, given in (
        ("of the whole shop", {}),
        ("of a root category", {"filter": category}),
        ("of a colour", {"filter": {"attributes": [{"slug": "colour", "values": ["amber-blue"]}]}}),
        ("of a search", {"search": "lamp"}),
    ):
        yield Case(f"facets {name}", given, FACETS, budget=None)


def measure(stack: Stack, town: str, shop: Shop, environment: Mapping[str, str], only: str = "") -> list[Cost]:
    """Return what each list took in whose name there is one of the texts in `only`, a page at a time."""
    found = []
    with (
        statements.logged(stack, town) as read,
        ground.web(stack, town, more={**environment, "WEB_CONCURRENCY": "1", "WEB_THREADS": "1"}) as web,
    ):
        for case in cases(shop):
            if not any(text in case.name.lower() for text in only.lower().split(",")):
                continue
            for page in case.pages:
                variables = _variables(web, shop, case, page)
                for _ in range(2):
                    _ask(web, shop, case.document, variables)
                read()
                _ask(web, shop, case.document, variables)
                found.append(_cost(stack, town, case, page, read()))
                ground.say(f"{case.name}, {page}: {found[-1].milliseconds:.1f} ms")
    return found


def _variables(web: Web, shop: Shop, case: Case, page: str) -> dict[str, Any]:
    """Return the variables of a page: the first, the last, or one some pages after the first."""
    variables = dict(case.variables)
    if case.document is not QUERY:
        return variables
    if page == "last":
        return {**variables, "last": PAGE}
    variables["first"] = PAGE
    for _ in range(DEEP if page == "deep" else 0):
        after = _ask(web, shop, case.document, {**variables, "first": 100})["products"]["pageInfo"]["endCursor"]
        variables = {**variables, **({"after": after} if after else {})}
    return variables


def _ask(web: Web, shop: Shop, document: str, variables: Mapping[str, Any]) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=60)
    body = json.dumps({"query": document, "variables": variables})
    connection.request("POST", "/graphql/", body, {"Host": shop.host, "Content-Type": "application/json"})
    answer = json.loads(connection.getresponse().read())
    connection.close()
    if "errors" in answer:
        raise BenchError(f"{variables}: {answer['errors']}")
    return answer["data"]


def _cost(stack: Stack, town: str, case: Case, page: str, read: Sequence[Statement]) -> Cost:
    total, count, buffers = 0.0, 0, 0
    for server in statements.SERVERS:
        mine = [one for one in read if one.server == server]
        if not any(one.is_counted for one in mine):
            continue
        url = ground.on_database(stack.database_url("commerce_app", server), town)
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
            for number, one in enumerate(mine):
                if not one.is_counted:
                    connection.execute(one.sql)
                    continue
                milliseconds, blocks = _measured(connection, number, one)
                total, count, buffers = total + milliseconds, count + 1, buffers + blocks
    return Cost(case, page, total, count, buffers)


def _measured(connection: psycopg.Connection[Any], number: int, statement: Statement) -> tuple[float, int]:
    """Return the CPU of the cheapest of some executions, in milliseconds, and the buffers that one reads."""
    values = f"({', '.join(statement.parameters)})" if statement.parameters else ""
    connection.execute(f"PREPARE lists_{number} AS {statement.sql}")
    row = connection.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE lists_{number}{values}").fetchone()
    assert row is not None
    top = row[0][0]["Plan"]
    found = []
    for _ in range(ROUNDS):
        before = _cpu(connection.info.backend_pid)
        connection.execute(f"EXECUTE lists_{number}{values}").fetchall()
        found.append(_cpu(connection.info.backend_pid) - before)
    return min(found), top["Shared Hit Blocks"] + top["Shared Read Blocks"]


def _cpu(pid: int) -> float:
    """Return the milliseconds that a process has run."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e6


def table(costs: Sequence[Cost]) -> str:
    """Return the table of lists, a column for each page. A figure over its budget is bold and says so."""
    by_case: dict[Case, dict[str, Cost]] = {}
    for cost in costs:
        by_case.setdefault(cost.case, {})[cost.page] = cost
    lines = [
        "| list of 24, PostgreSQL CPU ms | first page | after 800 | last page | SQL | buffers |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for case, pages in by_case.items():
        cells = [judged(pages[p].milliseconds, case.budget, 1) if p in pages else "" for p in ("first", "deep", "last")]
        most = max(pages.values(), key=lambda cost: cost.buffers)
        lines.append(f"| {case.name} | {' | '.join(cells)} | {most.statements} | {most.buffers:,} |")
    return "\n".join(lines)
