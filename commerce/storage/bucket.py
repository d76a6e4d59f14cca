"""Files of tenants in a bucket of S3 or of what speaks its language (MEDIA_BUCKET)."""

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any
from urllib.parse import quote

from botocore.config import Config  # type: ignore[import-untyped]
from botocore.exceptions import ClientError  # type: ignore[import-untyped]
from django.core.exceptions import SuspiciousOperation
from storages.backends.s3 import S3Storage
from storages.utils import safe_join

from commerce.storage import Listed, TenantFiles, UploadForm, serving_headers, tenant_prefix, too_large

# What one request of S3 deletes.
MOST_AT_ONCE = 1000
_PATIENCE = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 3})


class TenantBucket(TenantFiles, S3Storage):  # type: ignore[misc]
    """Objects whose keys begin with <public uuid>/; a name that climbs out raises SuspiciousOperation.

    A private bucket (`querystring_auth`) has signed addresses, one that everybody may read plain ones.
    """

    client_config: Any

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.client_config = self.client_config.merge(_PATIENCE)

    @property
    def _client(self) -> Any:
        """This thread's client."""
        return self.connection.meta.client

    @property
    def is_signed(self) -> bool:  # type: ignore[override]
        return bool(self.querystring_auth and not self.custom_domain)

    def _normalize_name(self, name: str) -> str:
        try:
            key: str = safe_join(tenant_prefix(), name)
        except ValueError as error:
            raise SuspiciousOperation(f"{name!r} leads out of the tenant's files.") from error
        return key

    def get_object_parameters(self, name: str) -> dict[str, Any]:
        named = {key.replace("-", ""): value for key, value in serving_headers(name).items()}
        return {**super().get_object_parameters(name), **named}

    @cached_property
    def _plain_url(self) -> str:
        """What plain addresses begin with."""
        if self.custom_domain:
            return f"{self.url_protocol}//{self.custom_domain}/"
        if self.endpoint_url:
            return f"{self.endpoint_url.rstrip('/')}/{self.bucket_name}/"
        return f"https://{self.bucket_name}.s3.{self.region_name}.amazonaws.com/"

    def url(self, name: str | None, *arguments: Any, **options: Any) -> str:
        """Return an address: a plain one, or, of a private bucket, one that is signed for `querystring_expire` s."""
        if self.is_signed or arguments or options:
            return str(super().url(name, *arguments, **options))
        return self._plain_url + quote(self._normalize_name(name or ""))

    def put(self, name: str, content: bytes) -> None:
        key = self._normalize_name(name)
        self._client.put_object(Bucket=self.bucket_name, Key=key, Body=content, **self.get_object_parameters(name))

    def read(self, name: str, at_most: int) -> bytes:
        try:
            found = self._client.get_object(Bucket=self.bucket_name, Key=self._normalize_name(name))
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                raise FileNotFoundError(name) from None
            raise
        with found["Body"] as body:
            if found["ContentLength"] > at_most:
                raise too_large(at_most)
            content: bytes = body.read()
        return content

    def remove(self, names: Iterable[str]) -> None:
        keys = [{"Key": self._normalize_name(name)} for name in names]
        for start in range(0, len(keys), MOST_AT_ONCE):
            wanted = {"Objects": keys[start : start + MOST_AT_ONCE], "Quiet": True}
            answer = self._client.delete_objects(Bucket=self.bucket_name, Delete=wanted)
            for error in answer.get("Errors", ()):
                raise OSError(f"S3 did not delete {error.get('Key')}: {error.get('Code')} {error.get('Message')}")

    def list_files(self) -> Iterator[Listed]:
        prefix = f"{tenant_prefix()}/"
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket_name, Prefix=prefix)
        for found in (each for page in pages for each in page.get("Contents", ())):
            yield Listed(found["Key"].removeprefix(prefix), found["Size"], found["LastModified"])

    def upload_form(self, name: str, *, content_type: str, at_most: int, seconds: int) -> UploadForm:
        """Return a form that S3 itself checks (POST policy): the key, the media type and the number of bytes."""
        form = self._client.generate_presigned_post(
            self.bucket_name,
            self._normalize_name(name),
            Fields={"Content-Type": content_type},
            Conditions=[{"Content-Type": content_type}, ["content-length-range", 1, at_most]],
            ExpiresIn=seconds,
        )
        return UploadForm(form["url"], form["fields"])

    def download_address(self, name: str, *, file_name: str, seconds: int) -> str:
        """Return an address that S3 itself checks, whether or not everybody may read the bucket."""
        told = {
            "Bucket": self.bucket_name,
            "Key": self._normalize_name(name),
            "ResponseContentDisposition": f"attachment; filename*=UTF-8''{quote(file_name, safe='')}",
            "ResponseContentType": "application/octet-stream",
        }
        return str(self._client.generate_presigned_url("get_object", Params=told, ExpiresIn=seconds))
