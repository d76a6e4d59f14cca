"""Rows into products, and products into batches."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from catalog.imports.cells import Source, text_of
from catalog.imports.drafts import Builder, ProductDraft
from catalog.imports.errors import Problem
from catalog.imports.mapping import Mapping
from catalog.imports.readers import Row
from commerce.errors import DomainError


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of one product; `first_line` is set when the same product stood earlier in the file, with other rows."""

    rows: Sequence[Row]
    first_line: int | None = None


@dataclass(slots=True)
class Chunk:
    """Some products as drafts, the problems of their rows, and where the last row ended."""

    drafts: list[ProductDraft]
    problems: list[Problem]
    refused: int
    position: int
    line: int


class Grouper:
    """Groups rows into products, and keeps the line of every product's key: some 120 bytes for each."""

    def __init__(self, mapping: Mapping) -> None:
        self.mapping = mapping
        self.lines: dict[str, int] = {}

    def groups(self, rows: Iterable[Row]) -> Iterator[Group]:
        """Yield the products: rows that follow each other with the same value of `group_by`."""
        held: list[Row] = []
        name = ""
        for row in rows:
            own = self._text(self.mapping.group_by, row) if self.mapping.group_by else ""
            if held and (not own or own != name):
                yield self._group(held)
                held = []
            held.append(row)
            name = own
            if not own:
                yield self._group(held)
                held = []
        if held:
            yield self._group(held)

    def _group(self, rows: list[Row]) -> Group:
        key = next((text for row in rows if (text := self._text(self.mapping.key_source, row))), "")
        first = self.lines.setdefault(key, rows[0].line) if key else rows[0].line
        return Group(rows, first if first != rows[0].line else None)

    def _text(self, source: Source, row: Row) -> str:
        try:
            return text_of(source.read(row.cells))
        except DomainError:
            return ""  # the builder tells


def chunks(groups: Iterable[Group], *, after: int, size: int) -> Iterator[list[Group]]:
    """Yield lists of products of `size` rows or a little more, beyond the row of ordinal `after`."""
    held: list[Group] = []
    count = 0
    for group in groups:
        if group.rows[-1].ordinal <= after:
            continue
        held.append(group)
        count += len(group.rows)
        if count >= size:
            yield held
            held, count = [], 0
    if held:
        yield held


def build_chunk(groups: Sequence[Group], builder: Builder) -> Chunk:
    """Return the drafts of these products, and what is wrong with the others."""
    last = groups[-1].rows[-1]
    chunk = Chunk([], [], 0, last.ordinal, last.line)
    for group in groups:
        if group.first_line is not None:
            chunk.problems += [_repeated(row, group.first_line, builder.mapping) for row in group.rows]
            chunk.refused += len(group.rows)
            continue
        built = builder.build(group.rows)
        chunk.problems += built.problems
        chunk.refused += built.refused
        if built.draft is not None:
            chunk.drafts.append(built.draft)
    return chunk


def _repeated(row: Row, first_line: int, mapping: Mapping) -> Problem:
    reason = f"The same product stands in line {first_line}"
    reason += "; rows of one product must follow each other." if mapping.group_by else "."
    return Problem(row.ordinal, row.line, mapping.key_source.label, reason, row.source)
