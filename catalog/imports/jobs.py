"""Imports as jobs of the queue `bulk`: started, paused, gone on with and cancelled, whoever asks for it.

    one = create_import(tenant_id=…, format="shopify", file_name="products.csv", now=…)
    put_file(one, content, tenant_id=…)           # or: whoever may sends it by `upload_form(one, …)`
    start_import(one.id, tenant_id=…)

The file lies in the tenant's storage. The job's progress is that of the rows; what was done and refused is in the books
(`ImportRun`), by which a worker that takes over goes on after the last batch. A paused import is a job that ended and a
run that did not: another job goes on with it.
"""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path
from uuid import UUID

from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.utils import timezone

from catalog.imports import runs
from catalog.imports.catalogue import import_catalogue
from catalog.imports.corrections import Corrections
from catalog.imports.errors import FileError, ImportConflict, MappingError, Problem
from catalog.imports.mapping import Mapping
from catalog.imports.readers import Layout
from catalog.imports.reading import load_mapping, parse_mapping, ready_mapping
from catalog.imports.running import Options, Summary, import_products
from catalog.imports.runs import Progress
from catalog.imports.runs import Status as RunStatus
from catalog.models import Import
from catalog.transfers import PERMISSION, Status, clean_file_name, kept_until, status_of
from commerce.db.models import new_id
from commerce.db.scope import tenant_scope
from commerce.jobs import jobs
from commerce.storage import PRIVATE, TenantFiles, UploadForm, files_of
from tenants import queries as tenants

KIND = "catalog.import"
# Where the files of imports lie: shown to nobody.
FOLDER = f"{PRIVATE}imports/"
FORMATS = tuple(map(str, Import.Format.values))
MAPPING = str(Import.Format.MAPPING)
# Characters of a merchant's own mapping, and seconds in which an announced file may be sent.
MOST_MAPPING = 200_000
SENDING = 3600
# Problems that are read at once.
SOME = 500


def create_import(
    *,
    tenant_id: int,
    format: str,
    file_name: str,
    channel: str = "",
    mapping: str = "",
    actor: str = "",
    now: datetime,
) -> Import:
    """Announce a file of one of FORMATS to a tenant; nothing is read before `start_import`.

    A `mapping` (YAML) is for the format "mapping" alone. Raises MappingError for one that is wrong, for another format
    and for a channel that there is not, FileError for a name that tells no format.
    """
    if format not in FORMATS:
        raise MappingError(f"{format[:50]!r} is none of {', '.join(FORMATS)}.", field="format")
    if format == Import.Format.CATALOGUE and channel:
        raise MappingError("A whole catalogue has all channels: leave `channel` out.", field="channel")
    _check_mapping(format, mapping, file_name)
    id_, name = new_id(), clean_file_name(file_name)
    with tenant_scope(tenant_id):
        _check_channel(channel)
        return Import.objects.create(
            id=id_,
            format=format,
            file_name=name,
            file=f"{FOLDER}{id_}/{name}",
            channel=channel,
            mapping=mapping,
            actor=actor,
            expires_at=kept_until(now),
        )


def upload_form(one: Import, *, size: int, tenant_id: int) -> UploadForm:
    """Return the form by which a file of so many bytes is sent. Raises FileError for more than IMPORT_MOST_BYTES."""
    check_size(size)
    with files_of(tenant_id):
        return _storage().upload_form(
            str(one.file), content_type="application/octet-stream", at_most=size, seconds=SENDING
        )


def put_file(one: Import, content: File, *, tenant_id: int) -> None:  # type: ignore[type-arg]
    """Store the file of an import that waits for it. Raises FileError for more than IMPORT_MOST_BYTES."""
    check_size(content.size)
    with files_of(tenant_id):
        _replace(str(one.file), content)


def start_import(id: UUID, *, tenant_id: int) -> Import:
    """Start an import whose file has arrived. Raises FileError where it has not, ImportConflict where it was begun."""
    with tenant_scope(tenant_id):
        one = get_import(id)
    with files_of(tenant_id):
        size = default_storage.size(str(one.file)) if default_storage.exists(str(one.file)) else 0
    if not size:
        raise FileError(f"The file {one.file_name!r} has not arrived, or is empty: send it first.")
    check_size(size)
    with tenant_scope(tenant_id):
        one = get_import(id, lock=True)
        if status_of(one) != Status.WAITING:
            raise ImportConflict(f"The import is {status_of(one)} already.", field="status")
        one.size = size
        return _begin(one)


