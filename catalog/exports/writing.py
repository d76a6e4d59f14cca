"""Exports into files: written beside their place, and moved there when they are complete."""

import csv
import gzip
import io
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import orjson

from catalog.exports import catalogue
from catalog.exports.shopify import Shopify
from catalog.exports.tabular import Table
from catalog.exports.woocommerce import WooCommerce
from commerce.db.scope import tenant_scope
from commerce.errors import DomainError
from tenants import queries as tenants

# Lines between two looks of an observer.
SEEN_EVERY = 1000


@dataclass(frozen=True, slots=True)
class Summary:
    """What was written."""

    lines: int
    bytes: int
    # What the format cannot hold, and how much of it there was.
    lost: dict[str, int] = field(default_factory=dict)


Seen = Callable[[int, int], None]


def export_catalogue(*, tenant_id: int, path: Path, seen: Seen = lambda done, total: None) -> Summary:
    """Write a tenant's whole catalogue as JSON Lines (gzipped where the name ends in .gz), and return how much.

    All of it is one snapshot of the database. `seen` is told lines written, and about how many there will be. The
    file is there when it is complete, or not at all.
    """

    def lines() -> Iterable[bytes]:
        for line in catalogue.lines():
            yield orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z)

    return Summary(*_write(tenant_id, path, lines, seen))


TABLES: dict[str, type[Table]] = {"shopify": Shopify, "woocommerce": WooCommerce}


def export_products(
    *, tenant_id: int, path: Path, format: str, channel: str | None = None, seen: Seen = lambda done, total: None
) -> Summary:
    """Write a tenant's products as the CSV of another shop (TABLES), with the prices of a channel.

    What `export_catalogue` says of files and snapshots holds here, too.

    Without a channel it is the shop's only one, or "default-channel". Raises DomainError for one that there is not.
    """
    with tenant_scope(tenant_id, read_only=True):
        channel = find_channel(channel)
    table = TABLES[format](channel)

    def lines() -> Iterable[bytes]:
        yield _csv(table.columns)
        for row in table.rows(catalogue.lines()):
            yield _csv(["" if (cell := row.get(name)) is None else str(cell) for name in table.columns])

    written = _write(tenant_id, path, lines, seen)
    return Summary(*written, lost={what: count for what, count in table.lost.items() if count})


def find_channel(channel: str | None) -> str:
    """Return a channel of the scope's tenant: the one named, the only one, or "default-channel". Raises DomainError."""
    channels = [one.slug for one in tenants.list_channels()]
    channel = channel or (channels[0] if len(channels) == 1 else "default-channel")
    if channel not in channels:
        told = f"The tenant has no channel {channel[:100]!r}; it has {', '.join(channels)}."
        raise DomainError(told, code="NOT_FOUND", field="channel")
    return channel


def _write(tenant_id: int, path: Path, lines: Callable[[], Iterable[bytes]], seen: Seen) -> tuple[int, int]:
    """Write lines that are made within one snapshot, and return how many lines and bytes."""
    beside = path.with_name(f".{path.name}.part")
    done = 0
    try:
        with tenant_scope(tenant_id, read_only=True, along_indexes=True), _opened(beside, path.suffix == ".gz") as file:
            total = catalogue.count()
            for line in lines():
                file.write(line)
                done += 1
                if done % SEEN_EVERY == 0:
                    seen(done, max(total, done))
        size = beside.stat().st_size
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    seen(done, done)
    return done, size


def _csv(cells: Iterable[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()


def _opened(path: Path, is_packed: bool) -> IO[bytes]:
    # No name and no time inside, so that equal catalogues make equal files.
    return gzip.GzipFile(path, "wb", compresslevel=6, mtime=0) if is_packed else path.open("wb")  # type: ignore[return-value]
