"""What an answer to a GET request says to the caches on its way: who may keep it, how long, and by which words.

Everything that an answer depends on is in its address, but for the caller, and the language that its reader prefers,
which `Vary` names where a host has none of its own: an answer to a caller with credentials is kept by nobody. A
storefront token is no credential, as it changes no answer.
"""

from datetime import datetime
from hashlib import blake2b

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags

from commerce.graphql.executor import Answer
from commerce.graphql.policy import Policy

CREDENTIALS = ("Authorization", "Authorization-Bearer")
MAX_KEYS = 4000  # bytes of surrogate keys: beyond that an answer goes with whatever changes in its shop


def is_personal(request: HttpRequest) -> bool:
    """Tell whether a request has credentials, so that its answer may be for this caller alone."""
    return any(name in request.headers for name in CREDENTIALS)


def share(request: HttpRequest, response: HttpResponse, answer: Answer, policy: Policy, now: datetime) -> HttpResponse:
    """Return the response to a GET request with what caches need to know, or 304 if the caller has it already."""
    patch_vary_headers(response, CREDENTIALS)
    if is_personal(request) or not answer.clean:
        response["Cache-Control"] = "private, no-store" if is_personal(request) else "no-store"
        return response
    response["ETag"] = etag = f'"{blake2b(answer.body, digest_size=16).hexdigest()}"'
    # Of an answer that was not kept here nobody knows what outdates it: caches ask each time.
    is_kept = answer.cache != "bypass"
    response["Cache-Control"] = _cache_control(answer.valid_until, now) if is_kept else "no-cache"
    words = surrogate_keys(policy.surrogate, answer.topics)
    if words:
        response["Surrogate-Key"], response["Cache-Tag"] = " ".join(words), ",".join(words)
    if _has(request, etag):
        response.status_code = 304
        response.content = b""
        del response["Content-Type"]
    return response


def surrogate_keys(tenant: str, topics: tuple[str, ...]) -> list[str]:
    """Return the words by which a cache may be told to forget an answer: its tenant's, and one for each topic.

    An answer of too many topics has the tenant's `<tenant>:many` instead of theirs.
    """
    if not tenant:
        return []
    words = [tenant, *[f"{tenant}:{topic}" for topic in topics]]
    return words if sum(map(len, words)) + len(words) <= MAX_KEYS else [tenant, f"{tenant}:many"]


def _cache_control(valid_until: datetime | None, now: datetime) -> str:
    """Return for how many seconds the caller and shared caches may keep an answer, not beyond its end."""
    left = 2**31 if valid_until is None else max(0, int((valid_until - now).total_seconds()))
    own = min(settings.GRAPHQL_CACHE_MAX_AGE, left)
    shared = min(settings.GRAPHQL_CACHE_SHARED_MAX_AGE, left)
    stale = min(settings.GRAPHQL_CACHE_STALE, left - shared)
    return f"public, max-age={own}, s-maxage={shared}, stale-while-revalidate={stale}"


def _has(request: HttpRequest, etag: str) -> bool:
    """Tell whether If-None-Match names the tag; caches that compress an answer mark its tag as weak."""
    given = [tag.removeprefix("W/") for tag in parse_etags(request.headers.get("If-None-Match", ""))]
    return etag in given or "*" in given
