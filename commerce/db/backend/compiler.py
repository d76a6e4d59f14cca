"""Compilers that refuse a query on a tenant's table outside a scope, before it reaches the database."""

from functools import cache
from typing import Any

from django.apps import apps
from django.db.models.sql import compiler

from commerce.db import rls, scope
from commerce.db.fields import TenantField


@cache
def tenant_tables() -> frozenset[str]:
    """Return the names of all tables that belong to tenants."""
    owned = {
        model._meta.db_table
        for model in apps.get_models(include_auto_created=True)
        if any(isinstance(field, TenantField) for field in model._meta.local_fields)
    }
    return frozenset(owned | rls.ADOPTED_TABLES)


class ScopeGuard:
    """What all compilers share. Subqueries and the parts of a union have compilers of their own on the connection."""

    query: Any
    connection: Any
    is_executing = False

    def execute_sql(self, *args: Any, **kwargs: Any) -> Any:
        self._require_scope(self._tables())  # before compiling: a query that comes out empty is not compiled to its end
        self.is_executing = True
        self.connection.tables_met = set()
        return super().execute_sql(*args, **kwargs)  # type: ignore[misc]

    def as_sql(self, *args: Any, **kwargs: Any) -> Any:
        compiled = super().as_sql(*args, **kwargs)  # type: ignore[misc]
        self.connection.tables_met |= self._tables()
        if self.is_executing:
            self._require_scope(self.connection.tables_met)
        return compiled

    def _tables(self) -> set[str]:
        query = self.query
        own = {query.get_meta().db_table} if query.model else set()
        return own | {alias.table_name for alias in query.alias_map.values() if alias.table_name}

    def _require_scope(self, tables: set[str]) -> None:
        owned = tables & tenant_tables()
        if owned:
            scope.require_scope(owned, self.connection.alias)


class SQLCompiler(ScopeGuard, compiler.SQLCompiler):
    pass


class SQLInsertCompiler(ScopeGuard, compiler.SQLInsertCompiler):
    pass


class SQLDeleteCompiler(ScopeGuard, compiler.SQLDeleteCompiler):
    pass


class SQLUpdateCompiler(ScopeGuard, compiler.SQLUpdateCompiler):
    pass


class SQLAggregateCompiler(ScopeGuard, compiler.SQLAggregateCompiler):
    pass
