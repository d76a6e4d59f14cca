"""What an app says of itself: its manifest, read strictly. Keys that are not known here are passed over.

The fields are those of the dialect (`id`, `name`, `version`, `permissions`, `tokenTargetUrl`, `webhooks`, …).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson

from commerce.errors import DomainError
from commerce.graphql.dialect import SCHEMA_VERSION
from commerce.webhooks.failures import SendError
from commerce.webhooks.operations import Wanted
from commerce.webhooks.sync_events import SYNC_EVENTS
from commerce.webhooks.targets import AllowList, check_url, read_target
from commerce.webhooks.version_ranges import is_in_range
from tenants.permissions import GRANTS

MOST_WEBHOOKS, MOST_EXTENSIONS = 50, 50
_URLS = {
    "appUrl": "app_url",
    "configurationUrl": "configuration_url",
    "dataPrivacyUrl": "data_privacy_url",
    "homepageUrl": "homepage_url",
    "supportUrl": "support_url",
}
T = TypeVar("T")


class BadManifest(DomainError):
    """A manifest that cannot be used; `field` is the key at fault, as in webhooks.0.targetUrl."""

    code = "INVALID_MANIFEST_FORMAT"


@dataclass(frozen=True, slots=True)
class Manifest:
    """An app by its manifest: columns of its row, what it asks for, and where its token is to be sent ("" nowhere)."""

    fields: Mapping[str, Any]
    permissions: tuple[str, ...]
    token_target_url: str
    webhooks: tuple[Wanted, ...]


def read_manifest(body: bytes, allow: AllowList) -> Manifest:
    """Return what a manifest says, or raise BadManifest, which names the field and what is wrong with it."""
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadManifest(f"The manifest is no JSON: {error}.", field="manifest_url") from None
    if not isinstance(given, dict):
        raise BadManifest("The manifest must be a JSON object.", field="manifest_url")
    _check_version(_text(given, "requiredSaleorVersion", 200))
    target = _text(given, "tokenTargetUrl", 2000)
    if target:
        _check_target(target, "tokenTargetUrl", allow)
    fields = {
        "identifier": _text(given, "id", 256, required=True),
        "name": _text(given, "name", 100, required=True),
        "app_version": _text(given, "version", 60, required=True),
        "about": _text(given, "about", 10_000),
        "author": _text(given, "author", 100),
        "data_privacy": _text(given, "dataPrivacy", 10_000),
        "audience": _text(given, "audience", 256),
        "token_target_url": target,
        "logo_url": _url(_logo(given), "default", "brand.logo."),
        "extensions": _extensions(given),
        **{column: _url(given, key) for key, column in _URLS.items()},
    }
    return Manifest(fields, _permissions(given), target, _webhooks(given, allow))


def _permissions(given: Mapping[str, Any]) -> tuple[str, ...]:
    codes = _list(given, "permissions", 100, str, "texts")
    for code in codes:
        if code not in GRANTS:
            raise BadManifest(
                f"There is no permission {code[:50]!r}; there are {', '.join(sorted(GRANTS))}.",
                code="INVALID_PERMISSION",
                field="permissions",
            )
    return tuple(sorted(set(codes)))


def _extensions(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = _list(given, "extensions", MOST_EXTENSIONS, dict, "objects")
    for number, extension in enumerate(found):
        for key in ("label", "url", "mount"):
            _text(extension, key, 2000, required=True, place=f"extensions.{number}.")
    return found


def _logo(given: Mapping[str, Any]) -> Mapping[str, Any]:
    for key in ("brand", "logo"):
        given = given.get(key) or {}
        if not isinstance(given, dict):
            raise BadManifest("It must be an object.", field=key)
    return given


def _check_version(wanted: str) -> None:
    try:
        is_ours = not wanted or is_in_range(f"{SCHEMA_VERSION}.0", wanted)
    except ValueError as error:
        raise BadManifest(str(error), field="requiredSaleorVersion") from None
    if not is_ours:
        raise BadManifest(
            f"The app is for {wanted}, and this is {SCHEMA_VERSION}.",
            code="UNSUPPORTED_SALEOR_VERSION",
            field="requiredSaleorVersion",
        )


# --- Webhooks -----------------------------------------------------------------------------------------------


def _webhooks(given: Mapping[str, Any], allow: AllowList) -> tuple[Wanted, ...]:
    found: list[dict[str, Any]] = _list(given, "webhooks", MOST_WEBHOOKS, dict, "objects")
    return tuple(wanted for number, one in enumerate(found) for wanted in _webhook(one, f"webhooks.{number}.", allow))


def _webhook(given: Mapping[str, Any], place: str, allow: AllowList) -> list[Wanted]:
    """Return one webhook for its asynchronous events and one for its synchronous ones."""
    url = _text(given, "targetUrl", 2000, required=True, place=place)
    _check_target(url, f"{place}targetUrl", allow)
    headers = given.get("customHeaders") or {}
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        raise BadManifest("It must be an object of texts.", field=f"{place}customHeaders")
    is_active = given.get("isActive", True)
    if not isinstance(is_active, bool):
        raise BadManifest("It must be true or false.", field=f"{place}isActive")
    kinds = {
        False: _list(given, "asyncEvents", 200, str, "texts", place),
        True: _list(given, "syncEvents", 200, str, "texts", place),
    }
    for name in kinds[True]:
        if name not in SYNC_EVENTS:
            raise BadManifest(f"There is no synchronous event {name[:50]!r}.", field=f"{place}syncEvents")
    if not any(kinds.values()):
        raise BadManifest("It names no event.", field=f"{place}asyncEvents")
    return [
        Wanted(
            name=_text(given, "name", 255, required=True, place=place),
            target_url=url,
            events=events,
            query=_text(given, "query", 100_000, place=place),
            identifier=_text(given, "identifier", 255, place=place),
            custom_headers=headers,
            is_sync=is_sync,
            is_active=is_active,
        )
        for is_sync, events in kinds.items()
        if events
    ]


# --- Values -------------------------------------------------------------------------------------------------


def _text(given: Mapping[str, Any], key: str, longest: int, *, required: bool = False, place: str = "") -> str:
    value = given.get(key)
    if value is None:
        value = ""
    if not isinstance(value, str):
        raise BadManifest("It must be a text.", field=f"{place}{key}")
    value = value.strip()
    if required and not value:
        raise BadManifest("It is missing.", code="REQUIRED", field=f"{place}{key}")
    if len(value) > longest or "\0" in value:
        raise BadManifest(f"It has more than {longest} characters, or a NUL.", field=f"{place}{key}")
    return value


def _list(
    given: Mapping[str, Any], key: str, most: int, kind: Callable[..., T], kinds: str, place: str = ""
) -> list[T]:
    value = given.get(key) or []
    if not isinstance(value, list) or not all(isinstance(item, kind) for item in value):  # type: ignore[arg-type]
        raise BadManifest(f"It must be a list of {kinds}.", field=f"{place}{key}")
    if len(value) > most:
        raise BadManifest(f"It has more than {most} items.", field=f"{place}{key}")
    return value


def _url(given: Mapping[str, Any], key: str, place: str = "") -> str:
    """Return an address that browsers are led to; nothing is sent there from here."""
    value = _text(given, key, 2000, place=place)
    if value:
        try:
            read_target(value)
        except SendError as error:
            raise BadManifest(error.message, code="INVALID_URL_FORMAT", field=f"{place}{key}") from None
    return value


def _check_target(url: str, field: str, allow: AllowList) -> None:
    try:
        check_url(url, allow)
    except SendError as error:
        raise BadManifest(error.message, code="INVALID_URL_FORMAT", field=field) from None


def check_sync_permissions(webhooks: Sequence[Wanted], permissions: Sequence[str]) -> None:
    """Raise BadManifest for a synchronous event that the app may not answer."""
    for wanted in webhooks:
        for name in wanted.events if wanted.is_sync else ():
            if not SYNC_EVENTS[name].intersection(permissions):
                needed = " or ".join(sorted(SYNC_EVENTS[name]))
                raise BadManifest(f"{name} needs the permission {needed}.", code="INVALID_PERMISSION", field="webhooks")
