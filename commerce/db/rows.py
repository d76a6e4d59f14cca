"""Hot reads: SQL as text, run in the open scope, rows as tuples."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.db import connections

from commerce.db.scope import ScopeError, current_scope
from commerce.db.topics import Found, current_reads


def fetch(
    sql: str,
    params: Sequence[Any] = (),
    *,
    about: Mapping[str, Collection[Any]] | None = None,
    found: Found | None = None,
) -> list[tuple[Any, ...]]:
    """Return the rows of one SELECT over the tables of the scope's tenant, or raise ScopeError outside a scope.

    `about` tells by kind of topic which objects alone the statement reads in tables of that kind, whatever
    it finds; `found` that it looks up in some tables only what its rows name. Without them an answer depends on
    all rows of the tables.
    """
    scope = current_scope()
    if scope is None:
        raise ScopeError("No tenant is in scope: open `with tenant_scope(tenant_id):` around this read.")
    reads = current_reads() if about is not None or found is not None else None
    connection: Any = connections[scope.alias]
    with connection.hot_cursor() as cursor:
        cursor.is_noted = reads is not None
        cursor.execute(sql, params)
        rows = list(cursor.fetchall())
    if reads is not None:
        reads.note_about(sql, rows, about or {}, found)
    return rows
