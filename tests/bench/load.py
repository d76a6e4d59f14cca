"""Write the shops of a town into its database, which is migrated and empty: `python -m tests.bench.load <town>`.

Tenants and channels are made by the project's own operations. The catalogue's rows, millions of them, are
staged once per database and written for each shop by one statement per table, as the database's superuser with
foreign keys unchecked; `tests.bench.check` then asks whether they are what the operations would have written.
"""
# ruff: noqa: T201

import hashlib
import os
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import Any
from uuid import UUID

import django
import psycopg
from django.apps import apps
from django.utils import timezone
from psycopg import sql

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.bench.settings")
if not apps.ready:
    django.setup()

from catalog.search import pending, status
from commerce.db.scope import tenant_scope
from tenants import operations
from tests.bench import check
from tests.bench.facts import FULL, KINDS, MARKETS, OPENED_AT, QUICK, Facts, Town, id_suffix
from tests.bench.rows import TABLES, Table, staged

WORKERS = 2
TIMES = {"created_at", "updated_at"}
_next = Lock()


@dataclass(frozen=True)
class Shop:
    """A shop whose tenant and channels (by slug) are there."""

    tenant_id: int
    size: int
    channels: dict[str, UUID]


def main(name: str) -> None:
    """Load a town of this name and check what was loaded."""
    town = next(town for plan in (FULL, QUICK) for town in plan.towns if town.name == name)
    started = time.monotonic()
    shops = load_town(town)
    loaded = time.monotonic()
    with superuser() as connection:
        check.check_town(town, [shop.tenant_id for shop in shops], connection)
    print(
        f"  {town.name}: loaded in {loaded - started:.0f} s, checked in {time.monotonic() - loaded:.0f} s", flush=True
    )


def load_town(town: Town) -> list[Shop]:
    """Write the shops of a town and return them; tables are tidied and analysed."""
    shops, largest = _open_shops(town), Facts(max(town.sizes))
    with superuser() as connection:
        connection.execute("CREATE SCHEMA bench")
        for number, table in enumerate(TABLES):
            _stage(connection, number, table, largest)
    _work(_insert(number, table, shop) for shop in shops for number, table in enumerate(TABLES))
    with superuser() as connection:
        connection.execute("DROP SCHEMA bench CASCADE")
        connection.execute("ANALYZE")
    _work(sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier(table.name)) for table in TABLES)
    if town.is_searched:
        _write_documents(shops)
    return shops


_DOCUMENTS = """
INSERT INTO catalog_searchdocument (tenant_id, product_id, language, words, head, quality, sold_out_in)
SELECT p.tenant_id, p.id, d.language,
  replace(d.words::text, chr(39) || {first}, chr(39) || {other})::tsvector, d.head,
  d.quality, ARRAY(
    SELECT DISTINCT l.channel_id FROM catalog_listing l
    WHERE l.tenant_id = p.tenant_id AND l.product_id = p.id AND NOT l.in_stock ORDER BY l.channel_id)
FROM catalog_product p
JOIN catalog_product of_first ON of_first.tenant_id = {first}::integer AND of_first.slug = p.slug
JOIN catalog_searchdocument d ON d.tenant_id = of_first.tenant_id AND d.product_id = of_first.id
WHERE p.tenant_id = {other}::integer
"""


def _write_documents(shops: list[Shop]) -> None:
    """Have what searches read written by the project's own operations for the first shop, of which others have copies.

    A product of one number is the same product in every shop; its words differ in whose they are.
    """
    first = shops[0]
    with tenant_scope(first.tenant_id):
        pending.write_all()
    while True:
        with tenant_scope(first.tenant_id):
            if not pending.write_some(at_most=500) and not pending.count():
                break
    with tenant_scope(first.tenant_id):
        status.recount_words(timezone.now())
    statement = sql.SQL(_DOCUMENTS)
    _work(
        statement.format(first=sql.Literal(str(first.tenant_id)), other=sql.Literal(str(shop.tenant_id)))
        for shop in shops[1:]
    )
    with superuser() as connection:
        connection.execute("VACUUM (ANALYZE) catalog_searchdocument, catalog_searchword, catalog_searchtypo")


