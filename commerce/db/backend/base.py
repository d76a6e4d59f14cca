from typing import Any

from django.db.backends.postgresql import base, features, operations

from commerce.db import scope as scopes
from commerce.db.backend.schema import SchemaEditor


class DatabaseFeatures(features.DatabaseFeatures):
    def allows_group_by_selected_pks_on_model(self, model: Any) -> bool:
        """A tenant table's key is (tenant_id, id), so grouping by `id` alone does not cover its columns."""
        return False


class DatabaseOperations(operations.DatabaseOperations):
    compiler_module = "commerce.db.backend.compiler"


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection whose transactions begin with the scope's tenant set, in one round trip."""

    SchemaEditorClass = SchemaEditor
    features_class = DatabaseFeatures
    ops_class = DatabaseOperations

    scope: scopes.Scope | None = None

    def _start_transaction_under_autocommit(self) -> None:
        """Begin in psycopg's autocommit mode, where several statements may travel in one message.

        psycopg's own implicit BEGIN refuses that. Without parameters nothing is prepared, so that a
        transaction-mode pooler sees one ordinary transaction.
        """
        begin = self.scope.begin_sql if self.scope is not None else "BEGIN"
        with self.wrap_database_errors, self.connection.cursor() as cursor:
            cursor.execute(begin)

    def run_and_clear_commit_hooks(self) -> None:
        if self.scope is not None and self.run_on_commit:
            self.scope = None
            scopes.leave()
        super().run_and_clear_commit_hooks()
