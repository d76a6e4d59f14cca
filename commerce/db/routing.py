"""Which connection a query takes: the open scope's, and nobody says `.using()`."""

from typing import Any

from commerce.db.scope import current_scope


class ScopeRouter:
    def db_for_read(self, model: Any, **hints: Any) -> str:
        scope = current_scope()
        return scope.alias if scope is not None else "default"

    db_for_write = db_for_read

    def allow_relation(self, first: Any, second: Any, **hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        """Only the owner changes the schema."""
        return db == "owner"
