"""Deleting stored files, after the transaction in which the last row ceased to name them.

A trigger writes down what a row names no longer (`ReleasedFile`), in the same transaction, whoever deletes or changes
it and how. A task deletes the file and then the row, as often as it takes: killing it at any instant loses nothing.
"""

from collections.abc import Collection, Iterator
from datetime import datetime

from django.core.files.storage import default_storage

from catalog.models import ReleasedFile, Thumbnail, Upload
from catalog.operations.thumbnails import possible_names
from catalog.queries import files as queries
from commerce.db.scope import tenant_scope
from commerce.db.topics import about
from commerce.storage import UPLOADS, Listed, TenantFiles, files_of

BATCH = 100
# The folders whose files are named by rows: those of columns (`upload_to`), and these.
FOLDERS = ("thumbnails/", "values/", UPLOADS)


def delete_released(*, tenant_id: int, batch: int = BATCH) -> int:
    """Delete a tenant's files that no row names any longer, with their thumbnails; return how many files it were.

    Outside a scope: storages are asked between its transactions. It may run twice at once.
    """
    deleted, after = 0, ""
    while True:
        with tenant_scope(tenant_id):
            rows = ReleasedFile.objects.filter(name__gt=after).order_by("name")[:batch]
            released = dict(rows.values_list("name", "released_at"))
            unnamed = sorted(set(released) - queries.list_named(list(released)))
            with about("thumbnail", ()):  # the row that named the source told that it changed
                Thumbnail.objects.filter(source__in=unnamed).delete()
        if not released:
            return deleted
        with files_of(tenant_id):
            _remove(unnamed)
        with tenant_scope(tenant_id):
            for name, released_at in released.items():
                ReleasedFile.objects.filter(name=name, released_at=released_at).delete()
        deleted, after = deleted + len(unnamed), list(released)[-1]


def _remove(names: Collection[str]) -> None:
    files: TenantFiles = default_storage  # type: ignore[assignment]
    files.remove([one for name in names for one in (name, *possible_names(name))])


def forget_uploads(*, now: datetime) -> int:
    """Forget the scope's tenant's uploads whose time is over, releasing what they brought; return how many."""
    over = list(Upload.objects.filter(expires_at__lt=now).order_by("expires_at")[:1000])
    names = {name for upload in over for name in (upload_name(upload), upload.stored_name) if name}
    ReleasedFile.objects.bulk_create(
        [ReleasedFile(name=name, released_at=now) for name in sorted(names)], ignore_conflicts=True
    )
    Upload.objects.filter(id__in=[upload.id for upload in over]).delete()
    return len(over)


def upload_name(upload: Upload) -> str:
    """Return where an upload's file arrives; nobody is shown it there."""
    return f"{UPLOADS}{upload.id}"


def list_orphans(*, tenant_id: int, before: datetime) -> Iterator[Listed]:
    """Yield the stored files of a tenant that were written before an instant and that no row names.

    Of the folders alone that rows name files of; others, as those of imports, are somebody else's. A transaction that
    is about to name a file has stored it before: `before` lies further back than any may take.
    """
    folders = (*FOLDERS, *(f"{folder}/" for folder in _folders()))
    with files_of(tenant_id):
        found = [
            one
            for one in default_storage.list_files()  # type: ignore[attr-defined]
            if one.name.startswith(folders) and one.modified_at < before
        ]
    with tenant_scope(tenant_id, read_only=True):
        named = set(queries.list_all_named()) | {
            upload_name(upload) for upload in Upload.objects.only("id", "tenant_id").iterator()
        }
    yield from (one for one in found if one.name not in named)


def _folders() -> Iterator[str]:
    for column in queries.naming_columns():
        field = column.model._meta.get_field(column.name)
        folder = getattr(field, "upload_to", "")
        if isinstance(folder, str) and folder:
            yield folder.rstrip("/")


def delete_orphans(orphans: Collection[Listed], *, tenant_id: int) -> None:
    """Delete files that `list_orphans` found."""
    with files_of(tenant_id):
        default_storage.remove(one.name for one in orphans)  # type: ignore[attr-defined]
