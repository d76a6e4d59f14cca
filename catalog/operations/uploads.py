"""Sending files straight to the storage, past our processes: begin, send, finish.

    started = start_upload(kind="Product", object_id=…, file_name="front.jpg", content_type="image/jpeg", size=…, now=…)
    # whoever may: POST to started.url as multipart/form-data: started.fields, then the field `file`
    media = finish_upload(tenant_id=…, upload_id=started.id, now=…)

The first step tells the storage what it may take: one name that nobody is shown, so many bytes. The last one looks at
what has arrived, whatever the storage has checked, cleans it, puts it at its place and has the object name it.
"""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import models
from django.db.models import Max
from django.utils.text import get_valid_filename

from catalog.models import Attribute, AttributeValue, Category, Collection, Media, Product, Upload
from catalog.operations.files import upload_name
from catalog.operations.objects import save
from commerce import pictures
from commerce.db.scope import tenant_scope
from commerce.errors import DomainError
from commerce.storage import FileTooLarge, TenantFiles, files_of

# For so long the storage takes the file, and for so long it may be finished.
SENDING = timedelta(hours=1)
FINISHING = timedelta(hours=24)
PICTURE_TYPES = {
    "image/jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "image/png": (".png", ".apng"),
    "image/gif": (".gif",),
    "image/webp": (".webp",),
    "image/avif": (".avif",),
}
# Other files that a file attribute may have: their type, ending, and how they begin.
_OTHERS = {
    "application/pdf": (".pdf", re.compile(rb"%PDF-\d")),
    "video/mp4": (".mp4", re.compile(rb".{4}ftyp(isom|iso\d|mp4\d|avc1|M4V |dash)", re.DOTALL)),
    "video/webm": (".webm", re.compile(rb"\x1aE\xdf\xa3")),
}


class UploadRefused(DomainError):
    """A file cannot be sent for this object, or what has arrived is not what was announced."""


class Started(NamedTuple):
    """An upload that may begin: how to send it (`url` may be a path at the shop's host), and until when."""

    id: UUID
    url: str
    fields: dict[str, str]
    most_bytes: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class _Stored:
    """A file that was looked at: what it is and where it lies."""

    name: str
    content_type: str


@dataclass(frozen=True, slots=True)
class _Target:
    """An object that files are sent for: its model, the folder of its files, and how it comes to name one."""

    model: type[models.Model]
    folder: str
    place: Callable[[Any, _Stored, Upload], models.Model]


def start_upload(
    *,
    kind: str,
    object_id: UUID,
    file_name: str,
    content_type: str,
    size: int,
    alt: str = "",
    now: datetime,
    actor: str = "",
) -> Started:
    """Return how to send a file of `size` bytes for an object: a Product, Category, Collection or AttributeValue.

    Raises UploadRefused for a name, type or size that is not taken, or no such object.
    """
    target = _targets().get(kind)
    if target is None:
        raise UploadRefused(f"Files are sent for {', '.join(_targets())}, not for {kind!r}.", field="kind")
    found = target.model._default_manager.filter(pk=object_id).first()
    if found is None:
        raise UploadRefused(f"There is no {kind} {object_id}.", code="NOT_FOUND", field="object_id")
    file_name = PurePath(file_name.replace("\\", "/")).name
    _check_announced(file_name, content_type, size, taken=_types_for(found))
    upload = Upload(
        target_kind=kind,
        target_id=object_id,
        file_name=file_name[:250],
        content_type=content_type,
        size=size,
        alt=alt[:250],
        actor=actor,
        expires_at=now + FINISHING,
    )
    upload.save(force_insert=True)
    files: TenantFiles = default_storage  # type: ignore[assignment]
    seconds = int(SENDING.total_seconds())
    form = files.upload_form(upload_name(upload), content_type=content_type, at_most=size, seconds=seconds)
    return Started(upload.id, form.url, form.fields, size, now + SENDING)


def finish_upload(*, tenant_id: int, upload_id: UUID, now: datetime, actor: str = "") -> models.Model:
    """Look at what has arrived, clean it, put it at its place, and return the object that now names it.

    That is a new Media of a Product, or the object itself. Best called outside a scope: no transaction is open while
    the file is read, looked at and stored. Raises UploadRefused, or PictureRefused, for what cannot be taken; then
    nothing has changed, and the file may be sent again.
    """
    with tenant_scope(tenant_id):
        upload = Upload.objects.filter(id=upload_id, expires_at__gt=now).first()
        target = _find_target(upload)
    if upload is None or target is None:
        raise UploadRefused(f"There is no upload {upload_id}, or its time is over.", code="NOT_FOUND", field="id")
    with files_of(tenant_id):
        content, stored = _looked_at(upload, target[0], target[1])
    _claim(upload, stored.name, tenant_id, now)
    files: TenantFiles = default_storage  # type: ignore[assignment]
    try:
        with files_of(tenant_id):
            files.put(stored.name, content)
        made = _place(upload, stored, tenant_id=tenant_id, now=now, actor=actor)
    except BaseException:
        with files_of(tenant_id):
            files.remove([stored.name])
        with tenant_scope(tenant_id):
            Upload.objects.filter(id=upload.id).update(stored_name="")
        raise
    with files_of(tenant_id):
        files.remove([upload_name(upload)])
    return made


