"""Settings, all from the environment. A developer's own commands read `.stack/env`, which `make up` writes."""

import os
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
_env_file = os.environ.get("COMMERCE_ENV_FILE", str(BASE_DIR / ".stack" / "env"))
if _env_file and Path(_env_file).is_file():
    env.read_env(_env_file)

# --- What this process is -------------------------------------------------------------------------

ENVIRONMENT = env.str("ENVIRONMENT", default="local")
LOCAL = ENVIRONMENT in ("local", "test")
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="only-for-commands-without-a-stack" if LOCAL else environ.Env.NOTSET)
# Those before it, newest first: what they sealed and signed can still be read (commerce/webhooks/signing.py).
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
GRAPHIQL = env.bool("GRAPHIQL", default=LOCAL)

# --- Hosts: a request's host names its tenant, and an unknown one is refused by the middleware ------

ALLOWED_HOSTS = ["*"]
TRUSTED_PROXIES = env.list("TRUSTED_PROXIES", default=[])
ALLOWED_GRAPHQL_ORIGINS = env.list("ALLOWED_GRAPHQL_ORIGINS", default=["*"])
USE_X_FORWARDED_HOST = False

# --- Applications -----------------------------------------------------------------------------------

INSTALLED_APPS = [
    "commerce",
    "commerce.db",
    "commerce.cache",
    "commerce.jobs",
    "commerce.idempotency",
    "commerce.outbox",
    "tenants",
    "commerce.webhooks",
    "catalog",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "tenants.admin_site.TenantAdminConfig",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]
MIDDLEWARE = [
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "commerce.db.read_after.ReadAfterMiddleware",
    "tenants.middleware.TenantMiddleware",
    "tenants.admin_middleware.AdminMiddleware",
]
# Sessions, sign-in and CSRF belong to the admin alone: the APIs carry none of it. AdminMiddleware runs these.
ADMIN_MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "commerce.urls"
WSGI_APPLICATION = "commerce.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- Databases: one per role. A process has only the URLs that its work needs ------------------------


def _database(variable: str, *, pool: bool = False, fallback: str = "") -> dict[str, Any] | None:
    url = env.str(variable, default=fallback) if variable else fallback
    if not url:
        return None
    database: dict[str, Any] = env.db_url_config(url, engine="commerce.db.backend")
    database["DISABLE_SERVER_SIDE_CURSORS"] = True
    database["ATOMIC_REQUESTS"] = False
    database["TEST"] = {"MIGRATE": False}
    options = database.setdefault("OPTIONS", {})
    options["application_name"] = f"commerce {variable.lower() or 'replica'}"
    options["connect_timeout"] = 5
    # Hot reads ask to be prepared, once per connection, and nothing else is, however often it runs. Off behind a
    # pooler that cannot follow: RDS Proxy pins the connection, PgBouncer follows from 1.21 on.
    options["prepare_threshold"] = 2**31 if env.bool("DATABASE_PREPARE", default=True) else None
    # A server whose machine is gone sends nothing: milliseconds until what was sent to it counts as lost.
    options.setdefault("tcp_user_timeout", 5000)
    options = database["OPTIONS"] = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, **options}
    size = env.int("DATABASE_POOL_SIZE", default=8)
    if pool and size:
        # A pool that fails to connect tries again by itself and starts nothing else for as long: a server that came
        # back would go unnoticed, so it gives up soon and the next request begins anew.
        options["pool"] = {"min_size": 0, "max_size": size, "timeout": 2.0, "reconnect_timeout": 0.5}
        # Dead connections are found without asking the server: commerce/db/pools.py.
        database["CONN_HEALTH_CHECKS"] = False
    return database


def _replicas() -> dict[str, dict[str, Any] | None]:
    """Return the replicas by alias: replica, replica2, … Each address is of one server, whose lag is watched."""
    urls = env.list("REPLICA_URLS", default=[]) or env.list("REPLICA_URL", default=[])
    for number, url in enumerate(urls, 1):
        if not url.startswith(("postgresql://", "postgres://")):
            raise ImproperlyConfigured(f"REPLICA_URLS: entry {number} is no postgresql:// address.")
    aliases = ["replica", *(f"replica{number}" for number in range(2, len(urls) + 1))]
    return {alias: _database("", fallback=url, pool=True) for alias, url in zip(aliases, urls, strict=False)}


