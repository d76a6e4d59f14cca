"""The rules of tenancy, held against a live database: `manage.py check_isolation`.

A rule is a name, a remedy, and a query (or a function, where the models have a say) that yields an object and
what is wrong with it. They read the system catalogue alone, so that any role can run them.
"""

from collections.abc import Iterator
from typing import Any

from commerce.db.isolation import columns, grants, keys, policies, probes, roles, tables, views
from commerce.db.isolation.rule import Finding, Rule, count_objects

RULES: tuple[Rule, ...] = (
    *tables.RULES,
    *columns.RULES,
    *keys.RULES,
    *policies.RULES,
    *views.RULES,
    *grants.RULES,
    *roles.RULES,
    *probes.RULES,
)

__all__ = ["RULES", "Finding", "Rule", "check", "count_objects"]


def check(cursor: Any) -> Iterator[Finding]:
    """Yield what breaks a rule of tenancy. The cursor is inside a transaction, as the owner's role or a superuser."""
    for rule in RULES:
        yield from rule.findings(cursor)
