"""The roles of deploy/roles.sql: what they are, what they belong to, own and carry with them."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings

from commerce.db import rls
from commerce.db.isolation.rule import Rule, query

_ROLES = """
, settings AS (
  SELECT r.rolname::text AS role, split_part(c, '=', 1) AS name, substr(c, strpos(c, '=') + 1) AS value
  FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole, unnest(s.setconfig) c
  WHERE s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
), needed AS (
  SELECT role, name FROM unnest(ARRAY[%(app)s, %(relay)s, %(platform)s]) role,
         unnest(ARRAY['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout']) name
  UNION ALL SELECT %(owner)s, unnest(ARRAY['lock_timeout', 'idle_in_transaction_session_timeout'])
)
"""


def _wrong_users(cursor: Any) -> Iterator[tuple[str, str]]:
    expected = {
        "default": rls.APP,
        **dict.fromkeys(settings.REPLICAS, rls.APP),
        "owner": rls.OWNER,
        "platform": rls.PLATFORM,
        "relay": rls.RELAY,
    }
    for alias, role in expected.items():
        user = settings.DATABASES.get(alias, {}).get("USER", role)
        if user != role:
            yield f"database {alias}", f"signs in as {user}, not as {role}"


RULES = (
    Rule(
        "role-missing",
        query("""SELECT name, 'there is no such role' FROM unnest(%(all_roles)s::text[]) name
                 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)"""),
        "Run deploy/roles.sql.",
    ),
    Rule(
        "role-powers",
        query("""SELECT rolname, concat_ws(', ', CASE WHEN rolsuper THEN 'is a superuser' END,
                   CASE WHEN rolbypassrls THEN 'bypasses row-level security' END,
                   CASE WHEN rolcreaterole THEN 'creates roles' END, CASE WHEN rolcreatedb THEN 'creates databases' END,
                   CASE WHEN rolreplication THEN 'replicates' END)
                 FROM pg_roles WHERE rolname = ANY(%(all_roles)s)
                   AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication)"""),
        "ALTER ROLE … NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB NOREPLICATION.",
    ),
    Rule(
        "role-login",
        query("""SELECT rolname, CASE WHEN rolcanlogin THEN 'can sign in' ELSE 'cannot sign in' END FROM pg_roles
                 WHERE rolname = ANY(%(all_roles)s) AND rolcanlogin = (rolname = %(reader)s)"""),
        "The reader is NOLOGIN, the others LOGIN.",
    ),
    Rule(
        "role-inherit",
        query("""SELECT rolname, 'inherits, so that the application''s policies bind it' FROM pg_roles
                 WHERE rolname IN (%(owner)s, %(platform)s) AND rolinherit
                 UNION ALL SELECT pg_get_userbyid(member)::text, 'inherits from ' || pg_get_userbyid(roleid)
                 FROM pg_auth_members m WHERE pg_get_userbyid(member) IN (%(owner)s, %(platform)s)
                   AND (to_jsonb(m) ->> 'inherit_option')::boolean"""),
        "ALTER ROLE … NOINHERIT, and grant its memberships WITH INHERIT FALSE.",
    ),
    Rule(
        "role-member",
        query("""SELECT pg_get_userbyid(member)::text, 'is a member of ' || pg_get_userbyid(roleid) FROM pg_auth_members
                 WHERE pg_get_userbyid(member) = ANY(%(all_roles)s) AND NOT (
                   pg_get_userbyid(member) = %(owner)s AND pg_get_userbyid(roleid) IN (%(app)s, %(reader)s)
                   OR pg_get_userbyid(member) = %(platform)s AND pg_get_userbyid(roleid) = %(app)s)"""),
        "REVOKE the membership: the owner is in the application's role and the reader, the platform in the former.",
    ),
    Rule(
        "role-owns",
        query("""SELECT d.refobjid::regrole::text, 'owns ' || pg_describe_object(d.classid, d.objid, 0)
                 FROM pg_shdepend d
                 WHERE d.refclassid = 'pg_authid'::regclass AND d.deptype = 'o'
                   AND d.dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
                   AND d.refobjid::regrole::text IN (%(app)s, %(relay)s, %(platform)s, %(reader)s)
                   AND NOT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                     WHERE d.classid = 'pg_class'::regclass AND c.oid = d.objid
                       AND (n.nspname ~ '^pg_(toast_)?temp_'
                            OR c.relkind = 'v' AND d.refobjid::regrole::text = %(reader)s))
              """),
        f"ALTER … OWNER TO {rls.OWNER}; the reader owns views alone.",
    ),
    Rule(
        "role-timeouts",
        query(
            """SELECT n.role, 'has no ' || n.name FROM needed n WHERE NOT EXISTS (
                SELECT FROM settings s WHERE s.role = n.role AND s.name = n.name AND s.value !~ '^0')""",
            on=_ROLES,
        ),
        "Run deploy/roles.sql.",
    ),
    Rule(
        "role-settings",
        query(
            """SELECT coalesce(role, 'everybody'), 'begins its sessions with ' || name || ' = ' || value
              FROM settings WHERE name ~ '^(app\\..*|role|row_security|search_path|session_authorization)$'""",
            on=_ROLES,
        ),
        "ALTER ROLE … RESET …: a scope alone names the tenant.",
    ),
    Rule("role-of-connection", _wrong_users, "Correct the address in the environment."),
)
