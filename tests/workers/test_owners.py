"""A paused webhook's owner is told: by one e-mail for each pause, through a real mail server, and in the admin."""

import email
from datetime import timedelta
from email import policy

import pytest
from aiosmtpd.controller import Controller
from django.utils import timezone

from commerce.db.scope import tenant_scope
from commerce.jobs import jobs
from commerce.jobs.models import Job
from commerce.outbox import EventRecord
from commerce.outbox.models import Event
from commerce.webhooks import operations, owners
from tenants.models import App, GroupMember, PermissionGroup
from tests.admin import page, sign_in
from tests.factories.tenants import make_customer
from tests.test_monitoring import free_port
from tests.webhooks.conftest import get_webhook, nothing_pending, relay, subscribe
from tests.workers.conftest import until

__all__ = ["nothing_pending", "relay"]  # fixtures
GONE = "http://127.0.0.1:9/"


class Mailbox:
    """Takes mails by SMTP; `refuse` are addresses that it knows nothing of, `answer` what it says to the others."""

    def __init__(self) -> None:
        self.mails = []
        self.refuse: set[str] = set()
        self.answer = "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in self.refuse:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.answer.startswith("250"):
            mail = email.message_from_bytes(envelope.content, policy=policy.default)
            self.mails.append((envelope.rcpt_tos, mail))
        return self.answer

    @property
    def recipients(self) -> list[str]:
        return sorted(address for addresses, _ in self.mails for address in addresses)


@pytest.fixture
def mailbox(settings):
    found = Mailbox()
    port = free_port()
    controller = Controller(found, hostname="127.0.0.1", port=port)
    controller.start()
    found.url = f"smtp://127.0.0.1:{port}"
    settings.MAIL, settings.EMAIL_BACKEND = True, "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    settings.DEFAULT_FROM_EMAIL = "Shops <shops@platform.example>"
    yield found
    controller.stop()
    controller.loop.close()


@pytest.fixture
def staff():
    """Return a function that adds somebody with permissions to a shop's staff, and returns the address."""

    def add(shop, name: str, *permissions: str, **fields) -> str:
        with tenant_scope(shop.id):
            user = make_customer(email=f"{name}@{shop.token}.example", **{"is_staff": True, **fields})
            group = PermissionGroup.objects.create(name=name, permissions=list(permissions))
            GroupMember.objects.create(user=user, group=group)
        return user.email

    return add


@pytest.fixture
def pause():
    """Return a function that pauses a new webhook of a shop, and returns it with the event that tells of it."""

    def pause(shop, hook=None, actor: str = ""):
        hook = hook or subscribe(shop, GONE)
        with tenant_scope(shop.id):
            operations.pause_webhook(webhook_id=hook.id, reason="The receiver answered 410 Gone.", actor=actor)
            event = Event.objects.filter(type="webhooks.webhook.paused").order_by("-position").first()
        return hook, record(shop, event)

    return pause


def record(shop, event) -> EventRecord:
    facts = (event.object_id, event.object_version, event.payload, event.actor, event.created_at)
    return EventRecord(shop.id, event.id, event.type, event.object_kind, *facts, 0)


def job_of(shop, event) -> Job:
    with tenant_scope(shop.id):
        return Job.objects.get(id=event.id)


def test_those_who_manage_apps_are_told_once_by_a_worker(
    tenant, other_tenant, relay, broker, mailbox, staff, pause, start_worker
):
    told = [staff(tenant, "ann", "MANAGE_APPS"), staff(tenant, "bea", "MANAGE_PRODUCTS", "MANAGE_APPS")]
    staff(tenant, "cas", "MANAGE_PRODUCTS")
    staff(tenant, "dee", "MANAGE_APPS", is_active=False)
    staff(tenant, "eve", "MANAGE_APPS", is_staff=False)
    staff(other_tenant, "fay", "MANAGE_APPS")
    relay.subscribers.subscribe("webhooks.webhook.paused", owners.order)
    start_worker("bulk", EMAIL_URL=mailbox.url, EMAIL_FROM="Shops <shops@platform.example>")
    _, event = pause(tenant)
    relay.drain()
    until(lambda: job_of(tenant, event).status == "done", "the job")
    owners.order(event)  # the outbox delivers at least once
    jobs.run(tenant.id, event.id)

    assert mailbox.recipients == sorted(told)
    _, mail = mailbox.mails[0]
    assert mail["From"] == "Shops <shops@platform.example>"
    assert mail["Subject"].startswith("Webhook paused: test (App ")
    assert mail["Message-ID"].strip().startswith(f"<{event.id}.")
    assert mail["Message-ID"].strip().endswith("@platform.example>")
    text = mail.get_content()
    assert "The receiver answered 410 Gone." in text
    assert f"http://{tenant.host}:8000/admin/" in text
    assert (job_of(tenant, event).done, job_of(tenant, event).permission) == (2, "MANAGE_APPS")


