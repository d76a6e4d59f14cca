"""SQL of the catalogue's writes, in the open scope."""

from typing import Any

from django.db import connections

from commerce.db.scope import current_scope


def execute(sql: str, parameters: Any = None) -> list[Any]:
    """Run one statement, or several without rows, and return its rows, if it has any."""
    scope = current_scope()
    with connections[scope.alias if scope is not None else "default"].cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall()) if cursor.description else []
