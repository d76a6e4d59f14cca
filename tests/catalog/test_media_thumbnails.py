"""`/thumbnail/…`: a stored picture made smaller once, whoever asks, and shown from then on."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.files.storage import default_storage
from django.db import connections
from django.test import Client
from django.utils import timezone

from catalog import operations, views
from catalog.models import Media, Product, Thumbnail
from catalog.operations import files, thumbnails
from catalog.queries.thumbnails import nearest_size
from commerce.db.scope import tenant_scope
from commerce.graphql.ids import to_global_id
from commerce.storage import files_of
from tests.catalog.media_kit import opened, picture, store, stored
from tests.factories import catalog as make
from tests.s3 import fetch


def medium(shop, content=None, *, file="products/front.png", **fields) -> Media:
    """Store a picture and return a product's medium that names it."""
    if content is not False:
        store(shop, file, content or picture("PNG", (800, 600)))
    with tenant_scope(shop.id):
        product = Product.objects.first() or make.make_product()
        return make.make_media(product, file=file, **fields)


def address(media, size=256, format="", kind="ProductMedia") -> str:
    return f"/thumbnail/{to_global_id(kind, media.id)}/{size}/{format and f'{format}/'}"


def ask(shop, path):
    return Client(headers={"host": shop.host}).get(path)


def rows(shop):
    with tenant_scope(shop.id):
        return list(Thumbnail.objects.order_by("source", "size", "format").values_list("size", "format", "name"))


@pytest.fixture
def makings(monkeypatch):
    """Count how often a picture is really made smaller."""
    made = []
    shrink = thumbnails.pictures.shrink

    def counted(*arguments, **options):
        made.append(options["size"])
        return shrink(*arguments, **options)

    monkeypatch.setattr(thumbnails.pictures, "shrink", counted)
    return made


@pytest.fixture
def folder(settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path)


# --- Asked for -------------------------------------------------------------------------------------------------------


def test_a_thumbnail_is_made_by_the_first_request_and_redirected_to(tenant, kept, makings):
    media = medium(tenant)
    for _ in range(2):
        answer = ask(tenant, address(media, 256, "webp"))
        assert answer.status_code == 302
        assert answer.headers["Cache-Control"] == "public, max-age=1200"
        status, content, headers = fetch(tenant, answer.headers["Location"])
        assert (status, headers["Content-Type"], headers["Content-Disposition"]) == (200, "image/webp", "inline")
        assert (opened(content).format, opened(content).size) == ("WEBP", (256, 192))
    assert makings == [256]
    [(size, format_, name)] = rows(tenant)
    assert (size, format_) == (256, "WEBP")
    assert stored(tenant) == {"products/front.png", name}
    assert ("X-Amz-Signature" in answer.headers["Location"]) == (kept == "private bucket")


def test_lists_show_the_thumbnail_itself_once_it_is_made(tenant, graphql, kept):
    media = medium(tenant)
    query = """{ products(first: 5, channel: "default-channel") { edges { node {
      thumbnail(size: 200, format: WEBP) { url } media { url(size: 200, format: WEBP) } %s } } } }"""

    def urls(alias):
        [edge] = graphql(tenant, query % f"{alias}: name")["data"]["products"]["edges"]
        return edge["node"]["thumbnail"]["url"], edge["node"]["media"][0]["url"]

    before = f"http://{tenant.host}{address(media, 256, 'webp')}"
    assert urls("before") == (before, before)
    location = ask(tenant, address(media, 256, "webp")).headers["Location"]
    first, second = urls("after")
    assert first == second
    if kept == "private bucket":
        assert first == before, "a signature costs time, and ends"
    else:
        assert first == (location if kept == "public bucket" else f"http://{tenant.host}{location}")
    assert opened(fetch(tenant, first)[1]).size == (256, 192)


def test_a_size_that_is_not_there_is_the_nearest_one(tenant, folder):
    asked = [0, 1, 33, 48, 100, 200, 700, 3000, 9999, -7, None]
    assert [nearest_size(size) for size in asked] == [32, 32, 32, 32, 128, 256, 512, 2048, 4096, 32, 4096]
    media = medium(tenant)
    assert "_64.png" in ask(tenant, address(media, 70)).headers["Location"]
    assert rows(tenant)[0][:2] == (64, "ORIGINAL")


