"""Exports into files: written beside their place, and moved there when they are complete."""

import gzip
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import orjson

from catalog.exports import catalogue
from commerce.db.scope import tenant_scope

# Lines between two looks of an observer.
SEEN_EVERY = 1000


@dataclass(frozen=True, slots=True)
class Summary:
    """What was written."""

    lines: int
    bytes: int


Seen = Callable[[int, int], None]


def export_catalogue(*, tenant_id: int, path: Path, seen: Seen = lambda done, total: None) -> Summary:
    """Write a tenant's whole catalogue as JSON Lines (gzipped where the name ends in .gz), and return how much.

    All of it is one snapshot of the database. `seen` is told lines written, and about how many there will be. The
    file is there when it is complete, or not at all.
    """
    beside = path.with_name(f".{path.name}.part")
    try:
        with tenant_scope(tenant_id, read_only=True, along_indexes=True), _opened(beside, path.suffix == ".gz") as file:
            lines = _write(file, seen)
        size = beside.stat().st_size
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    return Summary(lines, size)


def _write(file: IO[bytes], seen: Seen) -> int:
    total, done = catalogue.count(), 0
    for line in catalogue.lines():
        file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z))
        done += 1
        if done % SEEN_EVERY == 0:
            seen(done, max(total, done))
    seen(done, done)
    return done


def _opened(path: Path, is_packed: bool) -> IO[bytes]:
    # No name and no time inside, so that equal catalogues make equal files.
    return gzip.GzipFile(path, "wb", compresslevel=6, mtime=0) if is_packed else path.open("wb")  # type: ignore[return-value]
