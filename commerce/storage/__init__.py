"""Files of tenants: every path begins with the public uuid of the scope's tenant, and code never says so.

A stored name ("products/shirt.jpg") is the tenant's own and does not name the tenant, so that a tenant can be
moved or cloned. `TenantStorage` keeps files under MEDIA_ROOT, `commerce.storage.bucket` in a bucket. What lies below
`private/` is shown to nobody; everything else to whoever knows its name.

Beside what Django's storages do, ours have `put`, `read`, `remove`, `list_files`, `upload_form` and `download_address`
(`TenantFiles`).
"""

import mimetypes
import os
import posixpath
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, Protocol
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.core.files.storage import FileSystemStorage, Storage
from django.utils.encoding import filepath_to_uri
from django.utils.module_loading import import_string

from commerce.db.scope import ScopeError, current_scope, current_tenant_id
from commerce.errors import DomainError

PRIVATE = "private/"
UPLOADS = f"{PRIVATE}uploads/"
# Where a folder's files are sent to (tenants/media.py), and what its tokens are signed for.
UPLOAD_PATH = "/media/uploads/"
_UPLOAD_SALT = "commerce.storage.upload"
# Where a folder's files that nobody is shown are sent from, to holders of a token.
DOWNLOAD_PATH = "/media/downloads/"
_DOWNLOAD_SALT = "commerce.storage.download"


class FileTooLarge(DomainError):
    """A stored file has more bytes than were to be read."""


class UploadRefused(DomainError):
    """A token for sending a file is none of ours, too old, or another tenant's."""


class DownloadRefused(DomainError):
    """A token for fetching a file is none of ours, too old, or another tenant's."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A stored file, as its storage lists it: its size in bytes, and when it was written."""

    name: str
    size: int
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class UploadForm:
    """A form to send a file by: POST as multipart/form-data to `url`, these fields first, then the field `file`.

    `url` may be a path at the tenant's host.
    """

    url: str
    fields: dict[str, str]


class PublicIds(Protocol):
    """What the setting TENANT_PUBLIC_ID names: the public uuid of a tenant's number, or LookupError."""

    def __call__(self, tenant_id: int) -> UUID: ...


_named: ContextVar[int | None] = ContextVar("files_of", default=None)


@contextmanager
def files_of(tenant_id: int) -> Iterator[None]:
    """Say whose files are meant where no scope is open, as none should be while a network is waited for."""
    token = _named.set(int(tenant_id))
    try:
        yield
    finally:
        _named.reset(token)


def tenant_prefix() -> str:
    """Return the first folder of the tenant's files: of the scope, or of `files_of`.

    Raises ScopeError where there is neither, or where they name two tenants.
    """
    named = _named.get()
    if named is None:
        return _prefix(current_tenant_id())
    scope = current_scope()
    if scope is not None and scope.tenant_id != named:
        raise ScopeError(f"Files of tenant {named} were asked for in a scope of tenant {scope.tenant_id}.")
    return _prefix(named)


@lru_cache(maxsize=10_000)
def _prefix(tenant_id: int) -> str:
    public_id: PublicIds = import_string(settings.TENANT_PUBLIC_ID)
    return str(public_id(tenant_id))


# What browsers may show from a shop's own host. Anything else (HTML, SVG, PDF, scripts) is only downloaded.
SHOWN_TYPES = frozenset({"image/avif", "image/gif", "image/jpeg", "image/png", "image/webp", "video/mp4", "video/webm"})
mimetypes.add_type("image/avif", ".avif")


def is_shown(name: str) -> bool:
    """Return whether a stored file may be shown to whoever knows its name."""
    return not f"{posixpath.normpath(name.lstrip('/'))}/".startswith(PRIVATE)


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


