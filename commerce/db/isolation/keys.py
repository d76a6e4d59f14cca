"""Primary keys, unique constraints, indexes and foreign keys: the tenant is the first column of each."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps

from commerce.db.backend.schema import is_tenant_owned
from commerce.db.isolation.rule import COMMON, NAMES, Rule, query

_KEYS = """
, keys AS (
  SELECT i.indexrelid::regclass::text AS name, t.name AS table_name, t.belongs_to, i.*, am.amname AS method,
         (SELECT attname FROM pg_attribute WHERE attrelid = i.indrelid AND attnum = i.indkey[0]) AS first
  FROM pg_index i JOIN tables t ON t.oid = i.indrelid
  JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am am ON am.oid = c.relam
), tenant_keys AS (SELECT * FROM keys WHERE belongs_to = 'tenant')
"""

_REFERENCES = """
, refs AS (
  SELECT k.conname::text AS name, t.name AS table_name, t.belongs_to, target.name AS target_name,
         target.belongs_to AS target_belongs_to, k.confdeltype, k.confupdtype,
         ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u(n, i)
               JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n ORDER BY i) AS source,
         ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u(n, i)
               JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.n ORDER BY i) AS target
  FROM pg_constraint k JOIN tables t ON t.oid = k.conrelid JOIN tables target ON target.oid = k.confrelid
  WHERE k.contype = 'f'
)
"""


def _missing_references(cursor: Any) -> Iterator[tuple[str, str]]:
    cursor.execute(COMMON + _REFERENCES + "SELECT table_name, target_name, source[2] FROM refs", NAMES)
    live = set(cursor.fetchall())
    for model in apps.get_models(include_auto_created=True):
        for field in model._meta.local_concrete_fields if is_tenant_owned(model) else ():
            target = field.related_model
            if isinstance(target, type) and is_tenant_owned(target):
                table = model._meta.db_table
                if (table, target._meta.db_table, field.column) not in live:
                    yield f"{table}.{field.column}", f"no foreign key leads to {target._meta.db_table}"


RULES = (
    Rule(
        "key-primary",
        query("""SELECT t.name, 'its primary key is ' || coalesce(pg_get_constraintdef(k.oid), 'missing')
                 FROM tenant_tables t LEFT JOIN pg_constraint k ON k.conrelid = t.oid AND k.contype = 'p'
                 WHERE coalesce(pg_get_constraintdef(k.oid), '') !~ '^PRIMARY KEY .tenant_id\\M'"""),
        "PRIMARY KEY (tenant_id, id): the schema editor writes it for a model with a TenantField.",
    ),
    Rule(
        "key-unique",
        query(
            "SELECT name, 'is unique over all tenants' FROM tenant_keys "
            "WHERE indisunique AND NOT indisprimary AND first IS DISTINCT FROM 'tenant_id'",
            on=_KEYS,
        ),
        "Begin it with tenant_id: one over all tenants tells one of them what another has.",
    ),
    Rule(
        "key-exclusion",
        query(
            """SELECT k.name, 'excludes over all tenants' FROM tenant_keys k
              WHERE indisexclusion AND NOT EXISTS (
                SELECT FROM pg_constraint c, unnest(c.conkey, c.conexclop) AS u(n, op)
                JOIN pg_operator o ON o.oid = u.op WHERE c.conindid = k.indexrelid AND o.oprname = '='
                  AND n = (SELECT attnum FROM pg_attribute WHERE attrelid = c.conrelid AND attname = 'tenant_id'))""",
            on=_KEYS,
        ),
        "Begin it with `tenant_id WITH =`.",
    ),
    Rule(
        "index-tenant",
        query(
            "SELECT name, 'does not begin with tenant_id' FROM tenant_keys "
            "WHERE NOT indisunique AND method IN ('btree', 'hash', 'brin') AND first IS DISTINCT FROM 'tenant_id'",
            on=_KEYS,
        ),
        "Begin it with tenant_id, or it reads the entries of all tenants.",
    ),
    Rule(
        "index-expression",
        query(
            "SELECT name, 'is on an expression, which row-level security never uses' FROM tenant_keys "
            "WHERE indexprs IS NOT NULL AND method = 'btree'",
            on=_KEYS,
        ),
        "Index a stored column.",
    ),
    Rule(
        "index-leakproof",
        query(
            """SELECT k.name, 'compares ' || string_agg(DISTINCT a.attname, ', ') || ' by what is not leakproof'
              FROM tenant_keys k CROSS JOIN LATERAL unnest(k.indclass::oid[], k.indkey::int2[]) AS u(class, number)
              JOIN pg_opclass c ON c.oid = u.class
              JOIN pg_amop o ON o.amopfamily = c.opcfamily AND o.amoplefttype = c.opcintype
                AND o.amoprighttype = c.opcintype AND o.amoppurpose = 's'
              JOIN pg_operator op ON op.oid = o.amopopr JOIN pg_proc p ON p.oid = op.oprcode AND NOT p.proleakproof
              JOIN pg_attribute a ON a.attrelid = k.indrelid AND a.attnum = u.number
              WHERE k.method = 'btree' GROUP BY k.name""",
            on=_KEYS,
        ),
        "Row-level security will not use it: store the column as bigint, text, uuid, boolean, date or timestamptz.",
    ),
    Rule(
        "index-unreadable",
        query(
            """SELECT k.name, 'is ' || method || ' on a table that has no policy for the reader' FROM tenant_keys k
              WHERE method NOT IN ('btree', 'hash', 'brin') AND NOT indisexclusion AND NOT EXISTS (
                SELECT FROM pg_policy p
                WHERE p.polrelid = k.indrelid AND polroles = ARRAY[to_regrole(%(reader)s)::oid])""",
            on=_KEYS,
        ),
        "Only a view owned by the reader can use it under row-level security.",
    ),
    Rule(
        "index-invalid",
        query(
            "SELECT name, 'is INVALID' FROM keys WHERE NOT (indisvalid AND indisready AND indislive)",
            on=_KEYS,
        ),
        "Drop it and build it again, CONCURRENTLY with a larger lock_timeout.",
    ),
    Rule(
        "constraint-not-valid",
        query("""SELECT t.name, 'the constraint ' || k.conname || ' is NOT VALID' FROM pg_constraint k
                 JOIN tables t ON t.oid = k.conrelid WHERE NOT k.convalidated"""),
        "ALTER TABLE … VALIDATE CONSTRAINT ….",
    ),
    Rule(
        "reference-composite",
        query(
            """SELECT table_name, name || ' is (' || array_to_string(source, ', ') || ') REFERENCES '
                || target_name || ' (' || array_to_string(target, ', ') || ')' FROM refs
              WHERE belongs_to = 'tenant' AND target_belongs_to = 'tenant'
                AND NOT (source[1] = 'tenant_id' AND target[1] = 'tenant_id')""",
            on=_REFERENCES,
        ),
        "(tenant_id, x_id) REFERENCES x (tenant_id, id): foreign-key checks bypass row-level security.",
    ),
    Rule(
        "reference-to-tenant",
        query(
            """SELECT table_name, name || ' leads from a platform table to ' || target_name FROM refs
              WHERE belongs_to <> 'tenant' AND target_belongs_to = 'tenant'""",
            on=_REFERENCES,
        ),
        "Turn it round, or make the table a tenant's.",
    ),
    Rule(
        "reference-action",
        query(
            """SELECT table_name, name || ' would empty or change tenant_id' FROM refs
              WHERE belongs_to = 'tenant' AND target_belongs_to = 'tenant'
                AND (confdeltype IN ('n', 'd') OR confupdtype <> 'a')""",
            on=_REFERENCES,
        ),
        "Leave ON DELETE and ON UPDATE away: Django does it, column by column.",
    ),
    Rule(
        "reference-missing", _missing_references, "Add the constraint: without it a row may point at another tenant's."
    ),
)
