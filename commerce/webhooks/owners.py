"""Telling people that a webhook was paused: a notice on the admin's front page, and an e-mail, once per pause.

The e-mail is a job: the event of the pause gives it its id, and each step writes down whom it was sent to. A mail
server that does not answer is asked again for two days. A worker that is killed between the sending and its step
sends to one person twice, under the same Message-ID.
"""

import logging
import smtplib
from collections.abc import Iterable
from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from commerce.db.scope import tenant_scope
from commerce.jobs import jobs
from commerce.jobs.jobs import Running, TryLater
from commerce.outbox import EventRecord
from commerce.webhooks.models import Webhook
from tenants import queries as tenant_queries

logger = logging.getLogger(__name__)

KIND = "webhooks.tell-of-pause"
PERMISSION = "MANAGE_APPS"
PATIENCE = timedelta(days=2)
# Seconds until a mail server that did not answer is asked again.
FIRST_WAIT, LONGEST_WAIT = 60, 3600
MOST_SHOWN = 20


class _Person(NamedTuple):
    key: str
    address: str


def order(event: EventRecord) -> None:
    """Have the owners told of a pause, unless one of them did it, or EMAIL_URL says nothing of a mail server."""
    if event.actor or not settings.MAIL:
        return
    arguments = {"webhook_id": str(event.object_id), "at": event.created_at.isoformat(), **event.payload}
    with tenant_scope(event.tenant_id):
        jobs.start(KIND, arguments, permission=PERMISSION, id=event.id)


@jobs.handler(KIND)
def tell(job: Running) -> None:
    """Send the e-mail to each who is to have it, one after the other."""
    with tenant_scope(job.tenant_id, read_only=True):
        webhook = Webhook.objects.select_related("app").filter(id=job.arguments["webhook_id"]).first()
        people = _people(webhook) if webhook else []
        host = tenant_queries.get_primary_host()
    if webhook is None or webhook.state != Webhook.State.PAUSED:
        return  # somebody has seen to it
    for person in people:
        if person.key not in job.state.get("told", []):
            _send(job, webhook, person, host)
            told = {**job.state, "told": [*job.state.get("told", []), person.key]}
            with job.step(done=1, total=len(people), state=told, message="people were told"):
                pass


def _people(webhook: Webhook) -> list[_Person]:
    """Return the staff who manage apps, or else the app's support where its manifest names an e-mail address."""
    staff = [_Person(str(key), address) for key, address in tenant_queries.list_staff_with(PERMISSION)]
    scheme, _, address = webhook.app.support_url.partition(":")
    support = [_Person("support", address.partition("?")[0])] if scheme.lower() == "mailto" and address else []
    return staff or support


def _send(job: Running, webhook: Webhook, person: _Person, host: str) -> None:
    """Send one e-mail, or raise TryLater; an address that the server refuses for good is passed over."""
    try:
        _message(job, webhook, person, host).send()
    except smtplib.SMTPRecipientsRefused as error:
        code = min(code for code, _ in error.recipients.values())
        if code < 500:
            _try_later(job, error)
        logger.warning("The mail server refuses the address of person %s of tenant %s", person.key, job.tenant_id)
    except OSError as error:  # smtplib's own are among them
        _try_later(job, error)


def _try_later(job: Running, error: Exception) -> None:
    at = datetime.fromisoformat(job.arguments["at"])
    if timezone.now() - at > PATIENCE:
        raise error
    tries = job.state.get("tries", 0)
    with job.step(state={**job.state, "tries": tries + 1}):
        pass
    logger.warning("The mail server took no e-mail: %s", error)
    wait = min(FIRST_WAIT * 2**tries, LONGEST_WAIT)
    raise TryLater(wait, f"the mail server took none: {type(error).__name__}") from error


def _message(job: Running, webhook: Webhook, person: _Person, host: str) -> EmailMessage:
    facts = job.arguments
    name, app = _one_line(facts["name"] or str(webhook)), _one_line(str(webhook.app))
    origin = settings.WEBHOOK_API_URL.format(host=host).partition("/graphql")[0]
    sender = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    body = f"""The webhook "{name}" of the app "{app}" at {host} was paused at {facts["at"][:16].replace("T", " ")} UTC.

{facts["reason"]}

Nothing is sent to it until somebody resumes it.
What happens meanwhile waits for it, for {settings.WEBHOOK_KEEP_DEAD_DAYS} days.

See to its receiver, then resume it: {origin}{reverse("admin:index")}
"""
    headers = {"Message-ID": f"<{job.id}.{person.key}@{sender}>", "Auto-Submitted": "auto-generated"}
    return EmailMessage(f"Webhook paused: {name} ({app})", body, to=[person.address], headers=headers)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:100]


def paused(request: HttpRequest) -> Iterable[SafeString]:
    """Yield a notice for each webhook that failures have paused, for staff who may see webhooks."""
    user: Any = request.user
    if not user.has_perm("webhooks.view_webhook"):
        return
    found = Webhook.objects.filter(state=Webhook.State.PAUSED).select_related("app").order_by("name", "id")
    for webhook in found[:MOST_SHOWN]:
        yield format_html(
            'The webhook <a href="{}">{}</a> of {} is paused: {} What happens meanwhile waits for it.',
            _page(webhook.id),
            webhook,
            webhook.app,
            webhook.reason,
        )


def _page(webhook_id: UUID) -> str:
    return reverse("admin:webhooks_webhook_change", args=[webhook_id])
