"""Files of tenants: every path begins with the public uuid of the scope's tenant, and code never says so.

A stored name ("products/shirt.jpg") is the tenant's own and does not name the tenant, so that a tenant can be
moved or cloned. `TenantStorage` keeps files under MEDIA_ROOT, `commerce.storage.bucket` in a bucket.
"""

import mimetypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import IO, Any, Protocol
from uuid import UUID

from django.conf import settings
from django.core.files.storage import FileSystemStorage, Storage
from django.utils.encoding import filepath_to_uri
from django.utils.module_loading import import_string

from commerce.db.scope import current_tenant_id


class PublicIds(Protocol):
    """What the setting TENANT_PUBLIC_ID names: the public uuid of a tenant's number, or LookupError."""

    def __call__(self, tenant_id: int) -> UUID: ...


def tenant_prefix() -> str:
    """Return the first folder of the scope's tenant's files. Raises ScopeError outside a scope of one tenant."""
    return _prefix(current_tenant_id())


@lru_cache(maxsize=10_000)
def _prefix(tenant_id: int) -> str:
    public_id: PublicIds = import_string(settings.TENANT_PUBLIC_ID)
    return str(public_id(tenant_id))


# What browsers may show from a shop's own host. Anything else (HTML, SVG, PDF, scripts) is only downloaded.
SHOWN_TYPES = frozenset({"image/avif", "image/gif", "image/jpeg", "image/png", "image/webp", "video/mp4", "video/webm"})
mimetypes.add_type("image/avif", ".avif")


def serving_headers(name: str) -> dict[str, str]:
    """Return Content-Type and Content-Disposition for a stored file: by its name, never by what an uploader said."""
    guessed, encoding = mimetypes.guess_type(name)
    if guessed in SHOWN_TYPES and encoding is None:
        return {"Content-Type": guessed, "Content-Disposition": "inline"}
    return {"Content-Type": "application/octet-stream", "Content-Disposition": "attachment"}


_saved: ContextVar[list[tuple[Storage, str]] | None] = ContextVar("saved_files", default=None)


@contextmanager
def discard_files_on_error() -> Iterator[None]:
    """Delete the files that were saved inside when it ends with an exception, as storage knows no rollback.

    It stands inside the scope, as deleting needs the tenant, and around what may be rolled back.
    """
    outer = _saved.get()
    saved: list[tuple[Storage, str]] = []
    token = _saved.set(saved)
    try:
        yield
    except BaseException:
        for storage, name in saved:
            storage.delete(name)
        raise
    else:
        if outer is not None:
            outer += saved
    finally:
        _saved.reset(token)


class DiscardableFiles(Storage):
    """A storage that tells `discard_files_on_error` what was saved."""

    def save(self, name: str | None, content: IO[Any], max_length: int | None = None) -> str:
        stored = super().save(name, content, max_length)
        saved = _saved.get()
        if saved is not None:
            saved.append((self, stored))
        return stored


class TenantStorage(DiscardableFiles, FileSystemStorage):
    """Files below MEDIA_ROOT/<public uuid>/; a name that climbs out of there raises SuspiciousFileOperation."""

    @property
    def location(self) -> str:
        """The tenant's folder; where Django keeps one per storage, this is one per scope."""
        return os.path.join(os.path.abspath(self.base_location), tenant_prefix())

    @property
    def base_url(self) -> str:
        return f"{settings.MEDIA_URL}{tenant_prefix()}/"

    def url(self, name: str | None) -> str:
        """Return the address of a stored name, which is asked for every picture of a list."""
        return self.base_url + (filepath_to_uri(name) or "").lstrip("/")
