"""Imports as jobs of the queue `bulk`: started, paused, gone on with and cancelled, whoever asks for it.

The file lies in the tenant's storage. Its job's progress is that of the rows; what was done and refused is in the books
(`ImportRun`), by which a worker that takes over goes on after the last batch. A paused import is a job that ended and a
run that did not: another job goes on with it.
"""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from uuid import UUID

from django.core.files.storage import default_storage
from django.utils import timezone

from catalog.imports import runs
from catalog.imports.catalogue import import_catalogue
from catalog.imports.errors import FileError, ImportConflict, MappingError, Problem
from catalog.imports.reading import load_mapping, ready_mapping
from catalog.imports.running import Options, import_products
from catalog.imports.runs import Progress, Status
from commerce.jobs import jobs
from commerce.jobs.models import Job
from commerce.storage import PRIVATE, files_of

KIND = "catalog.import"
PERMISSION = "MANAGE_PRODUCTS"
# Where the files of imports lie: shown to nobody.
FOLDER = f"{PRIVATE}imports/"
# Formats that need no mapping of the merchant's.
FORMATS = ("catalogue", "shopify", "woocommerce")


def start_import(*, file: str, format: str, channel: str | None = None) -> UUID:
    """Start the import of a stored file of one of FORMATS in the scope's tenant, and return the job's id.

    Raises MappingError for another format, and FileError for a file that is not below FOLDER or not there.
    """
    if format not in FORMATS:
        raise MappingError(f"{format!r} is none of {', '.join(FORMATS)}.", field="format")
    if not file.startswith(FOLDER) or ".." in PurePosixPath(file).parts or not default_storage.exists(file):
        raise FileError(f"There is no file {file!r} for an import: put it below {FOLDER} first.")
    return jobs.start(KIND, {"file": file, "format": format, "channel": channel}, permission=PERMISSION)


def pause_import(id: UUID) -> None:
    """Have an import of the scope's tenant stop after its batch. Raises JobNotFound where it is over."""
    _stop(id, Status.PAUSED)


def cancel_import(id: UUID) -> None:
    """Have an import of the scope's tenant stop after its batch for good: what is in stays. Raises JobNotFound."""
    _stop(id, Status.CANCELLED)


def resume_import(id: UUID) -> UUID:
    """Go on with an import that was paused or failed, and return the id of the job that does.

    Raises JobNotFound, and ImportConflict for one that runs, is done, or was cancelled for good.
    """
    job = _get(id)
    if job.status not in (job.Status.CANCELLED, job.Status.FAILED) or runs.is_cancelled(_actor(id)):
        raise ImportConflict(f"The import is {job.status}: there is nothing to go on with.", field="status")
    return jobs.start(KIND, job.arguments, permission=PERMISSION)


def run_import(job: jobs.Running) -> None:
    """Do an import's job. Raises what ends it: errors of the file, JobStopped, TryLater."""
    name, format_ = job.arguments["file"], job.arguments["format"]
    watcher, actor = _Watcher(job), _actor(job.id)
    with tempfile.TemporaryDirectory(prefix="import-") as folder:
        path = Path(folder) / PurePosixPath(name).name
        with files_of(job.tenant_id), default_storage.open(name) as source, path.open("wb") as copy:
            shutil.copyfileobj(source, copy)
        try:
            if format_ == "catalogue":
                summary = import_catalogue(
                    tenant_id=job.tenant_id, path=path, observer=watcher, clock=timezone.now, actor=actor
                )
            else:
                summary = import_products(
                    tenant_id=job.tenant_id,
                    path=path,
                    mapping=load_mapping(ready_mapping(Path(format_)), path),
                    options=Options(channel=job.arguments["channel"], actor=actor),
                    observer=watcher,
                    clock=timezone.now,
                )
        except ImportConflict as conflict:
            with job.step(message=conflict.message[:500]):  # raises JobStopped where somebody stopped it
                pass
            raise jobs.TryLater(jobs.SILENT_AFTER, conflict.message) from conflict
    if summary.cut is not None:
        raise summary.cut


class _Watcher:
    """Writes an import's progress into its job, each a sign of life."""

    def __init__(self, job: jobs.Running) -> None:
        self.job = job

    def started(self, progress: Progress, problems: Sequence[Problem]) -> None:
        self._tell(progress)

    def advanced(self, progress: Progress, problems: Sequence[Problem]) -> None:
        self._tell(progress)

    def _tell(self, progress: Progress) -> None:
        message = f"{progress.created:,} created, {progress.changed:,} changed, {progress.refused:,} refused"
        with self.job.step(done=progress.position - self.job.done, total=progress.total, message=message):
            pass


def _stop(id: UUID, status: str) -> None:
    _get(id)
    if status == Status.CANCELLED and runs.is_paused(_actor(id)):
        runs.stop(_actor(id), status)
        return
    jobs.cancel(id)
    runs.stop(_actor(id), status)


def _get(id: UUID) -> Job:
    job = jobs.get(id)
    if job.kind != KIND:
        raise jobs.JobNotFound(f"There is no import {id}.", field="id")
    return job


def _actor(id: UUID) -> str:
    return f"job:{id}"
