"""Writes around the installing of an app: the order, its steps in short transactions, and its end.

Between them `commerce.webhooks.installing` talks to the app, with no scope open.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from commerce import outbox
from commerce.errors import DomainError
from tenants import queries
from tenants.models import App, AppInstallation
from tenants.operations.apps import OutOfScopePermission, clean_permissions, create_app_token, erase_app, publish
from tenants.operations.fields import check_fields
from tenants.queries import InstallationRow

# After that long whoever began an installation is taken for gone: all its steps have limits that sum to less.
GONE_AFTER = timedelta(minutes=3)
LONGEST_MESSAGE = 500
ORDERED = "tenants.app_installation.ordered"
_Status = AppInstallation.Status
# What upper apps ask of the address of a manifest before it is ordered: each raises DomainError.
MANIFEST_URL_CHECKS: list[Callable[[str], None]] = []


def order_installation(
    *,
    name: str,
    manifest_url: str,
    permissions: Collection[str] | None,
    activate: bool = True,
    granted_by: Collection[str] | None = None,
    actor: str = "",
    told: bool = True,
) -> InstallationRow:
    """Write down that an app is to be installed by its manifest, with these permissions at most.

    `permissions` None: those that the manifest asks for, which is for operators. An event tells workers to do it;
    where not `told`, the caller does it. Raises DomainError.
    """
    codes = None if permissions is None else clean_permissions(permissions, granted_by=granted_by)
    order = AppInstallation(
        name=name.strip(), manifest_url=manifest_url.strip(), permissions=codes, activate=activate, actor=actor
    )
    for check in MANIFEST_URL_CHECKS:
        check(order.manifest_url)
    check_fields(order)
    order.save(force_insert=True)
    if told:
        _tell(order)
    return queries.installation_row(order)


def retry_installation(
    *, installation_id: UUID, activate: bool = True, granted_by: Collection[str] | None = None, actor: str = ""
) -> InstallationRow:
    """Have an installation that failed done again, as it was ordered. Raises DomainError."""
    order = _lock_failed(installation_id, granted_by)
    order.status, order.message, order.started_at = _Status.PENDING, "", None
    order.activate, order.actor = activate, actor
    order.save(update_fields=["status", "message", "started_at", "activate", "actor", "updated_at"])
    order.refresh_from_db(fields=["version"])
    _tell(order)
    return queries.installation_row(order)


def delete_installation(*, installation_id: UUID, granted_by: Collection[str] | None = None) -> InstallationRow:
    """Forget an installation that failed, and return what it was. Raises DomainError."""
    order = _lock_failed(installation_id, granted_by)
    row = queries.installation_row(order)
    order.delete()
    return row


def begin_installation(*, installation_id: UUID, now: datetime) -> InstallationRow | None:
    """Take an installation on, and clear away what an earlier try has left.

    Returns None where it is over, or in somebody's hands. Raises DomainError where there is none.
    """
    order = _lock(installation_id)
    if order.status != _Status.PENDING or (order.started_at and order.started_at > now - GONE_AFTER):
        return None
    _remove_app(order)
    order.started_at = now
    order.save(update_fields=["started_at"])
    return queries.installation_row(order)


def add_installing_app(*, installation_id: UUID, fields: Mapping[str, Any], asked: Collection[str]) -> tuple[UUID, str]:
    """Create the app that is being installed, with a token that works; return its id and the token's text.

    `fields` are columns of the app by its manifest, `asked` the permissions there, of which it gets those that were
    ordered. Raises DomainError where an app of this identifier is installed.
    """
    order = _lock(installation_id)
    codes = clean_permissions(asked, granted_by=None)
    if order.permissions is not None:
        codes = sorted(set(codes).intersection(order.permissions))
    app = App(**fields, kind=App.Kind.THIRD_PARTY, manifest_url=order.manifest_url, permissions=codes)
    check_fields(app)
    if App.objects.filter(identifier=app.identifier).exists():
        raise DomainError(
            f"An app with the id {app.identifier!r} is installed already: delete it first.",
            code="UNIQUE",
            field="identifier",
        )
    app.save(force_insert=True)
    order.app, order.name = app, app.name
    order.save(update_fields=["app", "name"])
    token = create_app_token(app_id=app.id, name="Default", told=False)
    return app.id, token.text


def finish_installation(*, installation_id: UUID) -> None:
    """Write down that an app is installed, and tell it."""
    order = _lock(installation_id)
    if order.status != _Status.PENDING or order.app is None:
        raise DomainError("The installation is over already, or was begun anew by somebody else.", code="CONFLICT")
    app = order.app
    app.is_active = order.activate
    app.save(update_fields=["is_active"])
    app.refresh_from_db(fields=["version"])
    order.status, order.message = _Status.INSTALLED, ""
    order.save(update_fields=["status", "message"])
    publish(app, "installed", order.actor)


def fail_installation(*, installation_id: UUID, message: str) -> None:
    """Undo what was installed, and write down why."""
    order = _lock(installation_id)
    if order.status != _Status.PENDING:
        return
    _remove_app(order)
    order.status, order.message = _Status.FAILED, message[:LONGEST_MESSAGE]
    order.save(update_fields=["status", "message"])


def _remove_app(order: AppInstallation) -> None:
    if order.app is not None:
        erase_app(order.app, order.actor)
        order.app = None


def _tell(order: AppInstallation) -> None:
    outbox.publish(
        ORDERED,
        object_kind="AppInstallation",
        object_id=order.id,
        object_version=order.version,
        actor=order.actor,
    )


def _lock_failed(installation_id: UUID, granted_by: Collection[str] | None) -> AppInstallation:
    order = _lock(installation_id)
    if order.status != _Status.FAILED:
        raise DomainError(
            f"The installation of {order.name} has not failed: it is {order.status}.", code="INVALID_STATUS", field="id"
        )
    excess = sorted(set(order.permissions or ()).difference(granted_by)) if granted_by is not None else []
    if excess or (granted_by is not None and order.permissions is None):
        told = ", ".join(excess) or "all that its manifest asks for"
        raise OutOfScopePermission(f"It was ordered with permissions that you do not have: {told}.", field="id")
    return order


def _lock(installation_id: UUID) -> AppInstallation:
    order = AppInstallation.objects.select_for_update().filter(id=installation_id).first()
    if order is None:
        raise DomainError("There is no such installation.", code="NOT_FOUND", field="id")
    return order
