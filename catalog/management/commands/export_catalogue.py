import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog import exports
from commerce.errors import DomainError
from tenants import queries as tenants


class Command(BaseCommand):
    help = "Write the catalogue of a tenant into a file (.gz: gzipped): see docs/import."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--tenant", required=True, metavar="SLUG")
        parser.add_argument("--format", choices=("catalogue", *exports.TABLES), default="catalogue", help="(catalogue)")
        parser.add_argument("--channel", metavar="SLUG", help="of a CSV's prices; else the only one")

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.monotonic()
        tenant = tenants.get_tenant_by_slug(options["tenant"])
        if tenant is None:
            raise CommandError(f"There is no tenant {options['tenant']!r}; `manage.py tenant list` shows them.")
        try:
            own: dict[str, Any] = {"tenant_id": tenant.id, "path": options["file"]}
            if options["format"] in exports.TABLES:
                written = exports.export_products(**own, format=options["format"], channel=options["channel"])
            else:
                written = exports.export_catalogue(**own)
        except DomainError as error:
            raise CommandError(error.message) from error
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be written: {error.strerror}.") from error
        seconds = time.monotonic() - started
        rate = written.lines / max(seconds, 0.001)
        self.stdout.write(
            f"{written.lines:,} lines, {written.bytes / 1e6:,.1f} MB in {seconds:.1f} s ({rate:,.0f} lines/s)"
        )
        for what, count in written.lost.items():
            self.stdout.write(f"not in it, as the format cannot hold it: {count:,} {what}")
