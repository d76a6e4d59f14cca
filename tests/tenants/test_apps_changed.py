"""Apps changed at the GraphQL door: names, rights, what they keep, and installations that failed."""

import json
from uuid import UUID

import pytest

from commerce.db.scope import current_scope, tenant_scope
from commerce.graphql.ids import to_global_id
from commerce.outbox.models import Event
from commerce.webhooks import installing
from commerce.webhooks.operations import Wanted, create_webhook
from tenants import operations
from tenants.models import App, AppInstallation
from tests.apps import open_app
from tests.webhooks.fake_app import FakeApp

UPDATE = """mutation($id: ID!, $input: AppInput!) { appUpdate(id: $id, input: $input) {
    app { name permissions { code } } errors { field code } } }"""
RETRY = """mutation($id: ID!) { appRetryInstall(id: $id) {
    appInstallation { status message } errors { field code message } } }"""
FORGET = """mutation($id: ID!) { appDeleteFailedInstallation(id: $id) {
    appInstallation { appName } errors { field code } } }"""
SETTINGS = "{ app { id privateMetadata { key value } metadata { key value } } }"


def change(name, argument="input"):
    kind = "[MetadataInput!]!" if argument == "input" else "[String!]!"
    return f"""mutation($id: ID!, $given: {kind}) {{ {name}(id: $id, {argument}: $given) {{
        errors {{ field code message }} item {{ metadata {{ key value }} privateMetadata {{ key value }} }} }} }}"""


@pytest.fixture
def stock(tenant):
    return open_app(tenant, "MANAGE_PRODUCTS", name="Stock")


@pytest.fixture
def manager(tenant):
    return open_app(tenant, "MANAGE_APPS", "MANAGE_PRODUCTS", name="Manager")


def events_of(shop) -> list[Event]:
    with tenant_scope(shop.id):
        return list(Event.objects.order_by("position"))


# --- Names and rights ---------------------------------------------------------------------------------------


def test_an_app_gets_another_name_and_other_rights(ask, tenant, stock, manager):
    answer = ask(tenant, manager.token, UPDATE, id=stock.key, input={"name": "Store"})["data"]["appUpdate"]
    assert answer == {"app": {"name": "Store", "permissions": [{"code": "MANAGE_PRODUCTS"}]}, "errors": []}
    answer = ask(tenant, manager.token, UPDATE, id=stock.key, input={"permissions": []})["data"]["appUpdate"]
    assert answer == {"app": {"name": "Store", "permissions": []}, "errors": []}
    answer = ask(tenant, manager.token, UPDATE, id=stock.key, input={"permissions": ["MANAGE_ORDERS"]})
    assert answer["data"]["appUpdate"]["errors"] == [{"field": "permissions", "code": "OUT_OF_SCOPE_PERMISSION"}]
    answer = ask(tenant, manager.token, UPDATE, id="nonsense", input={})["data"]["appUpdate"]
    assert answer["errors"] == [{"field": "id", "code": "GRAPHQL_ERROR"}]
    with tenant_scope(tenant.id):
        assert App.objects.get(id=stock.id).permissions == []


def test_an_app_does_not_give_itself_rights(ask, tenant, stock):
    answer = ask(tenant, stock.token, UPDATE, id=stock.key, input={"permissions": ["MANAGE_PRODUCTS", "MANAGE_APPS"]})
    assert "MANAGE_APPS" in answer["errors"][0]["message"]
    with tenant_scope(tenant.id):
        assert App.objects.get(id=stock.id).permissions == ["MANAGE_PRODUCTS"]


def test_with_an_app_its_webhooks_are_deleted_and_told(ask, tenant, stock, manager):
    with tenant_scope(tenant.id):
        wanted = Wanted("Products", "https://a.example/", ["PRODUCT_UPDATED"])
        webhook = create_webhook(app_id=stock.id, wanted=wanted, permissions=["MANAGE_PRODUCTS"])
    query = "mutation($id: ID!) { appDelete(id: $id) { app { name } errors { code } } }"
    assert ask(tenant, manager.token, query, id=stock.key)["data"]["appDelete"]["errors"] == []
    told = [(event.type, event.object_id, event.payload.get("reason")) for event in events_of(tenant)[-2:]]
    assert told == [
        ("webhooks.webhook.deleted", webhook.id, "The app was deleted."),
        ("tenants.app.deleted", stock.id, None),
    ]


# --- What an app keeps --------------------------------------------------------------------------------------


