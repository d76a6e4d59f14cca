"""Which tables there are, and that each tenant's is under row-level security."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps

from commerce.db import rls
from commerce.db.isolation.rule import COMMON, NAMES, Rule, query


def _without_model(cursor: Any) -> Iterator[tuple[str, str]]:
    for name in sorted(_live_tables(cursor) - _model_tables() - {"django_migrations"}):
        yield name, "no model owns this table"


def _without_table(cursor: Any) -> Iterator[tuple[str, str]]:
    named = rls.PLATFORM_TABLES | rls.WORKER_TABLES | rls.OPERATOR_TABLES | rls.RELAY_TABLES
    for name in sorted((_model_tables() | named) - _live_tables(cursor)):
        yield name, "the table is missing"


def _model_tables() -> set[str]:
    models = apps.get_models(include_auto_created=True)
    return {model._meta.db_table for model in models if model._meta.managed and not model._meta.proxy}


def _live_tables(cursor: Any) -> set[str]:
    cursor.execute(COMMON + "SELECT name FROM tables", NAMES)
    return {name for (name,) in cursor.fetchall()}


RULES = (
    Rule("table-without-model", _without_model, "Drop it, or write its model."),
    Rule("table-missing", _without_table, "Run `manage.py migrate`, or take the name out of commerce/db/rls.py."),
    Rule(
        "table-tenant",
        query("""SELECT name, 'belongs to no tenant and is not named as a platform table' FROM tenant_tables t
                 WHERE NOT EXISTS (SELECT FROM columns c WHERE c.oid = t.oid AND c.name = 'tenant_id')"""),
        "Base its model on TenantModel, or name it in commerce/db/rls.py if its rows are no tenant's.",
    ),
    Rule(
        "table-rls-enabled",
        query("SELECT name, 'row-level security is not enabled' FROM tenant_tables WHERE NOT is_enabled"),
        "ALTER TABLE … ENABLE ROW LEVEL SECURITY.",
    ),
    Rule(
        "table-rls-forced",
        query("SELECT name, 'row-level security does not bind its owner' FROM tenant_tables WHERE NOT is_forced"),
        "ALTER TABLE … FORCE ROW LEVEL SECURITY.",
    ),
    Rule(
        "table-foreign",
        query(
            "SELECT name, 'is a foreign table, which row-level security does not cover' FROM tables WHERE kind = 'f'"
        ),
        "Copy the rows into an ordinary table.",
    ),
    Rule(
        "table-owner",
        query("""SELECT name, 'is owned by ' || pg_get_userbyid(owner) FROM tables
                 WHERE pg_get_userbyid(owner) <> %(owner)s"""),
        f"ALTER TABLE … OWNER TO {rls.OWNER}.",
    ),
    Rule(
        "table-rewritten",
        query("""SELECT t.name, 'has the rewrite rule ' || r.rulename || ', which runs with its owner''s rights'
                 FROM pg_rewrite r JOIN tables t ON t.oid = r.ev_class"""),
        "DROP RULE …; write a trigger or an operation.",
    ),
    Rule(
        "trigger-disabled",
        query("""SELECT t.name, 'the trigger ' || g.tgname || ' does not fire' FROM pg_trigger g
                 JOIN tables t ON t.oid = g.tgrelid WHERE g.tgenabled NOT IN ('O', 'A')"""),
        "ALTER TABLE … ENABLE TRIGGER ….",
    ),
    Rule(
        "trigger-version",
        query("""SELECT c.table_name, 'no trigger raises its version' FROM columns c
                 WHERE c.name = 'version' AND c.belongs_to = 'tenant' AND NOT EXISTS (
                   SELECT FROM pg_trigger g WHERE g.tgrelid = c.oid AND g.tgfoid = 'raise_version'::regproc
                     AND g.tgtype = 19 AND g.tgqual IS NULL AND g.tgattr = '')"""),
        "CREATE TRIGGER raise_version BEFORE UPDATE ON … FOR EACH ROW EXECUTE FUNCTION raise_version().",
    ),
    Rule(
        "schema-unknown",
        query("""SELECT nspname, 'is a schema beside public' FROM pg_namespace
                 WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public')"""),
        "Keep everything in public: names in policies and functions must mean one thing.",
    ),
    Rule(
        "extension-unknown",
        query("""SELECT extname, 'is an extension, and the schema must load on a bare PostgreSQL'
                 FROM pg_extension WHERE extname <> 'plpgsql'"""),
        "DROP EXTENSION …, or decide otherwise in an ADR.",
    ),
)
