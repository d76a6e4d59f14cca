"""Who is asked, from where and when: the context of a shop's operation, and its channels."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from graphql import GraphQLError

from commerce.cache.keys import Key
from commerce.graphql.context import Context, Operation
from commerce.graphql.errors import PermissionDenied
from tenants import queries
from tenants.callers import ANONYMOUS, CREDENTIALS, Caller
from tenants.queries import EVERYWHERE, AppRow, ChannelRow, TenantRecord

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(slots=True, kw_only=True)
class ShopContext(Context):
    """The context of one operation at a tenant's door.

    `origin` is what absolute addresses start with (https://host:port), `caller` who asks and what they may do,
    `schema` the version of what answers.
    """

    shop: TenantRecord
    origin: str
    caller: Caller = ANONYMOUS
    schema: str = ""

    @property
    def app(self) -> AppRow | None:
        """The app that asks, or None."""
        return self.caller.app

    @property
    def actor(self) -> str:
        """How events name the caller: "app:<id>", empty for nobody known."""
        return self.caller.actor

    @property
    def permissions(self) -> frozenset[str]:
        """The permissions of the caller in the dialect's names."""
        return self.caller.permissions

    def key(self, operation: Operation, variables: Mapping[str, Any]) -> Key | None:
        """Return what an answer may be shared under: everything that resolvers can see of this context.

        None for a caller with credentials, whatever they turn out to be worth.
        """
        if any(name in self.request.META for name in CREDENTIALS):
            return None
        scheme, _, host = self.origin.partition("://")
        host, _, port = host.partition(":")
        return Key(
            schema=self.schema,
            tenant=self.shop.id,
            shop=repr(self.shop),
            scheme=scheme,
            host=host,
            port=int(port or 0),
            channel="",
            language=" ".join(self.languages),
            currency="",
            country="",
            document=operation.document,
            operation=operation.name,
            variables=variables,
        )

    def require(self, *permissions: str) -> None:
        """Raise PermissionDenied unless the caller has one of these permissions."""
        if not self.permissions.intersection(permissions):
            raise PermissionDenied(permissions)

    def require_app(self, *app_ids: UUID) -> None:
        """Raise PermissionDenied unless these apps are the caller's own, or the caller manages apps."""
        if any(self.app is None or app_id != self.app.id for app_id in app_ids):
            self.require("MANAGE_APPS")

    def load(self, kind: Hashable, keys: Iterable[K], read: Callable[[list[K]], Mapping[K, V]]) -> dict[K, V | None]:
        """Return what `read` finds for these keys, asking only for those not asked for before under `kind`."""
        kept: dict[K, V | None] = self.once(("load", kind), dict)
        missing = [key for key in dict.fromkeys(keys) if key not in kept]
        if missing:
            found = read(missing)
            kept.update((key, found.get(key)) for key in missing)
        return kept

    def channels(self) -> list[ChannelRow]:
        """Return the channels of the shop, read once."""
        return self.once("channels", queries.list_channel_rows)

    def channel(self, slug: str | None) -> ChannelRow | None:
        """Return the active channel of this slug, or None; without a slug the shop's only active channel.

        Who manages products sees everything: in any channel, and without a slug EVERYWHERE.
        Raises GraphQLError in the dialect's words where no slug was given and the choice is not clear.
        """
        if "MANAGE_PRODUCTS" in self.permissions:
            if slug is None:
                return EVERYWHERE
            return next((row._replace(shows_all=True) for row in self.channels() if row.slug == slug), None)
        active = [channel for channel in self.channels() if channel.is_active]
        if slug is not None:
            return next((channel for channel in active if channel.slug == slug), None)
        if not active:
            raise GraphQLError("A default channel does not exist.")
        if len(active) > 1:
            raise GraphQLError("More than one channel exists. Specify which channel to use.")
        return active[0]

    def language(self, channel: ChannelRow) -> str:
        """Return the language whose order of names the lists of a channel have, and which their searches are in.

        That is the answer's, or else the first in its chain, as far as the channel has it.
        """
        found = next((one for one in self.languages if one in channel.languages), channel.language)
        return found or self.shop.default_language
