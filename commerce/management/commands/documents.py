from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from commerce.db.scope import tenant_scope
from commerce.errors import DomainError
from commerce.graphql.documents import BadDocuments, check_drafts, read_drafts
from commerce.graphql.executor import Executor
from commerce.graphql.limits import Limits
from commerce.schema import schema
from tenants import operations, queries
from tenants.operators import current_operator


class Command(BaseCommand):
    help = "Register the trusted GraphQL documents of a tenant, which clients call by id (as platform role, audited)."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        register = verbs.add_parser(
            "register", help="keep documents: a file for each, by its SHA-256, or JSON manifests of ids and texts"
        )
        register.add_argument("files", nargs="+", type=Path, metavar="FILE")
        verbs.add_parser("list", help="show the documents of a tenant")
        remove = verbs.add_parser("remove", help="forget documents")
        remove.add_argument("ids", nargs="*", metavar="ID")
        remove.add_argument("--all", action="store_true", help="forget all of them")
        for verb in verbs.choices.values():
            verb.add_argument("--tenant", required=True, metavar="SLUG")
        for verb in (register, remove):
            verb.add_argument("--reason", default="operator's request", help="kept in the audit")

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        try:
            getattr(self, f"_{verb}")(**options)
        except BadDocuments as error:
            raise CommandError("\n".join([*error.reasons, "Nothing was registered."])) from error
        except DomainError as error:
            raise CommandError(f"{error.field or verb}: {error.message}") from error

    def _register(self, *, tenant: str, files: list[Path], reason: str, **_: Any) -> None:
        drafts = read_drafts(files)
        limits = Limits.from_settings().with_values(_find(tenant).limits)
        check_drafts(drafts, Executor(schema, limits), limits)
        with operations.all_tenants(reason=reason, operator=current_operator(), command=f"documents register {tenant}"):
            new, changed = operations.register_documents(slug=tenant, texts={draft.key: draft.text for draft in drafts})
        for draft in drafts:
            what = "new" if draft.key in new else "changed" if draft.key in changed else "kept"
            self.stdout.write(f"{draft.key}\t{what}\t{draft.path}")

    def _list(self, *, tenant: str, **_: Any) -> None:
        with tenant_scope(_find(tenant).id, read_only=True):
            for document in queries.list_documents():
                first = " ".join(document.text.split())[:60]
                self.stdout.write(f"{document.key}\t{document.updated_at:%Y-%m-%d %H:%M}\t{first}")

    def _remove(self, *, tenant: str, ids: list[str], all: bool, reason: str, **_: Any) -> None:
        if bool(ids) == all:
            raise CommandError("Name the ids of documents, or --all.")
        with operations.all_tenants(reason=reason, operator=current_operator(), command=f"documents remove {tenant}"):
            count = operations.remove_documents(slug=tenant, keys=None if all else ids)
        self.stdout.write(f"removed {count}")


def _find(slug: str) -> Any:
    """Return the tenant of this slug, or raise TenantNotFound."""
    tenant = queries.get_tenant_by_slug(slug)
    if tenant is None:
        raise operations.TenantNotFound(
            f"There is no tenant {slug!r}; `manage.py tenant list` shows them.", field="tenant"
        )
    return tenant
