"""Apps and their tokens, for an app that holds MANAGE_APPS and only as far as its own permissions go."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

import graphene

from commerce.graphql.batch import root
from commerce.graphql.info import Info
from tenants import operations, queries
from tenants.graphql import apps as types
from tenants.graphql.context import ShopContext
from tenants.graphql.reporting import ErrorRow, Errors, by, codes_in, key_of
from tenants.queries import AppRow, TokenRow
from tenants.tokens import digest_of, split_token

P = TypeVar("P")

APP_ERRORS = Errors(
    "App",
    "Why a mutation of apps did nothing.",
    (
        "FORBIDDEN", "GRAPHQL_ERROR", "INVALID", "INVALID_STATUS", "INVALID_PERMISSION", "INVALID_URL_FORMAT",
        "INVALID_MANIFEST_FORMAT", "INVALID_CUSTOM_HEADERS", "MANIFEST_URL_CANT_CONNECT", "NOT_FOUND", "REQUIRED",
        "UNIQUE", "OUT_OF_SCOPE_APP", "OUT_OF_SCOPE_PERMISSION", "UNSUPPORTED_SALEOR_VERSION",
    ),
)  # fmt: skip


class AppPayload(NamedTuple):
    app: AppRow | None = None
    auth_token: str | None = None
    errors: Sequence[ErrorRow] = ()


class TokenPayload(NamedTuple):
    app_token: TokenRow | None = None
    auth_token: str | None = None
    errors: Sequence[ErrorRow] = ()


class VerifyPayload(NamedTuple):
    valid: bool
    errors: Sequence[ErrorRow] = ()


class AppInput(graphene.InputObjectType):
    """A local app."""

    name = graphene.String(description="The name.")
    permissions = graphene.List(graphene.NonNull(types.PermissionEnum), description="What it may do.")


class AppTokenInput(graphene.InputObjectType):
    """A token of an app."""

    name = graphene.String(description="The name, to tell tokens apart.")
    app = graphene.ID(required=True, description="The app.")


class AppCreate(graphene.Mutation):
    """Create a local app and a token for it. Needs MANAGE_APPS."""

    class Arguments:
        input = AppInput(required=True)

    auth_token = graphene.String(description="The token, which is shown this once.")
    app = graphene.Field(types.App)
    errors = APP_ERRORS.field()

    @root
    def mutate(info: Info[ShopContext], input: dict[str, Any]) -> AppPayload:
        def run() -> AppPayload:
            codes = codes_in(input.get("permissions"))
            app = operations.create_app(name=input.get("name") or "", permissions=codes, **by(info))
            token = operations.create_app_token(app_id=app.id, name="Default")
            return AppPayload(queries.app_row(app), token.text)

        return managing(info, run, AppPayload)


class AppTokenCreate(graphene.Mutation):
    """Create a token of an app. Needs MANAGE_APPS."""

    class Arguments:
        input = AppTokenInput(required=True)

    auth_token = graphene.String(description="The token, which is shown this once.")
    app_token = graphene.Field(types.AppToken)
    errors = APP_ERRORS.field()

    @root
    def mutate(info: Info[ShopContext], input: dict[str, Any]) -> TokenPayload:
        def run() -> TokenPayload:
            app_id = key_of(input["app"], "App", "app")
            made = operations.create_app_token(app_id=app_id, name=input.get("name") or "", **by(info))
            return TokenPayload(queries.token_row(made.token), made.text)

        return managing(info, run, TokenPayload)


class AppTokenDelete(graphene.Mutation):
    """Revoke a token of an app. Needs MANAGE_APPS."""

    class Arguments:
        id = graphene.ID(required=True, description="The token.")

    app_token = graphene.Field(types.AppToken)
    errors = APP_ERRORS.field()

    @root
    def mutate(info: Info[ShopContext], id: str) -> TokenPayload:
        def run() -> TokenPayload:
            token = operations.delete_app_token(token_id=key_of(id, "AppToken"), **by(info))
            return TokenPayload(queries.token_row(token))

        return managing(info, run, TokenPayload)


class AppTokenVerify(graphene.Mutation):
    """Tell whether a token is one of an active app of this shop."""

    class Arguments:
        token = graphene.String(required=True, description="The token.")

    valid = graphene.Boolean(required=True)
    errors = APP_ERRORS.field()

    @root
    def mutate(info: Info[ShopContext], token: str) -> VerifyPayload:
        secret = split_token(token, info.context.shop.public_id)
        return VerifyPayload(secret is not None and digest_of(secret) in queries.list_active_tokens())


def _app_mutation(name: str, description: str, change: Callable[..., Any]) -> Any:
    """Return a mutation that changes the one app that its id names."""

    def mutate(info: Info[ShopContext], id: str) -> AppPayload:
        def run() -> AppPayload:
            return AppPayload(queries.app_row(change(app_id=key_of(id, "App"), **by(info))))

        return managing(info, run, AppPayload)

    members = {
        "__doc__": description,
        "Arguments": type("Arguments", (), {"id": graphene.ID(required=True, description="The app.")}),
        "app": graphene.Field(types.App),
        "errors": APP_ERRORS.field(),
        "mutate": root(mutate),
    }
    return type(name, (graphene.Mutation,), members)


AppActivate = _app_mutation(
    "AppActivate", "Let an app in. Needs MANAGE_APPS.", partial(operations.set_app_active, is_active=True)
)
AppDeactivate = _app_mutation(
    "AppDeactivate",
    "Keep an app out, with all its tokens. Needs MANAGE_APPS.",
    partial(operations.set_app_active, is_active=False),
)
AppDelete = _app_mutation(
    "AppDelete", "Delete an app, with its tokens and subscriptions. Needs MANAGE_APPS.", operations.delete_app
)


class AppUpdate(graphene.Mutation):
    """Give an app another name or other permissions. Needs MANAGE_APPS."""

    class Arguments:
        id = graphene.ID(required=True, description="The app.")
        input = AppInput(required=True)

    app = graphene.Field(types.App)
    errors = APP_ERRORS.field()

    @root
    def mutate(info: Info[ShopContext], id: str, input: dict[str, Any]) -> AppPayload:
        def run() -> AppPayload:
            permissions = input.get("permissions")
            app = operations.update_app(
                app_id=key_of(id, "App"),
                name=input.get("name"),
                permissions=None if permissions is None else codes_in(permissions),
                **by(info),
            )
            return AppPayload(queries.app_row(app))

        return managing(info, run, AppPayload)


def managing(info: Info[ShopContext], run: Callable[[], P], payload: Callable[..., P]) -> P:
    """Run a mutation of whoever holds MANAGE_APPS; what its operation refuses is told in the payload."""
    info.context.require("MANAGE_APPS")
    return APP_ERRORS.report(info, run, payload)
