"""Installing an app by its manifest: fetch it, create the app, hand it its token, let its webhooks in.

No scope is open while the app is talked to, and the token is committed before: during the handshake the app asks
this tenant's door `{ app { id } }` with it, and reads `/.well-known/jwks.json`. Whatever fails undoes everything,
and the installation says why.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings

from commerce.db.scope import current_scope, tenant_scope
from commerce.errors import DomainError
from commerce.graphql.dialect import SCHEMA_VERSION
from commerce.webhooks import operations
from commerce.webhooks.manifests import BadManifest, Manifest, check_sync_permissions, read_manifest
from commerce.webhooks.models import Webhook
from commerce.webhooks.sending import AllowList, Outgoing, Response, SendError, Timeouts, allow_list, check_url, send
from commerce.webhooks.signing import domain_of
from tenants import operations as tenants
from tenants import queries
from tenants.queries import InstallationRow

logger = logging.getLogger("commerce.webhooks")

MANIFEST_LIMIT = 1024 * 1024
ANSWER_LIMIT = 64 * 1024
MANIFEST_TIMEOUTS = Timeouts(connect=2, total=10)
TOKEN_TIMEOUTS = Timeouts(connect=2, total=20)
# Characters of what an app says of its own failure.
LONGEST_REASON = 200


class CannotConnect(DomainError):
    """The manifest could not be fetched."""

    code = "MANIFEST_URL_CANT_CONNECT"


class HandshakeFailed(DomainError):
    """The app did not take its token."""


def check_manifest_url(url: str) -> None:
    """Raise DomainError for an address that nothing may be fetched from for the scope's tenant."""
    try:
        check_url(url, allow_list(queries.list_allowed_targets()))
    except SendError as error:
        raise DomainError(error.message, code="INVALID_URL_FORMAT", field="manifest_url") from error


def install(*, tenant_id: int, installation_id: UUID, now: datetime) -> InstallationRow:
    """Install what was ordered and return how it ended; what failed is told there, and undone.

    Call it outside any scope. It may run twice, also at once: one of them does the work. What is no fault of the app's
    is raised, with the installation failed as well.
    """
    if current_scope() is not None:
        raise RuntimeError("An app is talked to while it is installed: leave the scope first.")
    with tenant_scope(tenant_id):
        order = tenants.begin_installation(installation_id=installation_id, now=now)
    if order is not None:
        try:
            _install(tenant_id, order)
        except DomainError as error:
            message = f"{error.field}: {error.message}" if error.field else error.message
            _fail(tenant_id, installation_id, message)
        except Exception:
            _fail(tenant_id, installation_id, "Something went wrong here; try again.")
            raise
    with tenant_scope(tenant_id):
        found = queries.find_installation(installation_id)
    assert found is not None  # noqa: S101
    return found


def _install(tenant_id: int, order: InstallationRow) -> None:
    allow = allowed_for(tenant_id)
    manifest = fetch_manifest(order.manifest_url, allow)
    with tenant_scope(tenant_id):
        app_id, token = tenants.add_installing_app(
            installation_id=order.id, fields=manifest.fields, asked=manifest.permissions
        )
        webhooks = _add_webhooks(app_id, manifest)
        api_url = settings.WEBHOOK_API_URL.format(host=queries.get_primary_host())
    if manifest.token_target_url:
        _hand_over(manifest.token_target_url, token, api_url, allow)
    with tenant_scope(tenant_id):
        Webhook.objects.filter(id__in=webhooks).update(is_active=True)
        tenants.finish_installation(installation_id=order.id)
    logger.info("App %s was installed.", manifest.fields["identifier"], extra={"tenant": tenant_id})


def allowed_for(tenant_id: int) -> AllowList:
    """Return where a tenant's apps may be; call it outside any scope."""
    with tenant_scope(tenant_id, read_only=True):
        return allow_list(queries.list_allowed_targets())


def fetch_manifest(url: str, allow: AllowList) -> Manifest:
    """Return what the manifest at an address says, or raise DomainError; call it outside any scope."""
    headers = {"Accept": "application/json", "Saleor-Schema-Version": SCHEMA_VERSION}
    request = Outgoing(url, headers, method="GET", once=True)
    try:
        answer = send(request, timeout=MANIFEST_TIMEOUTS, allow=allow, limit=MANIFEST_LIMIT)
    except SendError as error:
        raise CannotConnect(error.message, field="manifest_url") from error
    if answer.status != 200:
        raise CannotConnect(f"The address of the manifest answered {answer.status}, and not 200.", field="manifest_url")
    if not answer.is_whole:
        raise BadManifest(f"The manifest has more than {MANIFEST_LIMIT} bytes.", field="manifest_url")
    return read_manifest(answer.body, allow)


def _add_webhooks(app_id: UUID, manifest: Manifest) -> list[UUID]:
    """Create the app's webhooks, asleep until it has its token; return those that are to be woken then."""
    app = queries.find_app_row(app_id)
    permissions: Sequence[str] = app.permissions if app else ()
    check_sync_permissions(manifest.webhooks, permissions)
    made = []
    for number, wanted in enumerate(manifest.webhooks):
        try:
            webhook = operations.create_webhook(
                app_id=app_id, wanted=replace(wanted, is_active=False), permissions=permissions
            )
        except DomainError as error:
            raise BadManifest(error.message, code=error.code, field=f"webhooks.{number}.{error.field}") from error
        if wanted.is_active:
            made.append(webhook.id)
    return made


def _hand_over(url: str, token: str, api_url: str, allow: AllowList) -> None:
    """Give an app its token, and wait for it to accept."""
    domain = domain_of(api_url)
    headers = {
        "Content-Type": "application/json",
        "Saleor-Domain": domain,
        "X-Saleor-Domain": domain,
        "Saleor-Api-Url": api_url,
        "Saleor-Schema-Version": SCHEMA_VERSION,
    }
    request = Outgoing(url, headers, orjson.dumps({"auth_token": token}), once=True)
    try:
        answer = send(request, timeout=TOKEN_TIMEOUTS, allow=allow, limit=ANSWER_LIMIT)
    except SendError as error:
        raise HandshakeFailed(error.message, field="tokenTargetUrl") from error
    if not answer.is_success:
        raise HandshakeFailed(f"The app answered {answer.status} to its token{_reason(answer)}", field="tokenTargetUrl")


def _reason(answer: Response) -> str:
    """Return what an app says of its failure (`{"error": {"message": "…"}}`), as the end of a sentence."""
    try:
        given: Any = orjson.loads(answer.body)
        message = given["error"]["message"]
    except (orjson.JSONDecodeError, LookupError, TypeError):
        return "."
    text = "".join(character for character in str(message)[:LONGEST_REASON] if character.isprintable())
    return f": {text}"


def _fail(tenant_id: int, installation_id: UUID, message: str) -> None:
    logger.warning("An installation failed: %s", message, extra={"tenant": tenant_id})
    with tenant_scope(tenant_id):
        tenants.fail_installation(installation_id=installation_id, message=message)