_databases = {
    "default": _database("DATABASE_URL", pool=True, fallback="postgresql://commerce_app@127.0.0.1:5432/commerce"),
    "owner": _database("DATABASE_OWNER_URL"),
    "platform": _database("DATABASE_PLATFORM_URL"),
    "relay": _database("DATABASE_RELAY_URL"),
}
_replica_databases = _replicas()
DATABASES = {alias: database for alias, database in (_databases | _replica_databases).items() if database is not None}
# Reads go to these while they are not further behind than so many seconds and bytes (commerce/db/replicas.py).
REPLICAS = list(_replica_databases)
REPLICA_MAX_LAG = env.float("REPLICA_MAX_LAG", default=10.0)
REPLICA_MAX_LAG_BYTES = env.int("REPLICA_MAX_LAG_BYTES", default=256 * 1024 * 1024)
DATABASE_ROUTERS = ["commerce.db.routing.ScopeRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Refuse a query on a tenant's table outside a scope, before PostgreSQL does.
TENANT_GUARD = True

# --- Redis and Celery -------------------------------------------------------------------------------

REDIS_CACHE_URL = env.str("REDIS_CACHE_URL", default="redis://127.0.0.1:6379/0")
# Answers are kept so many seconds, at most 600, unless RESPONSE_CACHE=0, and none of more bytes than the largest.
RESPONSE_CACHE = env.bool("RESPONSE_CACHE", default=True)
RESPONSE_CACHE_TTL = env.int("RESPONSE_CACHE_TTL", default=600)
RESPONSE_CACHE_LARGEST = env.int("RESPONSE_CACHE_LARGEST", default=1024 * 1024)
if not 1 <= RESPONSE_CACHE_TTL <= 600:
    raise ValueError(f"RESPONSE_CACHE_TTL is 1 to 600 seconds, not {RESPONSE_CACHE_TTL}.")
REDIS_BROKER_URL = env.str("REDIS_BROKER_URL", default="redis://127.0.0.1:6380/0")
# Celery's broker: that Redis, or Amazon's SQS as sqs:// (docs/workers.md).
BROKER_URL = env.str("BROKER_URL", default=REDIS_BROKER_URL)
if not BROKER_URL.startswith(("redis://", "rediss://", "sqs://")):
    raise ImproperlyConfigured("BROKER_URL begins with redis://, rediss:// or sqs://.")
SQS_QUEUE_PREFIX = env.str("SQS_QUEUE_PREFIX", default=f"commerce-{ENVIRONMENT}-")
SQS_REGION = env.str("SQS_REGION", default="")
# Seconds between two empty polls, and that SQS holds an empty poll open.
SQS_POLLING_INTERVAL = env.float("SQS_POLLING_INTERVAL", default=0.2)
SQS_WAIT = env.int("SQS_WAIT", default=10)
# Seconds until a task whose worker fell silent is handed out again; 0 is that of commerce/jobs/queues.py.
BROKER_VISIBILITY_TIMEOUT = env.int("BROKER_VISIBILITY_TIMEOUT", default=0)
# Seconds between two signs of life of a worker. After four it is taken to hang, after six it counts as silent, and beat
# looks every three; the same for all processes.
WORKER_HEARTBEAT = env.float("WORKER_HEARTBEAT", default=5.0)
# Seconds that running tasks have to end after SIGTERM; then they go back to the broker. Orchestrators kill after 30.
WORKER_STOP_PATIENCE = env.float("WORKER_STOP_PATIENCE", default=15.0)
# MiB: a worker's process that holds more is replaced after its task, and it may never take more than it began with plus
# the second.
WORKER_MEMORY = env.int("WORKER_MEMORY", default=400)
WORKER_MEMORY_GROWTH = env.int("WORKER_MEMORY_GROWTH", default=1024)
# Delivered events are kept this long; dead ones until somebody has seen to them.
OUTBOX_KEEP_DAYS = env.int("OUTBOX_KEEP_DAYS", default=7)
# A shop with so many undelivered events makes its own imports wait, so many seconds per batch at most.
OUTBOX_BACKLOG = env.int("OUTBOX_BACKLOG", default=50_000)
OUTBOX_BACKLOG_WAIT = env.float("OUTBOX_BACKLOG_WAIT", default=10.0)
# Seconds that a relay has to end after SIGTERM: below the 30 that orchestrators wait before they kill.
RELAY_STOP_PATIENCE = env.float("RELAY_STOP_PATIENCE", default=20.0)

# --- E-mail: docs/webhooks.md ---------------------------------------------------------------------------

# smtp://user:password@host:25, smtp+tls://…:587, smtp+ssl://…:465, consolemail:// (into the log) or filemail:////folder.
# Without it no e-mail is sent.
_mail_url = env.str("EMAIL_URL", default="consolemail://" if LOCAL else "")
MAIL = bool(_mail_url)
_mail = env.email_url_config(_mail_url or "dummymail://")
EMAIL_BACKEND = _mail["EMAIL_BACKEND"]
EMAIL_HOST, EMAIL_PORT = _mail.get("EMAIL_HOST") or "localhost", _mail.get("EMAIL_PORT") or 25
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail.get("EMAIL_HOST_USER") or "", _mail.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.get("EMAIL_USE_TLS", False), _mail.get("EMAIL_USE_SSL", False)
EMAIL_FILE_PATH = _mail.get("EMAIL_FILE_PATH") or None
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = env.str("EMAIL_FROM", default="") or "commerce@localhost"
if EMAIL_BACKEND.endswith("smtp.EmailBackend") and not env.str("EMAIL_FROM", default=""):
    raise ImproperlyConfigured("EMAIL_URL names a mail server: EMAIL_FROM must say from whom the e-mails are.")

# --- What operators see: docs/workers.md ------------------------------------------------------------------

# Who may read /metrics, as `Authorization: Bearer <token>`; without a token there is no such page.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
# The folder in which the processes of a machine count together, and the port at which those without another show it.
METRICS_DIR = env.str("METRICS_DIR", default="")
METRICS_PORT = env.int("METRICS_PORT", default=0)
if METRICS_PORT and not METRICS_DIR:
    raise ImproperlyConfigured("METRICS_PORT needs METRICS_DIR: a worker's processes count together there.")

# --- Requests to addresses that tenants choose: commerce/webhooks/targets.py ---------------------------------

# Ports that they may go to, and names (perhaps with a port), addresses and networks that are allowed at any port
# although they are not public. Entries open our own networks to every tenant: none belong here in production.
WEBHOOK_PORTS = env.list("WEBHOOK_PORTS", cast=int, default=[80, 443, 8080, 8443])
WEBHOOK_ALLOW = env.list("WEBHOOK_ALLOW", default=["127.0.0.0/8", "::1"] if LOCAL else [])
# Public networks that are ours: load balancers, databases with an address of their own.
WEBHOOK_DENY = env.list("WEBHOOK_DENY", default=[])
# Certificates to trust beside those of the system, a file in PEM.
WEBHOOK_CA_FILE = env.str("WEBHOOK_CA_FILE", default="")

# --- Webhooks: docs/webhooks.md ---------------------------------------------------------------------------------

# The address of a shop's GraphQL door as its apps know it: they keep what they know under this very text.
WEBHOOK_API_URL = env.str(
    "WEBHOOK_API_URL", default="http://{host}:8000/graphql/" if LOCAL else "https://{host}/graphql/"
)
# The schema that subscription queries of webhooks are checked against and run by.
GRAPHQL_SCHEMA = "commerce.schema.schema"
# How many deliveries one worker process sends at once, and for how many seconds one task starts new ones.
WEBHOOK_THREADS = env.int("WEBHOOK_THREADS", default=16)
WEBHOOK_BUDGET = env.float("WEBHOOK_BUDGET", default=10.0)
# Seconds after which a delivery whose worker fell silent is sent again: longer than a sending may take.
WEBHOOK_LEASE = env.float("WEBHOOK_LEASE", default=60.0)
# Seconds until an endpoint that failed five times in a row is tried again; they double, up to half an hour.
WEBHOOK_SLOWED_WAIT = env.float("WEBHOOK_SLOWED_WAIT", default=10.0)
# A webhook whose endpoint has failed for so many hours is paused.
WEBHOOK_PAUSE_AFTER_HOURS = env.float("WEBHOOK_PAUSE_AFTER_HOURS", default=72.0)
# And one of which so many deliveries in a row are dead, whatever its endpoint answered; 0 is never.
WEBHOOK_PAUSE_AFTER_DEAD = env.int("WEBHOOK_PAUSE_AFTER_DEAD", default=100)
# What is delivered is kept so many days; what is dead, or waits for a webhook that is paused, so many.
WEBHOOK_KEEP_DAYS = env.int("WEBHOOK_KEEP_DAYS", default=7)
WEBHOOK_KEEP_DEAD_DAYS = env.int("WEBHOOK_KEEP_DEAD_DAYS", default=30)

# --- Limits: docs/limits.md ---------------------------------------------------------------------------

# What each operation may ask for and take; None is the default in commerce/graphql/limits.py, which has the units.
GRAPHQL_MAX_BODY = env.int("GRAPHQL_MAX_BODY", default=None)
GRAPHQL_MAX_UPLOAD = env.int("GRAPHQL_MAX_UPLOAD", default=None)
GRAPHQL_MAX_BATCH = env.int("GRAPHQL_MAX_BATCH", default=None)
GRAPHQL_MAX_TOKENS = env.int("GRAPHQL_MAX_TOKENS", default=None)
GRAPHQL_MAX_DEPTH = env.int("GRAPHQL_MAX_DEPTH", default=None)
GRAPHQL_MAX_ALIASES = env.int("GRAPHQL_MAX_ALIASES", default=None)
GRAPHQL_MAX_FIELDS = env.int("GRAPHQL_MAX_FIELDS", default=None)
GRAPHQL_MAX_MUTATIONS = env.int("GRAPHQL_MAX_MUTATIONS", default=None)
GRAPHQL_MAX_COST = env.int("GRAPHQL_MAX_COST", default=None)
GRAPHQL_MAX_TIME = env.int("GRAPHQL_MAX_TIME", default=None)
# For how many seconds browsers, and shared caches, may keep an answer to a trusted query by GET, and for how many more
# a shared cache may serve it while it asks anew.
GRAPHQL_CACHE_MAX_AGE = env.int("GRAPHQL_CACHE_MAX_AGE", default=0)
GRAPHQL_CACHE_SHARED_MAX_AGE = env.int("GRAPHQL_CACHE_SHARED_MAX_AGE", default=60)
GRAPHQL_CACHE_STALE = env.int("GRAPHQL_CACHE_STALE", default=30)
# Bytes that the body of a REST request may have; a batch may have 10 MiB.
REST_MAX_BODY = env.int("REST_MAX_BODY", default=1024 * 1024)
# Requests a minute: of one client, and of a tenant by the name of its plan (`manage.py tenant plan`).
RATE_LIMIT = env.bool("RATE_LIMIT", default=not LOCAL)
RATE_LIMIT_PER_CLIENT = env.int("RATE_LIMIT_PER_CLIENT", default=1000)
_plans = env.dict("RATE_LIMIT_PLANS", default={})  # large=500000,huge=1000000
RATE_LIMIT_PLANS = {"standard": 30_000, "large": 300_000, **{name: int(limit) for name, limit in _plans.items()}}
if min(RATE_LIMIT_PER_CLIENT, *RATE_LIMIT_PLANS.values()) < 1:
    raise ValueError("RATE_LIMIT_PER_CLIENT and each of RATE_LIMIT_PLANS must be at least 1 request a minute.")

# --- REST: docs/rest.md -------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "commerce.rest.schema.Schema",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Commerce",
    "DESCRIPTION": "The shop's catalogue for back offices. A token of one of the shop's apps is the key.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "POSTPROCESSING_HOOKS": [],
}

