"""Stored files go after the transaction in which the last row ceased to name them, whatever is killed in between."""

import os
import subprocess
import sys
from datetime import timedelta
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from catalog import operations, subscribers
from catalog.files import tasks
from catalog.models import AttributeValue, Category, Media, Product, ReleasedFile, Thumbnail, Upload
from catalog.operations.thumbnails import possible_names, thumbnail_name
from catalog.queries.files import list_all_named, naming_columns
from commerce.db.scope import tenant_scope
from commerce.jobs import broker
from commerce.outbox import EventRecord
from commerce.storage import files_of
from tests.catalog.media_kit import picture, store, stored
from tests.factories import catalog as make
from tests.factories.tenants import Shop


@pytest.fixture
def folder(settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path)
    return tmp_path


def product_with(shop: Shop, *names: str) -> Product:
    """Return a product with these stored pictures, the first of which has thumbnails."""
    for name in names:
        store(shop, name, picture())
    with tenant_scope(shop.id):
        product = make.make_product()
        made = [make.make_media(product, file=name) for name in names]
    wanted = operations.Wanted("ProductMedia", made[0].id, names[0], 64, "WEBP")
    assert operations.make_thumbnail(wanted, tenant_id=shop.id, now=timezone.now())
    return product


def released(shop: Shop) -> set[str]:
    with tenant_scope(shop.id):
        return set(ReleasedFile.objects.values_list("name", flat=True))


def clean(shop: Shop) -> int:
    return operations.delete_released(tenant_id=shop.id)


def test_a_products_files_are_deleted_after_the_commit_and_not_before(tenant, other_tenant, kept):
    product = product_with(tenant, "products/a.png", "products/b.png")
    product_with(other_tenant, "products/a.png")
    names, others = stored(tenant), stored(other_tenant)
    assert len(names) == 3
    with tenant_scope(tenant.id):
        operations.delete(product, now=timezone.now())
        assert stored(tenant) == names
    assert stored(tenant) == names
    assert released(tenant) == {"products/a.png", "products/b.png"}
    assert clean(tenant) == 2
    assert (stored(tenant), released(tenant), stored(other_tenant)) == (set(), set(), others)
    with tenant_scope(tenant.id):
        assert not Thumbnail.objects.exists()
    assert clean(tenant) == 0


def test_nothing_is_deleted_that_was_not_committed(tenant, folder):
    product = product_with(tenant, "products/a.png")
    before = stored(tenant)
    with pytest.raises(ZeroDivisionError), tenant_scope(tenant.id):
        operations.delete(product, now=timezone.now())
        raise ZeroDivisionError
    assert released(tenant) == set()
    assert (clean(tenant), stored(tenant)) == (0, before)


def test_a_file_stays_while_another_row_names_it(tenant, folder):
    product = product_with(tenant, "products/a.png")
    with tenant_scope(tenant.id):
        other = make.make_product()
        shared = make.make_media(other, file="products/a.png")
        category = make.make_category(background_image="products/a.png")
        operations.delete(product, now=timezone.now())
    before = stored(tenant)
    assert (clean(tenant), stored(tenant), released(tenant)) == (0, before, set())
    with tenant_scope(tenant.id):
        operations.delete(shared, now=timezone.now())
    assert (clean(tenant), stored(tenant)) == (0, before)
    with tenant_scope(tenant.id):
        category.background_image = ""
        operations.save(category, now=timezone.now())
    assert (clean(tenant), stored(tenant)) == (1, set())


@pytest.mark.parametrize("way", ["replaced", "updated", "deleted at once", "by SQL"])
def test_every_way_of_naming_it_no_longer_counts(tenant, folder, way):
    store(tenant, "categories/a.png", picture())
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        category = make.make_category(background_image="categories/a.png")
        if way == "replaced":
            category.background_image = store(tenant, "categories/b.png", picture())
            operations.save(category, now=timezone.now())
        elif way == "updated":
            Category.objects.update(background_image="")
        elif way == "deleted at once":
            Category.objects.all().delete()
        else:
            cursor.execute("DELETE FROM catalog_category")
    assert released(tenant) == {"categories/a.png"}
    clean(tenant)
    assert stored(tenant) == ({"categories/b.png"} if way == "replaced" else set())


