"""A server that speaks S3, and the ways in which files of tenants are kept."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3  # type: ignore[import-untyped]
import pytest
from django.core.files.storage import default_storage
from django.test import Client

from tests import moto
from tests.factories.tenants import Shop
from tests.moto import REGION

KEYS = {"access_key": "someone", "secret_key": moto.SECRET}
WAYS = ("folder", "public bucket", "private bucket")


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory):
    """Return the address of a server that speaks S3."""
    with moto.running(tmp_path_factory.mktemp("s3")) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def s3(s3_server):
    """Return a client of S3, as its owner has it."""
    client = boto3.client(
        "s3",
        region_name=REGION,
        endpoint_url=s3_server,
        aws_access_key_id=KEYS["access_key"],
        aws_secret_access_key=KEYS["secret_key"],
    )
    yield client
    client.close()


@pytest.fixture
def bucket_options(s3, s3_server):
    """Return the options of a storage in a new bucket, as the settings give them."""
    name = f"media-{uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    return {
        "bucket_name": name,
        "region_name": REGION,
        "endpoint_url": s3_server,
        "addressing_style": "path",
        "signature_version": "s3v4",
        "querystring_auth": True,
        "file_overwrite": False,
        **KEYS,
    }


@pytest.fixture(params=WAYS)
def kept(request, settings, tmp_path):
    """Keep files in a folder, in a bucket that everybody may read, or in a private one; return which."""
    if request.param == "folder":
        settings.MEDIA_ROOT = str(tmp_path)
    else:
        if request.param == "public bucket":
            open_to_everybody(request.getfixturevalue("s3"), request.getfixturevalue("bucket_options")["bucket_name"])
        keep_in_bucket(settings, {**request.getfixturevalue("bucket_options")}, signed=request.param.startswith("priv"))
    yield request.param
    if request.param != "folder":
        default_storage.connection.meta.client.close()


def open_to_everybody(s3: Any, bucket: str) -> None:
    """Give a bucket the policy that docs/media.md has for public ones."""
    text = (Path(__file__).parent.parent / "docs/media.md").read_text()
    policy = text.partition("```json\n")[2].partition("```")[0].replace("BUCKET", bucket)
    policy = policy.replace("????????-????-????-????-????????????", "*")  # this server knows no question mark
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)


def keep_in_bucket(settings: Any, options: dict[str, Any], *, signed: bool) -> None:
    """Keep files in a bucket from here on."""
    default = {
        "BACKEND": "commerce.storage.bucket.TenantBucket",
        "OPTIONS": {**options, "querystring_auth": signed},
    }
    settings.STORAGES = {**settings.STORAGES, "default": default}


def fetch(shop: Shop, address: str) -> tuple[int, bytes, Any]:
    """Return status, content and headers of an address, of the shop or of S3, redirections followed."""
    import requests

    origin = f"http://{shop.host}"
    for _ in range(3):
        if address.startswith("http://127.0.0.1"):
            found = requests.get(address, timeout=10)
            return found.status_code, found.content, found.headers
        answer = Client(headers={"host": shop.host}).get(address.removeprefix(origin))
        if answer.status_code != 302:
            content = answer.getvalue()
            answer.close()
            return answer.status_code, content, answer.headers
        address = answer.headers["Location"]
    raise AssertionError(f"redirected too often, to {address}")