def superuser() -> psycopg.Connection[tuple[Any, ...]]:
    """Connect as the cluster's superuser, for whom no foreign key is checked."""
    return psycopg.connect(
        os.environ["BENCH_SUPERUSER_URL"],
        autocommit=True,
        options="-c session_replication_role=replica -c synchronous_commit=off -c timezone=UTC",
    )


def digest() -> str:
    """Return what tells one way of loading from another: the statements, and the first products' rows."""
    shop, found = Shop(1, 200, {market.slug: UUID(int=0) for market in MARKETS}), hashlib.sha256()
    for number, table in enumerate(TABLES):
        found.update(_insert(number, table, shop).as_string(None).encode())
        found.update(repr([staged(table, row) for row in table.rows(Facts(shop.size))]).encode())
    found.update(_DOCUMENTS.encode())
    return found.hexdigest()


def _open_shops(town: Town) -> list[Shop]:
    shops = []
    with operations.all_tenants(reason="bench", operator="bench", command="make bench"):
        for number, size in enumerate(town.sizes):
            host = town.host(number)
            tenant = operations.create_tenant(slug=host.replace(".", "-"), name=f"Shop {number}", hosts=[host])
            with operations.as_tenant(tenant):
                channels = {
                    market.slug: operations.create_channel(
                        slug=market.slug,
                        name=market.slug.title(),
                        currency=market.currency,
                        countries=[market.country],
                        languages=[market.language],
                    ).id
                    for market in MARKETS
                }
            shops.append(Shop(tenant.id, size, channels))
    return shops


def _stage(connection: psycopg.Connection[Any], number: int, table: Table, shop: Facts) -> None:
    types = {"id": "text", "channel": "text"}
    columns = [f"c{at} {types.get(kind.split()[0], kind)}" for at, kind in enumerate(table.columns.values())]
    connection.execute(f"CREATE UNLOGGED TABLE bench.t{number} (i integer, {', '.join(columns)})")
    with connection.cursor().copy(f"COPY bench.t{number} FROM STDIN") as copy:
        for row in table.rows(shop):
            copy.write_row(staged(table, row))
    connection.execute(f"ANALYZE bench.t{number}")


def _work(statements: Iterable[sql.Composed]) -> None:
    """Run statements, which need no order, over a few connections."""
    waiting = iter(statements)

    def work(_: int) -> None:
        with superuser() as connection:
            while True:
                with _next:
                    statement = next(waiting, None)
                if statement is None:
                    return
                connection.execute(statement)

    with ThreadPoolExecutor(WORKERS) as workers:
        list(workers.map(work, range(WORKERS)))


def _insert(number: int, table: Table, shop: Shop) -> sql.Composed:
    """Return the statement that writes a table's rows of one shop."""
    suffix = id_suffix(shop.tenant_id)
    values: dict[str, sql.Composable] = {"tenant_id": sql.Literal(shop.tenant_id), **dict(_defaults(table))}
    for at, (column, kind) in enumerate(table.columns.items()):
        source = sql.Identifier(f"c{at}")
        what, _, of = kind.partition(" ")
        if what == "id":
            tail = sql.Literal(f"7{KINDS.index(of):03x}{suffix}")
            values[column] = sql.SQL("({} || {})::uuid").format(source, tail)
        elif what == "channel":
            cases = sql.SQL(" ").join(
                sql.SQL("WHEN {} THEN {}::uuid").format(sql.Literal(slug), sql.Literal(str(key)))
                for slug, key in shop.channels.items()
            )
            values[column] = sql.SQL("CASE {} {} END").format(source, cases)
        else:
            values[column] = source
    return sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {} WHERE i < {}").format(
        sql.Identifier(table.name),
        sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL(", ").join(values.values()),
        sql.Identifier("bench", f"t{number}"),
        sql.Literal(shop.size),
    )


def _defaults(table: Table) -> Iterable[tuple[str, sql.Composable]]:
    """Yield what the columns that the facts do not tell have, as the model would fill them."""
    for field in table.model._meta.concrete_fields:
        if field.column in table.columns or field.column == "tenant_id" or (field.null and not field.has_default()):
            continue
        value = OPENED_AT if field.column in TIMES else field.get_default()
        if value is None:
            raise LookupError(f"{table.name}.{field.column} has no default: tests/bench/rows.py must fill it.")
        yield field.column, sql.Literal("{}" if value == {} else value)


if __name__ == "__main__":
    main(sys.argv[1])
