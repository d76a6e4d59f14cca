"""Pictures for tests, made here and now, and files that pretend to be some."""

import struct
import zlib
from io import BytesIO
from typing import Any

from PIL import Image

from commerce.db.scope import tenant_scope
from commerce.storage import files_of
from tests.factories.tenants import Shop


def picture(format: str = "PNG", size: tuple[int, int] = (400, 300), *, mode: str = "RGB", **options: Any) -> bytes:
    """Return a picture that is red above and blue below, so that it can be told which side is up."""
    image = Image.new(mode, size, "red" if mode != "L" else 200)
    image.paste("blue" if mode != "L" else 20, (0, size[1] // 2, size[0], size[1]))
    out = BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    """Return a picture with its pixels read."""
    image = Image.open(BytesIO(data))
    image.load()
    return image


def located_jpeg(*, orientation: int = 1) -> bytes:
    """Return a JPEG that says where it was taken, by what, and which side is up."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "Camera of the photographer"
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 5.0, 30.0), 3: "E", 4: (4.0, 18.0, 0.0)})
    return picture("JPEG", exif=exif, comment=b"a comment of the photographer", xmp=b"<x:xmpmeta>secret</x:xmpmeta>")


def png_header(width: int, height: int) -> bytes:
    """Return a PNG of a few bytes that says to have so many pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\x00")) + chunk(b"IEND", b"")


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def store(shop: Shop, name: str, content: bytes) -> str:
    """Store a file of a shop and return its name."""
    from django.core.files.storage import default_storage

    with files_of(shop.id):
        default_storage.put(name, content)
    return name


def stored(shop: Shop) -> set[str]:
    """Return the names of all files of a shop."""
    from django.core.files.storage import default_storage

    with tenant_scope(shop.id):
        return {found.name for found in default_storage.list_files()}
