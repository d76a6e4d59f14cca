"""The same request under the same key: one effect, and the first answer again."""

import threading
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from catalog.models import Category
from commerce import idempotency
from commerce.db.scope import tenant_scope
from commerce.idempotency import Answer, Begun, InFlight, KeyReused
from commerce.idempotency.models import Record
from commerce.idempotency.tasks import prune
from tests.rest.conftest import Office, make_key

BODY = {"name": "Clothes", "slug": "clothes"}


def test_a_repeat_gets_the_first_answer_and_has_no_effect(office, tenant):
    first = office("POST", "categories", BODY, Idempotency_Key="k-1")
    again = office("POST", "categories", BODY, Idempotency_Key="k-1")
    assert (first.status_code, "Idempotency-Replayed" in first) == (201, False)
    assert (again.status_code, again["Idempotency-Replayed"]) == (201, "true")
    assert (again.content, again["ETag"], again["Location"]) == (first.content, first["ETag"], first["Location"])
    with tenant_scope(tenant.id):
        assert Category.objects.count() == 1


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
def test_every_write_may_be_repeated(office, method):
    made = office("POST", "categories", BODY)
    content = None if method == "DELETE" else {"name": "Clothing", "slug": "clothing"}
    first, again = (
        office(method, made["Location"], content, Idempotency_Key="k-1", If_Match=made["ETag"]) for _ in range(2)
    )
    assert (first.status_code, again.status_code) == ((204, 204) if method == "DELETE" else (200, 200))
    assert (again.content, again["Idempotency-Replayed"]) == (first.content, "true")


def test_a_batch_may_be_repeated(office):
    rows = {"rows": [BODY, {"name": ""}]}
    first, again = (office("POST", "categories/bulk", rows, Idempotency_Key="k-1") for _ in range(2))
    assert (first.status_code, again.status_code, again.content) == (207, 207, first.content)


def test_another_request_under_the_same_key_is_refused(office, tenant):
    office("POST", "categories", BODY, Idempotency_Key="k-1")
    for method, path, body in (
        ("POST", "categories", BODY | {"slug": "other"}),
        ("POST", "categories/bulk", {"rows": [BODY]}),
        ("POST", "collections", BODY),
    ):
        refused = office(method, path, body, Idempotency_Key="k-1")
        assert (refused.status_code, refused.data["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    with tenant_scope(tenant.id):
        assert Category.objects.count() == 1


def test_what_was_refused_may_be_sent_again(office):
    assert office("POST", "categories", BODY | {"parent": "root"}, Idempotency_Key="k-1").status_code == 422
    office("POST", "categories", {"name": "Root", "slug": "root"})
    assert office("POST", "categories", BODY | {"parent": "root"}, Idempotency_Key="k-1").status_code == 201


def test_keys_belong_to_their_app_and_shop(office, tenant, other_tenant):
    office("POST", "categories", BODY, Idempotency_Key="k-1")
    another_app = Office(tenant, make_key(tenant))
    another_shop = Office(other_tenant, make_key(other_tenant))
    assert another_app("POST", "categories", BODY, Idempotency_Key="k-1").status_code == 409  # the slug
    made = another_shop("POST", "categories", BODY, Idempotency_Key="k-1")
    assert (made.status_code, "Idempotency-Replayed" in made) == (201, False)


@pytest.mark.parametrize("key", ["", " k", "é", "k" * 256])
def test_a_key_that_is_none_is_refused(office, key):
    refused = office("POST", "categories", BODY, Idempotency_Key=key)
    assert (refused.status_code, refused.data["field"]) == (400, "Idempotency-Key")


def test_of_two_at_once_one_is_told_that_the_other_is_answered(office, tenant):
    """The first holds its transaction open while the second comes."""
    now = timezone.now()
    begun, may_end = threading.Event(), threading.Event()

    def hold():
        try:
            with tenant_scope(tenant.id):
                found = idempotency.begin(key="k-1", caller="app:x", digest="d", now=now)
                assert isinstance(found, Begun)
                begun.set()
                may_end.wait(20)
                found.finish(Answer(201, b"done", {"ETag": '"1"'}))
        finally:
            connections.close_all()

    thread = threading.Thread(target=hold)
    thread.start()
    assert begun.wait(20)
    with pytest.raises(InFlight), tenant_scope(tenant.id):
        idempotency.begin(key="k-1", caller="app:x", digest="d", now=now)
    may_end.set()
    thread.join()
    with tenant_scope(tenant.id):
        found = idempotency.begin(key="k-1", caller="app:x", digest="d", now=now)
    assert found == Answer(201, b"done", {"ETag": '"1"'})


def test_many_at_once_have_one_effect(office, tenant):
    statuses: list[int] = []

    def send():
        try:
            own = Office(tenant, office.key)
            statuses.append(own("POST", "categories", BODY, Idempotency_Key="k-1").status_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) <= {201, 409}
    assert 201 in statuses
    with tenant_scope(tenant.id):
        assert Category.objects.count() == 1


def test_work_of_several_transactions_goes_on_at_its_recovery_point(tenant):
    now = timezone.now()

    def begin(at):
        with tenant_scope(tenant.id):
            return idempotency.begin(key="k-1", caller="app:x", digest="d", now=at)

    first = begin(now)
    with tenant_scope(tenant.id):
        first.advance("captured", now=now)
    with pytest.raises(InFlight):
        begin(now + timedelta(seconds=59))
    with pytest.raises(KeyReused), tenant_scope(tenant.id):
        idempotency.begin(key="k-1", caller="app:x", digest="other", now=now + timedelta(seconds=61))
    second = begin(now + timedelta(seconds=61))
    assert second == Begun("app:x", "k-1", "captured")
    with pytest.raises(InFlight):
        begin(now + timedelta(seconds=62))
    with tenant_scope(tenant.id):
        second.finish(Answer(200, b"{}"))
    assert begin(now + timedelta(days=1)) == Answer(200, b"{}")


def test_what_is_rolled_back_leaves_no_key(tenant):
    with pytest.raises(ZeroDivisionError), tenant_scope(tenant.id):
        idempotency.begin(key="k-1", caller="app:x", digest="d", now=timezone.now())
        raise ZeroDivisionError
    with tenant_scope(tenant.id):
        assert isinstance(idempotency.begin(key="k-1", caller="app:x", digest="e", now=timezone.now()), Begun)


def test_keys_are_forgotten_after_a_day(office, tenant):
    for key, hours in (("old", 25), ("young", 23)):
        office("POST", "categories", BODY | {"slug": key}, Idempotency_Key=key)
        with tenant_scope(tenant.id):
            Record.objects.filter(key=key).update(created_at=timezone.now() - timedelta(hours=hours))
    assert prune() >= 1
    with tenant_scope(tenant.id):
        assert list(Record.objects.values_list("key", flat=True)) == ["young"]
