import resource
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, cast

import orjson
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from catalog import imports
from commerce.errors import DomainError
from tenants import queries as tenants

MOST_TOLD = 100
SECONDS_BETWEEN_LINES = 2.0


class Command(BaseCommand):
    help = (
        "Import products from a file (JSON Lines, CSV or YAML, also .gz) by a mapping: see docs/import/README.md. "
        "A run that was interrupted goes on where it stopped when the same command is given again."
    )

    noun = "products"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--tenant", required=True, metavar="SLUG")
        parser.add_argument(
            "--mapping", required=True, type=Path, metavar="MAPPING.yaml", help="or shopify, woocommerce"
        )
        parser.add_argument("--channel", metavar="SLUG", help="instead of the mapping's channel")
        parser.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")
        parser.add_argument("--atomic", action="store_true", help="import everything, or nothing if a row is bad")
        parser.add_argument("--restart", action="store_true", help="do not go on with an interrupted run")
        parser.add_argument("--batch-size", type=int, default=500, metavar="ROWS", help="rows of a transaction (500)")
        parser.add_argument("--errors", type=Path, metavar="FILE", help="write refused rows there, as JSON Lines")
        parser.add_argument("--corrections", type=Path, metavar="FILE", help="and in the format of the input")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["batch_size"] <= 10_000:
            raise CommandError("--batch-size is between 1 and 10,000.")
        started = time.monotonic()
        with ExitStack() as stack:
            errors = stack.enter_context(_opened(options["errors"])) if options["errors"] else None
            corrections = _opened(options["corrections"]) if options["corrections"] else None
            self.corrections = stack.enter_context(corrections) if corrections else None
            console = Console(file=cast(IO[str], vars(self.stderr)["_out"]))  # Django's own ends lines by itself
            watcher = stack.enter_context(Watcher(console, options["file"].name, errors))
            try:
                summary = self.run_import(options, watcher)
            except DomainError as error:
                raise CommandError(f"{options['file'].name}: {error.message}") from error
            except DatabaseError as error:
                reason = str(error).strip().partition("\n")[0]
                raise CommandError(f"PostgreSQL: {reason}. Give the same command again to go on.") from error
            except KeyboardInterrupt as error:
                raise CommandError("Interrupted. Give the same command again to go on.", returncode=130) from error
        self._report(summary, options, time.monotonic() - started)

    def find_tenant(self, slug: str) -> int:
        """Return the number of an active tenant."""
        tenant = tenants.get_tenant_by_slug(slug)
        if tenant is None:
            raise CommandError(f"There is no tenant {slug!r}; `manage.py tenant list` shows them.")
        if tenant.status != tenant.Status.ACTIVE:
            raise CommandError(f"The tenant {tenant.slug} is {tenant.status}: `manage.py tenant resume {tenant.slug}`.")
        return tenant.id

    def run_import(self, options: dict[str, Any], watcher: "Watcher") -> imports.Summary:
        """Import the file that the options name."""
        mapping = imports.load_mapping(imports.ready_mapping(options["mapping"]), options["file"])
        self.correct(options, mapping.layout, watcher)
        return imports.import_products(
            tenant_id=self.find_tenant(options["tenant"]),
            path=options["file"],
            mapping=mapping,
            options=imports.Options(
                channel=options["channel"],
                batch_size=options["batch_size"],
                is_dry_run=options["dry_run"],
                is_atomic=options["atomic"],
                restart=options["restart"],
            ),
            observer=watcher,
            clock=timezone.now,
        )

    def correct(self, options: dict[str, Any], layout: imports.Layout, watcher: "Watcher") -> None:
        """Have the watcher write the refused rows, where that is asked for."""
        if self.corrections is not None:
            watcher.corrections = imports.Corrections(options["file"], layout, self.corrections)

    def _report(self, summary: imports.Summary, options: dict[str, Any], seconds: float) -> None:
        done = summary.progress
        if summary.resumed_at:
            self.stdout.write(f"went on after row {summary.resumed_at:,}, where the run before was interrupted")
        would = "would be " if options["dry_run"] else ""
        self.stdout.write(
            f"{options['file'].name} into {options['tenant']}: {done.created:,} {self.noun} {would}created, "
            f"{done.changed:,} {would}changed, {done.left:,} left as they are; {_rows(done.refused)} refused"
        )
        for note in summary.notes:
            self.stdout.write(note)
        rows = done.position - summary.resumed_at
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        self.stdout.write(
            f"{rows:,} rows in {seconds:.1f} s, {rows / max(seconds, 0.001):,.0f} rows/s, peak memory {memory:.0f} MB"
        )
        if options["dry_run"]:
            self.stdout.write("dry run: nothing was written")
        elif summary.rolled_back:
            self.stdout.write("--atomic: nothing was written")
        if summary.cut is not None:
            raise CommandError(f"{options['file'].name}: {summary.cut.message} {_kept(summary)}")
        if done.refused:
            raise CommandError(f"{_rows(done.refused)} refused.")


class Watcher:
    """Shows the progress, as a bar on a terminal and as lines elsewhere, and tells of refused rows."""

    def __init__(self, console: Console, name: str, errors: IO[bytes] | None) -> None:
        self.console, self.name, self.errors = console, name, errors
        self.corrections: imports.Corrections | None = None
        self.told = 0
        self.last_line = time.monotonic()
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self.bar = Progress(*columns, console=console, disable=not console.is_terminal)
        self.task = self.bar.add_task(name, total=None)

    def __enter__(self) -> "Watcher":
        self.bar.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self.bar.stop()
        if self.told > MOST_TOLD:
            self._say(f"and {self.told - MOST_TOLD:,} more problems; --errors FILE writes all of them")

    def started(self, progress: imports.Progress, problems: Sequence[imports.Problem]) -> None:
        self._tell(problems)
        self._show(progress)

    def advanced(self, progress: imports.Progress, problems: Sequence[imports.Problem]) -> None:
        self._tell(problems)
        self._show(progress)

    def _show(self, progress: imports.Progress) -> None:
        self.bar.update(self.task, total=progress.total, completed=progress.position)
        now = time.monotonic()
        if not self.console.is_terminal and now - self.last_line > SECONDS_BETWEEN_LINES:
            self.last_line = now
            self._say(f"{self.name}: {progress.position:,} of {progress.total:,} rows")

    def _tell(self, problems: Sequence[imports.Problem]) -> None:
        for problem in problems:
            self.told += 1
            if self.told <= MOST_TOLD:
                column = f" {problem.column}:" if problem.column else ""
                self._say(f"{self.name}:{problem.line}:{column} {problem.reason}")
            if self.errors is not None:
                self.errors.write(_as_json(self.name, problem))
        if self.errors is not None:
            self.errors.flush()
        if self.corrections is not None:
            self.corrections.add(problems)

    def _say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("wb")
    except OSError as error:
        raise CommandError(f"--errors: {path} cannot be written: {error.strerror}.") from error


def _as_json(name: str, problem: imports.Problem) -> bytes:
    return orjson.dumps(
        {
            "file": name,
            "line": problem.line,
            "row": problem.row,
            "column": problem.column,
            "reason": problem.reason,
            "source": problem.source,
        },
        option=orjson.OPT_APPEND_NEWLINE,
    )


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _kept(summary: imports.Summary) -> str:
    return "Nothing was written." if summary.rolled_back else "The rows before it are in."
