"""WooCommerce's product CSV: variations are put to their product, numbered attributes into columns of their names."""

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from catalog.exports.html import from_html
from catalog.exports.woocommerce import COLUMNS
from catalog.imports.errors import FileError
from catalog.imports.readers import delimited
from catalog.imports.readers.codes import is_gtin
from catalog.imports.readers.rows import Layout, Row

_ATTRIBUTE = re.compile(r"Attribute (\d+) name")
_COMMA = re.compile(r"(?<!\\),")
_WEIGHT_COLUMN = re.compile(r"Weight \((kg|g|lbs|oz)\)")
_GRAMS = {"kg": Decimal(1000), "g": Decimal(1), "lbs": Decimal("453.59237"), "oz": Decimal("28.349523125")}
_CODE = "GTIN, UPC, EAN, or ISBN"
_NUMBERED = re.compile(r"Attribute \d+ (name|value\(s\)|visible|global)")
# Columns that are read or kept; of others an import tells that it leaves them aside.
_KNOWN = frozenset(COLUMNS)
_TAKEN = frozenset({"simple", "variable", "variation"})


def is_known(column: str) -> bool:
    """Say whether anything of a column is taken."""
    return column in _KNOWN or bool(_NUMBERED.fullmatch(column) or _WEIGHT_COLUMN.fullmatch(column))


def read(path: Path, layout: Layout) -> Iterator[Row]:
    """Yield a row for each product and variation. Raises FileError as CSV does, and for a header without Type and Name.

    A variation that does not follow its product is a row with a problem.
    """
    rows = delimited.read(path, layout)
    for family in _families(rows):
        yield from _joined(family)


def _families(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Yield products, each with the rows of its variations below it; a row that cannot be read parts nobody."""
    held: list[Row] = []
    for row in rows:
        if held and not row.problem and "variation" not in _kinds(row):
            yield held
            held = []
        held.append(row)
    if held:
        yield held


def _joined(family: list[Row]) -> Iterator[Row]:
    sound = [row for row in family if not row.problem]
    variations = [row for row in sound if "variation" in _kinds(row)]
    parent = next((row for row in sound if "variation" not in _kinds(row)), None)
    names = {"", parent.cells["SKU"].strip(), _number(parent.cells)} - {""} if parent else set()
    # What variations are chosen by stands at their product, too, with all values: there it is nothing of its own.
    axes = {name for row in variations for name, _ in _attributes(row.cells)}
    for row in family:
        if row.problem:
            yield row
            continue
        problem, cells = "", {**row.cells, **_weight(row.cells)}
        if row is parent:
            cells.update(_product(row.cells, axes, is_simple="variable" not in _kinds(row)))
            if not _kinds(row) & _TAKEN:
                problem = f"Products of the type {row.cells['Type']!r} are not taken: simple and variable ones are."
        else:
            named = row.cells.get("Parent", "").strip()
            if parent is None or named not in names:
                problem = f"The variation's product {named!r} does not stand right before it: sort the file so."
            else:
                cells.update(_variation(row.cells, _key(parent.cells)))
        yield Row(row.ordinal, row.line, {} if problem else cells, problem, row.source)


def _kinds(row: Row) -> set[str]:
    _check(row)
    return {kind.strip() for kind in row.cells["Type"].lower().split(",")}


def _check(row: Row) -> None:
    missing = [name for name in ("Type", "Name", "SKU") if name not in row.cells]
    if missing:
        raise FileError(f"line 1: this is no product CSV of WooCommerce: it has no column {missing[0]}.", line=1)


def _number(cells: Any) -> str:
    number = cells.get("ID", "").strip()
    return f"id:{number}" if number else ""


def _weight(cells: Any) -> dict[str, Any]:
    """Return the weight in grams, from a column that names its unit."""
    found: dict[str, Any] = {}
    for column, text in cells.items():
        if (match := _WEIGHT_COLUMN.fullmatch(column)) and text.strip():
            found["weight"] = _in_grams(text.strip(), match[1])
    return found


def _in_grams(text: str, unit: str) -> str:
    try:
        return str(round(Decimal(text.replace(",", ".")) * _GRAMS[unit]))
    except (InvalidOperation, OverflowError, ValueError):
        return text  # refused with its column by whoever reads it


def _key(cells: Any) -> str:
    return cells.get("SKU", "").strip() or _number(cells)


def _product(cells: Any, axes: set[str], *, is_simple: bool) -> dict[str, Any]:
    paths = _list(cells.get("Categories", ""))
    found: dict[str, Any] = {
        "key": _key(cells),
        "body": from_html(cells.get("Description", "").replace("\\n", "\n")),
        "published": "true" if cells.get("Published", "1").strip() in ("1", "") else "false",
        "category": paths[0] if paths else "",
        "other categories": ", ".join(path.replace(",", "\\,") for path in paths[1:]),
        "images": _list(cells.get("Images", "")),
        "tags": _list(cells.get("Tags", "")),
        "brands": _list(cells.get("Brands", "")),
    }
    for name, words in _attributes(cells):
        if name not in axes:
            found[f"attribute:{name}"] = words
    return {**found, **(_offer(cells) if is_simple else {"weight": ""})}


def _variation(cells: Any, parent: str) -> dict[str, Any]:
    found = {"key": parent, "published": "", "tags": "", "brands": "", **_offer(cells)}
    words = []
    for name, values in _attributes(cells):
        found[f"option:{name}"] = values[0]
        words.append(values[0])
    own = {f"variation: {name}": cells[name] for name in cells}
    return {**found, "variant name": " / ".join(words), **own}


def _offer(cells: Any) -> dict[str, Any]:
    """Return what is sold: the price now, the one before, the pieces, the code."""
    regular, sale = cells.get("Regular price", "").strip(), cells.get("Sale price", "").strip()
    pieces = cells.get("Stock", "").strip()
    is_out = not pieces and cells.get("In stock?", "1").strip() == "0"
    code = cells.get(_CODE, "").strip()
    return {
        "sku": cells.get("SKU", ""),
        "price": sale or regular,
        "prior": regular if sale else "",
        "cost": cells.get("Cost of goods", ""),
        "tracked": "true" if pieces or is_out else "false",
        "pieces": "0" if pieces.startswith("-") or is_out else pieces,
        "gtin" if is_gtin(code) else "other code": code,
    }


def _attributes(cells: Any) -> Iterator[tuple[str, list[str]]]:
    for column in cells:
        if match := _ATTRIBUTE.fullmatch(column):
            name, words = cells[column].strip(), _list(cells.get(f"Attribute {match[1]} value(s)", ""))
            if name and words:
                yield name, words


def _list(text: str) -> list[str]:
    """Return the parts between commas; a comma with a backslash before it is part of a word."""
    return [word for part in _COMMA.split(text) if (word := part.replace("\\,", ",").strip())]
