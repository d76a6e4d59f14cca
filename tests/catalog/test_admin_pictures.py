"""Pictures that staff send in the admin."""

import re
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from catalog.models import Media, Product
from tests.admin import errors, page, send
from tests.catalog.admin_kit import client, events, one, scope, shop
from tests.factories.catalog import make_category, make_product

__all__ = ["client", "scope", "shop"]  # fixtures


def picture(format_: str = "PNG", size=(8, 8), name: str = "front.png") -> SimpleUploadedFile:
    content = BytesIO()
    Image.new("RGB", size, "red").save(content, format_)
    return SimpleUploadedFile(name, content.getvalue(), content_type="application/octet-stream")


@pytest.fixture
def media_root(settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path)
    return tmp_path


def upload(client, product, file, **more):
    form = {"media-TOTAL_FORMS": "1", "media-0-file": file, "media-0-type": "IMAGE", "media-0-position": "0", **more}
    return send(client, page(product), form)


def files_below(root):
    return [path for path in root.rglob("*") if path.is_file()]


def test_an_uploaded_picture_is_kept_for_the_tenant_and_served_at_its_host(
    scope, client, shop, other_tenant, client_for, media_root
):
    with scope():
        product = one(Product)
    answer = upload(client, product, picture(name="../../Vor der Tür.png"), **{"media-0-alt": "In front"})
    assert answer.status_code == 302, errors(answer)
    with scope():
        made = one(Media)
        assert re.fullmatch(r"products/Vor_der_Tür-[0-9a-f]{12}\.png", made.file.name)
        address = made.file.url
        assert ("catalog.media.created", str(made.id)) in events()
    assert address.startswith(f"/media/{shop.public_id}/products/")
    assert files_below(media_root) == [media_root / str(shop.public_id) / made.file.name]
    served = client_for(shop).get(address)
    assert (served.status_code, served.headers["Content-Type"]) == (200, "image/png")
    assert served.getvalue().startswith(b"\x89PNG")
    assert client_for(other_tenant).get(address).status_code == 404
    assert address in client.get(page(product)).content.decode()


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (SimpleUploadedFile("x.png", b"<svg onload='alert(1)'/>", content_type="image/png"), "SVG"),
        (SimpleUploadedFile("x.png", b"", content_type="image/png"), "empty"),
        (SimpleUploadedFile("x.png", b"\x89PNG\r\n\x1a\n" + b"0" * 50, content_type="image/png"), "broken"),
        (picture("TIFF"), "is a TIFF"),
        (picture("JPEG"), "its name ends in .png, and it is JPEG"),
        (picture(name="front.html"), "its name ends in .html"),
    ],
    ids=["SVG", "empty", "broken", "TIFF", "JPEG", "HTML"],
)
def test_what_is_no_picture_is_an_error_at_the_file(scope, client, media_root, file, message):
    with scope():
        product = one(Product)
    file.seek(0)
    answer = upload(client, product, file)
    assert answer.status_code == 200
    assert message in errors(answer)
    assert files_below(media_root) == []


def test_large_pictures_are_refused(scope, client, media_root, settings):
    with scope():
        product = one(Product)
    settings.MEDIA_MOST_PIXELS = 63
    assert "8 × 8 pixels; at most 63" in errors(upload(client, product, picture()))
    settings.MEDIA_MOST_BYTES = 20
    assert "bytes; at most 20" in errors(upload(client, product, picture()))
    assert files_below(media_root) == []


def test_a_picture_needs_one_source(scope, client, media_root):
    with scope():
        product = one(Product)
    both = upload(client, product, picture(), **{"media-0-url": "https://pictures.example/1.jpg"})
    assert "either an address or a file" in errors(both)
    assert "https:// or http://" in errors(upload(client, product, "", **{"media-0-url": "javascript:alert(1)"}))
    assert files_below(media_root) == []


def test_a_refused_page_keeps_no_file(scope, client, media_root):
    """The picture is stored before a later row is refused: it must go again, and the second try must not fail."""
    with scope():
        product, taken = one(Product), make_product("Coat")
        category = make_category("Clothes")
    answer = upload(client, product, picture(), slug=taken.slug)
    assert "Another product has slug" in errors(answer)
    twice = {
        "translations-TOTAL_FORMS": "2",
        "translations-0-language": "nl",
        "translations-1-language": "NL",
    }
    answer = upload(client, product, picture(), **twice)
    assert answer.status_code == 200
    assert "Another translation has" in errors(answer)
    assert files_below(media_root) == []
    assert send(client, page(category), {"background_image": picture()}).status_code == 302
    assert len(files_below(media_root)) == 1
