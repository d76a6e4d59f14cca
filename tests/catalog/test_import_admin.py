"""Imports and exports on the admin's pages."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from catalog import (
    tasks,  # noqa: F401  they know the jobs
    transfers,
)
from catalog.exports import jobs as exports
from catalog.imports import jobs as imports
from catalog.models import Export, Import, Product
from commerce.db.scope import tenant_scope
from commerce.jobs import jobs
from tests.admin import errors, page, read_form, sign_in
from tests.s3 import fetch

CSV = b"Handle,Title,Variant Price,Colour\ncup,Cup,5,red\nbowl,Bowl,x,\n"
MAPPING = "product_type: Thing\r\nproduct: {external_reference: id, name: name}\r\n"


@pytest.fixture(autouse=True)
def _no_worker(monkeypatch):
    """Have nobody but the test take jobs up."""
    monkeypatch.setattr(jobs, "wake", lambda *named: None)


@pytest.fixture
def client(tenant):
    return sign_in(tenant, permissions=["MANAGE_PRODUCTS", "MANAGE_PRODUCT_TYPES_AND_ATTRIBUTES"])


def send(client, content=CSV, *, name="products.csv", format="shopify", **fields):
    form = read_form(client.get(page(Import, "add")))
    file = SimpleUploadedFile(name, content)
    return client.post(page(Import, "add"), {**form, "format": format, **fields, "upload": file, "_save": "Save"})


def get(shop, model=Import):
    with tenant_scope(shop.id):
        return (imports.get_import if model is Import else exports.get_export)(model.objects.get().id)


def work(shop, model=Import):
    jobs.run(shop.id, get(shop, model).job_id)
    return get(shop, model)


def press(client, one, name):
    return client.post(page(one).replace("/change/", f"/{name}/"), follow=True)


def test_a_file_is_sent_watched_and_its_refused_rows_are_fetched(tenant, client):
    answer = send(client)
    assert answer.status_code == 302, errors(answer)
    one = get(tenant)
    waiting = client.get(page(one)).content.decode()
    assert 'http-equiv="refresh"' in waiting
    assert {name for name in ("Pause", "Resume", "Cancel") if f">{name}</button>" in waiting} == {"Pause", "Cancel"}
    assert "Download" not in waiting
    work(tenant)
    done = client.get(page(one)).content.decode()
    assert "refresh" not in done
    assert "1 created, 0 changed, 0 as they were, 1 rows refused" in done
    assert re.search(r"<td>3</td><td>Variant Price</td>", done)
    assert "1 column is left aside: Colour." in done
    assert "</button></form>" not in done.partition("object-tools")[2].partition("</ul>")[0]
    found = client.get(page(one).replace("/change/", "/download/"))
    status, content, _ = fetch(tenant, found["Location"])
    assert (status, content.splitlines()[0]) == (200, b"Handle,Title,Variant Price,Colour,import error")
    listed = client.get(page(Import, "changelist")).content.decode()
    assert "products.csv" in listed


def test_an_import_is_paused_gone_on_with_and_cancelled(tenant, client):
    send(client)
    one = get(tenant)
    for name, status in (("pause", "paused"), ("resume", "queued"), ("cancel", "cancelled")):
        press(client, one, name)
        assert transfers.status_of(get(tenant)) == status
    assert "there is nothing to go on with" in press(client, one, "resume").content.decode()
    assert client.get(page(one).replace("/change/", "/pause/")).status_code == 405


def test_a_mapping_is_entered(tenant, client):
    answer = send(client, b"id,name\n1,Cup\n", name="things.csv", format="mapping", mapping=MAPPING)
    assert answer.status_code == 302, errors(answer)
    work(tenant)
    with tenant_scope(tenant.id):
        assert Product.objects.get().name == "Cup"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"format": "mapping"}, "needs the `mapping`"),
        ({"format": "mapping", "mapping": "product: {name: n, nom: x}"}, "nom is not known|product"),
        ({"format": "mapping", "mapping": "a: ["}, "this is no YAML"),
        ({"format": "excel"}, "Select a valid choice"),
        ({"content": b""}, "empty"),
    ],
)
def test_what_is_wrong_is_told_and_what_was_entered_stays(tenant, client, fields, told):
    answer = send(client, **fields)
    assert answer.status_code == 200
    assert re.search(told, errors(answer)), errors(answer)
    assert fields.get("mapping", "") in answer.content.decode()
    with tenant_scope(tenant.id):
        assert not Import.objects.exists()


def test_an_export_is_started_and_fetched(tenant):
    client = sign_in(tenant)
    form = read_form(client.get(page(Export, "add")))
    answer = client.post(page(Export, "add"), {**form, "format": "catalogue", "_save": "Save"})
    assert answer.status_code == 302, errors(answer)
    one = get(tenant, Export)
    early = client.get(page(one).replace("/change/", "/download/"), follow=True)
    assert "There is no such file" in early.content.decode()
    one = work(tenant, Export)
    assert "Download</a>" in client.get(page(one)).content.decode()
    found = client.get(page(one).replace("/change/", "/download/"))
    assert fetch(tenant, found["Location"])[0] == 200


def test_an_export_is_cancelled(tenant, client):
    client.post(page(Export, "add"), {"format": "shopify", "channel": "", "_save": "Save"})
    press(client, get(tenant, Export), "cancel")
    assert transfers.status_of(get(tenant, Export)) == "cancelled"


def test_a_whole_catalogue_is_for_who_may_read_and_write_all_of_it(tenant, client):
    refused = client.post(page(Export, "add"), {"format": "catalogue", "channel": "", "_save": "Save"})
    lacking = "MANAGE_TRANSLATIONS, MANAGE_PAGES, MANAGE_PAGE_TYPES_AND_ATTRIBUTES, MANAGE_MENUS"
    assert f"You need {lacking} for it." in errors(refused)
    assert lacking in errors(send(client, b"{}", name="c.jsonl", format="catalogue"))
    everything = sign_in(tenant)
    everything.post(page(Export, "add"), {"format": "catalogue", "channel": "", "_save": "Save"})
    one = get(tenant, Export)
    assert everything.get(page(one)).status_code == 200
    assert client.get(page(one)).status_code == 403
    assert client.get(page(one).replace("/change/", "/download/")).status_code == 403
    assert press(client, one, "cancel").status_code == 403


def test_others_may_not(tenant, other_tenant, client):
    send(client)
    one = get(tenant)
    stranger, neighbour = sign_in(tenant, permissions=["MANAGE_ORDERS"]), sign_in(other_tenant)
    for address in (
        page(Import, "add"),
        page(Import, "changelist"),
        page(one),
        page(one).replace("change", "download"),
    ):
        assert stranger.get(address).status_code == 403
    assert press(stranger, one, "pause").status_code == 403
    for address in (page(one), page(one).replace("/change/", "/download/")):
        assert neighbour.get(address).status_code == 302
    assert Client(headers={"host": tenant.host}).get(page(one)).status_code == 302
    press(neighbour, one, "pause")
    assert transfers.status_of(get(tenant)) == "queued"
