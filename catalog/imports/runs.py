"""The books of imports: how far each is, and why rows were refused."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from catalog.imports.errors import ImportConflict, Problem
from catalog.models import ImportProblem, ImportRun

Status = ImportRun.Status


@dataclass(slots=True)
class Progress:
    """How far an import is: rows of the file, products, and rows that were refused."""

    total: int = 0
    position: int = 0
    line: int = 0
    created: int = 0
    changed: int = 0
    left: int = 0
    refused: int = 0


def start(*, find: dict[str, Any], restart: bool, **columns: Any) -> tuple[ImportRun, bool]:
    """Return the run to write on, and whether it goes on with one that was interrupted.

    `find` names the file and the mapping: an unfinished run of both is gone on with, unless `restart` says no.
    """
    unfinished = ImportRun.objects.filter(status__in=[Status.RUNNING, Status.PAUSED], is_atomic=False, **find)
    if restart:
        unfinished.update(status=Status.CANCELLED)
    run = None if columns["is_atomic"] else unfinished.order_by("-created_at").first()
    if run is None:
        return ImportRun.objects.create(**find, **columns), False
    run.status, run.actor = Status.RUNNING, columns.get("actor", "")
    run.save(update_fields=["status", "actor", "updated_at"])
    return run, True


def progress_of(run: ImportRun) -> Progress:
    """Return what a run has done so far."""
    return Progress(
        total=run.total,
        position=run.position,
        line=run.line,
        created=run.created_count,
        changed=run.changed_count,
        left=run.left_count,
        refused=run.refused_count,
    )


def list_problems(run_id: UUID) -> list[Problem]:
    """Return why rows of a run were refused, in the order of the file."""
    rows = ImportProblem.objects.filter(run_id=run_id).order_by("number")
    return [Problem(*row) for row in rows.values_list("row_number", "line", "column_name", "reason", "source")]


def lock(run_id: UUID, *, position: int) -> None:
    """Hold a run's row until the batch is committed. Raises ImportConflict if it was stopped or went on elsewhere."""
    run = ImportRun.objects.select_for_update().get(id=run_id)
    if run.status != Status.RUNNING:
        raise ImportConflict(f"The import was {run.status}.", field="status")
    if run.position != position:
        raise ImportConflict("Another process goes on with the same import; this one stops.", field="position")


def advance(run_id: UUID, progress: Progress, problems: Iterable[Problem], *, first_number: int) -> None:
    """Write down how far a run is, in the transaction of its batch."""
    ImportRun.objects.filter(id=run_id).update(
        position=progress.position,
        line=progress.line,
        created_count=progress.created,
        changed_count=progress.changed,
        left_count=progress.left,
        refused_count=progress.refused,
    )
    ImportProblem.objects.bulk_create(
        ImportProblem(
            run_id=run_id,
            number=number,
            row_number=problem.row,
            line=problem.line,
            column_name=problem.column[:250],
            reason=problem.reason,
            source=_storable(problem.source),
        )
        for number, problem in enumerate(problems, first_number)
    )


def stop(run_id: UUID | None, status: str) -> None:
    """Have a run stop before its next batch: paused, or cancelled for good. What is over stays as it is."""
    if run_id is not None:
        open_ = [Status.RUNNING, Status.PAUSED]
        ImportRun.objects.filter(id=run_id, status__in=open_).update(status=status)


def latest_of(actor: str) -> ImportRun | None:
    """Return the run that somebody began, or went on with, last."""
    return ImportRun.objects.filter(actor=actor).order_by("-updated_at").first()


def problems_in_turn(run_id: UUID, *, after: int, at_most: int) -> list[tuple[int, Problem]]:
    """Return some of a run's problems, each with its number, behind the one of a number."""
    rows = ImportProblem.objects.filter(run_id=run_id, number__gt=after).order_by("number")[:at_most]
    columns = ("number", "row_number", "line", "column_name", "reason", "source")
    return [(number, Problem(*row)) for number, *row in rows.values_list(*columns)]


def finish(run_id: UUID, status: str, *, now: datetime, error: str = "") -> None:
    """Close a run's books."""
    ImportRun.objects.filter(id=run_id).update(status=status, error=error, finished_at=now)


def _storable(source: str) -> str:
    """Return a row as PostgreSQL can hold it: no NUL, and not endless."""
    return source.replace("\0", "").encode(errors="replace").decode()[:100_000]
