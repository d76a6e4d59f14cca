"""Imports as jobs: their progress, pausing, going on, cancelling."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from catalog import operations, transfers
from catalog import tasks as tasks  # they know the jobs
from catalog.imports import FileError, ImportConflict, MappingError
from catalog.imports import jobs as imports
from catalog.imports.catalogue import running
from catalog.models import Category, Import, ImportProblem, ImportRun, Product, ReleasedFile, SearchDocument
from catalog.search import pending
from commerce.db.scope import tenant_scope
from commerce.jobs import jobs
from commerce.jobs.models import Job
from commerce.outbox.models import Event
from commerce.storage import files_of

THING = {"object": "product-type", "slug": "thing", "name": "Thing"}


@pytest.fixture(autouse=True)
def _no_worker(monkeypatch):
    """Have nobody but the test take jobs up."""
    monkeypatch.setattr(jobs, "wake", lambda *named: None)


def lines_of(products: int) -> bytes:
    """Return a file of so many products, and one more that is bad."""
    lines = [
        THING,
        *({"object": "product", "slug": f"p{n}", "name": "P", "product_type": "thing"} for n in range(products)),
    ]
    lines.append({"object": "product", "slug": "bad"})
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def start(shop, content: bytes, *, format="catalogue", file_name="shop.jsonl", **options) -> Import:
    told = {"format": format, "file_name": file_name, **options}
    one = imports.create_import(tenant_id=shop.id, now=timezone.now(), **told)
    imports.put_file(one, ContentFile(content), tenant_id=shop.id)
    return imports.start_import(one.id, tenant_id=shop.id)


def work(shop, one) -> Import:
    """Do the job that an import has now, as a worker does."""
    with tenant_scope(shop.id):
        job_id = Import.objects.get(id=one.id).job_id
    jobs.run(shop.id, job_id)
    return read(shop, one)


def read(shop, one) -> Import:
    with tenant_scope(shop.id):
        return imports.get_import(one.id)


def state_of(shop, **named):
    with tenant_scope(shop.id):
        run = ImportRun.objects.get(**named)
        return run.status, run.position, Product.objects.count()


@pytest.fixture
def before_the_second_batch(monkeypatch):
    """Return a function that has something happen before the second batch of products."""

    def install(happen):
        real, calls = running.write_products, []

        def write(*args, **options):
            calls.append(1)
            if len(calls) == 2:
                happen()
            return real(*args, **options)

        monkeypatch.setattr(running, "write_products", write)

    return install


def test_a_job_imports_and_tells_its_progress_by_row(tenant):
    one = work(tenant, start(tenant, lines_of(3)))
    job = one.job
    assert (job.status, job.done, job.total, job.error) == ("done", 5, 5, "")
    assert job.message == "4 created, 0 changed, 1 refused"
    assert transfers.status_of(one) == "finished"
    assert (one.run.created_count, one.run.refused_count) == (4, 1)
    with tenant_scope(tenant.id):
        assert ImportProblem.objects.get().line == 5
    assert state_of(tenant) == ("finished", 5, 3)


def test_refused_rows_are_kept_in_the_format_of_the_file_and_go_in_once_corrected(tenant):
    one = work(tenant, start(tenant, lines_of(1)))
    with files_of(tenant.id), default_storage.open(str(one.corrections)) as file:
        line = json.loads(file.read())
    assert line == {"object": "product", "slug": "bad", "import error": "name: is missing."}
    again = json.dumps({**line, "name": "Good", "product_type": "thing"}).encode()
    assert work(tenant, start(tenant, again, file_name="refused.jsonl")).corrections == ""
    assert state_of(tenant, file_name="refused.jsonl") == ("finished", 1, 2)


def test_an_import_that_waits_is_paused_and_gone_on_with(tenant, other_tenant):
    one = start(tenant, lines_of(600))
    with tenant_scope(tenant.id):
        assert transfers.status_of(imports.pause_import(one.id)) == "paused"
    assert transfers.status_of(work(tenant, one)) == "paused"
    with tenant_scope(tenant.id):
        assert transfers.status_of(imports.resume_import(one.id)) == "queued"
    with tenant_scope(other_tenant.id), pytest.raises(jobs.JobNotFound):
        imports.pause_import(one.id)
    assert transfers.status_of(work(tenant, one)) == "finished"
    assert state_of(tenant) == ("finished", 602, 600)


@pytest.mark.parametrize("stop", [imports.pause_import, imports.cancel_import])
def test_an_import_that_runs_stops_after_its_batch(tenant, monkeypatch, stop):
    one = start(tenant, lines_of(1200))
    real = imports._Work.advanced

    def advanced(self, progress, problems):
        real(self, progress, problems)
        if progress.position == 501:
            with tenant_scope(tenant.id):
                stop(one.id)

    monkeypatch.setattr(imports._Work, "advanced", advanced)
    done = work(tenant, one)
    word = "paused" if stop is imports.pause_import else "cancelled"
    assert (transfers.status_of(done), done.job.done) == (word, 501)
    assert state_of(tenant) == (word, 501, 500)
    with tenant_scope(tenant.id):
        if word == "cancelled":
            with pytest.raises(ImportConflict):
                imports.resume_import(one.id)
            return
        imports.resume_import(one.id)
    done = work(tenant, one)
    assert (done.job.status, done.job.done) == ("done", 1202)
    assert state_of(tenant) == ("finished", 1202, 1200)
    with tenant_scope(tenant.id):
        assert set(Product.objects.values_list("version", flat=True)) == {1}


def test_a_paused_import_is_cancelled_for_good(tenant):
    one = start(tenant, lines_of(3))
    with tenant_scope(tenant.id):
        imports.pause_import(one.id)
        assert transfers.status_of(imports.cancel_import(one.id)) == "cancelled"
        with pytest.raises(ImportConflict, match="cancelled"):
            imports.resume_import(one.id)


def test_another_worker_goes_on_after_the_last_batch(tenant, before_the_second_batch):
    one = start(tenant, lines_of(1200))

    class Killed(BaseException):
        pass

    def die():
        raise Killed

    before_the_second_batch(die)
    with pytest.raises(Killed):
        work(tenant, one)
    assert state_of(tenant) == ("running", 501, 500)
    with tenant_scope(tenant.id):  # as `revive` does once the worker is silent
        Job.objects.filter(id=one.job_id).update(status="queued", holder=None)
    done = work(tenant, one)
    assert (done.job.status, done.job.done) == ("done", 1202)
    assert state_of(tenant) == ("finished", 1202, 1200)


@pytest.mark.timeout(240)
def test_workers_that_are_killed_take_no_row_twice_and_lose_none(tenant):
    """Three processes are ended by SIGKILL while they import; a fourth one ends the work."""
    one = start(tenant, lines_of(4000))
    reached = 0
    for _ in range(3):
        process = start_worker(tenant, one)
        reached = wait_beyond(tenant, process, reached)
        process.kill()
        assert process.wait() == -signal.SIGKILL
        with tenant_scope(tenant.id):  # it has been silent for long enough
            Job.objects.filter(id=one.job_id).update(seen_at=timezone.now() - timedelta(hours=1), tries=1)
        assert (tenant.id, one.job_id) in jobs.revive()
    process = start_worker(tenant, one)
    assert process.wait(120) == 0
    done = read(tenant, one)
    assert (transfers.status_of(done), done.job.done) == ("finished", 4002)
    run = done.run
    # A row that was taken twice would be left as it is the second time.
    assert (run.created_count, run.changed_count, run.left_count, run.refused_count) == (4001, 0, 0, 1)
    assert state_of(tenant) == ("finished", 4002, 4000)
    with tenant_scope(tenant.id):
        assert set(Product.objects.values_list("version", flat=True)) == {1}
        assert ImportProblem.objects.count() == 1
        created = Event.objects.filter(type="catalog.product.created")
        assert created.count() == created.values("object_id").distinct().count() == 4000


def start_worker(shop, one):
    """Start a process that does the job of an import."""
    code = (
        "import django; django.setup()\n"
        "from uuid import UUID; from catalog import tasks; from commerce.jobs import jobs\n"
        f"jobs.run({shop.id}, UUID('{one.job_id}'))"
    )
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    return subprocess.Popen([sys.executable, "-c", code], cwd=settings.BASE_DIR, env=env)


def wait_beyond(shop, process, reached: int) -> int:
    deadline = time.monotonic() + 60
    while (position := _position(shop)) <= reached:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return position


def _position(shop) -> int:
    with tenant_scope(shop.id):
        return ImportRun.objects.values_list("position", flat=True).first() or 0


MAPPED = "product_type: Thing\nproduct: {external_reference: id, name: name}\nvariant: {sku: sku}\n"


def test_a_merchants_own_mapping_is_a_job_too(tenant):
    content = b"id,sku,name,colour\n1,S1,Cup,red\n2,,Bowl,\n"
    one = work(tenant, start(tenant, content, format="mapping", file_name="my things.csv", mapping=MAPPED))
    assert (transfers.status_of(one), one.file_name) == ("finished", "my_things.csv")
    assert one.notes == ["1 column is left aside: colour."]
    with tenant_scope(tenant.id):
        assert set(Product.objects.values_list("name", flat=True)) == {"Cup", "Bowl"}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"format": "excel"}, "'excel' is none of catalogue, shopify"),
        ({"format": "shopify", "mapping": MAPPED}, "has a mapping of its own"),
        ({"format": "mapping"}, "needs the `mapping`"),
        ({"format": "mapping", "mapping": "a: [b"}, "line 1: this is no YAML"),
        ({"format": "mapping", "mapping": "[" * 5000}, "nested too deeply|this is no YAML"),
        ({"format": "mapping", "mapping": "a: 2001-99-99"}, "cannot be read as YAML"),
        ({"format": "mapping", "mapping": MAPPED + "prizes: []"}, "prizes is not known: write prices"),
        ({"format": "mapping", "mapping": MAPPED, "file_name": "a.xls"}, "does not end in .jsonl"),
        ({"format": "shopify", "channel": "moon"}, "no channel 'moon'"),
        ({"format": "catalogue", "channel": "default-channel"}, "all channels"),
    ],
)
def test_what_cannot_be_announced_is_told(tenant, given, told):
    with pytest.raises((MappingError, FileError), match=told):
        imports.create_import(tenant_id=tenant.id, **{"file_name": "a.csv", **given}, now=timezone.now())


def test_an_import_without_its_file_does_not_start_and_none_starts_twice(tenant):
    one = imports.create_import(tenant_id=tenant.id, format="shopify", file_name="../../a b.csv", now=timezone.now())
    with tenant_scope(tenant.id):
        assert one.file_name == "a_b.csv"
        with pytest.raises(ImportConflict, match="waiting"):
            imports.pause_import(one.id)
    with pytest.raises(FileError, match="has not arrived"):
        imports.start_import(one.id, tenant_id=tenant.id)
    imports.put_file(one, ContentFile(b"Handle,Title\n"), tenant_id=tenant.id)
    imports.start_import(one.id, tenant_id=tenant.id)
    with pytest.raises(ImportConflict, match="queued"):
        imports.start_import(one.id, tenant_id=tenant.id)


def test_a_file_beyond_the_limit_is_refused(tenant, settings):
    settings.IMPORT_MOST_BYTES = 10
    with pytest.raises(FileError, match="at most 10"):
        start(tenant, lines_of(1))


def test_a_file_that_is_none_fails_the_job_with_its_reason(tenant):
    one = start(tenant, b"id,name\n1,x\n", format="shopify", file_name="a.csv")
    with pytest.raises(FileError):
        work(tenant, one)
    one = read(tenant, one)
    assert transfers.status_of(one) == "failed"
    assert "no product CSV of Shopify" in one.job.error
    with tenant_scope(tenant.id):
        assert transfers.status_of(imports.resume_import(one.id)) == "queued"


# --- Bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mark", "encoding"), [(b"", "latin-1"), (b"\xef\xbb\xbf", "utf-8"), (b"", "utf-8")])
def test_latin_1_and_byte_order_marks_are_taken(tenant, mark, encoding):
    content = mark + "id,sku,name\n1,S1,Café\n".encode(encoding)
    one = work(tenant, start(tenant, content, format="mapping", file_name="a.csv", mapping=MAPPED))
    assert one.notes == (
        ["The file is no UTF-8: it was read as Windows-1252 (Latin-1)."] if encoding == "latin-1" else []
    )
    with tenant_scope(tenant.id):
        assert Product.objects.get().name == "Café"


def test_half_a_quote_is_named_by_its_line_and_the_rows_before_it_are_in(tenant):
    content = b'id,sku,name\n1,S1,Cup\n2,S2,"Bowl\n3,S3,Jar\n'
    one = start(tenant, content, format="mapping", file_name="a.csv", mapping=MAPPED)
    with pytest.raises(FileError, match="line 3: the file ends inside a quoted cell"):
        work(tenant, one)
    assert "line 3" in read(tenant, one).job.error
    with tenant_scope(tenant.id):
        assert Product.objects.get().name == "Cup"


def test_a_field_of_10_mb_is_refused_with_its_row_alone(tenant):
    huge = b"x" * (10 * 1024 * 1024)
    content = b"id,sku,name\n1,S1,Cup\n2,S2," + huge + b"\n3,S3,Jar\n"
    one = work(tenant, start(tenant, content, format="mapping", file_name="a.csv", mapping=MAPPED))
    assert transfers.status_of(one) == "finished"
    with tenant_scope(tenant.id):
        problems = list(ImportProblem.objects.values_list("line", "reason"))
        assert {line for line, _ in problems} == {3}
        assert "10,485,760 characters" in problems[0][1]
        assert set(Product.objects.values_list("name", flat=True)) == {"Cup", "Jar"}


def test_a_description_of_a_million_characters_is_taken_and_searched(tenant):
    words = " ".join(f"word{n:x}" for n in range(200_000))[:999_000]
    mapping = MAPPED.replace("name: name", "name: name, description: {column: text, format: plain}")
    content = f"id,sku,name,text\n1,S1,Cup,{words}\n2,S2,Jar,word1f\n".encode()
    one = work(tenant, start(tenant, content, format="mapping", file_name="a.csv", mapping=mapping))
    assert (one.run.created_count, one.run.refused_count) == (2, 0)
    with tenant_scope(tenant.id):
        while pending.write_some():
            pass
        assert SearchDocument.objects.values("product_id").distinct().count() == 2


def test_a_field_of_10_mb_in_a_catalogue_is_refused_with_its_line_alone(tenant):
    product = {"object": "product", "product_type": "thing"}
    lines = [
        THING,
        {**product, "slug": "cup", "name": "Cup"},
        {**product, "slug": "huge", "name": "x" * (10 * 1024 * 1024)},
        {**product, "slug": "jar", "name": "Jar"},
    ]
    one = work(tenant, start(tenant, "".join(json.dumps(line) + "\n" for line in lines).encode()))
    assert transfers.status_of(one) == "finished"
    with tenant_scope(tenant.id):
        assert ImportProblem.objects.get().line == 3
        assert set(Product.objects.values_list("slug", flat=True)) == {"cup", "jar"}


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([{"object": "category", "slug": "a", "name": "A", "parent": "a"}], "parent"),
        (
            [
                {"object": "category", "slug": "a", "name": "A"},
                {"object": "category", "slug": "b", "name": "B", "parent": "a"},
                {"object": "category", "slug": "a", "name": "A", "parent": "b"},
            ],
            "parent",
        ),
        ([{"object": "category", "slug": "a", "name": "A", "translations": {"xx-nowhere": {"name": "A"}}}], "xx"),
        ([{"object": "category", "slug": "a", "name": {"nl": "A"}}], "name"),
        ([{"object": "attribute", "slug": "a", "name": "A", "input_type": "colourful"}], "input_type"),
        (
            [
                {"object": "attribute", "slug": "size", "name": "Size", "input_type": "numeric"},
                {"object": "attribute-value", "attribute": "size", "slug": "s", "name": "S", "numeric": "large"},
            ],
            "numeric",
        ),
        ([{"object": "warehouse", "slug": "w", "name": "W", "unknown_column": 1}], "unknown_column"),
    ],
)
def test_wrong_lines_of_a_catalogue_are_refused_with_their_place(tenant, lines, told):
    good = {"object": "category", "slug": "good", "name": "Good"}
    content = "".join(json.dumps(line) + "\n" for line in [*lines, good]).encode()
    one = work(tenant, start(tenant, content))
    assert transfers.status_of(one) == "finished"
    with tenant_scope(tenant.id):
        problem = ImportProblem.objects.get()
        assert problem.line == len(lines)
        assert told in problem.column_name + problem.reason
        assert Category.objects.filter(slug="good").exists()


# --- For how long they are kept --------------------------------------------------------------------------------------


def test_what_is_over_is_forgotten_with_its_files_and_books(tenant, settings):
    settings.TRANSFER_DAYS = 1
    one = work(tenant, start(tenant, lines_of(1)))
    waits = start(tenant, lines_of(1), file_name="other.jsonl")
    names = {str(one.file), str(one.corrections)}
    with tenant_scope(tenant.id):
        assert transfers.forget(now=timezone.now()) == 0
        assert transfers.forget(now=timezone.now() + timedelta(days=2)) == 1
        assert list(Import.objects.values_list("id", flat=True)) == [waits.id]
        assert not ImportRun.objects.filter(file_name="shop.jsonl").exists()
        assert set(ReleasedFile.objects.values_list("name", flat=True)) == names
    operations.delete_released(tenant_id=tenant.id)
    with files_of(tenant.id):
        assert {name for name in (*names, str(waits.file)) if default_storage.exists(name)} == {str(waits.file)}
