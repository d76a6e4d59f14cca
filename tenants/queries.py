"""Reads of tenants, domains, channels and people."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connections

from commerce.db.rows import fetch
from commerce.db.scope import current_tenant_id
from commerce.db.topics import Found, declared
from tenants.languages import Offer, make_offer
from tenants.models import (
    App,
    AppInstallation,
    AppToken,
    Channel,
    Domain,
    GroupMember,
    PermissionGroup,
    Tenant,
    TrustedDocument,
    User,
)


@dataclass(frozen=True, slots=True)
class TenantRecord:
    """What a request needs to know of its tenant."""

    id: int
    public_id: UUID
    slug: str
    name: str
    status: str
    default_language: str
    plan: str = "standard"
    limits: Mapping[str, int] = field(default_factory=dict)
    documents_only: bool = False
    door_version: int = 1
    # BCP 47: what is read at the host that was asked is in this language; empty: in the reader's.
    host_language: str = ""

    @property
    def is_active(self) -> bool:
        return self.status == Tenant.Status.ACTIVE


_RECORD = """
SELECT t.id, t.public_id, t.slug, t.name, t.status, t.default_language,
       t.plan, t.limits, t.documents_only, t.door_version
"""
_BY_HOST = f"""{_RECORD}, d.language
FROM tenants_domain d JOIN tenants_tenant t ON t.id = d.tenant_id WHERE d.host = %s"""


_LIMITS = 7  # their column


def get_tenant_by_host(host: str, alias: str = "default") -> TenantRecord | None:
    """Return the tenant of a host (lower case, no port), or None. One statement, no scope needed."""
    with connections[alias].cursor() as cursor:
        cursor.execute(_BY_HOST, [host])
        row = cursor.fetchone()
    if row is None:
        return None
    columns = list(row)
    columns[_LIMITS] = json.loads(columns[_LIMITS])
    return TenantRecord(*columns)


def get_record() -> TenantRecord:
    """Return what a request to the scope's tenant would know of it. One statement."""
    columns = list(fetch(f"{_RECORD} FROM tenants_tenant t WHERE t.id = %s", [current_tenant_id()])[0])
    columns[_LIMITS] = json.loads(columns[_LIMITS])
    return TenantRecord(*columns)


def find_document(key: str) -> str | None:
    """Return the text of a trusted document of the scope's tenant, or None. One statement."""
    found = fetch("SELECT text FROM tenants_trusteddocument WHERE key = %s", [key])
    return found[0][0] if found else None


def list_token_digests() -> list[str]:
    """Return the digests of the storefront tokens of the scope's tenant. One statement."""
    return [digest for (digest,) in fetch("SELECT digest FROM tenants_storefronttoken")]


def list_documents() -> list[TrustedDocument]:
    """Return the trusted documents of the scope's tenant, by key."""
    return list(TrustedDocument.objects.order_by("key"))


def get_tenant_by_slug(slug: str) -> Tenant | None:
    """Return a tenant by its slug, or None."""
    return Tenant.objects.filter(slug=slug).first()


def list_tenants() -> list[Tenant]:
    """Return all tenants with their domains, by slug."""
    return list(Tenant.objects.prefetch_related("domains").order_by("slug"))


def list_channels() -> list[Channel]:
    """Return the channels of the scope's tenant, by slug."""
    return list(Channel.objects.order_by("slug"))


def find_user(email: str) -> User | None:
    """Return the person of the scope's tenant with this address, or None."""
    return User.objects.filter(email=email.strip().lower()).first()


def get_active_user(user_id: Any) -> User | None:
    """Return an active person of the scope's tenant, or None."""
    return User.objects.filter(id=user_id, is_active=True).first()


def list_permission_codes(user_id: UUID) -> list[str]:
    """Return the dialect permissions of a person of the scope's tenant."""
    groups = GroupMember.objects.filter(user_id=user_id).values("group_id")
    lists = PermissionGroup.objects.filter(id__in=groups).values_list("permissions", flat=True)
    return sorted({code for codes in lists for code in codes})


def list_staff_with(permission: str) -> list[tuple[UUID, str]]:
    """Return the ids and e-mail addresses of the scope's tenant's active staff who have a permission, by address."""
    groups = GroupMember.objects.filter(group__permissions__contains=[permission])
    staff = User.objects.filter(is_active=True, is_staff=True, id__in=groups.values("user_id"))
    return list(staff.order_by("email").values_list("id", "email"))


