"""The request's host names the tenant, and nothing else does."""

import pytest
from django.http import HttpResponse
from django.test import Client

from tenants.middleware import TenantMiddleware, tenant_of
from tenants.models import Tenant
from tenants.operations import add_domain, set_tenant_status
from tests.factories.tenants import platform

QUERY = '{ channel(slug: "default-channel") { name } }'


def ask(host: str | None, **headers: str):
    """Ask the GraphQL door which channel answers at this host."""
    client = Client(headers={"host": host} if host is not None else None)
    return client.post("/graphql/", {"query": QUERY}, content_type="application/json", **headers)


def answers(response, shop) -> bool:
    return response.status_code == 200 and response.json()["data"]["channel"]["name"] == shop.channel.name


@pytest.fixture
def behind_proxies(settings):
    settings.TRUSTED_PROXIES = ["10.0.0.0/8", "fd00::/8"]


def test_each_host_leads_to_its_own_shop(tenant, other_tenant):
    assert answers(ask(tenant.host), tenant)
    assert answers(ask(other_tenant.host), other_tenant)


def test_a_second_host_leads_to_the_same_shop(tenant):
    with platform():
        add_domain(tenant=Tenant.objects.get(id=tenant.id), host=f"www.{tenant.host}")
    assert answers(ask(f"www.{tenant.host}"), tenant)
    assert ask(f"shop.{tenant.host}").status_code == 404, "a host below one is another host"


@pytest.mark.parametrize(
    "write", [str.upper, str.title, lambda host: f"{host}.", lambda host: f"{host}:8000", lambda host: f" {host}.:80 "]
)
def test_case_port_and_a_final_dot_do_not_matter(tenant, write):
    assert answers(ask(write(tenant.host)), tenant)


@pytest.mark.parametrize("write", ["{}", "{}.", "{}:", "{}.:"])
def test_answers_name_the_host_in_one_way(tenant, rf, write):
    """Addresses, cookies and cache keys are made from it."""
    requests = []
    request = rf.get("/", headers={"host": write.format(tenant.host.upper())})
    TenantMiddleware(lambda request: requests.append(request) or HttpResponse())(request)
    assert requests[0].get_host() == tenant.host
    assert tenant_of(requests[0]).id == tenant.id


def test_an_unknown_host_is_404_in_json_for_the_api():
    response = ask("nobody.test")
    assert response.status_code == 404
    assert response.headers["Content-Type"] == "application/json"
    assert response.json() == {
        "errors": [
            {
                "message": "No shop is served at the host 'nobody.test'.",
                "extensions": {"exception": {"code": "TENANT_NOT_FOUND"}},
            }
        ]
    }


@pytest.mark.parametrize("path", ["/", "/admin/", "/nowhere"])
def test_an_unknown_host_is_404_in_text_elsewhere(path):
    response = Client(headers={"host": "nobody.test"}).get(path)
    assert response.status_code == 404
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.content == b"No shop is served at the host 'nobody.test'.\n"


def test_who_asks_for_json_gets_json():
    response = Client(headers={"host": "nobody.test", "accept": "application/json"}).get("/")
    assert response.json()["errors"][0]["extensions"] == {"exception": {"code": "TENANT_NOT_FOUND"}}


def test_a_suspended_shop_is_403_until_it_is_resumed(tenant, other_tenant):
    with platform():
        set_tenant_status(slug=tenant.slug, status=Tenant.Status.SUSPENDED)
    response = ask(tenant.host)
    assert response.status_code == 403
    assert response.json()["errors"][0] == {
        "message": f"The shop at the host '{tenant.host}' is suspended.",
        "extensions": {"exception": {"code": "TENANT_SUSPENDED"}},
    }
    page = Client(headers={"host": tenant.host}).get("/admin/")
    assert (page.status_code, page.headers["Content-Type"]) == (403, "text/plain; charset=utf-8")
    assert answers(ask(other_tenant.host), other_tenant)
    with platform():
        set_tenant_status(slug=tenant.slug, status=Tenant.Status.ACTIVE)
    assert answers(ask(tenant.host), tenant)


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        ".",
        "{host}:port",
        "{host}:80:80",
        "{host}/path",
        "{host} {host}",
        "{host},{host}",
        "user@{host}",
        "http://{host}",
        "{host}\x00",
        "{host}' OR '1'='1",
        "{host}..",
        "{host}:²",
        "{host}:-1",
        "[::1]",
        "[::1]:80",
        "127.0.0.1",
        "%",
        "_",
        "ﬃ.test",
        "a" * 5000,
    ],
)
def test_a_malformed_host_is_404(tenant, host):
    assert ask(host and host.format(host=tenant.host)).status_code == 404


def test_health_needs_no_host():
    assert Client(headers={"host": "nobody.test"}).get("/health/live").status_code == 200
    assert Client(headers={"host": "nobody.test"}).get("/health/ready").json()["status"] == "ok"


# --- Behind proxies -------------------------------------------------------------------------------------


def forwarded(shop, address: str, *, host: str = "proxy.test", value: str | None = None):
    return ask(host, HTTP_X_FORWARDED_HOST=value or shop.host, REMOTE_ADDR=address)


@pytest.mark.parametrize("address", ["10.1.2.3", "fd00::1"])
def test_a_trusted_proxy_names_the_host(behind_proxies, tenant, address):
    assert answers(forwarded(tenant, address), tenant)


@pytest.mark.parametrize("address", ["11.0.0.1", "127.0.0.1", "::1", "", "unix:", "10.1.2.3, 11.0.0.1"])
def test_nobody_else_does(behind_proxies, tenant, other_tenant, address):
    assert forwarded(tenant, address).status_code == 404
    assert answers(forwarded(tenant, address, host=other_tenant.host), other_tenant)


def test_without_proxies_nobody_does(tenant, other_tenant):
    assert answers(forwarded(tenant, "10.1.2.3", host=other_tenant.host), other_tenant)


def test_of_several_forwarded_hosts_the_nearest_proxys_counts(behind_proxies, tenant, other_tenant):
    answer = forwarded(tenant, "10.1.2.3", value=f"{tenant.host}, {other_tenant.host}")
    assert answers(answer, other_tenant)


@pytest.mark.parametrize("header", ["X_TENANT", "X_TENANT_ID", "FORWARDED", "X_HOST", "X_ORIGINAL_HOST", "COOKIE"])
def test_no_other_header_names_a_tenant(behind_proxies, tenant, other_tenant, header):
    for value in (tenant.host, str(tenant.id), tenant.slug, f"host={tenant.host}", f"tenant={tenant.id}"):
        answer = ask(other_tenant.host, **{f"HTTP_{header}": value, "REMOTE_ADDR": "10.1.2.3"})
        assert answers(answer, other_tenant)


def test_a_path_or_a_body_names_no_tenant(tenant, other_tenant):
    client = Client(headers={"host": other_tenant.host})
    body = {"query": QUERY, "tenant": tenant.slug, "tenant_id": tenant.id}
    answer = client.post(f"/graphql/?tenant={tenant.slug}&host={tenant.host}", body, content_type="application/json")
    assert answers(answer, other_tenant)