@pytest.mark.parametrize("kind", ["Category", "Collection", "AttributeValue"])
def test_other_things_have_pictures_too(tenant, folder, kind):
    file = store(tenant, "some/x.jpg", picture("JPEG", (500, 500)))
    with tenant_scope(tenant.id):
        if kind == "AttributeValue":
            swatch = make.make_attribute(input_type="swatch", values=["Red|#ff0000"])
            made = swatch.values.get()
            made.file_url = file
            made.save()
        else:
            made = {"Category": make.make_category, "Collection": make.make_collection}[kind](background_image=file)
    answer = ask(tenant, address(made, 128, "avif", kind=kind))
    assert opened(fetch(tenant, answer.headers["Location"])[1]).size == (128, 128)


def test_background_images_are_shown_by_their_thumbnails(tenant, graphql, folder):
    with tenant_scope(tenant.id):
        made = make.make_category(background_image=store(tenant, "categories/x.jpg", picture("JPEG", (500, 500))))
    query = "{ category(id: %s) { backgroundImage(size: 128) { url } %s: name } }"
    ask(tenant, address(made, 128, kind="Category"))
    node = graphql(tenant, query % (f'"{to_global_id("Category", made.id)}"', "x"))["data"]["category"]
    assert f"http://{tenant.host}/media/{tenant.public_id}/thumbnails/x-" in node["backgroundImage"]["url"]


def test_size_0_is_the_picture_as_it_was_stored(tenant, graphql, kept):
    medium(tenant)
    query = '{ products(first: 1, channel: "default-channel") { edges { node { media { url(size: 0) } } } } }'
    url = graphql(tenant, query)["data"]["products"]["edges"][0]["node"]["media"][0]["url"]
    assert opened(fetch(tenant, url)[1]).size == (800, 600)


def test_no_picture_is_made_larger(tenant, folder, makings):
    media = medium(tenant, picture("PNG", (100, 50)))
    for _ in range(2):
        answer = ask(tenant, address(media, 1024))
        assert answer.headers["Location"] == f"/media/{tenant.public_id}/products/front.png"
    assert makings == [1024]
    location = ask(tenant, address(media, 1024, "webp")).headers["Location"]
    assert opened(fetch(tenant, location)[1]).size == (100, 50)


def test_a_picture_elsewhere_is_redirected_to(tenant, folder):
    with tenant_scope(tenant.id):
        media = make.make_media(make.make_product(), url="https://pictures.example/1.jpg")
    assert ask(tenant, address(media)).headers["Location"] == "https://pictures.example/1.jpg"
    assert rows(tenant) == []


# --- Refused ---------------------------------------------------------------------------------------------------------


def test_what_is_not_there_is_not_found(tenant, other_tenant, folder):
    media, other = medium(tenant), medium(other_tenant)
    identity = to_global_id("ProductMedia", media.id)
    paths = [
        address(other),
        f"/thumbnail/{to_global_id('ProductMedia', uuid4())}/256/",
        f"/thumbnail/{to_global_id('Product', media.product_id)}/256/",
        f"/thumbnail/{to_global_id('Category', media.id)}/256/",
        f"/thumbnail/{media.id}/256/",
        "/thumbnail/nonsense/256/",
        f"/thumbnail/{to_global_id('ProductMedia', 7)}/256/",
        *(f"/thumbnail/{identity}/{size}/" for size in ("0", "-1", "large", "1e3", "99999999999", "٢٥٦")),
        *(f"/thumbnail/{identity}/256/{name}/" for name in ("png", "webp2", "..", "exe")),
    ]
    for path in paths:
        answer = ask(tenant, path)
        assert answer.status_code == 404, path
    assert ask(tenant, f"/thumbnail/{identity}/256/png/").content == b"A format is one of original, avif and webp.\n"
    assert rows(tenant) == rows(other_tenant) == []
    assert Client(headers={"host": tenant.host}).post(address(media)).status_code == 405
    assert Client(headers={"host": "nobody.test"}).get(address(media)).status_code == 404


