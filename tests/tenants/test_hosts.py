"""A host costs no SQL once it is known, and a change of its tenant is seen by the next request."""

import pytest

from commerce.cache import versions
from tenants import hosts, operations, queries
from tests.factories.tenants import platform


@pytest.fixture(autouse=True)
def _fresh_process():
    hosts._hosts.forget()


def test_a_host_is_asked_of_the_database_once(tenant, count_sql):
    assert hosts.find(tenant.host).id == tenant.id
    with count_sql() as statements:
        assert hosts.find(tenant.host).id == tenant.id
    assert statements == []


def test_a_suspended_tenant_is_refused_by_the_next_request(tenant, client_for):
    client = client_for(tenant)
    body = {"query": "{ shop { name } }"}
    assert client.post("/graphql/", body, "application/json").status_code == 200
    with platform():
        operations.set_tenant_status(slug=tenant.slug, status="suspended")
    assert client.post("/graphql/", body, "application/json").status_code == 403
    with platform():
        operations.set_tenant_status(slug=tenant.slug, status="active")
    assert client.post("/graphql/", body, "application/json").status_code == 200


def test_a_new_host_of_a_known_tenant_is_found(tenant):
    host = f"second-{tenant.host}"
    assert hosts.find(host) is None
    with platform():
        operations.add_domain(tenant=queries.get_tenant_by_slug(tenant.slug), host=host)
    assert hosts.find(host).id == tenant.id


def test_without_redis_the_database_is_asked_each_time(tenant, count_sql, monkeypatch):
    hosts.find(tenant.host)
    monkeypatch.setattr(versions, "look", lambda *_: None)
    with count_sql() as statements:
        assert hosts.find(tenant.host).id == tenant.id
    assert len(statements) == 1


def test_no_more_hosts_are_kept_than_stated(tenant, other_tenant, monkeypatch):
    monkeypatch.setattr(hosts._hosts, "most", 1)
    hosts.find(tenant.host)
    hosts.find(other_tenant.host)
    assert len(hosts._hosts) == 1
