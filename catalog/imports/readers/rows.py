"""What every reader yields."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is written: `format` is jsonl, csv or yaml; encoding and delimiter concern CSV alone."""

    format: str
    encoding: str = "utf-8"
    delimiter: str | None = None  # None: the one that the header shows


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its ordinal from 1 (blank lines do not count), the line it begins on, its cells by column.

    `problem` says why the row cannot be read, with no cells then; `source` is the row as it stands in the file.
    """

    ordinal: int
    line: int
    cells: Mapping[str, Any]
    problem: str = ""
    source: str = ""
