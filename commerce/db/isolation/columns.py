"""Columns of shapes that stay fast under row-level security: only leakproof operators reach an index."""

from commerce.db.isolation.rule import Rule, query

RULES = (
    Rule(
        "column-tenant",
        query("""SELECT table_name, 'tenant_id is ' || type || CASE WHEN is_required THEN '' ELSE ' NULL' END
                   || coalesce(' DEFAULT ' || default_value, '') FROM columns
                 WHERE belongs_to = 'tenant' AND name = 'tenant_id' AND (
                   type <> 'integer' OR NOT is_required OR default_value <> 'current_tenant()')
              """),
        "It is `integer NOT NULL`, without a default or with current_tenant().",
    ),
    Rule(
        "column-type",
        query("""SELECT table_name || '.' || name, 'is ' || type || ', whose operators are not leakproof' FROM columns
                 WHERE belongs_to = 'tenant' AND (typtype = 'e' OR base IN ('numeric', 'money', 'citext', 'ltree'))"""),
        "Money is a bigint of minor units, a status text with a CHECK, an e-mail stored in lower case.",
    ),
    Rule(
        "column-money",
        query("""SELECT table_name || '.' || name, 'is ' || type FROM columns
                 WHERE belongs_to = 'tenant' AND category = 'N' AND type <> 'bigint'
                   AND name ~ '(^|_)(price|cost|amount|balance|fee)(_|$)'"""),
        "Money is a bigint of minor units with a currency beside it.",
    ),
    Rule(
        "column-status",
        query("""SELECT table_name || '.' || name, 'takes any text' FROM columns c
                 WHERE belongs_to <> 'operator' AND name ~ '(^|_)status$' AND category = 'S' AND NOT EXISTS (
                   SELECT FROM pg_constraint k
                   WHERE k.conrelid = c.oid AND k.contype = 'c' AND c.number = ANY(k.conkey))
              """),
        "Add a CheckConstraint with the words that it may be.",
    ),
    Rule(
        "column-counter",
        query("""SELECT c.table_name || '.' || c.name, 'is numbered over all tenants' FROM columns c
                 JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = c.number
                 WHERE c.belongs_to = 'tenant' AND (a.attidentity <> '' OR c.default_value ~ '^nextval')
                   AND (c.table_name, c.name) NOT IN (('django_admin_log', 'id'), ('outbox_event', 'position'))"""),
        "A UUID made by the application, or a counter row per tenant: a shared sequence tells what others do.",
    ),
)
