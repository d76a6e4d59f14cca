"""What the statements of a transaction have written, and who is told of it around its COMMIT."""

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

from django.db import connections

from commerce.db.positions import Position
from commerce.db.scope import ScopeError, current_scope
from commerce.db.topics.declared import PLATFORM, declared

logger = logging.getLogger(__name__)

# From so many objects of a kind in one transaction on, they are not told one by one.
MANY = 100

_about: ContextVar[Mapping[str, frozenset[str]]] = ContextVar("about", default={})  # noqa: B039  never changed


@contextmanager
def about_objects(objects: Mapping[str, Iterable[Any]]) -> Iterator[None]:
    """Say the same as `about` of several kinds."""
    token = _about.set({**_about.get(), **{kind: frozenset(map(str, ids)) for kind, ids in objects.items()}})
    try:
        yield
    finally:
        _about.reset(token)


@contextmanager
def about(kind: str, ids: Iterable[Any]) -> Iterator[None]:
    """Say that what the statements inside write of a kind belongs to these objects alone.

    Without ids they write nothing of it that shows, or tell by `changed` what they wrote. Of two contexts of
    one kind the inner one counts.
    """
    with about_objects({kind: ids}):
        yield


def changed(kind: str, ids: Iterable[Any] | None = None) -> None:
    """Tell that these objects of the scope's tenant (None: nobody knows which) were changed in its transaction."""
    scope = current_scope()
    if scope is None or scope.tenant_id is None:
        raise ScopeError("No tenant is in scope: changes are told inside `with tenant_scope(tenant_id):`.")
    connection: Any = connections[scope.alias]
    connection.changes.add(scope.tenant_id, kind, None if ids is None else frozenset(map(str, ids)))


class Changes:
    """What a transaction has written so far, by tenant (PLATFORM: what is no tenant's)."""

    def __init__(self) -> None:
        self._ids: dict[tuple[int, str], set[str] | None] = {}  # None: unnamed rows

    def __bool__(self) -> bool:
        return bool(self._ids)

    def clear(self) -> None:
        self._ids.clear()

    def add(self, tenant_id: int, kind: str, ids: Collection[str] | None) -> None:
        """Add named objects of a kind, or None for rows that nobody named."""
        if ids is not None and not ids:
            return
        known = self._ids.setdefault((tenant_id, kind), set())
        if known is None:
            return
        if ids is None or (len(known) + len(ids) > MANY and len(known.union(ids)) > MANY):
            self._ids[tenant_id, kind] = None
        else:
            known.update(ids)

    def note(self, tables: Iterable[str], tenant_id: int | None) -> None:
        """Add what a statement writes, as `about` says. Raises ScopeError for a tenant's rows without a tenant."""
        given = _about.get()
        for table in tables:
            found = declared()[table]
            if found.topics.are_shown and tenant_id is None and not found.is_platform:
                raise ScopeError(
                    f"{table} was written without a tenant in scope, so that nobody could be told whose rows changed; "
                    "open `with tenant_scope(tenant_id):` or narrow to one tenant around it."
                )
            for topic in found.topics.topics:
                self.add(PLATFORM if found.is_platform else tenant_id or 0, topic.kind, given.get(topic.kind))

    def topics(self) -> dict[int, frozenset[str]]:
        """Return the topics by tenant."""
        topics: dict[int, set[str]] = {}
        for (tenant_id, kind), ids in self._ids.items():
            found = topics.setdefault(tenant_id, set())
            found.add(kind)
            found.update([f"{kind}:*"] if ids is None else (f"{kind}:{one}" for one in ids))
        return {tenant_id: frozenset(found) for tenant_id, found in topics.items()}


class Handler(Protocol):
    """Is told of every transaction that has written something with a topic."""

    def before_commit(self, changes: Mapping[int, frozenset[str]], connection: Any) -> Any:
        """Return a token for what follows. An exception rolls the transaction back and reaches its author."""

    def after_commit(self, token: Any, position: Position) -> None:
        """Take notice that it was committed, at this place in the log or before."""

    def after_failure(self, token: Any, rolled_back: bool) -> None:
        """Take notice that COMMIT failed; `rolled_back` is False where it may have taken effect."""


_handlers: list[Handler] = []


def on_changes(handler: Handler) -> None:
    """Have a handler told, from now on, of what this process commits."""
    _handlers.append(handler)


def remove_handler(handler: Handler) -> None:
    """Have a handler told no longer."""
    _handlers.remove(handler)


class Telling:
    """Tells the handlers of one transaction; what they raise after COMMIT is logged and breaks nothing."""

    def __init__(self, changes: Changes, connection: Any) -> None:
        topics = changes.topics()
        changes.clear()  # what handlers write is not told
        self._told: list[tuple[Handler, Any]] = []
        try:
            for handler in tuple(_handlers):
                self._told.append((handler, handler.before_commit(topics, connection)))
        except BaseException:
            self.failed(rolled_back=True)
            raise

    def committed(self, position: Position) -> None:
        for handler, token in self._told:
            try:
                handler.after_commit(token, position)
            except Exception:
                logger.exception("A handler of committed changes failed")

    def failed(self, *, rolled_back: bool) -> None:
        for handler, token in self._told:
            try:
                handler.after_failure(token, rolled_back)
            except Exception:
                logger.exception("A handler of changes that were not committed failed")
