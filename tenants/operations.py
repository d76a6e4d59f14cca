"""Writes of tenants, domains, channels and people.

Tenants and domains are platform tables: their operations run inside `all_tenants`. Channels and people are
the tenant's own rows: theirs run inside a scope of that tenant.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from babel import Locale, UnknownLocaleError
from babel.numbers import list_currencies
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connections, models, transaction

from commerce.db.scope import Scope, ScopeError, current_scope, narrow, open_scope
from commerce.errors import DomainError
from tenants.models import Channel, Domain, GroupMember, PermissionGroup, PlatformAudit, Tenant, User
from tenants.permissions import GRANTS

_HOST = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_SLUG = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


class SlugTaken(DomainError):
    code = "UNIQUE"


class HostTaken(DomainError):
    code = "UNIQUE"


class TenantNotFound(DomainError):
    code = "NOT_FOUND"


@contextmanager
def all_tenants(*, reason: str, operator: str, command: str) -> Iterator[None]:
    """Open a transaction as the platform role that sees every tenant's rows, and record who did it and why.

    For operators' commands alone. Raises ScopeError where DATABASE_PLATFORM_URL is not set: web, worker and
    relay processes do not have it.
    """
    if "platform" not in connections:
        raise ScopeError("DATABASE_PLATFORM_URL is not set: this process may not act for all tenants.")
    with open_scope(Scope(tenant_id=None, alias="platform")):
        PlatformAudit.objects.create(operator=operator, command=command, reason=reason)
        yield


@contextmanager
def as_tenant(tenant: Tenant) -> Iterator[None]:
    """Narrow an open `all_tenants` to one tenant: its rows are seen, and new ones become its own."""
    with narrow(tenant.id):
        yield


def create_tenant(*, slug: str, name: str, hosts: list[str], default_language: str = "en") -> Tenant:
    """Create an active tenant with its hosts, the first of them primary, and its permission groups.

    Raises DomainError for a bad slug, host or language, SlugTaken or HostTaken for one in use.
    """
    if not _SLUG.fullmatch(slug):
        raise DomainError(f"{slug!r} is no slug: lower-case letters, digits and hyphens, at most 63.", field="slug")
    tenant = Tenant(slug=slug, name=name, default_language=clean_language(default_language))
    _check_fields(tenant)
    try:
        with transaction.atomic(using="platform"):
            tenant.save(force_insert=True)
    except IntegrityError as error:
        raise SlugTaken(f"A tenant with the slug {slug!r} exists.", field="slug") from error
    for host in hosts:
        add_domain(tenant=tenant, host=host)
    with as_tenant(tenant):
        PermissionGroup.objects.create(name="Full access", permissions=sorted(GRANTS))
    return tenant


def add_domain(*, tenant: Tenant, host: str) -> Domain:
    """Give a tenant a host name; its first one becomes primary. Raises DomainError or HostTaken."""
    host = clean_host(host)
    is_primary = not tenant.domains.exists()
    try:
        with transaction.atomic(using="platform"):
            return Domain.objects.create(tenant=tenant, host=host, is_primary=is_primary)
    except IntegrityError as error:
        raise HostTaken(f"The host {host!r} belongs to a tenant already.", field="host") from error


def set_tenant_status(*, slug: str, status: Tenant.Status) -> Tenant:
    """Suspend or resume a tenant; a suspended one is answered with 403. Raises TenantNotFound."""
    tenant = Tenant.objects.select_for_update().filter(slug=slug).first()
    if tenant is None:
        raise TenantNotFound(f"There is no tenant {slug!r}; `manage.py tenant list` shows them.", field="slug")
    tenant.status = status
    tenant.save(update_fields=["status"])
    return tenant


def create_channel(
    *,
    slug: str,
    name: str,
    currency: str,
    countries: list[str],
    languages: list[str],
    default_country: str | None = None,
) -> Channel:
    """Create a market: currency ISO 4217, countries ISO 3166-1 alpha-2, languages BCP 47, the first default."""
    currency = currency.upper()
    if currency not in list_currencies():
        raise DomainError(f"{currency!r} is no ISO 4217 currency.", field="currency")
    countries = [country.upper() for country in countries]
    unknown = [c for c in countries if len(c) != 2 or c not in Locale("en").territories]
    if unknown or not countries:
        raise DomainError(f"Not ISO 3166-1 countries: {unknown or 'none given'}.", field="countries")
    if not languages:
        raise DomainError("A channel needs a language, such as nl or nl-BE.", field="languages")
    channel = Channel(
        slug=slug,
        name=name,
        currency=currency,
        countries=countries,
        default_country=(default_country or countries[0]).upper(),
        languages=[clean_language(language) for language in languages],
    )
    _check_fields(channel)
    try:
        with transaction.atomic(using=_alias()):
            channel.save(force_insert=True)
    except IntegrityError as error:
        raise SlugTaken(f"A channel with the slug {slug!r} exists.", field="slug") from error
    return channel


def create_staff(*, email: str, password: str, group: str = "Full access") -> User:
    """Create a staff member of the scope's tenant in a permission group of that name."""
    user = User(email=email.strip().lower(), is_staff=True, is_confirmed=True)
    _check_fields(user)
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise DomainError(" ".join(error.messages), field="password") from error
    user.set_password(password)
    try:
        with transaction.atomic(using=_alias()):
            user.save(force_insert=True)
    except IntegrityError as error:
        raise DomainError(f"{user.email} has an account here.", code="UNIQUE", field="email") from error
    member_of = PermissionGroup.objects.filter(name=group).first()
    if member_of is None:
        raise DomainError(f"There is no permission group {group!r}.", code="NOT_FOUND", field="group")
    GroupMember.objects.create(group=member_of, user=user)
    return user


def clean_host(host: str) -> str:
    """Return a host in lower case without port and trailing dot, or raise DomainError."""
    cleaned = host.strip().lower().rstrip(".")
    if ":" in cleaned or not _HOST.fullmatch(cleaned):
        raise DomainError(
            f"{host!r} is no host name: letters, digits, hyphens and dots, without scheme and port.", field="host"
        )
    return cleaned


def clean_language(code: str) -> str:
    """Return a language as BCP 47 writes it ("nl-BE"), or raise DomainError for one CLDR does not know."""
    try:
        locale = Locale.parse(code.replace("_", "-"), sep="-")
    except (ValueError, UnknownLocaleError) as error:
        raise DomainError(f"{code!r} is no language that CLDR knows, such as nl or nl-BE.", field="language") from error
    return str(locale).replace("_", "-")


def _check_fields(instance: models.Model) -> None:
    """Raise DomainError for the first field whose value is no slug, no address, too long or missing."""
    try:
        instance.clean_fields(exclude={"tenant_id", "password"})
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise DomainError(f"{getattr(instance, field)!r}: {' '.join(messages)}", field=field) from error


def _alias() -> str:
    scope = current_scope()
    return scope.alias if scope is not None else "default"
