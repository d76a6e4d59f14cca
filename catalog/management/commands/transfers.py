import shutil
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from catalog import transfers
from catalog.exports import jobs as exports
from catalog.imports import jobs as imports
from catalog.models import Export, Import
from commerce.db.scope import tenant_scope
from commerce.errors import DomainError
from commerce.jobs.jobs import JobNotFound
from commerce.storage import files_of
from tenants import queries as tenants

# What is listed, of imports and of exports.
MOST_LISTED = 20
_CHANGES = {"pause": imports.pause_import, "resume": imports.resume_import, "cancel": imports.cancel_import}


class Command(BaseCommand):
    help = "Have workers import and export catalogues, watch them, stop them, and get their files (docs/import)."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        import_ = verbs.add_parser("import", help="have a file imported")
        import_.add_argument("file", type=Path)
        import_.add_argument("--format", required=True, choices=imports.FORMATS)
        import_.add_argument("--mapping", type=Path, metavar="MAPPING.yaml", help="for the format mapping")
        export = verbs.add_parser("export", help="have a file made")
        export.add_argument("--format", required=True, choices=exports.FORMATS)
        for verb in (import_, export):
            verb.add_argument("--channel", default="", metavar="SLUG", help="of a CSV")
        verbs.add_parser("list", help="list the latest")
        for name in ("show", *_CHANGES):
            verbs.add_parser(name).add_argument("id", type=UUID)
        fetch = verbs.add_parser("fetch", help="get the file of an export, or of an import's refused rows")
        fetch.add_argument("id", type=UUID)
        fetch.add_argument("file", type=Path)
        for verb in verbs.choices.values():
            verb.add_argument("--tenant", required=True, metavar="SLUG")

    def handle(self, *args: Any, verb: str, tenant: str, **options: Any) -> None:
        shop = tenants.get_tenant_by_slug(tenant)
        if shop is None:
            raise CommandError(f"There is no tenant {tenant!r}; `manage.py tenant list` shows them.")
        try:
            self._do(verb, shop.id, options)
        except DomainError as error:
            raise CommandError(error.message) from error

    def _do(self, verb: str, tenant_id: int, options: dict[str, Any]) -> None:
        match verb:
            case "import":
                self._tell(_import(tenant_id, options))
            case "export":
                with tenant_scope(tenant_id):
                    self._tell(
                        exports.start_export(
                            format=options["format"], channel=options["channel"], actor="command", now=timezone.now()
                        )
                    )
            case "list":
                with tenant_scope(tenant_id, read_only=True):
                    for model in (Import, Export):
                        for one in model._default_manager.select_related("job").order_by("-id")[:MOST_LISTED]:
                            self._tell(one)
            case "show":
                with tenant_scope(tenant_id, read_only=True):
                    self._show(_get(options["id"]))
            case "fetch":
                self._fetch(tenant_id, options["id"], options["file"])
            case _:
                with tenant_scope(tenant_id):
                    self._tell(_change(verb, options["id"]))

    def _tell(self, one: Import | Export) -> None:
        done, total = transfers.progress_of(one)
        rows = f", {done:,} of {total:,}" if total is not None else ""
        word = "stopping" if transfers.is_stopping(one) else transfers.status_of(one)
        self.stdout.write(f"{one.id}: {one._meta.verbose_name} of {one.file_name}: {word}{rows}")

    def _show(self, one: Import | Export) -> None:
        self._tell(one)
        run = one.run if isinstance(one, Import) else None
        if run is not None:
            self.stdout.write(
                f"{run.created_count:,} created, {run.changed_count:,} changed, {run.left_count:,} left as they are, "
                f"{run.refused_count:,} rows refused"
            )
        for line in filter(None, (*one.notes, transfers.error_of(one))):
            self.stdout.write(line)

    def _fetch(self, tenant_id: int, id: UUID, path: Path) -> None:
        with tenant_scope(tenant_id, read_only=True):
            one = _get(id)
        name = str(one.corrections if isinstance(one, Import) else one.file)
        if not name:
            raise CommandError("There is no such file: nothing was written yet, or nothing had to be.")
        try:
            with files_of(tenant_id), default_storage.open(name) as source, path.open("wb") as target:
                shutil.copyfileobj(source, target)
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}.") from error
        self.stdout.write(f"{path}: {path.stat().st_size:,} bytes")


def _import(tenant_id: int, options: dict[str, Any]) -> Import:
    try:
        mapping = options["mapping"].read_text() if options["mapping"] else ""
        with options["file"].open("rb") as content:
            one = imports.create_import(
                tenant_id=tenant_id,
                format=options["format"],
                file_name=options["file"].name,
                channel=options["channel"],
                mapping=mapping,
                actor="command",
                now=timezone.now(),
            )
            imports.put_file(one, File(content), tenant_id=tenant_id)
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"A file cannot be read: {error}.") from error
    return imports.start_import(one.id, tenant_id=tenant_id)


def _get(id: UUID) -> Import | Export:
    try:
        return imports.get_import(id)
    except JobNotFound:
        return exports.get_export(id)


def _change(verb: str, id: UUID) -> Import | Export:
    one = _get(id)
    if isinstance(one, Import):
        return _CHANGES[verb](id)
    if verb != "cancel":
        raise CommandError("An export is one snapshot: it can be cancelled, and started anew.")
    return exports.cancel_export(id)
