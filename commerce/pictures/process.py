"""The child process: reads a wish and a file, answers with what came of it. Run as `-m commerce.pictures.process`.

Both ways: four bytes, the length of a header in JSON, the header, the file.
"""

import json
import re
import resource
import sys
import warnings
import zipfile
from io import BytesIO
from pathlib import PurePath
from typing import Any

from commerce.pictures.cleaning import clean

# Format → its media type, and the endings of names that it may have, ours first.
FORMATS: dict[str, tuple[str, tuple[str, ...]]] = {
    "JPEG": ("image/jpeg", (".jpg", ".jpeg", ".jpe", ".jfif")),
    "PNG": ("image/png", (".png", ".apng")),
    "GIF": ("image/gif", (".gif",)),
    "WEBP": ("image/webp", (".webp",)),
    "AVIF": ("image/avif", (".avif",)),
}
TYPES = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "image/x-png": "image/png", "image/apng": "image/png"}
UNTOLD = ("", "application/octet-stream", "binary/octet-stream")
TAKEN = "JPEG, PNG, GIF, WebP and AVIF are taken"
# How files begin that people take for pictures → what to tell them.
OTHERS = (
    (
        re.compile(rb"\s*(<\?xml[^>]*>\s*)?(<!--[^>]*>\s*)?(<!DOCTYPE svg[^>]*>\s*)?<svg\b", re.IGNORECASE),
        "is an SVG, which can hold scripts. Export it as PNG or WebP.",
    ),
    (re.compile(rb"\s*(<!doctype html|<html|<head|<body|<script)", re.IGNORECASE), f"is a web page. {TAKEN}."),
    (re.compile(rb"%PDF-"), f"is a PDF, no picture. {TAKEN}."),
    (re.compile(rb"PK[\x03\x05]"), f"is a ZIP archive, no picture. {TAKEN}."),
    (re.compile(rb"II\*\x00|MM\x00\*"), f"is a TIFF. {TAKEN}: export it as one of them."),
    (re.compile(rb".{4}ftyp(heic|heix|hevc|mif1|msf1)", re.DOTALL), f"is a HEIC. {TAKEN}: export it as one of them."),
    (re.compile(rb"BM"), f"is a BMP. {TAKEN}: export it as one of them."),
)
# What makes a browser or server run a file that some door might hand out as something else than a picture.
ACTIVE = re.compile(rb"<script|<iframe|<!doctype\s+html|<html[\s>]|<\?php\s|javascript:", re.IGNORECASE)
QUALITY: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 82, "optimize": True, "progressive": True},
    "PNG": {"optimize": True},
    "GIF": {},
    "WEBP": {"quality": 80, "method": 4},
    "AVIF": {"quality": 65, "speed": 8, "max_threads": 1},
}


class Refused(Exception):
    pass


