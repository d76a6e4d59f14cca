"""What is told once of a file as a whole: columns that nothing reads, and how it was taken to be written."""

from collections.abc import Collection, Iterable
from pathlib import Path

from catalog.imports.corrections import COLUMN
from catalog.imports.mapping import Mapping
from catalog.imports.plan import Plan
from catalog.imports.readers import OF_OTHERS
from catalog.imports.readers.delimited import read_header

# Columns that are named; of more only the number is told.
MOST_NAMED = 20


def notes_on(path: Path, mapping: Mapping, plan: Plan, columns: Collection[str]) -> tuple[str, ...]:
    """Return what to tell of a file that was found to have these columns."""
    is_other = mapping.layout.format in OF_OTHERS
    found: list[str] = []
    if is_other or mapping.layout.format == "csv":
        header, _, encoding = read_header(path, mapping.layout)
        if encoding == "cp1252" and mapping.layout.encoding is None:
            found.append("The file is no UTF-8: it was read as Windows-1252 (Latin-1).")
        columns = [name.strip() for name in header] if is_other else columns
    unread = list(_unread(mapping, plan, columns, is_other=is_other))
    if unread:
        more = f" and {len(unread) - MOST_NAMED} more" if len(unread) > MOST_NAMED else ""
        word = "column is" if len(unread) == 1 else "columns are"
        found.append(f"{len(unread)} {word} left aside: {', '.join(unread[:MOST_NAMED])}{more}.")
    return tuple(found)


def _unread(mapping: Mapping, plan: Plan, columns: Iterable[str], *, is_other: bool) -> Iterable[str]:
    read = {name for source in mapping.sources for name in source.needed}
    read.update(name for attribute in plan for name in attribute.source.needed)
    is_known = OF_OTHERS[mapping.layout.format] if is_other else read.__contains__
    return (name for name in columns if name and name != COLUMN and not is_known(name))
