"""Exports as jobs of the queue `bulk`: started and cancelled, whoever asks for it; the file lies in the storage.

All of a file is one snapshot, so that a job that was killed begins anew.
"""

import contextvars
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from uuid import UUID

from celery.exceptions import SoftTimeLimitExceeded
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import connections

from catalog.exports.writing import Seen, Summary, export_catalogue, export_products, find_channel
from catalog.models import Export
from catalog.transfers import PERMISSION, Status, kept_until, status_of
from commerce.db.scope import tenant_scope
from commerce.errors import DomainError
from commerce.jobs import jobs
from commerce.storage import PRIVATE, TenantFiles, files_of

KIND = "catalog.export"
FOLDER = f"{PRIVATE}exports/"
FORMATS = tuple(map(str, Export.Format.values))
_ENDINGS = {str(Export.Format.CATALOGUE): ".jsonl.gz"}


class ExportOver(DomainError):
    """There is nothing to stop."""

    code = "CONFLICT"


class TooLong(DomainError):
    """The export took longer than a job of one snapshot may."""


def start_export(*, format: str, channel: str = "", actor: str = "", now: datetime) -> Export:
    """Start an export of the scope's tenant in one of FORMATS, a CSV's prices being those of a channel.

    Raises DomainError for another format, and for a channel that there is not.
    """
    if format not in FORMATS:
        raise DomainError(f"{format[:50]!r} is none of {', '.join(FORMATS)}.", code="INVALID", field="format")
    if format == Export.Format.CATALOGUE:
        if channel:
            raise DomainError("A whole catalogue has all channels: leave `channel` out.", field="channel")
    else:
        channel = find_channel(channel or None)
    ending = _ENDINGS.get(format, ".csv")
    one = Export(
        format=format,
        channel=channel,
        file_name=f"{format}-{now:%Y-%m-%d-%H%M}{ending}",
        actor=actor,
        expires_at=kept_until(now),
    )
    one.save(force_insert=True)
    one.job_id = jobs.start(KIND, {"export": str(one.id)}, permission=PERMISSION)
    one.save(update_fields=["job", "updated_at"])
    return get_export(one.id)


def cancel_export(id: UUID) -> Export:
    """Have an export of the scope's tenant stop. Raises JobNotFound, and ExportOver where it is over."""
    one = get_export(id)
    status = status_of(one)
    if status not in (Status.QUEUED, Status.RUNNING) or one.job_id is None:
        raise ExportOver(f"The export is {status}: there is nothing to stop.", field="status")
    jobs.cancel(one.job_id)
    return get_export(id)


def get_export(id: UUID) -> Export:
    """Return an export of the scope's tenant with its job. Raises JobNotFound."""
    found = Export.objects.filter(id=id).select_related("job").first()
    if found is None:
        raise jobs.JobNotFound(f"There is no export {id}.", code="NOT_FOUND", field="id")
    return found


def run_export(job: jobs.Running) -> None:
    """Do an export's job. Raises JobStopped, and TooLong for one that takes longer than a task may."""
    with tenant_scope(job.tenant_id):
        one = get_export(UUID(job.arguments["export"]))
    try:
        with tempfile.TemporaryDirectory(prefix="export-") as folder, _beside() as aside:
            path = Path(folder) / one.file_name
            told = _write(job, one, path, lambda done, total: aside(lambda: _tell(job, done, total)))
            name = f"{FOLDER}{one.id}/{one.file_name}"
            with files_of(job.tenant_id), path.open("rb") as file:
                _storage().remove([name])
                name = default_storage.save(name, File(file))
    except SoftTimeLimitExceeded:
        raise TooLong("The export takes longer than a job may, and has to be one snapshot: see docs/import.") from None
    notes = [f"Not in it, as the format cannot hold it: {count:,} {what}." for what, count in told.lost.items()]
    with job.step(message=f"{told.lines:,} lines, {told.bytes:,} bytes"):
        kept = {"file": name, "lines": told.lines, "size": told.bytes, "notes": notes}
        if not Export.objects.filter(id=one.id).update(**kept):
            raise jobs.JobStopped("The export was forgotten.")


def _write(job: jobs.Running, one: Export, path: Path, seen: Seen) -> Summary:
    if one.format == Export.Format.CATALOGUE:
        return export_catalogue(tenant_id=job.tenant_id, path=path, seen=seen)
    return export_products(tenant_id=job.tenant_id, path=path, format=one.format, channel=one.channel, seen=seen)


def _tell(job: jobs.Running, done: int, total: int) -> None:
    """Write the progress into the job, as a sign of life; a worker that took over begins to count anew."""
    with job.step(done=done - job.done, total=total, message=f"{done:,} lines"):
        pass


@contextmanager
def _beside() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Return what runs a function on another connection, while the snapshot keeps this thread's."""
    with ThreadPoolExecutor(1, "export") as thread:

        def run(function: Callable[[], None]) -> None:
            thread.submit(contextvars.Context().run, function).result()

        try:
            yield run
        finally:
            run(connections.close_all)


def _storage() -> TenantFiles:
    return default_storage  # type: ignore[return-value]