class ChannelRow(NamedTuple):
    """A market of the tenant, as reads pass it on; with `shows_all` to someone who sees hidden things too."""

    id: UUID
    slug: str
    name: str
    currency: str
    default_country: str
    countries: tuple[str, ...]
    languages: tuple[str, ...]
    is_active: bool
    shows_all: bool = False

    @property
    def metadata_table(self) -> str:
        return "tenants_channel"

    @property
    def language(self) -> str | None:
        """The channel's first language, by which its lists are ordered."""
        return self.languages[0] if self.languages else None


# No channel at all: everything, for someone who sees hidden things too, without prices.
EVERYWHERE = ChannelRow(UUID(int=0), "", "", "", "", (), (), is_active=True, shows_all=True)


_CHANNELS = """
SELECT id, slug, name, currency, default_country, countries, languages, is_active
FROM tenants_channel ORDER BY slug
"""


def list_channel_rows() -> list[ChannelRow]:
    """Return the channels of the scope's tenant, by slug. One statement."""
    return [
        ChannelRow._make((*row[:5], tuple(json.loads(row[5])), tuple(json.loads(row[6])), row[7], False))
        for row in fetch(_CHANNELS)
    ]


def list_chains() -> dict[str, tuple[str, ...]]:
    """Return the chains of languages that the scope's tenant has set itself, by language. One statement."""
    found = fetch("SELECT language, fallbacks FROM tenants_languagechain ORDER BY language")
    return {language: tuple(json.loads(fallbacks)) for language, fallbacks in found}


def get_offer(base: str | None = None) -> Offer:
    """Return the languages that the scope's tenant is read in; `base` is its own, which is read if not given."""
    own = get_record().default_language if base is None else base
    spoken = (language for channel in list_channel_rows() for language in channel.languages)
    return make_offer(own, spoken, list_chains())


def list_metadata(table: str, ids: Sequence[UUID], *, private: bool = False) -> dict[UUID, dict[str, str]]:
    """Return the public, or the private, metadata of objects of one table of the scope's tenant, by id."""
    topic = declared()[table].topics.topics[0]
    column = "private_metadata" if private else "metadata"
    rows = fetch(
        f"""SELECT k.id, t.{column}, t.{topic.by or "id"} FROM unnest(%s::uuid[]) AS k(id)
        CROSS JOIN LATERAL (SELECT * FROM {table} t WHERE t.id = k.id LIMIT 1) t""",
        [list(ids)],
        found=Found(topic.kind, 2, frozenset({table}), wanted=len(set(ids))) if topic.by else None,
    )
    return {row[0]: json.loads(row[1]) for row in rows}


class AppRow(NamedTuple):
    """An app of the tenant, as it is shown."""

    id: UUID
    name: str
    kind: str
    identifier: str
    is_active: bool
    permissions: tuple[str, ...]
    created_at: datetime
    app_version: str
    about: str
    author: str
    app_url: str
    manifest_url: str
    homepage_url: str
    support_url: str
    data_privacy_url: str

    @property
    def metadata_table(self) -> str:
        return "tenants_app"


class TokenRow(NamedTuple):
    """A token of an app: all that is kept of it but its digest."""

    id: UUID
    name: str
    last_four: str


_APP_COLUMNS = ", ".join(f"a.{name}" for name in AppRow._fields)


def _app_row(columns: Sequence[Any]) -> AppRow:
    place = AppRow._fields.index("permissions")
    return AppRow._make((*columns[:place], tuple(json.loads(columns[place])), *columns[place + 1 :]))


def app_row(app: App) -> AppRow:
    """Return an app as it is shown."""
    values = {name: getattr(app, name) for name in AppRow._fields}
    return AppRow(**{**values, "kind": str(app.kind), "permissions": tuple(app.permissions)})


def token_row(token: AppToken) -> TokenRow:
    """Return a token as it is shown."""
    return TokenRow(token.id, token.name, token.last_four)


def list_active_tokens() -> dict[str, tuple[AppRow, list[str]]]:
    """Return the active apps of the scope's tenant, each with a token's scopes, by the digests of their tokens.

    One statement.
    """
    joined = "tenants_apptoken t JOIN tenants_app a ON a.id = t.app_id"
    rows = fetch(f"SELECT t.digest, t.scopes, {_APP_COLUMNS} FROM {joined} WHERE a.is_active")
    return {digest: (_app_row(columns), json.loads(scopes)) for digest, scopes, *columns in rows}


def find_app_row(app_id: UUID) -> AppRow | None:
    """Return an app of the scope's tenant, or None. One statement."""
    found = fetch(f"SELECT {_APP_COLUMNS} FROM tenants_app a WHERE a.id = %s", [app_id])
    return _app_row(found[0]) if found else None


