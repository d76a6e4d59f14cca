"""What a shop allows at its GraphQL door: limits of its own, its plan, its storefront tokens."""

import json
import re
import time
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections, transaction
from django.test import RequestFactory

from commerce.db.scope import tenant_scope
from commerce.graphql.context import Operation
from commerce.graphql.limits import NAMES
from commerce.urls import open_scope
from tenants import callers
from tenants.operations import (
    create_storefront_token,
    revoke_storefront_token,
    set_tenant_limits,
    set_tenant_plan,
)
from tenants.queries import get_tenant_by_host
from tests.factories.tenants import make_app, platform

QUERY = 'query A { channel(slug: "default-channel") { name } }'
PRODUCTS = "query P($n: Int) { products(first: $n) { edges { node { id } } } }"


def post(client, query=QUERY, **variables):
    return client.post("/graphql/", {"query": query, "variables": variables}, "application/json")


def message(response):
    (error,) = response.json()["errors"]
    return error["message"]


def limit(shop, **limits):
    with platform():
        set_tenant_limits(slug=shop.slug, limits=limits)


# --- Limits ----------------------------------------------------------------------------------------------


def upload(client):
    file = SimpleUploadedFile("a.png", b"x" * 1000)
    return client.post("/graphql/", {"operations": json.dumps({"query": QUERY}), "map": "{}", "0": file})


BEYOND = {
    "body": (300, lambda c: post(c, QUERY + " " * 300), 413, "The request body of .* exceeds the limit of 300 bytes."),
    "upload": (900, upload, 413, "The request body of .* the limit of 900 bytes."),
    "batch": (
        1,
        lambda c: c.post("/graphql/", [{"query": QUERY}] * 2, "application/json"),
        400,
        "Number of batch queries exceeded.",
    ),
    "tokens": (9, post, 400, r"The document has 13 tokens, which exceeds the limit of 9 \(tokens\)."),
    "depth": (1, post, 400, r"The query `A` is nested 2 levels deep, which exceeds the limit of 1 \(depth\)."),
    "aliases": (
        1,
        lambda c: post(c, "{ a: shop { b: name } }"),
        400,
        r"The document uses 2 aliases, which exceeds the limit of 1 \(aliases\).",
    ),
    "fields": (1, post, 400, r"The query `A` selects 2 fields, which exceeds the limit of 1 \(fields\)."),
    "mutations": (
        1,
        lambda c: post(c, "mutation M { a b }"),
        400,
        r"The mutation `M` runs 2 mutations, which exceeds the limit of 1 \(mutations\).",
    ),
    "cost": (
        20,
        lambda c: post(c, PRODUCTS, n=20),
        400,
        r"The query `P` has an estimated cost of 21, which exceeds the limit of 20 \(cost\).",
    ),
}


def test_every_limit_is_tried():
    assert {*BEYOND, "time"} == {*NAMES}


@pytest.mark.parametrize("name", BEYOND)
def test_a_shops_limit_is_told_before_any_sql(tenant, other_tenant, client_for, count_sql, name):
    """The document is known to the process, as the other shop, which has no limits of its own, sends it first."""
    value, send, status, words = BEYOND[name]
    limit(tenant, **{name: value})
    client = client_for(tenant)
    if name not in ("batch", "mutations"):
        assert send(client_for(other_tenant)).status_code == 200
    with count_sql() as statements:
        response = send(client)
    assert response.status_code == status
    assert re.fullmatch(words, message(response)), message(response)
    assert [statement for statement in statements if "tenants_domain" not in statement] == []
    assert post(client).status_code == (400 if name in ("tokens", "depth", "fields") else 200)


def test_a_limit_may_be_above_the_settings(tenant, client_for):
    limit(tenant, batch=2)
    body = [{"query": QUERY}] * 2
    answers = client_for(tenant).post("/graphql/", body, "application/json").json()
    assert answers == [{"data": {"channel": {"name": f"Channel {tenant.token}"}}}] * 2


def wait_for_lock_on_standby(table):
    with connections["replica"].cursor() as cursor:
        while True:
            cursor.execute(
                "SELECT FROM pg_locks WHERE relation = %s::regclass AND mode = 'AccessExclusiveLock'", [table]
            )
            if cursor.fetchone() is not None:
                return
            time.sleep(0.01)


