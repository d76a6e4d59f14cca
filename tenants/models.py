import uuid
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models.functions import Length, Lower

from commerce.db.models import TenantModel, TenantRow, WithMetadata
from commerce.db.topics.declared import NOT_SHOWN, Topic, Topics

models.CharField.register_lookup(Length)
models.CharField.register_lookup(Lower)


class Tenant(models.Model):
    """A shop. Its number stays inside; paths, keys and files show `public_id`."""

    topics = Topics(Topic("hosts"))

    class Status(models.TextChoices):
        ACTIVE = "active"
        SUSPENDED = "suspended"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    slug = models.SlugField(max_length=63, unique=True)
    name = models.CharField(max_length=200)
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.ACTIVE)
    default_language = models.CharField(max_length=20, default="en")
    # What the shop's GraphQL door allows: limits that differ from the settings', by name; a name in RATE_LIMIT_PLANS.
    limits = models.JSONField(default=dict, blank=True)
    plan = models.CharField(max_length=50, default="standard")
    documents_only = models.BooleanField(default=False)
    # Where its webhooks and apps may be besides the public internet, for development; an operator's to give.
    allowed_targets = models.JSONField(default=list, blank=True)
    # Raised whenever trusted documents or storefront tokens change: processes keep both by this number.
    door_version = models.BigIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="tenant_status", condition=models.Q(status__in=["active", "suspended"]))
        ]

    def __str__(self) -> str:
        return self.slug


class Domain(models.Model):
    """A host name that is a tenant's: lower case, without a port."""

    topics = Topics(Topic("hosts"))

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="domains")
    host = models.CharField(max_length=253, unique=True)
    is_primary = models.BooleanField(default=False)
    # BCP 47: what is read at this host is in this language, whatever its reader prefers; empty: the reader's.
    language = models.CharField(max_length=20, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="domain_lower", condition=models.Q(host__lower=models.F("host"))),
            models.UniqueConstraint(fields=["tenant"], condition=models.Q(is_primary=True), name="domain_one_primary"),
        ]

    def __str__(self) -> str:
        return self.host


class PlatformAudit(models.Model):
    """One entry by an operator's command into rows of all tenants."""

    operator = models.CharField(max_length=200)
    command = models.TextField()
    reason = models.TextField()
    at = models.DateTimeField(auto_now_add=True)


class Channel(WithMetadata, TenantModel):
    """A market of a tenant: its currency (ISO 4217), countries (ISO 3166-1) and languages (BCP 47)."""

    topics = Topics(Topic("channel"))

    slug = models.SlugField(max_length=255, db_index=False)
    name = models.CharField(max_length=250)
    currency = models.CharField(max_length=3)
    default_country = models.CharField(max_length=2, default="US")
    countries = models.JSONField(default=list, blank=True)
    languages = models.JSONField(default=list, blank=True)
    is_active = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "slug"], name="channel_slug"),
            models.CheckConstraint(name="channel_currency", condition=models.Q(currency__length=3)),
        ]

    def __str__(self) -> str:
        return self.slug


