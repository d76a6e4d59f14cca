"""Imports and exports by REST."""

import gzip
import json
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from catalog import tasks  # noqa: F401  they know the jobs
from catalog.exports import jobs as exports
from catalog.imports import jobs as imports
from catalog.models import Import, Product
from commerce.db import positions
from commerce.db.read_after import COOKIE, token_of
from commerce.db.scope import tenant_scope
from commerce.jobs import jobs
from tests.rest.conftest import Office, make_key
from tests.s3 import fetch

CSV = b"Handle,Title,Variant Price,Colour\ncup,Cup,5,red\nbowl,Bowl,x,\njar,Jar,7,\n"
MAPPING = "product_type: Thing\nproduct: {external_reference: id, name: name}\n"


@pytest.fixture(autouse=True)
def _no_worker(monkeypatch):
    """Have nobody but the test take jobs up."""
    monkeypatch.setattr(jobs, "wake", lambda *named: None)


def send(office, content=CSV, *, name="products.csv", headers=None, **fields):
    """Send a file along with its import."""
    body = encode_multipart(BOUNDARY, {**fields, "file": SimpleUploadedFile(name, content)})
    return office("POST", "imports", body, Content_Type=MULTIPART_CONTENT, **(headers or {}))


def work(office, kind, one):
    """Do a job as a worker does; the office's next answers are from after that."""
    with tenant_scope(office.shop.id):
        get = imports.get_import if kind == "imports" else exports.get_export
        job_id = get(one["id"]).job_id
    try:
        jobs.run(office.shop.id, job_id)
    finally:
        office.client.cookies[COOKIE] = token_of(positions.last_written())


def names(shop):
    with tenant_scope(shop.id):
        return set(Product.objects.values_list("name", flat=True))


def test_a_file_that_comes_along_is_taken_in_and_its_refused_rows_are_to_be_had(office, kept):
    shop = office.shop
    answer = send(office, format="shopify")
    assert answer.status_code == 201, answer.data
    one = answer.data
    assert (one["status"], one["file_name"], one["size"], one["upload"]) == ("queued", "products.csv", len(CSV), None)
    assert (one["done"], one["total"], one["finished_at"]) == (0, None, None)
    work(office, "imports", one)
    one = office.get(f"imports/{one['id']}")
    assert (one["status"], one["done"], one["total"]) == ("finished", 3, 3)
    assert [one[f"{what}_count"] for what in ("created", "changed", "left", "refused")] == [2, 0, 0, 1]
    assert one["notes"] == ["1 column is left aside: Colour."]
    assert one["has_error_file"]
    assert names(shop) == {"Cup", "Jar"}
    (problem,) = office.get(f"imports/{one['id']}/problems")["items"]
    assert (problem["row"], problem["line"], problem["source"]) == (2, 3, "bowl,Bowl,x,")
    assert problem["column"] == "Variant Price"
    found = office.get(f"imports/{one['id']}/error-file")
    assert found["file_name"] == "products-refused.csv"
    status, content, _ = fetch(shop, found["url"])
    assert status == 200
    assert content.decode().splitlines()[0] == "Handle,Title,Variant Price,Colour,import error"
    again = content.replace(b"bowl,Bowl,x", b"bowl,Bowl,6")
    work(office, "imports", send(office, again, format="shopify").data)
    assert names(shop) == {"Cup", "Jar", "Bowl"}


def test_a_file_is_announced_sent_to_the_storage_and_started(office, kept):
    shop = office.shop
    lines = [{"object": "product-type", "slug": "thing", "name": "Thing"}]
    lines.append({"object": "product", "slug": "cup", "name": "Cup", "product_type": "thing"})
    content = gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode())
    wanted = {"format": "catalogue", "file_name": "shop.jsonl.gz", "size": len(content)}
    one = office("POST", "imports", wanted).data
    assert one["status"] == "waiting"
    refused = office("POST", f"imports/{one['id']}/start")
    assert (refused.status_code, refused.data["field"]) == (422, "file")
    assert post(shop, one["upload"], content) == 204
    started = office("POST", f"imports/{one['id']}/start")
    assert (started.status_code, started.data["status"], started.data["upload"]) == (200, "queued", None)
    assert office("POST", f"imports/{one['id']}/start").status_code == 409
    work(office, "imports", one)
    assert names(shop) == {"Cup"}


def post(shop, form, content) -> int:
    file = SimpleUploadedFile("x", content)
    if form["url"].startswith("/"):
        return Client(headers={"host": shop.host}).post(form["url"], {**form["fields"], "file": file}).status_code
    import requests

    return requests.post(form["url"], data=form["fields"], files={"file": content}, timeout=10).status_code


