"""Files as rows: each row knows its ordinal and its line. Memory is that of one row, whatever the file's size."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from catalog.imports.errors import FileError
from catalog.imports.readers import delimited, jsonl, shopify, woocommerce, yamls
from catalog.imports.readers.rows import Layout, Row

__all__ = ["FORMATS", "OF_OTHERS", "Layout", "Row", "Scan", "format_of", "read_rows", "scan"]

_READERS: dict[str, Callable[[Path, Layout], Iterator[Row]]] = {
    "jsonl": jsonl.read,
    "csv": delimited.read,
    "yaml": yamls.read,
    "shopify": shopify.read,
    "woocommerce": woocommerce.read,
}
_ENDINGS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "csv", ".yaml": "yaml", ".yml": "yaml"}
FORMATS = tuple(_READERS)
# Formats of other shops, whose columns are known: whether anything of a column is taken.
OF_OTHERS: dict[str, Callable[[str], bool]] = {"shopify": shopify.is_known, "woocommerce": woocommerce.is_known}


@dataclass(slots=True)
class Scan:
    """What a first reading of the whole file found; `cut` is where its rows end before the file should."""

    digest: str
    columns: dict[str, None] = field(default_factory=dict)
    rows: int = 0
    cut: FileError | None = None


def format_of(path: Path) -> str:
    """Return the format that a file's name tells, or raise FileError."""
    name = path.name.lower().removesuffix(".gz")
    found = _ENDINGS.get(Path(name).suffix)
    if found is None:
        raise FileError(
            f"{path.name} does not end in {', '.join(_ENDINGS)} (and .gz): name its `format` in the mapping."
        )
    return found


def read_rows(path: Path, layout: Layout) -> Iterator[Row]:
    """Yield the rows of a file; raises FileError where it cannot be read on."""
    return _READERS[layout.format](path, layout)


def scan(path: Path, layout: Layout) -> Scan:
    """Read a file once: its digest, its columns in order of sight, the number of its rows.

    Raises FileError when nothing of the file can be used.
    """
    result = Scan(digest=_digest(path))
    try:
        for row in read_rows(path, layout):
            result.rows += 1
            if not row.cells.keys() <= result.columns.keys():
                result.columns.update(dict.fromkeys(row.cells))
    except FileError as error:
        if not error.is_cut:
            raise
        result.cut = error
    return result


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}.") from error
