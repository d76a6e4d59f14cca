"""Fresh tenants. Nothing is ever deleted: names and hosts are unique per call."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from tenants import operations
from tenants.models import Channel, User


@dataclass(frozen=True, slots=True)
class Shop:
    """A tenant for a test; `token` occurs in all of its texts and in no other tenant's."""

    id: int
    public_id: UUID
    slug: str
    host: str
    channel: Channel
    token: str


def open_shop(
    *,
    currency: str = "USD",
    countries: Sequence[str] = ("US",),
    languages: Sequence[str] = ("en",),
    slug: str | None = None,
    host: str | None = None,
    channel: str = "default-channel",
) -> Shop:
    """Create an active tenant with one host and one channel, as `manage.py tenant create` does."""
    token = f"t{secrets.token_hex(5)}"
    slug = slug or f"shop-{token}"
    host = host or f"{slug}.test"
    with platform("open a shop"):
        tenant = operations.create_tenant(slug=slug, name=f"Shop {token}", hosts=[host], default_language=languages[0])
        with operations.as_tenant(tenant):
            market = operations.create_channel(
                slug=channel,
                name=f"Channel {token}",
                currency=currency,
                countries=list(countries),
                languages=list(languages),
            )
    market._state.db = "default"
    return Shop(tenant.id, tenant.public_id, slug, host, market, token)


def platform(reason: str = "test"):
    """Open a scope over all tenants, as an operator's command does."""
    return operations.all_tenants(reason=reason, operator="pytest", command="pytest")


def make_channel(*, slug: str, currency: str = "EUR", countries=("NL",), languages=("nl",), **fields) -> Channel:
    """Add a market to the scope's tenant."""
    return operations.create_channel(
        slug=slug,
        name=fields.pop("name", slug),
        currency=currency,
        countries=list(countries),
        languages=list(languages),
        **fields,
    )


PASSWORD = "correct horse battery staple"


def make_staff(*, email: str = "staff@example.com", password: str = PASSWORD) -> User:
    """Add a staff member with full access to the scope's tenant."""
    return operations.create_staff(email=email, password=password)


def make_customer(*, email: str = "customer@example.com", password: str = PASSWORD, **fields) -> User:
    """Add a confirmed customer to the scope's tenant."""
    user = User(email=email, is_confirmed=True, **fields)
    user.set_password(password)
    user.save(force_insert=True)
    return user


def make_app(*permissions: str, name: str = "App") -> operations.NewToken:
    """Add an app with a token to the scope's tenant; `.text` is what it sends, `.token.app` the app."""
    app = operations.create_app(name=name, permissions=permissions)
    return operations.create_app_token(app_id=app.id, name="Default")
