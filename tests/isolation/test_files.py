"""Files: each shop has a folder of its own, which no name leads out of and no other shop's host serves."""

from contextlib import closing

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone

from catalog import operations
from catalog.models import Media
from commerce.db.scope import ScopeError, tenant_scope
from commerce.graphql.ids import to_global_id
from tests.catalog.media_kit import opened, picture, store, stored
from tests.factories.catalog import make_media, make_product
from tests.factories.tenants import Shop

NAME = "products/picture.png"


@pytest.fixture(autouse=True)
def media_root(settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path)
    return tmp_path


def save(shop: Shop) -> str:
    with tenant_scope(shop.id):
        return default_storage.save(NAME, ContentFile(shop.token.encode()))


def get(shop: Shop, path: str) -> tuple[int, bytes]:
    with closing(Client(headers={"host": shop.host}).get(path)) as response:
        return response.status_code, response.getvalue()


def test_the_same_name_is_another_file_at_another_shop(tenant, other_tenant, media_root):
    assert [save(shop) for shop in (tenant, other_tenant)] == [NAME, NAME]
    for shop in (tenant, other_tenant):
        with tenant_scope(shop.id), default_storage.open(NAME) as file:
            assert file.read() == shop.token.encode()
        assert (media_root / str(shop.public_id) / NAME).read_bytes() == shop.token.encode()


def test_a_file_is_served_at_its_own_host_alone(tenant, other_tenant):
    save(tenant)
    with tenant_scope(tenant.id):
        address = default_storage.url(NAME)
    path = address[address.index("/media/") :]
    assert path == f"/media/{tenant.public_id}/{NAME}"
    assert get(tenant, path) == (200, tenant.token.encode())
    status, content = get(other_tenant, path)
    assert status == 404
    assert tenant.token.encode() not in content


@pytest.mark.parametrize(
    "way",
    [
        "{theirs}/{name}",
        "{ours}/../{theirs}/{name}",
        "{ours}/%2e%2e/{theirs}/{name}",
        "{ours}/..%2f{theirs}/{name}",
        "{ours}//../{theirs}/{name}",
        "{ours}/products/../../{theirs}/{name}",
        "{ours}/..\\{theirs}\\{name}",
        "../{theirs}/{name}",
        "{theirs_in_capitals}/{name}",
        "{number}/{name}",
        "{ours}/%00/../{theirs}/{name}",
        "{ours}//{root}/{theirs}/{name}",
    ],
)
def test_no_path_leads_into_another_shops_folder(tenant, other_tenant, media_root, way):
    for shop in (tenant, other_tenant):
        save(shop)
    path = way.format(
        ours=tenant.public_id,
        theirs=other_tenant.public_id,
        theirs_in_capitals=str(other_tenant.public_id).upper(),
        number=other_tenant.id,
        root=media_root,
        name=NAME,
    )
    status, content = get(tenant, f"/media/{path}")
    assert status in (301, 302, 400, 404)
    assert other_tenant.token.encode() not in content


@pytest.mark.parametrize("name", ["../{theirs}/x", "/{root}/{theirs}/x", "products/../../{theirs}/x", "..", "/"])
@pytest.mark.parametrize("verb", ["open", "save", "delete", "exists", "size", "path", "listdir"])
def test_no_name_leads_out_of_the_shops_folder(tenant, other_tenant, media_root, verb, name):
    target = media_root / str(other_tenant.public_id)
    target.mkdir()
    (target / "x").write_bytes(b"theirs")
    name = name.format(theirs=other_tenant.public_id, root=media_root)
    arguments = [ContentFile(b"ours")] if verb == "save" else []
    found: object = None
    try:
        with tenant_scope(tenant.id):
            found = getattr(default_storage, verb)(name, *arguments)
    except (SuspiciousFileOperation, OSError):
        pass
    assert str(other_tenant.public_id) not in str(found)
    assert found in (None, False)
    assert [path.name for path in target.iterdir()] == ["x"]
    assert (target / "x").read_bytes() == b"theirs"


@pytest.mark.parametrize("verb", ["open", "delete", "exists", "size", "url"])
def test_outside_a_scope_there_are_no_files(tenant, verb):
    save(tenant)
    with pytest.raises(ScopeError):
        getattr(default_storage, verb)(NAME)


def test_outside_a_scope_nothing_is_saved(media_root):
    with pytest.raises(ScopeError):
        default_storage.save(NAME, ContentFile(b"x"))
    assert list(media_root.iterdir()) == []


# --- Thumbnails and uploads ------------------------------------------------------------------------------------------


def medium(shop: Shop) -> Media:
    with tenant_scope(shop.id):
        name = store(shop, f"products/{shop.token}.png", picture())
        return make_media(make_product(), file=name, alt=shop.token)


@pytest.mark.parametrize("size", ["64", "4096"])
def test_no_thumbnail_is_made_of_another_shops_picture(tenant, other_tenant, size):
    media = medium(other_tenant)
    path = f"/thumbnail/{to_global_id('ProductMedia', media.id)}/{size}/webp/"
    assert get(tenant, path)[0] == 404
    assert [stored(shop) for shop in (tenant, other_tenant)] == [set(), {f"products/{other_tenant.token}.png"}]
    assert get(other_tenant, path)[0] == 302


def test_a_stored_name_leads_to_the_shops_own_picture(tenant, other_tenant):
    """Both shops have a picture of one name: what one of them makes of it is not the other's."""
    for shop, size in ((tenant, (400, 300)), (other_tenant, (300, 400))):
        with tenant_scope(shop.id):
            make_media(make_product(), file=store(shop, "products/same.png", picture(size=size)))
    for shop, size in ((tenant, (64, 48)), (other_tenant, (48, 64))):
        with tenant_scope(shop.id):
            media = Media.objects.get()
            wanted = operations.Wanted("ProductMedia", media.id, "products/same.png", 64, "ORIGINAL")
        name = operations.make_thumbnail(wanted, tenant_id=shop.id, now=timezone.now())
        with tenant_scope(shop.id), default_storage.open(name) as file:
            assert opened(file.read()).size == size


def test_a_token_for_sending_a_file_is_worth_nothing_at_another_shop(tenant, other_tenant):
    with tenant_scope(other_tenant.id):
        product = make_product()
        announced = {"kind": "Product", "object_id": product.id, "file_name": "x.png", "content_type": "image/png"}
        started = operations.start_upload(**announced, size=1000, now=timezone.now())
    client = Client(headers={"host": tenant.host})
    answer = client.post(started.url, {**started.fields, "file": ContentFile(b"x", name="x.png")})
    assert answer.status_code == 403
    assert stored(tenant) == stored(other_tenant) == set()
    with pytest.raises(operations.UploadRefused, match="no upload"):
        operations.finish_upload(tenant_id=tenant.id, upload_id=started.id, now=timezone.now())


def test_deleting_one_shops_file_leaves_the_others(tenant, other_tenant):
    for shop in (tenant, other_tenant):
        with tenant_scope(shop.id):
            make_media(make_product(), file=store(shop, "products/same.png", picture()))
    with tenant_scope(tenant.id):
        Media.objects.all().delete()
    for shop in (other_tenant, tenant):
        operations.delete_released(tenant_id=shop.id)
    assert (stored(tenant), stored(other_tenant)) == (set(), {"products/same.png"})
