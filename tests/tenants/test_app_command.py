"""`manage.py app`: what it makes, what it refuses, and that it is written down who did it."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from commerce.db.scope import tenant_scope
from tenants.models import App, AppToken, PlatformAudit
from tests.factories.tenants import platform


@pytest.fixture
def run(tenant):
    def call(verb, *arguments, shop=tenant):
        out = StringIO()
        call_command("app", verb, "--tenant", shop.slug, *arguments, stdout=out)
        return out.getvalue().strip()

    return call


@pytest.fixture
def app_of(client_for):
    """Return a function that tells the name of the app that a token is for."""

    def ask(shop, token):
        client = client_for(shop, authorization=f"Bearer {token}")
        answer = client.post("/graphql/", {"query": "{ app { name } }"}, "application/json").json()
        return answer["data"]["app"] and answer["data"]["app"]["name"]

    return ask


def test_create_prints_a_token_that_works_and_is_not_kept(run, tenant, app_of):
    token = run("create", "--name", "Stock", "--permission", "MANAGE_PRODUCTS", "--permission", "MANAGE_ORDERS")
    assert token.startswith(f"{tenant.public_id}.")
    assert app_of(tenant, token) == "Stock"
    with tenant_scope(tenant.id):
        app, kept = App.objects.get(), AppToken.objects.get()
    assert (app.permissions, app.kind, app.is_active) == (["MANAGE_ORDERS", "MANAGE_PRODUCTS"], "local", True)
    assert kept.last_four == token[-4:]
    secret = token.partition(".")[2]
    assert secret not in str(vars(kept))
    with platform():
        audit = PlatformAudit.objects.get(command=f"app create {tenant.slug} Stock")
    assert secret not in str(vars(audit))


def test_list_shows_the_apps_of_one_tenant(run, tenant, other_tenant):
    token = run("create", "--name", "Stock", "--permission", "MANAGE_PRODUCTS")
    run("create", "--name", "Elsewhere", shop=other_tenant)
    with tenant_scope(tenant.id):
        app = App.objects.get()
    assert run("list") == f"{app.id}\tStock\tlocal\tactive\tMANAGE_PRODUCTS\t…{token[-4:]}"


def test_a_token_is_revoked_and_others_go_on(run, tenant, app_of):
    first = run("create", "--name", "Stock")
    second = run("token", "Stock", "--name", "second")
    assert app_of(tenant, first) == app_of(tenant, second) == "Stock"
    assert run("revoke", "Stock", first[-4:]) == f"revoked the token …{first[-4:]} of Stock"
    assert (app_of(tenant, first), app_of(tenant, second)) == (None, "Stock")


def test_rotate_leaves_the_new_token_alone(run, tenant, app_of):
    old = [run("create", "--name", "Stock"), run("token", "Stock")]
    new = run("rotate", "Stock")
    assert [app_of(tenant, token) for token in (*old, new)] == [None, None, "Stock"]


def test_an_app_is_kept_out_let_in_and_deleted(run, tenant, app_of):
    token = run("create", "--name", "Stock")
    with tenant_scope(tenant.id):
        app = App.objects.get()
    assert run("deactivate", "Stock") == "deactivated Stock"
    assert app_of(tenant, token) is None
    assert run("activate", str(app.id)) == f"activated {app.id}"
    assert app_of(tenant, token) == "Stock"
    assert run("permit", "Stock", "--permission", "MANAGE_ORDERS") == "Stock may do: MANAGE_ORDERS"
    assert run("permit", "Stock") == "Stock may do: nothing"
    assert run("delete", "Stock") == "deleted Stock"
    assert app_of(tenant, token) is None
    with tenant_scope(tenant.id):
        assert (App.objects.count(), AppToken.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("create", "--name", "x", "--permission", "FLY"), "permissions: There is no permission 'FLY'; there are "),
        (("create", "--name", " "), "name: ''"),
        (("token", "Nobody"), "app: There is no app 'Nobody'; `manage.py app list` shows their ids."),
        (("revoke", "Stock", "zzz."), "last_four: Stock has not exactly one token that ends in 'zzz.'."),
    ],
)
def test_what_is_wrong_is_told_and_changes_nothing(run, tenant, arguments, message):
    run("create", "--name", "Stock")
    with pytest.raises(CommandError) as refusal:
        run(*arguments)
    assert str(refusal.value).startswith(message)
    with tenant_scope(tenant.id):
        assert (App.objects.count(), AppToken.objects.count()) == (1, 1)


def test_an_unknown_tenant_is_told():
    with pytest.raises(CommandError, match="There is no tenant 'nobody-here'"):
        call_command("app", "list", "--tenant", "nobody-here")
