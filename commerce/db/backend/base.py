from datetime import datetime
from typing import Any

from django.db import InternalError
from django.db.backends.postgresql import base, features, operations
from django.db.backends.postgresql.psycopg_any import BaseTzLoader
from psycopg.pq import TransactionStatus

from commerce.db import pools, positions
from commerce.db import scope as scopes
from commerce.db.backend.schema import SchemaEditor
from commerce.db.positions import Position


class DatabaseFeatures(features.DatabaseFeatures):
    def allows_group_by_selected_pks_on_model(self, model: Any) -> bool:
        """A tenant table's key is (tenant_id, id), so grouping by `id` alone does not cover its columns."""
        return False


class DatabaseOperations(operations.DatabaseOperations):
    compiler_module = "commerce.db.backend.compiler"


class InfinityLoader(BaseTzLoader):  # type: ignore[misc]
    """Read the instants ±infinity, which bound the windows of listings, as the last and first that Python has."""

    def load(self, data: Any) -> datetime:
        match bytes(data):
            case b"infinity":
                return datetime.max.replace(tzinfo=self.timezone)
            case b"-infinity":
                return datetime.min.replace(tzinfo=self.timezone)
        return super().load(data)  # type: ignore[no-any-return]


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection whose transactions begin with the scope's tenant set, in one round trip."""

    SchemaEditorClass = SchemaEditor
    features_class = DatabaseFeatures
    ops_class = DatabaseOperations

    scope: scopes.Scope | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tables_met: set[str] = set()  # by the query that is being compiled

    def _start_transaction_under_autocommit(self) -> None:
        """Begin in psycopg's autocommit mode, where several statements may travel in one message.

        psycopg's own implicit BEGIN refuses that. Without parameters nothing is prepared, so that a
        transaction-mode pooler sees one ordinary transaction.
        """
        begin = self.scope.begin_sql if self.scope is not None else "BEGIN"
        with self.wrap_database_errors, self.connection.cursor() as cursor:
            cursor.execute(begin)

    def get_new_connection(self, conn_params: Any) -> Any:
        connection = pools.first_open(lambda: super(DatabaseWrapper, self).get_new_connection(conn_params))
        loader = type("Loader", (InfinityLoader,), {"timezone": self.timezone})
        connection.adapters.register_loader("timestamptz", loader)
        return connection

    def _commit(self) -> None:
        """Commit, or raise InternalError where a swallowed error has aborted the transaction.

        PostgreSQL answers COMMIT of an aborted transaction with a silent ROLLBACK, which would look like success.
        """
        if self.connection is not None and self.connection.info.transaction_status == TransactionStatus.INERROR:
            raise InternalError("The transaction was aborted by an earlier error, so it was not committed.")
        if self.scope is None or self.scope.read_only:
            super()._commit()  # type: ignore[misc]
        else:
            self._commit_and_note_position()

    def _commit_and_note_position(self) -> None:
        """Commit and learn where in the log that was, in one trip: whoever is to see it can wait for that place."""
        with self.wrap_database_errors, self.connection.cursor() as cursor:
            cursor.execute(f"COMMIT; {positions.CURRENT_SQL}")
            cursor.nextset()
            positions.note_written(Position.of(*cursor.fetchone()))

    def run_and_clear_commit_hooks(self) -> None:
        if self.scope is not None and self.run_on_commit:
            self.scope = None
            scopes.leave()
        super().run_and_clear_commit_hooks()