def pause_import(id: UUID) -> Import:
    """Have an import of the scope's tenant stop after its batch. Raises ImportConflict where it is over."""
    one = _stop(id, Status.QUEUED, Status.RUNNING)
    one.is_paused = True
    one.save(update_fields=["is_paused", "updated_at"])
    runs.stop(one.run_id, RunStatus.PAUSED)
    return get_import(id)


def cancel_import(id: UUID) -> Import:
    """Have an import of the scope's tenant stop after its batch for good: what is in stays. Raises ImportConflict."""
    one = _stop(id, Status.QUEUED, Status.RUNNING, Status.PAUSED)
    one.is_paused = False
    one.save(update_fields=["is_paused", "updated_at"])
    runs.stop(one.run_id, RunStatus.CANCELLED)
    return get_import(id)


def resume_import(id: UUID) -> Import:
    """Go on, by another job, with an import that was paused or failed. Raises JobNotFound, and ImportConflict."""
    one = get_import(id, lock=True)
    if status_of(one) not in (Status.PAUSED, Status.FAILED):
        raise ImportConflict(f"The import is {status_of(one)}: there is nothing to go on with.", field="status")
    return _begin(one)


def get_import(id: UUID, *, lock: bool = False) -> Import:
    """Return an import of the scope's tenant with its job and its run. Raises JobNotFound."""
    rows = Import.objects.filter(id=id)
    found = (rows.select_for_update() if lock else rows.select_related("job", "run")).first()
    if found is None:
        raise jobs.JobNotFound(f"There is no import {id}.", code="NOT_FOUND", field="id")
    return found


def run_import(job: jobs.Running) -> None:
    """Do an import's job. Raises what ends it: errors of the file, JobStopped, TryLater."""
    with tenant_scope(job.tenant_id):
        one = get_import(UUID(job.arguments["import"]))
    with tempfile.TemporaryDirectory(prefix="import-") as folder:
        path = Path(folder) / one.file_name
        with files_of(job.tenant_id), default_storage.open(str(one.file)) as source, path.open("wb") as copy:
            shutil.copyfileobj(source, copy)
        work = _Work(job, one, path)
        try:
            summary = work.run()
        except ImportConflict as conflict:
            with job.step(message=conflict.message[:500]):  # raises JobStopped where somebody stopped it
                pass
            raise jobs.TryLater(jobs.SILENT_AFTER, conflict.message) from conflict
        except SoftTimeLimitExceeded:
            raise
        except Exception:
            work.keep_refused()
            raise
        work.keep_refused(summary.notes)
    if summary.cut is not None:
        raise summary.cut


