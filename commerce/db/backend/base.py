from collections.abc import Callable, Iterable
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

from django.db import InternalError, transaction
from django.db.backends.postgresql import base, features, operations
from django.db.backends.postgresql.psycopg_any import BaseTzLoader
from django.db.backends.utils import CursorWrapper
from psycopg import Cursor
from psycopg.pq import TransactionStatus

from commerce.db import pools, positions
from commerce.db import scope as scopes
from commerce.db.backend.schema import SchemaEditor
from commerce.db.positions import Position
from commerce.db.topics import Changes, Usage, current_reads, declared, usage_of
from commerce.db.topics.changes import Telling

# Statements that one connection keeps prepared; the plan of each takes PostgreSQL some 100 KB.
PREPARED_MAX = 200


class DatabaseFeatures(features.DatabaseFeatures):
    def allows_group_by_selected_pks_on_model(self, model: Any) -> bool:
        """A tenant table's key is (tenant_id, id), so grouping by `id` alone does not cover its columns."""
        return False


class DatabaseOperations(operations.DatabaseOperations):
    compiler_module = "commerce.db.backend.compiler"


class InstantLoader(BaseTzLoader):  # type: ignore[misc]
    """Read instants, ±infinity too, which bound the windows of listings: the last and the first that Python has."""

    def load(self, data: Any) -> datetime:
        text = bytes(data)
        match text:
            case b"infinity":
                return datetime.max.replace(tzinfo=self.timezone)
            case b"-infinity":
                return datetime.min.replace(tzinfo=self.timezone)
        try:
            found = datetime.fromisoformat(text.decode())  # a fifth of the time of psycopg's own reading
        except ValueError:
            return super().load(data)  # type: ignore[no-any-return]
        return found if self.timezone is UTC else found.astimezone(self.timezone)


class Noting:
    """What both cursors share: each statement's text is noted, so that it is known what was read and written."""

    db: Any
    rowcount: int
    is_noted = False  # set by who tells more exactly what is read

    def _execute(self, sql: Any, params: Any, *ignored: Any) -> Any:
        return self._run_noted(super()._execute, sql, params)  # type: ignore[misc]

    def _executemany(self, sql: Any, param_list: Any, *ignored: Any) -> Any:
        return self._run_noted(super()._executemany, sql, param_list)  # type: ignore[misc]

    def _run_noted(self, run: Callable[[Any, Any], Any], sql: Any, params: Any) -> Any:
        usage = self.db.note_reads(sql, self.is_noted)
        if usage is None:
            return run(sql, params)
        # A statement outside of any transaction gets one of its own, whose COMMIT tells of it.
        with nullcontext() if self.db.in_atomic_block else transaction.atomic(using=self.db.alias):
            result = run(sql, params)
            if not usage.counts or self.rowcount:
                self.db.note_written(usage.written)
            return result


class NotedCursor(Noting, CursorWrapper):
    pass


class NotedDebugCursor(Noting, base.CursorDebugWrapper):
    pass


