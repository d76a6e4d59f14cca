"""Files of tenants in a bucket of S3 or of what speaks its language (MEDIA_BUCKET)."""

from typing import Any

from django.core.exceptions import SuspiciousOperation
from storages.backends.s3 import S3Storage
from storages.utils import safe_join

from commerce.storage import DiscardableFiles, serving_headers, tenant_prefix


class TenantBucket(DiscardableFiles, S3Storage):  # type: ignore[misc]
    """Objects whose keys begin with <public uuid>/; a name that climbs out raises SuspiciousOperation."""

    def _normalize_name(self, name: str) -> str:
        try:
            key: str = safe_join(tenant_prefix(), name)
        except ValueError as error:
            raise SuspiciousOperation(f"{name!r} leads out of the tenant's files.") from error
        return key

    def get_object_parameters(self, name: str) -> dict[str, Any]:
        named = {key.replace("-", ""): value for key, value in serving_headers(name).items()}
        return {**super().get_object_parameters(name), **named}
