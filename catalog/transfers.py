"""What imports and exports have in common: their states, their files, and for how long both are kept."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import models
from django.db.models.fields.files import FieldFile
from django.utils.text import get_valid_filename

from catalog.models import Export, Import, ImportRun
from commerce.errors import DomainError
from commerce.jobs.models import Job
from commerce.storage import TenantFiles, files_of

# Who sees imports and exports, and their jobs.
PERMISSION = "MANAGE_PRODUCTS"
# By area and permission: what a file of products holds, what an import makes besides, and what a whole catalogue holds.
_PRODUCTS = (("catalog", PERMISSION),)
_TYPES = (("catalog", "MANAGE_PRODUCT_TYPES_AND_ATTRIBUTES"),)
_WHOLE = (
    *_PRODUCTS,
    *_TYPES,
    ("stock", PERMISSION),
    ("translations", "MANAGE_TRANSLATIONS"),
    ("content", "MANAGE_PAGES"),
    ("content", "MANAGE_PAGE_TYPES_AND_ATTRIBUTES"),
    ("content", "MANAGE_MENUS"),
)
# For so many seconds an address of a file holds.
ADDRESS_SECONDS = 300


class Status(models.TextChoices):
    """States of an import or export: those of its job, and two of imports alone."""

    WAITING = "waiting"  # for its file
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"


class FileGone(DomainError):
    """There is no such file: not yet, or no longer."""


class Download(NamedTuple):
    """Where a file is to be had, until `expires_at`, by whoever has the address (which may be a path at the host)."""

    url: str
    file_name: str
    expires_at: datetime


def needs(one: type[Import | Export] | Import | Export, format: str = "") -> Sequence[tuple[str, str]]:
    """Return what a caller needs for files like this one, or of a format: all of these, by area and permission.

    They are those under which the same is read and written piece by piece.
    """
    if (format or getattr(one, "format", "")) == Export.Format.CATALOGUE:
        return _WHOLE
    is_import = isinstance(one, Import) or one is Import
    return (*_PRODUCTS, *_TYPES) if is_import else _PRODUCTS


def status_of(one: Import | Export) -> Status:
    """Return the state of an import or export, whose `job` was read with it."""
    job = one.job
    if job is None:
        return Status.WAITING
    if job.status == Job.Status.DONE:
        return Status.FINISHED
    if job.status == Job.Status.CANCELLED and getattr(one, "is_paused", False):
        return Status.PAUSED
    return Status(job.status)


def progress_of(one: Import | Export) -> tuple[int, int | None]:
    """Return how many rows or lines are done, and of how many (None: not known yet): by the books where there are any.

    A job tells less, as one that is asked to stop ends with its last step undone, and the next one begins at nothing.
    """
    run = one.run if isinstance(one, Import) else None
    if run is not None:
        return run.position, run.total
    return (one.job.done, one.job.total) if one.job else (0, None)


def error_of(one: Import | Export) -> str:
    """Return why its job failed, "" where it did not."""
    return re.sub(r"^\w+: ", "", one.job.error) if one.job else ""


def is_stopping(one: Import | Export) -> bool:
    """Say whether it was asked to pause or stop, and has not come to it yet."""
    return bool(one.job and one.job.is_cancel_asked and not one.job.finished_at)


def kept_until(now: datetime) -> datetime:
    """Return until when a transfer that begins now is kept."""
    return now + timedelta(days=settings.TRANSFER_DAYS)


def clean_file_name(name: str) -> str:
    """Return a name under which people may keep a file, without folders and signs that systems choke on."""
    plain = PurePosixPath(name.replace("\\", "/")).name[-200:]
    return get_valid_filename(plain) if plain.strip(". ") else "file"


def make_download(file: FieldFile, *, tenant_id: int, file_name: str, now: datetime) -> Download:
    """Return where a stored file is to be had for ADDRESS_SECONDS. Raises FileGone where there is none."""
    if not file:
        raise FileGone("There is no such file: nothing was written yet, or nothing had to be.", code="NOT_FOUND")
    storage: TenantFiles = default_storage  # type: ignore[assignment]
    with files_of(tenant_id):
        url = storage.download_address(str(file), file_name=file_name, seconds=ADDRESS_SECONDS)
    return Download(url, file_name, now + timedelta(seconds=ADDRESS_SECONDS))


def forget(*, now: datetime) -> int:
    """Forget the scope's tenant's imports and exports whose time is over, with their books; return how many.

    Their files are released, and deleted after the transaction. Jobs that still work keep theirs.
    """
    is_over = models.Q(job=None) | ~models.Q(job__finished_at=None)
    found = 0
    for model in (Import, Export):
        rows: Any = model._default_manager.filter(is_over, expires_at__lt=now)
        ids = list(rows.values_list("id", flat=True)[:1000])
        found += len(ids)
        runs = Import.objects.filter(id__in=ids).values_list("run_id", flat=True) if model is Import else ()
        books = [run for run in runs if run]
        model._default_manager.filter(id__in=ids).delete()
        ImportRun.objects.filter(id__in=books).delete()
    return found
