from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from commerce.errors import DomainError
from commerce.webhooks import keys
from tenants import operations, queries, signing_keys
from tenants.operators import current_operator


class Command(BaseCommand):
    help = "Show and replace the keys that tenants sign with, or seal them under a new SECRET_KEY (audited)."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("list", help="show a tenant's keys, newest first")
        rotate = verbs.add_parser("rotate", help="give a tenant a new key; the old one is shown for another day")
        rotate.add_argument("--at-once", action="store_true", help="stop showing the old one: others may have it")
        verbs.add_parser("reseal", help="seal keys under the current SECRET_KEY, before SECRET_KEY_FALLBACKS loses it")
        for name, verb in verbs.choices.items():
            verb.add_argument("slug", nargs="?" if name == "reseal" else None, help="the tenant")
            verb.add_argument("--reason", default="operator's request", help="kept in the audit")

    def handle(self, *args: Any, verb: str, slug: str | None, reason: str, **options: Any) -> None:
        command = f"signing_keys {verb} {slug or '(all)'}"
        try:
            with operations.all_tenants(reason=reason, operator=current_operator(), command=command):
                for tenant in queries.list_tenants():
                    if slug in (None, tenant.slug):
                        with operations.as_tenant(tenant):
                            self.stdout.write(f"{tenant.slug}\t{getattr(self, f'_{verb}')(**options)}")
                if slug and queries.get_tenant_by_slug(slug) is None:
                    raise CommandError(f"There is no tenant {slug!r} (manage.py tenant list).")
        except DomainError as error:
            raise CommandError(error.message) from error

    def _list(self, **options: Any) -> str:
        rows = signing_keys.list_signing_keys(timezone.now() - keys.SHOWN_AFTER_USE)
        return "\t".join(f"{row.kid} ({'retired' if row.retired_at else 'current'})" for row in rows) or "none yet"

    def _rotate(self, *, at_once: bool, **options: Any) -> str:
        when = "within a minute" if at_once else "in two minutes"
        return f"{keys.rotate(timezone.now(), at_once=at_once)} will sign {when}"

    def _reseal(self, **options: Any) -> str:
        return f"{keys.reseal(timezone.now())} sealed again"