class PreparedCursor(Cursor):
    """A cursor whose statements PostgreSQL parses and plans once per connection."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> "PreparedCursor":
        return super().execute(query, params, prepare=True, **options)


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection whose transactions begin with the scope's tenant set, in one round trip."""

    SchemaEditorClass = SchemaEditor
    features_class = DatabaseFeatures
    ops_class = DatabaseOperations

    scope: scopes.Scope | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tables_met: set[str] = set()  # by the query that is being compiled
        self.changes = Changes()  # of the open transaction

    def make_cursor(self, cursor: Any) -> Any:
        return NotedCursor(cursor, self)

    def make_debug_cursor(self, cursor: Any) -> Any:
        return NotedDebugCursor(cursor, self)

    def note_reads(self, sql: Any, is_noted: bool) -> Usage | None:
        """Note what a statement reads, and return its usage if what it writes is to be noted."""
        reads = None if is_noted else current_reads()
        is_reading = self.scope is not None and self.scope.read_only
        if reads is None and is_reading:
            return None
        text = sql if isinstance(sql, str) else sql.as_string(self.connection)
        if reads is not None:
            reads.note(text)
        usage = usage_of(text)
        return usage if usage.written and not is_reading else None

    def note_written(self, tables: Iterable[str]) -> None:
        """Note that rows of these tables were written, for the tenant in force."""
        current = scopes.current_scope()
        if current is not None and current.alias == self.alias:
            self.changes.note(tables, current.tenant_id)
        elif self.alias == "platform":
            self.changes.note(tables, None)
        else:  # row-level security lets it write nothing of tenants
            self.changes.note([table for table in tables if declared()[table].is_platform], None)

    def _start_transaction_under_autocommit(self) -> None:
        """Begin in psycopg's autocommit mode, where several statements may travel in one message.

        psycopg's own implicit BEGIN refuses that. Without parameters nothing is prepared, so that a
        transaction-mode pooler sees one ordinary transaction.
        """
        self.changes.clear()
        begin = self.scope.begin_sql if self.scope is not None else "BEGIN"
        with self.wrap_database_errors, self.connection.cursor() as cursor:
            cursor.execute(begin)

    def hot_cursor(self) -> Any:
        """Return a cursor for statements that are run again and again: prepared, unless `prepare_threshold` is None."""
        self.ensure_connection()
        return self._prepare_cursor(PreparedCursor(self.connection))  # type: ignore[attr-defined]

    def get_new_connection(self, conn_params: Any) -> Any:
        connection = pools.open_connection(self, lambda: super(DatabaseWrapper, self).get_new_connection(conn_params))
        connection.prepared_max = PREPARED_MAX
        loader = type("Loader", (InstantLoader,), {"timezone": self.timezone})
        connection.adapters.register_loader("timestamptz", loader)
        return connection

    def _commit(self) -> None:
        """Commit, or raise InternalError where a swallowed error has aborted the transaction.

        PostgreSQL answers COMMIT of an aborted transaction with a silent ROLLBACK, which would look like success.
        """
        self._require_sound()
        if self.changes:
            self._commit_and_tell()
        elif self.scope is None or self.scope.read_only:
            super()._commit()  # type: ignore[misc]
        else:
            self._commit_and_note_position()

    def _require_sound(self) -> None:
        if self.connection is not None and self.connection.info.transaction_status == TransactionStatus.INERROR:
            raise InternalError("The transaction was aborted by an earlier error, so it was not committed.")

    def _commit_and_tell(self) -> None:
        """Commit a transaction that changed what answers may depend on, and tell those who keep answers."""
        try:
            telling = Telling(self.changes, self)
        except BaseException:
            self._rollback()  # type: ignore[attr-defined]  # Django does so for the database's errors alone
            raise
        try:
            self._require_sound()  # a handler may have run statements
        except InternalError:
            telling.failed(rolled_back=True)
            raise
        try:
            position = self._commit_and_note_position()
        except BaseException as error:
            telling.failed(rolled_back=_is_rolled_back(error))
            raise
        telling.committed(position)

    def _commit_and_note_position(self) -> Position:
        """Commit and learn where in the log that was, in one trip: whoever is to see it can wait for that place."""
        with self.wrap_database_errors, self.connection.cursor() as cursor:
            cursor.execute(f"COMMIT; {positions.CURRENT_SQL}")
            cursor.nextset()
            position = Position.of(*cursor.fetchone())
        positions.note_written(position)
        return position

    def run_and_clear_commit_hooks(self) -> None:
        if self.scope is not None and self.run_on_commit:
            self.scope = None
            scopes.leave()
        super().run_and_clear_commit_hooks()


def _is_rolled_back(error: BaseException) -> bool:
    """Return whether an error of COMMIT tells for certain that nothing was written: a refused constraint or order."""
    return (getattr(error.__cause__, "sqlstate", None) or "")[:2] in ("23", "40")
