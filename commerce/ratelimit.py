"""Token buckets in the cache's Redis: how many requests a client, and a tenant in all, may send.

    allowance = Allowance.of(tenant=7, client="192.0.2.1", per_minute=30_000)
    check = allowance.take(1)                       # one round trip of its own

    allowance.add_to(pipeline, 0.1)                 # or in somebody else's: one command, where allowance is true
    check = allowance.read(results[-1], 0.1)

    if not check.allowed: ...                       # 429, check.headers(), check.message()

What is taken is taken from every bucket or from none. A bucket of 1,000 a minute holds 1,000 requests and fills by
16.7 a second, so that a client that was quiet may send a burst. Where Redis is gone, nothing is limited.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings

from commerce.cache.client import RedisUnavailable, cache_redis

MINUTE = 60  # seconds
DEFAULT_PLAN = "standard"


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket of `size` requests that fills in `period` seconds; `policy` is its name in the RateLimit headers."""

    policy: str
    key: str
    size: int
    period: int = MINUTE


@dataclass(frozen=True, slots=True)
class Check:
    """What taking a request from its buckets came to; `full_in` are the milliseconds until each is full again.

    Unknown (`full_in` is empty) where there is no limit or no Redis.
    """

    allowed: bool = True
    refused: Bucket | None = None
    buckets: tuple[Bucket, ...] = ()
    full_in: tuple[int, ...] = ()
    cost: float = 1.0

    @property
    def retry_after(self) -> int:
        """Return the seconds after which the same request would be allowed, at least 1."""
        if self.refused is None:
            return 0
        full_in = self.full_in[self.buckets.index(self.refused)] / 1000
        needed = self.cost * self.refused.period / self.refused.size
        return max(1, math.ceil(full_in + needed - self.refused.period))

    def message(self) -> str:
        """Return what the refused caller is told."""
        if self.refused is None:
            return ""
        whose = "This client" if self.refused.policy == "client" else "This shop"
        quota = f"{self.refused.size} requests in {self.refused.period} seconds"
        return f"{whose} has used up its {quota}: try again in {self.retry_after} seconds."

    def headers(self) -> dict[str, str]:
        """Return RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers-10), and maybe Retry-After."""
        if not self.full_in:
            return {}
        states = zip(self.buckets, self.full_in, strict=True)
        headers = {
            "RateLimit-Policy": ", ".join(f'"{b.policy}";q={b.size};w={b.period}' for b in self.buckets),
            "RateLimit": ", ".join(
                f'"{b.policy}";r={_remaining(b, full_in)};t={math.ceil(full_in / 1000)}' for b, full_in in states
            ),
        }
        if self.refused is not None:
            headers["Retry-After"] = str(self.retry_after)
        return headers


UNLIMITED = Check()


@dataclass(frozen=True, slots=True)
class Allowance:
    """The buckets that a caller's requests are taken from; false where nothing is limited."""

    buckets: tuple[Bucket, ...] = ()

    @classmethod
    def of(cls, *, tenant: int, client: str | None, per_minute: int) -> "Allowance":
        """Return the allowance of a client (its address) at a tenant whose plan allows so many requests a minute.

        Without a client only the tenant's bucket counts. It is empty where RATE_LIMIT is off.
        """
        if not settings.RATE_LIMIT:
            return cls()
        # A tenant whose plan has changed begins with a full bucket of the new size.
        everybody = Bucket("tenant", f"rate:{{{tenant}}}/{per_minute}", per_minute)
        if client is None:
            return cls((everybody,))
        return cls((Bucket("client", f"rate:{{{tenant}}}:{client}", settings.RATE_LIMIT_PER_CLIENT), everybody))

    def __bool__(self) -> bool:
        return bool(self.buckets)

    def take(self, cost: float) -> Check:
        """Take a request of this cost; where Redis does not answer it is allowed."""
        if not self.buckets:
            return UNLIMITED
        try:
            return self.demand(cost)
        except RedisUnavailable:
            return UNLIMITED

    def demand(self, cost: float) -> Check:
        """Take a request of this cost, or raise RedisUnavailable: for what must not go on without a limit."""
        return self.read(cache_redis().ask(lambda client: client.eval(*self._command(cost))), cost)

    def add_to(self, pipeline: Any, cost: float) -> None:
        """Add the taking to a pipeline of redis-py, as one command; its result is for `read`."""
        pipeline.eval(*self._command(cost))

    def read(self, result: Any, cost: float) -> Check:
        """Return what the pipeline's result says; an exception (`raise_on_error=False`) allows the request."""
        if isinstance(result, Exception):
            return UNLIMITED
        number, *full_in = result
        refused = self.buckets[number - 1] if number else None
        return Check(refused is None, refused, self.buckets, tuple(full_in), cost)

    def _command(self, cost: float) -> Sequence[Any]:
        sizes = [value for b in self.buckets for value in (b.size, b.period * 1000)]
        return [_script(), len(self.buckets), *[b.key for b in self.buckets], cost, *sizes]


def plan_limit(plan: str) -> int:
    """Return the requests a minute of a tenant's plan; one that RATE_LIMIT_PLANS no longer has is the standard one."""
    plans: dict[str, int] = settings.RATE_LIMIT_PLANS
    return plans.get(plan) or plans[DEFAULT_PLAN]


def _remaining(bucket: Bucket, full_in: int) -> int:
    return max(0, math.floor(bucket.size * (1 - full_in / (bucket.period * 1000))))


@cache
def _script() -> str:
    """Return the script; it is sent as text each time, as a pipeline cannot send again what Redis has forgotten."""
    return Path(__file__).with_name("ratelimit.lua").read_text()
