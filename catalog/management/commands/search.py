"""manage.py search: the state of a tenant's search, and writing all of it anew."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from catalog.search import pending
from catalog.search.status import read_status, recount_words
from commerce.db.scope import tenant_scope
from tenants import queries as tenants


class Command(BaseCommand):
    help = "Show how many products a tenant's search knows (status), or write all of its documents anew (rebuild)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=["status", "rebuild"])
        parser.add_argument("--tenant", required=True, metavar="SLUG")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = tenants.get_tenant_by_slug(options["tenant"])
        if tenant is None:
            raise CommandError(f"There is no tenant {options['tenant']!r}; `manage.py tenant list` names them.")
        if options["action"] == "rebuild":
            self._rebuild(tenant.id)
        with tenant_scope(tenant.id, read_only=True):
            found = read_status()
        for language in found.languages:
            self.stdout.write(
                f"{language.language}: {language.documents:,} of {found.products:,} products, "
                f"{language.words:,} words ({language.configuration or 'no stemming'})"
            )
        self.stdout.write(f"{found.fragments:,} entries for typing errors")
        waiting = f", the oldest for {found.oldest:.1f} s" if found.oldest is not None else ""
        self.stdout.write(f"{found.pending:,} changes are waiting{waiting}")

    def _rebuild(self, tenant_id: int) -> None:
        """Write every document, in the turns of a worker: searches go on meanwhile."""
        started, done = time.monotonic(), 0
        with tenant_scope(tenant_id):
            pending.write_all()
        while True:
            with tenant_scope(tenant_id):
                some = pending.write_some()
            if some == 0:
                break
            if some is None:  # a worker is at it as well
                time.sleep(0.2)
            done += some or 0
            self.stderr.write(f"\r{done:,} seen to", ending="")
        with tenant_scope(tenant_id):
            recount_words(timezone.now())
        self.stderr.write(f"\r{done:,} seen to in {time.monotonic() - started:.1f} s")
