"""Writes of apps and their tokens, in a scope of their tenant.

`granted_by` are the permissions of whoever asks (None: the operator, who may give any): nobody gives or
takes what they do not hold. `actor` stands in the events, as "user:<id>" or "app:<id>".
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from secrets import token_hex
from typing import Any
from uuid import UUID

from commerce import outbox
from commerce.errors import DomainError
from tenants import queries
from tenants.models import App, AppToken
from tenants.operations.fields import check_fields
from tenants.permissions import GRANTS
from tenants.scopes import clean_scopes
from tenants.tokens import digest_of

# Tokens that one app may have at a time.
MOST_TOKENS = 20
# Pairs that one object may have, and characters of a key and of a value.
MOST_PAIRS, LONGEST_KEY, LONGEST_VALUE = 500, 256, 100_000
# What upper apps do in the same transaction before an app is deleted, given its id and who deletes it.
BEFORE_APP_DELETED: list[Callable[[UUID, str], None]] = []


class AppNotFound(DomainError):
    """The tenant has no such app."""

    code = "NOT_FOUND"


class OutOfScopePermission(DomainError):
    """Somebody tried to give a permission that they do not hold."""

    code = "OUT_OF_SCOPE_PERMISSION"


class OutOfScopeApp(DomainError):
    """Somebody tried to change an app that may do more than they may."""

    code = "OUT_OF_SCOPE_APP"


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that was just made: its row, and the text to send, which is not kept and cannot be shown again."""

    token: AppToken
    text: str


def create_app(
    *, name: str, permissions: Collection[str], granted_by: Collection[str] | None = None, actor: str = ""
) -> App:
    """Create an active local app that may do what `permissions` say, in the dialect's names.

    Raises DomainError for a permission that there is not, OutOfScopePermission for one that is not `granted_by`'s.
    """
    return save_app(app=App(name=name.strip(), permissions=permissions), granted_by=granted_by, actor=actor)


def save_app(*, app: App, granted_by: Collection[str] | None = None, actor: str = "") -> App:
    """Write a new app, or the name, permissions and state of one that there is. Raises DomainError."""
    app.permissions = clean_permissions(app.permissions, granted_by=granted_by)
    check_fields(app)
    if app._state.adding:
        app.save(force_insert=True)
        publish(app, "installed", actor)
        return app
    before = lock_app(app.id, granted_by)
    if (app.name, app.permissions) != (before.name, before.permissions):
        _save_changed(app, actor, "name", "permissions")
    if app.is_active != before.is_active:
        _save_changed(app, actor, "is_active", verb="status_changed")
    return app


def clean_permissions(codes: Collection[str], *, granted_by: Collection[str] | None) -> list[str]:
    """Return permissions in order and once each, or raise DomainError or OutOfScopePermission."""
    unknown = sorted(set(codes) - GRANTS.keys())
    if unknown:
        raise DomainError(
            f"There is no permission {unknown[0]!r}; there are {', '.join(sorted(GRANTS))}.",
            code="INVALID_PERMISSION",
            field="permissions",
        )
    excess = sorted(set(codes).difference(granted_by)) if granted_by is not None else []
    if excess:
        raise OutOfScopePermission(
            f"You do not have these permissions yourself: {', '.join(excess)}.", field="permissions"
        )
    return sorted(set(codes))


def create_app_token(
    *,
    app_id: UUID,
    name: str = "",
    scopes: Collection[str] = (),
    granted_by: Collection[str] | None = None,
    actor: str = "",
    told: bool = True,
) -> NewToken:
    """Return a new token of an app, to be sent as `Authorization: Bearer <text>`. Raises DomainError.

    `scopes` narrow it down (tenants/scopes.py); without any it may do all that its app may. Where not `told`, no event
    says that the app has changed.
    """
    app = lock_app(app_id, granted_by)
    if app.tokens.count() >= MOST_TOKENS:
        raise DomainError(f"An app has at most {MOST_TOKENS} tokens: delete one first.", field="app")
    secret = token_hex(32)
    token = AppToken(
        app=app, name=name.strip(), scopes=clean_scopes(scopes), digest=digest_of(secret), last_four=secret[-4:]
    )
    check_fields(token)
    token.save(force_insert=True)
    if told:
        _save_changed(app, actor)
    return NewToken(token, f"{queries.get_public_id()}.{secret}")


def delete_app_token(*, token_id: UUID, granted_by: Collection[str] | None = None, actor: str = "") -> AppToken:
    """Forget a token, which is refused from the next request on, and return what it was. Raises DomainError."""
    token = AppToken.objects.filter(id=token_id).first()
    if token is None:
        raise DomainError(f"There is no token {token_id}.", code="NOT_FOUND", field="id")
    app = lock_app(token.app_id, granted_by)
    token.delete()
    token.id, token.app = token_id, app
    _save_changed(app, actor)
    return token


