import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connections, transaction

from commerce.db import isolation


class Command(BaseCommand):
    help = "Report whatever in the live database breaks the rules of tenancy; exit 1 if anything does."

    def handle(self, *args: Any, **options: Any) -> None:
        if "owner" not in connections:
            raise CommandError("DATABASE_OWNER_URL is not set: the check runs as the owner of the tables.")
        try:
            with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
                counts = isolation.count_objects(cursor)
                findings = list(isolation.check(cursor))
        except OperationalError as error:
            raise CommandError(f"The database cannot be asked: {error}".strip()) from error
        for finding in findings:
            self.stdout.write(str(finding))
        checked = ", ".join(f"{count} {kind}" for kind, count in counts.items())
        plural = "" if len(findings) == 1 else "s"
        self.stdout.write(f"{checked} checked by {len(isolation.RULES)} rules: {len(findings)} finding{plural}")
        if findings:
            sys.exit(1)
