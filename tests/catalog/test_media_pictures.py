"""What is taken for a picture: by what it holds, cleaned, and in a process that may not take much."""

import io
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from commerce import pictures
from commerce.pictures import PictureRefused, PicturesBusy, check, shrink
from tests.catalog.media_kit import chunk, located_jpeg, opened, picture, png_header

ENDINGS = {"JPEG": ".jpg", "PNG": ".png", "GIF": ".gif", "WEBP": ".webp", "AVIF": ".avif"}


def refusal(data: bytes, name: str, **options) -> str:
    with pytest.raises(PictureRefused) as refused:
        check(data, name=name, **options)
    assert refused.value.field == "file"
    return refused.value.message


@pytest.mark.parametrize("format_", ENDINGS)
def test_a_picture_is_taken_for_what_it_is(format_):
    data = picture(format_)
    found = check(data, name=f"front{ENDINGS[format_]}", content_type=f"image/{format_.lower()}")
    assert (found.ending, found.content_type) == (ENDINGS[format_], f"image/{format_.lower()}")
    assert (found.width, found.height) == (400, 300)
    image = opened(found.data)
    assert (image.format, image.size) == (format_, (400, 300))
    if format_ != "AVIF":  # which is written anew
        assert image.convert("RGB").tobytes() == opened(data).convert("RGB").tobytes(), "not a pixel is lost"


def test_a_name_without_an_ending_says_nothing_wrong():
    assert check(picture("WEBP"), name="front", content_type="application/octet-stream").ending == ".webp"


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_places_cameras_and_comments_are_taken_out_of_a_jpeg_and_its_upper_side_stays(orientation):
    data = located_jpeg(orientation=orientation)
    assert b"photographer" in data
    assert b"secret" in data
    cleaned = check(data, name="front.jpg").data
    assert b"hotographer" not in cleaned
    assert b"secret" not in cleaned
    exif = opened(cleaned).getexif()
    assert dict(exif) == ({} if orientation == 1 else {0x0112: orientation})
    assert dict(exif.get_ifd(0x8825)) == {}
    assert opened(cleaned).tobytes() == opened(data).tobytes()


@pytest.mark.parametrize("format_", ["PNG", "WEBP", "AVIF"])
def test_metadata_of_other_formats_are_taken_out(format_):
    exif = Image.Exif()
    exif[0x010F] = "Camera of the photographer"
    exif[0x0112] = 6
    data = picture(format_, exif=exif.tobytes(), **({} if format_ == "PNG" else {"xmp": b"<x>secret</x>"}))
    assert b"photographer" in data
    cleaned = check(data, name=f"x{ENDINGS[format_]}").data
    assert b"photographer" not in cleaned
    assert b"secret" not in cleaned
    assert opened(cleaned).size in ((400, 300), (300, 400))


def test_texts_in_a_png_and_comments_in_a_gif_are_taken_out():
    data = picture("PNG")
    at = len(data) - 12
    data = data[:at] + chunk(b"tEXt", b"Author\x00photographer") + data[at:]
    assert b"photographer" not in check(data, name="x.png").data
    assert b"photographer" not in check(picture("GIF", comment=b"photographer"), name="x.gif").data


def test_colour_profiles_and_animations_stay():
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "green", "blue")]
    for format_ in ("GIF", "WEBP", "PNG"):
        out = io.BytesIO()
        frames[0].save(out, format_, save_all=True, append_images=frames[1:], duration=100, loop=0)
        assert opened(check(out.getvalue(), name=f"x{ENDINGS[format_]}").data).n_frames == 3
    for format_ in ("JPEG", "PNG", "WEBP"):
        data = picture(format_, icc_profile=b"profile" * 30)
        assert opened(check(data, name=f"x{ENDINGS[format_]}").data).info["icc_profile"] == b"profile" * 30


def test_what_follows_the_end_is_cut_off():
    for format_, ending in ENDINGS.items():
        cleaned = check(picture(format_) + b"trailing bytes" * 20, name=f"x{ending}").data
        assert b"trailing" not in cleaned


