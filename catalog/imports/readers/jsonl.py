"""JSON Lines: an object a line."""

from collections.abc import Iterator
from pathlib import Path

import orjson

from catalog.imports.errors import FileError
from catalog.imports.readers.lines import opened, read_lines
from catalog.imports.readers.rows import Layout, Row


def read(path: Path, layout: Layout) -> Iterator[Row]:
    """Yield the rows; a line that is no JSON object is a row with a problem, a last line cut short a FileError."""
    ordinal = 0
    with opened(path) as file:
        for number, line in enumerate(read_lines(file), 1):
            if not line.strip():
                continue
            ordinal += 1
            try:
                cells = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                if not line.endswith(b"\n"):
                    raise FileError(
                        f"line {number}: the file ends in the middle of this row.", line=number, is_cut=True
                    ) from error
                yield Row(ordinal, number, {}, f"The line is no JSON: {error}.", _text(line))
                continue
            if isinstance(cells, dict):
                yield Row(ordinal, number, cells, source=_text(line))
            else:
                yield Row(ordinal, number, {}, "The line is JSON, but no object in braces.", _text(line))


def _text(line: bytes) -> str:
    return line.decode(errors="replace").rstrip("\r\n")
