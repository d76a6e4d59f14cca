import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog import exports
from tenants import queries as tenants


class Command(BaseCommand):
    help = "Write the whole catalogue of a tenant into a file of JSON Lines (.gz: gzipped): docs/import/catalogue.md."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--tenant", required=True, metavar="SLUG")

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.monotonic()
        tenant = tenants.get_tenant_by_slug(options["tenant"])
        if tenant is None:
            raise CommandError(f"There is no tenant {options['tenant']!r}; `manage.py tenant list` shows them.")
        try:
            written = exports.export_catalogue(tenant_id=tenant.id, path=options["file"])
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be written: {error.strerror}.") from error
        seconds = time.monotonic() - started
        rate = written.lines / max(seconds, 0.001)
        self.stdout.write(
            f"{written.lines:,} lines, {written.bytes / 1e6:,.1f} MB in {seconds:.1f} s ({rate:,.0f} lines/s)"
        )
