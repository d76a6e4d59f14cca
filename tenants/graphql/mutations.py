"""Apps and their tokens, for an app that holds MANAGE_APPS and only as far as its own permissions go."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import graphene

from commerce.errors import DomainError
from commerce.graphql.batch import root
from commerce.graphql.ids import from_global_id
from commerce.graphql.info import Info
from tenants import operations, queries
from tenants.graphql import apps as types
from tenants.graphql.context import ShopContext
from tenants.queries import AppRow, TokenRow
from tenants.tokens import digest_of, split_token

P = TypeVar("P")

_CODES = (
    "FORBIDDEN", "GRAPHQL_ERROR", "INVALID", "INVALID_STATUS", "INVALID_PERMISSION", "INVALID_URL_FORMAT",
    "INVALID_MANIFEST_FORMAT", "INVALID_CUSTOM_HEADERS", "MANIFEST_URL_CANT_CONNECT", "NOT_FOUND", "REQUIRED",
    "UNIQUE", "OUT_OF_SCOPE_APP", "OUT_OF_SCOPE_PERMISSION", "UNSUPPORTED_SALEOR_VERSION",
)  # fmt: skip
AppErrorCode: Any = graphene.Enum("AppErrorCode", [(code, code) for code in _CODES])


class ErrorRow(NamedTuple):
    field: str | None
    message: str
    code: str


class AppError(graphene.ObjectType):
    """Why a mutation of apps did nothing."""

    class Meta:
        possible_types = (ErrorRow,)

    field = graphene.String(description="The input at fault.")
    message = graphene.String(description="What is wrong.")
    code = graphene.Field(AppErrorCode, required=True, description="The code.")


def errors_field() -> Any:
    """Return the field `errors` of a payload."""
    return graphene.List(graphene.NonNull(AppError), required=True, description="Why nothing was done.")


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
    errors = errors_field()

    @root
    def mutate(info: Info[ShopContext], input: dict[str, Any]) -> AppPayload:
        def run() -> AppPayload:
            codes = [str(getattr(code, "value", code)) for code in input.get("permissions") or ()]
            app = operations.create_app(name=input.get("name") or "", permissions=codes, **by(info))
            token = operations.create_app_token(app_id=app.id, name="Default")
            return AppPayload(queries.app_row(app), token.text)

        return reporting(info, run, AppPayload)


class AppTokenCreate(graphene.Mutation):
    """Create a token of an app. Needs MANAGE_APPS."""

    class Arguments:
        input = AppTokenInput(required=True)

    auth_token = graphene.String(description="The token, which is shown this once.")
    app_token = graphene.Field(types.AppToken)
    errors = errors_field()

    @root
    def mutate(info: Info[ShopContext], input: dict[str, Any]) -> TokenPayload:
        def run() -> TokenPayload:
            app_id = from_global_id(input["app"], "App")
            made = operations.create_app_token(app_id=app_id, name=input.get("name") or "", **by(info))
            return TokenPayload(queries.token_row(made.token), made.text)

        return reporting(info, run, TokenPayload)


class AppTokenDelete(graphene.Mutation):
    """Revoke a token of an app. Needs MANAGE_APPS."""

    class Arguments:
        id = graphene.ID(required=True, description="The token.")

    app_token = graphene.Field(types.AppToken)
    errors = errors_field()

    @root
    def mutate(info: Info[ShopContext], id: str) -> TokenPayload:
        def run() -> TokenPayload:
            token = operations.delete_app_token(token_id=from_global_id(id, "AppToken"), **by(info))
            return TokenPayload(queries.token_row(token))

        return reporting(info, run, TokenPayload)


class AppTokenVerify(graphene.Mutation):
    """Tell whether a token is one of an active app of this shop."""

    class Arguments:
        token = graphene.String(required=True, description="The token.")

    valid = graphene.Boolean(required=True)
    errors = errors_field()

    @root
    def mutate(info: Info[ShopContext], token: str) -> VerifyPayload:
        secret = split_token(token, info.context.shop.public_id)
        return VerifyPayload(secret is not None and digest_of(secret) in queries.list_active_tokens())


class AppActivate(graphene.Mutation):
    """Let an app in. Needs MANAGE_APPS."""

    class Arguments:
        id = graphene.ID(required=True, description="The app.")

    app = graphene.Field(types.App)
    errors = errors_field()

    @root
    def mutate(info: Info[ShopContext], id: str) -> AppPayload:
        return _changed(info, id, lambda app_id: operations.set_app_active(app_id=app_id, is_active=True, **by(info)))


class AppDeactivate(graphene.Mutation):
    """Keep an app out, with all its tokens. Needs MANAGE_APPS."""

    class Arguments:
        id = graphene.ID(required=True, description="The app.")

    app = graphene.Field(types.App)
    errors = errors_field()

    @root
    def mutate(info: Info[ShopContext], id: str) -> AppPayload:
        return _changed(info, id, lambda app_id: operations.set_app_active(app_id=app_id, is_active=False, **by(info)))


class AppDelete(graphene.Mutation):
    """Delete an app, with its tokens and subscriptions. Needs MANAGE_APPS."""

    class Arguments:
        id = graphene.ID(required=True, description="The app.")

    app = graphene.Field(types.App)
    errors = errors_field()

    @root
    def mutate(info: Info[ShopContext], id: str) -> AppPayload:
        return _changed(info, id, lambda app_id: operations.delete_app(app_id=app_id, **by(info)))


def _changed(info: Info[ShopContext], id: str, change: Callable[[Any], Any]) -> AppPayload:
    return reporting(info, lambda: AppPayload(queries.app_row(change(from_global_id(id, "App")))), AppPayload)


def by(info: Info[ShopContext]) -> dict[str, Any]:
    """Return who asks, as operations want to know it."""
    return {"granted_by": info.context.permissions, "actor": info.context.caller.actor}


def reporting(info: Info[ShopContext], run: Callable[[], P], payload: Callable[..., P]) -> P:
    """Run a mutation of whoever holds MANAGE_APPS; what its operation refuses is told in the payload."""
    info.context.require("MANAGE_APPS")
    try:
        return run()
    except DomainError as error:
        info.context.discard()
        return payload(errors=[_shown(error)])


def _shown(error: DomainError) -> ErrorRow:
    head, *rest = (error.field or "").split("_")
    field = head + "".join(word.capitalize() for word in rest)
    return ErrorRow(field or None, error.message, error.code if error.code in _CODES else "INVALID")