def test_files_of_values_go_and_addresses_elsewhere_are_nobodys_business(tenant, folder):
    store(tenant, "values/a.pdf", b"%PDF-1.7")
    with tenant_scope(tenant.id):
        attribute = make.make_attribute(input_type="file")
        for name in ("values/a.pdf", "https://elsewhere.example/b.pdf"):
            AttributeValue.objects.create(attribute=attribute, slug=name[-5:], name=name, file_url=name)
        operations.delete(attribute, now=timezone.now())
    assert released(tenant) == {"values/a.pdf"}
    clean(tenant)
    assert stored(tenant) == set()


def test_a_change_of_something_else_releases_nothing(tenant, folder):
    product_with(tenant, "products/a.png")
    with tenant_scope(tenant.id):
        media = Media.objects.get()
        media.alt = "Another word"
        operations.save(media, now=timezone.now())
        Media.objects.update(position=5)
    assert released(tenant) == set()


def test_every_column_that_names_files_has_its_triggers():
    """A FileField that was forgotten would leave its files for ever."""
    columns = {(c.model._meta.db_table, c.name) for c in naming_columns() if c.model is not Upload}
    assert ("catalog_media", "file") in columns
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT c.relname, encode(t.tgargs, 'escape'), array_agg(t.tgname::text ORDER BY t.tgname)
            FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE t.tgfoid = 'release_file'::regproc
            GROUP BY 1, 2"""
        )
        found = {(table, argument.removesuffix("\\000")): names for table, argument, names in cursor.fetchall()}
    assert set(found) == columns
    assert all([name.rpartition("_")[2] for name in names] == ["changed", "deleted"] for names in found.values())


# --- Killed in between -----------------------------------------------------------------------------------------------

KILLED = """
import os, signal, sys
import django
django.setup()
from catalog.operations import delete_released
from commerce.storage import TenantStorage
delete = TenantStorage.delete
def killed_after_the_first(self, name):
    delete(self, name)
    os.kill(os.getpid(), signal.SIGKILL)
TenantStorage.delete = killed_after_the_first
delete_released(tenant_id=int(sys.argv[1]))
"""


def test_a_worker_that_is_killed_leaves_the_rest_to_the_next_one(tenant, folder):
    product = product_with(tenant, "products/a.png", "products/b.png")
    with tenant_scope(tenant.id):
        operations.delete(product, now=timezone.now())
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "MEDIA_ROOT": str(folder)}
    ended = subprocess.run([sys.executable, "-c", KILLED, str(tenant.id)], env=environment, timeout=60)
    assert ended.returncode == -9
    assert len(stored(tenant)) == 2, "it got as far as the first one"
    assert released(tenant) == {"products/a.png", "products/b.png"}
    assert clean(tenant) == 2
    assert (stored(tenant), released(tenant)) == (set(), set())


def test_more_than_a_batch_and_two_at_once(tenant, folder):
    with tenant_scope(tenant.id):
        product = make.make_product()
        for number in range(7):
            make.make_media(product, file=store(tenant, f"products/Ä{number}_{'x' * number}.png", picture()))
        operations.delete(product, now=timezone.now())
    assert operations.delete_released(tenant_id=tenant.id, batch=2) == 7
    assert stored(tenant) == set()


def test_thumbnails_that_no_row_tells_of_go_with_their_source(tenant, folder):
    """Their maker was killed before it could write them down."""
    product = product_with(tenant, "products/a.png")
    lost = store(tenant, thumbnail_name("products/a.png", 512, ".avif"), b"...")
    assert lost in possible_names("products/a.png")
    with tenant_scope(tenant.id):
        operations.delete(product, now=timezone.now())
    clean(tenant)
    assert stored(tenant) == set()


def test_a_storage_that_fails_loses_nothing(tenant, folder, monkeypatch):
    product = product_with(tenant, "products/a.png")
    with tenant_scope(tenant.id):
        operations.delete(product, now=timezone.now())
    with monkeypatch.context() as patch, pytest.raises(OSError, match="away"):
        patch.setattr("commerce.storage.TenantStorage.delete", lambda *_: (_ for _ in ()).throw(OSError("away")))
        clean(tenant)
    assert released(tenant) == {"products/a.png"}
    assert clean(tenant) == 1


# --- Who tells workers -----------------------------------------------------------------------------------------------


def event(shop: Shop, type_: str) -> EventRecord:
    moment = timezone.now()
    return EventRecord(shop.id, uuid4(), type_, "Product", uuid4(), 1, {}, "", moment, 0)


def told(shop: Shop) -> int:
    """Return how many messages wait that tell workers of a shop's files."""
    waiting = broker.peek("bulk", at_most=10_000)
    return sum((one.task, one.tenant_id) == ("catalog.files.tasks.delete_files", shop.id) for one in waiting)


