"""Apps installed by their manifests: a real app, which calls back a real web server during the handshake."""

import json
import secrets
import threading
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
from django.db import connections

from commerce import outbox
from commerce.db.scope import tenant_scope
from commerce.errors import DomainError
from commerce.graphql.ids import to_global_id
from commerce.webhooks import tasks
from commerce.webhooks.installing import install
from commerce.webhooks.models import Webhook
from tenants import operations
from tenants.models import App, AppInstallation, AppToken
from tests.factories.tenants import make_app, open_shop
from tests.webhooks.conftest import deliverer
from tests.webhooks.fake_app import FakeApp, Refusal

NOW = datetime.now(UTC)


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def shop(settings):
    """A shop at an address of this machine, where a web server answers for it."""
    host = f"127.{secrets.randbelow(200) + 10}.{secrets.randbelow(250)}.{secrets.randbelow(250) + 1}"
    server = ThreadedWSGIServer((host, 0), _Quiet, ipv6=False)
    server.daemon_threads = True
    server.set_app(get_wsgi_application())
    settings.WEBHOOK_API_URL = f"http://{{host}}:{server.server_port}/graphql/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield open_shop(host=host)
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture
def app():
    opened = FakeApp()
    yield opened
    opened.close()


def order(shop, app, permissions=None, **options):
    with tenant_scope(shop.id):
        found = operations.order_installation(
            name="Stock", manifest_url=f"{app.url}/api/manifest", permissions=permissions, told=False, **options
        )
    return found.id


def run(shop, app, permissions=None, now=NOW, **options):
    return install(tenant_id=shop.id, installation_id=order(shop, app, permissions, **options), now=now)


def left(shop):
    """Return how many apps, tokens and webhooks a shop has."""
    with tenant_scope(shop.id):
        return App.objects.count(), AppToken.objects.count(), Webhook.objects.count()


def event_types(shop):
    with tenant_scope(shop.id), connections["default"].cursor() as cursor:
        cursor.execute("SELECT type FROM outbox_event WHERE object_kind = 'App' ORDER BY position")
        return [type_ for (type_,) in cursor.fetchall()]


def test_an_app_is_installed_told_of_a_change_and_removed(shop, app, settings, relay, client_for):
    done = run(shop, app)
    assert (done.status, done.message) == ("installed", "")
    api_url = settings.WEBHOOK_API_URL.format(host=shop.host)
    with tenant_scope(shop.id):
        kept = App.objects.get()
        product = outbox.publish("catalog.product.updated", object_kind="Product", object_id=kept.id, object_version=3)
    (manifest, register, *_) = app.asked
    assert manifest[0] == "GET"
    assert manifest[2]["saleor-schema-version"] == register[2]["saleor-schema-version"] == "3.23"
    domain = api_url.split("/")[2]
    assert [register[2][name] for name in ("saleor-domain", "x-saleor-domain", "saleor-api-url")] == [
        domain, domain, api_url,
    ]  # fmt: skip
    assert app.registered[api_url]["app_id"] == to_global_id("App", kept.id)
    assert (kept.name, kept.kind, kept.identifier, kept.app_version, kept.permissions, kept.is_active) == (
        "Stock keeper", "third-party", "example.app.stock", "1.2.3", ["MANAGE_PRODUCTS"], True,
    )  # fmt: skip
    assert event_types(shop) == ["tenants.app.installed"]

    relay.run_once()
    deliverer().run()
    assert app.refused == []
    ((event, payload),) = app.delivered
    assert (event, payload["id"], payload["object"]["version"]) == ("product_updated", str(product), 3)

    token = app.registered[api_url]["token"]
    with tenant_scope(shop.id):
        operations.delete_app(app_id=kept.id)
    answer = client_for(shop, authorization=f"Bearer {token}").post(
        "/graphql/", {"query": "{ app { id } }"}, "application/json"
    )
    assert answer.json()["data"] == {"app": None}
    assert left(shop) == (0, 0, 0)
    with tenant_scope(shop.id):
        assert AppInstallation.objects.get().status == "installed"


