"""Long jobs: their progress is seen, they can be stopped, and go on after their worker has died."""

from uuid import uuid4

import pytest
from django.db import connections
from django.utils import timezone

from commerce.db.scope import tenant_scope
from commerce.jobs import broker as brokers
from commerce.jobs import jobs, queues
from commerce.jobs import tasks as job_tasks
from commerce.jobs.models import Job
from tests.workers.conftest import until
from tests.workers.probe import jobs as probe


def _get(shop, id) -> Job:
    with tenant_scope(shop.id):
        return Job.objects.get(id=id)


def _start(shop, path, kind="test.count", **arguments):
    with tenant_scope(shop.id):
        return jobs.start(kind, {"path": path, "to": 5, **arguments}, total=5)


def _age(shop, seconds: float) -> None:
    with tenant_scope(shop.id), connections["default"].cursor() as cursor:
        cursor.execute("UPDATE jobs_job SET seen_at = seen_at - make_interval(secs => %s)", [seconds])


def _revive(*shops) -> list:
    """Return the jobs of these shops that are woken."""
    numbers = {shop.id for shop in shops}
    return [job_id for tenant_id, job_id in jobs.revive() if tenant_id in numbers]


def test_a_job_is_done_by_a_worker_and_its_progress_seen(tenant, start_worker, notes):
    path, read = notes
    start_worker("bulk")
    job_id = _start(tenant, path, seconds=0.5)
    until(lambda: 0 < _get(tenant, job_id).done < 5, "progress")
    assert _get(tenant, job_id).status == "running"
    until(lambda: _get(tenant, job_id).status == "done", "the end")
    job = _get(tenant, job_id)
    assert (job.done, job.total, job.message, job.tries, job.state) == (5, 5, "counted 4", 1, {"next": 5})
    assert [note["number"] for note in read("counted")] == [0, 1, 2, 3, 4]


def test_a_job_whose_worker_died_goes_on_after_its_last_step(tenant, broker, start_worker, notes):
    path, read = notes
    start_worker("bulk")
    job_id = _start(tenant, path, die_at=3)
    until(lambda: len(read("counted")) == 3, "the first steps")
    assert _revive(tenant) == [], "it is not silent for long enough"
    _age(tenant, 200)
    until(lambda: _revive(tenant) == [job_id], "its revival")
    until(lambda: _get(tenant, job_id).status == "done", "the end")
    assert [note["number"] for note in read("counted")] == [0, 1, 2, 3, 4], "no step twice"
    assert (_get(tenant, job_id).done, _get(tenant, job_id).tries) == (5, 2)


def test_a_job_that_kills_its_workers_fails_in_the_end_and_says_so(tenant, broker, notes):
    path, _ = notes
    job_id = _start(tenant, path)
    with tenant_scope(tenant.id):
        Job.objects.filter(id=job_id).update(status="running", tries=jobs.MOST_TRIES)
    _age(tenant, 200)
    assert _revive(tenant) == []
    job = _get(tenant, job_id)
    assert (job.status, job.error) == ("failed", "Its worker died 3 times: it is not tried again.")
    assert job.finished_at


def test_cancelled_a_job_stops_at_its_next_step(tenant, start_worker, notes):
    path, _ = notes
    start_worker("bulk")
    job_id = _start(tenant, path, seconds=0.5, to=1000)
    until(lambda: _get(tenant, job_id).done > 0, "progress")
    with tenant_scope(tenant.id):
        jobs.cancel(job_id)
    until(lambda: _get(tenant, job_id).status == "cancelled", "the end")
    assert _get(tenant, job_id).done < 1000


def test_cancelled_before_it_began_a_job_never_does(tenant, other_tenant, broker, notes):
    path, read = notes
    job_id = _start(tenant, path)
    with tenant_scope(other_tenant.id), pytest.raises(jobs.JobNotFound):
        jobs.cancel(job_id)
    with tenant_scope(tenant.id):
        jobs.cancel(job_id)
    jobs.run(tenant.id, job_id)
    assert (_get(tenant, job_id).status, read()) == ("cancelled", [])
    with tenant_scope(tenant.id), pytest.raises(jobs.JobNotFound):
        jobs.cancel(job_id)


def test_a_worker_that_was_taken_for_dead_does_nothing_more(tenant, broker, notes):
    path, read = notes
    job_id, other = _start(tenant, path), uuid4()

    @jobs.handler("test.count")
    def overtaken(job):
        with job.step(done=1):
            pass
        _age(tenant, 200)
        assert _revive(tenant) == [job_id]
        with tenant_scope(tenant.id):  # as another worker takes it
            Job.objects.filter(id=job_id).update(status="running", holder=other)
        with job.step(done=1):
            Job.objects.filter(id=job_id).update(message="must be undone")

    try:
        jobs.run(tenant.id, job_id)
    finally:
        jobs.handler("test.count")(probe.count)
    job = _get(tenant, job_id)
    assert (job.status, job.holder, job.done, job.message) == ("running", other, 1, "")
    _age(tenant, 200)
    assert _revive(tenant) == [job_id]
    jobs.run(tenant.id, job_id)
    jobs.run(tenant.id, job_id)
    assert _get(tenant, job_id).status == "done"
    assert len(read("counted")) == 5, "the second message found nothing to do"


