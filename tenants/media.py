"""Files of tenants by their public uuid: its lookup for the storage, and `/media/` where the storage has no address.

A folder's files are served, and taken from whoever was given a token; a private bucket's are redirected to.
"""

from functools import lru_cache
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.core.files.storage import default_storage
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    JsonResponse,
)
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe
from django.views.static import serve

from commerce.storage import (
    DownloadRefused,
    TenantStorage,
    UploadRefused,
    files_of,
    is_shown,
    read_download_token,
    read_upload_token,
    serving_headers,
)
from tenants.models import Tenant

# Bytes that a form has beside its file.
_FORM = 64 * 1024


@lru_cache(maxsize=10_000)
def public_id_of(tenant_id: int) -> UUID:
    """Return the public uuid of a tenant's number, which never changes (TENANT_PUBLIC_ID). Raises LookupError."""
    found = Tenant.objects.filter(id=tenant_id).values_list("public_id", flat=True).first()
    if found is None:
        raise LookupError(f"There is no tenant {tenant_id}.")
    return found


@require_safe
def serve_media(request: HttpRequest, public_id: UUID, path: str) -> HttpResponseBase:
    """Serve a stored file of the host's tenant; another tenant's is a 404. Nothing in it can run as a page.

    A file in a bucket is redirected to, at an address that is signed for a while if the bucket is private.
    """
    shop = request.tenant  # type: ignore[attr-defined]
    if public_id != shop.public_id or not is_shown(path):
        raise Http404
    if not isinstance(default_storage, TenantStorage):
        with files_of(shop.id):
            return redirect_to(default_storage.url(path))
    response = serve(request, path, document_root=str(Path(settings.MEDIA_ROOT) / str(public_id)))
    for name, value in serving_headers(path).items():
        response[name] = value
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    response["Cache-Control"] = "public, max-age=3600"
    return response


def redirect_to(address: str) -> HttpResponse:
    """Return a redirection to a stored file, which may be kept for as long as its address holds."""
    response = HttpResponseRedirect(address)
    response["Cache-Control"] = f"public, max-age={settings.MEDIA_ADDRESS_SECONDS // 3}"
    return response


@csrf_exempt
@require_POST
def receive_upload(request: HttpRequest) -> HttpResponse:
    """Take a file from whoever was given a token for it (`TenantStorage.upload_form`), as S3 does: 204, or 4xx."""
    shop = request.tenant  # type: ignore[attr-defined]
    if not isinstance(default_storage, TenantStorage):
        raise Http404
    if not (request.META.get("CONTENT_LENGTH") or "").isdigit():
        return _refuse(411, "The request does not say its length (Content-Length).")
    try:
        token = request.GET.get("token", "")
        allowed = read_upload_token(token, shop.public_id) if token else None
        most = allowed.size if allowed else settings.MEDIA_MOST_BYTES
        if int(request.META["CONTENT_LENGTH"]) > most + _FORM:
            return _refuse(413, f"At most {most:,} bytes are taken.")
        file = request.FILES.get("file")
        allowed = allowed or read_upload_token(request.POST.get("token", ""), shop.public_id)
    except UploadRefused as error:
        return _refuse(403, error.message)
    if file is None:
        return _refuse(400, "The form has no field `file`.")
    if not 1 <= (file.size or 0) <= allowed.size:
        return _refuse(400, f"The file has {file.size:,} bytes, and {allowed.size:,} at most were announced.")
    with files_of(shop.id):
        if (file.size or 0) <= settings.MEDIA_MOST_BYTES:
            default_storage.put(allowed.name, file.read())
        else:  # it lies on the disk already, and need not come into memory
            default_storage.delete(allowed.name)
            default_storage.save(allowed.name, file)
    return HttpResponse(status=204)


@require_safe
def send_download(request: HttpRequest) -> HttpResponseBase:
    """Send a file that nobody is shown to whoever was given a token for it (`TenantStorage.download_address`)."""
    shop = request.tenant  # type: ignore[attr-defined]
    if not isinstance(default_storage, TenantStorage):
        raise Http404
    try:
        name, file_name = read_download_token(request.GET.get("token", ""), shop.public_id)
    except DownloadRefused as error:
        return _refuse(403, error.message)
    try:
        with files_of(shop.id):
            file = default_storage.open(name)
    except FileNotFoundError:
        return _refuse(404, "The file is no longer kept.")
    answer = FileResponse(file, as_attachment=True, filename=file_name, content_type="application/octet-stream")
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cache-Control"] = "private, no-store"
    return answer


def _refuse(status: int, message: str) -> JsonResponse:
    return JsonResponse({"error": message}, status=status)
