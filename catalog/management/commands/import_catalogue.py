from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from catalog import imports
from catalog.management.commands import import_products


class Command(import_products.Command):
    help = (
        "Import a whole catalogue that export_catalogue wrote (JSON Lines, also .gz): see docs/import/catalogue.md. "
        "A run that was interrupted goes on where it stopped when the same command is given again."
    )
    noun = "objects"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--tenant", required=True, metavar="SLUG")
        parser.add_argument("--restart", action="store_true", help="do not go on with an interrupted run")
        parser.add_argument("--batch-size", type=int, default=500, metavar="ROWS", help="rows of a transaction (500)")
        parser.add_argument("--errors", type=Path, metavar="FILE", help="write refused rows there, as JSON Lines")
        parser.add_argument("--corrections", type=Path, metavar="FILE", help="and in the format of the input")
        parser.set_defaults(dry_run=False, atomic=False)

    def run_import(self, options: dict[str, Any], watcher: import_products.Watcher) -> imports.Summary:
        self.correct(options, imports.Layout("jsonl"), watcher)
        return imports.import_catalogue(
            tenant_id=self.find_tenant(options["tenant"]),
            path=options["file"],
            observer=watcher,
            clock=timezone.now,
            batch_size=options["batch_size"],
            restart=options["restart"],
        )
