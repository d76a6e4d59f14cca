"""REST at a tenant's host: an app's token is the key, and its scopes and permissions say what it may do."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpRequest
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated
from rest_framework.request import Request

from commerce.addresses import client_of
from commerce.errors import DomainError
from commerce.ratelimit import Allowance, plan_limit
from commerce.rest.views import READS, View
from tenants.callers import CREDENTIALS, Caller, authenticate
from tenants.middleware import tenant_of
from tenants.queries import TenantRecord
from tenants.scopes import SCOPES

_NO_KEY = "Send a key of this shop as `Authorization: Bearer <key>`: a token of one of its apps."
_WRONG_KEY = "This is no key of this shop, or one that is no longer: make another for the app."


class KeyAuthentication(BaseAuthentication):
    """Tells who asks by an app's token of the shop whose host is asked."""

    def authenticate(self, request: Request) -> tuple[Caller, None]:
        """Return the caller, or raise NotAuthenticated or AuthenticationFailed (401)."""
        caller = authenticate(request._request, tenant_of(request._request))
        if caller.app is None:
            is_sent = any(name in request.META for name in CREDENTIALS)
            raise AuthenticationFailed(_WRONG_KEY) if is_sent else NotAuthenticated(_NO_KEY)
        return caller, None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the document names it."""

    target_class = KeyAuthentication
    name = "key"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A token of one of the shop's apps."}


@dataclass(frozen=True, slots=True)
class Need:
    """What a request must be allowed: one of the permissions for its app, and the scope, where its key has any.

    Without permissions any app will do.
    """

    scope: str
    permissions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.scope not in SCOPES:
            raise ValueError(f"There is no scope {self.scope!r}.")

    def check(self, caller: Caller) -> None:
        """Raise DomainError (PERMISSION_DENIED)."""
        held: Collection[str] = caller.app.permissions if caller.app else ()
        if self.permissions and not set(self.permissions).intersection(held):
            raise DomainError(
                f"The app needs the permission {' or '.join(self.permissions)}.", code="PERMISSION_DENIED"
            )
        if caller.scopes and self.scope not in caller.scopes:
            raise DomainError(f"The key needs the scope {self.scope}.", code="PERMISSION_DENIED")


class ShopView(View):
    """A REST view of the shop whose host is asked; `reads` and `writes` say what callers need, None: a key."""

    authentication_classes = [KeyAuthentication]
    permission_classes = []
    reads: ClassVar[Need | None] = None
    writes: ClassVar[Need | None] = None

    @property
    def shop(self) -> TenantRecord:
        return tenant_of(self.request._request)

    @property
    def caller(self) -> Caller:
        caller: Any = self.request.user
        return caller  # type: ignore[no-any-return]

    @property
    def tenant(self) -> int:
        return self.shop.id

    @property
    def actor(self) -> str:
        return self.caller.actor

    def allowance(self, request: HttpRequest) -> Allowance:
        if not settings.RATE_LIMIT:
            return Allowance()
        shop = tenant_of(request)
        return Allowance.of(tenant=shop.id, client=client_of(request), per_minute=plan_limit(shop.plan))

    def check_permissions(self, request: Request) -> None:
        need = self.reads if request.method in READS else self.writes
        if need is not None:
            need.check(self.caller)
