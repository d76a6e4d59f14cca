"""Migration operations that know tenants."""

from collections.abc import Callable, Sequence
from typing import Any

from django.db import connections
from django.db.migrations.operations.base import Operation, OperationCategory

from commerce.db import rls
from commerce.db.scope import Scope, open_scope


class RunPerTenant(Operation):
    """Change data once per tenant, each in a transaction of its own, as the application role.

    Under FORCE ROW LEVEL SECURITY the owner sees no row, so a plain UPDATE in a migration would change
    nothing and say nothing. `code(apps, tenant_id)` uses the historical models of `apps`. A tenant whose
    transaction was committed is not visited again when an interrupted migration is run anew. The
    migration needs `atomic = False`; otherwise ValueError.
    """

    category = OperationCategory.PYTHON
    reduces_to_sql = False
    atomic = False

    def __init__(self, code: Callable[[Any, int], None], name: str) -> None:
        self.code = code
        self.name = name

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return (type(self).__qualname__, [], {"code": self.code, "name": self.name})

    def state_forwards(self, app_label: str, state: Any) -> None:
        pass

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.in_atomic_block:
            raise ValueError(f"RunPerTenant {self.name!r} needs `atomic = False` on its migration.")
        alias = schema_editor.connection.alias
        operation = f"{app_label}.{self.name}"
        for tenant_id in _unfinished(alias, operation):
            with open_scope(Scope(tenant_id=tenant_id, alias=alias, role=rls.APP)):
                self.code(from_state.apps, tenant_id)
                with connections[alias].cursor() as cursor:
                    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
                    cursor.execute("SET LOCAL ROLE NONE")
                    cursor.execute(
                        "INSERT INTO tenant_migration (operation, tenant_number, finished_at) VALUES (%s, %s, now())",
                        [operation, tenant_id],
                    )

    def database_backwards(self, *args: Any) -> None:
        """Leave the data as they are."""

    def describe(self) -> str:
        return f"Change data per tenant: {self.name}"


def _unfinished(alias: str, operation: str) -> list[int]:
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT id FROM tenants_tenant WHERE id NOT IN "
            "(SELECT tenant_number FROM tenant_migration WHERE operation = %s) ORDER BY id",
            [operation],
        )
        return [row[0] for row in cursor.fetchall()]


class AllowRelay(Operation):
    """Let the relay's role read one table, of all tenants, and update the columns named.

    It reads all columns unless some are named; it adds rows to the tables of RELAY_FILLS.
    """

    reversible = True

    def __init__(self, table: str, columns: Sequence[str], reads: Sequence[str] = ()) -> None:
        self.table = table
        self.columns = columns
        self.reads = reads

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        values = {"table": self.table, "columns": self.columns}
        return (type(self).__qualname__, [], {**values, "reads": self.reads} if self.reads else values)

    def state_forwards(self, app_label: str, state: Any) -> None:
        pass

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        grants = ["SELECT" + (f" ({', '.join(self.reads)})" if self.reads else "")]
        grants += [f"UPDATE ({', '.join(self.columns)})"] if self.columns else []
        grants += ["INSERT"] if self.table in rls.RELAY_FILLS else []
        for statement in (
            f'CREATE POLICY relay ON "{self.table}" TO {rls.RELAY} USING (true) WITH CHECK (true)',
            f'GRANT {", ".join(grants)} ON "{self.table}" TO {rls.RELAY}',
        ):
            schema_editor.execute(statement, params=None)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        schema_editor.execute(f'DROP POLICY relay ON "{self.table}"', params=None)
        schema_editor.execute(f'REVOKE ALL ON "{self.table}" FROM {rls.RELAY}', params=None)

    def describe(self) -> str:
        return f"Let the relay work on {self.table}"