def test_an_app_gets_no_more_than_was_ordered(shop, app):
    app.more = {"permissions": ["MANAGE_PRODUCTS", "MANAGE_ORDERS"]}
    assert run(shop, app, ["MANAGE_PRODUCTS", "MANAGE_CHANNELS"], activate=False).status == "installed"
    with tenant_scope(shop.id):
        kept = App.objects.get()
        assert (kept.permissions, kept.is_active) == (["MANAGE_PRODUCTS"], False)
        with pytest.raises(operations.OutOfScopePermission):
            operations.order_installation(
                name="x", manifest_url=app.url, permissions=["MANAGE_ORDERS"], granted_by=["MANAGE_PRODUCTS"]
            )


def test_an_app_without_a_target_for_its_token_is_installed(shop, app):
    app.more = {"tokenTargetUrl": None}
    assert run(shop, app).status == "installed"
    assert app.registered == {}


def test_an_installation_is_done_once(shop, app):
    installation_id = order(shop, app)
    for _ in range(2):
        assert install(tenant_id=shop.id, installation_id=installation_id, now=NOW).status == "installed"
    assert left(shop) == (1, 1, 1)
    assert len(app.asked) == 2


def test_what_a_killed_worker_left_is_cleared_away(shop, app):
    installation_id = order(shop, app)
    with tenant_scope(shop.id):
        operations.begin_installation(installation_id=installation_id, now=NOW)
        operations.add_installing_app(
            installation_id=installation_id, fields={"name": "Left", "identifier": "example.app.stock"}, asked=[]
        )
    held = install(tenant_id=shop.id, installation_id=installation_id, now=NOW + timedelta(minutes=2))
    assert (held.status, app.asked) == ("pending", [])
    done = install(tenant_id=shop.id, installation_id=installation_id, now=NOW + timedelta(minutes=4))
    assert (done.status, left(shop)) == ("installed", (1, 1, 1))


def test_an_app_is_not_installed_twice(shop, app):
    assert run(shop, app).status == "installed"
    again = run(shop, app)
    assert (again.status, again.message) == (
        "failed",
        "identifier: An app with the id 'example.app.stock' is installed already: delete it first.",
    )
    assert left(shop) == (1, 1, 1)


# --- What fails leaves nothing ------------------------------------------------------------------------------


def fails(shop, app) -> str:
    """Install, and return why it failed; nothing is left of it."""
    done = run(shop, app)
    assert done.status == "failed"
    assert left(shop) == (0, 0, 0)
    assert event_types(shop) == []
    return done.message


def test_an_app_that_refuses_its_token_is_undone_with_its_reason(shop, app):
    app.refusal = Refusal(403, "SALEOR_URL_PROHIBITED")
    message = "tokenTargetUrl: The app answered 403 to its token: Refused: SALEOR_URL_PROHIBITED"
    assert fails(shop, app) == message
    app.refusal = None
    assert run(shop, app).status == "installed"


