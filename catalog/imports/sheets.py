"""Rows on their way into a table: COPY into a temporary table, compare, then write what differs.

The application's role cannot COPY into tables under row-level security (fact 25). A sheet is dropped with its
transaction.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import connections, models

from commerce.db.models import TenantModel
from commerce.db.scope import current_scope

# The few facts that an event tells of its object, as catalog.operations.objects has them.
FACTS = ("slug", "sku", "product_id", "variant_id", "channel_id", "warehouse_id", "price", "currency", "on_hand")
# From this many rows on a temporary table's statistics are worth making.
ANALYZED = 200


@dataclass(frozen=True, slots=True)
class Written:
    """A row that was inserted or updated: its id, its version now, and its facts."""

    id: UUID
    version: int
    facts: dict[str, Any]

    @property
    def is_new(self) -> bool:
        """An UPDATE raises the version (by a trigger), so that only a new row has the first one."""
        return self.version == 1


@dataclass(slots=True, eq=False)
class Sheet:
    """The wanted rows of one model.

    `keys` find a row, `columns` are compared and updated, `once` are only given to a new row, `beside` are the
    sheet's own (name → SQL type), `merged` are JSON columns of which only the keys named belong to the file;
    `label` tells two sheets of one model apart.
    """

    model: type[models.Model]
    keys: Sequence[str]
    columns: Sequence[str]
    once: Sequence[str] = ()
    beside: dict[str, str] = field(default_factory=dict)
    merged: dict[str, list[str]] = field(default_factory=dict)
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    label: str = ""
    # All columns of the sheet, in the order of `rows`.
    names: list[str] = field(init=False)
    _json: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.names = [*self.keys, *self.columns, *self.once, *self.beside]
        json = {f.column for f in self.model._meta.local_concrete_fields if isinstance(f, models.JSONField)}
        self._json = [name for name in self.names if name in json]

    @property
    def table(self) -> str:
        return self.model._meta.db_table

    @property
    def name(self) -> str:
        return f"import_{self.model._meta.model_name}{self.label}"

    def add(self, **values: Any) -> None:
        """Add a row."""
        for name in self._json:
            values[name] = _plain(values[name])
        self.rows.append(tuple(map(values.__getitem__, self.names)))

    def fill(self) -> None:
        """Copy the rows into the temporary table, made anew."""
        own = "".join(f", NULL::{type_} AS {name}" for name, type_ in self.beside.items())
        columns = ", ".join(f'"{name}"' for name in self.names if name not in self.beside)
        with open_cursor() as cursor:
            cursor.execute(
                f"DROP TABLE IF EXISTS pg_temp.{self.name}; CREATE TEMPORARY TABLE {self.name} ON COMMIT DROP AS "
                f"SELECT {columns}{own} FROM {self.table} WITH NO DATA"
            )
            quoted = ", ".join(f'"{name}"' for name in self.names)
            with cursor.copy(f"COPY {self.name} ({quoted}) FROM STDIN") as copy:
                for row in self.rows:
                    copy.write_row(row)
            if len(self.rows) >= ANALYZED:
                cursor.execute(f"ANALYZE {self.name}")

    def prune(self) -> None:
        """Drop the rows that stand in the table as wanted, so that only differences are left."""
        if self.rows:
            stands = f"{self._match} AND {self._same}"
            execute(f"DELETE FROM {self.name} s USING {self.table} t WHERE {stands}", self._params)

    def left(self, column: str) -> list[Any]:
        """Return a column of the rows that are left."""
        return [row[0] for row in execute(f'SELECT DISTINCT "{column}" FROM {self.name}')] if self.rows else []

    def write(self, *, now: datetime) -> list[Written]:
        """Insert the rows that are new and update the others; return them, where the model has ids."""
        if not self.rows:
            return []
        has_id = issubclass(self.model, TenantModel)
        given = [name for name in self.names if name not in self.beside]
        constants = {**({"created_at": now, "updated_at": now} if has_id else {}), **_defaults(self.model, given)}
        columns = ", ".join(f'"{name}"' for name in ["tenant_id", *given, *constants])
        values = ", ".join(["current_tenant()", *(f's."{name}"' for name in given), *(f"%(c_{n})s" for n in constants)])
        changes = [f'"{name}" = {self._wanted(name, "excluded")}' for name in self.columns]
        if changes and has_id:
            changes.append("updated_at = excluded.updated_at")
        keys = ", ".join(f'"{name}"' for name in ["tenant_id", *self.keys])
        rows = execute(
            f"INSERT INTO {self.table} AS t ({columns}) SELECT {values} FROM {self.name} s ON CONFLICT ({keys}) DO "
            + (f"UPDATE SET {', '.join(changes)} " if changes else "NOTHING ")
            + (returning(self.model, "t") if has_id else ""),
            {**self._params, **{f"c_{name}": value for name, value in constants.items()}},
        )
        return written(self.model, rows) if has_id else []

    @property
    def _match(self) -> str:
        return " AND ".join(f't."{key}" = s."{key}"' for key in self.keys)

    @property
    def _same(self) -> str:
        pairs = [f't."{name}" IS NOT DISTINCT FROM {self._wanted(name)}' for name in self.columns]
        return f"({' AND '.join(pairs)})" if pairs else "true"

    @property
    def _params(self) -> dict[str, Any]:
        return {f"k_{name}": keys for name, keys in self.merged.items()}

    def _wanted(self, name: str, source: str = "s") -> str:
        wanted = f'{source}."{name}"'
        return f'(t."{name}" - %(k_{name})s::text[]) || {wanted}' if name in self.merged else wanted


def facts_of(model: type[models.Model]) -> list[str]:
    """Return the columns of a model that its events tell."""
    columns = {column.column for column in model._meta.local_concrete_fields}
    return [name for name in FACTS if name in columns]


def returning(model: type[models.Model], alias: str) -> str:
    """Return the clause whose rows `written` reads."""
    return "RETURNING " + ", ".join(f'{alias}."{name}"' for name in ["id", "version", *facts_of(model)])


def written(model: type[models.Model], rows: Iterable[Sequence[Any]]) -> list[Written]:
    """Return the rows of a `returning` clause."""
    facts = facts_of(model)
    return [Written(row[0], row[1], dict(zip(facts, map(_fact, row[2:]), strict=True))) for row in rows]


def touch(model: type[models.Model], ids: set[UUID], now: datetime) -> list[Written]:
    """Raise the version of objects whose parts changed, and return them."""
    if not ids:
        return []
    sql = f"UPDATE {model._meta.db_table} t SET updated_at = %s WHERE id = ANY(%s) {returning(model, 't')}"
    return written(model, execute(sql, [now, sorted(ids)]))


def open_cursor() -> Any:
    """Return a cursor of the open scope's connection."""
    scope = current_scope()
    return connections[scope.alias if scope is not None else "default"].cursor()


def execute(sql: str, params: Any = None) -> list[Any]:
    """Run one statement in the open scope and return its rows, if it has any."""
    with open_cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall()) if cursor.description else []


@contextmanager
def by_index() -> Iterator[None]:
    """Look the rows of sheets up one by one: the planner knows no tenant's size, and may read all of its rows."""
    execute("SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off")
    yield
    execute("SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on")


def _defaults(model: type[models.Model], given: Sequence[str]) -> dict[str, Any]:
    defaults: dict[str, Any] = {}
    for column in model._meta.local_concrete_fields:
        if column.column in ("tenant_id", "created_at", "updated_at", *given):
            continue
        value = column.get_default()
        if value is not None:
            defaults[str(column.column)] = _plain(value)
    return defaults


def _plain(value: Any) -> Any:
    return orjson.dumps(value).decode() if isinstance(value, dict | list) else value


def _fact(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value
