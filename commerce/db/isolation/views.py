"""Views and functions: what runs with another role's rights than the caller's."""

import re
from collections.abc import Iterator
from typing import Any

from commerce.db import rls
from commerce.db.isolation.rule import COMMON, NAMES, Rule, query

_VIEWS = """
, views AS (
  SELECT name, pg_get_userbyid(owner)::text AS owner, pg_get_viewdef(oid) AS definition,
         coalesce((SELECT option_value::boolean FROM pg_options_to_table(options)
                   WHERE option_name = 'security_invoker'), false) AS is_invoker,
         coalesce((SELECT option_value::boolean FROM pg_options_to_table(options)
                   WHERE option_name = 'security_barrier'), false) AS is_barrier
  FROM relations WHERE kind = 'v'
)
"""
_FUNCTIONS = """
, functions AS (
  SELECT p.*, n.nspname, p.oid::regprocedure::text AS name, l.lanname AS language, t.typname AS returns
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
  JOIN pg_type t ON t.oid = p.prorettype
  WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
)
"""
_WRITTEN = re.compile(r"FUNCTION (\w+)\(\).*?\$\$(.*?)\$\$", re.DOTALL)


def _bodies(cursor: Any) -> Iterator[tuple[str, str]]:
    cursor.execute(
        COMMON
        + _FUNCTIONS
        + """SELECT proname::text, name, prosrc, returns || ' ' || language || ' ' || provolatile::text
          || coalesce(' ' || proconfig::text, '') FROM functions""",
        NAMES,
    )
    live: dict[str, list[tuple[str, str, str]]] = {}
    for name, signature, body, kind in cursor.fetchall():
        live.setdefault(name, []).append((signature, body, kind))
    kinds = {"current_tenant": "int4 sql s", "raise_version": "trigger plpgsql v"}
    for name, body in _WRITTEN.findall(rls.FUNCTIONS):
        found = live.get(name, [])
        if not found:
            yield f"{name}()", "the function is missing"
        for signature, source, kind in found:
            if len(found) > 1:
                yield signature, f"is one of {len(found)} functions of that name"
            if (source.split(), kind) != (body.split(), kinds[name]):
                yield signature, "does something else than commerce/db/rls.py says"


RULES = (
    Rule(
        "view-owner",
        query(
            """SELECT name, 'reads with the rights of ' || owner FROM views
              WHERE NOT is_invoker AND owner <> %(reader)s""",
            on=_VIEWS,
        ),
        f"ALTER VIEW … SET (security_invoker = true), or OWNER TO {rls.READER} if it searches.",
    ),
    Rule(
        "view-filter",
        query(
            r"""SELECT name, 'does not hold itself to one tenant' FROM views
              WHERE NOT is_invoker AND owner = %(reader)s AND NOT (
                definition ~ 'WHERE \(+(\w+\.)?tenant_id = \( SELECT current_tenant\(\) AS current_tenant\)\)'
                AND definition !~ '\m(OR|UNION|INTERSECT|EXCEPT)\M')""",
            on=_VIEWS,
        ),
        "WHERE tenant_id = (SELECT current_tenant()) AND …, without OR and UNION.",
    ),
    Rule(
        "view-barrier",
        query(
            """SELECT name, 'is a security barrier, which no index crosses' FROM views
              WHERE owner = %(reader)s AND is_barrier""",
            on=_VIEWS,
        ),
        "ALTER VIEW … RESET (security_barrier).",
    ),
    Rule("function-body", _bodies, "Run the statements of commerce.db.rls.FUNCTIONS as the owner."),
    Rule(
        "function-definer",
        query(
            """SELECT name, 'runs with the rights of ' || pg_get_userbyid(proowner) FROM functions
              WHERE prosecdef""",
            on=_FUNCTIONS,
        ),
        "ALTER FUNCTION … SECURITY INVOKER.",
    ),
    Rule(
        "function-leakproof",
        query(
            "SELECT name, 'claims to be leakproof' FROM functions WHERE proleakproof",
            on=_FUNCTIONS,
        ),
        "ALTER FUNCTION … NOT LEAKPROOF: nobody can check that claim.",
    ),
    Rule(
        "function-tenant",
        query(
            r"""SELECT name, 'reads or sets settings' FROM functions WHERE proname <> 'current_tenant' AND (
                prosrc ~* '\m(current_setting|set_config|app\.tenant_id|row_security)\M'
                OR proconfig::text ~* 'app\.|row_security')""",
            on=_FUNCTIONS,
        ),
        "Only current_tenant() asks which tenant it is, and only a scope says so.",
    ),
    Rule(
        "function-language",
        query(
            "SELECT name, 'is written in ' || language FROM functions WHERE language NOT IN ('sql', 'plpgsql')",
            on=_FUNCTIONS,
        ),
        "Write it in SQL or PL/pgSQL.",
    ),
    Rule(
        "function-owner",
        query(
            """SELECT name, 'is owned by ' || pg_get_userbyid(proowner) FROM functions
              WHERE pg_get_userbyid(proowner) <> %(owner)s""",
            on=_FUNCTIONS,
        ),
        f"ALTER FUNCTION … OWNER TO {rls.OWNER}.",
    ),
)
