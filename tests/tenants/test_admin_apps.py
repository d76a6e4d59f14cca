"""Apps in the admin: made, let in and given tokens by staff with MANAGE_APPS, as far as their own rights go."""

import re

import pytest

from commerce.db.scope import tenant_scope
from tenants.models import App, AppToken
from tests.admin import errors, page, read_form, send, sign_in
from tests.factories.tenants import make_app

WHO = {"query": "{ app { name } }"}


@pytest.fixture
def client(tenant):
    return sign_in(tenant, permissions=["MANAGE_APPS", "MANAGE_PRODUCTS"])


@pytest.fixture
def name_of(client_for):
    """Return a function that tells the name of the app that a token is for."""

    def ask(shop, token):
        answer = client_for(shop, authorization=f"Bearer {token}").post("/graphql/", WHO, "application/json").json()
        return answer["data"]["app"] and answer["data"]["app"]["name"]

    return ask


def choose(client, *apps):
    form = {"action": "make_token", "_selected_action": [str(app.pk) for app in apps]}
    return client.post(page(App, "changelist"), form, follow=True)


def make_token(client, app, **given):
    asked = choose(client, app).redirect_chain
    return client.post(asked[-1][0], {"name": "", **given})


def text_of(answer):
    return re.search(r'id="token">([^<]+)<', answer.content.decode())[1]


def test_staff_make_an_app_and_see_its_token_once(tenant, client, name_of):
    form = read_form(client.get(page(App, "add")))
    answer = client.post(page(App, "add"), {**form, "name": "Stock", "permissions": ["MANAGE_PRODUCTS"]})
    assert answer.status_code == 302, errors(answer)
    with tenant_scope(tenant.id):
        app = App.objects.get()
    assert (app.name, app.permissions, app.is_active, app.kind) == ("Stock", ["MANAGE_PRODUCTS"], True, "local")
    made = make_token(client, app)
    token = text_of(made)
    assert "no-store" in made["Cache-Control"]
    assert name_of(tenant, token) == "Stock"
    opened = client.get(page(app)).content.decode()
    assert token[-4:] in opened
    assert token not in opened


def test_a_token_is_narrowed_down(tenant, client, client_for):
    with tenant_scope(tenant.id):
        app = make_app("MANAGE_PRODUCTS").token.app
    token = text_of(make_token(client, app, name="Till", scopes=["catalog:read"]))
    till = client_for(tenant, authorization=f"Bearer {token}")
    assert till.get("/api/v1/products").status_code == 200
    refused = till.post("/api/v1/categories", {"name": "C", "slug": "c"}, "application/json")
    assert (refused.status_code, "catalog:write" in refused.content.decode()) == (403, True)
    opened = client.get(page(app)).content.decode()
    assert "Till" in opened
    assert "catalog:read" in opened
    assert "Select a valid choice" in errors(make_token(client, app, scopes=["catalog:burn"]))


def test_a_token_is_revoked_and_an_app_kept_out_and_deleted(tenant, client, name_of):
    with tenant_scope(tenant.id):
        first, second = make_app("MANAGE_PRODUCTS", name="One"), make_app(name="Two")
    app = first.token.app
    assert send(client, page(app), {"tokens-0-DELETE": "on"}).status_code == 302
    assert (name_of(tenant, first.text), name_of(tenant, second.text)) == (None, "Two")
    form = read_form(client.get(page(second.token.app)))
    form.pop("is_active")
    assert client.post(page(second.token.app), form).status_code == 302
    assert name_of(tenant, second.text) is None
    assert client.post(page(app, "delete"), {"post": "yes"}).status_code == 302
    with tenant_scope(tenant.id):
        assert list(App.objects.values_list("name", "is_active")) == [("Two", False)]


def test_nobody_gives_an_app_rights_that_they_do_not_hold(tenant, client):
    with tenant_scope(tenant.id):
        more, mine = make_app("MANAGE_ORDERS", name="More").token.app, make_app(name="Mine").token.app
    answer = send(client, page(mine), {"permissions": ["MANAGE_ORDERS"]})
    assert "You do not have these permissions yourself: MANAGE_ORDERS." in errors(answer)
    assert client.post(page(more), {"name": "Taken over"}).status_code == 403
    assert client.post(page(more, "delete"), {"post": "yes"}).status_code == 403
    assert make_token(client, more).status_code == 403
    with tenant_scope(tenant.id):
        assert list(App.objects.order_by("name").values_list("name", "permissions")) == [
            ("Mine", []),
            ("More", ["MANAGE_ORDERS"]),
        ]
        assert AppToken.objects.count() == 2


def test_one_app_gets_a_token_at_a_time(tenant, client):
    with tenant_scope(tenant.id):
        apps = [make_app(name=name).token.app for name in ("One", "Two")]
    assert "Select one app." in choose(client, *apps).content.decode()
    with tenant_scope(tenant.id):
        assert AppToken.objects.count() == 2


def test_apps_are_for_those_who_manage_them(tenant):
    with tenant_scope(tenant.id):
        app = make_app().token.app
    client = sign_in(tenant, permissions=["MANAGE_PRODUCTS"])
    assert client.get(page(App, "changelist")).status_code == 403
    assert client.get(page(app)).status_code == 403