def test_files_larger_than_pictures_may_be_are_sent_too(office, settings):
    settings.MEDIA_MOST_BYTES = 1000
    content = b"Handle,Title\n" + b"".join(b"p%d,P\n" % n for n in range(10_000))
    wanted = {"format": "shopify", "file_name": "a.csv", "size": len(content)}
    form = office("POST", "imports", wanted).data["upload"]
    assert post(office.shop, form, content + b" " * 100_000) == 413
    assert post(office.shop, form, content) == 204
    assert post(office.shop, {**form, "url": form["url"].partition("?")[0]}, content) == 413
    settings.IMPORT_MOST_BYTES = 2000
    answer = office("POST", "imports", {**wanted, "size": 3000})
    assert (answer.status_code, answer.data["field"]) == (422, "file")


def test_an_import_is_paused_gone_on_with_and_cancelled(office):
    one = send(office, format="shopify").data
    path = f"imports/{one['id']}"
    assert office("POST", f"{path}/pause").data["status"] == "paused"
    assert office("POST", f"{path}/pause").status_code == 409
    assert office("POST", f"{path}/resume").data["status"] == "queued"
    assert office("POST", f"{path}/cancel").data["status"] == "cancelled"
    refused = office("POST", f"{path}/resume")
    assert (refused.status_code, refused.data["code"]) == (409, "CONFLICT")


def test_a_merchants_own_mapping_comes_along(office):
    one = send(office, b"id,name\n1,Cup\n", name="things.csv", format="mapping", mapping=MAPPING).data
    work(office, "imports", one)
    assert names(office.shop) == {"Cup"}


def test_a_file_that_cannot_be_used_says_why(office):
    one = send(office, b"id,name\n1,Cup\n", format="shopify").data
    with pytest.raises(Exception, match="no product CSV"):
        work(office, "imports", one)
    one = office.get(f"imports/{one['id']}")
    assert (one["status"], one["error"]) == (
        "failed",
        "line 1: this is no product CSV of Shopify: it has no column Handle.",
    )


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"format": "excel"}, "format"),
        ({}, "format"),
        ({"format": "shopify", "colour": "red"}, "colour"),
        ({"format": "shopify", "channel": "moon"}, "channel"),
        ({"format": "mapping"}, "mapping"),
        ({"format": "mapping", "mapping": "a: ["}, "mapping"),
        ({"format": "mapping", "mapping": MAPPING + "x: 1\n"}, "x"),
    ],
)
def test_what_is_wrong_is_named(office, fields, field):
    answer = send(office, **fields)
    assert (answer.status_code, answer.data["field"]) == (422, field)
    with tenant_scope(office.shop.id):
        assert not Import.objects.exists()


def test_a_body_without_a_file_or_too_large_is_refused(office):
    body = encode_multipart(BOUNDARY, {"format": "shopify"})
    answer = office("POST", "imports", body, Content_Type=MULTIPART_CONTENT)
    assert (answer.status_code, answer.data["field"]) == (422, "file")
    assert send(office, b"", format="shopify").status_code == 422
    assert send(office, b"x" * (11 * 1024 * 1024), format="shopify").status_code == 413


def test_a_key_is_needed_with_permission_and_scope(tenant):
    assert Client(headers={"host": tenant.host}).get("/api/v1/imports").status_code == 401
    for key in (make_key(tenant, "MANAGE_ORDERS"), make_key(tenant, scopes=["stock:read"])):
        office = Office(tenant, key)
        assert [office("GET", path).status_code for path in ("imports", "exports")] == [403, 403]
        assert send(office, format="shopify").status_code == 403
    reader = Office(tenant, make_key(tenant, scopes=["catalog:read"]))
    assert reader("GET", "imports").status_code == 200
    assert reader("POST", "exports", {"format": "catalogue"}).status_code == 403


PERMISSIONS = [
    "MANAGE_PRODUCTS",
    "MANAGE_PRODUCT_TYPES_AND_ATTRIBUTES",
    "MANAGE_TRANSLATIONS",
    "MANAGE_PAGES",
    "MANAGE_PAGE_TYPES_AND_ATTRIBUTES",
    "MANAGE_MENUS",
]


