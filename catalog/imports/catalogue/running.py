"""An import of a catalogue's file: batches of lines of one kind, each with the run's books in one transaction."""

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from uuid import UUID

from django.db import DataError, IntegrityError, OperationalError

from catalog.exports import shapes
from catalog.imports import runs
from catalog.imports.catalogue.lines import Refused
from catalog.imports.catalogue.names import Names
from catalog.imports.catalogue.objects import CHANGED, CREATED, Objects
from catalog.imports.catalogue.products import ProductLine, read_product, write_products
from catalog.imports.catalogue.values import Read, Uses, read_value, write_values
from catalog.imports.corrections import COLUMN
from catalog.imports.errors import FileError, Problem
from catalog.imports.readers import Layout, Row, read_rows, scan
from catalog.imports.running import ATTEMPTS, LOOKED_EVERY, Observer, Summary, is_passing
from catalog.imports.runs import Progress, Status
from catalog.imports.sheets import execute
from catalog.operations import NotUnique
from commerce import outbox
from commerce.db.scope import tenant_scope
from commerce.errors import DomainError

KIND = "catalogue"
_LAYOUT = Layout("jsonl")
_SHAPES = {shape.name: shape for shape in shapes.SHAPES}
_KINDS = (shapes.HEADER, *_SHAPES, shapes.REFERENCE)


def import_catalogue(
    *,
    tenant_id: int,
    path: Path,
    observer: Observer,
    clock: Callable[[], datetime],
    batch_size: int = 500,
    restart: bool = False,
    actor: str = "",
) -> Summary:
    """Import a file that `export_catalogue` wrote; go on with a run of the same file that was interrupted.

    Raises FileError where nothing of the file can be used, ImportConflict where somebody else goes on with it.
    """
    scanned = scan(path, _LAYOUT)
    if not scanned.rows:
        raise scanned.cut or FileError("The file is empty.")
    with tenant_scope(tenant_id):
        run, is_resumed = runs.start(
            find={"file_digest": scanned.digest, "mapping_digest": KIND},
            restart=restart,
            file_name=path.name[:500],
            kind=KIND,
            total=scanned.rows,
            is_atomic=False,
            actor=actor,
        )
        before = runs.list_problems(run.id) if is_resumed else []
        names = Names()
    progress = replace(runs.progress_of(run), total=scanned.rows)
    job = _Import(tenant_id, run.id, names, progress, clock, told=len(before))
    observer.started(progress, before)
    resumed_at, cut = progress.position, None
    try:
        for number, rows in enumerate(_batches(read_rows(path, _LAYOUT), after=resumed_at, size=batch_size)):
            if number % LOOKED_EVERY == 0:
                outbox.wait_for_room(tenant_id)
            observer.advanced(*job.write(rows))
    except FileError as error:
        cut = error
    with tenant_scope(tenant_id):
        status = Status.FAILED if cut else Status.FINISHED
        runs.finish(run.id, status, now=clock(), error=str(cut or ""))
    return Summary(job.progress, cut, resumed_at, rolled_back=False)


def _batches(rows: Iterable[Row], *, after: int, size: int) -> Iterator[list[Row]]:
    """Yield rows of one kind that follow each other, beyond the row of ordinal `after`."""
    rest = (_without_reason(row) for row in rows if row.ordinal > after)
    for _, alike in itertools.groupby(rest, key=lambda row: str(row.cells.get("object"))):
        while batch := list(itertools.islice(alike, size)):
            yield batch


def _without_reason(row: Row) -> Row:
    """Leave the column aside in which an earlier import said why it refused the row."""
    if COLUMN not in row.cells:
        return row
    return replace(row, cells={name: cell for name, cell in row.cells.items() if name != COLUMN})


