"""Pictures without what is beside their pixels, losing nothing of these: no metadata, nothing after their end.

Cleaned are the containers; what is in them is for a decoder to check. All raise ValueError for a broken container.
"""

import re
import zlib
from collections.abc import Callable

# The next marker in a JPEG's scan: neither a stuffed byte, nor a filling one, nor a restart.
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_CHUNKS = frozenset(
    b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB iCCP cICP sBIT pHYs bKGD acTL fcTL fdAT".split()  # the last: animation
)
_WEBP_CHUNKS = frozenset([b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"])
_WEBP_EXIF, _WEBP_XMP = 0x08, 0x04  # flags of VP8X
_GIF_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_UPRIGHT = 1


def clean(data: bytes, format: str, orientation: int) -> bytes:
    """Return a JPEG, PNG, GIF or WEBP with its pixels, colours, animation and orientation (1 to 8, EXIF) alone."""
    try:
        return _CLEANERS[format](data, orientation if 1 <= orientation <= 8 else _UPRIGHT)
    except IndexError:
        raise ValueError("It ends too early.") from None


def _exif(orientation: int) -> bytes:
    """Return the smallest TIFF that says an orientation."""
    return b"MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01" + bytes([0, orientation]) + bytes(6)


def _jpeg(data: bytes, orientation: int) -> bytes:
    kept = [b"\xff\xd8"]
    at, is_told = 2, orientation == _UPRIGHT
    while True:
        if data[at] != 0xFF:
            raise ValueError("A marker is missing.")
        while data[at] == 0xFF:
            at += 1
        code, at = data[at], at + 1
        if code == 0xD9:
            kept.append(b"\xff\xd9")
            return b"".join(kept)
        end = at + int.from_bytes(data[at : at + 2], "big")
        segment = data[at:end]
        if len(segment) < 2 or end > len(data):
            raise ValueError("It ends too early.")
        if not is_told and code != 0xE0:
            exif = b"Exif\x00\x00" + _exif(orientation)
            kept.append(b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif)
            is_told = True
        if _is_shown(code, segment[2:]):
            kept.append(bytes([0xFF, code]) + segment)
        at = end
        if code == 0xDA:
            found = _MARKER.search(data, at)
            if found is None:
                raise ValueError("It ends too early.")
            kept.append(data[at : found.start()])
            at = found.start()


def _is_shown(code: int, segment: bytes) -> bool:
    """Return whether a JPEG's segment says how its pixels look: of the application's own these alone."""
    if 0xE0 <= code <= 0xEF:
        return segment.startswith({0xE0: b"JFIF\x00", 0xE2: b"ICC_PROFILE\x00", 0xEE: b"Adobe"}.get(code, b"\x00none"))
    return code != 0xFE


def _png(data: bytes, orientation: int) -> bytes:
    kept, at = [_PNG], len(_PNG)
    while True:
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        end = at + 12 + size
        if len(kind) < 4 or end > len(data):
            raise ValueError("It ends too early.")
        if kind in _PNG_CHUNKS:
            kept.append(data[at:end])
        if kind == b"IHDR" and orientation != _UPRIGHT:
            told = b"eXIf" + _exif(orientation)
            kept.append((len(told) - 4).to_bytes(4, "big") + told + zlib.crc32(told).to_bytes(4, "big"))
        if kind == b"IEND":
            return b"".join(kept)
        at = end


def _gif(data: bytes, orientation: int) -> bytes:
    at = 13 + _colours(data[10])
    kept = [data[:at]]
    while True:
        start, code = at, data[at]
        if code == 0x3B:
            return b"".join((*kept, b";"))
        if code == 0x21:
            label = data[at + 1]
            at = _after_blocks(data, at + 2)
            if label == 0xF9 or (label == 0xFF and data[start + 3 : start + 14] in _GIF_LOOPS):
                kept.append(data[start:at])
        elif code == 0x2C:
            at = _after_blocks(data, at + 11 + _colours(data[at + 9]))
            kept.append(data[start:at])
        else:
            raise ValueError("A block is of no known kind.")


def _colours(flags: int) -> int:
    """Return the bytes of the colour table that a GIF's flags tell of."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(data: bytes, at: int) -> int:
    while data[at]:
        at += data[at] + 1
    return at + 1


def _webp(data: bytes, orientation: int) -> bytes:
    size = int.from_bytes(data[4:8], "little")
    if 8 + size > len(data):
        raise ValueError("It ends too early.")
    kept, at, told = [], 12, False
    while at < 8 + size:
        kind, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        end = at + 8 + length + length % 2
        if len(kind) < 4 or at + 8 + length > 8 + size:
            raise ValueError("It ends too early.")
        chunk = data[at:end] + b"\x00" * (end - len(data[at:end]) - at)
        if kind == b"VP8X":
            told = orientation != _UPRIGHT
            flags = (chunk[8] & ~_WEBP_EXIF & ~_WEBP_XMP) | (_WEBP_EXIF if told else 0)
            chunk = chunk[:8] + bytes([flags]) + chunk[9:]
        if kind in _WEBP_CHUNKS:
            kept.append(chunk)
        at = end
    if told:
        exif = _exif(orientation)
        kept.append(b"EXIF" + len(exif).to_bytes(4, "little") + exif)
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


_CLEANERS: dict[str, Callable[[bytes, int], bytes]] = {"JPEG": _jpeg, "PNG": _png, "GIF": _gif, "WEBP": _webp}