def rotate_app_tokens(*, app_id: UUID, granted_by: Collection[str] | None = None, actor: str = "") -> NewToken:
    """Forget all tokens of an app and return a new one, which may do what one of them might. Raises DomainError."""
    app = lock_app(app_id, granted_by)
    held: list[list[str]] = list(app.tokens.values_list("scopes", flat=True))
    scopes = {scope for scopes in held for scope in scopes} if all(held) else set()
    app.tokens.all().delete()
    return create_app_token(app_id=app_id, scopes=scopes, granted_by=granted_by, actor=actor)


def set_app_active(*, app_id: UUID, is_active: bool, granted_by: Collection[str] | None = None, actor: str = "") -> App:
    """Let an app in, or keep it out with all its tokens. Raises DomainError."""
    app = lock_app(app_id, granted_by)
    if app.is_active != is_active:
        app.is_active = is_active
        _save_changed(app, actor, "is_active", verb="status_changed")
    return app


def set_app_permissions(
    *, app_id: UUID, permissions: Collection[str], granted_by: Collection[str] | None = None, actor: str = ""
) -> App:
    """Let an app do what `permissions` say and no more. Raises DomainError."""
    app = lock_app(app_id, granted_by)
    app.permissions = clean_permissions(permissions, granted_by=granted_by)
    _save_changed(app, actor, "permissions")
    return app


def update_app(
    *,
    app_id: UUID,
    name: str | None = None,
    permissions: Collection[str] | None = None,
    granted_by: Collection[str] | None = None,
    actor: str = "",
) -> App:
    """Give an app another name, other permissions, or both. Raises DomainError."""
    app = lock_app(app_id, granted_by)
    app.name = app.name if name is None else name.strip()
    app.permissions = app.permissions if permissions is None else permissions
    return save_app(app=app, granted_by=granted_by, actor=actor)


def change_app_metadata(
    *,
    app_id: UUID,
    private: bool,
    put: Mapping[str, str],
    drop: Collection[str] = (),
    granted_by: Collection[str] | None = None,
    actor: str = "",
) -> App:
    """Put pairs into what an app keeps, publicly or privately, and drop keys. Raises DomainError.

    Pairs that two callers put at the same time are both kept.
    """
    app = lock_app(app_id, granted_by)
    column = "private_metadata" if private else "metadata"
    before: dict[str, str] = getattr(app, column)
    after = change_pairs(before, put=put, drop=drop)
    if after != before:
        setattr(app, column, after)
        _save_changed(app, actor, column, verb="metadata_updated")
    return app


def change_pairs(pairs: Mapping[str, str], *, put: Mapping[str, str], drop: Collection[str]) -> dict[str, str]:
    """Return an object's metadata with pairs put in and keys dropped, or raise DomainError."""
    for key, value in put.items():
        if not key.strip():
            raise DomainError("A key must not be empty.", code="REQUIRED", field="input")
        if len(key) > LONGEST_KEY or len(value) > LONGEST_VALUE:
            raise DomainError(f"A key has at most {LONGEST_KEY} characters and a value {LONGEST_VALUE}.", field="input")
    after = {key: value for key, value in {**pairs, **put}.items() if key not in drop}
    if len(after) > max(MOST_PAIRS, len(pairs)):
        raise DomainError(f"An object keeps at most {MOST_PAIRS} pairs.", field="input")
    return after


def delete_app(*, app_id: UUID, granted_by: Collection[str] | None = None, actor: str = "") -> App:
    """Delete an app with its tokens and all that it has subscribed to, and return what it was. Raises DomainError."""
    app = lock_app(app_id, granted_by)
    erase_app(app, actor)
    publish(app, "deleted", actor)
    return app


def erase_app(app: App, actor: str) -> None:
    """Delete the rows of an app and what upper apps have of it, without an event of its own."""
    app_id = app.id
    for follow in BEFORE_APP_DELETED:
        follow(app_id, actor)
    app.delete()
    app.id, app.version = app_id, app.version + 1


def lock_app(app_id: UUID, granted_by: Collection[str] | None = None) -> App:
    """Return an app of the scope's tenant, locked, or raise AppNotFound or OutOfScopeApp."""
    app = App.objects.select_for_update().filter(id=app_id).first()
    if app is None:
        raise AppNotFound("There is no such app.", field="id")
    if granted_by is not None and not set(app.permissions).issubset(granted_by):
        raise OutOfScopeApp(f"{app.name} has permissions that you do not have.", field="id")
    return app


def publish(app: App, verb: str, actor: str) -> None:
    """Write the event that tells what became of an app."""
    facts: dict[str, Any] = {"name": app.name, "is_active": app.is_active, "identifier": app.identifier}
    outbox.publish(
        f"tenants.app.{verb}",
        object_kind="App",
        object_id=app.id,
        object_version=app.version,
        payload=facts,
        actor=actor,
    )


def _save_changed(app: App, actor: str, *fields: str, verb: str = "updated") -> None:
    app.save(update_fields=[*fields, "updated_at"])
    app.refresh_from_db(fields=["version"])
    publish(app, verb, actor)
