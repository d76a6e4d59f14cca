"""The token buckets, on a real Redis whose clock goes on: what is asserted holds at any speed."""

import itertools
import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from commerce.cache.client import RedisUnavailable, cache_redis
from commerce.ratelimit import UNLIMITED, Allowance, Bucket, Check, plan_limit

numbers = itertools.count(secrets.randbelow(10**9) * 1000)


@pytest.fixture(autouse=True)
def _on(settings):
    settings.RATE_LIMIT = True


@pytest.fixture
def slow():
    """Return a function that makes an allowance of buckets that hardly fill while a test runs: a day."""

    def make(*sizes: int) -> Allowance:
        tenant = next(numbers)
        return Allowance(tuple(Bucket(f"p{n}", f"rate:{{{tenant}}}:{n}", size, 86_400) for n, size in enumerate(sizes)))

    return make


def allowed(allowance, cost=1.0):
    return allowance.take(cost).allowed


def test_a_bucket_gives_what_it_holds_and_no_more(slow):
    allowance = slow(3)
    assert [allowed(allowance) for _ in range(5)] == [True, True, True, False, False]


def test_a_tenth_is_a_tenth(slow):
    allowance = slow(1)
    assert [allowed(allowance, 0.1) for _ in range(11)] == [True] * 10 + [False]


def test_a_tenth_and_the_rest_make_one(slow):
    allowance = slow(2)
    taken = [(allowed(allowance, 0.1), allowed(allowance, 0.9)) for _ in range(3)]
    assert taken == [(True, True), (True, True), (False, False)]


@pytest.mark.parametrize("sizes", [(2, 5), (5, 2)])
def test_what_one_bucket_refuses_is_taken_from_none(slow, sizes):
    allowance = slow(*sizes)
    checks = [allowance.take(1) for _ in range(4)]
    assert [check.allowed for check in checks] == [True, True, False, False]
    assert checks[3].refused == allowance.buckets[sizes.index(2)]
    larger = Allowance((allowance.buckets[sizes.index(5)],))
    assert [allowed(larger) for _ in range(4)] == [True, True, True, False]


def test_an_empty_bucket_fills_again():
    allowance = Allowance((Bucket("client", f"rate:{{{next(numbers)}}}", 2, 1),))
    assert allowed(allowance, 2)
    check = allowance.take(0.01)
    while not check.allowed:  # it fills by 2 a second
        check = allowance.take(0.01)
    assert check.full_in[0] > 0


def test_the_key_of_a_full_bucket_goes_by_itself(slow):
    allowance = Allowance.of(tenant=next(numbers), client="192.0.2.1", per_minute=60)
    allowance.take(30)
    keys = [bucket.key for bucket in allowance.buckets]
    expire = [cache_redis().ask(lambda client, key=key: client.pttl(key)) for key in keys]
    assert 0 < expire[0] <= 30 * 60 + 2  # 30 of 1,000 a minute
    assert expire[0] < expire[1] <= 30_002  # 30 of 60 a minute


def test_threads_never_get_more_than_there_is(slow):
    allowance = slow(50)
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: allowed(allowance), range(120))) == 50


def test_in_a_pipeline_of_others(slow):
    allowance = slow(1)

    def ask(client):
        with client.pipeline(transaction=False) as pipeline:
            pipeline.get("nothing")
            allowance.add_to(pipeline, 1)
            pipeline.get("nothing")
            return pipeline.execute()

    results = [cache_redis().ask(ask) for _ in range(2)]
    assert [allowance.read(result[1], 1).allowed for result in results] == [True, False]
    assert all(result[0] is result[2] is None for result in results)


def test_one_round_trip_even_when_redis_has_forgotten_the_script(slow):
    cache_redis().ask(lambda client: client.script_flush())
    assert allowed(slow(1))


def test_keys_of_a_tenant_share_a_slot_and_no_other_tenants():
    first, second = (Allowance.of(tenant=n, client="192.0.2.1", per_minute=9) for n in (71, 72))
    assert [bucket.key for bucket in first.buckets] == ["rate:{71}:192.0.2.1", "rate:{71}/9"]
    assert not {bucket.key for bucket in first.buckets} & {bucket.key for bucket in second.buckets}


def test_policies(settings):
    settings.RATE_LIMIT_PER_CLIENT = 7
    both = Allowance.of(tenant=1, client="192.0.2.1", per_minute=9)
    assert [(b.policy, b.size, b.period) for b in both.buckets] == [("client", 7, 60), ("tenant", 9, 60)]
    tenant_only = Allowance.of(tenant=1, client=None, per_minute=9)
    assert tenant_only.buckets == both.buckets[1:]


def test_off(settings):
    settings.RATE_LIMIT = False
    allowance = Allowance.of(tenant=1, client="192.0.2.1", per_minute=1)
    assert not allowance
    assert all(allowance.take(1) is UNLIMITED for _ in range(3))
    assert UNLIMITED.allowed
    assert UNLIMITED.headers() == {}


def test_without_redis_requests_go_on_and_demands_do_not(settings, slow):
    settings.REDIS_CACHE_URL = "redis://127.0.0.1:1/0"
    allowance = slow(1)
    assert [allowance.take(1) for _ in range(3)] == [UNLIMITED] * 3
    with pytest.raises(RedisUnavailable):
        allowance.demand(1)
    assert allowance.read(redis.ConnectionError("gone"), 1) is UNLIMITED


def test_full_redis_refuses_nothing(slow, monkeypatch):
    """A Redis out of memory refuses to write."""
    memory: dict = cache_redis().ask(lambda client: client.config_get("maxmemory", "maxmemory-policy"))
    change = [("maxmemory-policy", "noeviction"), ("maxmemory", 1)]
    try:
        for name, value in change:
            cache_redis().ask(lambda client, name=name, value=value: client.config_set(name, value))
        with pytest.raises(RedisUnavailable, match=r"(?i)memory"):
            slow(1).demand(1)
        assert slow(1).take(1) is UNLIMITED
    finally:
        for name, value in memory.items():
            cache_redis().ask(lambda client, name=name, value=value: client.config_set(name, value))


CLIENT, TENANT = Bucket("client", "c", 1000), Bucket("tenant", "t", 30_000)


def test_headers():
    """Half a second of a client's minute is 8.3 requests."""
    check = Check(buckets=(CLIENT, TENANT), full_in=(500, 0))
    assert check.headers() == {
        "RateLimit-Policy": '"client";q=1000;w=60, "tenant";q=30000;w=60',
        "RateLimit": '"client";r=991;t=1, "tenant";r=30000;t=0',
    }


@pytest.mark.parametrize(
    ("full_in", "size", "cost", "seconds"),
    [(60_000, 1000, 1, 1), (60_000, 10, 1, 6), (59_000, 10, 1, 5), (60_000, 10, 10, 60), (60_000, 60, 0.9, 1)],
)
def test_retry_after_is_when_enough_is_there(full_in, size, cost, seconds):
    bucket = Bucket("client", "c", size)
    check = Check(False, bucket, (bucket,), (full_in,), cost)
    assert check.headers()["Retry-After"] == str(seconds)
    assert check.message() == (
        f"This client has used up its {size} requests in 60 seconds: try again in {seconds} seconds."
    )


def test_plans(settings):
    settings.RATE_LIMIT_PLANS = {"standard": 5, "large": 50}
    assert [plan_limit(name) for name in ("standard", "large", "gone")] == [5, 50, 5]