def test_a_statement_that_takes_too_long_ends(tenant, client_for):
    """The table is locked by a migration; another shop's operation would wait as long as the settings say."""
    limit(tenant, time=300)
    client = client_for(tenant)
    assert post(client).status_code == 200
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute("LOCK TABLE tenants_channel IN ACCESS EXCLUSIVE MODE")
        wait_for_lock_on_standby("tenants_channel")
        response = post(client, QUERY.replace("name", "slug"))
    assert response.status_code == 200
    assert response.json()["data"] is None
    assert message(response) == "The operation takes longer than the limit of 300 ms (time)."
    assert response.json()["errors"][0]["extensions"]["exception"]["code"] == "LimitExceeded"
    assert post(client, QUERY.replace("name", "slug")).json()["data"] == {"channel": {"slug": "default-channel"}}


def test_postgres_is_told_the_time_of_a_statement(tenant):
    request = RequestFactory().get("/graphql/")
    request.tenant = get_tenant_by_host(tenant.host)
    with open_scope(request, 1234, Operation("query", None, "x"), "default"):
        assert statement_timeout() == "1234ms"
    with tenant_scope(tenant.id):
        assert statement_timeout() == "30s"


def statement_timeout():
    with connections["default"].cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        return cursor.fetchone()[0]


# --- Storefront tokens -------------------------------------------------------------------------------------


@pytest.fixture
def limited(settings):
    """Clients may send three requests, and no bucket fills by one while a test runs."""
    settings.RATE_LIMIT = True
    settings.RATE_LIMIT_PER_CLIENT = 3
    settings.RATE_LIMIT_PLANS = {"standard": 6, "large": 1000}


def unknown():
    """A document that no process has seen: it is paid in full before it is read."""
    return f'query Q{uuid4().hex} {{ channel(slug: "{uuid4()}") {{ name }} }}'


def statuses(client, times):
    return [post(client, unknown()).status_code for _ in range(times)]


def test_a_client_has_its_limit(limited, tenant, other_tenant, client_for):
    client = client_for(tenant)
    assert statuses(client, 4) == [200, 200, 200, 429]
    response = post(client, unknown())
    assert message(response).startswith("This client has used up its 3 requests in 60 seconds: try again in ")
    assert response.json()["errors"][0]["extensions"]["exception"]["code"] == "TooManyRequests"
    assert 0 < int(response["Retry-After"]) <= 20
    assert response["RateLimit-Policy"] == '"client";q=3;w=60, "tenant";q=6;w=60'
    assert response["RateLimit"].startswith('"client";r=0;t=')
    assert statuses(client_for(other_tenant), 1) == [200]


def test_what_is_refused_counts(limited, tenant, client_for):
    client = client_for(tenant)
    assert [post(client, "{ nothing" + uuid4().hex + " }").status_code for _ in range(4)] == [400, 400, 400, 429]


def test_a_kept_answer_counts_a_tenth(limited, tenant, client_for):
    """The first costs 1, as it has to be computed, and leaves 2 of 3: which are twenty of those that are kept."""
    responses = [post(client_for(tenant)) for _ in range(40)]
    hits = [response for response in responses if response.get("X-Cache") == "hit"]
    assert [response.status_code for response in responses[:21]] == [200] * 21
    assert len(hits) >= 20
    refused = responses[-1]
    assert (refused.status_code, refused.json()["errors"][0]["extensions"]["exception"]["code"]) == (
        429,
        "TooManyRequests",
    )


def test_clients_share_the_limit_of_their_shops_plan(limited, tenant, client_for, settings):
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    clients = [client_for(tenant, **{"x-forwarded-for": f"192.0.2.{n}"}) for n in range(3)]
    assert [statuses(client, 2) for client in clients] == [[200] * 2] * 3
    response = post(clients[0], unknown())
    assert response.status_code == 429
    assert message(response).startswith("This shop has used up its 6 requests in 60 seconds")
    with platform():
        set_tenant_plan(slug=tenant.slug, plan="large")
    assert statuses(clients[0], 1) == [200]


def make_token(shop, name="web"):
    with platform():
        return create_storefront_token(slug=shop.slug, name=name)


def test_a_storefront_is_limited_with_its_shop_alone(limited, tenant, client_for):
    client = client_for(tenant, **{"x-storefront-token": make_token(tenant)})
    response = post(client, unknown())
    assert response["RateLimit-Policy"] == '"tenant";q=6;w=60'
    assert statuses(client, 6) == [200] * 5 + [429]


