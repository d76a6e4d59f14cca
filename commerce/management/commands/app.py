from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from commerce.errors import DomainError
from commerce.webhooks.installing import install
from tenants import operations, queries
from tenants.operators import current_operator


class Command(BaseCommand):
    help = "Create, install and list a tenant's apps, give them tokens, let them in or keep them out (audited)."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        create = verbs.add_parser("create", help="create a local app; prints its token, which is not kept")
        create.add_argument("--name", required=True)
        _add_permissions(create)
        by_manifest = verbs.add_parser("install", help="install an app by its manifest, and wait for it")
        by_manifest.add_argument("manifest_url", metavar="MANIFEST_URL")
        by_manifest.add_argument("--inactive", action="store_true", help="keep it out until `activate`")
        _add_permissions(by_manifest, "it gets these at most (default: all that its manifest asks for)")
        verbs.add_parser("list", help="show the apps and the ends of their tokens")
        _add_app(token := verbs.add_parser("token", help="make another token for an app, and print it"))
        token.add_argument("--name", default="", help="to tell tokens apart")
        token.add_argument("--scope", action="append", help="it may do this alone (catalog:read …); may be repeated")
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
            with operations.all_tenants(reason=reason, operator=current_operator(), command=command):
                shop = queries.get_tenant_by_slug(tenant)
                if shop is None:
                    raise operations.TenantNotFound(
                        f"There is no tenant {tenant!r}; `manage.py tenant list` shows them."
                    )
                with operations.as_tenant(shop):
                    told = getattr(self, f"_{verb}")(**options)
        except DomainError as error:
            raise CommandError(f"{error.field or verb}: {error.message}") from error
        self.stdout.write(told if isinstance(told, str) else _install(shop.id, told))

    def _create(self, *, name: str, permission: list[str] | None, **_: Any) -> str:
        app = operations.create_app(name=name, permissions=permission or [])
        return operations.create_app_token(app_id=app.id).text

    def _install(self, *, manifest_url: str, permission: list[str] | None, inactive: bool, **_: Any) -> UUID:
        order = operations.order_installation(
            name=manifest_url[:100],
            manifest_url=manifest_url,
            permissions=permission,
            activate=not inactive,
            told=False,
        )
        return order.id

    def _list(self, **_: Any) -> str:
        return "\n".join(map(_line, queries.list_apps()))

    def _token(self, *, app: str, name: str, scope: list[str] | None, **_: Any) -> str:
        return operations.create_app_token(app_id=_app(app).id, name=name, scopes=scope or []).text

    def _revoke(self, *, app: str, last_four: str, **_: Any) -> str:
        token = queries.find_token(_app(app).id, last_four)
        if token is None:
            raise DomainError(f"{app} has not exactly one token that ends in {last_four!r}.", field="last_four")
        operations.delete_app_token(token_id=token.id)
        return f"revoked the token …{last_four} of {app}"

    def _rotate(self, *, app: str, **_: Any) -> str:
        return operations.rotate_app_tokens(app_id=_app(app).id).text

    def _permit(self, *, app: str, permission: list[str] | None, **_: Any) -> str:
        changed = operations.set_app_permissions(app_id=_app(app).id, permissions=permission or [])
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


def _add_permissions(parser: ArgumentParser, told: str = "such as MANAGE_PRODUCTS") -> None:
    parser.add_argument("--permission", action="append", metavar="NAME", help=f"{told}; may be repeated")


def _add_app(parser: ArgumentParser) -> None:
    parser.add_argument("app", help="its name, its id in the manifest, or its id here")


def _tenant(slug: str) -> Any:
    tenant = queries.get_tenant_by_slug(slug)
    if tenant is None:
        raise operations.TenantNotFound(f"There is no tenant {slug!r}; `manage.py tenant list` shows them.")
    return tenant


def _install(tenant_id: int, installation_id: UUID) -> str:
    """Install what was ordered, outside any scope."""
    done = install(tenant_id=tenant_id, installation_id=installation_id, now=timezone.now())
    if done.status != "installed":
        raise CommandError(f"Nothing was installed. {done.message}")
    return f"installed {done.name} ({done.app_id})"


def _app(wanted: str) -> Any:
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


def _line(app: Any) -> str:
    ends = " ".join(f"…{token.last_four}" for token in app.tokens.all())
    state = "active" if app.is_active else "inactive"
    return "\t".join([str(app.id), app.name, app.identifier or "local", state, ",".join(app.permissions), ends])