@dataclass
class _Work:
    """One job's part of an import."""

    job: jobs.Running
    one: Import
    path: Path
    # How the file is written, once that is known.
    layout: Layout | None = None

    @property
    def actor(self) -> str:
        return f"import-of:{self.one.id}"

    def run(self) -> Summary:
        if self.one.format == Import.Format.CATALOGUE:
            self.layout = Layout("jsonl")
            return import_catalogue(
                tenant_id=self.job.tenant_id, path=self.path, observer=self, clock=timezone.now, actor=self.actor
            )
        mapping = self._mapping()
        self.layout = mapping.layout
        return import_products(
            tenant_id=self.job.tenant_id,
            path=self.path,
            mapping=mapping,
            options=Options(channel=self.one.channel or None, actor=self.actor),
            observer=self,
            clock=timezone.now,
        )

    def _mapping(self) -> Mapping:
        if self.one.format == MAPPING:
            return parse_mapping(self.one.mapping.encode(), name="mapping", data=self.path)
        return load_mapping(ready_mapping(Path(self.one.format)), self.path)

    # --- It watches the import -------------------------------------------------------------------------------

    def started(self, progress: Progress, problems: Sequence[Problem]) -> None:
        with tenant_scope(self.job.tenant_id):
            Import.objects.filter(id=self.one.id).update(run=runs.latest_of(self.actor))
        self._tell(progress)

    def advanced(self, progress: Progress, problems: Sequence[Problem]) -> None:
        self._tell(progress)

    def _tell(self, progress: Progress) -> None:
        """Write the progress into the job, as a sign of life."""
        message = f"{progress.created:,} created, {progress.changed:,} changed, {progress.refused:,} refused"
        with self.job.step(done=progress.position - self.job.done, total=progress.total, message=message):
            pass

    # --- And says at its end ---------------------------------------------------------------------------------

    def keep_refused(self, notes: Sequence[str] = ()) -> None:
        """Store the file of the rows that were refused so far, and what is to be told."""
        with tenant_scope(self.job.tenant_id):
            one = get_import(self.one.id)
            some = runs.problems_in_turn(one.run_id, after=-1, at_most=1) if one.run_id else []
        name = ""
        if some and one.run_id and self.layout is not None:
            refused = self.path.with_name("refused")
            with refused.open("w+b") as file:
                self._write_refused(one.run_id, Corrections(self.path, self.layout, file))
                name = f"{FOLDER}{one.id}/{self._name_of_refused(self.layout)}"
                file.seek(0)
                with files_of(self.job.tenant_id):
                    _replace(name, File(file))
        with tenant_scope(self.job.tenant_id):
            Import.objects.filter(id=one.id).update(corrections=name, notes=list(notes))

    def _write_refused(self, run_id: UUID, corrections: Corrections) -> None:
        for _, own in groupby(self._problems(run_id), key=lambda problem: problem.row):
            corrections.add(own)

    def _problems(self, run_id: UUID) -> Iterator[Problem]:
        after = -1
        while True:
            with tenant_scope(self.job.tenant_id, read_only=True):
                some = runs.problems_in_turn(run_id, after=after, at_most=SOME)
            yield from (problem for _, problem in some)
            if len(some) < SOME:
                return
            after = some[-1][0]

    def _name_of_refused(self, layout: Layout) -> str:
        plain = Path(self.one.file_name.removesuffix(".gz"))
        ending = ".jsonl" if layout.format in ("jsonl", "yaml") else plain.suffix or ".csv"
        return f"{plain.stem}-refused{ending}"


def _begin(one: Import) -> Import:
    arguments = {"import": str(one.id)}
    one.job_id = jobs.start(KIND, arguments, permission=PERMISSION)
    one.is_paused = False
    one.save(update_fields=["job", "is_paused", "size", "updated_at"])
    return get_import(one.id)


def _stop(id: UUID, *states: Status) -> Import:
    one = get_import(id, lock=True)
    if (status := status_of(one)) not in states:
        raise ImportConflict(f"The import is {status}: there is nothing to stop.", field="status")
    if status != Status.PAUSED and one.job_id is not None:
        jobs.cancel(one.job_id)
    return one


def _check_mapping(format: str, mapping: str, file_name: str) -> None:
    if format != MAPPING:
        if mapping:
            raise MappingError(f"The format {format} has a mapping of its own: leave `mapping` out.", field="mapping")
        return
    if not mapping.strip():
        raise MappingError("The format mapping needs the `mapping`: YAML, as docs/import tells.", field="mapping")
    if len(mapping) > MOST_MAPPING:
        raise MappingError(f"The mapping has more than {MOST_MAPPING:,} characters.", field="mapping")
    parse_mapping(mapping.encode(errors="replace"), name="mapping", data=Path(clean_file_name(file_name)))


def _check_channel(channel: str) -> None:
    known = [one.slug for one in tenants.list_channels()]
    if channel and channel not in known:
        raise MappingError(
            f"The shop has no channel {channel[:100]!r}; it has {', '.join(known) or 'none'}.", field="channel"
        )


def check_size(size: int) -> None:
    """Raise FileError for more bytes than IMPORT_MOST_BYTES."""
    if size > settings.IMPORT_MOST_BYTES:
        raise FileError(
            f"The file has {size:,} bytes; at most {settings.IMPORT_MOST_BYTES:,} are taken: compress it (.gz), or "
            "import it in parts."
        )


def _replace(name: str, content: File) -> None:  # type: ignore[type-arg]
    """Store a file at exactly this name."""
    _storage().remove([name])
    stored = default_storage.save(name, content)
    if stored != name:  # somebody stored the same at the same time
        _storage().remove([stored])


def _storage() -> TenantFiles:
    return default_storage  # type: ignore[return-value]
