"""Webhooks, deliveries and installations in the admin, for staff who manage apps, as far as their own rights go."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils import timezone

from commerce.db.scope import tenant_scope
from commerce.outbox.models import Event
from commerce.webhooks.models import Delivery, Webhook
from commerce.webhooks.operations import pause_webhook
from tenants.models import App, AppInstallation
from tests.admin import errors, page, read_form, send, sign_in
from tests.factories.tenants import make_app, make_channel
from tests.webhooks.conftest import changed, deliverer, deliveries, get_webhook, publish, subscribe

MINE = ["MANAGE_APPS", "MANAGE_PRODUCTS", "HANDLE_TAXES"]


@pytest.fixture
def client(tenant):
    return sign_in(tenant, permissions=MINE)


@pytest.fixture
def app(tenant):
    with tenant_scope(tenant.id):
        return make_app("MANAGE_PRODUCTS", "HANDLE_TAXES", name="Stock").token.app


@pytest.fixture
def foreign_app(tenant):
    """An app that may do more than the staff."""
    with tenant_scope(tenant.id):
        return make_app("MANAGE_PRODUCTS", "MANAGE_ORDERS", name="Orders").token.app


def press(client, obj, button, **data):
    meta = obj._meta
    address = reverse(f"admin:{meta.app_label}_{meta.model_name}_{button}", args=[obj.pk])
    return client.post(address, data, follow=True)


def act(client, model, action, *objects):
    form = {"action": action, "_selected_action": [str(obj.pk) for obj in objects]}
    return client.post(page(model, "changelist"), form, follow=True)


def types_of(shop):
    with tenant_scope(shop.id):
        return list(Event.objects.order_by("position").values_list("type", flat=True))


# --- Making and changing ------------------------------------------------------------------------------------


def test_staff_make_a_webhook(tenant, client, app):
    with tenant_scope(tenant.id):
        channel = make_channel(slug="nl")
    form = read_form(client.get(page(Webhook, "add")))
    given = {
        "name": "Products",
        "app": str(app.pk),
        "target_url": "https://stock.example/hook",
        "events": ["PRODUCT_UPDATED", "PRODUCT_DELETED"],
        "channels": [str(channel.pk)],
        "filters": "slug: shirt, shoe",
        "custom_headers": "X-Shop: one\nAuthorization: Bearer abc:def",
        "new_secret": "hush",
        "is_active": "on",
    }
    answer = client.post(page(Webhook, "add"), {**form, **given})
    assert answer.status_code == 302, errors(answer)
    with tenant_scope(tenant.id):
        made = Webhook.objects.get()
    assert (made.name, made.app_id, made.events, made.is_sync) == (
        "Products",
        app.pk,
        ["PRODUCT_DELETED", "PRODUCT_UPDATED"],
        False,
    )
    assert (made.channels, made.filters) == ([str(channel.pk)], {"slug": ["shirt", "shoe"]})
    assert (made.custom_headers, made.secret) == ({"X-Shop": "one", "Authorization": "Bearer abc:def"}, "hush")
    assert types_of(tenant)[-1] == "webhooks.webhook.created"
    opened = client.get(page(made)).content.decode()
    assert "hush" not in opened, "a secret is written, and never shown"
    assert "a secret of its own" in opened


def test_a_webhook_is_changed_and_its_secret_kept_or_dropped(tenant, client, app):
    webhook = subscribe(tenant, "https://a.example/", app_id=app.pk, secret="hush", filters={"slug": ["a", "b"]})
    answer = send(client, page(webhook), {"target_url": "https://b.example/"})
    assert answer.status_code == 302, errors(answer)
    kept = get_webhook(tenant, webhook)
    assert (kept.target_url, kept.secret, kept.filters) == ("https://b.example/", "hush", {"slug": ["a", "b"]})
    before = len(types_of(tenant))
    assert send(client, page(webhook), {}).status_code == 302
    assert len(types_of(tenant)) == before, "nothing was changed, so that nothing is told"
    assert send(client, page(webhook), {"drop_secret": "on"}).status_code == 302
    assert get_webhook(tenant, webhook).secret == ""


def test_a_webhook_that_is_asked_takes_no_other_events(tenant, client, app):
    form = read_form(client.get(page(Webhook, "add")))
    given = {"app": str(app.pk), "target_url": "https://a.example/", "events": ["CHECKOUT_CALCULATE_TAXES"]}
    assert client.post(page(Webhook, "add"), {**form, **given}).status_code == 302
    with tenant_scope(tenant.id):
        assert Webhook.objects.get().is_sync
    both = {**given, "events": ["CHECKOUT_CALCULATE_TAXES", "PRODUCT_UPDATED"]}
    assert "make two of it" in errors(client.post(page(Webhook, "add"), {**form, **both}))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"target_url": "http://169.254.169.254/"}, "not on the public internet"),
        ({"events": ["CHANNEL_UPDATED"]}, "needs the permission MANAGE_CHANNELS"),
        ({"events": []}, "This field is required"),
        ({"events": ["NONSENSE"]}, "not one of the available choices"),
        ({"custom_headers": "Cookie: a"}, "its name begins with X-"),
        ({"custom_headers": "no colon"}, "no header such as"),
        ({"custom_headers": "X-A: 1\nX-A: 2"}, "is there twice"),
        ({"filters": "slug"}, "no filter such as"),
        ({"query": "subscription {"}, "Syntax Error"),
        ({"query": "subscription { event { ... on ProductCreated { nonsense } } }"}, "nonsense"),
    ],
)
def test_what_is_refused_is_told_at_its_field(tenant, client, app, given, told):
    form = read_form(client.get(page(Webhook, "add")))
    right = {"app": str(app.pk), "target_url": "https://a.example/", "events": ["PRODUCT_UPDATED"]}
    answer = client.post(page(Webhook, "add"), {**form, **right, **given})
    assert answer.status_code == 200
    assert told in errors(answer)
    with tenant_scope(tenant.id):
        assert not Webhook.objects.exists()


def test_a_change_is_refused_where_another_was_faster_and_not_where_the_endpoint_fails(tenant, client, app):
    webhook = subscribe(tenant, "https://a.example/", app_id=app.pk)
    opened = client.get(page(webhook))
    with tenant_scope(tenant.id):
        Webhook.objects.filter(id=webhook.id).update(failures=3, failing_since=timezone.now(), reason="500")
    assert send(client, page(webhook), {"name": "New"}, page_of=opened).status_code == 302
    assert "Somebody changed this" in errors(send(client, page(webhook), {"name": "Newer"}, page_of=opened))
    assert get_webhook(tenant, webhook).name == "New"


def test_events_are_offered_as_far_as_the_app_may_hear_of_them(tenant, client, app):
    webhook = subscribe(tenant, "https://a.example/", app_id=app.pk)
    opened = client.get(page(webhook)).content.decode()
    assert 'value="PRODUCT_CREATED"' in opened
    assert 'value="CHANNEL_CREATED"' not in opened


def test_staff_who_may_less_than_an_app_change_none_of_its_webhooks(tenant, client, foreign_app):
    form = read_form(client.get(page(Webhook, "add")))
    given = {"app": str(foreign_app.pk), "target_url": "https://evil.example/", "events": ["PRODUCT_UPDATED"]}
    assert errors(client.post(page(Webhook, "add"), {**form, **given}))
    webhook = subscribe(
        tenant, "https://a.example/", app_id=foreign_app.pk, custom_headers={"Authorization": "Bearer s"}
    )
    opened = client.get(page(webhook))
    assert opened.status_code == 200
    assert "Bearer s" not in opened.content.decode()
    assert client.post(page(webhook), given).status_code == 403
    assert client.post(page(webhook, "delete"), {"post": "yes"}).status_code == 403
    for button in ("pause", "resume", "replay"):
        assert press(client, webhook, button).status_code == 403
    assert "permissions that you do not have" in act(client, Webhook, "pause_chosen", webhook).content.decode()
    kept = get_webhook(tenant, webhook)
    assert (kept.target_url, kept.state) == ("https://a.example/", "ok")


def test_webhooks_are_for_those_who_manage_apps(tenant, app):
    webhook = subscribe(tenant, "https://a.example/", app_id=app.pk)
    client = sign_in(tenant, permissions=["MANAGE_PRODUCTS", "HANDLE_TAXES"])
    for address in (page(Webhook, "changelist"), page(Delivery, "changelist"), page(AppInstallation, "changelist")):
        assert client.get(address).status_code == 403
    assert client.get(page(webhook)).status_code == 403
    assert press(client, webhook, "pause").status_code == 403
    assert get_webhook(tenant, webhook).state == "ok"


def test_a_webhook_is_deleted_with_its_deliveries(tenant, client, app, relay):
    webhook = subscribe(tenant, "https://a.example/", app_id=app.pk)
    publish(tenant, changed())
    relay.run_once()
    assert client.post(page(webhook, "delete"), {"post": "yes"}).status_code == 302
    assert deliveries(tenant) == []
    assert types_of(tenant)[-1] == "webhooks.webhook.deleted"


def test_with_an_app_its_webhooks_go(tenant, client, app):
    subscribe(tenant, "https://a.example/", app_id=app.pk)
    assert client.post(page(app, "delete"), {"post": "yes"}).status_code == 302
    assert types_of(tenant)[-2:] == ["webhooks.webhook.deleted", "tenants.app.deleted"]
    with tenant_scope(tenant.id):
        assert not App.objects.exists()


# --- How endpoints do ---------------------------------------------------------------------------------------


def test_a_webhook_is_paused_and_resumed(tenant, client, app, receiver, relay):
    webhook = subscribe(tenant, receiver.url, app_id=app.pk)
    assert press(client, webhook, "pause").status_code == 200
    paused = get_webhook(tenant, webhook)
    assert (paused.state, paused.reason) == ("paused", f"Paused by {client.user}.")
    publish(tenant, changed())
    relay.run_once()
    assert deliverer().run() == 0
    shown = client.get(page(Webhook, "changelist")).content.decode()
    assert "Paused by" in shown
    assert press(client, webhook, "resume").status_code == 200
    assert deliverer().run() == 1
    assert get_webhook(tenant, webhook).state == "ok"
    act(client, Webhook, "pause_chosen", webhook)
    assert get_webhook(tenant, webhook).state == "paused"
    act(client, Webhook, "resume_chosen", webhook)
    assert get_webhook(tenant, webhook).state == "ok"


def test_buttons_do_nothing_by_get(tenant, client, app):
    webhook = subscribe(tenant, "https://a.example/", app_id=app.pk)
    assert client.get(reverse("admin:webhooks_webhook_pause", args=[webhook.pk])).status_code == 405
    assert press(client, Webhook(id=uuid4()), "pause").status_code == 200, "and for one that is not there, they say so"
    assert get_webhook(tenant, webhook).state == "ok"


def test_the_list_counts_what_waits_and_what_is_dead(tenant, client, app, receiver, relay, count_sql):
    receiver.answer = lambda received: 400
    webhook = subscribe(tenant, receiver.url, app_id=app.pk)
    publish(tenant, changed(), changed())
    relay.run_once()
    deliverer().run()
    publish(tenant, changed())
    relay.run_once()
    client.get(page(Webhook, "changelist"))
    with count_sql() as statements:
        shown = client.get(page(Webhook, "changelist")).content.decode()
    assert '<td class="field-waiting">1</td>' in shown
    assert f'?webhook={webhook.pk}&amp;status=dead">2</a>' in shown
    for _ in range(3):
        subscribe(tenant, "https://b.example/", app_id=app.pk)
    with count_sql() as more:
        client.get(page(Webhook, "changelist"))
    assert len(more) == len(statements), "any number of webhooks takes the same statements"


# --- Deliveries and sending again ---------------------------------------------------------------------------


@pytest.fixture
def dead(tenant, app, receiver, relay):
    """A delivery that the receiver has refused once, and would take now."""
    receiver.answer = lambda received: 400 if len(receiver.received) == 1 else 200
    webhook = subscribe(tenant, receiver.url, app_id=app.pk)
    publish(tenant, changed(slug="shirt"))
    relay.run_once()
    deliverer().run()
    [delivery] = deliveries(tenant)
    assert delivery.status == "dead"
    return SimpleDelivery(webhook, delivery)


class SimpleDelivery:
    def __init__(self, webhook, delivery):
        self.webhook, self.delivery = webhook, delivery


def test_deliveries_are_listed_narrowed_and_found(tenant, client, dead):
    address = page(Delivery, "changelist")
    row = str(dead.delivery.pk)
    assert row in client.get(address).content.decode()
    for narrowing, is_there in [
        (f"webhook={dead.webhook.pk}&status=dead", True),
        (f"webhook={uuid4()}", False),
        ("webhook=nonsense", False),
        ("status=delivered", False),
        ("event=PRODUCT_UPDATED", True),
        ("event=PRODUCT_DELETED", False),
        (f"q={dead.delivery.event_id}", True),
        (f"q={dead.delivery.object_id}", True),
        (f"q={uuid4()}", False),
        ("q=nonsense", False),
    ]:
        assert (row in client.get(f"{address}?{narrowing}").content.decode()) is is_there, narrowing


def test_a_delivery_is_shown_with_its_attempts(client, dead):
    shown = client.get(page(dead.delivery)).content.decode()
    for told in ("The receiver answered 400.", "<td>400</td>", "shirt", str(dead.delivery.object_id)):
        assert told in shown
    assert client.post(page(dead.delivery), {"status": "delivered"}).status_code == 403


@pytest.mark.parametrize("way", ["button", "action"])
def test_a_delivery_is_sent_again(tenant, client, dead, receiver, way):
    if way == "button":
        told = press(client, dead.delivery, "send_again")
    else:
        told = act(client, Delivery, "send_chosen_again", dead.delivery)
    assert "due now" in told.content.decode()
    deliverer().run()
    [sent] = deliveries(tenant)
    assert (sent.status, sent.attempts) == ("delivered", 2)
    assert [received.event_id for received in receiver.received] == [str(sent.event_id)] * 2


def test_what_a_stronger_app_is_sent_is_neither_shown_nor_sent_again(tenant, client, foreign_app, receiver, relay):
    subscribe(tenant, receiver.url, app_id=foreign_app.pk)
    publish(tenant, changed(slug="confidential"))
    relay.run_once()
    deliverer().run()
    [delivery] = deliveries(tenant)
    assert "confidential" not in client.get(page(delivery)).content.decode()
    assert press(client, delivery, "send_again").status_code == 403
    assert "permissions that you do not have" in act(client, Delivery, "send_chosen_again", delivery).content.decode()
    assert deliverer().run() == 0


def test_a_range_of_time_is_sent_again(tenant, client, dead, receiver):
    address = reverse("admin:webhooks_webhook_replay", args=[dead.webhook.pk])
    form = client.get(address)
    assert form.status_code == 200
    now = timezone.now()
    given = {
        "since": f"{now - timedelta(hours=1):%Y-%m-%dT%H:%M}",
        "until": f"{now + timedelta(hours=1):%Y-%m-%dT%H:%M}",
    }
    backwards = client.post(address, {"since": given["until"], "until": given["since"]})
    assert "The end must be after the beginning." in errors(backwards)
    assert "1 deliveries are due now." in client.post(address, given, follow=True).content.decode()
    deliverer().run()
    assert [delivery.status for delivery in deliveries(tenant)] == ["delivered"]
    assert len(receiver.received) == 2


def test_more_than_so_many_are_not_sent_again_by_hand(tenant, client, dead, monkeypatch):
    monkeypatch.setattr("commerce.webhooks.operations.MOST_REPLAYED", 0)
    now = timezone.now()
    given = {
        "since": f"{now - timedelta(hours=1):%Y-%m-%dT%H:%M}",
        "until": f"{now + timedelta(hours=1):%Y-%m-%dT%H:%M}",
    }
    address = reverse("admin:webhooks_webhook_replay", args=[dead.webhook.pk])
    assert "choose a shorter time" in errors(client.post(address, given))
    assert [delivery.status for delivery in deliveries(tenant)] == ["dead"]


def test_what_is_sent_again_to_a_paused_webhook_waits(tenant, client, dead):
    with tenant_scope(tenant.id):
        pause_webhook(webhook_id=dead.webhook.pk, reason="Enough.")
    told = press(client, dead.delivery, "send_again").content.decode()
    assert "once the webhook is resumed" in told
    assert deliverer().run() == 0


# --- Installations ------------------------------------------------------------------------------------------


def test_an_app_is_ordered_by_its_manifest(tenant, client):
    form = read_form(client.get(page(AppInstallation, "add")))
    assert sorted(form["permissions"]) == sorted(MINE), "all that they hold is ticked, and nothing else is there"
    given = {"manifest_url": "https://app.example/api/manifest", "permissions": ["MANAGE_PRODUCTS"]}
    answer = client.post(page(AppInstallation, "add"), {**form, **given})
    assert answer.status_code == 302, errors(answer)
    with tenant_scope(tenant.id):
        order = AppInstallation.objects.get()
    assert (order.manifest_url, order.permissions, order.status, order.activate) == (
        given["manifest_url"],
        ["MANAGE_PRODUCTS"],
        "pending",
        True,
    )
    assert order.actor == f"user:{client.user.pk}"
    assert types_of(tenant)[-1] == "tenants.app_installation.ordered"
    shown = client.get(page(order)).content.decode()
    assert "being installed" in shown


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"manifest_url": "http://10.0.0.1/"}, "not on the public internet"),
        ({"manifest_url": ""}, "This field is required"),
        ({"permissions": ["MANAGE_ORDERS"]}, "not one of the available choices"),
    ],
)
def test_an_order_that_cannot_be_done_is_refused(tenant, client, given, told):
    form = read_form(client.get(page(AppInstallation, "add")))
    answer = client.post(page(AppInstallation, "add"), {**form, "manifest_url": "https://app.example/", **given})
    assert told in errors(answer)
    with tenant_scope(tenant.id):
        assert not AppInstallation.objects.exists()


def test_an_installation_that_failed_is_tried_again_or_deleted(tenant, client):
    with tenant_scope(tenant.id):
        orders = [
            AppInstallation.objects.create(name=name, manifest_url="https://a.example/", permissions=[], status=status)
            for name, status in (("One", "failed"), ("Two", "failed"), ("Three", "installed"))
        ]
    first, second, third = orders
    assert press(client, first, "retry").status_code == 200
    told = act(client, AppInstallation, "retry_chosen", second, third).content.decode()
    assert "Two is being installed again." in told
    assert "Three has not failed: it is installed." in told
    with tenant_scope(tenant.id):
        AppInstallation.objects.filter(id=first.id).update(status="failed")
    assert client.post(page(first, "delete"), {"post": "yes"}).status_code == 302
    client.post(page(third, "delete"), {"post": "yes"})
    with tenant_scope(tenant.id):
        left = AppInstallation.objects.order_by("name").values_list("name", "status")
        assert list(left) == [("Three", "installed"), ("Two", "pending")]
