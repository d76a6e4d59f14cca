"""What every reader yields."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is written: its format, one of `readers.FORMATS`; encoding and delimiter concern CSV alone."""

    format: str
    encoding: str | None = None  # None: UTF-8, or Windows-1252 where the file is not
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
