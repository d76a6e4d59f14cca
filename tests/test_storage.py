"""Files of tenants: in their own folder or below their own key, whoever asks for whatever name."""

from uuid import uuid4

import pytest
from django.core.exceptions import SuspiciousFileOperation, SuspiciousOperation
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from commerce.db.scope import ScopeError, tenant_scope
from commerce.storage import (
    FileTooLarge,
    TenantStorage,
    discard_files_on_error,
    files_of,
    is_shown,
    serving_headers,
)
from commerce.storage.bucket import TenantBucket
from tenants.media import public_id_of
from tests.s3 import fetch


@pytest.fixture
def root(settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path)
    return tmp_path


def save(name="products/a.png", content=b"one") -> str:
    return default_storage.save(name, ContentFile(content))


def files(root):
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_a_file_lies_below_the_tenants_public_uuid_and_its_name_does_not_say_so(tenant, other_tenant, root):
    with tenant_scope(tenant.id):
        assert save() == "products/a.png"
        assert default_storage.url("products/a.png") == f"/media/{tenant.public_id}/products/a.png"
        with default_storage.open("products/a.png") as file:
            assert file.read() == b"one"
    with tenant_scope(other_tenant.id):
        assert not default_storage.exists("products/a.png")
        assert save(content=b"two") == "products/a.png"
    assert files(root) == sorted(f"{shop.public_id}/products/a.png" for shop in (tenant, other_tenant))


def test_files_have_no_tenant_outside_a_scope(root):
    for ask in (default_storage.exists, default_storage.url, default_storage.open, default_storage.delete, save):
        with pytest.raises(ScopeError):
            ask("products/a.png")
    assert files(root) == []


def test_an_unknown_tenant_has_no_files():
    with tenant_scope(2_000_000_000), pytest.raises(LookupError):
        public_id_of(2_000_000_000)


@pytest.mark.parametrize("method", ["open", "exists", "delete", "size", "listdir"])
def test_no_name_leads_to_another_tenants_files(tenant, other_tenant, root, method):
    with tenant_scope(other_tenant.id):
        save()
    for name in (f"../{other_tenant.public_id}/products/a.png", str(root / str(other_tenant.public_id) / "products")):
        with tenant_scope(tenant.id), pytest.raises(SuspiciousFileOperation):
            getattr(default_storage, method)(name)
    with tenant_scope(tenant.id), pytest.raises(SuspiciousFileOperation):
        save(f"../{other_tenant.public_id}/products/b.png")
    assert files(root) == [f"{other_tenant.public_id}/products/a.png"]


def test_files_saved_before_a_failure_are_discarded(tenant, root):
    with tenant_scope(tenant.id):
        save("kept-before.png")
        with pytest.raises(ZeroDivisionError), discard_files_on_error():
            save("lost.png")
            with discard_files_on_error():
                save("lost-with-the-outer-one.png")
            raise ZeroDivisionError
        with discard_files_on_error(), pytest.raises(ZeroDivisionError), discard_files_on_error():
            save("lost-alone.png")
            raise ZeroDivisionError
        save("kept-after.png")
    assert files(root) == [f"{tenant.public_id}/kept-after.png", f"{tenant.public_id}/kept-before.png"]


# --- /media/ --------------------------------------------------------------------------------------------------


def test_media_are_served_at_their_tenants_host_alone(tenant, other_tenant, root, client_for):
    with tenant_scope(tenant.id):
        address = default_storage.url(save())
    assert client_for(tenant).get(address).getvalue() == b"one"
    assert client_for(other_tenant).get(address).status_code == 404
    assert client_for(tenant).get(f"/media/{uuid4()}/products/a.png").status_code == 404
    assert client_for(tenant).post(address).status_code == 405


ESCAPES = ("../{other}/products/a.png", "%2e%2e/{other}/products/a.png", "a/../../{other}/products/a.png")


@pytest.mark.parametrize("path", [*ESCAPES, "", "products/", "x%00.png"])
def test_no_path_leads_out_of_the_tenants_folder(tenant, other_tenant, root, client_for, path):
    for shop in (tenant, other_tenant):
        with tenant_scope(shop.id):
            save(content=shop.token.encode())
    answer = client_for(tenant).get(f"/media/{tenant.public_id}/{path.format(other=other_tenant.public_id)}")
    assert answer.status_code in (400, 404)
    assert other_tenant.token.encode() not in answer.getvalue()


