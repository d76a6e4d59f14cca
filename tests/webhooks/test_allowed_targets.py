"""What an operator lets one tenant's webhooks and apps reach besides the public internet: deliveries to real receivers.

The stack of the tests allows loopback to everybody; here nothing is, unless a tenant was given it.
"""

from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from commerce.db.scope import tenant_scope
from commerce.errors import DomainError
from commerce.webhooks.installing import install
from commerce.webhooks.models import Delivery, Webhook
from commerce.webhooks.operations import Wanted, create_webhook
from commerce.webhooks.sync import Question, call
from tenants import operations as tenants
from tests.webhooks.conftest import changed, deliverer, deliveries, publish, subscribe
from tests.webhooks.fake_app import FakeApp

REFUSED = "The URL's host leads to an address that is not on the public internet."


@pytest.fixture(autouse=True)
def _nothing_allowed(settings):
    settings.WEBHOOK_ALLOW = []


def allow(shop, *targets: str) -> str:
    output = StringIO()
    call_command("tenant", "allow-targets", shop.slug, *targets, stdout=output)
    return output.getvalue().strip()


def order(shop, url: str):
    with tenant_scope(shop.id):
        return tenants.order_installation(name="App", manifest_url=url, permissions=["MANAGE_PRODUCTS"], told=False)


def test_a_tenants_own_list_opens_a_target_to_it_and_to_nobody_else(tenant, other_tenant, receiver, relay):
    port = receiver.server.server_port
    with pytest.raises(DomainError, match=r"not on the public internet|port"):
        subscribe(tenant, receiver.url)
    told = allow(tenant, f"127.0.0.1:{port}")
    assert told == f"{tenant.slug} may send to public addresses and to 127.0.0.1:{port}"
    subscribe(tenant, receiver.url)
    with pytest.raises(DomainError, match="not on the public internet"):
        subscribe(other_tenant, receiver.url)
    publish(tenant, changed())
    relay.run_once()
    assert deliverer().run() == 1
    assert [delivery.status for delivery in deliveries(tenant)] == ["delivered"]
    assert len(receiver.received) == 1


def test_what_is_taken_away_is_refused_at_the_next_sending(tenant, receiver, relay):
    allow(tenant, "127.0.0.0/8")
    subscribe(tenant, receiver.url)
    assert allow(tenant, "--none") == f"{tenant.slug} may send to public addresses alone"
    publish(tenant, changed())
    relay.run_once()
    deliverer().run()
    [delivery] = deliveries(tenant)
    assert (delivery.status, delivery.error) == ("dead", f"address: {REFUSED}")
    assert receiver.received == []


def test_a_port_that_was_not_named_stays_closed(tenant, receiver):
    allow(tenant, f"127.0.0.1:{receiver.server.server_port - 1}")
    with pytest.raises(DomainError, match="not on the public internet"):
        subscribe(tenant, receiver.url)


def test_apps_are_asked_where_the_tenant_may(tenant, other_tenant):
    with FakeAppHere() as app:
        for shop in (tenant, other_tenant):
            allow(shop, "127.0.0.1")
            with tenant_scope(shop.id):
                app_id = tenants.create_app(name="Taxes", permissions=["HANDLE_TAXES"]).id
                wanted = Wanted("t", f"{app.url}/api/register", ["CHECKOUT_CALCULATE_TAXES"], is_sync=True)
                create_webhook(app_id=app_id, wanted=wanted, permissions=["HANDLE_TAXES"])
        allow(other_tenant, "--none")
        question = Question("CHECKOUT_CALCULATE_TAXES", "Checkout", uuid4())
        errors = [
            call(
                question,
                tenant_id=shop.id,
                make_payload=lambda listener: b"{}",
                read=lambda answer: answer,
                deadline=5,
                fallback=None,
            )[0].error
            for shop in (tenant, other_tenant)
        ]
        # The app answers 400, as this is no registration; it was not reached for the other tenant.
        assert errors == ["The answer cannot be used: the app answered 400", REFUSED]
        assert len(app.asked) == 1
    with tenant_scope(tenant.id):
        assert Delivery.objects.get().event_type == "CHECKOUT_CALCULATE_TAXES"


class FakeAppHere(FakeApp):
    """An app that is closed at the end, without a callback that would need a server."""

    def __init__(self) -> None:
        super().__init__(more={"tokenTargetUrl": None})

    def __enter__(self) -> "FakeAppHere":
        return self

    def __exit__(self, *_) -> None:
        self.close()


def test_apps_are_installed_from_where_the_tenant_may(tenant, other_tenant):
    with FakeAppHere() as app:
        ends = {}
        for shop in (tenant, other_tenant):
            with pytest.raises(DomainError, match="not on the public internet"):
                order(shop, f"{app.url}/api/manifest")
            allow(shop, "127.0.0.0/8")
            ordered = order(shop, f"{app.url}/api/manifest")
            if shop is other_tenant:
                allow(shop, "--none")
            ends[shop.slug] = install(tenant_id=shop.id, installation_id=ordered.id, now=timezone.now())
        assert ends[tenant.slug].status == "installed"
        assert (ends[other_tenant.slug].status, ends[other_tenant.slug].message) == (
            "failed",
            f"manifest_url: {REFUSED}",
        )
        assert [path for _, path, _ in app.asked] == ["/api/manifest"]
    with tenant_scope(tenant.id):
        assert Webhook.objects.get().is_active


@pytest.mark.parametrize(
    "target",
    [
        "169.254.169.254", "169.254.0.0/16", "169.254.170.2:80", "0.0.0.0/0", "fd00:ec2::254", "[fd00:ec2::254]:80",
        "fd00::/8", "::/0", "64:ff9b::/96", "::ffff:169.254.169.254", "fe80::/10", "100.100.100.200",
    ],
)  # fmt: skip
def test_nobody_is_let_to_where_machines_keep_credentials(tenant, target):
    with pytest.raises(CommandError, match="machines keep their credentials"):
        allow(tenant, "127.0.0.1", target)
    with tenant_scope(tenant.id):
        assert tenants_allowed() == []


@pytest.mark.parametrize("targets", [["no such host!"], ["127.1"], [], ["127.0.0.1", "--none"]])
def test_nonsense_is_refused(tenant, targets):
    allow(tenant, "10.0.0.0/8")
    with pytest.raises(CommandError):
        allow(tenant, *targets)
    with tenant_scope(tenant.id):
        assert tenants_allowed() == ["10.0.0.0/8"]


def test_in_production_an_operator_has_to_insist(tenant, settings):
    settings.ENVIRONMENT = "production"
    with pytest.raises(CommandError, match="--yes-production"):
        allow(tenant, "127.0.0.1")
    with tenant_scope(tenant.id):
        assert tenants_allowed() == []
    allow(tenant, "127.0.0.1", "--yes-production")
    with tenant_scope(tenant.id):
        assert tenants_allowed() == ["127.0.0.1"]
    allow(tenant, "--none")
    with tenant_scope(tenant.id):
        assert tenants_allowed() == []


def tenants_allowed() -> list[str]:
    from tenants import queries

    return queries.list_allowed_targets()