@pytest.mark.parametrize("missing", PERMISSIONS)
def test_a_whole_catalogue_is_for_who_may_read_and_write_all_of_it(tenant, office, missing):
    """What holds everything asks for what every part of it asks for."""
    line = b'{"object": "catalogue", "version": 1, "channels": []}\n'
    theirs = send(office, line, name="c.jsonl", format="catalogue").data["id"]
    out = office("POST", "exports", {"format": "catalogue"}).data["id"]
    less = Office(tenant, make_key(tenant, *(code for code in PERMISSIONS if code != missing)))
    announced = {"format": "catalogue", "file_name": "c.jsonl", "size": 10}
    for method, path, body in (
        ("POST", "imports", announced),
        ("POST", f"imports/{theirs}/start", None),
        ("POST", f"imports/{theirs}/pause", None),
        ("POST", f"imports/{theirs}/resume", None),
        ("POST", f"imports/{theirs}/cancel", None),
        ("GET", f"imports/{theirs}/problems", None),
        ("GET", f"imports/{theirs}/error-file", None),
        ("POST", "exports", {"format": "catalogue"}),
        ("GET", f"exports/{out}/file", None),
        ("POST", f"exports/{out}/cancel", None),
    ):
        assert (path, less(method, path, body).status_code) == (path, 403)
    assert send(less, line, name="c.jsonl", format="catalogue").status_code == 403
    may_import = missing not in PERMISSIONS[:2]
    assert send(less, format="shopify").status_code == (201 if may_import else 403)
    assert less("POST", "exports", {"format": "shopify"}).status_code == (403 if missing == PERMISSIONS[0] else 201)


@pytest.mark.parametrize("scopes", [["catalog:write"], ["catalog:write", "stock:write", "translations:write"]])
def test_a_whole_catalogue_needs_every_scope(tenant, scopes):
    office = Office(tenant, make_key(tenant, scopes=scopes))
    announced = {"file_name": "c.jsonl", "size": 10}
    assert office("POST", "imports", {**announced, "format": "catalogue"}).status_code == 403
    assert office("POST", "imports", {**announced, "format": "shopify", "file_name": "p.csv"}).status_code == 201
    office = Office(tenant, make_key(tenant, scopes=[*scopes, "stock:write", "translations:write", "content:write"]))
    assert office("POST", "imports", {**announced, "format": "catalogue"}).status_code == 201


def test_the_same_request_imports_once(office):
    key = {"Idempotency_Key": str(uuid4())}
    first, second = (send(office, format="shopify", headers=key) for _ in range(2))
    assert first.data["id"] == second.data["id"]
    assert second["Idempotency-Replayed"] == "true"
    with tenant_scope(office.shop.id):
        assert Import.objects.count() == 1


def test_lists_page_and_are_narrowed_by_format(office):
    made = [send(office, format="shopify").data["id"] for _ in range(3)]
    send(office, format="woocommerce")
    first = office.get("imports", limit=2, format="shopify")
    second = office.get("imports", limit=2, format="shopify", cursor=first["next_cursor"])
    assert [one["id"] for one in first["items"] + second["items"]] == made
    assert second["next_cursor"] is None


def test_a_list_takes_one_statement(office, count_sql):
    for _ in range(3):
        send(office, format="shopify")
    with count_sql() as asked:
        assert len(office.get("imports")["items"]) == 3
    assert sum('"catalog_import"' in sql for sql in asked) == 1


def test_an_export_is_started_and_fetched(office, kept):
    shop = office.shop
    work(office, "imports", send(office, format="shopify").data)
    one = office("POST", "exports", {"format": "shopify", "channel": "default-channel"})
    assert (one.status_code, one.data["status"]) == (201, "queued")
    nothing = office("GET", f"exports/{one.data['id']}/file")
    assert nothing.status_code == 404
    work(office, "exports", one.data)
    one = office.get(f"exports/{one.data['id']}")
    assert (one["status"], one["done"], one["total"]) == ("finished", 3, 3)
    found = office.get(f"exports/{one['id']}/file")
    status, content, _ = fetch(shop, found["url"])
    assert (status, len(content)) == (200, one["size"])
    assert content.count(b"\n") == 3
    assert office("POST", f"exports/{one['id']}/cancel").status_code == 409


def test_an_export_that_waits_is_cancelled(office):
    one = office("POST", "exports", {"format": "catalogue"}).data
    assert office("POST", f"exports/{one['id']}/cancel").data["status"] == "cancelled"


@pytest.mark.parametrize(
    ("body", "field"),
    [({}, "format"), ({"format": "mapping"}, "format"), ({"format": "shopify", "channel": "moon"}, "channel")],
)
def test_wrong_exports_are_refused(office, body, field):
    answer = office("POST", "exports", body)
    assert (answer.status_code, answer.data["field"]) == (422, field)