def test_each_pause_is_told_and_one_by_hand_is_not(tenant, mailbox, broker, staff, pause):
    ann = staff(tenant, "ann", "MANAGE_APPS")
    hook, first = pause(tenant)
    owners.order(first)
    jobs.run(tenant.id, first.id)
    with tenant_scope(tenant.id):
        operations.resume_webhook(webhook_id=hook.id, now=timezone.now())
    _, second = pause(tenant, hook)
    owners.order(second)
    jobs.run(tenant.id, second.id)
    assert mailbox.recipients == [ann, ann]

    _, by_hand = pause(tenant, actor="user:1")
    owners.order(by_hand)
    with tenant_scope(tenant.id):
        assert not Job.objects.filter(id=by_hand.id).exists()


def test_a_mail_server_that_is_away_is_asked_again_and_nobody_twice(tenant, mailbox, broker, staff, pause, settings):
    told = sorted(staff(tenant, name, "MANAGE_APPS") for name in ("ann", "bea"))
    _, event = pause(tenant)
    owners.order(event)
    port, settings.EMAIL_PORT = settings.EMAIL_PORT, 9
    jobs.run(tenant.id, event.id)
    waiting = job_of(tenant, event)
    assert (waiting.status, waiting.tries, waiting.done) == ("queued", 0, 0)
    assert waiting.message == "the mail server took none: ConnectionRefusedError"
    assert waiting.seen_at > timezone.now() - timedelta(seconds=jobs.SILENT_AFTER)

    settings.EMAIL_PORT = port
    mailbox.answer = "451 try later"
    jobs.run(tenant.id, event.id)
    assert job_of(tenant, event).status == "queued"
    mailbox.answer = "250 OK"
    jobs.run(tenant.id, event.id)
    jobs.run(tenant.id, event.id)
    assert (mailbox.recipients, job_of(tenant, event).status) == (told, "done")


def test_after_two_days_it_is_given_up(tenant, mailbox, broker, staff, pause, settings):
    staff(tenant, "ann", "MANAGE_APPS")
    _, event = pause(tenant)
    owners.order(event)
    settings.EMAIL_PORT = 9
    with tenant_scope(tenant.id):
        job = Job.objects.get(id=event.id)
        Job.objects.filter(id=job.id).update(arguments={**job.arguments, "at": "2026-01-01T00:00:00+00:00"})
    with pytest.raises(ConnectionRefusedError):
        jobs.run(tenant.id, event.id)
    assert job_of(tenant, event).status == "failed"


def test_an_address_that_does_not_exist_keeps_nobody_else_waiting(tenant, mailbox, broker, staff, pause):
    ann, bea = staff(tenant, "ann", "MANAGE_APPS"), staff(tenant, "bea", "MANAGE_APPS")
    mailbox.refuse = {ann}
    _, event = pause(tenant)
    owners.order(event)
    jobs.run(tenant.id, event.id)
    assert (mailbox.recipients, job_of(tenant, event).status) == ([bea], "done")


def test_without_staff_the_apps_support_is_told(tenant, mailbox, broker, pause):
    hook = subscribe(tenant, GONE)
    with tenant_scope(tenant.id):
        App.objects.filter(id=hook.app_id).update(
            support_url="mailto:help@app.example?subject=x", name="Bad\r\nBcc: eve@evil.example"
        )
    _, event = pause(tenant, hook)
    owners.order(event)
    jobs.run(tenant.id, event.id)
    assert mailbox.recipients == ["help@app.example"]
    (_, mail) = mailbox.mails[0]
    assert (mail["Bcc"], mail["Subject"]) == (None, "Webhook paused: test (Bad Bcc: eve@evil.example)")


def test_resumed_meanwhile_nobody_is_told(tenant, mailbox, broker, staff, pause):
    staff(tenant, "ann", "MANAGE_APPS")
    hook, event = pause(tenant)
    owners.order(event)
    with tenant_scope(tenant.id):
        operations.resume_webhook(webhook_id=hook.id, now=timezone.now())
    jobs.run(tenant.id, event.id)
    assert (mailbox.recipients, job_of(tenant, event).status) == ([], "done")


def test_without_a_mail_server_no_job_is_made(tenant, broker, pause, settings):
    settings.MAIL = False
    _, event = pause(tenant)
    owners.order(event)
    with tenant_scope(tenant.id):
        assert Job.objects.count() == 0


# --- The admin's front page ---------------------------------------------------------------------------------------


def test_the_front_page_names_paused_webhooks_to_those_who_manage_apps(tenant, other_tenant, pause):
    hook, _ = pause(tenant)
    with tenant_scope(tenant.id):
        type(hook).objects.update(name="<b>Orders</b>")
    shown = sign_in(tenant, permissions=["MANAGE_APPS"]).get("/admin/").content.decode()
    assert 'id="notices"' in shown
    assert "&lt;b&gt;Orders&lt;/b&gt;" in shown
    assert "The receiver answered 410 Gone." in shown
    assert page(get_webhook(tenant, hook)) in shown
    for client in (sign_in(tenant, permissions=["MANAGE_PRODUCTS"]), sign_in(other_tenant)):
        assert 'id="notices"' not in client.get("/admin/").content.decode()