def test_an_app_keeps_its_settings_privately(ask, tenant, stock):
    """As the settings manager of app-sdk does: read the app's id, put pairs, drop keys."""
    key = ask(tenant, stock.token, SETTINGS)["data"]["app"]["id"]
    put = change("updatePrivateMetadata")
    for pairs in ([{"key": "a", "value": "1"}, {"key": "b", "value": "2"}], [{"key": "b", "value": "3"}]):
        answer = ask(tenant, stock.token, put, id=key, given=pairs)["data"]["updatePrivateMetadata"]
        assert answer["errors"] == []
    assert answer["item"] == {
        "metadata": [],
        "privateMetadata": [{"key": "a", "value": "1"}, {"key": "b", "value": "3"}],
    }
    drop = change("deletePrivateMetadata", "keys")
    answer = ask(tenant, stock.token, drop, id=key, given=["a", "none"])["data"]["deletePrivateMetadata"]
    assert answer == {"errors": [], "item": {"metadata": [], "privateMetadata": [{"key": "b", "value": "3"}]}}
    answer = ask(tenant, stock.token, change("updateMetadata"), id=key, given=[{"key": "public", "value": "x"}])
    assert answer["data"]["updateMetadata"]["item"]["metadata"] == [{"key": "public", "value": "x"}]
    answer = ask(tenant, stock.token, change("deleteMetadata", "keys"), id=key, given=["public"])
    assert answer["data"]["deleteMetadata"]["item"] == {"metadata": [], "privateMetadata": [{"key": "b", "value": "3"}]}
    assert ask(tenant, stock.token, SETTINGS)["data"]["app"]["privateMetadata"] == [{"key": "b", "value": "3"}]
    kinds = [event.type for event in events_of(tenant)]
    assert kinds.count("tenants.app.metadata_updated") == 5
    assert kinds.count("tenants.app.updated") == 1, "of its token alone: what it keeps is no news to it"


@pytest.mark.parametrize("name", ["updateMetadata", "updatePrivateMetadata"])
def test_nobody_changes_what_others_keep(ask, tenant, other_tenant, stock, name):
    other = open_app(tenant, "MANAGE_PRODUCTS", name="Other")
    theirs = open_app(other_tenant, name="Theirs")
    weaker = open_app(tenant, "MANAGE_APPS", name="Weaker")
    given = [{"key": "a", "value": "1"}]
    for token in ("", other.token):
        answer = ask(tenant, token, change(name), id=stock.key, given=given)
        assert "MANAGE_APPS" in answer["errors"][0]["message"]
    answer = ask(tenant, weaker.token, change(name), id=stock.key, given=given)["data"][name]
    assert answer["item"] is None
    assert answer["errors"][0]["message"] == "Stock has permissions that you do not have."
    answer = ask(tenant, weaker.token, change(name), id=theirs.key, given=given)["data"][name]
    assert answer["errors"][0]["code"] == "NOT_FOUND"
    for shop, app in ((tenant, stock), (other_tenant, theirs)):
        with tenant_scope(shop.id):
            kept = App.objects.get(id=app.id)
            assert (kept.metadata, kept.private_metadata) == ({}, {})


@pytest.mark.parametrize(
    ("key", "given", "field", "code"),
    [
        (None, [{"key": " ", "value": "1"}], "input", "REQUIRED"),
        (None, [{"key": "k" * 257, "value": "1"}], "input", "INVALID"),
        (None, [{"key": "k", "value": "v" * 100_001}], "input", "INVALID"),
        (None, [{"key": f"k{number}", "value": "1"} for number in range(501)], "input", "INVALID"),
        ("nonsense", [{"key": "k", "value": "1"}], "id", "GRAPHQL_ERROR"),
        (to_global_id("App", "nonsense"), [{"key": "k", "value": "1"}], "id", "GRAPHQL_ERROR"),
        (to_global_id("Planet", UUID(int=0)), [{"key": "k", "value": "1"}], "id", "NOT_FOUND"),
    ],
)
def test_pairs_that_cannot_be_kept_are_refused(ask, tenant, stock, key, given, field, code):
    answer = ask(tenant, stock.token, change("updatePrivateMetadata"), id=key or stock.key, given=given)
    answer = answer["data"]["updatePrivateMetadata"]
    assert (answer["item"], [(e["field"], e["code"]) for e in answer["errors"]]) == (None, [(field, code)])
    with tenant_scope(tenant.id):
        assert App.objects.get(id=stock.id).private_metadata == {}


# --- Installations that failed ------------------------------------------------------------------------------


def failed(shop, *, permissions=("MANAGE_PRODUCTS",), status="failed"):
    with tenant_scope(shop.id):
        order = operations.order_installation(
            name="Failed", manifest_url="https://app.example/manifest", permissions=permissions, told=False
        )
        AppInstallation.objects.filter(id=order.id).update(status=status, message="It did not answer.")
    return order.id


def test_an_installation_that_failed_is_done_again(ask, tenant, manager):
    order_id = failed(tenant)
    answer = ask(tenant, manager.token, RETRY, id=to_global_id("AppInstallation", order_id))["data"]["appRetryInstall"]
    assert answer == {"appInstallation": {"status": "PENDING", "message": None}, "errors": []}
    event = events_of(tenant)[-1]
    assert (event.type, event.object_id) == (operations.ORDERED, order_id)
    with tenant_scope(tenant.id):  # the stack's own worker may have tried it meanwhile
        AppInstallation.objects.filter(id=order_id).update(status="pending")
    again = ask(tenant, manager.token, RETRY, id=to_global_id("AppInstallation", order_id))["data"]["appRetryInstall"]
    assert again["errors"][0]["code"] == "INVALID_STATUS"