def test_a_worker_is_told_after_an_event_and_not_of_each_of_many(tenant, other_tenant):
    for shop in (tenant, tenant, other_tenant, tenant):
        subscribers._delete_files(event(shop, "catalog.product.deleted"))
    assert (told(tenant), told(other_tenant)) == (1, 1)


def test_a_broker_that_is_away_stops_no_event(tenant, monkeypatch, caplog):
    def away(**_):
        raise ConnectionError("away")

    monkeypatch.setattr(tasks.delete_files, "apply_async", away)
    subscribers._delete_files(event(tenant, "catalog.media.deleted"))
    assert "beat finds them" in caplog.text


def test_beat_finds_what_no_worker_was_told_of(tenant, other_tenant, folder):
    product = product_with(tenant, "products/a.png")
    with tenant_scope(tenant.id):
        operations.delete(product, now=timezone.now())
    before = told(tenant)  # the relay may have told a worker too
    assert tasks.sweep_files() >= 1
    assert told(tenant) > before
    assert told(other_tenant) == 0
    assert tasks.delete_files(tenant_id=tenant.id) == 1
    assert stored(tenant) == set()


# --- Orphans ---------------------------------------------------------------------------------------------------------


def orphans(shop: Shop, *options: str) -> list[str]:
    out = StringIO()
    call_command("media", "orphans", "--tenant", shop.slug, *options, stdout=out)
    return out.getvalue().splitlines()


def age(shop: Shop, folder, hours: float) -> None:
    moment = (timezone.now() - timedelta(hours=hours)).timestamp()
    for path in (folder / str(shop.public_id)).rglob("*"):
        os.utime(path, (moment, moment))


def test_orphans_are_listed_and_deleted_when_asked(tenant, other_tenant, folder):
    product_with(tenant, "products/a.png")
    named = stored(tenant)
    folders = ("products", "thumbnails", "values", "private/uploads", "private/imports/1")
    lost = {f"{name}/lost" for name in folders}
    for name in (*lost, "products/.0123.part"):
        store(tenant, name, b"lost")
    store(other_tenant, "products/lost.png", b"lost")
    with tenant_scope(tenant.id):
        assert named <= set(list_all_named())
    assert orphans(tenant) == [f"{tenant.slug}: 0 orphans, 0 bytes"], "they are young"
    age(tenant, folder, 25)
    found = orphans(tenant)
    assert found[-1] == f"{tenant.slug}: 6 orphans, 24 bytes"
    assert {line.split()[1] for line in found[:-1]} == {*lost, "products/.0123.part"}
    assert len(stored(tenant)) == len(named) + 6
    assert orphans(tenant, "--delete")[-1] == f"{tenant.slug}: 6 orphans, 24 bytes, deleted"
    assert stored(tenant) == named
    assert stored(other_tenant) == {"products/lost.png"}


def test_orphans_in_a_bucket(tenant, kept, folder):
    store(tenant, "products/lost.png", b"lost")
    before = timezone.now() + timedelta(seconds=5)
    found = list(operations.list_orphans(tenant_id=tenant.id, before=before))
    assert [(one.name, one.size) for one in found] == [("products/lost.png", 4)]
    operations.delete_orphans(found, tenant_id=tenant.id)
    assert stored(tenant) == set()


def test_the_command_says_what_it_cannot_do(tenant):
    with pytest.raises(CommandError, match="no tenant 'nobody'"):
        call_command("media", "orphans", "--tenant", "nobody")
    with pytest.raises(CommandError, match="1 hour or more"):
        call_command("media", "orphans", "--tenant", tenant.slug, "--older-than", "0")


def test_what_waits_is_deleted_by_hand(tenant, folder):
    product = product_with(tenant, "products/a.png")
    with tenant_scope(tenant.id):
        operations.delete(product, now=timezone.now())
    out = StringIO()
    call_command("media", "clean", "--tenant", tenant.slug, stdout=out)
    assert out.getvalue() == f"{tenant.slug}: 1 files deleted\n"
    with files_of(tenant.id):
        assert stored(tenant) == set()
