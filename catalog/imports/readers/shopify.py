"""Shopify's product CSV: what it spreads over the rows of a handle is put together for the mapping of this name.

Pictures of all rows stand on the first, options are columns of their own ("option:Colour"), HTML is a document.
"""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from catalog.exports.html import from_html
from catalog.imports.errors import FileError
from catalog.imports.readers import delimited
from catalog.imports.readers.codes import is_gtin
from catalog.imports.readers.lines import encoding_of
from catalog.imports.readers.rows import Layout, Row

_OPTIONS = (1, 2, 3)
_OF_VARIANTS = ("Variant SKU", "Variant Price", "Variant Barcode", "Option1 Value", "Variant Inventory Qty")
_TRUE = frozenset({"true", "1", "yes", ""})


def read(path: Path, layout: Layout) -> Iterator[Row]:
    """Yield a row for each variant. Raises FileError as CSV does, and for a header without Handle and Title."""
    plain = Layout("csv", encoding_of(path), layout.delimiter)
    ordinal = 0
    for handle, group in groupby(delimited.read(path, plain), key=lambda row: str(row.cells.get("Handle", ""))):
        rows = list(group)
        _check(rows[0])
        for row in _joined(rows) if handle else rows:
            ordinal += 1
            yield Row(ordinal, row.line, row.cells, row.problem, row.source)


def _check(row: Row) -> None:
    missing = [name for name in ("Handle", "Title") if row.cells and name not in row.cells]
    if missing:
        raise FileError(f"line 1: this is no product CSV of Shopify: it has no column {missing[0]}.", line=1)


def _joined(rows: list[Row]) -> Iterator[Row]:
    """Yield the variants of a product; further rows that have a picture alone are not among them."""
    first = rows[0].cells
    pictures = sorted((row.cells for row in rows if row.cells.get("Image Src")), key=_picture_place)
    names = {n: str(first.get(f"Option{n} Name", "")).strip() for n in _OPTIONS}
    for row in rows:
        if row is not rows[0] and not any(row.cells.get(name) for name in _OF_VARIANTS):
            continue
        cells: dict[str, Any] = {**row.cells, **_variant(row.cells, names)}
        if row is rows[0]:
            cells.update(_product(row.cells))
            cells["images"] = [cell["Image Src"] for cell in pictures]
            cells["image alt"] = next((cell.get("Image Alt Text", "") for cell in pictures), "")
        yield Row(row.ordinal, row.line, cells, row.problem, row.source)


def _picture_place(cells: Any) -> int:
    text = str(cells.get("Image Position", "")).strip()
    return int(text) if text.isdecimal() else 0


def _product(cells: Any) -> dict[str, Any]:
    is_active = cells.get("Status", "").strip().lower() in ("active", "")
    is_published = is_active and cells.get("Published", "").strip().lower() in _TRUE
    return {"body": from_html(cells.get("Body (HTML)", "")), "published": "true" if is_published else "false"}


def _variant(cells: Any, names: dict[int, str]) -> dict[str, Any]:
    found: dict[str, Any] = {"tracked": str(bool(cells.get("Variant Inventory Tracker", "").strip())).lower()}
    words = []
    for number, name in names.items():
        word = cells.get(f"Option{number} Value", "").strip()
        if name and word and (name, word) != ("Title", "Default Title"):
            found[f"option:{name}"] = word
            words.append(word)
    found["variant name"] = " / ".join(words)
    # Below zero pieces are sold that were not there: we hold none then.
    pieces = cells.get("Variant Inventory Qty", "").strip()
    found["pieces"] = "0" if pieces.startswith("-") else pieces
    code = cells.get("Variant Barcode", "").strip().lstrip("'")
    found["gtin" if is_gtin(code) else "other barcode"] = code
    return found
