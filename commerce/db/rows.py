"""Hot reads: SQL as text, run in the open scope, rows as tuples."""

from collections.abc import Sequence
from typing import Any

from django.db import connections

from commerce.db.scope import ScopeError, current_scope


def fetch(sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Return the rows of one SELECT over the tables of the scope's tenant, or raise ScopeError outside a scope."""
    scope = current_scope()
    if scope is None:
        raise ScopeError("No tenant is in scope: open `with tenant_scope(tenant_id):` around this read.")
    with connections[scope.alias].cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())