@pytest.mark.parametrize(
    ("name", "content_type", "disposition"),
    [
        ("a.png", "image/png", "inline"),
        ("a.JPG", "image/jpeg", "inline"),
        ("a.webp", "image/webp", "inline"),
        ("a.avif", "image/avif", "inline"),
        ("a.html", "application/octet-stream", "attachment"),
        ("a.svg", "application/octet-stream", "attachment"),
        ("a.svgz", "application/octet-stream", "attachment"),
        ("a.pdf", "application/octet-stream", "attachment"),
        ("a.js", "application/octet-stream", "attachment"),
        ("a.png.gz", "application/octet-stream", "attachment"),
        ("a", "application/octet-stream", "attachment"),
    ],
)
def test_nothing_that_is_served_can_run_as_a_page(tenant, root, client_for, name, content_type, disposition):
    with tenant_scope(tenant.id):
        address = default_storage.url(save(f"products/{name}", b"<script>alert(1)</script>"))
    answer = client_for(tenant).get(address)
    assert answer.getvalue() == b"<script>alert(1)</script>"
    assert answer.headers["Content-Type"] == content_type
    assert answer.headers["Content-Disposition"] == disposition
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert not answer.cookies


def test_media_of_a_suspended_or_unknown_host_are_not_served(tenant, client_for):
    assert client_for(tenant, host="nobody.test").get(f"/media/{tenant.public_id}/a.png").status_code == 404


# --- Buckets: over S3's own protocol -------------------------------------------------------------------------------


@pytest.fixture
def bucket(bucket_options):
    storage = TenantBucket(**bucket_options)
    yield storage
    storage.connection.meta.client.close()


def keys(s3, bucket):
    return sorted(found["Key"] for found in s3.list_objects_v2(Bucket=bucket.bucket_name).get("Contents", ()))


def test_objects_lie_below_the_tenants_public_uuid(tenant, other_tenant, bucket, s3):
    with tenant_scope(tenant.id):
        upload = ContentFile(b"one")
        upload.content_type = "text/html"  # what the uploader says
        assert bucket.save("products/a.png", upload) == "products/a.png"
        assert bucket.save("products/a.png", ContentFile(b"two")) != "products/a.png", "nothing is overwritten"
        assert f"/{bucket.bucket_name}/{tenant.public_id}/products/a.png?" in bucket.url("products/a.png")
    found = s3.head_object(Bucket=bucket.bucket_name, Key=f"{tenant.public_id}/products/a.png")
    assert (found["ContentType"], found["ContentDisposition"]) == ("image/png", "inline")
    assert all(key.startswith(f"{tenant.public_id}/") for key in keys(s3, bucket))
    with tenant_scope(other_tenant.id):
        assert not bucket.exists("products/a.png")
        bucket.delete("products/a.png")
        for name in (f"../{tenant.public_id}/products/a.png", f"a/../../{tenant.public_id}/products/a.png"):
            for ask in (bucket.exists, bucket.delete, bucket.url, bucket.size, bucket.open):
                with pytest.raises(SuspiciousOperation):
                    ask(name)
    assert len(keys(s3, bucket)) == 2


def test_objects_saved_before_a_failure_are_discarded(tenant, bucket, s3):
    with tenant_scope(tenant.id), pytest.raises(ZeroDivisionError), discard_files_on_error():
        bucket.save("products/a.png", ContentFile(b"one"))
        raise ZeroDivisionError
    assert keys(s3, bucket) == []


@pytest.mark.parametrize(
    ("options", "address"),
    [
        ({"custom_domain": "cdn.example"}, "https://cdn.example/{id}/products/a%20b.png"),
        ({"region_name": "eu-west-1"}, "https://media.s3.eu-west-1.amazonaws.com/{id}/products/a%20b.png"),
        ({"endpoint_url": "https://s3.example/"}, "https://s3.example/media/{id}/products/a%20b.png"),
    ],
)
def test_objects_that_everybody_may_read_have_plain_addresses(tenant, options, address):
    storage = TenantBucket(bucket_name="media", querystring_auth=False, **options)
    assert not storage.is_signed
    with tenant_scope(tenant.id):
        assert storage.url("products/a b.png") == address.format(id=tenant.public_id)


