"""CSV as RFC 4180 has it, with any delimiter; lines may end in LF or CRLF."""

import csv
from collections.abc import Iterator
from pathlib import Path

from catalog.imports.errors import FileError
from catalog.imports.readers.lines import encoding_of, opened, read_lines
from catalog.imports.readers.rows import Layout, Row

MOST_CHARACTERS_PER_CELL = 16 * 1024 * 1024
_DELIMITERS = ",;\t|"


def read(path: Path, layout: Layout) -> Iterator[Row]:
    """Yield the rows below the header.

    A row of another number of cells, or with a stray quote, is a row with a problem. Raises FileError for a
    header that names columns twice, for bytes that are not of the encoding, and for a quote that is never closed.
    """
    csv.field_size_limit(MOST_CHARACTERS_PER_CELL)
    with opened(path) as file:
        text = _Text(read_lines(file), layout.encoding or encoding_of(path))
        header_line = next(text, None)
        if header_line is None:
            raise FileError("line 1: the file is empty: its first line must name the columns.", line=1)
        delimiter = layout.delimiter or max(_DELIMITERS, key=header_line.count)
        text.push_back(header_line)
        records = _records(text, delimiter)
        header = _header(next(records), delimiter)
        ordinal = 0
        for line, cells, problem, source in records:
            if not cells and not problem:
                continue
            ordinal += 1
            problem = problem or _count_problem(cells, header)
            if problem and len(cells) < len(header) and text.ended_openly and text.at_end():
                raise FileError(f"line {line}: the file ends in the middle of this row.", line=line, is_cut=True)
            named = {} if problem else dict(zip(header, cells, strict=True))
            named.pop("", None)
            yield Row(ordinal, line, named, problem, source)


def read_header(path: Path, layout: Layout) -> tuple[list[str], str, str]:
    """Return the columns of a file as they stand there, its delimiter and its encoding. Raises FileError."""
    encoding = layout.encoding or encoding_of(path)
    csv.field_size_limit(MOST_CHARACTERS_PER_CELL)
    with opened(path) as file:
        text = _Text(read_lines(file), encoding)
        first = next(text, "")
        delimiter = layout.delimiter or max(_DELIMITERS, key=first.count)
        text.push_back(first)
        _, cells, _, _ = next(_records(text, delimiter))
    return cells, delimiter, encoding


class _Text:
    """The lines of a file as text, and those that the row at hand was read from."""

    def __init__(self, lines: Iterator[bytes], encoding: str) -> None:
        self._lines = lines
        self._encoding = encoding
        self._pushed: list[str] = []
        self._ahead: bytes | None = None
        self.number = 0
        self.taken: list[str] = []
        self.ended_openly = False

    def __iter__(self) -> "_Text":
        return self

    def __next__(self) -> str:
        if self._pushed:
            text = self._pushed.pop()
        else:
            line = self._ahead if self._ahead is not None else next(self._lines)
            self._ahead = None
            self.ended_openly = not line.endswith(b"\n")
            text = self._decode(line)
        self.number += 1
        self.taken.append(text)
        return text

    def push_back(self, text: str) -> None:
        self._pushed.append(text)
        self.number -= 1
        self.taken.clear()

    def at_end(self) -> bool:
        if self._ahead is None:
            self._ahead = next(self._lines, None)
        return self._ahead is None

    def _decode(self, line: bytes) -> str:
        number = self.number + 1
        try:
            text = line.decode(self._encoding)
        except UnicodeDecodeError as error:
            raise FileError(
                f"line {number}: byte 0x{line[error.start]:02x} is no {self._encoding}: save the file as UTF-8, "
                "or name its `encoding` in the mapping (latin-1, cp1252 …).",
                line=number,
            ) from error
        if "\r" in text.removesuffix("\n").removesuffix("\r") and number == 1:
            raise FileError("line 1: the lines end in CR alone: save the file with LF or CRLF.", line=1)
        return text


def _records(text: _Text, delimiter: str) -> Iterator[tuple[int, list[str], str, str]]:
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    while True:
        text.taken.clear()
        line = text.number + 1
        cells, problem = [], ""
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problem = _explain(error, line, text.number)
        yield line, cells, problem, "".join(text.taken).rstrip("\r\n")


def _explain(error: csv.Error, first: int, last: int) -> str:
    """Return why one row cannot be read, or raise FileError when nothing after it can be either."""
    if "unexpected end of data" in str(error):
        raise FileError(
            f"line {first}: the file ends inside a quoted cell of the row that begins here.", line=first, is_cut=True
        ) from error
    if "field limit" in str(error):
        raise FileError(
            f"line {first}: a cell has more than {MOST_CHARACTERS_PER_CELL:,} characters: a quote is not closed.",
            line=first,
            is_cut=True,
        ) from error
    where = f"Lines {first} to {last}" if last > first else "The line"
    return f"{where} cannot be read: a quote stands inside a cell ({error}); write it twice."


def _header(record: tuple[int, list[str], str, str], delimiter: str) -> list[str]:
    line, cells, problem, _ = record
    if problem:
        raise FileError(f"line {line}: the header cannot be read: {problem}", line=line)
    names = [cell.strip() for cell in cells]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise FileError(f"line {line}: the header names {', '.join(twice)} twice: rename one.", line=line)
    return names


def _count_problem(cells: list[str], header: list[str]) -> str:
    if len(cells) == len(header):
        return ""
    return f"The row has {len(cells)} cells and the header {len(header)}."