# --- What is refused, each with its reason and a remedy --------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("x.png", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "is an SVG, which can hold scripts"),
        ("x.svg", b"<?xml version='1.0'?>\n<!-- by me -->\n<svg><script/></svg>", "Export it as PNG or WebP"),
        ("x.png", b"<!DOCTYPE html><html></html>", "is a web page"),
        ("x.jpg", b"%PDF-1.7 ...", "is a PDF"),
        ("x.jpg", b"PK\x03\x04" + bytes(40), "is a ZIP archive"),
        ("x.jpg", picture("TIFF"), "is a TIFF. JPEG, PNG, GIF, WebP and AVIF are taken"),
        ("x.jpg", picture("BMP"), "is a BMP"),
        ("x.heic", b"\x00\x00\x00\x18ftypheic" + bytes(40), "is a HEIC"),
        ("x.png", b"hello", "is no picture. JPEG"),
        ("x.png", b"", "is empty"),
        ("x.png", picture("PNG")[:200], "broken"),
        ("x.jpg", picture("JPEG", (900, 900))[:-300], "broken"),
        ("x.gif", picture("GIF")[:-40], "broken"),
        ("x.webp", picture("WEBP")[:-40], "broken"),
        ("x.avif", picture("AVIF")[:-40], "broken"),
        ("x.png", b"\x89PNG\r\n\x1a\n" + b"0" * 50, "broken PNG"),
        ("x.jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + b"\xff" * 400, "broken JPEG"),
    ],
)
def test_what_is_no_picture_is_refused(name, data, reason):
    message = refusal(data, name)
    assert message.startswith(f"{name}: it ")
    assert reason in message


@pytest.mark.parametrize(
    ("format_", "name", "content_type", "reason"),
    [
        ("PNG", "x.jpg", "", "its name ends in .jpg, and it is PNG. Rename it to end in .png."),
        ("JPEG", "x.html", "", "its name ends in .html, and it is JPEG"),
        ("PNG", "x.php.PHP", "", "its name ends in .php"),
        ("GIF", "x.gif", "image/png", "it was sent as image/png, and is image/gif. Send it as what it is."),
        ("PNG", "x.png", "text/html; charset=utf-8", "it was sent as text/html"),
    ],
)
def test_a_picture_that_says_to_be_something_else_is_refused(format_, name, content_type, reason):
    assert reason in refusal(picture(format_), name, content_type=content_type)


def _with_zip(data: bytes) -> bytes:
    archive = io.BytesIO(data)
    archive.seek(0, io.SEEK_END)
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr("evil.sh", "#!/bin/sh")
    return archive.getvalue()


@pytest.mark.parametrize("format_", ENDINGS)
def test_a_picture_that_is_something_else_too_is_refused(format_):
    name, data = f"x{ENDINGS[format_]}", picture(format_)
    assert "it hides a ZIP archive. Save it anew" in refusal(_with_zip(data), name)
    assert "it hides the code of a web page" in refusal(data + b"<ScRiPt>alert(1)</script>", name)
    assert "it hides the code of a web page" in refusal(data + b"<?php system('id'); ?>", name)


def test_code_within_a_picture_is_found_and_a_pdf():
    data = picture("PNG")
    at = len(data) - 12
    hidden = data[:at] + chunk(b"tEXt", b"Comment\x00<html><body>") + data[at:]
    assert "it hides the code of a web page (<html>…)" in refusal(hidden, "x.png")
    assert "hides the code" in refusal(picture("JPEG", comment=b"<script src=//evil.example>"), "x.jpg")
    assert "it hides a PDF" in refusal(picture("JPEG", comment=b"%PDF-1.4 /OpenAction"), "x.jpg")


def test_a_decompression_bomb_is_refused_by_what_its_header_says():
    message = refusal(png_header(60_000, 60_000), "huge.png")
    assert message == (
        "huge.png: it has 60,000 × 60,000 pixels; at most 50,000,000 in all, 30,000 along a side, are taken. "
        "Make it smaller."
    )
    assert "it has 50,000 × 1 pixels" in refusal(png_header(50_000, 1), "long.png")
    assert "it has 400 × 300 pixels; at most 100 in all" in refusal(picture(), "x.png", most_pixels=100)


def test_too_many_bytes_are_refused_before_anything_is_read():
    assert refusal(b"x" * 21, "x.png", most_bytes=20) == (
        "x.png: it has 21 bytes; at most 20 are taken. Make it smaller."
    )