def test_addresses_behind_a_cdn_are_not_signed():
    assert not TenantBucket(bucket_name="media", custom_domain="cdn.example").is_signed
    assert TenantBucket(bucket_name="media").is_signed


# --- What all of our storages do -----------------------------------------------------------------------------------


def test_files_are_put_read_listed_and_removed(tenant, other_tenant, kept):
    with tenant_scope(tenant.id):
        default_storage.put("products/a.png", b"one")
        default_storage.put("products/a.png", b"other")
        default_storage.put("thumbnails/b.webp", b"two")
        assert default_storage.read("products/a.png", 5) == b"other"
        with pytest.raises(FileTooLarge, match="more than 4 bytes"):
            default_storage.read("products/a.png", 4)
        with pytest.raises(FileNotFoundError):
            default_storage.read("products/none.png", 4)
        listed = {found.name: found.size for found in default_storage.list_files()}
        assert listed == {"products/a.png": 5, "thumbnails/b.webp": 3}
        assert all(found.modified_at.tzinfo for found in default_storage.list_files())
    with tenant_scope(other_tenant.id):
        assert list(default_storage.list_files()) == []
        default_storage.remove(["products/a.png"])
        for ask in (lambda name: default_storage.put(name, b"x"), lambda name: default_storage.read(name, 9)):
            with pytest.raises(SuspiciousOperation):
                ask(f"../{tenant.public_id}/products/a.png")
        with pytest.raises(SuspiciousOperation):
            default_storage.remove([f"../{tenant.public_id}/products/a.png"])
    with tenant_scope(tenant.id):
        default_storage.remove(["products/a.png", "products/none.png"])
        assert [found.name for found in default_storage.list_files()] == ["thumbnails/b.webp"]


def test_more_is_removed_than_one_request_takes(tenant, bucket, s3, monkeypatch):
    monkeypatch.setattr("commerce.storage.bucket.MOST_AT_ONCE", 2)
    with tenant_scope(tenant.id):
        for number in range(5):
            bucket.put(f"products/{number}.png", b"x")
        bucket.remove(f"products/{number}.png" for number in range(5))
    assert keys(s3, bucket) == []


def test_files_of_a_tenant_are_named_outside_a_scope_too(tenant, other_tenant, kept):
    with files_of(tenant.id):
        default_storage.put("products/a.png", b"one")
        with tenant_scope(tenant.id):
            assert default_storage.read("products/a.png", 9) == b"one"
        with tenant_scope(other_tenant.id), pytest.raises(ScopeError, match="in a scope of tenant"):
            default_storage.read("products/a.png", 9)
        with files_of(other_tenant.id):
            assert not default_storage.exists("products/a.png")
    with pytest.raises(ScopeError):
        default_storage.read("products/a.png", 9)


def test_a_file_is_there_as_a_whole_or_not_at_all(tenant, root, monkeypatch):
    with tenant_scope(tenant.id):
        default_storage.put("products/a.png", b"one")
        monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError("killed")))
        with pytest.raises(OSError, match="killed"):
            default_storage.put("products/a.png", b"another")
    assert files(root) == [f"{tenant.public_id}/products/a.png"]
    assert (root / str(tenant.public_id) / "products/a.png").read_bytes() == b"one"


@pytest.mark.parametrize("name", ["private/x.png", "/private/x.png", "x/../private/x.png", "./private/x", "private"])
def test_what_is_private_is_shown_to_nobody(name):
    assert not is_shown(name)
    assert is_shown("products/private/x.png")
    assert is_shown("privately/x.png")


def test_files_in_a_bucket_are_redirected_to(tenant, other_tenant, kept, client_for):
    with tenant_scope(tenant.id):
        default_storage.put("products/a.png", b"one")
        default_storage.put("private/a.png", b"secret")
    address = f"/media/{tenant.public_id}/products/a.png"
    assert fetch(tenant, address)[:2] == (200, b"one")
    assert client_for(other_tenant).get(address).status_code == 404
    assert client_for(tenant).get(address.replace("products", "private")).status_code == 404
    if kept != "folder":
        answer = client_for(tenant).get(address)
        assert (answer.status_code, answer.headers["Cache-Control"]) == (302, "public, max-age=1200")


def test_the_type_comes_from_the_name():
    assert serving_headers("a.png")["Content-Type"] == "image/png"
    assert isinstance(default_storage._wrapped if default_storage.base_location else None, TenantStorage)
