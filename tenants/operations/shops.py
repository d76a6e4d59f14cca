"""Writes of tenants, their domains and what their door allows, channels and people.

Tenants and domains are platform tables: their operations run inside `all_tenants`. Channels and people are
the tenant's own rows: theirs run inside a scope of that tenant.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from secrets import token_urlsafe
from typing import Any, Literal

from babel import Locale
from babel.numbers import list_currencies
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connections, transaction

from commerce.db.scope import Scope, ScopeError, narrow, open_scope
from commerce.errors import DomainError
from commerce.graphql.documents import DOCUMENT_ID
from commerce.graphql.limits import clean_limits
from tenants.languages import clean_language
from tenants.models import (
    Channel,
    Domain,
    GroupMember,
    PermissionGroup,
    PlatformAudit,
    StorefrontToken,
    Tenant,
    TrustedDocument,
    User,
)
from tenants.operations.fields import check_fields, scope_alias
from tenants.permissions import GRANTS
from tenants.tokens import digest_of

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
    check_fields(tenant)
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


def add_domain(*, tenant: Tenant, host: str, language: str = "") -> Domain:
    """Give a tenant a host name; its first one becomes primary. Raises DomainError or HostTaken.

    What is read there is in the language, if one is given (BCP 47), whatever its readers prefer.
    """
    host = clean_host(host)
    language = clean_language(language) if language else ""
    is_primary = not tenant.domains.exists()
    try:
        with transaction.atomic(using="platform"):
            return Domain.objects.create(tenant=tenant, host=host, is_primary=is_primary, language=language)
    except IntegrityError as error:
        raise HostTaken(f"The host {host!r} belongs to a tenant already.", field="host") from error


def set_domain_language(*, host: str, language: str | None) -> Domain:
    """Have what is read at a host be in a language (BCP 47), or with None in the reader's. Raises DomainError."""
    cleaned = clean_host(host)
    domain = Domain.objects.select_for_update().filter(host=cleaned).first()
    if domain is None:
        raise DomainError(
            f"No tenant has the host {cleaned!r}; `manage.py tenant list` shows them.", code="NOT_FOUND", field="host"
        )
    domain.language = clean_language(language) if language else ""
    domain.save(update_fields=["language"])
    return domain


def set_tenant_status(*, slug: str, status: Literal["active", "suspended"]) -> Tenant:
    """Suspend or resume a tenant; a suspended one is answered with 403. Raises TenantNotFound."""
    return _change_tenant(slug, status=status)


def set_tenant_plan(*, slug: str, plan: str) -> Tenant:
    """Put a tenant on a plan of RATE_LIMIT_PLANS, or raise DomainError."""
    if plan not in settings.RATE_LIMIT_PLANS:
        names = ", ".join(f"{name} ({limit} a minute)" for name, limit in settings.RATE_LIMIT_PLANS.items())
        raise DomainError(f"There is no plan {plan!r}; RATE_LIMIT_PLANS has {names}.", field="plan")
    return _change_tenant(slug, plan=plan)


def set_tenant_limits(*, slug: str, limits: Mapping[str, int | None]) -> Tenant:
    """Give a tenant GraphQL limits of its own by name, or with None those of the settings again.

    Raises DomainError for a limit that there is not, or that is no whole number above 0.
    """
    clean_limits({name: 1 if value is None else value for name, value in limits.items()})
    tenant = _lock_tenant(slug)
    changed = {**tenant.limits, **limits}
    tenant.limits = {name: value for name, value in changed.items() if value is not None}
    tenant.save(update_fields=["limits"])
    return tenant


def set_documents_only(*, slug: str, documents_only: bool) -> Tenant:
    """Have a tenant's door run trusted documents alone, or any."""
    return _change_tenant(slug, documents_only=documents_only)


def set_allowed_targets(*, slug: str, entries: Collection[str]) -> Tenant:
    """Let a tenant's webhooks and apps be at these addresses too, and at no others that are not public.

    The caller has checked the entries (commerce.webhooks.targets).
    """
    return _change_tenant(slug, allowed_targets=list(entries))