def test_what_goes_wrong_is_written_down(tenant, broker, notes):
    path, _ = notes
    for kind, error in (("test.fail", "ValueError: it went wrong"), ("no.such", "No function does jobs of the kind")):
        job_id = _start(tenant, path, kind=kind)
        with pytest.raises(Exception, match=error.split(": ")[-1]):
            jobs.run(tenant.id, job_id)
        job = _get(tenant, job_id)
        assert (job.status, job.done) == ("failed", 0)
        assert error in job.error


def test_silent_jobs_of_all_shops_are_found_by_one_statement(tenant, other_tenant, broker, notes, count_sql):
    path, _ = notes
    silent = [_start(shop, path) for shop in (tenant, other_tenant)]
    young = _start(tenant, path)
    for shop in (tenant, other_tenant):
        _age(shop, 200)
    with tenant_scope(tenant.id):
        Job.objects.filter(id=young).update(seen_at=timezone.now())
    with count_sql("default", "relay") as statements:
        found = _revive(tenant, other_tenant)
    assert len(statements) == 1
    assert found == silent
    assert _revive(tenant, other_tenant) == [], "they have a while to begin"


def test_the_relay_may_change_no_more_of_a_job_than_reviving_takes():
    with connections["relay"].cursor() as cursor, pytest.raises(Exception, match="permission denied"):
        cursor.execute("UPDATE jobs_job SET arguments = '{}'")


def test_without_the_relays_address_the_task_says_what_is_missing(monkeypatch):
    monkeypatch.delitem(connections.settings, "relay")
    with pytest.raises(RuntimeError, match="DATABASE_RELAY_URL"):
        job_tasks.revive()


def test_at_the_soft_limit_a_job_is_put_back_and_goes_on_without_losing_a_step_or_a_try(tenant, start_worker, notes):
    """The first step after the limit is cut off in the midst of a statement, and begun anew by the next task."""
    path, read = notes
    worker = start_worker("bulk", BULK_SOFT_LIMIT="3")
    with tenant_scope(tenant.id):
        job_id = Job.objects.create(kind="test.count", arguments={"path": path, "to": 8, "sleep_in_sql": 0.9}).id
    # The limits of whoever sends a task travel with it: the later ones are the worker's own.
    job_tasks.run.apply_async(kwargs={"tenant_id": tenant.id, "job_id": str(job_id)}, soft_time_limit=3)
    until(lambda: _get(tenant, job_id).status == "done", "the end")
    job = _get(tenant, job_id)
    assert [note["number"] for note in read("counted")] == list(range(8))
    assert len(read("took")) >= 3, "it took several tasks"
    assert (job.done, job.tries, job.state, job.error) == (8, 1, {"next": 8}, "")
    assert worker.said().count("Soft time limit (3s) exceeded") >= 2


def test_a_job_that_cannot_go_on_now_is_taken_up_later_without_losing_a_try(tenant, broker, notes):
    path, read = notes
    job_id = _start(tenant, path, kind="test.later", seconds=300)
    jobs.run(tenant.id, job_id)
    job = _get(tenant, job_id)
    assert (job.status, job.tries, job.done, job.message) == ("queued", 0, 1, "nobody answers")
    _age(tenant, 290)
    assert _revive(tenant) == []
    _age(tenant, 11)
    assert _revive(tenant) == [job_id]
    jobs.run(tenant.id, job_id)
    assert (_get(tenant, job_id).status, len(read("later"))) == ("done", 2)


def test_cancelled_while_it_waits_for_later_a_job_is_over(tenant, broker, notes):
    path, read = notes
    job_id = _start(tenant, path, kind="test.later", seconds=300)
    jobs.run(tenant.id, job_id)
    with tenant_scope(tenant.id):
        jobs.cancel(job_id)
    _age(tenant, 400)
    assert _revive(tenant) == []
    assert (_get(tenant, job_id).status, len(read("later"))) == ("cancelled", 1)


def test_started_twice_under_one_id_it_is_one_job(tenant, other_tenant, broker, notes):
    path, _ = notes
    wanted = uuid4()
    for _ in range(2):
        with tenant_scope(tenant.id):
            assert jobs.start("test.count", {"path": path, "to": 1}, id=wanted, permission="MANAGE_APPS") == wanted
    assert brokers.depths()["bulk"].waiting == 1
    with tenant_scope(other_tenant.id):
        assert jobs.start("test.count", {"path": path, "to": 1}, id=wanted) == wanted
    assert (_get(tenant, wanted).permission, _get(other_tenant, wanted).permission) == ("MANAGE_APPS", "")


def test_silence_is_longer_than_a_step_and_shorter_than_a_tasks_return():
    assert 30 < jobs.SILENT_AFTER < queues.VISIBILITY_TIMEOUT