def test_a_picture_that_cannot_be_read_is_told_and_not_tried_again_at_once(tenant, folder, makings):
    media = medium(tenant, b"\x89PNG\r\n\x1a\n" + b"0" * 50)
    for _ in range(2):
        answer = ask(tenant, address(media))
        assert answer.status_code == 400
        assert b"broken PNG" in answer.content
    assert makings == [256]
    store(tenant, "products/front.png", picture())
    with tenant_scope(tenant.id):
        Thumbnail.objects.update(claimed_at=timezone.now() - thumbnails.RETRY - timedelta(seconds=1))
    assert ask(tenant, address(media)).status_code == 302


def test_a_picture_with_too_many_bytes_is_told_of_too(tenant, folder, settings):
    settings.MEDIA_MOST_BYTES = 100
    answer = ask(tenant, address(medium(tenant)))
    assert (answer.status_code, answer.content) == (400, b"The file has more than 100 bytes.\n")


def test_a_file_that_is_gone_leads_nowhere_and_leaves_nothing(tenant, kept):
    media = medium(tenant, False)
    answer = ask(tenant, address(media))
    assert (answer.status_code, answer.headers["Cache-Control"]) == (302, "no-store")
    assert fetch(tenant, answer.headers["Location"])[0] == 404
    assert rows(tenant) == []


def test_requests_are_limited_and_making_counts_as_ten(tenant, folder, settings):
    settings.RATE_LIMIT, settings.RATE_LIMIT_PER_CLIENT = True, 24
    media = medium(tenant)
    codes = [ask(tenant, address(media, size)).status_code for size in (64, 128, 256)]
    assert codes == [302, 302, 429]
    answer = ask(tenant, address(media, 256))
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert [row[0] for row in rows(tenant)] == [64, 128]


# --- At once, and killed in between ----------------------------------------------------------------------------------


def test_of_many_at_once_one_makes_it(tenant, kept, makings, monkeypatch):
    monkeypatch.setattr(views, "_places", threading.BoundedSemaphore(6))
    media, start = medium(tenant), threading.Barrier(6)

    def one(_):
        start.wait()
        try:
            return ask(tenant, address(media, 512, "webp")).headers["Location"]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        locations = {location.partition("?")[0] for location in pool.map(one, range(6))}
    assert len(locations) == 1
    assert makings == [512]
    assert len(stored(tenant)) == 2


def test_a_flood_of_new_pictures_leaves_threads_to_others(tenant, folder):
    """The picture itself is shown at once, and the thumbnail another time."""
    media = medium(tenant)
    with views._places, views._places:
        answer = ask(tenant, address(media))
        assert answer.headers["Location"] == f"/media/{tenant.public_id}/products/front.png"
        assert answer.headers["Cache-Control"] == "no-store"
        assert rows(tenant) == []
    assert "/thumbnails/" in ask(tenant, address(media)).headers["Location"]


def claim(shop, media, *, seconds_ago: float) -> None:
    with tenant_scope(shop.id):
        Thumbnail.objects.create(
            source=media.file.name,
            size=256,
            format="ORIGINAL",
            holder=uuid4(),
            claimed_at=timezone.now() - timedelta(seconds=seconds_ago),
        )


def test_while_somebody_makes_it_the_picture_itself_is_shown(tenant, folder, monkeypatch):
    monkeypatch.setattr(thumbnails, "PATIENCE", 0.2)
    media = medium(tenant)
    claim(tenant, media, seconds_ago=1)
    answer = ask(tenant, address(media))
    assert answer.headers["Location"] == f"/media/{tenant.public_id}/products/front.png"
    assert answer.headers["Cache-Control"] == "no-store"


def test_what_a_killed_maker_began_another_one_ends(tenant, folder):
    media = medium(tenant)
    claim(tenant, media, seconds_ago=thumbnails.LEASE.total_seconds() + 1)
    assert "/thumbnails/" in ask(tenant, address(media)).headers["Location"]


def test_a_maker_that_fails_lets_others_try(tenant, folder, monkeypatch):
    media = medium(tenant)

    def full(*_):
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(type(default_storage._wrapped), "put", full)
        with pytest.raises(OSError, match="No space"):
            ask(tenant, address(media))
    assert rows(tenant) == []
    assert "/thumbnails/" in ask(tenant, address(media)).headers["Location"]


