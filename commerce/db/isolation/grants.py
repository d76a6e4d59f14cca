"""Who may do what: the grants that there may be, and every other one is a finding."""

from commerce.db import rls
from commerce.db.isolation.rule import Rule, query

_GRANTS = """
, grants AS (
  SELECT r.name, r.name AS table_name, r.kind, r.belongs_to, x.is_grantable, x.privilege_type AS privilege,
         CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee)::text END AS role, false AS is_column
  FROM relations r, aclexplode(r.acl) x WHERE x.grantee <> r.owner
  UNION ALL
  SELECT r.name || '.' || a.attname, r.name, r.kind, r.belongs_to, x.is_grantable, x.privilege_type,
         CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee)::text END, true
  FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid, aclexplode(a.attacl) x WHERE x.grantee <> r.owner
), lawful AS (
  SELECT *, NOT is_grantable AND CASE
    WHEN kind = 'S' THEN privilege = 'USAGE' AND role IN (%(app)s, %(platform)s)
    WHEN kind = 'm' THEN privilege = 'SELECT' AND role IN (%(platform)s, %(reader)s)
    WHEN kind = 'v' THEN privilege = 'SELECT' AND role IN (%(app)s, %(platform)s)
    WHEN is_column THEN table_name = ANY(%(relay_tables)s) AND role = %(relay)s AND privilege IN ('SELECT', 'UPDATE')
    WHEN role = %(platform)s THEN privilege IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
    WHEN belongs_to = 'operator' THEN false
    WHEN table_name = ANY(%(worker_tables)s)
      THEN role = %(app)s AND privilege IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
    WHEN belongs_to = 'platform' THEN privilege = 'SELECT' AND role IN (%(app)s, %(relay)s)
    WHEN role = %(app)s THEN privilege IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
    WHEN role = %(reader)s THEN privilege = 'SELECT'
    WHEN role = %(relay)s THEN table_name = ANY(%(relay_tables)s) AND (privilege IN ('SELECT', 'UPDATE', 'DELETE')
      OR privilege = 'INSERT' AND table_name = ANY(%(relay_fills)s))
    ELSE false END AS is_lawful FROM grants
)
"""


_CONTAINERS = """
, containers AS (
  SELECT nspname::text AS name, nspacl AS acl, 'n'::"char" AS kind, nspowner AS owner FROM pg_namespace
  WHERE nspname = 'public'
  UNION ALL SELECT datname, datacl, 'd', datdba FROM pg_database WHERE datname = current_database()
), found AS (
  SELECT name, kind, x.is_grantable, x.privilege_type AS privilege,
         CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee)::text END AS role
  FROM containers, aclexplode(coalesce(acl, acldefault(kind, owner))) x WHERE x.grantee <> owner
)
"""

RULES = (
    Rule(
        "grant-unlawful",
        query(
            """SELECT name, role || ' has ' || string_agg(privilege, ', ' ORDER BY privilege)
                || CASE WHEN bool_or(is_grantable) THEN ' and may grant it' ELSE '' END
              FROM lawful WHERE NOT is_lawful GROUP BY name, role""",
            on=_GRANTS,
        ),
        "REVOKE it; commerce/db/rls.py has the only grants.",
    ),
    Rule(
        "grant-container",
        query(
            """SELECT name, role || ' has ' || privilege || CASE WHEN is_grantable THEN ' and may grant it' ELSE '' END
               FROM found WHERE (role = 'PUBLIC' OR role = ANY(%(all_roles)s)) AND (is_grantable OR NOT (
                 role <> 'PUBLIC' AND (
                   privilege IN ('USAGE', 'CONNECT') OR privilege = 'TEMPORARY' AND role = %(app)s
                   OR kind = 'n' AND privilege = 'CREATE' AND role IN (%(owner)s, %(reader)s))))""",
            on=_CONTAINERS,
        ),
        "REVOKE it; deploy/roles.sql has the only grants on the database and its schema.",
    ),
    Rule(
        "grant-default",
        query("""SELECT pg_get_userbyid(defaclrole)::text, 'grants on whatever it makes: ' || defaclacl::text
                 FROM pg_default_acl"""),
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {rls.OWNER} REVOKE …: the schema editor grants table by table.",
    ),
)