def check(wanted: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    """Return format and size of a picture, and its cleaned bytes."""
    found_format = sniff(data)
    content_type, endings = FORMATS[found_format]
    said = wanted["content_type"].partition(";")[0].strip().lower()
    ending = PurePath(wanted["name"]).suffix.lower()
    if ending and ending not in endings:
        raise Refused(f"its name ends in {ending}, and it is {found_format}. Rename it to end in {endings[0]}.")
    if TYPES.get(said, said) not in (content_type, *UNTOLD):
        raise Refused(f"it was sent as {said}, and is {content_type}. Send it as what it is.")
    image = opened(data, found_format, wanted)
    found = {"content_type": content_type, "ending": endings[0], "width": image.width, "height": image.height}
    refuse_hidden(data)
    try:
        if found_format == "AVIF":
            return found, encoded(image, "AVIF", {"quality": 90, "speed": 8, "max_threads": 1})
        orientation = image.getexif().get(0x0112, 1)
        image.close()
        cleaned = clean(data, found_format, orientation if isinstance(orientation, int) else 1)
        opened(cleaned, found_format, wanted).load()
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise Refused(f"it is broken ({error}). Save it anew.") from error
    return found, cleaned


def shrink(wanted: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the size of a smaller picture, and its bytes; `is_enough` where the picture itself will do."""
    from PIL import ImageOps

    source, size = sniff(data), wanted["size"]
    target = source if wanted["format"] == "ORIGINAL" else wanted["format"]
    image: Any = opened(data, source, wanted)
    if target == source and max(image.size) <= size:
        return {"is_enough": True}, b""
    try:
        profile = image.info.get("icc_profile")
        image.draft(None, (size, size))  # a JPEG is read smaller
        if image.mode == "CMYK":
            image, profile = image.convert("RGB"), None
        image = ImageOps.exif_transpose(image)
        if image.mode not in ("RGB", "RGBA", "L", "LA"):
            has_alpha = "transparency" in image.info or image.mode in ("PA", "La", "RGBa")
            image = image.convert("RGBA" if has_alpha else "RGB")
        image.thumbnail((size, size), reducing_gap=3.0)
        if target == "JPEG" and image.mode in ("RGBA", "LA"):
            image = image.convert("RGB")
        smaller = encoded(image, target, {**QUALITY[target], **({"icc_profile": profile} if profile else {})})
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise Refused(f"it is broken ({error}). Send it anew.") from error
    return {"ending": FORMATS[target][1][0], "width": image.width, "height": image.height}, smaller


def sniff(data: bytes) -> str:
    """Return the format that a file's first bytes say it has."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:12] in (b"ftypavif", b"ftypavis"):
        return "AVIF"
    if not data:
        raise Refused("it is empty. Choose another file.")
    for begins, told in OTHERS:
        if begins.match(data[:2000]):
            raise Refused(f"it {told}")
    raise Refused(f"it is no picture. {TAKEN}.")


def opened(data: bytes, format: str, wanted: dict[str, Any]) -> Any:
    """Return the picture with its header read alone, if it is not too large."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # asked here, with our own words
    try:
        image = Image.open(BytesIO(data), formats=[format])
    except (OSError, SyntaxError, ValueError, EOFError, KeyError) as error:
        raise Refused(f"it is no picture, or a broken {format}. Save it anew.") from error
    width, height = image.size
    if width * height > wanted["pixels"] or max(width, height) > wanted["side"]:
        most = f"{wanted['pixels']:,} in all, {wanted['side']:,} along a side"
        raise Refused(f"it has {width:,} × {height:,} pixels; at most {most}, are taken. Make it smaller.")
    return image


def refuse_hidden(data: bytes) -> None:
    """Refuse a file that is something else too."""
    found = ACTIVE.search(data)
    remedy = "Save it anew in an editor of pictures."
    if found is not None:
        raise Refused(f"it hides the code of a web page ({found.group().decode(errors='replace')}…). {remedy}")
    if zipfile.is_zipfile(BytesIO(data)):
        raise Refused(f"it hides a ZIP archive. {remedy}")
    if b"%PDF-" in data[:1024]:
        raise Refused(f"it hides a PDF. {remedy}")


def encoded(image: Any, format: str, options: dict[str, Any]) -> bytes:
    out = BytesIO()
    if format == "AVIF" and "icc_profile" not in options and image.info.get("icc_profile"):
        options = {**options, "icc_profile": image.info["icc_profile"]}
    image.info = {}
    image.save(out, format, **({"exif": b"", "xmp": b""} if format in ("AVIF", "WEBP") else {}), **options)
    return out.getvalue()


def limit(kind: int, most: int) -> None:
    """Limit this process, or leave it at what its parent allows where that is less."""
    _, allowed = resource.getrlimit(kind)
    most = most if allowed == resource.RLIM_INFINITY else min(most, allowed)
    resource.setrlimit(kind, (most, most))


def main(memory: int, seconds: int) -> None:
    limit(resource.RLIMIT_AS, memory)
    limit(resource.RLIMIT_CPU, seconds)
    limit(resource.RLIMIT_CORE, 0)
    warnings.simplefilter("ignore")
    length = int.from_bytes(sys.stdin.buffer.read(4), "big")
    wanted = json.loads(sys.stdin.buffer.read(length))
    data = sys.stdin.buffer.read()
    try:
        found, result = {"check": check, "shrink": shrink}[wanted["do"]](wanted, data)
    except Refused as refused:
        found, result = {"refused": str(refused)}, b""
    except MemoryError:
        found, result = {"refused": "it takes more memory to read than a picture may. Save it anew, or smaller."}, b""
    header = json.dumps(found).encode()
    sys.stdout.buffer.write(len(header).to_bytes(4, "big") + header + result)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
