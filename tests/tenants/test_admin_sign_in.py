import pytest
from django.test import Client

from commerce.db.scope import tenant_scope
from tenants import operations
from tenants.models import Session, Tenant, User
from tests.admin import LOGIN, sign_in
from tests.factories.tenants import PASSWORD, make_customer, make_staff, platform


def credentials(email: str, password: str = PASSWORD) -> dict[str, str]:
    return {"username": email, "password": password}


def test_staff_sign_in_at_their_shop(tenant, client_for):
    with tenant_scope(tenant.id):
        user = make_staff(email="anna@shop.example")
    client = client_for(tenant)
    assert client.get("/admin/").headers["Location"] == f"{LOGIN}?next=/admin/"
    answer = client.post(f"{LOGIN}?next=/admin/", credentials("Anna@Shop.example"))
    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/")
    front = client.get("/admin/").content.decode()
    assert f"Shop {tenant.token}" in front
    assert "Products" in front
    with tenant_scope(tenant.id):
        user.refresh_from_db()
        assert user.last_login is not None
        assert Session.objects.count() == 1


def test_cookies_stay_at_the_host_and_below_admin(tenant):
    client = sign_in(tenant)
    client.get("/admin/password_change/")
    for name in ("session", "csrftoken"):
        cookie = client.cookies[name]
        assert (cookie["domain"], cookie["path"], cookie["samesite"]) == ("", "/admin/", "Lax")
    assert client.cookies["session"]["httponly"]


def test_a_session_of_one_shop_does_nothing_at_another(tenant, other_tenant, client_for):
    """Even where the other shop has a person with the same id and password: the session itself is a tenant's row."""
    client = sign_in(tenant)
    with tenant_scope(other_tenant.id):
        twin = User(id=client.user.pk, email=client.user.email, password=client.user.password, is_staff=True)
        twin.save(force_insert=True)
    stranger = client_for(other_tenant)
    stranger.cookies["session"] = client.cookies["session"].value
    answer = stranger.get("/admin/")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{LOGIN}?next=/admin/")
    assert client.get("/admin/").status_code == 200, "and it is still good at its own"


def test_the_same_address_at_another_shop_is_another_account(tenant, other_tenant, client_for):
    with tenant_scope(tenant.id):
        make_staff(email="anna@shop.example")
    with tenant_scope(other_tenant.id):
        make_staff(email="anna@shop.example", password="another correct horse")
    answer = client_for(other_tenant).post(f"{LOGIN}?next=/admin/", credentials("anna@shop.example"))
    assert answer.status_code == 200
    assert "Please enter the correct" in answer.content.decode()


@pytest.mark.parametrize(
    "account", [{"is_staff": False}, {"is_staff": True, "is_active": False}], ids=["a customer", "a closed account"]
)
def test_who_is_not_active_staff_is_refused(tenant, client_for, account):
    with tenant_scope(tenant.id):
        make_customer(email="carl@shop.example", **account)
    client = client_for(tenant)
    answer = client.post(f"{LOGIN}?next=/admin/", credentials("carl@shop.example"))
    assert answer.status_code == 200
    assert "Please enter the correct" in answer.content.decode()
    assert client.get("/admin/catalog/product/").status_code == 302
    with tenant_scope(tenant.id):
        assert not Session.objects.exists()


def test_closing_an_account_ends_its_session(tenant):
    client = sign_in(tenant)
    with tenant_scope(tenant.id):
        User.objects.update(is_active=False)
    assert client.get("/admin/").status_code == 302


def test_a_suspended_shop_has_no_admin(tenant):
    client = sign_in(tenant)
    with platform("suspend"):
        operations.set_tenant_status(slug=tenant.slug, status=Tenant.Status.SUSPENDED)
    answer = client.get("/admin/")
    assert (answer.status_code, answer.headers["Content-Type"]) == (403, "text/plain; charset=utf-8")
    assert "suspended" in answer.content.decode()


def test_an_unknown_host_has_no_admin():
    assert Client(headers={"host": "nobody.test"}).get("/admin/").status_code == 404


def test_signing_in_needs_a_csrf_token(tenant):
    with tenant_scope(tenant.id):
        make_staff(email="anna@shop.example")
    client = Client(headers={"host": tenant.host}, enforce_csrf_checks=True)
    assert client.post(LOGIN, credentials("anna@shop.example")).status_code == 403
    client.get(LOGIN)
    token = {"csrfmiddlewaretoken": client.cookies["csrftoken"].value}
    assert client.post(f"{LOGIN}?next=/admin/", credentials("anna@shop.example") | token).status_code == 302
    assert client.post("/admin/logout/").status_code == 403
    assert client.post("/admin/logout/", token).status_code == 403, "the token is changed by signing in"


def test_signing_out_deletes_the_session(tenant):
    client = sign_in(tenant)
    assert client.post("/admin/logout/").status_code == 200
    with tenant_scope(tenant.id):
        assert not Session.objects.exists()
    assert client.get("/admin/").status_code == 302


def test_only_admin_paths_have_sessions(tenant, client_for):
    client = sign_in(tenant)
    answer = client.post("/graphql/", {"query": "{ shop { name } }"}, content_type="application/json")
    assert not answer.cookies
    assert not hasattr(answer.wsgi_request, "session")
    assert not hasattr(answer.wsgi_request, "user")
    assert "Cookie" not in answer.headers.get("Vary", "")


def test_admin_without_a_slash_leads_there(tenant, client_for):
    answer = client_for(tenant).get("/admin")
    assert (answer.status_code, answer.headers["Location"]) == (301, "/admin/")


def test_static_files_are_served_at_any_host_without_collecting_them(settings):
    answer = Client(headers={"host": "nobody.test"}).get("/static/admin/css/base.css")
    assert settings.STATIC_ROOT is None
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, 'text/css; charset="utf-8"')
    assert len(answer.getvalue()) > 1000
