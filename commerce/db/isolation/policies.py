"""Each tenant's table has exactly the policies of commerce/db/rls.py, word by word: no escape clause, nobody else's."""

from commerce.db.isolation.rule import Rule, query

_POLICIES = """
, policies AS (
  SELECT t.name AS table_name, p.polname::text AS name, t.belongs_to,
         p.polcmd AS command, p.polpermissive AS permissive,
         ARRAY(SELECT CASE r WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(r)::text END FROM unnest(p.polroles) r) AS roles,
         pg_get_expr(p.polqual, p.polrelid) AS readable, pg_get_expr(p.polwithcheck, p.polrelid) AS writable
  FROM pg_policy p JOIN tables t ON t.oid = p.polrelid
), lawful AS (
  SELECT *, CASE
    WHEN belongs_to <> 'tenant' OR NOT permissive THEN NULL
    WHEN roles = ARRAY[%(app)s] AND command = '*' AND readable = %(policy)s AND writable = %(policy)s THEN 'app'
    WHEN roles = ARRAY[%(platform)s] AND command = '*' AND readable = 'true' AND writable = 'true' THEN 'platform'
    WHEN roles = ARRAY[%(relay)s] AND table_name = ANY(%(relay_tables)s) AND command = '*'
      AND readable = 'true' AND writable = 'true' THEN 'relay'
    WHEN roles = ARRAY[%(reader)s] AND command = 'r' AND readable = 'true' THEN 'reader'
  END AS for_role FROM policies
)
"""

RULES = (
    Rule(
        "policy-unlawful",
        query(
            """SELECT table_name, 'the policy ' || name || ' for ' || array_to_string(roles, ', ')
                || ' USING ' || coalesce(readable, '-') || ' WITH CHECK ' || coalesce(writable, '-')
                || CASE WHEN belongs_to <> 'tenant' THEN ' is on a platform table'
                        WHEN 'PUBLIC' = ANY(roles) THEN ' is for everybody'
                        ELSE ' is none of the four that there may be' END
              FROM lawful WHERE for_role IS NULL""",
            on=_POLICIES,
        ),
        "DROP POLICY …; commerce/db/rls.py has the only ones.",
    ),
    Rule(
        "policy-missing",
        query(
            """SELECT t.name, 'has no policy for ' || needed.role FROM tenant_tables t
              CROSS JOIN (VALUES ('app'), ('platform'), ('relay')) AS needed(role)
              WHERE (needed.role <> 'relay' OR t.name = ANY(%(relay_tables)s)) AND NOT EXISTS (
                SELECT FROM lawful l WHERE l.table_name = t.name AND l.for_role = needed.role)""",
            on=_POLICIES,
        ),
        "Run the statements of commerce.db.rls.tenant_table_sql (the relay's: AllowRelay).",
    ),
)