def test_a_token_is_not_sent_after_a_redirect(shop, app):
    app.refusal = Refusal(302, "MOVED")
    assert fails(shop, app).startswith("tokenTargetUrl: The app answered 302 to its token")
    assert [path for _, path, _ in app.asked] == ["/api/manifest", "/api/register"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"id": None}, "id: It is missing."),
        ({"name": 7}, "name: It must be a text."),
        ({"version": "1" * 61}, "version: It has more than 60 characters, or a NUL."),
        ({"permissions": ["FLY"]}, "permissions: There is no permission 'FLY'; there are "),
        ({"permissions": "MANAGE_PRODUCTS"}, "permissions: It must be a list of texts."),
        ({"appUrl": "javascript:alert(1)"}, "appUrl: The URL must begin with https:// or http:// and a host."),
        ({"tokenTargetUrl": "http://169.254.169.254/"}, "tokenTargetUrl: "),
        ({"requiredSaleorVersion": "<3.20"}, "requiredSaleorVersion: The app is for <3.20, and this is 3.23."),
        ({"requiredSaleorVersion": "new"}, "requiredSaleorVersion: 'new' is no version"),
        ({"brand": {"logo": []}}, None),
        ({"brand": {"logo": "x"}}, "logo: It must be an object."),
        ({"extensions": [{"label": "x"}]}, "extensions.0.url: It is missing."),
        ({"webhooks": [{"name": "x"}]}, "webhooks.0.targetUrl: It is missing."),
        ({"webhooks": [{"name": "x", "targetUrl": "http://127.0.0.1/"}]}, "webhooks.0.asyncEvents: It names no event."),
        (
            {"webhooks": [{"name": "x", "targetUrl": "http://10.0.0.1/", "asyncEvents": ["PRODUCT_UPDATED"]}]},
            "webhooks.0.targetUrl: The URL's host leads to an address that is not on the public internet.",
        ),
        (
            {"webhooks": [{"name": "x", "targetUrl": "http://127.0.0.1/", "syncEvents": ["TELL_ME"]}]},
            "webhooks.0.syncEvents: There is no synchronous event 'TELL_ME'.",
        ),
        (
            {"webhooks": [{"name": "x", "targetUrl": "http://127.0.0.1/", "syncEvents": ["ORDER_CALCULATE_TAXES"]}]},
            "webhooks: ORDER_CALCULATE_TAXES needs the permission HANDLE_TAXES.",
        ),
        (
            {"webhooks": [{"name": "x", "targetUrl": "http://127.0.0.1/", "asyncEvents": ["CHANNEL_CREATED"]}]},
            "webhooks.0.events: CHANNEL_CREATED needs the permission MANAGE_CHANNELS.",
        ),
    ],
)
def test_a_manifest_is_read_strictly(shop, app, more, message):
    app.more = more
    if message is None:
        assert run(shop, app).status == "installed"
    else:
        assert fails(shop, app).startswith(message)
        assert [method for method, _, _ in app.asked] == ["GET"]


@pytest.mark.parametrize(
    ("raw", "status", "message"),
    [
        (b"{", 200, "manifest_url: The manifest is no JSON: "),
        (b"[]", 200, "manifest_url: The manifest must be a JSON object."),
        (b'{"a": "' + b"x" * 1024 * 1024 + b'"}', 200, "manifest_url: The manifest has more than 1048576 bytes."),
        (b"{}", 404, "manifest_url: The address of the manifest answered 404, and not 200."),
        (b"{}", 302, "manifest_url: The address of the manifest answered 302, and not 200."),
    ],
)
def test_an_address_without_a_manifest_is_told(shop, app, raw, status, message):
    app.raw, app.status = raw, status
    assert fails(shop, app).startswith(message)
    assert len(app.asked) == 1


def test_no_scope_is_open_while_an_app_is_talked_to(shop, app):
    installation_id = order(shop, app)
    with tenant_scope(shop.id), pytest.raises(RuntimeError, match="leave the scope"):
        install(tenant_id=shop.id, installation_id=installation_id, now=NOW)
    assert app.asked == []


def test_a_bug_of_ours_fails_the_installation_too(shop, app, monkeypatch):
    monkeypatch.setattr("commerce.webhooks.installing._hand_over", lambda *_: json.loads("{"))
    with pytest.raises(json.JSONDecodeError):
        run(shop, app)
    assert left(shop) == (0, 0, 0)
    with tenant_scope(shop.id):
        assert AppInstallation.objects.get().message == "Something went wrong here; try again."


def test_installations_of_another_shop_are_not_found(shop, app, other_tenant):
    installation_id = order(shop, app)
    with pytest.raises(DomainError, match="There is no such installation"):
        install(tenant_id=other_tenant.id, installation_id=installation_id, now=NOW)


# --- Ordered by command, by GraphQL ---------------------------------------------------------------------------


def call(verb, shop, *arguments):
    out = StringIO()
    call_command("app", verb, "--tenant", shop.slug, *arguments, stdout=out)
    return out.getvalue().strip()