def list_app_rows(app_ids: Sequence[UUID]) -> dict[UUID, AppRow]:
    """Return apps of the scope's tenant by id. One statement."""
    rows = fetch(f"SELECT {_APP_COLUMNS} FROM tenants_app a WHERE a.id = ANY(%s)", [list(app_ids)])
    return {row.id: row for row in map(_app_row, rows)}


class UserRow(NamedTuple):
    """A person of the tenant."""

    id: UUID
    email: str
    first_name: str
    last_name: str
    is_staff: bool
    is_active: bool


class GroupRow(NamedTuple):
    """A group of staff, with its permissions."""

    id: UUID
    name: str
    permissions: tuple[str, ...]


def list_user_rows(user_ids: Sequence[UUID]) -> dict[UUID, UserRow]:
    """Return people of the scope's tenant, by id. One statement."""
    columns = ", ".join(UserRow._fields)
    found = fetch(f"SELECT {columns} FROM tenants_user WHERE id = ANY(%s)", [list(user_ids)])
    return {row[0]: UserRow._make(row) for row in found}


def list_group_rows(group_ids: Sequence[UUID]) -> dict[UUID, GroupRow]:
    """Return groups of staff of the scope's tenant, by id. One statement."""
    sql = "SELECT id, name, permissions FROM tenants_permissiongroup WHERE id = ANY(%s)"
    return {key: GroupRow(key, name, tuple(json.loads(codes))) for key, name, codes in fetch(sql, [list(group_ids)])}


def list_token_rows(app_ids: Sequence[UUID]) -> dict[UUID, list[TokenRow]]:
    """Return the tokens of apps of the scope's tenant, the oldest first. One statement."""
    found: dict[UUID, list[TokenRow]] = {}
    sql = "SELECT app_id, id, name, last_four FROM tenants_apptoken WHERE app_id = ANY(%s) ORDER BY id"
    for app_id, *columns in fetch(sql, [list(app_ids)]):
        found.setdefault(app_id, []).append(TokenRow._make(columns))
    return found


def list_apps() -> list[App]:
    """Return the apps of the scope's tenant with their tokens, by name."""
    return list(App.objects.prefetch_related("tokens").order_by("name", "id"))


def find_token(app_id: UUID, last_four: str) -> AppToken | None:
    """Return the token of an app that ends so, or None where there is none, or more than one."""
    found = list(AppToken.objects.filter(app_id=app_id, last_four=last_four)[:2])
    return found[0] if len(found) == 1 else None


def list_allowed_targets() -> list[str]:
    """Return where the scope's tenant may have requests sent besides the public internet; an operator says so."""
    allowed: list[str] = Tenant.objects.values_list("allowed_targets", flat=True).get(id=current_tenant_id())
    return allowed


def get_public_id() -> UUID:
    """Return the public id of the scope's tenant."""
    public_id: UUID = Tenant.objects.values_list("public_id", flat=True).get(id=current_tenant_id())
    return public_id


class InstallationRow(NamedTuple):
    """The installing of an app; `permissions` None: all that its manifest asks for."""

    id: UUID
    name: str
    manifest_url: str
    permissions: list[str] | None
    status: str
    message: str
    app_id: UUID | None
    created_at: datetime
    updated_at: datetime


def installation_row(order: AppInstallation) -> InstallationRow:
    """Return an installation as it is shown."""
    row = InstallationRow(*(getattr(order, name) for name in InstallationRow._fields))
    return row._replace(status=str(order.status))


def find_installation(installation_id: UUID) -> InstallationRow | None:
    """Return an installation of the scope's tenant, or None."""
    order = AppInstallation.objects.filter(id=installation_id).first()
    return installation_row(order) if order else None


def get_primary_host() -> str:
    """Return the host of the scope's tenant that its apps know it by."""
    hosts = Domain.objects.filter(tenant_id=current_tenant_id()).order_by("-is_primary", "id")
    host: str | None = hosts.values_list("host", flat=True).first()
    if host is None:
        raise LookupError("The tenant has no host.")
    return host


def list_installations() -> list[InstallationRow]:
    """Return the installations of the scope's tenant, the newest first."""
    return [installation_row(order) for order in AppInstallation.objects.order_by("-created_at", "-id")[:100]]


def list_waiting_installations(before: datetime) -> list[UUID]:
    """Return the installations of the scope's tenant, ordered before an instant, that nobody has brought to an end."""
    waiting = AppInstallation.objects.filter(status=AppInstallation.Status.PENDING, created_at__lt=before)
    return list(waiting.values_list("id", flat=True))
