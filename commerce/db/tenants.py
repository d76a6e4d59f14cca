"""Which tenants there are, for work that goes round them; what they are called is the business of `tenants`."""

from django.db import connections

from commerce.db.scope import Scope, open_scope

# The connection of processes that have the relay's role.
RELAY = "relay"

# One probe of the key per tenant that has rows, however many rows and tenants there are.
_TENANTS_OF = """
WITH RECURSIVE found AS (
  (SELECT tenant_id FROM "{0}" ORDER BY tenant_id LIMIT 1)
  UNION ALL
  SELECT (SELECT t.tenant_id FROM "{0}" t WHERE t.tenant_id > f.tenant_id ORDER BY t.tenant_id LIMIT 1)
  FROM found f WHERE f.tenant_id IS NOT NULL
) SELECT tenant_id FROM found WHERE tenant_id IS NOT NULL
"""


def list_tenant_ids() -> list[int]:
    """Return the numbers of all tenants; needs no scope."""
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT id FROM tenants_tenant ORDER BY id")
        return [row[0] for row in cursor.fetchall()]


def list_tenants_of(table: str) -> list[int]:
    """Return the numbers of the tenants that have rows in one of `rls.RELAY_TABLES`. One statement, outside a scope.

    Raises RuntimeError in a process without the relay's role.
    """
    if RELAY not in connections:
        raise RuntimeError("DATABASE_RELAY_URL is not set: this is for workers of the queue webhooks, which have it.")
    with open_scope(Scope(tenant_id=None, alias=RELAY)), connections[RELAY].cursor() as cursor:
        cursor.execute(_TENANTS_OF.format(table))
        return [row[0] for row in cursor.fetchall()]
