"""An import from its file to its last batch: scanned first, then written batch by batch, each in its own scope."""

import hashlib
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol
from uuid import UUID

from django.db import DatabaseError, DataError, IntegrityError, OperationalError

from catalog.imports import runs
from catalog.imports.batches import Chunk, Grouper, build_chunk, chunks
from catalog.imports.drafts import Builder, Market, ProductDraft, without
from catalog.imports.errors import Collision, FileError, MappingError, Problem
from catalog.imports.mapping import Mapping
from catalog.imports.notes import notes_on
from catalog.imports.plan import make_plan
from catalog.imports.readers import Row, Scan, read_rows, scan
from catalog.imports.references import References
from catalog.imports.runs import Progress, Status
from catalog.imports.sheets import execute
from catalog.imports.writing import Outcome, StockTooLow, Writer
from catalog.models import ImportRun
from commerce import outbox
from commerce.db.scope import tenant_scope
from tenants import queries as tenants

ATTEMPTS = 5
# Batches between two looks at the shop's undelivered events, of which each makes some thousands. A look reads what was
# delivered, too, while an old snapshot (an export's) keeps PostgreSQL from clearing it away.
LOOKED_EVERY = 4


@dataclass(frozen=True, slots=True)
class Options:
    """`channel` overrides the mapping's; a dry run writes nothing, an atomic one everything or nothing.

    `actor` is who runs it, as the run's books name it.
    """

    channel: str | None = None
    batch_size: int = 500
    is_dry_run: bool = False
    is_atomic: bool = False
    restart: bool = False
    actor: str = ""


@dataclass(frozen=True, slots=True)
class Summary:
    """What an import did. `cut` is where the file ended too early; `rolled_back` says that nothing was written.

    `notes` are told once, of the file as a whole.
    """

    progress: Progress
    cut: FileError | None
    resumed_at: int
    rolled_back: bool
    notes: tuple[str, ...] = ()


class Observer(Protocol):
    """Whoever watches an import: a command's progress bar, later a job's row."""

    def started(self, progress: Progress, problems: Sequence[Problem]) -> None:
        """Called once, with what an interrupted run had done before."""

    def advanced(self, progress: Progress, problems: Sequence[Problem]) -> None:
        """Called after each batch is committed, with its problems."""


class _RollBack(Exception):
    """Ends the one transaction of a dry run, or of an atomic import with bad rows."""


def import_products(
    *,
    tenant_id: int,
    path: Path,
    mapping: Mapping,
    options: Options,
    observer: Observer,
    clock: Callable[[], datetime],
) -> Summary:
    """Import a file of products into a tenant.

    Raises MappingError or FileError before anything is written; a file that ends too early is told in the
    summary, and with is_atomic raised. Raises ImportConflict where somebody else goes on with the same import.
    """
    scanned = scan(path, mapping.layout)
    if scanned.cut is not None and (options.is_atomic or not scanned.rows):
        raise scanned.cut
    job = _Import(tenant_id, path, mapping, options, observer, clock, scanned)
    return job.run_at_once() if options.is_atomic or options.is_dry_run else job.run_by_batches()