def register_documents(*, slug: str, texts: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Keep trusted documents by their keys; return the keys that are new, and those that have another text now.

    The caller has checked the texts. Raises DomainError for a key that no address or header could hold.
    """
    for key in texts:
        if not DOCUMENT_ID.fullmatch(key):
            raise DomainError(f"{key!r} is no id of a document: 1 to 200 of A-Z a-z 0-9 - _ . : / + =", field="id")
    tenant = _lock_tenant(slug)
    with as_tenant(tenant):
        kept = {document.key: document for document in TrustedDocument.objects.filter(key__in=texts.keys())}
        changed = [document for key, document in kept.items() if document.text != texts[key]]
        for document in changed:
            document.text = texts[document.key]
            document.save(update_fields=["text"])
        new = [TrustedDocument(key=key, text=text) for key, text in texts.items() if key not in kept]
        TrustedDocument.objects.bulk_create(new)
    _raise_door_version(tenant)
    return [document.key for document in new], [document.key for document in changed]


def remove_documents(*, slug: str, keys: Collection[str] | None) -> int:
    """Forget trusted documents, all if `keys` is None, and return how many; raise DomainError for an unknown key."""
    tenant = _lock_tenant(slug)
    with as_tenant(tenant):
        found = TrustedDocument.objects.all()
        if keys is not None:
            found = found.filter(key__in=keys)
            missing = set(keys) - set(found.values_list("key", flat=True))
            if missing:
                raise DomainError(f"There is no document {min(missing)!r} of {slug}.", code="NOT_FOUND", field="id")
        count, _ = found.delete()
    _raise_door_version(tenant)
    return count


def create_storefront_token(*, slug: str, name: str) -> str:
    """Return a new storefront token of a tenant, which is not kept and cannot be shown again.

    Raises DomainError where the tenant has one of this name.
    """
    tenant, secret = _lock_tenant(slug), token_urlsafe(32)
    with as_tenant(tenant):
        token = StorefrontToken(name=name, digest=digest_of(secret))
        check_fields(token)
        if StorefrontToken.objects.filter(name=name).exists():
            raise DomainError(f"{slug} has a storefront token {name!r}: revoke it first.", code="UNIQUE", field="name")
        token.save(force_insert=True)
    _raise_door_version(tenant)
    return f"{tenant.public_id}.{secret}"


def revoke_storefront_token(*, slug: str, name: str) -> None:
    """Forget a storefront token: it is refused from now on. Raises DomainError where there is none of this name."""
    tenant = _lock_tenant(slug)
    with as_tenant(tenant):
        count, _ = StorefrontToken.objects.filter(name=name).delete()
        if not count:
            raise DomainError(f"{slug} has no storefront token {name!r}.", code="NOT_FOUND", field="name")
    _raise_door_version(tenant)


def _lock_tenant(slug: str) -> Tenant:
    tenant = Tenant.objects.select_for_update().filter(slug=slug).first()
    if tenant is None:
        raise TenantNotFound(f"There is no tenant {slug!r}; `manage.py tenant list` shows them.", field="slug")
    return tenant


def _change_tenant(slug: str, **changes: Any) -> Tenant:
    tenant = _lock_tenant(slug)
    for name, value in changes.items():
        setattr(tenant, name, value)
    tenant.save(update_fields=list(changes))
    return tenant


def _raise_door_version(tenant: Tenant) -> None:
    tenant.door_version += 1
    tenant.save(update_fields=["door_version"])


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
    check_fields(channel)
    try:
        with transaction.atomic(using=scope_alias()):
            channel.save(force_insert=True)
    except IntegrityError as error:
        raise SlugTaken(f"A channel with the slug {slug!r} exists.", field="slug") from error
    return channel


def create_staff(*, email: str, password: str, group: str = "Full access") -> User:
    """Create a staff member of the scope's tenant in a permission group of that name."""
    user = User(email=email.strip().lower(), is_staff=True, is_confirmed=True)
    check_fields(user)
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise DomainError(" ".join(error.messages), field="password") from error
    user.set_password(password)
    try:
        with transaction.atomic(using=scope_alias()):
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
