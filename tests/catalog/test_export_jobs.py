"""Exports as jobs: their progress, their files, and who gets these."""

import gzip
import json
from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalog import operations, transfers
from catalog import tasks as tasks  # they know the jobs
from catalog.exports import catalogue, writing
from catalog.exports import jobs as exports
from catalog.models import Category, Export, Menu, ReleasedFile
from commerce.db.scope import tenant_scope
from commerce.errors import DomainError
from commerce.jobs import jobs
from commerce.storage import files_of
from tests.factories.catalog import make_media, make_product, make_product_type
from tests.s3 import fetch


@pytest.fixture(autouse=True)
def _no_worker(monkeypatch):
    """Have nobody but the test take jobs up."""
    monkeypatch.setattr(jobs, "wake", lambda *named: None)


@pytest.fixture
def shop(tenant):
    """Return a shop with some categories."""
    with tenant_scope(tenant.id):
        for number in range(30):
            operations.save(Category(name=f"C{number}", slug=f"c{number}"), now=timezone.now(), actor="")
    return tenant


def start(shop, format="catalogue", **options) -> Export:
    with tenant_scope(shop.id):
        return exports.start_export(format=format, now=timezone.now(), **options)


def read(shop, one) -> Export:
    with tenant_scope(shop.id):
        return exports.get_export(one.id)


def work(shop, one) -> Export:
    jobs.run(shop.id, one.job_id)
    return read(shop, one)


def content_of(shop, one) -> bytes:
    with files_of(shop.id), default_storage.open(str(one.file)) as file:
        return file.read()


def test_a_job_writes_a_whole_catalogue_into_the_storage(shop, monkeypatch):
    monkeypatch.setattr(writing, "SEEN_EVERY", 10)
    told = []
    real = exports._tell
    monkeypatch.setattr(exports, "_tell", lambda job, done, total: (told.append(done), real(job, done, total)))
    one = start(shop)
    assert transfers.status_of(one) == "queued"
    one = work(shop, one)
    assert transfers.status_of(one) == "finished"
    lines = [json.loads(line) for line in gzip.decompress(content_of(shop, one)).splitlines()]
    assert [line["slug"] for line in lines if line["object"] == "category"] == sorted(f"c{n}" for n in range(30))
    assert one.lines == len(lines) == one.job.done == one.job.total
    assert told[0] == 10
    assert one.file_name.startswith("catalogue-")
    assert one.size == len(content_of(shop, one))


def test_no_page_of_an_export_has_parts_of_products_put_in_order_by_an_index_of_the_whole_shop(shop):
    """In a scope along indexes PostgreSQL sorts nothing: it would read them all, for each page."""
    with tenant_scope(shop.id):
        kind = make_product_type("Cup", attributes=[])
        for number in range(3):
            make_media(make_product(f"Cup {number}", product_type=kind, variants=2))
    with tenant_scope(shop.id, read_only=True, along_indexes=True), CaptureQueriesContext(connection) as asked:
        lines = list(catalogue.lines())
    assert sum(len(line["variants"]) for line in lines if line["object"] == "product") == 6
    asked_of = [one["sql"] for one in asked if "product_id" in one["sql"] and " IN (" in one["sql"]]
    parts = [sql for sql in asked_of if 'FROM "catalog_variant"' in sql or 'FROM "catalog_media"' in sql]
    assert len(parts) == 2
    assert not any("ORDER BY" in sql for sql in parts)


def test_progress_is_seen_while_the_snapshot_is_open(shop, monkeypatch):
    monkeypatch.setattr(writing, "SEEN_EVERY", 10)
    one, seen = start(shop), []
    real = exports._tell

    def tell(job, done, total):
        real(job, done, total)
        with tenant_scope(shop.id):
            seen.append(exports.get_export(one.id).job.done)

    monkeypatch.setattr(exports, "_tell", tell)
    work(shop, one)
    assert seen[:3] == [10, 20, 30]


def test_a_csv_tells_what_it_cannot_hold(shop):
    with tenant_scope(shop.id):
        operations.save(Menu(name="Main", slug="main"), now=timezone.now(), actor="")
    one = work(shop, start(shop, "shopify", channel=shop.channel.slug))
    assert one.file_name.endswith(".csv")
    assert content_of(shop, one).startswith(b"Handle,Title,")
    assert one.notes == ["Not in it, as the format cannot hold it: 1 menus."]


