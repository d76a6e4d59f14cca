"""What caches are told, and what a GET request never does, at the toy shop's door."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from commerce.graphql.executor import Answer
from commerce.graphql.limits import Limits
from commerce.graphql.policy import Policy
from commerce.graphql.sharing import MAX_KEYS, share, surrogate_keys
from commerce.graphql.view import GraphQLView

from .toy import Scopes, ToyContext, schema

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
TEXTS = {
    "rename": 'mutation { rename(name: "x") { name } }',
    "both": 'query Q { word(text: "q") } mutation M { rename(name: "x") { name } }',
}


@pytest.fixture
def scopes():
    return Scopes()


@pytest.fixture
def told():
    """The time limits that scopes were opened with."""
    return []


@pytest.fixture
def ask(scopes, told):
    """Send a request to a door that trusts TEXTS."""

    def open_scope(request, time_limit, operation, alias):
        told.append(time_limit)
        return scopes(operation)

    view = GraphQLView(
        schema=schema,
        open_scope=open_scope,
        make_context=lambda request: ToyContext(request=request),
        make_policy=lambda request, limits: Policy(limits=replace(limits, time=777), read_document=TEXTS.get),
    )

    def ask(method, **given):
        factory = RequestFactory()
        if method == "post":
            return view.respond(factory.post("/graphql/", given, "application/json"))
        return view.respond(getattr(factory, method)("/graphql/", given))

    return ask


@pytest.mark.parametrize("method", ["get", "head"])
@pytest.mark.parametrize("given", [{"id": "rename"}, {"id": "both", "operationName": "M"}])
def test_a_mutation_does_not_run_by_get(ask, scopes, method, given):
    response = ask(method, **given)
    assert response.status_code == 405
    assert response["Allow"] == "POST, OPTIONS"
    assert response["Cache-Control"] == "no-store"
    assert scopes.log == []
    assert ask("post", **given).status_code == 200
    assert scopes.log == ["open mutation", "commit"]


def test_the_query_of_a_document_with_a_mutation_runs_by_get(ask):
    assert json.loads(ask("get", id="both", operationName="Q").content) == {"data": {"word": "q"}}


def test_a_scope_is_told_the_time_that_the_shop_allows(ask, told):
    ask("post", id="both", operationName="Q")
    ask("post", id="rename")
    assert told == [777, 777]


def shared(answer, **headers):
    request = RequestFactory().get("/graphql/", headers=headers)
    policy = Policy(limits=Limits(), surrogate="shop")
    return share(request, HttpResponse(answer.body), answer, policy, NOW)


@pytest.mark.parametrize(
    ("left", "told"),
    [
        (None, "public, max-age=10, s-maxage=60, stale-while-revalidate=30"),
        (3600, "public, max-age=10, s-maxage=60, stale-while-revalidate=30"),
        (75, "public, max-age=10, s-maxage=60, stale-while-revalidate=15"),
        (60, "public, max-age=10, s-maxage=60, stale-while-revalidate=0"),
        (5.9, "public, max-age=5, s-maxage=5, stale-while-revalidate=0"),
        (-5, "public, max-age=0, s-maxage=0, stale-while-revalidate=0"),
    ],
)
def test_nothing_is_kept_beyond_its_end(settings, left, told):
    settings.GRAPHQL_CACHE_MAX_AGE, settings.GRAPHQL_CACHE_SHARED_MAX_AGE, settings.GRAPHQL_CACHE_STALE = 10, 60, 30
    until = None if left is None else NOW + timedelta(seconds=left)
    assert shared(Answer(200, b"{}", clean=True, valid_until=until, cache="miss"))["Cache-Control"] == told


def test_what_is_not_kept_here_is_asked_for_each_time():
    response = shared(Answer(200, b"{}", clean=True, cache="bypass"))
    assert response["Cache-Control"] == "no-cache"
    assert (
        shared(Answer(200, b"{}", clean=True, cache="bypass"), **{"If-None-Match": response["ETag"]}).status_code == 304
    )


def test_surrogate_keys_are_the_tenants_and_its_topics():
    response = shared(Answer(200, b"{}", clean=True, topics=("listing", "product:1")))
    assert response["Surrogate-Key"] == "shop shop:listing shop:product:1"
    assert response["Cache-Tag"] == "shop,shop:listing,shop:product:1"
    assert surrogate_keys("", ("listing",)) == []


def test_too_many_topics_are_one():
    topics = tuple(f"product:{number}" for number in range(1000))
    assert surrogate_keys("shop", topics) == ["shop", "shop:many"]
    assert len(" ".join(surrogate_keys("shop", topics[:200]))) <= MAX_KEYS


def test_tags_differ_by_body():
    tags = {shared(Answer(200, body, clean=True))["ETag"] for body in (b"{}", b"[]", b"{}")}
    assert len(tags) == 2
    assert all(len(tag) == 34 and tag.strip('"').isalnum() for tag in tags)
