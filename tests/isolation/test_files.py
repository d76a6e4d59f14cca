"""Files: each shop has a folder of its own, which no name leads out of and no other shop's host serves."""

from contextlib import closing

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client

from commerce.db.scope import ScopeError, tenant_scope
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