def test_a_storefronts_answers_are_nobodys_own(tenant, client_for):
    client = client_for(tenant, **{"x-storefront-token": make_token(tenant)})
    first, second = post(client), post(client)
    assert first.content == second.content == post(client_for(tenant)).content
    assert first.status_code == 200


def test_a_wrong_token_is_refused(tenant, other_tenant, client_for):
    token, others = make_token(tenant), make_token(other_tenant)
    secret = token.partition(".")[2]
    wrong = ["", secret, f"{tenant.public_id}.", f"{tenant.public_id}.x", f"{other_tenant.public_id}.{secret}", others]
    for each in (*wrong, f"{token}x", token[:-1], "\udcff"):
        response = post(client_for(tenant, **{"x-storefront-token": each}))
        assert response.status_code == 401, each
        assert message(response).startswith("X-Storefront-Token holds no token of this shop")
        assert secret not in response.content.decode()
    assert post(client_for(tenant, **{"x-storefront-token": token})).status_code == 200


def test_a_revoked_token_is_refused_at_once_and_others_are_not(tenant, client_for):
    first, second = make_token(tenant, "first"), make_token(tenant, "second")
    clients = [client_for(tenant, **{"x-storefront-token": token}) for token in (first, second)]
    assert [post(client).status_code for client in clients] == [200, 200]
    with platform():
        revoke_storefront_token(slug=tenant.slug, name="first")
    assert [post(client).status_code for client in clients] == [401, 200]
    third = make_token(tenant, "first")
    assert post(client_for(tenant, **{"x-storefront-token": third})).status_code == 200
    assert post(clients[0]).status_code == 401


def test_tokens_are_read_once_per_process(tenant, client_for, count_sql):
    client = client_for(tenant, **{"x-storefront-token": make_token(tenant)})
    post(client)
    with count_sql() as statements:
        post(client)
    assert not any("storefronttoken" in statement for statement in statements)


def test_wrong_storefront_tokens_count_as_their_clients_requests(limited, tenant, other_tenant, client_for):
    make_token(tenant)
    client = client_for(tenant, **{"x-storefront-token": f"{tenant.public_id}.{'x' * 43}"})
    answers = [post(client) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 429]
    assert int(answers[-1]["Retry-After"]) > 0
    assert message(answers[-1]).startswith("This client has used up its 3 requests")
    assert post(client_for(other_tenant)).status_code == 200


@pytest.mark.parametrize("name", ["authorization", "authorization-bearer"])
def test_a_flood_of_wrong_app_tokens_is_refused_before_the_database_or_the_memory_is_asked(
    limited, tenant, client_for, count_sql, name, monkeypatch
):
    with tenant_scope(tenant.id):
        known = make_app("MANAGE_PRODUCTS").text
    asked = []
    monkeypatch.setattr(callers, "_callers", lambda shop, ask=callers._callers: asked.append(shop) or ask(shop))
    query = "{ channel { name } }"
    prefix = "Bearer " if name == "authorization" else ""
    clients = [client_for(tenant, **{name: f"{prefix}{tenant.public_id}.{number}"}) for number in range(3)]
    assert [post(client, query).status_code for client in clients] == [200] * 3
    assert len(asked) == 3
    callers._tokens.forget()
    with count_sql() as statements:
        answers = [post(client, query) for client in clients]
    assert [answer.status_code for answer in answers] == [429] * 3
    assert int(answers[0]["Retry-After"]) > 0
    assert (statements, len(asked)) == ([], 3)
    assert post(client_for(tenant, authorization=f"Bearer {known}"), query).status_code == 429, "the client's own"


def test_a_request_with_credentials_is_paid_once(limited, tenant, client_for):
    with tenant_scope(tenant.id):
        token = make_app("MANAGE_PRODUCTS").text
    client = client_for(tenant, authorization=f"Bearer {token}")
    assert [post(client, "{ channel { name } }").status_code for _ in range(4)] == [200, 200, 200, 429]


def test_without_redis_nothing_is_limited(limited, tenant, client_for, settings):
    settings.REDIS_CACHE_URL = "redis://127.0.0.1:1/0"
    responses = [post(client_for(tenant), unknown()) for _ in range(5)]
    assert [response.status_code for response in responses] == [200] * 5
    assert not any("RateLimit" in response for response in responses)
