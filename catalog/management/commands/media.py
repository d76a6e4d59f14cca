from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from catalog import operations
from tenants import queries as tenants


class Command(BaseCommand):
    help = "Look after the stored files of shops (docs/media.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        orphans = verbs.add_parser("orphans", help="list stored files that nothing names")
        orphans.add_argument("--tenant", metavar="SLUG", help="of one shop; without it of all")
        orphans.add_argument("--delete", action="store_true", help="delete them")
        orphans.add_argument(
            "--older-than",
            type=float,
            default=24,
            metavar="HOURS",
            help="those stored before that (24); younger ones may be about to be named",
        )
        clean = verbs.add_parser("clean", help="delete what is waiting to be deleted now, as workers do")
        clean.add_argument("--tenant", metavar="SLUG", help="of one shop; without it of all")

    def handle(self, *args: Any, verb: str, tenant: str | None, **options: Any) -> None:
        for shop in _shops(tenant):
            if verb == "orphans":
                self._orphans(shop, options["older_than"], delete=options["delete"])
            else:
                self.stdout.write(f"{shop.slug}: {operations.delete_released(tenant_id=shop.id)} files deleted")

    def _orphans(self, shop: Any, hours: float, *, delete: bool) -> None:
        if hours < 1:
            raise CommandError("--older-than is 1 hour or more: a file is stored before the row that names it.")
        before = timezone.now() - timedelta(hours=hours)
        found = list(operations.list_orphans(tenant_id=shop.id, before=before))
        for one in found:
            self.stdout.write(f"{shop.slug}: {one.name} ({one.size:,} bytes, {one.modified_at:%Y-%m-%d %H:%M})")
        if delete:
            operations.delete_orphans(found, tenant_id=shop.id)
        size = sum(one.size for one in found)
        self.stdout.write(f"{shop.slug}: {len(found)} orphans, {size:,} bytes{', deleted' if delete and found else ''}")


def _shops(slug: str | None) -> list[Any]:
    if slug is None:
        return list(tenants.list_tenants())
    shop = tenants.get_tenant_by_slug(slug)
    if shop is None:
        raise CommandError(f"There is no tenant {slug!r}; `manage.py tenant list` shows them.")
    return [shop]
