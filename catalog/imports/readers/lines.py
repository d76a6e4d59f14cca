"""The lines of a file, compressed or not."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from catalog.imports.errors import FileError

MOST_BYTES_PER_LINE = 16 * 1024 * 1024
UTF8_MARK = b"\xef\xbb\xbf"


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading its bytes, decompressed when they are gzip's, without a byte-order mark of UTF-8."""
    try:
        raw = io.BufferedReader(io.FileIO(path), 1 << 20)
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}.") from error
    with raw:
        is_gzip = raw.peek(2)[:2] == b"\x1f\x8b"
        file: IO[bytes] = gzip.GzipFile(fileobj=raw) if is_gzip else raw  # type: ignore[assignment]
        _skip_mark(file)
        yield file


def read_lines(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the lines with their ends. Raises FileError naming the line for damaged gzip and for endless lines."""
    number = 0
    while True:
        number += 1
        try:
            line = file.readline(MOST_BYTES_PER_LINE + 1)
        except EOFError as error:
            raise FileError(
                f"line {number}: the compressed file ends in the middle: it was cut short.", line=number, is_cut=True
            ) from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise FileError(f"line {number}: the compressed file is damaged.", line=number, is_cut=True) from error
        if not line:
            return
        if len(line) > MOST_BYTES_PER_LINE:
            raise FileError(f"line {number}: the line has more than 16 MB.", line=number, is_cut=True)
        yield line


def encoding_of(path: Path) -> str:
    """Return utf-8, or cp1252 (what Windows calls Latin-1) for a file that is not."""
    with opened(path) as file:
        for line in read_lines(file):
            try:
                line.decode()
            except UnicodeDecodeError:
                return "cp1252"
    return "utf-8"


def _skip_mark(file: IO[bytes]) -> None:
    try:
        start = file.peek(3)[:3]  # type: ignore[attr-defined]
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return  # told with its line by whoever reads on
    if start == UTF8_MARK:
        file.read(3)
    elif start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise FileError("line 1: the file is UTF-16: save it as UTF-8.", line=1)