def test_an_installation_that_failed_is_forgotten(ask, tenant, manager):
    order_id = failed(tenant)
    answer = ask(tenant, manager.token, FORGET, id=to_global_id("AppInstallation", order_id))
    assert answer["data"]["appDeleteFailedInstallation"] == {"appInstallation": {"appName": "Failed"}, "errors": []}
    with tenant_scope(tenant.id):
        assert not AppInstallation.objects.exists()


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"status": "installed"}, "INVALID_STATUS"),
        ({"status": "pending"}, "INVALID_STATUS"),
        ({"permissions": ["MANAGE_ORDERS"]}, "OUT_OF_SCOPE_PERMISSION"),
        ({"permissions": None}, "OUT_OF_SCOPE_PERMISSION"),
    ],
)
@pytest.mark.parametrize("query", [RETRY, FORGET])
def test_other_installations_are_left_alone(ask, tenant, manager, query, given, code):
    order_id = failed(tenant, **given)
    answer = ask(tenant, manager.token, query, id=to_global_id("AppInstallation", order_id))["data"]
    [payload] = answer.values()
    assert [error["code"] for error in payload["errors"]] == [code], json.dumps(payload)
    with tenant_scope(tenant.id):
        assert AppInstallation.objects.get().message == "It did not answer."


# --- Looking at a manifest ----------------------------------------------------------------------------------

FETCH = """mutation($url: String!) { appFetchManifest(manifestUrl: $url) { errors { field code message } manifest {
    identifier version name about author permissions { code } appUrl tokenTargetUrl homepageUrl
    webhooks { name asyncEvents syncEvents query targetUrl }
    extensions { label url mountName targetName permissions { code } settings } } } }"""


def test_a_manifest_is_looked_at_and_nothing_installed(ask, tenant, manager, monkeypatch):
    extension = {"label": "Stock", "url": "/stock", "mount": "product_details", "permissions": ["MANAGE_PRODUCTS"]}
    app = FakeApp(more={"extensions": [extension]})
    scopes = []
    send = installing.send
    monkeypatch.setattr(installing, "send", lambda *args, **more: scopes.append(current_scope()) or send(*args, **more))
    answer = ask(tenant, manager.token, FETCH, url=f"{app.url}/api/manifest")
    app.close()
    assert answer["data"]["appFetchManifest"] == {
        "errors": [],
        "manifest": {
            "identifier": "example.app.stock",
            "version": "1.2.3",
            "name": "Stock keeper",
            "about": "Keeps stock.",
            "author": None,
            "permissions": [{"code": "MANAGE_PRODUCTS"}],
            "appUrl": app.url,
            "tokenTargetUrl": f"{app.url}/api/register",
            "homepageUrl": None,
            "webhooks": [
                {
                    "name": "Products",
                    "asyncEvents": ["PRODUCT_UPDATED"],
                    "syncEvents": [],
                    "query": "",
                    "targetUrl": f"{app.url}/api/webhook",
                }
            ],
            "extensions": [
                {
                    "label": "Stock",
                    "url": "/stock",
                    "mountName": "PRODUCT_DETAILS",
                    "targetName": "POPUP",
                    "permissions": [{"code": "MANAGE_PRODUCTS"}],
                    "settings": {},
                }
            ],
        },
    }
    assert scopes == [None], "no transaction is open while others are asked"
    with tenant_scope(tenant.id):
        assert App.objects.count() == 1
        assert not AppInstallation.objects.exists()


@pytest.mark.parametrize(
    ("given", "field", "code"),
    [
        ({"name": 5}, "name", "INVALID_MANIFEST_FORMAT"),
        ({"permissions": ["NONSENSE"]}, "permissions", "INVALID_PERMISSION"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_refused(ask, tenant, manager, given, field, code):
    app = FakeApp(more=given)
    answer = ask(tenant, manager.token, FETCH, url=f"{app.url}/api/manifest")["data"]["appFetchManifest"]
    app.close()
    assert (answer["manifest"], answer["errors"][0]["field"], answer["errors"][0]["code"]) == (None, field, code)


def test_a_manifest_is_fetched_from_public_addresses_and_for_those_who_manage_apps(ask, tenant, manager, stock):
    answer = ask(tenant, manager.token, FETCH, url="http://169.254.169.254/latest")["data"]["appFetchManifest"]
    assert answer["errors"][0]["code"] == "MANIFEST_URL_CANT_CONNECT"
    app = FakeApp()
    denied = ask(tenant, stock.token, FETCH, url=f"{app.url}/api/manifest")
    app.close()
    assert "MANAGE_APPS" in denied["errors"][0]["message"]
    assert app.asked == []
