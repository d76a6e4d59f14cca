from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from graphql import print_schema


class Command(BaseCommand):
    help = "Print the GraphQL schema in the schema definition language."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--out", type=Path, help="a file to write to (default: standard output)")

    def handle(self, *args: Any, out: Path | None, **options: Any) -> None:
        from commerce.schema import schema

        text = print_schema(schema)
        if out is None:
            self.stdout.write(text)
        else:
            out.write_text(f"{text}\n")
