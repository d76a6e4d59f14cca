"""How often somebody may try to sign in: guessing passwords must be slow, also for those who try many people."""

from hashlib import sha256

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from commerce.addresses import client_of
from commerce.cache.client import RedisUnavailable
from commerce.ratelimit import Allowance, Bucket

TRIES = 10  # a minute, of one client at one e-mail address
CLIENT_TRIES = 60  # a minute, of one client at all of a shop's addresses


def refuse_sign_in(request: HttpRequest, tenant: int, email: str) -> HttpResponse | None:
    """Take one try; return 429 where a client has none left, and 503 where Redis cannot tell, else None.

    Without RATE_LIMIT every try is allowed, so that a local stack without Redis lets people in.
    """
    if not settings.RATE_LIMIT:
        return None
    try:
        check = _allowance(tenant, client_of(request), email).demand(1)
    except RedisUnavailable:
        return _refusal(503, "Signing in is not possible at the moment: try again soon.", 5)
    if check.allowed:
        return None
    return _refusal(429, f"Too many tries to sign in: try again in {check.retry_after} seconds.", check.retry_after)


def _allowance(tenant: int, client: str, email: str) -> Allowance:
    person = sha256(email.strip().lower().encode("utf-8", "surrogatepass")).hexdigest()[:32]
    key = f"rate:{{{tenant}}}:sign-in:{client}"
    return Allowance((Bucket("sign-in", f"{key}:{person}", TRIES), Bucket("client", key, CLIENT_TRIES)))


def _refusal(status: int, message: str, retry_after: int) -> HttpResponse:
    return HttpResponse(
        f"{message}\n",
        status=status,
        content_type="text/plain; charset=utf-8",
        headers={"Retry-After": str(retry_after), "Cache-Control": "no-store"},
    )
