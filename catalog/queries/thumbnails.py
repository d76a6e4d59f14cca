"""Stored pictures in sizes: which there are, which have been made, and of what.

The ones made of a picture come with the row that names it, as one text (`made`), so that a list of pictures takes no
statement more.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

from catalog.models import AttributeValue, Category, Collection, Media
from commerce.db.rows import fetch

# Pixels of the longest side, and what is meant where none is asked for: the dialect's.
SIZES = (32, 64, 128, 256, 512, 1024, 2048, 4096)
DEFAULT_SIZE = 4096
FORMATS = ("ORIGINAL", "AVIF", "WEBP")


def nearest_size(size: int | None) -> int:
    """Return the size that there is and that is nearest to a wanted one; of two the smaller."""
    return DEFAULT_SIZE if size is None else min(SIZES, key=lambda one: abs(one - size))


def made(source: str) -> str:
    """Return the SQL expression of the thumbnails made of the stored file that the expression `source` names."""
    return f"""CASE WHEN {source} <> '' THEN (
    SELECT string_agg(t.size || t.format || '=' || t.name, chr(10)) FROM catalog_thumbnail t
    WHERE t.source = {source} AND t.name <> '') END"""


def find_made(made: str | None, size: int, format: str) -> str | None:
    """Return the stored file of a size and format among those `made`, or None."""
    if made is None:
        return None
    wanted = f"{size}{format}="
    return next((one[len(wanted) :] for one in made.split("\n") if one.startswith(wanted)), None)


class Pictured(NamedTuple):
    """What pictures an object: a stored file or an address elsewhere, and the thumbnails made of the file."""

    file: str
    url: str
    made: str | None


# The dialect's kinds → what they show.
_PICTURES: Mapping[str, tuple[type[Any], str, str]] = {
    "ProductMedia": (Media, "file", "url"),
    "Category": (Category, "background_image", "''"),
    "Collection": (Collection, "background_image", "''"),
    "AttributeValue": (AttributeValue, "file_url", "''"),
}
KINDS = frozenset(_PICTURES)


def find_picture(kind: str, id: UUID) -> Pictured | None:
    """Return what pictures the object of one of KINDS, or None where there is no object or no picture."""
    model, file, url = _PICTURES[kind]
    sql = f"SELECT {file}, {url}, {made(file)} FROM {model._meta.db_table} WHERE id = %s"
    rows = fetch(sql, [id])
    if not rows or not (rows[0][0] or rows[0][1]):
        return None
    found = Pictured(*rows[0])
    is_elsewhere = found.file.startswith(("http://", "https://"))
    return Pictured("", found.file, None) if is_elsewhere else found