class _Import:
    def __init__(
        self,
        tenant_id: int,
        path: Path,
        mapping: Mapping,
        options: Options,
        observer: Observer,
        clock: Callable[[], datetime],
        scanned: Scan,
    ) -> None:
        self.tenant_id, self.path, self.mapping, self.options = tenant_id, path, mapping, options
        self.observer, self.clock, self.scanned = observer, clock, scanned
        self.plan = make_plan(mapping, scanned.columns)
        self.notes = notes_on(path, mapping, self.plan, scanned.columns)
        self.progress = Progress(total=scanned.rows)
        self.cut: FileError | None = None
        self.run_id: UUID | None = None
        self.grouper = Grouper(mapping)
        with tenant_scope(tenant_id, read_only=True):
            self.markets, self.default = self._find_markets()
            # Products are shown in the import's channel and wherever the mapping prices them.
            self.published_in = list(dict.fromkeys([self.default, *self.markets.values()]))
            self.references = References(mapping, self.plan, self.published_in, actor="")
            self.references.bind()
        self.builder = Builder(mapping, self.plan, self.markets, self.default)

    def run_by_batches(self) -> Summary:
        """Commit batch by batch, and go on with a run of the same file and mapping that was interrupted."""
        with tenant_scope(self.tenant_id):
            run, is_resumed = self._start()
            self.progress = replace(runs.progress_of(run), total=self.scanned.rows)
            before = runs.list_problems(run.id) if is_resumed else []
        told, resumed_at = len(before), self.progress.position
        self.observer.started(self.progress, before)
        writer = self._writer()
        for number, chunk in enumerate(self._chunks()):
            if number % LOOKED_EVERY == 0:
                outbox.wait_for_room(self.tenant_id)
            self.progress, problems = self._write_sturdily(chunk, writer, run.id, told)
            told += len(problems)
            self.observer.advanced(self.progress, problems)
        self._finish(Status.FAILED if self.cut else Status.FINISHED, str(self.cut or ""))
        return Summary(self.progress, self.cut, resumed_at, rolled_back=False, notes=self.notes)

    def run_at_once(self) -> Summary:
        """Write everything in one transaction; roll it back in a dry run, and where a row is refused."""
        if not self.options.is_dry_run:
            with tenant_scope(self.tenant_id):
                self._start()
        self.observer.started(self.progress, [])
        found: list[Problem] = []
        try:
            with tenant_scope(self.tenant_id):
                writer = self._writer()
                for chunk in self._chunks():
                    self.progress, problems = self._write(chunk, writer, is_suspect=True)
                    found += problems
                    self.observer.advanced(self.progress, problems)
                if self.options.is_dry_run or self.progress.refused or self.cut:
                    raise _RollBack
                self._finish(Status.FINISHED, problems=found)
        except _RollBack:
            self._finish(Status.FAILED, f"{self.progress.refused} rows were refused.", problems=found)
            return Summary(self.progress, self.cut, 0, rolled_back=True, notes=self.notes)
        except BaseException as error:
            self._finish(Status.FAILED, f"{type(error).__name__}: {error}", problems=found)
            raise
        return Summary(self.progress, self.cut, 0, rolled_back=False, notes=self.notes)

    def _find_markets(self) -> tuple[dict[str, Market], Market]:
        channels = tenants.list_channels()
        markets = {channel.slug: Market(channel.id, channel.slug, channel.currency) for channel in channels}
        slug = self.options.channel or self.mapping.channel
        if slug is None and len(markets) == 1:
            slug = next(iter(markets))
        slug = slug or "default-channel"
        named = [slug, *(rule.channel for rule in self.mapping.prices if rule.channel)]
        for name in named:
            if name not in markets:
                raise MappingError(
                    f"The tenant has no channel {name!r}; it has {', '.join(markets) or 'none'}.", field="channel"
                )
        return {name: markets[name] for name in named}, markets[slug]

    def _start(self) -> tuple[ImportRun, bool]:
        settled = f"{self.mapping.digest} {self.default.slug}"
        run, is_resumed = runs.start(
            find={
                "file_digest": self.scanned.digest,
                "mapping_digest": hashlib.sha256(settled.encode()).hexdigest(),
            },
            restart=self.options.restart,
            file_name=self.path.name[:500],
            total=self.scanned.rows,
            is_atomic=self.options.is_atomic,
            actor=self.options.actor,
        )
        self.run_id = run.id
        return run, is_resumed

    def _finish(self, status: str, error: str = "", problems: Sequence[Problem] = ()) -> None:
        """Close the books, of a run that has any."""
        if self.run_id is not None:
            with tenant_scope(self.tenant_id):
                if self.options.is_atomic:
                    done = self.progress if status == Status.FINISHED else Progress(refused=self.progress.refused)
                    runs.advance(self.run_id, done, problems, first_number=0)
                runs.finish(self.run_id, status, now=self.clock(), error=error)

    def _writer(self) -> Writer:
        actor = self.references.actor = f"import:{self.run_id}" if self.run_id else ""
        return Writer(
            mapping=self.mapping,
            markets=self.markets,
            published_in=self.published_in,
            references=self.references,
            actor=actor,
            is_dry_run=self.options.is_dry_run,
        )

    def _chunks(self) -> Iterator[Chunk]:
        groups = self.grouper.groups(self._rows())
        for chunk in chunks(groups, after=self.progress.position, size=self.options.batch_size):
            yield build_chunk(chunk, self.builder)

    def _rows(self) -> Iterator[Row]:
        try:
            yield from read_rows(self.path, self.mapping.layout)
        except FileError as error:
            self.cut = error

    def _write_sturdily(self, chunk: Chunk, writer: Writer, run_id: UUID, told: int) -> tuple[Progress, list[Problem]]:
        """Write a batch and the run's books in one transaction, and again where another one was in the way.

        A batch that the database refuses twice is taken apart to find the row that it refuses.
        """
        for attempt in itertools.count(1):
            try:
                with tenant_scope(self.tenant_id):
                    runs.lock(run_id, position=self.progress.position)
                    progress, problems = self._write(chunk, writer, is_suspect=attempt > 2)
                    runs.advance(run_id, progress, problems, first_number=told)
                    return progress, problems
            except (Collision, DataError, IntegrityError, OperationalError) as error:
                self.references.forget()
                if attempt >= ATTEMPTS or (isinstance(error, OperationalError) and not is_passing(error)):
                    raise
                time.sleep(0.02 * 4**attempt)
        raise AssertionError

    def _write(self, chunk: Chunk, writer: Writer, *, is_suspect: bool) -> tuple[Progress, list[Problem]]:
        """Write a batch in the open scope, and return how far the import is then, and the batch's problems."""
        outcome = self._write_drafts(chunk.drafts, writer, is_suspect=is_suspect)
        problems = sorted([*chunk.problems, *outcome.problems], key=lambda problem: problem.row)
        done = self.progress
        progress = Progress(
            total=done.total,
            position=chunk.position,
            line=chunk.line,
            created=done.created + outcome.created,
            changed=done.changed + outcome.changed,
            left=done.left + outcome.left,
            refused=done.refused + chunk.refused + outcome.refused,
        )
        return progress, problems

    def _write_drafts(self, drafts: Sequence[ProductDraft], writer: Writer, *, is_suspect: bool) -> Outcome:
        if not drafts:
            return Outcome()
        try:
            with tenant_scope(self.tenant_id):  # a savepoint
                # The checks of foreign keys keep their plans for as long as the connection lasts, and those made
                # while a table was nearly empty read the whole tenant by any index: have them planned anew.
                execute("DISCARD PLANS")
                outcome = writer.write(drafts, lines=self.grouper.lines, now=self.clock())
                if is_suspect:
                    execute("SET CONSTRAINTS ALL IMMEDIATE")
                    execute("SET CONSTRAINTS ALL DEFERRED")
                return outcome
        except StockTooLow as refusal:
            self.references.forget()
            rest, refused = without(drafts, {id(draft) for draft, _ in refusal.variants})
            outcome = self._write_drafts(rest, writer, is_suspect=is_suspect)
            return outcome.plus(Outcome(problems=[problem for _, problem in refusal.variants], refused=refused))
        except (DataError, IntegrityError) as error:
            if not is_suspect:
                raise
            self.references.forget()
            if len(drafts) == 1:
                return Outcome(problems=[_refused_by_database(drafts[0], error)], refused=len(drafts[0].rows))
            middle = len(drafts) // 2
            first = self._write_drafts(drafts[:middle], writer, is_suspect=True)
            return first.plus(self._write_drafts(drafts[middle:], writer, is_suspect=True))


# Serialization failure, deadlock, lock timeout.
_PASSING = frozenset({"40001", "40P01", "55P03"})


def is_passing(error: DatabaseError) -> bool:
    """Say whether the same transaction may well succeed a moment later."""
    return getattr(error.__cause__, "sqlstate", None) in _PASSING


def _refused_by_database(draft: ProductDraft, error: DatabaseError) -> Problem:
    diagnosis = getattr(error.__cause__, "diag", None)
    name = getattr(diagnosis, "constraint_name", None) or ""
    reason = str(getattr(diagnosis, "message_primary", None) or error).strip()
    row = draft.rows[0]
    return Problem(row.ordinal, row.line, name, f"The database refuses the product: {reason}.", row.source)