@pytest.mark.parametrize("is_cleaned", [False, True])
def test_a_picture_that_is_deleted_while_it_is_made_smaller_leaves_nothing(tenant, folder, monkeypatch, is_cleaned):
    media, put = medium(tenant), type(default_storage._wrapped).put

    def deleted_meanwhile(self, name, content):
        put(self, name, content)
        with tenant_scope(tenant.id):
            operations.delete(Media.objects.get(id=media.id), now=timezone.now())
        if is_cleaned:
            operations.delete_released(tenant_id=tenant.id)

    monkeypatch.setattr(type(default_storage._wrapped), "put", deleted_meanwhile)
    assert ask(tenant, address(media)).status_code == 302
    operations.delete_released(tenant_id=tenant.id)
    assert (rows(tenant), stored(tenant)) == ([], set())


def test_a_maker_between_the_steps_of_deleting_leaves_nothing(tenant, folder, monkeypatch):
    """It claims after the rows of thumbnails were deleted, and reads the picture before that is."""
    media, remove, shrink = medium(tenant), files._remove, thumbnails.pictures.shrink
    wanted = operations.Wanted("ProductMedia", media.id, media.file.name, 64, "WEBP")

    def making_first(names):
        def removed_meanwhile(*arguments, **options):
            remove(names)
            return shrink(*arguments, **options)

        monkeypatch.setattr(thumbnails.pictures, "shrink", removed_meanwhile)
        assert operations.make_thumbnail(wanted, tenant_id=tenant.id, now=timezone.now()) is None

    with tenant_scope(tenant.id):
        operations.delete(Media.objects.get(id=media.id), now=timezone.now())
    monkeypatch.setattr(files, "_remove", making_first)
    operations.delete_released(tenant_id=tenant.id)
    assert (rows(tenant), stored(tenant)) == ([], set())


# --- What it costs ---------------------------------------------------------------------------------------------------


def test_lists_take_as_many_statements_with_thumbnails_as_without(tenant, graphql, count_sql, folder):
    with tenant_scope(tenant.id):
        products = [make.make_product(f"P {i}") for i in range(24)]
        for product in products:
            make.make_media(product, file=f"products/{product.slug}.png")
    query = """{ products(first: 24, channel: "default-channel") { edges { node { %s: name %s } } } }"""
    shown = "thumbnail(size: 256, format: WEBP) { url }"
    graphql(tenant, "{ __typename }")

    def count(alias, fields):
        with count_sql() as found:
            answer = graphql(tenant, query % (alias, fields))
        return len(found), answer["data"]["products"]["edges"]

    plain, _ = count("a", "")
    before, edges = count("b", shown)
    assert all("/thumbnail/" in edge["node"]["thumbnail"]["url"] for edge in edges)
    with tenant_scope(tenant.id):
        Thumbnail.objects.bulk_create(
            Thumbnail(source=name, size=256, format="WEBP", name=f"thumbnails/{name[9:]}", claimed_at=timezone.now())
            for name in Media.objects.values_list("file", flat=True)
        )
    after, edges = count("c", shown)
    assert all("/thumbnails/" in edge["node"]["thumbnail"]["url"] for edge in edges)
    assert plain == before == after
    assert len(edges) == 24


def test_a_thumbnail_that_is_there_takes_one_statement(tenant, folder, count_sql):
    media = medium(tenant)
    ask(tenant, address(media))
    with count_sql() as found:
        assert ask(tenant, address(media)).status_code == 302
    assert len(found) == 1


def test_making_one_outdates_no_kept_answer(tenant, folder, graphql, client_for):
    media = medium(tenant)
    query = '{ products(first: 5, channel: "default-channel") { edges { node { thumbnail(size: 64) { url } } } } }'
    post = client_for(tenant).post
    for expected in ("miss", "hit"):
        answer = post("/graphql/", {"query": query}, "application/json")
        assert answer.headers["X-Cache"] == expected
    ask(tenant, address(media, 64))
    answer = post("/graphql/", {"query": query}, "application/json")
    assert answer.headers["X-Cache"] == "hit"
    [edge] = answer.json()["data"]["products"]["edges"]
    with files_of(tenant.id):
        assert opened(fetch(tenant, edge["node"]["thumbnail"]["url"])[1]).size == (64, 48)