# --- People -----------------------------------------------------------------------------------------

AUTH_USER_MODEL = "tenants.User"
AUTHENTICATION_BACKENDS = ["tenants.auth.TenantBackend"]
SESSION_ENGINE = "tenants.sessions"
SESSION_COOKIE_NAME = "session"
# No domain is set, so that a cookie stays at the host, and thereby the tenant, that it was made at.
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = "/admin/"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.bool("HTTPS", default=not LOCAL)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_TLS_PROXY", default=False) else None
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "admin:login"

# --- Languages, time, files ---------------------------------------------------------------------------

LANGUAGE_CODE = "en"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
# The admin's scripts and styles. An image is built with `STATIC_ROOT=… manage.py collectstatic --noinput` and keeps
# the variable; where it is not set, they come out of the installed packages, with nothing to collect.
STATIC_URL = "/static/"
STATIC_ROOT = env.str("STATIC_ROOT", default="") or None
WHITENOISE_USE_FINDERS = STATIC_ROOT is None
WHITENOISE_AUTOREFRESH = False
# Tenants' files: in a bucket where one is named, otherwise in a folder, which the web process serves (docs/media.md).
MEDIA_URL = "/media/"
MEDIA_ROOT = env.str("MEDIA_ROOT", default=str(BASE_DIR / "media"))
MEDIA_BUCKET = env.str("MEDIA_BUCKET", default="")
# The CDN's host, which may read the bucket; or 1 where everybody may. Otherwise addresses are signed, for so many
# seconds: longer than kept answers and redirections to them live.
MEDIA_DOMAIN = env.str("MEDIA_DOMAIN", default="")
MEDIA_PUBLIC = env.bool("MEDIA_PUBLIC", default=False)
MEDIA_ADDRESS_SECONDS = env.int("MEDIA_ADDRESS_SECONDS", default=3600)
if MEDIA_ADDRESS_SECONDS < 900:
    raise ImproperlyConfigured(f"MEDIA_ADDRESS_SECONDS is 900 or more, not {MEDIA_ADDRESS_SECONDS}.")