def test_an_export_that_runs_is_stopped_and_leaves_no_file(shop, monkeypatch):
    monkeypatch.setattr(writing, "SEEN_EVERY", 10)
    one = start(shop)
    real = exports._tell

    def tell(job, done, total):
        with tenant_scope(shop.id):
            if not exports.get_export(one.id).job.is_cancel_asked:
                exports.cancel_export(one.id)
        real(job, done, total)

    monkeypatch.setattr(exports, "_tell", tell)
    one = work(shop, one)
    assert (transfers.status_of(one), str(one.file)) == ("cancelled", "")
    with files_of(shop.id):
        assert list(default_storage.list_files()) == []
    with tenant_scope(shop.id), pytest.raises(exports.ExportOver):
        exports.cancel_export(one.id)


def test_a_job_that_was_killed_begins_anew(shop, monkeypatch):
    one = start(shop)

    class Killed(BaseException):
        pass

    def die(job, done, total):
        raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(exports, "_tell", die)
        work(shop, one)
    with tenant_scope(shop.id):
        exports.Export.objects.get(id=one.id)
        jobs.Job.objects.filter(id=one.job_id).update(status="queued", holder=None, done=7)
    one = work(shop, one)
    assert transfers.status_of(one) == "finished"
    assert one.job.done == one.lines


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"format": "excel"}, "none of catalogue, shopify"),
        ({"format": "catalogue", "channel": "default-channel"}, "all channels"),
        ({"format": "shopify", "channel": "moon"}, "no channel 'moon'"),
    ],
)
def test_what_cannot_be_exported_is_told(tenant, given, told):
    with pytest.raises(DomainError, match=told):
        start(tenant, **given)


def test_the_file_is_for_holders_of_an_address_at_this_shop(shop, kept):
    one = work(shop, start(shop))
    found = transfers.make_download(one.file, tenant_id=shop.id, file_name=one.file_name, now=timezone.now())
    status, content, headers = fetch(shop, found.url)
    assert (status, content) == (200, content_of(shop, one))
    assert headers["Content-Disposition"].startswith("attachment;")
    assert one.file_name in headers["Content-Disposition"]
    for forged in (found.url[:-1] + ("A" if found.url[-1] != "A" else "B"), found.url.replace("token", "tokem")):
        if kept == "folder":
            assert fetch(shop, forged)[0] == 403
    with files_of(shop.id):
        plain = default_storage.url(str(one.file)).partition("?")[0]
    assert fetch(shop, plain)[0] in (403, 404)


def test_an_address_is_of_one_shop(shop, other_tenant):
    one = work(shop, start(shop))
    found = transfers.make_download(one.file, tenant_id=shop.id, file_name=one.file_name, now=timezone.now())
    assert fetch(other_tenant, found.url)[0] == 403


def test_an_address_is_over_after_a_while(shop, monkeypatch):
    one = work(shop, start(shop))
    monkeypatch.setattr(transfers, "ADDRESS_SECONDS", -1)
    found = transfers.make_download(one.file, tenant_id=shop.id, file_name=one.file_name, now=timezone.now())
    answer = Client().get(found.url, headers={"host": shop.host})
    assert answer.status_code == 403
    assert "time for this download is over" in answer.json()["error"]


def test_there_is_no_download_before_the_end(shop):
    with pytest.raises(transfers.FileGone):
        transfers.make_download(start(shop).file, tenant_id=shop.id, file_name="x", now=timezone.now())


def test_old_exports_go_with_their_files_and_one_that_works_stays(shop):
    done, waits = work(shop, start(shop)), start(shop)
    with tenant_scope(shop.id):
        assert transfers.forget(now=timezone.now() + timedelta(days=40)) == 1
        assert list(Export.objects.values_list("id", flat=True)) == [waits.id]
        assert list(ReleasedFile.objects.values_list("name", flat=True)) == [str(done.file)]


def test_beat_has_them_forgotten_of_all_shops(shop, settings):
    settings.TRANSFER_DAYS = -1
    one = work(shop, start(shop))
    assert tasks.forget_transfers() >= 1
    with tenant_scope(shop.id):
        assert not Export.objects.filter(id=one.id).exists()