class LanguageChain(TenantModel):
    """Where words are looked for that there are none of in a language: in these languages (BCP 47), in their order.

    A language without a row has the chain of `tenants.languages.default_chain`.
    """

    topics = Topics(Topic("language"))

    language = models.CharField(max_length=20)
    fallbacks = models.JSONField(default=list, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant_id", "language"], name="language_chain_once")]

    def __str__(self) -> str:
        return " → ".join([self.language, *self.fallbacks])


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> "User":
        """Return the person of the scope's tenant with this address, in any letter case."""
        return self.get(email=(username or "").strip().lower())


class User(WithMetadata, TenantModel, AbstractBaseUser):
    """A person of one tenant: customer or staff. The same address at two shops is two people."""

    topics = NOT_SHOWN

    email = models.EmailField()
    first_name = models.CharField(max_length=256, blank=True)
    last_name = models.CharField(max_length=256, blank=True)
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    is_confirmed = models.BooleanField(default=False)
    language = models.CharField(max_length=20, blank=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    is_superuser = False

    objects = UserManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "email"], name="user_email"),
            models.CheckConstraint(name="user_email_lower", condition=models.Q(email__lower=models.F("email"))),
        ]

    def __str__(self) -> str:
        return self.email

    def get_short_name(self) -> str:
        return self.first_name or self.email

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Return whether this person may do `perm`, asked of the authentication backends."""
        from django.contrib import auth

        return self.is_active and any(
            backend.has_perm(self, perm, obj) for backend in auth.get_backends() if hasattr(backend, "has_perm")
        )

    def has_perms(self, perms: list[str], obj: Any = None) -> bool:
        return all(self.has_perm(perm, obj) for perm in perms)

    def has_module_perms(self, app_label: str) -> bool:
        from django.contrib import auth

        return self.is_active and any(
            backend.has_module_perms(self, app_label)
            for backend in auth.get_backends()
            if hasattr(backend, "has_module_perms")
        )


class PermissionGroup(TenantModel):
    """A named set of the dialect's permissions, e.g. MANAGE_PRODUCTS, that staff may belong to."""

    topics = NOT_SHOWN

    name = models.CharField(max_length=150)
    permissions = models.JSONField(default=list, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant_id", "name"], name="permission_group_name")]

    def __str__(self) -> str:
        return self.name


class GroupMember(TenantRow):
    topics = NOT_SHOWN

    pk = models.CompositePrimaryKey("tenant_id", "group_id", "user_id")
    group = models.ForeignKey(PermissionGroup, on_delete=models.CASCADE)
    user = models.ForeignKey(User, on_delete=models.CASCADE)


class Session(TenantRow, AbstractBaseSession):
    """A staff member's session in the admin of the tenant's host."""

    topics = NOT_SHOWN

    @classmethod
    def get_session_store_class(cls) -> Any:
        from tenants.sessions import SessionStore

        return SessionStore

    class Meta(AbstractBaseSession.Meta):
        pass


class TrustedDocument(TenantModel):
    """A GraphQL document that is called by `key`: the SHA-256 of its text in hex, or what its manifest says."""

    topics = NOT_SHOWN

    key = models.CharField(max_length=200)
    text = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant_id", "key"], name="trusted_document_key")]


class StorefrontToken(TenantModel):
    """The right to render for many shoppers: not limited by address. The secret itself is not kept."""

    topics = NOT_SHOWN

    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant_id", "name"], name="storefront_token_name")]


class App(WithMetadata, TenantModel):
    """Software that acts for the tenant with permissions of its own: a local one, or one installed by its manifest.

    `identifier` is the manifest's id, by which storefronts name a payment app; empty for a local app.
    """

    topics = Topics(Topic("apps"))

    class Kind(models.TextChoices):
        LOCAL = "local"
        THIRD_PARTY = "third-party"

    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=20, choices=Kind.choices, default=Kind.LOCAL)
    identifier = models.CharField(max_length=256, blank=True)
    is_active = models.BooleanField(default=True)
    permissions = models.JSONField(default=list, blank=True)
    # What the manifest says besides.
    manifest_url = models.CharField(max_length=2000, blank=True)
    app_version = models.CharField(max_length=60, blank=True)
    about = models.TextField(blank=True)
    author = models.CharField(max_length=100, blank=True)
    app_url = models.CharField(max_length=2000, blank=True)
    configuration_url = models.CharField(max_length=2000, blank=True)
    token_target_url = models.CharField(max_length=2000, blank=True)
    data_privacy = models.TextField(blank=True)
    data_privacy_url = models.CharField(max_length=2000, blank=True)
    homepage_url = models.CharField(max_length=2000, blank=True)
    support_url = models.CharField(max_length=2000, blank=True)
    logo_url = models.CharField(max_length=2000, blank=True)
    audience = models.CharField(max_length=256, blank=True)
    extensions = models.JSONField(default=list, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant_id", "identifier"], condition=~models.Q(identifier=""), name="app_identifier"
            ),
            models.CheckConstraint(name="app_kind", condition=models.Q(kind__in=["local", "third-party"])),
        ]
        indexes = [models.Index(fields=["tenant_id", "name", "id"], name="app_by_name")]

    def __str__(self) -> str:
        return self.name


class AppToken(TenantModel):
    """The right to act as an app. The secret itself is not kept, only its digest and last four characters.

    `scopes` ("catalog:read") narrow down what the app may do; none: all of it.
    """

    topics = Topics(Topic("apps"))

    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=128, blank=True)
    scopes = models.JSONField(default=list, blank=True)
    digest = models.CharField(max_length=64)
    last_four = models.CharField(max_length=4)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant_id", "digest"], name="app_token_digest")]

    def __str__(self) -> str:
        return f"{self.name or 'token'} …{self.last_four}"


class AppInstallation(TenantModel):
    """The installing of an app by its manifest, from the order to its end; `message` says why it failed."""

    topics = NOT_SHOWN

    class Status(models.TextChoices):
        PENDING = "pending"
        INSTALLED = "installed"
        FAILED = "failed"

    name = models.CharField(max_length=100)
    manifest_url = models.CharField(max_length=2000)
    # Those that it gets at most; null: all that its manifest asks for.
    permissions = models.JSONField(null=True, blank=True)
    activate = models.BooleanField(default=True)
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.PENDING)
    message = models.TextField(blank=True)
    # When somebody began with it; a while later another may take it over.
    started_at = models.DateTimeField(null=True, blank=True)
    actor = models.CharField(max_length=100, blank=True)
    app = models.ForeignKey(App, null=True, blank=True, on_delete=models.SET_NULL)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="app_installation_status", condition=models.Q(status__in=["pending", "installed", "failed"])
            )
        ]
        indexes = [models.Index(fields=["tenant_id", "created_at", "id"], name="app_installation_by_time")]

    def __str__(self) -> str:
        return f"{self.name} ({self.manifest_url})"


class SigningKey(TenantModel):
    """A key by which the tenant signs what it sends: one signs, and those that are retired verify what they signed.

    `kid` is its thumbprint (RFC 7638), `public_jwk` what the tenant's host shows of it, `sealed_private_key` the PEM
    sealed by a key that SECRET_KEY leads to.
    """

    topics = NOT_SHOWN

    kid = models.CharField(max_length=64)
    sealed_private_key = models.TextField()
    public_jwk = models.JSONField()
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "kid"], name="signing_key_kid"),
            models.UniqueConstraint(
                fields=["tenant_id"], condition=models.Q(retired_at__isnull=True), name="signing_key_one_current"
            ),
        ]

    def __str__(self) -> str:
        return self.kid
