"""Guessing passwords at the admin's door."""

import pytest

from commerce.db.scope import tenant_scope
from tenants import sign_in as module
from tests.admin import LOGIN
from tests.factories.tenants import PASSWORD, make_staff


@pytest.fixture(autouse=True)
def _few(settings, monkeypatch):
    settings.RATE_LIMIT = True
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    monkeypatch.setattr(module, "TRIES", 2)
    monkeypatch.setattr(module, "CLIENT_TRIES", 5)


@pytest.fixture
def attempt(tenant, client_for):
    """Return a function that tries to sign in from an address, and returns the status: 200 for a wrong password."""
    with tenant_scope(tenant.id):
        make_staff(email="anna@shop.example")

    def attempt(email="anna@shop.example", password="wrong", address="192.0.2.1", shop=tenant):
        client = client_for(shop, **{"x-forwarded-for": address})
        return client.post(f"{LOGIN}?next=/admin/", {"username": email, "password": password})

    return attempt


def test_a_client_has_few_tries_at_an_address(attempt, tenant, other_tenant):
    assert [attempt().status_code for _ in range(2)] == [200, 200]
    refused = attempt(password=PASSWORD)
    assert refused.status_code == 429
    assert 0 < int(refused["Retry-After"]) <= 30
    assert refused.content.decode().startswith("Too many tries to sign in: try again in ")
    assert attempt(" ANNA@shop.example").status_code == 429, "and the same in capitals"
    assert attempt("ben@shop.example").status_code == 200, "others may"
    assert attempt(address="192.0.2.2", password=PASSWORD).status_code == 302, "from elsewhere Anna may"
    assert attempt(shop=other_tenant).status_code == 200, "another shop counts for itself"


def test_a_client_has_few_tries_at_all_addresses(attempt):
    statuses = [attempt(f"{number}@shop.example").status_code for number in range(6)]
    assert statuses == [200] * 5 + [429]
    assert attempt("9@shop.example", address="192.0.2.2").status_code == 200


def test_looking_at_the_form_costs_nothing(tenant, client_for, attempt):
    assert [client_for(tenant).get(LOGIN).status_code for _ in range(6)] == [200] * 6
    assert attempt(password=PASSWORD).status_code == 302


def test_nobody_guesses_while_redis_is_gone(attempt, settings):
    settings.REDIS_CACHE_URL = "redis://127.0.0.1:1/0"
    refused = attempt(password=PASSWORD)
    assert (refused.status_code, refused["Retry-After"]) == (503, "5")
    settings.RATE_LIMIT = False
    assert attempt(password=PASSWORD).status_code == 302


def test_without_the_limit_every_try_is_allowed(attempt, settings):
    settings.RATE_LIMIT = False
    assert [attempt().status_code for _ in range(7)] == [200] * 7
