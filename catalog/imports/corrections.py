"""Refused rows in the format of their file, each with its reasons, to be corrected and imported again."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import orjson

from catalog.imports.errors import Problem
from catalog.imports.readers import Layout
from catalog.imports.readers.delimited import read_header

# The column of the reasons; an import leaves it aside.
COLUMN = "import error"


class Corrections:
    """Writes refused rows into an open file: CSV with the columns of the file they come from, else JSON Lines.

    A row that could not be read at all stands in the first column as it is, or under "line".
    """

    def __init__(self, path: Path, layout: Layout, file: IO[bytes]) -> None:
        self._file, self._layout = file, layout
        self._columns: list[str] = []
        if layout.format not in ("jsonl", "yaml"):
            self._columns, self._delimiter, self._encoding = read_header(path, layout)
            self._write_cells([*self._columns, COLUMN])

    def add(self, problems: Iterable[Problem]) -> None:
        """Write the rows of these problems, all of each row's together; they come in the order of the file."""
        reasons: dict[int, list[str]] = {}
        sources: dict[int, str] = {}
        for problem in problems:
            column = f"{problem.column}: " if problem.column else ""
            reasons.setdefault(problem.row, []).append(column + problem.reason)
            sources[problem.row] = problem.source
        for row, told in reasons.items():
            if self._columns:
                self._write_cells([*self._cells(sources[row]), "; ".join(told)])
            else:
                self._write_object(sources[row], "; ".join(told))
        self._file.flush()

    def _cells(self, source: str) -> list[str]:
        try:
            cells = next(csv.reader(io.StringIO(source), delimiter=self._delimiter, strict=True), [])
        except csv.Error:
            cells = []
        if len(cells) != len(self._columns):
            return [source, *([""] * (len(self._columns) - 1))]
        return cells

    def _write_cells(self, cells: list[str]) -> None:
        text = io.StringIO()
        csv.writer(text, delimiter=self._delimiter, lineterminator="\n").writerow(cells)
        self._file.write(text.getvalue().encode(self._encoding, errors="replace"))

    def _write_object(self, source: str, reason: str) -> None:
        try:
            cells = orjson.loads(source)
        except orjson.JSONDecodeError:
            cells = {"line": source}
        line = {**(cells if isinstance(cells, dict) else {"line": cells}), COLUMN: reason}
        self._file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
