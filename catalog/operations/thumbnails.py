"""Making a stored picture smaller, once, whoever asks for it and however many at once.

A row claims the work for a while, in a transaction of its own; then no transaction is open while files are read, a
process shrinks them and the result is stored; then the row tells it. Whoever else asks waits for the row.
"""

import hashlib
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from uuid import UUID, uuid4

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connections, models
from django.db.backends.utils import CursorWrapper
from django.utils.text import get_valid_filename

from catalog.models import Thumbnail
from catalog.queries import thumbnails as queries
from commerce import pictures
from commerce.db.scope import current_scope, tenant_scope
from commerce.db.topics import about
from commerce.errors import DomainError
from commerce.storage import FileTooLarge, TenantFiles, files_of

# After so long its maker counts as dead; longer than a maker may take.
LEASE = timedelta(seconds=120)
# A picture that could not be made smaller is tried again after so long.
RETRY = timedelta(hours=1)
# Seconds to wait for whoever else is making it, and between two looks.
PATIENCE = 12.0
PAUSE = 0.1

_CLAIM = """
INSERT INTO catalog_thumbnail AS t (tenant_id, source, size, format, name, holder, claimed_at, error)
VALUES (current_tenant(), %s, %s, %s, '', %s, %s, '')
ON CONFLICT (tenant_id, source, size, format) DO UPDATE
SET holder = excluded.holder, claimed_at = excluded.claimed_at, error = ''
WHERE t.name = '' AND t.claimed_at < CASE WHEN t.error = '' THEN %s ELSE %s END
RETURNING 1
"""


class ThumbnailImpossible(DomainError):
    """The stored picture cannot be made smaller, for the reason in the message."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A picture of an object of `queries.thumbnails.KINDS`, in one of the sizes and formats that there are."""

    kind: str
    id: UUID
    source: str
    size: int
    format: str


def make_thumbnail(wanted: Wanted, *, tenant_id: int, now: datetime) -> str | None:
    """Return the stored thumbnail's name, made by now by whoever was first; outside a scope, as it takes a while.

    None where it is not there in time, or the picture is there no longer. Raises ThumbnailImpossible.
    """
    holder, deadline = uuid4(), time.monotonic() + PATIENCE
    while not _claim(wanted, holder, tenant_id, now):
        with tenant_scope(tenant_id, read_only=True):
            row = _rows(wanted).values_list("name", "error").first()
        if row is not None and row[1]:
            raise ThumbnailImpossible(row[1])
        if row is not None and row[0]:
            return str(row[0])
        if time.monotonic() > deadline:
            return None
        time.sleep(PAUSE)
    return _make(wanted, holder, tenant_id)


def thumbnail_name(source: str, size: int, ending: str) -> str:
    """Return where a thumbnail of a stored file is kept: always the same name, so that none is made to be lost."""
    digest = hashlib.sha256(source.encode()).hexdigest()[:20]
    stem = get_valid_filename(PurePosixPath(source).stem[:60] or "picture")
    return f"thumbnails/{stem}-{digest}_{size}{ending}"


def possible_names(source: str) -> list[str]:
    """Return every name that a thumbnail of a stored file may have been given."""
    endings = dict.fromkeys([PurePosixPath(source).suffix.lower(), ".jpg", ".png", ".gif", ".webp", ".avif"])
    return [thumbnail_name(source, size, ending) for size in queries.SIZES for ending in endings if ending]


def _make(wanted: Wanted, holder: UUID, tenant_id: int) -> str | None:
    try:
        with files_of(tenant_id):
            name = _stored(wanted)
    except FileNotFoundError:
        _give_up(wanted, holder, tenant_id)
        return None
    except (pictures.PictureRefused, FileTooLarge) as error:
        _tell(wanted, holder, tenant_id, error=error.message[:500])
        raise ThumbnailImpossible(error.message) from error
    except BaseException:
        with suppress(Exception):
            _give_up(wanted, holder, tenant_id)
        raise
    if _tell(wanted, holder, tenant_id, name=name):
        return name
    _discard(wanted, name, tenant_id)
    return None


def _stored(wanted: Wanted) -> str:
    """Store the thumbnail and return its name: that of the picture itself where this is small enough."""
    files: TenantFiles = default_storage  # type: ignore[assignment]
    content = files.read(wanted.source, settings.MEDIA_MOST_BYTES)
    smaller = pictures.shrink(content, size=wanted.size, format=wanted.format, most_pixels=settings.MEDIA_MOST_PIXELS)
    if smaller is None:
        return wanted.source
    name = thumbnail_name(wanted.source, wanted.size, smaller.ending)
    files.put(name, smaller.data)
    return name


def _claim(wanted: Wanted, holder: UUID, tenant_id: int, now: datetime) -> bool:
    with tenant_scope(tenant_id), about("thumbnail", ()), _cursor() as cursor:
        times = (now, now - LEASE, now - RETRY)
        cursor.execute(_CLAIM, (wanted.source, wanted.size, wanted.format, holder, *times))
        return cursor.fetchone() is not None


def _tell(wanted: Wanted, holder: UUID, tenant_id: int, *, name: str = "", error: str = "") -> bool:
    """Write down what came of it, if the claim still holds and the object still shows this picture.

    Kept answers name the address at which a thumbnail is made, which stays right: they are not outdated by it.
    """
    with tenant_scope(tenant_id), about("thumbnail", ()):
        found = queries.find_picture(wanted.kind, wanted.id)
        if found is None or found.file != wanted.source:
            _rows(wanted).filter(holder=holder).delete()
            return False
        return bool(_rows(wanted).filter(holder=holder).update(name=name, error=error, holder=None))


def _give_up(wanted: Wanted, holder: UUID, tenant_id: int) -> None:
    with tenant_scope(tenant_id), about("thumbnail", ()):
        _rows(wanted).filter(holder=holder).delete()


def _discard(wanted: Wanted, name: str, tenant_id: int) -> None:
    """Delete what was stored in vain, unless somebody else has come to make the same."""
    with tenant_scope(tenant_id, read_only=True):
        is_wanted = name == wanted.source or _rows(wanted).exists()
    if not is_wanted:
        with files_of(tenant_id):
            default_storage.delete(name)


def _rows(wanted: Wanted) -> models.QuerySet[Thumbnail]:
    return Thumbnail.objects.filter(source=wanted.source, size=wanted.size, format=wanted.format)


def _cursor() -> CursorWrapper:
    scope = current_scope()
    return connections[scope.alias if scope is not None else "default"].cursor()
