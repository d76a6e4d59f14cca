"""Two loaded shops, A and B: whatever A does must not reach B."""

from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
from django.db import connections, transaction

from commerce.db.backend.schema import is_tenant_owned
from commerce.db.scope import tenant_scope
from tests.factories.rows import load_every_model, tenant_models
from tests.factories.tenants import Shop, open_shop, platform

Row = dict[str, Any]


class Shops(NamedTuple):
    """Two shops, all their rows as the platform's role sees them (table → rows), and the words of theirs alone."""

    ours: Shop
    theirs: Shop
    our_rows: dict[str, list[Row]]
    their_rows: dict[str, list[Row]]
    secrets: frozenset[str]


@pytest.fixture(scope="package")
def shops(_database) -> Shops:
    """Return two shops with rows in every tenant's table, which nobody else works on."""
    ours, theirs = load_every_model(open_shop()), load_every_model(open_shop())
    our_rows, their_rows = rows_of(ours), rows_of(theirs)
    secrets = {theirs.token, theirs.host, str(theirs.public_id), *ids_of(their_rows)}
    return Shops(ours, theirs, our_rows, their_rows, frozenset(secrets))


def ids_of(rows: dict[str, list[Row]]) -> set[str]:
    """Return all UUIDs that are keys of these rows."""
    return {row["id"] for found in rows.values() for row in found if len(row.get("id", "")) == 36}


def rows_of(shop: Shop) -> dict[str, list[Row]]:
    """Return all rows of a shop as the platform's role sees them, values as text."""
    found: dict[str, list[Row]] = {}
    with platform("count a shop's rows"), connections["platform"].cursor() as cursor:
        for model in tenant_models():
            columns = columns_of(model)
            texts = ", ".join(f'"{column}"::text' for column in columns)
            cursor.execute(
                f'SELECT {texts} FROM "{model._meta.db_table}" WHERE tenant_id = %s ORDER BY {texts}', [shop.id]
            )
            found[model._meta.db_table] = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    return found


def columns_of(model: Any) -> list[str]:
    """Return the names of a tenant table's columns, the tenant's own left out."""
    names = [field.column for field in model._meta.local_concrete_fields]
    return [name for name in names if name not in ("tenant_id", None)]


def key_of(model: Any) -> list[str]:
    """Return the columns of a tenant table's primary key beside the tenant's."""
    return [field.column for field in model._meta.pk_fields if field.column != "tenant_id"]


def owned_references(model: Any) -> list[Any]:
    """Return the foreign keys of a model that lead to tenants' tables."""
    return [
        field
        for field in model._meta.local_concrete_fields
        if field.is_relation and is_tenant_owned(field.related_model)
    ]


@contextmanager
def undone(tenant_id: int | None = None, alias: str = "default"):
    """Open a scope of the tenant (None: a plain transaction), hand out a cursor, and roll back at the end."""
    scope = transaction.atomic(using=alias) if tenant_id is None else tenant_scope(tenant_id, using=alias)
    with scope, connections[alias].cursor() as cursor:
        yield cursor
        transaction.set_rollback(True, using=alias)


@contextmanager
def refused(state: str, message: str = "."):
    """Expect PostgreSQL to refuse with this SQLSTATE, roll the transaction back, and hand out its words."""
    words: list[str] = []
    with pytest.raises(Exception, match=message) as caught:
        yield words
    cause = caught.value.__cause__ or caught.value
    assert getattr(cause, "sqlstate", None) == state, f"{type(caught.value).__name__}: {caught.value}"
    words.append(cause.diag.message_primary)
