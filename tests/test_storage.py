"""Files of tenants: in their own folder or below their own key, whoever asks for whatever name."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

import pytest
from boto3.s3.transfer import TransferConfig  # type: ignore[import-untyped]
from django.core.exceptions import SuspiciousFileOperation, SuspiciousOperation
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from commerce.db.scope import ScopeError, tenant_scope
from commerce.storage import TenantStorage, discard_files_on_error, serving_headers
from commerce.storage.bucket import TenantBucket
from tenants.media import public_id_of


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


# --- Buckets: a small stand-in for S3 on loopback -------------------------------------------------------------------


class Bucket(BaseHTTPRequestHandler):
    objects: dict[str, tuple[bytes, dict[str, str]]] = {}

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.objects[self.path] = (body, dict(self.headers))
        self._answer(200)

    def do_HEAD(self):
        self._answer(200 if self.path in self.objects else 404)

    def do_GET(self):
        found = self.objects.get(self.path.partition("?")[0])
        self._answer(200 if found else 404, found[0] if found else b"")

    def do_DELETE(self):
        self.objects.pop(self.path, None)
        self._answer(204)

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def bucket():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Bucket)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    Bucket.objects.clear()
    storage = TenantBucket(
        bucket_name="media",
        endpoint_url=f"http://127.0.0.1:{server.server_port}",
        region_name="eu-west-1",
        access_key="key",
        secret_key="secret",
        addressing_style="path",
        file_overwrite=False,
        transfer_config=TransferConfig(use_threads=False),
    )
    yield storage
    storage.connection.meta.client.close()
    server.shutdown()
    server.server_close()
    thread.join()


def test_objects_lie_below_the_tenants_public_uuid(tenant, other_tenant, bucket):
    with tenant_scope(tenant.id):
        upload = ContentFile(b"one")
        upload.content_type = "text/html"  # what the uploader says
        assert bucket.save("products/a.png", upload) == "products/a.png"
        assert bucket.save("products/a.png", ContentFile(b"two")) != "products/a.png", "nothing is overwritten"
        assert f"/media/{tenant.public_id}/products/a.png?" in bucket.url("products/a.png")
    _, headers = Bucket.objects[f"/media/{tenant.public_id}/products/a.png"]
    assert headers["Content-Type"] == "image/png"
    assert headers["Content-Disposition"] == "inline"
    assert all(key.startswith(f"/media/{tenant.public_id}/") for key in Bucket.objects)
    with tenant_scope(other_tenant.id):
        assert not bucket.exists("products/a.png")
        bucket.delete("products/a.png")
        for name in (f"../{tenant.public_id}/products/a.png", f"a/../../{tenant.public_id}/products/a.png"):
            for ask in (bucket.exists, bucket.delete, bucket.url, bucket.size, bucket.open):
                with pytest.raises(SuspiciousOperation):
                    ask(name)
    assert len(Bucket.objects) == 2


def test_objects_saved_before_a_failure_are_discarded(tenant, bucket):
    with tenant_scope(tenant.id), pytest.raises(ZeroDivisionError), discard_files_on_error():
        bucket.save("products/a.png", ContentFile(b"one"))
        raise ZeroDivisionError
    assert Bucket.objects == {}


def test_objects_of_a_public_bucket_have_the_domains_addresses(tenant):
    storage = TenantBucket(bucket_name="media", custom_domain="cdn.example", querystring_auth=False)
    with tenant_scope(tenant.id):
        assert storage.url("products/a b.png") == f"https://cdn.example/{tenant.public_id}/products/a%20b.png"


def test_the_type_comes_from_the_name():
    assert serving_headers("a.png")["Content-Type"] == "image/png"
    assert isinstance(default_storage._wrapped if default_storage.base_location else None, TenantStorage)
