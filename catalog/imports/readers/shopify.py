"""Shopify's product CSV: what it spreads over the rows of a handle is put together for the mapping of this name.

Pictures of all rows stand on the first, options are columns of their own ("option:Colour"), HTML is a document.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

from catalog.exports.html import from_html
from catalog.exports.shopify import COLUMNS
from catalog.imports.errors import FileError
from catalog.imports.readers import delimited
from catalog.imports.readers.codes import is_gtin
from catalog.imports.readers.rows import Layout, Row

_OPTIONS = (1, 2, 3)
_OF_VARIANTS = ("Variant SKU", "Variant Price", "Variant Barcode", "Option1 Value", "Variant Inventory Qty")
_TRUE = frozenset({"true", "1", "yes", ""})
# What today's files call columns, by the names that they had before, which both are read by.
_NAMES = {
    "URL handle": "Handle",
    "Description": "Body (HTML)",
    "Product category": "Product Category",
    "Standardized Product Type": "Product Category",
    "Standard Product Type": "Product Category",
    "Custom Product Type": "Type",
    "Published on online store": "Published",
    "SKU": "Variant SKU",
    "Barcode": "Variant Barcode",
    "Barcodes": "Variant Barcode",
    "Variant Barcodes": "Variant Barcode",
    **{f"Option{n} {part}": f"Option{n} {part.title()}" for n in _OPTIONS for part in ("name", "value")},
    "Price": "Variant Price",
    "Compare-at price": "Variant Compare At Price",
    "Charge tax": "Variant Taxable",
    "Tax code": "Variant Tax Code",
    "Unit price total measure": "Unit Price Total Measure",
    "Unit price total measure unit": "Unit Price Total Measure Unit",
    "Unit price base measure": "Unit Price Base Measure",
    "Unit price base measure unit": "Unit Price Base Measure Unit",
    "Inventory tracker": "Variant Inventory Tracker",
    "Inventory quantity": "Variant Inventory Qty",
    "Continue selling when out of stock": "Variant Inventory Policy",
    "Weight value (grams)": "Variant Grams",
    "Weight unit for display": "Variant Weight Unit",
    "Requires shipping": "Variant Requires Shipping",
    "Fulfillment service": "Variant Fulfillment Service",
    "Product image URL": "Image Src",
    "Image position": "Image Position",
    "Image alt text": "Image Alt Text",
    "Variant image URL": "Variant Image",
    "Gift card": "Gift Card",
    "SEO title": "SEO Title",
    "SEO description": "SEO Description",
    "Google Shopping / Google product category": "Google Shopping / Google Product Category",
    "Google Shopping / Age group": "Google Shopping / Age Group",
    "Google Shopping / Manufacturer part number (MPN)": "Google Shopping / MPN",
    "Google Shopping / AdWords Grouping": "Google Shopping / Ad group name",
    "Google Shopping / AdWords Labels": "Google Shopping / Ads labels",
    "Google Shopping / Custom product": "Google Shopping / Custom Product",
    **{f"Google Shopping / Custom label {n}": f"Google Shopping / Custom Label {n}" for n in range(5)},
}
_KNOWN = frozenset({*COLUMNS, *_NAMES})


def is_known(column: str) -> bool:
    """Say whether anything of a column is taken."""
    return column in _KNOWN


def _in_old_words(row: Row) -> Row:
    if row.cells.keys().isdisjoint(_NAMES):
        return row
    cells: dict[str, Any] = {}
    for name, cell in row.cells.items():
        cells[_NAMES.get(name, name)] = cells.get(_NAMES.get(name, name)) or cell
    return replace(row, cells=cells)


def read(path: Path, layout: Layout) -> Iterator[Row]:
    """Yield a row for each variant. Raises FileError as CSV does, and for a header without Handle and Title."""
    ordinal = 0
    told = (_in_old_words(row) for row in delimited.read(path, layout))
    for handle, group in groupby(told, key=lambda row: str(row.cells.get("Handle", ""))):
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
