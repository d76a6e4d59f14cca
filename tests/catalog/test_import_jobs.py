"""Imports as jobs: their progress, pausing, going on, cancelling."""

import json
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from catalog import tasks  # noqa: F401  they know the jobs
from catalog.imports import FileError, ImportConflict, MappingError
from catalog.imports import jobs as imports
from catalog.imports.catalogue import running
from catalog.models import ImportProblem, ImportRun, Product
from commerce.db.scope import tenant_scope
from commerce.jobs import jobs
from commerce.jobs.models import Job

THING = {"object": "product-type", "slug": "thing", "name": "Thing"}


@pytest.fixture(autouse=True)
def _no_worker(monkeypatch):
    """Have nobody but the test take jobs up."""
    monkeypatch.setattr(jobs, "wake", lambda *named: None)


def store(shop, products: int) -> str:
    """Store a file of so many products, one of them bad; return its name."""
    lines = [
        THING,
        *({"object": "product", "slug": f"p{n}", "name": "P", "product_type": "thing"} for n in range(products)),
    ]
    lines.append({"object": "product", "slug": "bad"})
    content = "".join(json.dumps(line) + "\n" for line in lines).encode()
    with tenant_scope(shop.id):
        return default_storage.save(f"{imports.FOLDER}{uuid4()}/shop.jsonl", ContentFile(content))


def start(shop, name, **options):
    with tenant_scope(shop.id):
        return imports.start_import(file=name, format="catalogue", **options)


def job_of(shop, id) -> Job:
    with tenant_scope(shop.id):
        return Job.objects.get(id=id)


def state_of(shop):
    with tenant_scope(shop.id):
        run = ImportRun.objects.get()
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
    job_id = start(tenant, store(tenant, 3))
    jobs.run(tenant.id, job_id)
    job = job_of(tenant, job_id)
    assert (job.status, job.done, job.total, job.error) == ("done", 5, 5, "")
    assert job.message == "4 created, 0 changed, 1 refused"
    with tenant_scope(tenant.id):
        assert ImportProblem.objects.get().line == 5
    assert state_of(tenant) == ("finished", 5, 3)


def test_an_import_that_waits_is_paused_and_gone_on_with(tenant, other_tenant):
    job_id = start(tenant, store(tenant, 600))
    with tenant_scope(tenant.id):
        imports.pause_import(job_id)
    jobs.run(tenant.id, job_id)
    assert job_of(tenant, job_id).status == "cancelled"
    with tenant_scope(tenant.id):
        again = imports.resume_import(job_id)
    with tenant_scope(other_tenant.id), pytest.raises(jobs.JobNotFound):
        imports.pause_import(again)
    jobs.run(tenant.id, again)
    assert job_of(tenant, again).status == "done"
    assert state_of(tenant) == ("finished", 602, 600)


@pytest.mark.parametrize("stop", [imports.pause_import, imports.cancel_import])
def test_an_import_that_runs_stops_after_its_batch(tenant, monkeypatch, stop):
    job_id = start(tenant, store(tenant, 1200))
    real = imports._Watcher.advanced

    def advanced(self, progress, problems):
        real(self, progress, problems)
        if progress.position == 501:
            with tenant_scope(tenant.id):
                stop(job_id)

    monkeypatch.setattr(imports._Watcher, "advanced", advanced)
    jobs.run(tenant.id, job_id)
    job = job_of(tenant, job_id)
    assert (job.status, job.done) == ("cancelled", 501)
    is_pause = stop is imports.pause_import
    assert state_of(tenant) == ("paused" if is_pause else "cancelled", 501, 500)
    with tenant_scope(tenant.id):
        if not is_pause:
            with pytest.raises(ImportConflict):
                imports.resume_import(job_id)
            return
        again = imports.resume_import(job_id)
    jobs.run(tenant.id, again)
    assert (job_of(tenant, again).status, job_of(tenant, again).done) == ("done", 1202)
    assert state_of(tenant) == ("finished", 1202, 1200)
    with tenant_scope(tenant.id):
        assert set(Product.objects.values_list("version", flat=True)) == {1}


def test_another_worker_goes_on_after_the_last_batch(tenant, before_the_second_batch):
    job_id = start(tenant, store(tenant, 1200))

    class Killed(BaseException):
        pass

    def die():
        raise Killed

    before_the_second_batch(die)
    with pytest.raises(Killed):
        jobs.run(tenant.id, job_id)
    assert state_of(tenant) == ("running", 501, 500)
    with tenant_scope(tenant.id):  # as `revive` does once the worker is silent
        Job.objects.filter(id=job_id).update(status="queued", holder=None)
    jobs.run(tenant.id, job_id)
    assert (job_of(tenant, job_id).status, job_of(tenant, job_id).done) == ("done", 1202)
    assert state_of(tenant) == ("finished", 1202, 1200)


def test_what_cannot_be_started_is_told(tenant):
    with tenant_scope(tenant.id):
        with pytest.raises(MappingError):
            imports.start_import(file=f"{imports.FOLDER}x", format="excel")
        for name in ("products/shirt.jpg", f"{imports.FOLDER}none.csv", f"{imports.FOLDER}../uploads/x"):
            with pytest.raises(FileError):
                imports.start_import(file=name, format="shopify")
        other = jobs.start("test.other", {})
        with pytest.raises(jobs.JobNotFound):
            imports.cancel_import(other)


def test_a_file_that_is_none_fails_the_job_with_its_reason(tenant):
    with tenant_scope(tenant.id):
        name = default_storage.save(f"{imports.FOLDER}{uuid4()}/a.csv", ContentFile(b"id,name\n1,x\n"))
        job_id = imports.start_import(file=name, format="shopify")
    with pytest.raises(FileError):
        jobs.run(tenant.id, job_id)
    job = job_of(tenant, job_id)
    assert job.status == "failed"
    assert "no product CSV of Shopify" in job.error
