"""What receivers read at a tenant's host."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from commerce.webhooks import keys, signing
from tenants.middleware import tenant_of

# A new key is shown for longer than that before it signs.
_MAX_AGE = 60


@require_safe
def jwks(request: HttpRequest) -> HttpResponse:
    """Answer with the tenant's public keys (RFC 7517), by which receivers verify what it has signed."""
    shown = signing.jwks(keys.public_keys(tenant_of(request).id, timezone.now()))
    return JsonResponse(shown, headers={"Cache-Control": f"public, max-age={_MAX_AGE}", "Vary": "Host"})
