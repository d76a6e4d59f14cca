"""Long jobs in the admin and for operators: seen by those whom they concern, with their progress, and stopped."""

from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from commerce.db.scope import tenant_scope
from commerce.jobs.models import Job
from tests.admin import page, sign_in
from tests.factories.tenants import platform

LIST = "/admin/jobs/job/"


def make_job(shop, permission: str = "MANAGE_PRODUCTS", **fields) -> Job:
    with tenant_scope(shop.id):
        return Job.objects.create(kind=f"test.{uuid4().hex[:8]}", permission=permission, **fields)


def get(shop, job) -> Job:
    with tenant_scope(shop.id):
        return Job.objects.get(id=job.id)


def shown(client, address=LIST) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_progress_and_errors_are_shown(tenant):
    running = make_job(tenant, status="running", done=1500, total=6000, message="wrote products")
    failed = make_job(tenant, status="failed", error="ValueError: <b>row 7</b>", finished_at="2026-05-01T12:00Z")
    client = sign_in(tenant, permissions=["MANAGE_PRODUCTS"])
    listed = shown(client)
    assert '<progress max="100" value="25"></progress> 25% (1,500 of 6,000)' in listed
    assert "ValueError: &lt;b&gt;row 7&lt;/b&gt;" in listed
    opened = shown(client, page(running))
    assert "wrote products" in opened
    assert 'http-equiv="refresh"' in opened
    assert "../cancel/" in opened
    over = shown(client, page(failed))
    assert 'http-equiv="refresh"' not in over
    assert "../cancel/" not in over
    assert "_save" not in over


def test_staff_see_the_jobs_of_their_permissions_and_no_others(tenant, other_tenant):
    products, apps = make_job(tenant), make_job(tenant, "MANAGE_APPS")
    usual, unknown = make_job(tenant, ""), make_job(tenant, "MANAGE_NOTHING")
    theirs = make_job(other_tenant)
    for permissions, seen in (
        (["MANAGE_PRODUCTS"], {products}),
        (["MANAGE_APPS"], {apps}),
        (["MANAGE_SETTINGS"], {usual, unknown}),
        (None, {products, apps, usual, unknown}),
    ):
        client = sign_in(tenant, permissions=permissions)
        text = shown(client)
        for job in (products, apps, usual, unknown, theirs):
            assert (job.kind in text) == (job in seen), (permissions, job.permission)
            assert (client.get(page(job)).status_code == 200) == (job in seen)
            if job not in seen:
                client.post(f"{LIST}{job.pk}/cancel/")
    assert sign_in(tenant, permissions=["MANAGE_TRANSLATIONS"]).get(LIST).status_code == 403
    assert not any(get(tenant, job).is_cancel_asked for job in (products, apps, usual, unknown))
    assert not get(other_tenant, theirs).is_cancel_asked


def test_a_job_is_stopped_by_its_button_and_several_from_the_list(tenant):
    client = sign_in(tenant, permissions=["MANAGE_PRODUCTS"])
    running, queued, over = (
        make_job(tenant, status="running"),
        make_job(tenant),
        make_job(tenant, status="done", finished_at="2026-05-01T12:00Z"),
    )
    assert client.get(f"{LIST}{running.pk}/cancel/").status_code == 405
    answer = client.post(f"{LIST}{running.pk}/cancel/", follow=True).content.decode()
    assert "It stops at its next step." in answer
    assert "stopping" in answer
    assert (get(tenant, running).status, get(tenant, running).is_cancel_asked) == ("running", True)
    form = {"action": "cancel_chosen", "_selected_action": [str(queued.pk), str(over.pk)]}
    answer = client.post(LIST, form, follow=True).content.decode()
    assert f"There is no unfinished job {over.pk}." in answer
    assert "1 jobs are cancelled" in answer
    assert (get(tenant, queued).status, get(tenant, over).status) == ("cancelled", "done")


def test_nothing_of_a_job_is_changed_by_hand(tenant):
    client, job = sign_in(tenant), make_job(tenant)
    assert client.get(f"{LIST}add/").status_code == 403
    assert client.post(page(job), {"kind": "x"}).status_code == 403
    assert client.post(page(job, "delete"), {"post": "yes"}).status_code == 403


# --- Operators ---------------------------------------------------------------------------------------------------


def jobs(*arguments: str) -> str:
    out = StringIO()
    call_command("jobs", *arguments, stdout=out)
    return out.getvalue()


def test_operators_list_show_and_cancel_a_shops_jobs(tenant, other_tenant):
    first = make_job(tenant, status="running", done=3, total=9, message="at it", arguments={"file": "a.csv"})
    second = make_job(tenant, status="failed", error="broke\nhere", finished_at="2026-05-01T12:00Z")
    theirs = make_job(other_tenant)
    lines = [line.split("\t") for line in jobs("list", "--tenant", tenant.slug).splitlines()]
    assert [(line[0], *line[3:]) for line in lines] == [
        (str(second.id), "failed 0", "broke here"),
        (str(first.id), "running 3 of 9", "at it"),
    ]
    assert jobs("list", "--tenant", tenant.slug, "--unfinished").count("\n") == 1
    told = jobs("show", str(first.id), "--tenant", tenant.slug)
    assert 'arguments  {"file":"a.csv"}' in told
    assert "state      running 3 of 9" in told
    assert jobs("cancel", str(first.id), "--tenant", tenant.slug) == f"{first.id}: stopping 3 of 9\n"
    assert get(tenant, first).is_cancel_asked
    for verb, job in (("cancel", second), ("cancel", theirs), ("show", theirs)):
        with pytest.raises(CommandError, match="There is no"):
            jobs(verb, str(job.id), "--tenant", tenant.slug)
    with pytest.raises(CommandError, match="There is no tenant 'nobody'"):
        jobs("list", "--tenant", "nobody")
    with platform("read the audit"), connections["platform"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM tenants_platformaudit WHERE command = %s", [f"jobs cancel {tenant.slug}"])
        assert cursor.fetchone()[0] >= 1