def _check_announced(file_name: str, content_type: str, size: int, *, taken: dict[str, tuple[str, ...]]) -> None:
    name = repr(file_name)
    if content_type not in taken:
        told = f"{', '.join(taken)} are taken"
        if content_type == "image/svg+xml":
            raise UploadRefused(f"{name}: an SVG can hold scripts. Export it as PNG or WebP.", field="content_type")
        raise UploadRefused(f"{name}: {content_type!r} is not taken; {told}.", field="content_type")
    if not file_name.lower().endswith(taken[content_type]):
        ending = taken[content_type][0]
        raise UploadRefused(f"{name} is announced as {content_type}: its name ends in {ending}.", field="file_name")
    most: int = settings.MEDIA_MOST_BYTES
    if not 1 <= size <= most:
        raise UploadRefused(f"{name} is announced with {size:,} bytes; 1 to {most:,} are taken.", field="size")


def _types_for(found: models.Model) -> dict[str, tuple[str, ...]]:
    """Return the media types that an object takes, with the endings of their names. Raises UploadRefused for none."""
    if not isinstance(found, AttributeValue) or found.attribute.input_type == Attribute.InputType.SWATCH:
        return PICTURE_TYPES
    if found.attribute.input_type == Attribute.InputType.FILE:
        return {**PICTURE_TYPES, **{each: (ending,) for each, (ending, _) in _OTHERS.items()}}
    slug = found.attribute.slug
    raise UploadRefused(f"Values of {slug!r} have no files: it is neither file nor swatch.", field="object_id")


def _find_target(upload: Upload | None) -> tuple[_Target, models.Model] | None:
    if upload is None:
        return None
    target = _targets()[upload.target_kind]
    found = target.model._default_manager.filter(pk=upload.target_id).first()
    if found is None:
        raise UploadRefused(f"{upload.target_kind} {upload.target_id} was deleted meanwhile.", code="NOT_FOUND")
    if isinstance(found, AttributeValue):
        _ = found.attribute  # read while a scope is open
    return target, found


def _looked_at(upload: Upload, target: _Target, found: models.Model) -> tuple[bytes, _Stored]:
    """Return the cleaned content of what has arrived, what it is, and the name that it will be stored by."""
    name = repr(upload.file_name)
    files: TenantFiles = default_storage  # type: ignore[assignment]
    try:
        content = files.read(upload_name(upload), upload.size)
    except FileNotFoundError:
        remedy = "Send it first; if it was finished already, start another upload."
        raise UploadRefused(f"{name} has not arrived. {remedy}", code="NOT_FOUND", field="id") from None
    except FileTooLarge:
        raise UploadRefused(f"{name} has more than the {upload.size:,} bytes announced.", field="size") from None
    if not content:
        raise UploadRefused(f"{name} is empty. Send it again.", field="file")
    other = _OTHERS.get(upload.content_type)
    if other is not None and upload.content_type in _types_for(found):
        ending, begins = other
        if begins.match(content) is None:
            message = f"{name} is announced as {upload.content_type} and does not begin as one. Send it as what it is."
            raise UploadRefused(message, field="content_type")
        return content, _Stored(stored_name(target.folder, upload.file_name, ending), upload.content_type)
    picture = pictures.check(
        content,
        name=upload.file_name,
        content_type=upload.content_type,
        most_bytes=settings.MEDIA_MOST_BYTES,
        most_pixels=settings.MEDIA_MOST_PIXELS,
    )
    name = stored_name(target.folder, upload.file_name, picture.ending)
    return picture.data, _Stored(name, picture.content_type)


def stored_name(folder: str, file_name: str, ending: str) -> str:
    """Return a name for a file to be stored by that no other file has, had or will have: caches keep them long."""
    stem = PurePath(file_name.replace("\\", "/")).stem[:80]
    return f"{folder}/{get_valid_filename(stem or 'file')}-{secrets.token_hex(6)}{ending}"


def _claim(upload: Upload, name: str, tenant_id: int, now: datetime) -> None:
    """Write down the name before the file is stored, so that it is not lost; of two who finish, refuse the second."""
    with tenant_scope(tenant_id):
        if not Upload.objects.filter(id=upload.id, stored_name="", expires_at__gt=now).update(stored_name=name):
            raise UploadRefused(f"{upload.file_name!r} is finished by another request.", code="CONFLICT", field="id")


def _place(upload: Upload, stored: _Stored, *, tenant_id: int, now: datetime, actor: str) -> models.Model:
    """Have the object name the stored file, and the upload no longer."""
    with tenant_scope(tenant_id):
        found = _find_target(upload)
        assert found is not None  # noqa: S101  it is raised where there is none
        target, instance = found
        made = target.place(instance, stored, upload)
        save(made, now=now, actor=actor or upload.actor)
        Upload.objects.filter(id=upload.id).update(stored_name="", expires_at=upload.created_at)
        return made


def _new_medium(product: Product, stored: _Stored, upload: Upload) -> Media:
    last = Media.objects.filter(product=product).aggregate(last=Max("position"))["last"]
    return Media(product=product, file=stored.name, alt=upload.alt, position=0 if last is None else last + 1)


def _background(group: Any, stored: _Stored, upload: Upload) -> models.Model:
    group.background_image = stored.name
    group.background_image_alt = upload.alt or group.background_image_alt
    found: models.Model = group
    return found


def _value(value: AttributeValue, stored: _Stored, upload: Upload) -> AttributeValue:
    value.file_url, value.file_content_type = stored.name, stored.content_type
    return value


def _targets() -> dict[str, _Target]:
    return {
        "Product": _Target(Product, "products", _new_medium),
        "Category": _Target(Category, "categories", _background),
        "Collection": _Target(Collection, "collections", _background),
        "AttributeValue": _Target(AttributeValue, "values", _value),
    }
