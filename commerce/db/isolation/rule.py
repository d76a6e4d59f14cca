from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from commerce.db import rls

# How PostgreSQL writes rls.POLICY down.
POLICY = "(tenant_id = ( SELECT current_tenant() AS current_tenant))"

NAMES = {
    "owner": rls.OWNER,
    "app": rls.APP,
    "platform": rls.PLATFORM,
    "relay": rls.RELAY,
    "reader": rls.READER,
    "all_roles": [rls.OWNER, rls.APP, rls.PLATFORM, rls.RELAY, rls.READER],
    "platform_tables": sorted(rls.PLATFORM_TABLES | rls.WORKER_TABLES),
    "worker_tables": sorted(rls.WORKER_TABLES),
    "operator_tables": sorted(rls.OPERATOR_TABLES),
    "relay_tables": sorted(rls.RELAY_TABLES),
    "relay_fills": sorted(rls.RELAY_FILLS),
    "policy": POLICY,
}

# What every query may stand on. A table that is not named as the platform's is a tenant's, whatever it looks like.
COMMON = """
WITH relations AS (
  SELECT c.oid, c.relname::text AS name, c.relkind AS kind, c.relowner AS owner, c.relacl AS acl,
         c.reloptions AS options, c.relrowsecurity AS is_enabled, c.relforcerowsecurity AS is_forced,
         CASE WHEN c.relname::text = ANY(%(platform_tables)s) THEN 'platform'
              WHEN c.relname::text = ANY(%(operator_tables)s) THEN 'operator'
              ELSE 'tenant' END AS belongs_to
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
), tables AS (
  SELECT * FROM relations WHERE kind IN ('r', 'p', 'f')
), tenant_tables AS (
  SELECT * FROM tables WHERE belongs_to = 'tenant'
), columns AS (
  SELECT t.oid, t.name AS table_name, t.belongs_to, a.attnum AS number, a.attname::text AS name,
         a.attnotnull AS is_required, format_type(a.atttypid, NULL) AS type,
         coalesce(base.typname, own.typname)::text AS base,
         coalesce(base.typtype, own.typtype) AS typtype, coalesce(base.typcategory, own.typcategory) AS category,
         pg_get_expr(d.adbin, d.adrelid) AS default_value
  FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_type own ON own.oid = a.atttypid
  LEFT JOIN pg_type base ON base.oid = own.typbasetype
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
)
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One object that breaks a rule, what is wrong with it, and what to do."""

    rule: str
    object: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.object}: {self.problem}. {self.remedy}"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: `find` yields (object, problem) for each that breaks it."""

    name: str
    find: Callable[[Any], Iterable[tuple[str, str]]]
    remedy: str

    def findings(self, cursor: Any) -> Iterator[Finding]:
        for name, problem in self.find(cursor):
            yield Finding(self.name, name, problem, self.remedy)


def query(sql: str, *, on: str = "") -> Callable[[Any], Iterable[tuple[str, str]]]:
    """Return a function that runs a query on the catalogue (and on the expressions `on`); rows: object, problem."""

    def find(cursor: Any) -> list[tuple[str, str]]:
        cursor.execute(COMMON + on + sql, NAMES)
        rows: list[tuple[str, str]] = cursor.fetchall()
        return rows

    return find


_COUNTS = """
SELECT (SELECT count(*) FROM tables),
       (SELECT count(*) FROM columns),
       (SELECT count(*) FROM pg_constraint JOIN tables t ON t.oid = conrelid),
       (SELECT count(*) FROM pg_index JOIN tables t ON t.oid = indrelid),
       (SELECT count(*) FROM pg_policy JOIN tables t ON t.oid = polrelid),
       (SELECT count(*) FROM relations WHERE kind IN ('v', 'm')),
       (SELECT count(*) FROM relations r, aclexplode(r.acl)),
       (SELECT count(*) FROM pg_roles WHERE rolname = ANY(%(all_roles)s))
"""


def count_objects(cursor: Any) -> dict[str, int]:
    """Return how many objects of each kind there are to check."""
    cursor.execute(COMMON + _COUNTS, NAMES)
    kinds = ("tables", "columns", "constraints", "indexes", "policies", "views", "grants", "roles")
    return dict(zip(kinds, cursor.fetchone(), strict=True))
