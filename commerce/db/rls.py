"""What the schema editor writes for a table: policies, grants, triggers. Roles are made by deploy/roles.sql."""

OWNER = "commerce_owner"
APP = "commerce_app"
PLATFORM = "commerce_platform"
RELAY = "commerce_relay"
READER = "commerce_reader"

POLICY = "tenant_id = (SELECT current_tenant())"

# Platform tables whose rows are no tenant's: the application may read them and nothing else.
PLATFORM_TABLES = frozenset(
    {"tenants_tenant", "tenants_domain", "django_content_type", "auth_permission", "django_migrations"}
)
# Platform tables that the application has no business with.
OPERATOR_TABLES = frozenset({"auth_group", "auth_group_permissions", "tenant_migration", "tenants_platformaudit"})
# Platform tables that the application writes too: what its workers, relays and beat say of themselves.
WORKER_TABLES = frozenset({"jobs_worker", "jobs_slot", "outbox_relay"})
# Tenants' tables that the relay works on, for all tenants at once (AllowRelay).
RELAY_TABLES = frozenset(
    {"outbox_event", "webhooks_webhook", "webhooks_delivery", "webhooks_attempt", "jobs_job"}
    # Of these it sees whose they are and nothing else (commerce.db.tenants).
    | {"catalog_searchpending", "catalog_releasedfile", "catalog_upload", "catalog_import", "catalog_export"}
)
# Those of them that it adds rows to.
RELAY_FILLS = frozenset({"webhooks_delivery", "webhooks_attempt"})
# Tables of other people's apps that we make tenant-owned: the editor adds the column.
ADOPTED_TABLES = frozenset({"django_admin_log"})

FUNCTIONS = """
CREATE OR REPLACE FUNCTION current_tenant() RETURNS integer LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT nullif(current_setting('app.tenant_id', true), '')::integer $$;
CREATE OR REPLACE FUNCTION raise_version() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
  NEW.version := OLD.version + 1;  -- whatever a stale object brings: a version never comes back
  IF NEW.updated_at = OLD.updated_at THEN NEW.updated_at := statement_timestamp(); END IF;
  RETURN NEW;
END $$
"""


def tenant_table_sql(table: str, *, versioned: bool) -> list[str]:
    """Return the statements that hand a new tenant-owned table to row-level security and to the roles."""
    statements = [
        # The planner does not know the tenant and would take every shop for one of average size, where all of
        # a shop's rows are soon read. It is to plan for shops that own up to a twentieth of the table.
        f'ALTER TABLE "{table}" ALTER COLUMN tenant_id SET (n_distinct = 20)',
        f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY',
        f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY',
        f'CREATE POLICY tenant ON "{table}" TO {APP} USING ({POLICY}) WITH CHECK ({POLICY})',
        f'CREATE POLICY platform ON "{table}" TO {PLATFORM} USING (true) WITH CHECK (true)',
        f'REVOKE ALL ON "{table}" FROM PUBLIC',
        f'GRANT SELECT, INSERT, UPDATE, DELETE ON "{table}" TO {APP}, {PLATFORM}',
    ]
    if versioned:
        statements.append(
            f'CREATE TRIGGER raise_version BEFORE UPDATE ON "{table}" FOR EACH ROW EXECUTE FUNCTION raise_version()'
        )
    return statements


def platform_table_sql(table: str) -> list[str]:
    """Return the grants of a table that belongs to no tenant."""
    statements = [
        f'REVOKE ALL ON "{table}" FROM PUBLIC',
        f'GRANT SELECT, INSERT, UPDATE, DELETE ON "{table}" TO {PLATFORM}',
    ]
    if table in PLATFORM_TABLES:
        statements.append(f'GRANT SELECT ON "{table}" TO {APP}, {RELAY}')
    if table in WORKER_TABLES:
        statements.append(f'GRANT SELECT, INSERT, UPDATE, DELETE ON "{table}" TO {APP}')
    return statements
