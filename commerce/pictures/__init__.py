"""Pictures that strangers send: looked at, cleaned, and made smaller, in a process that may not take much.

    picture = check(data, name="shirt.png", content_type="image/png")     # raises PictureRefused
    small = shrink(picture.data, size=256, format="WEBP")

A decoder that crashes, or wants gigabytes or minutes, takes a short-lived child process with it, and nothing else.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from commerce.errors import DomainError

MOST_BYTES = 25 * 1024 * 1024
MOST_PIXELS = 50_000_000
MOST_SIDE = 30_000
# Of the child: bytes of address space, seconds of the processor, and further seconds until it is ended all the same.
MEMORY = 1536 * 1024 * 1024
SECONDS = 30
GRACE = 5
# Children at once in one of our processes, and seconds to wait for a place.
AT_ONCE = 2
PATIENCE = 15

_ROOT = Path(__file__).resolve().parent.parent.parent
_places = threading.BoundedSemaphore(AT_ONCE)


class PictureRefused(DomainError):
    """The file is no picture, or none that we take: the message names file, reason and remedy."""


class PicturesBusy(DomainError):
    """More pictures are being looked at than this process does at once: try again in a moment."""

    code = "BUSY"


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture without anything but its pixels, colours and orientation; `ending` as ".jpg"."""

    data: bytes
    content_type: str
    ending: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A smaller picture; `ending` as ".webp"."""

    data: bytes
    ending: str
    width: int
    height: int


def check(
    data: bytes,
    *,
    name: str,
    content_type: str = "",
    most_bytes: int = MOST_BYTES,
    most_pixels: int = MOST_PIXELS,
) -> Picture:
    """Return what a file of this name holds, cleaned of places, cameras, comments and whatever follows its end.

    `content_type` is what its sender says it is, if anything. Raises PictureRefused for what is no JPEG, PNG, GIF, WebP
    or AVIF, for one that says it is something else, is too large, broken, or hides something; PicturesBusy.
    """
    shown = PurePath(name.replace("\\", "/")).name or "The file"
    if len(data) > most_bytes:
        raise _refused(shown, f"it has {len(data):,} bytes; at most {most_bytes:,} are taken. Make it smaller.")
    wanted = {"do": "check", "name": shown, "content_type": content_type, "pixels": most_pixels, "side": MOST_SIDE}
    found, cleaned = _run(wanted, data, shown)
    return Picture(cleaned, found["content_type"], found["ending"], found["width"], found["height"])


def shrink(data: bytes, *, size: int, format: str, most_pixels: int = MOST_PIXELS) -> Thumbnail | None:
    """Return a picture with no side longer than `size` pixels, upright, in a format: ORIGINAL, WEBP or AVIF.

    None where the picture itself is already that. Raises PictureRefused for what cannot be read; PicturesBusy.
    """
    wanted = {"do": "shrink", "size": size, "format": format, "pixels": most_pixels, "side": MOST_SIDE}
    found, smaller = _run(wanted, data, "The picture")
    if found.get("is_enough"):
        return None
    return Thumbnail(smaller, found["ending"], found["width"], found["height"])


def _run(wanted: dict[str, Any], data: bytes, name: str) -> tuple[dict[str, Any], bytes]:
    header = json.dumps(wanted).encode()
    command = [sys.executable, "-E", "-s", "-m", "commerce.pictures.process", str(MEMORY), str(SECONDS)]
    with _place():
        try:
            ended = subprocess.run(  # noqa: S603  our own module
                command,
                input=len(header).to_bytes(4, "big") + header + data,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=_ROOT,
                timeout=SECONDS + GRACE,
            )
        except subprocess.TimeoutExpired:
            raise _refused(name, f"it takes more than {SECONDS} seconds to read. Save it anew, or smaller.") from None
    if ended.returncode != 0 or len(ended.stdout) < 4:
        raise _refused(name, "it takes more memory or time to read than a picture may. Save it anew, or smaller.")
    length = int.from_bytes(ended.stdout[:4], "big")
    found: dict[str, Any] = json.loads(ended.stdout[4 : 4 + length])
    if "refused" in found:
        raise _refused(name, found["refused"])
    return found, ended.stdout[4 + length :]


@contextmanager
def _place() -> Iterator[None]:
    if not _places.acquire(timeout=PATIENCE):
        raise PicturesBusy("Too many pictures are being looked at just now: try again in a moment.")
    try:
        yield
    finally:
        _places.release()


def _refused(name: str, reason: str) -> PictureRefused:
    return PictureRefused(f"{name}: {reason}", field="file")
