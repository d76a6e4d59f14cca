"""Whether a loaded town is what it is meant to be: numbers, foreign keys, and what is written down for lists."""

from collections import Counter
from typing import Any

import psycopg
from django.db import connections
from django.utils import timezone
from psycopg import sql

from catalog.operations import refresh_products
from commerce.db.scope import tenant_scope
from tests.bench.facts import Facts, Town, make_id
from tests.bench.rows import TABLES

SAMPLE = 300
WRITTEN_DOWN = ("catalog_listing", "catalog_listingname", "catalog_productgroup")


class WronglyLoadedError(Exception):
    """The database does not hold what the facts say."""


def check_town(town: Town, tenants: list[int], superuser: psycopg.Connection[Any]) -> None:
    """Raise WronglyLoadedError where rows are too many or too few, point nowhere, or lists would be rewritten."""
    _check_numbers(town, tenants, superuser)
    _check_keys(tenants, superuser)
    for tenant, size in {tenants[0]: town.sizes[0], tenants[-1]: town.sizes[-1]}.items():
        _check_lists(tenant, size)


def _check_numbers(town: Town, tenants: list[int], connection: psycopg.Connection[Any]) -> None:
    shop = Facts(max(town.sizes))
    sizes = sorted(set(town.sizes))
    wanted: dict[str, Counter[int]] = {table.name: Counter() for table in TABLES}
    for table in TABLES:
        numbers = [row[0] for row in table.rows(shop)]
        for size in sizes:
            wanted[table.name][size] += sum(number < size for number in numbers)
    for name, by_size in wanted.items():
        statement = sql.SQL("SELECT tenant_id, count(*) FROM {} WHERE tenant_id = ANY(%s) GROUP BY tenant_id")
        found = dict(connection.execute(statement.format(sql.Identifier(name)), [tenants]).fetchall())
        meant = {tenant: by_size[size] for tenant, size in zip(tenants, town.sizes, strict=True)}
        if found != {tenant: count for tenant, count in meant.items() if count}:
            raise WronglyLoadedError(f"{town.name}: {name} has {found} rows by tenant, and should have {meant}.")


_KEYS = """
SELECT c.conrelid::regclass::text, c.confrelid::regclass::text,
  ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY k(n, at)
        JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.n ORDER BY k.at),
  ARRAY(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY k(n, at)
        JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.n ORDER BY k.at)
FROM pg_constraint c WHERE c.contype = 'f' AND c.conrelid::regclass::text = ANY(%s)
"""


def _check_keys(tenants: list[int], connection: psycopg.Connection[Any]) -> None:
    keys = connection.execute(_KEYS, [sorted({table.name for table in TABLES})]).fetchall()
    assert keys, "no foreign keys found"
    for table, target, columns, targets in keys:
        given = " AND ".join(["a.tenant_id = ANY(%s)", *(f"a.{column} IS NOT NULL" for column in columns)])
        same = " AND ".join(f"b.{there} = a.{here}" for here, there in zip(columns, targets, strict=True))
        statement = f"SELECT count(*) FROM {table} a WHERE {given} AND NOT EXISTS (SELECT FROM {target} b WHERE {same})"
        lost = connection.execute(statement, [tenants]).fetchone()
        if lost != (0,):
            raise WronglyLoadedError(f"{table} {columns} point nowhere in {lost} rows.")


def _check_lists(tenant: int, size: int) -> None:
    """Let the operation that writes lists down do it once more for a sample: it may find nothing to change."""
    numbers = sorted({*range(0, size, max(size // SAMPLE, 1)), *range(90, min(size, 101))})
    ids = [make_id("product", number, tenant) for number in numbers]
    with tenant_scope(tenant):
        before = _written_down(ids)
        changes = refresh_products(ids, now=timezone.now())
        after = _written_down(ids)
        if changes or before != after or len(before) < 6 * len(ids):
            raise WronglyLoadedError(f"Tenant {tenant}: refresh_products changes {len(changes)} listing rows.")


def _written_down(ids: list[Any]) -> list[tuple[Any, ...]]:
    """Return all rows with the transaction that wrote them last."""
    found: list[tuple[Any, ...]] = []
    with connections["default"].cursor() as cursor:
        for table in WRITTEN_DOWN:
            cursor.execute(f"SELECT t.xmin::text, t::text FROM {table} t WHERE product_id = ANY(%s)", [ids])
            found += sorted(cursor.fetchall())
    return found
