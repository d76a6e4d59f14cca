from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from commerce.errors import DomainError
from commerce.webhooks import feed, operations, queries, subscriptions
from commerce.webhooks.models import Webhook
from tenants import operations as tenants
from tenants import queries as tenant_queries
from tenants.operators import current_operator


class Command(BaseCommand):
    help = "Look at a tenant's webhooks, pause and resume them, and send again what was sent or missed (audited)."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("list", help="show the webhooks, how their endpoints do, and their deliveries by status")
        _add_webhook(pause := verbs.add_parser("pause", help="send nothing more; what comes meanwhile waits"))
        pause.add_argument("--because", default="Paused by an operator.", help="what the webhook's owner reads")
        _add_webhook(verbs.add_parser("resume", help="send again, all that waits at once"))
        replay = verbs.add_parser("replay", help="send once more: one delivery, a range of time, or from a cursor on")
        replay.add_argument("--webhook", type=_uuid, help="the webhook's id")
        replay.add_argument("--delivery", type=_uuid, help="the id of one delivery, instead of --webhook")
        replay.add_argument("--since", type=_moment, help="2026-05-01T12:00 (UTC unless it says otherwise)")
        replay.add_argument("--until", type=_moment, help="the end of the range (default: now)")
        replay.add_argument("--after", help="a cursor of the feed, instead of --since")
        for verb in verbs.choices.values():
            verb.add_argument("--tenant", required=True, metavar="SLUG")
            verb.add_argument("--reason", default="operator's request", help="kept in the audit")

    def handle(self, *args: Any, verb: str, tenant: str, reason: str, **options: Any) -> None:
        command = f"webhooks {verb} {tenant} {options.get('webhook') or options.get('delivery') or ''}".strip()
        try:
            with tenants.all_tenants(reason=reason, operator=current_operator(), command=command):
                found = tenant_queries.get_tenant_by_slug(tenant)
                if found is None:
                    raise DomainError(f"There is no tenant {tenant!r}.", field="tenant")
                with tenants.as_tenant(found):
                    told = getattr(self, f"_{verb}")(**options)
        except DomainError as error:
            raise CommandError(f"{error.field or verb}: {error.message}") from error
        self.stdout.write(told)

    def _list(self, **_: Any) -> str:
        counts = queries.count_deliveries()
        return "\n".join(_line(webhook, counts) for webhook in queries.list_webhooks())

    def _pause(self, *, webhook: UUID, because: str, **_: Any) -> str:
        if queries.find_webhook(webhook) is None:
            raise operations.WebhookNotFound(f"There is no webhook {webhook}.", field="webhook")
        operations.pause_webhook(webhook_id=webhook, reason=because)
        return f"paused {webhook}"

    def _resume(self, *, webhook: UUID, **_: Any) -> str:
        operations.resume_webhook(webhook_id=webhook, now=timezone.now())
        return f"resumed {webhook}"

    def _replay(
        self,
        *,
        webhook: UUID | None,
        delivery: UUID | None,
        since: datetime | None,
        until: datetime | None,
        after: str | None,
        **_: Any,
    ) -> str:
        if delivery is not None:
            operations.replay_delivery(delivery_id=delivery)
            return f"delivery {delivery} is due now"
        if webhook is None or (since is None) == (after is None):
            raise DomainError("Give --delivery, or --webhook with either --since or --after.")
        if since is not None:
            count = operations.replay_range(webhook_id=webhook, since=since, until=until or timezone.now())
        else:
            cursor = feed.read_cursor(after or "")
            count = operations.replay_after(webhook_id=webhook, xid=cursor.xid, position=cursor.position)
        return f"{count} deliveries are due now"


def _line(webhook: Webhook, counts: dict[tuple[UUID, str], int]) -> str:
    found = " ".join(f"{status}={count}" for (id_, status), count in sorted(counts.items()) if id_ == webhook.id)
    state = webhook.state if webhook.is_active else "not active"
    unchecked = "query not checked" if webhook.query and not subscriptions.is_checked(webhook.events) else ""
    columns = [str(webhook.id), state, webhook.target_url, ",".join(webhook.events), found, webhook.reason, unchecked]
    return "\t".join(columns).rstrip("\t")


def _add_webhook(parser: ArgumentParser) -> None:
    parser.add_argument("webhook", type=_uuid, help="the webhook's id, as `list` shows it")


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise CommandError(f"{text!r} is no id.") from None


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text!r} is no time such as 2026-05-01T12:00.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
