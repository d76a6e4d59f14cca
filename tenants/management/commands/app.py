from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from commerce.errors import DomainError
from tenants import operations, queries
from tenants.models import App, Tenant
from tenants.operators import current_operator


class Command(BaseCommand):
    help = "Create and list a tenant's apps, give them tokens, let them in or keep them out (audited)."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        create = verbs.add_parser("create", help="create a local app; prints its token, which is not kept")
        create.add_argument("--name", required=True)
        _add_permissions(create)
        verbs.add_parser("list", help="show the apps and the ends of their tokens")
        _add_app(token := verbs.add_parser("token", help="make another token for an app, and print it"))
        token.add_argument("--name", default="", help="to tell tokens apart")
        _add_app(revoke := verbs.add_parser("revoke", help="forget a token: it is refused from now on"))
        revoke.add_argument("last_four", help="its last four characters, as `list` shows them")
        _add_app(verbs.add_parser("rotate", help="forget all tokens of an app, and print a new one"))
        _add_app(permit := verbs.add_parser("permit", help="let an app do this and nothing else"))
        _add_permissions(permit)
        _add_app(verbs.add_parser("activate", help="let an app in"))
        _add_app(verbs.add_parser("deactivate", help="keep an app out, with all its tokens"))
        _add_app(verbs.add_parser("delete", help="delete an app, with its tokens and subscriptions"))
        for verb in verbs.choices.values():
            verb.add_argument("--tenant", required=True, metavar="SLUG")
            verb.add_argument("--reason", default="operator's request", help="kept in the audit")

    def handle(self, *args: Any, verb: str, tenant: str, reason: str, **options: Any) -> None:
        command = f"app {verb} {tenant} {options.get('app') or options.get('name') or ''}".strip()
        try:
            with (
                operations.all_tenants(reason=reason, operator=current_operator(), command=command),
                operations.as_tenant(_tenant(tenant)),
            ):
                told = getattr(self, f"_{verb}")(**options)
        except DomainError as error:
            raise CommandError(f"{error.field or verb}: {error.message}") from error
        self.stdout.write(told)

    def _create(self, *, name: str, permission: list[str], **_: Any) -> str:
        app = operations.create_app(name=name, permissions=permission)
        return operations.create_app_token(app_id=app.id).text

    def _list(self, **_: Any) -> str:
        return "\n".join(map(_line, queries.list_apps()))

    def _token(self, *, app: str, name: str, **_: Any) -> str:
        return operations.create_app_token(app_id=_app(app).id, name=name).text

    def _revoke(self, *, app: str, last_four: str, **_: Any) -> str:
        token = queries.find_token(_app(app).id, last_four)
        if token is None:
            raise DomainError(f"{app} has not exactly one token that ends in {last_four!r}.", field="last_four")
        operations.delete_app_token(token_id=token.id)
        return f"revoked the token …{last_four} of {app}"

    def _rotate(self, *, app: str, **_: Any) -> str:
        return operations.rotate_app_tokens(app_id=_app(app).id).text

    def _permit(self, *, app: str, permission: list[str], **_: Any) -> str:
        changed = operations.set_app_permissions(app_id=_app(app).id, permissions=permission)
        return f"{app} may do: {' '.join(changed.permissions) or 'nothing'}"

    def _activate(self, *, app: str, **_: Any) -> str:
        operations.set_app_active(app_id=_app(app).id, is_active=True)
        return f"activated {app}"

    def _deactivate(self, *, app: str, **_: Any) -> str:
        operations.set_app_active(app_id=_app(app).id, is_active=False)
        return f"deactivated {app}"

    def _delete(self, *, app: str, **_: Any) -> str:
        operations.delete_app(app_id=_app(app).id)
        return f"deleted {app}"


def _add_permissions(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--permission", action="append", default=[], metavar="NAME", help="such as MANAGE_PRODUCTS; may be repeated"
    )


def _add_app(parser: ArgumentParser) -> None:
    parser.add_argument("app", help="its name, its id in the manifest, or its id here")


def _tenant(slug: str) -> Tenant:
    tenant = queries.get_tenant_by_slug(slug)
    if tenant is None:
        raise operations.TenantNotFound(f"There is no tenant {slug!r}; `manage.py tenant list` shows them.")
    return tenant


def _app(wanted: str) -> App:
    """Return the one app that is meant, or raise DomainError."""
    found = [app for app in queries.list_apps() if wanted in (app.name, app.identifier) or _is_id(wanted, app.id)]
    if len(found) == 1:
        return found[0]
    which = "no app" if not found else f"{len(found)} apps"
    raise DomainError(
        f"There is {which} {wanted!r}; `manage.py app list` shows their ids.", code="NOT_FOUND", field="app"
    )


def _is_id(text: str, app_id: UUID) -> bool:
    return text.lower() == str(app_id)


def _line(app: App) -> str:
    ends = " ".join(f"…{token.last_four}" for token in app.tokens.all())
    state = "active" if app.is_active else "inactive"
    return "\t".join([str(app.id), app.name, app.identifier or "local", state, ",".join(app.permissions), ends])