class _Import:
    def __init__(
        self,
        tenant_id: int,
        run_id: UUID,
        names: Names,
        progress: Progress,
        clock: Callable[[], datetime],
        told: int,
    ) -> None:
        self.tenant_id, self.run_id, self.names, self.progress, self.clock = tenant_id, run_id, names, progress, clock
        self.told = told
        actor = f"import:{run_id}"
        self.objects, self.uses, self.actor = Objects(names, actor), Uses(names, actor), actor

    def write(self, rows: Sequence[Row]) -> tuple[Progress, list[Problem]]:
        """Write a batch and the run's books in one transaction, and again where another one was in the way."""
        for attempt in itertools.count(1):
            try:
                with tenant_scope(self.tenant_id):
                    runs.lock(self.run_id, position=self.progress.position)
                    done = _Done()
                    self._write(rows, done)
                    problems = sorted(done.problems, key=lambda problem: problem.row)
                    progress = self._after(rows, done)
                    runs.advance(self.run_id, progress, problems, first_number=self.told)
                self.told += len(problems)
                self.progress = progress
                return progress, problems
            except OperationalError as error:
                self.names.forget()
                if attempt >= ATTEMPTS or not is_passing(error):
                    raise
                time.sleep(0.02 * 4**attempt)
        raise AssertionError

    def _after(self, rows: Sequence[Row], done: "_Done") -> Progress:
        old = self.progress
        return Progress(
            total=old.total,
            position=rows[-1].ordinal,
            line=rows[-1].line,
            created=old.created + done.created,
            changed=old.changed + done.changed,
            left=old.left + done.left,
            refused=old.refused + len(done.problems),
        )

    def _write(self, rows: Sequence[Row], done: "_Done") -> None:
        """Write rows within a savepoint; those that the database refuses are taken apart to find which it is."""
        inner = _Done()
        try:
            with tenant_scope(self.tenant_id):  # a savepoint
                execute("DISCARD PLANS")
                self._write_kind(rows, inner)
                execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
        except (DataError, IntegrityError, Refused, NotUnique) as error:
            self.names.forget()
            if len(rows) == 1:
                done.refuse(rows[0], error)
                return
            middle = len(rows) // 2
            self._write(rows[:middle], done)
            self._write(rows[middle:], done)
        else:
            done.add(inner)

    def _write_kind(self, rows: Sequence[Row], done: "_Done") -> None:
        kind = rows[0].cells.get("object")
        if kind == shapes.PRODUCT.name:
            self._write_products(rows, done)
        elif kind == shapes.VALUE.name:
            self._write_values(rows, done)
        else:
            for row in rows:
                self._write_one(row, done)

    def _write_products(self, rows: Sequence[Row], done: "_Done") -> None:
        lines: list[ProductLine] = []
        seen: dict[str, int] = {}
        for number, row in enumerate(rows):
            try:
                line = read_product(row.cells, number, self.names)
                first = seen.setdefault(line.columns["slug"], row.line)
                if first != row.line:
                    raise Refused("slug", f"The same product stands in line {first}.")
                lines.append(line)
            except Refused as error:
                done.refuse(row, error)
        outcome = write_products(lines, self.names, now=self.clock(), actor=self.actor)
        for number, reason in outcome.refused.items():
            done.refuse(rows[number], reason)
        done.count(outcome.created, outcome.changed, outcome.left)

    def _write_values(self, rows: Sequence[Row], done: "_Done") -> None:
        read: list[Read] = []
        seen: dict[tuple[UUID, str], int] = {}
        for row in rows:
            try:
                value = read_value(row.cells, self.names)
                first = seen.setdefault((value[0]["attribute_id"], value[0]["slug"]), row.line)
                if first != row.line:
                    raise Refused("slug", f"The same value stands in line {first}.")
                read.append(value)
            except Refused as error:
                done.refuse(row, error)
        if read:
            done.count(*write_values(read, self.names, now=self.clock(), actor=self.actor))

    def _write_one(self, row: Row, done: "_Done") -> None:
        try:
            with tenant_scope(self.tenant_id):  # a savepoint
                self._dispatch(row, done)
        except DomainError as error:
            self.names.forget()
            done.refuse(row, error)

    def _dispatch(self, row: Row, done: "_Done") -> None:
        kind = row.cells.get("object")
        if row.problem:
            raise Refused("", row.problem)
        if kind == shapes.HEADER:
            self._check_header(row)
            done.count(0, 0, 1)
        elif kind == shapes.REFERENCE:
            is_new = self.uses.write(row.cells, self.clock())
            done.count(int(is_new), 0, int(not is_new))
        elif kind in _SHAPES:
            what = self.objects.write(_SHAPES[kind], row.cells, self.clock())
            done.count(what == CREATED, what == CHANGED, what not in (CREATED, CHANGED))
        else:
            raise Refused("object", f"is {kind!r}, and none of {', '.join(_KINDS)}.")

    def _check_header(self, row: Row) -> None:
        version, channels = row.cells.get("version"), row.cells.get("channels")
        if version != shapes.VERSION:
            raise Refused("version", f"is {version!r}; files of version {shapes.VERSION} are read.")
        for slug, currency in (channels if isinstance(channels, dict) else {}).items():
            if self.names.currencies.get(slug, currency) != currency:
                own = self.names.currencies[slug]
                raise Refused("channels", f"The channel {slug!r} has {currency} in the file and {own} in the shop.")
            if slug not in self.names.currencies:
                raise Refused("channels", f"The shop has no channel {slug!r} ({currency}): open it before the import.")


class _Done:
    """What a batch did."""

    def __init__(self) -> None:
        self.created = self.changed = self.left = 0
        self.problems: list[Problem] = []

    def count(self, created: int, changed: int, left: int) -> None:
        self.created += created
        self.changed += changed
        self.left += left

    def add(self, other: "_Done") -> None:
        self.count(other.created, other.changed, other.left)
        self.problems += other.problems

    def refuse(self, row: Row, error: Exception) -> None:
        self.problems.append(Problem(row.ordinal, row.line, *_told(error), row.source))


def _told(error: Exception) -> tuple[str, str]:
    """Return the place and the reason."""
    if isinstance(error, DomainError):
        return error.field or "", error.message
    diagnosis = getattr(error.__cause__, "diag", None)
    reason = str(getattr(diagnosis, "message_primary", None) or error).strip()
    return getattr(diagnosis, "constraint_name", None) or "", f"The database refuses it: {reason}."
