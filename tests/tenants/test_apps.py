"""Operations of apps: what they write, tell and refuse."""

import pytest
from django.db import connections

from commerce.db.scope import tenant_scope
from commerce.errors import DomainError
from tenants import operations
from tenants.operations.apps import MOST_TOKENS
from tests.factories.tenants import make_app


def events(shop):
    """Return the types, versions and actors of a shop's events of apps."""
    with tenant_scope(shop.id), connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT type, object_version, actor FROM outbox_event WHERE object_kind = 'App' ORDER BY position"
        )
        return cursor.fetchall()


def test_every_change_tells_the_version_that_the_app_has_now(tenant):
    with tenant_scope(tenant.id):
        app = operations.create_app(name="Stock", permissions=[], actor="user:1")
        token = operations.create_app_token(app_id=app.id).token
        operations.delete_app_token(token_id=token.id)
        operations.set_app_active(app_id=app.id, is_active=True)  # as it was
        operations.set_app_active(app_id=app.id, is_active=False)
        operations.set_app_permissions(app_id=app.id, permissions=["MANAGE_ORDERS"])
        operations.delete_app(app_id=app.id, actor="app:2")
    assert events(tenant) == [
        ("tenants.app.installed", 1, "user:1"),
        ("tenants.app.updated", 2, ""),
        ("tenants.app.updated", 3, ""),
        ("tenants.app.status_changed", 4, ""),
        ("tenants.app.updated", 5, ""),
        ("tenants.app.deleted", 6, "app:2"),
    ]


def test_an_app_has_so_many_tokens_at_most(tenant):
    with tenant_scope(tenant.id):
        app_id = make_app().token.app_id
        for _ in range(MOST_TOKENS - 1):
            operations.create_app_token(app_id=app_id)
        with pytest.raises(DomainError, match="at most 20 tokens"):
            operations.create_app_token(app_id=app_id)
        operations.rotate_app_tokens(app_id=app_id)
        operations.create_app_token(app_id=app_id)


def test_apps_of_another_tenant_are_not_found(tenant, other_tenant):
    with tenant_scope(other_tenant.id):
        theirs = make_app().token
    with tenant_scope(tenant.id):
        for write in (
            lambda: operations.create_app_token(app_id=theirs.app_id),
            lambda: operations.set_app_active(app_id=theirs.app_id, is_active=False),
            lambda: operations.delete_app(app_id=theirs.app_id),
        ):
            with pytest.raises(operations.AppNotFound):
                write()
        with pytest.raises(DomainError, match="There is no token"):
            operations.delete_app_token(token_id=theirs.id)
