"""Files of tenants by their public uuid: its lookup for the storage, and `/media/` for the local stack."""

from functools import lru_cache
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponseBase
from django.views.decorators.http import require_safe
from django.views.static import serve

from commerce.storage import serving_headers
from tenants.models import Tenant


@lru_cache(maxsize=10_000)
def public_id_of(tenant_id: int) -> UUID:
    """Return the public uuid of a tenant's number, which never changes (TENANT_PUBLIC_ID). Raises LookupError."""
    found = Tenant.objects.filter(id=tenant_id).values_list("public_id", flat=True).first()
    if found is None:
        raise LookupError(f"There is no tenant {tenant_id}.")
    return found


@require_safe
def serve_media(request: HttpRequest, public_id: UUID, path: str) -> HttpResponseBase:
    """Serve a stored file of the host's tenant; another tenant's is a 404. Nothing in it can run as a page."""
    if public_id != request.tenant.public_id:  # type: ignore[attr-defined]
        raise Http404
    response = serve(request, path, document_root=str(Path(settings.MEDIA_ROOT) / str(public_id)))
    for name, value in serving_headers(path).items():
        response[name] = value
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    response["Cache-Control"] = "public, max-age=3600"
    return response
