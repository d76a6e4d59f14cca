"""Menus, pages, files on their way, jobs."""

import io
from uuid import uuid4

import pytest
from PIL import Image

from catalog.models import PageValue
from commerce.db.scope import tenant_scope
from commerce.jobs.models import Job
from tests.factories import catalog as make
from tests.rest.conftest import Office, make_key
from tests.rest.test_catalogue import ok


def test_a_menu_is_a_tree(office, tenant):
    with tenant_scope(tenant.id):
        category = make.make_category("Clothes", slug="clothes")
    menu = ok(office("POST", "menus", {"name": "Navbar", "slug": "navbar"}))
    root = ok(office("POST", "menu-items", {"menu": "navbar", "name": "Clothes", "category": "clothes"}))
    leaf = ok(office("POST", "menu-items", {"menu": "navbar", "name": "New", "url": "/new", "parent": root["id"]}))
    assert (root["category"], leaf["level"], leaf["parent"]) == (str(category.id), 1, root["id"])
    assert [one["name"] for one in office.get("menu-items", menu=menu["id"])["items"]] == ["Clothes", "New"]
    for change, field in (({"parent": leaf["id"]}, "parent"), ({"url": "/both"}, "url")):
        refused = office("PATCH", f"menu-items/{root['id']}", change)
        assert (refused.status_code, refused.data["field"]) == (422, field), refused.data


def test_a_page_has_values_of_its_type(office, tenant):
    with tenant_scope(tenant.id):
        make.make_attribute("Topic", slug="topic", values=["News"], kind="page-type")
        make.make_attribute("Colour", slug="colour")
    ok(office("POST", "page-types", {"name": "Article", "slug": "article", "attributes": ["topic"]}))
    refused = office("POST", "page-types", {"name": "Bad", "slug": "bad", "attributes": ["colour"]})
    assert refused.status_code == 422  # an attribute of products
    body = {"title": "About", "slug": "about", "page_type": "article", "attributes": {"topic": ["News"]}}
    page = ok(office("POST", "pages", body))
    assert page["attributes"] == {"topic": [{"slug": "news", "name": "News"}]}
    path = f"pages/{page['id']}"
    changed = ok(office("PATCH", path, {"attributes": {"topic": ["Jobs"]}}))
    assert (changed["attributes"]["topic"][0]["slug"], changed["version"]) == ("jobs", page["version"] + 1)
    assert ok(office("PATCH", path, {"attributes": {"topic": ["Jobs"]}}))["version"] == changed["version"]
    with tenant_scope(tenant.id):
        assert list(PageValue.objects.values_list("value__slug", flat=True)) == ["jobs"]
    assert office("PATCH", path, {"attributes": {"colour": ["Red"]}}).data["field"] == "attributes.colour"


def picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def product(tenant, settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path)
    with tenant_scope(tenant.id):
        return make.make_product("P")


def begin(office, product, **change):
    body = {"kind": "Product", "object_id": str(product.id), "file_name": "a.png", "content_type": "image/png"}
    return office("POST", "uploads", body | {"size": len(picture()), "alt": "Red"} | change)


def send(office, started, content: bytes):
    file = io.BytesIO(content)
    file.name = "a.png"
    answer = office.client.post(started["url"], {**started["fields"], "file": file})
    assert answer.status_code < 300, answer.content


def test_a_picture_is_sent_in_two_steps(office, product):
    started = ok(begin(office, product))
    send(office, started, picture())
    path = f"uploads/{started['id']}/finish"
    finished = office("POST", path, Idempotency_Key="k-1")
    again = office("POST", path, Idempotency_Key="k-1")
    assert (finished.status_code, finished.data["resource"]) == (200, "media")
    assert (again.data, again["Idempotency-Replayed"]) == (finished.data, "true")
    shown = ok(office("GET", f"media/{finished.data['id']}"))
    assert (shown["alt"], shown["url"], shown["file"].endswith(".png")) == ("Red", "", True)
    assert office("POST", path).status_code == 404


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"kind": "Planet"}, 422, "kind"),
        ({"object_id": str(uuid4())}, 422, "object_id"),
        ({"content_type": "image/svg+xml"}, 422, "content_type"),
        ({"file_name": "a.exe"}, 422, "file_name"),
        ({"size": 0}, 422, "size"),
        ({"size": 2**40}, 422, "size"),
    ],
)
def test_a_file_that_would_not_be_taken_is_refused_at_once(office, product, change, status, field):
    refused = begin(office, product, **change)
    assert (refused.status_code, refused.data["field"]) == (status, field), refused.data


def test_what_has_not_arrived_may_be_finished_later_under_the_same_key(office, product):
    started = ok(begin(office, product))
    path = f"uploads/{started['id']}/finish"
    assert office("POST", path, Idempotency_Key="k-1").status_code == 404
    send(office, started, picture())
    assert office("POST", path, Idempotency_Key="k-1").status_code == 200


def test_what_is_no_picture_is_refused(office, product):
    started = ok(begin(office, product))
    send(office, started, b"<html>" + b" " * 20)
    refused = office("POST", f"uploads/{started['id']}/finish")
    assert refused.status_code == 422, refused.data


def test_jobs_are_seen_and_stopped_by_who_may(office, tenant):
    with tenant_scope(tenant.id):
        ours = Job.objects.create(kind="catalog.import", permission="MANAGE_PRODUCTS", total=10)
        Job.objects.create(kind="orders.export", permission="MANAGE_ORDERS")
        Job.objects.create(kind="shop.clone")
    listed = office.get("jobs")["items"]
    assert [(one["id"], one["status"], one["total"]) for one in listed] == [(str(ours.id), "queued", 10)]
    stopped = office("POST", f"jobs/{ours.id}/cancel")
    assert (stopped.status_code, stopped.data["status"]) == (200, "cancelled")
    assert office("POST", f"jobs/{ours.id}/cancel").status_code == 409
    stranger = Office(tenant, make_key(tenant, "MANAGE_ORDERS"))
    assert stranger("GET", f"jobs/{ours.id}").status_code == 404
    assert stranger("POST", f"jobs/{ours.id}/cancel").status_code == 404