def test_the_names_of_folders_are_not_told():
    assert refusal(b"x", "/home/me\\secret/x.png").startswith("x.png: ")


def test_a_reader_that_takes_too_much_memory_ends_alone(monkeypatch):
    monkeypatch.setattr(pictures, "MEMORY", 128 * 1024 * 1024)
    large = picture("PNG", (7000, 7000))
    assert "memory" in refusal(large, "x.png")
    monkeypatch.undo()
    assert check(large, name="x.png").width == 7000


def test_a_reader_that_takes_too_long_is_ended(monkeypatch):
    monkeypatch.setattr(pictures, "GRACE", 0.01 - pictures.SECONDS)
    assert f"it takes more than {pictures.SECONDS} seconds to read" in refusal(picture(), "x.png")


def test_a_reader_that_takes_too_much_of_the_processor_is_ended(monkeypatch):
    monkeypatch.setattr(pictures, "SECONDS", 1)
    monkeypatch.setattr(pictures, "GRACE", 100)  # on a busy machine a second of the processor takes long
    with pytest.raises(PictureRefused, match="more memory or time to read than a picture may"):
        pictures.shrink(picture("PNG", (7000, 7000)), size=6000, format="WEBP")


def test_not_many_are_looked_at_at_once(monkeypatch):
    monkeypatch.setattr(pictures, "PATIENCE", 0.01)
    with pictures._place(), pictures._place(), pytest.raises(PicturesBusy):
        check(picture(), name="x.png")
    assert check(picture(), name="x.png").width == 400


# --- Smaller ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ENDINGS)
@pytest.mark.parametrize(("wanted", "format_"), [("ORIGINAL", None), ("WEBP", "WEBP"), ("AVIF", "AVIF")])
def test_a_picture_is_made_smaller_in_any_format(source, wanted, format_):
    made = shrink(picture(source, (640, 480)), size=256, format=wanted)
    assert (made.width, made.height) == (256, 192)
    image = opened(made.data)
    assert (image.format, image.size) == (format_ or source, (256, 192))
    assert made.ending == ENDINGS[format_ or source]
    red, _, blue = image.convert("RGB").getpixel((128, 20))
    assert red > 200 > 60 > blue


def test_no_picture_is_made_larger():
    small = picture("PNG", (100, 50))
    assert shrink(small, size=256, format="ORIGINAL") is None
    assert shrink(picture("WEBP", (100, 50)), size=128, format="WEBP") is None
    other = shrink(small, size=256, format="WEBP")
    assert (other.width, other.height) == (100, 50)


@pytest.mark.parametrize(("orientation", "up"), [(3, (128, 180)), (6, (180, 128)), (8, (12, 128))])
def test_a_smaller_picture_stands_upright_and_says_nothing_of_its_maker(orientation, up):
    made = shrink(located_jpeg(orientation=orientation), size=256, format="ORIGINAL")
    assert (made.width, made.height) == ((256, 192) if orientation == 3 else (192, 256))
    red, _, blue = opened(made.data).getpixel(up)
    assert red > 200 > 60 > blue
    assert dict(opened(made.data).getexif()) == {}


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "1", "I;16"])
def test_pictures_of_every_mode_are_made_smaller(mode):
    format_ = "JPEG" if mode == "CMYK" else "PNG"
    out = io.BytesIO()
    Image.new(mode, (300, 300)).save(out, format_)
    for wanted in ("ORIGINAL", "WEBP", "AVIF"):
        assert opened(shrink(out.getvalue(), size=64, format=wanted).data).size == (64, 64)


def test_what_shines_through_still_does():
    made = shrink(picture("PNG", mode="RGBA"), size=64, format="WEBP")
    assert opened(made.data).size == (64, 48)
    out = io.BytesIO()
    Image.new("RGBA", (300, 300), (255, 0, 0, 0)).save(out, "PNG")
    for wanted in ("ORIGINAL", "WEBP", "AVIF"):
        assert opened(shrink(out.getvalue(), size=64, format=wanted).data).convert("RGBA").getpixel((9, 9))[3] == 0


def test_several_at_once():
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda size: shrink(picture(), size=size, format="WEBP"), (32, 64, 128) * 2))
    assert [one.width for one in made] == [32, 64, 128] * 2