class TenantFiles(Storage):
    """What all of our storages can do. `is_signed`: its addresses are signed for a while, and cost time to make."""

    is_signed = False

    def save(self, name: str | None, content: IO[Any], max_length: int | None = None) -> str:
        """Save as Django does, and tell `discard_files_on_error`."""
        stored = super().save(name, content, max_length)
        saved = _saved.get()
        if saved is not None:
            saved.append((self, stored))
        return stored

    def put(self, name: str, content: bytes) -> None:
        """Store a file at exactly this name, at once and as a whole, instead of what was there."""
        raise NotImplementedError

    def read(self, name: str, at_most: int) -> bytes:
        """Return a file's bytes. Raises FileNotFoundError, and FileTooLarge for more than `at_most`."""
        raise NotImplementedError

    def remove(self, names: Iterable[str]) -> None:
        """Delete files; what is not there counts as deleted."""
        for name in names:
            self.delete(name)

    def list_files(self) -> Iterator[Listed]:
        """Yield all files of the tenant."""
        raise NotImplementedError

    def upload_form(self, name: str, *, content_type: str, at_most: int, seconds: int) -> UploadForm:
        """Return the form that lets its holder send a file of up to `at_most` bytes to a name, for so many seconds."""
        raise NotImplementedError

    def download_address(self, name: str, *, file_name: str, seconds: int) -> str:
        """Return an address, or a path at the tenant's host, where its holder gets a file for so many seconds.

        It is saved under `file_name`, and may lie below PRIVATE.
        """
        raise NotImplementedError


class TenantStorage(TenantFiles, FileSystemStorage):
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

    def put(self, name: str, content: bytes) -> None:
        path = Path(self.path(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{secrets.token_hex(8)}.part")
        try:
            part.write_bytes(content)
            part.replace(path)
        finally:
            with suppress(FileNotFoundError):
                part.unlink()

    def read(self, name: str, at_most: int) -> bytes:
        with Path(self.path(name)).open("rb") as file:
            content = file.read(at_most + 1)
        if len(content) > at_most:
            raise too_large(at_most)
        return content

    def list_files(self) -> Iterator[Listed]:
        root = Path(self.location)
        for path in root.rglob("*"):
            with suppress(FileNotFoundError):
                found = path.stat()
                if path.is_file():
                    modified_at = datetime.fromtimestamp(found.st_mtime, UTC)
                    yield Listed(path.relative_to(root).as_posix(), found.st_size, modified_at)

    def upload_form(self, name: str, *, content_type: str, at_most: int, seconds: int) -> UploadForm:
        told = {"tenant": tenant_prefix(), "name": name, "size": at_most, "seconds": seconds}
        token = {"token": signing.dumps(told, salt=_UPLOAD_SALT)}
        # Of a larger file the address says so before the body is read.
        is_large = at_most > settings.MEDIA_MOST_BYTES
        return UploadForm(f"{UPLOAD_PATH}?{urlencode(token)}" if is_large else UPLOAD_PATH, token)

    def download_address(self, name: str, *, file_name: str, seconds: int) -> str:
        told = {"tenant": tenant_prefix(), "name": name, "file_name": file_name, "seconds": seconds}
        return f"{DOWNLOAD_PATH}?{urlencode({'token': signing.dumps(told, salt=_DOWNLOAD_SALT)})}"


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the holder of an upload's token may do: send up to `size` bytes to a name."""

    name: str
    size: int


def read_upload_token(token: str, public_id: UUID) -> Allowed:
    """Return what a token of `TenantStorage.upload_form` allows at a tenant. Raises UploadRefused."""
    told = _read_token(token, _UPLOAD_SALT, public_id, UploadRefused, "upload")
    return Allowed(told["name"], told["size"])


def read_download_token(token: str, public_id: UUID) -> tuple[str, str]:
    """Return the stored name that a token of `download_address` allows at a tenant, and the name to save it under.

    Raises DownloadRefused.
    """
    told = _read_token(token, _DOWNLOAD_SALT, public_id, DownloadRefused, "download")
    return told["name"], told["file_name"]


def _read_token(token: str, salt: str, public_id: UUID, refusal: type[DomainError], what: str) -> dict[str, Any]:
    try:
        told: dict[str, Any] = signing.loads(token, salt=salt)
        signing.loads(token, salt=salt, max_age=told["seconds"])
    except signing.SignatureExpired:
        raise refusal(f"The time for this {what} is over: start another one.", code="EXPIRED") from None
    except signing.BadSignature:
        raise refusal(f"The field `token` is not as it was given: start another {what}.", field="token") from None
    if told["tenant"] != str(public_id):
        raise refusal(f"The field `token` is of another shop: start another {what}.", field="token")
    return told


def too_large(at_most: int) -> FileTooLarge:
    """Return what is raised for a file of more bytes."""
    return FileTooLarge(f"The file has more than {at_most:,} bytes.", field="file")