def test_an_operator_installs_an_app_and_waits(shop, app):
    told = call("install", shop, f"{app.url}/api/manifest")
    with tenant_scope(shop.id):
        kept = App.objects.get()
    assert told == f"installed Stock keeper ({kept.id})"
    assert (kept.permissions, kept.is_active) == (["MANAGE_PRODUCTS"], True)
    assert app.registered
    with pytest.raises(CommandError, match=r"Nothing was installed\. identifier: An app with the id"):
        call("install", shop, f"{app.url}/api/manifest")


def test_an_operator_grants_less_and_keeps_it_out(shop, app):
    app.more = {"webhooks": []}
    call("install", shop, f"{app.url}/api/manifest", "--permission", "MANAGE_ORDERS", "--inactive")
    with tenant_scope(shop.id):
        assert App.objects.values_list("permissions", "is_active").get() == ([], False)


INSTALL = """mutation($input: AppInstallInput!) { appInstall(input: $input) {
    appInstallation { id appName status manifestUrl message } errors { field code } } }"""
INSTALLATIONS = "{ appsInstallations { id appName status message } }"


@pytest.fixture
def ask(client_for):
    def post(shop, token, query, **variables):
        body = {"query": query, "variables": variables}
        return client_for(shop, authorization=f"Bearer {token}").post("/graphql/", body, "application/json").json()

    return post


def test_an_app_is_ordered_by_graphql_and_installed_by_a_worker(shop, app, ask, relay):
    with tenant_scope(shop.id):
        token = make_app("MANAGE_APPS", "MANAGE_PRODUCTS", name="Manager").text
    given = {"appName": "Stock", "manifestUrl": f"{app.url}/api/manifest", "permissions": ["MANAGE_PRODUCTS"]}
    answer = ask(shop, token, INSTALL, input=given)["data"]["appInstall"]
    assert answer["errors"] == []
    found = answer["appInstallation"]
    assert (found["appName"], found["status"], found["message"]) == ("Stock", "PENDING", None)
    assert app.asked == []
    ordered = []
    relay.subscribers.subscribe(operations.ORDERED, ordered.append)
    relay.run_once()
    (event,) = ordered
    assert tasks.install_app(tenant_id=event.tenant_id, installation_id=str(event.object_id)) == "installed"
    assert ask(shop, token, INSTALLATIONS)["data"]["appsInstallations"] == [
        {"id": found["id"], "appName": "Stock keeper", "status": "SUCCESS", "message": None}
    ]


def test_ordering_needs_a_manager_of_apps_who_holds_what_is_given(shop, app, ask):
    with tenant_scope(shop.id):
        nobody, manager = make_app("MANAGE_PRODUCTS").text, make_app("MANAGE_APPS").text
    given = {"manifestUrl": f"{app.url}/api/manifest", "permissions": ["MANAGE_PRODUCTS"]}
    for query in (INSTALLATIONS, INSTALL):
        (error,) = ask(shop, nobody, query, input=given)["errors"]
        assert error["message"].endswith("one of the following permissions: MANAGE_APPS")
    refused = ask(shop, manager, INSTALL, input=given)["data"]["appInstall"]
    assert refused["errors"] == [{"field": "permissions", "code": "OUT_OF_SCOPE_PERMISSION"}]
    bad = ask(shop, manager, INSTALL, input={"manifestUrl": "http://169.254.169.254/"})["data"]["appInstall"]
    assert bad["errors"] == [{"field": "manifestUrl", "code": "INVALID_URL_FORMAT"}]
    with tenant_scope(shop.id):
        assert AppInstallation.objects.count() == 0


def test_an_installation_whose_message_was_lost_is_taken_up(shop, app, monkeypatch):
    installation_id = order(shop, app)
    sent = []
    monkeypatch.setattr(tasks.install_app, "delay", lambda **options: sent.append(options))
    tasks.take_up_installations()
    mine = {"tenant_id": shop.id, "installation_id": str(installation_id)}
    assert mine not in sent
    with tenant_scope(shop.id):
        AppInstallation.objects.update(created_at=NOW - timedelta(minutes=10))
    tasks.take_up_installations()
    assert mine in sent
    assert tasks.install_app(**mine) == "installed"
    sent.clear()
    tasks.take_up_installations()
    assert mine not in sent
