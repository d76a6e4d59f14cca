"""The one way to a tenant's rows: `with tenant_scope(tenant_id):`."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.db import connections, transaction

from commerce.db import rls

SETTING = "app.tenant_id"


class ScopeError(RuntimeError):
    """A tenant's rows were asked for outside a scope, or scopes were nested in a way that would mix tenants."""


@dataclass(frozen=True, slots=True)
class Scope:
    """An open scope: the tenant's number (None: all tenants, platform role only), alias, mode and role.

    `time_limit` is that of each statement, in milliseconds (None: the role's).
    """

    tenant_id: int | None
    alias: str
    read_only: bool = False
    role: str | None = None
    along_indexes: bool = False
    time_limit: int | None = None

    @property
    def begin_sql(self) -> str:
        """The statements that open the transaction, sent in one round trip."""
        mode = " ISOLATION LEVEL REPEATABLE READ READ ONLY" if self.read_only else ""
        statements = [f"BEGIN{mode}"]
        if self.role is not None:
            statements.append(f"SET LOCAL ROLE {self.role}")
        if self.along_indexes:
            # What there is no other way for then looks so costly that it would be compiled, for seconds.
            statements += [f"SET LOCAL {name} = off" for name in ("enable_sort", "enable_seqscan", "jit")]
            # No plan depends on the values then, and planning takes longer than running.
            statements.append("SET LOCAL plan_cache_mode = force_generic_plan")
        if self.time_limit is not None:
            statements.append(f"SET LOCAL statement_timeout = {int(self.time_limit)}")
        if self.tenant_id is not None:
            statements.append(f"SET LOCAL {SETTING} = '{int(self.tenant_id)}'")
        return "; ".join(statements)


_current: ContextVar[Scope | None] = ContextVar("tenant_scope", default=None)


def current_scope() -> Scope | None:
    """Return the open scope, or None."""
    return _current.get()


def current_tenant_id() -> int:
    """Return the number of the scope's tenant, or raise ScopeError outside a scope of one tenant."""
    scope = _current.get()
    if scope is None or scope.tenant_id is None:
        raise ScopeError("No tenant is in scope: open `with tenant_scope(tenant_id):` around this.")
    return scope.tenant_id


@contextmanager
def tenant_scope(
    tenant_id: int,
    *,
    read_only: bool = False,
    using: str = "default",
    along_indexes: bool = False,
    time_limit: int | None = None,
) -> Iterator[Scope]:
    """Open a transaction that sees and writes the rows of one tenant, and no other's.

    BEGIN and the tenant travel in one round trip. With `read_only` everything inside is one snapshot
    (REPEATABLE READ) and PostgreSQL refuses writes. It commits at the end, or rolls back on an exception.
    `along_indexes` has rows found by an index, and in order wherever one has that order: the planner does
    not know the tenant, takes it for one of average size, and would read and sort all rows of a large one.
    `time_limit` is that of each statement in milliseconds; one that takes longer fails.
    A scope of the same tenant inside it is a savepoint. Raises ScopeError inside a scope of another
    tenant, inside a transaction that has none, or when a writing scope is opened inside a reading one.
    """
    wanted = Scope(int(tenant_id), using, read_only, along_indexes=along_indexes, time_limit=time_limit)
    with _open(wanted) as scope:
        yield scope


@contextmanager
def open_scope(scope: Scope) -> Iterator[Scope]:
    """Open a scope with a role or over all tenants; for `commerce.db` and `tenants` platform code alone."""
    with _open(scope) as opened:
        yield opened


@contextmanager
def _open(scope: Scope) -> Iterator[Scope]:
    outer = _current.get()
    if outer is not None:
        with _reenter(outer, scope) as entered:
            yield entered
        return
    connection: Any = connections[scope.alias]
    if connection.in_atomic_block:
        raise ScopeError(f"A transaction without a tenant is already open on {scope.alias!r}.")
    token = _current.set(scope)
    connection.scope = scope
    try:
        with transaction.atomic(using=scope.alias, durable=True):
            yield scope
    finally:
        connection.scope = None
        _current.reset(token)


@contextmanager
def _reenter(outer: Scope, scope: Scope) -> Iterator[Scope]:
    if outer.tenant_id != scope.tenant_id:
        raise ScopeError(
            f"A scope of tenant {scope.tenant_id} was opened inside one of tenant {outer.tenant_id}; "
            "leave the outer scope first."
        )
    if outer.read_only and not scope.read_only:
        raise ScopeError("A writing scope was opened inside a reading one; open the writing one first.")
    with transaction.atomic(using=outer.alias):
        yield outer


@contextmanager
def narrow(tenant_id: int) -> Iterator[Scope]:
    """Within an open scope over all tenants, become one tenant: the application's role, which sees and writes its rows.

    It is a savepoint: an exception undoes what was done inside, and with it the change of role.
    """
    outer = _current.get()
    if outer is None or outer.tenant_id is not None:
        raise ScopeError("Only a scope over all tenants can be narrowed to one.")
    token = _current.set(replace(outer, tenant_id=tenant_id))
    try:
        with transaction.atomic(using=outer.alias), connections[outer.alias].cursor() as cursor:
            cursor.execute(f"SET LOCAL ROLE {rls.APP}; SET LOCAL {SETTING} = '{int(tenant_id)}'")
            yield outer
            cursor.execute(f"SET LOCAL ROLE NONE; SET LOCAL {SETTING} = ''")
    finally:
        _current.reset(token)


def leave() -> None:
    """Forget the scope when its transaction has ended, so that on_commit callbacks have no tenant."""
    _current.set(None)


def require_scope(tables: set[str], alias: str) -> None:
    """Raise ScopeError if one of `tables` belongs to tenants and no scope is open on `alias`."""
    if not settings.TENANT_GUARD:
        return
    scope = _current.get()
    if scope is None or scope.alias != alias:
        where = "no scope" if scope is None else f"a scope on {scope.alias!r}"
        raise ScopeError(
            f"Tenant table {sorted(tables)[0]} was queried on {alias!r} with {where} open; "
            "open `with tenant_scope(tenant_id):` around it."
        )