# How many bytes and pixels a picture may have, and how many bytes another file.
MEDIA_MOST_BYTES = env.int("MEDIA_MOST_BYTES", default=25 * 1024 * 1024)
MEDIA_MOST_PIXELS = env.int("MEDIA_MOST_PIXELS", default=50_000_000)
# How many bytes a file to be imported may have, and for how many days imports and exports are kept with their files.
IMPORT_MOST_BYTES = env.int("IMPORT_MOST_BYTES", default=256 * 1024 * 1024)
TRANSFER_DAYS = env.int("TRANSFER_DAYS", default=30)
TENANT_PUBLIC_ID = "tenants.media.public_id_of"
_folder: dict[str, Any] = {"BACKEND": "commerce.storage.TenantStorage"}
_bucket: dict[str, Any] = {
    "BACKEND": "commerce.storage.bucket.TenantBucket",
    "OPTIONS": {
        "bucket_name": MEDIA_BUCKET,
        "region_name": env.str("MEDIA_REGION", default="") or None,
        # Of a server that is not Amazon's; it gets the bucket's name in the path.
        "endpoint_url": env.str("MEDIA_ENDPOINT_URL", default="") or None,
        "addressing_style": "path" if env.str("MEDIA_ENDPOINT_URL", default="") else "virtual",
        "signature_version": "s3v4",
        "custom_domain": MEDIA_DOMAIN or None,
        "querystring_auth": not (MEDIA_DOMAIN or MEDIA_PUBLIC),
        "querystring_expire": MEDIA_ADDRESS_SECONDS,
        "file_overwrite": False,
        "object_parameters": {"CacheControl": "public, max-age=86400"},
    },
}
STORAGES = {
    "default": _bucket if MEDIA_BUCKET else _folder,
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if STATIC_ROOT
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
# The admin's page of a product with a hundred variants has some thousand fields.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000
# Uploads that are not refused stay in memory: nothing is written beside the storage.
FILE_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024

# --- Checks and logs ----------------------------------------------------------------------------------

# auth.W004: e-mail addresses are unique within a tenant, by UNIQUE (tenant_id, email), not over all of them.
# admin.E4xx: the admin's middlewares run around its own pages only (ADMIN_MIDDLEWARE).
SILENCED_SYSTEM_CHECKS = ["auth.W004", "admin.E408", "admin.E409", "admin.E410"]
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"tenant": {"()": "commerce.observability.logs.TenantFilter"}},
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s tenant=%(tenant)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["tenant"]}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {"django.request": {"level": "ERROR"}},
}
