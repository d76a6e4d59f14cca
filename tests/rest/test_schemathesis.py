"""Requests made up from the OpenAPI document, good and bad: no answer is a 500, and none differs from the document."""

import itertools
from collections import Counter

import hypothesis
import pytest
import schemathesis
from schemathesis.specs.openapi import checks

from commerce.db.scope import tenant_scope
from commerce.rest.document import document
from commerce.wsgi import application
from tests.factories.rows import load_every_model
from tests.factories.tenants import open_shop
from tests.rest.conftest import make_key

CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]
# By chance, and what the rules of the document bring about: each value that is just within, or out of, its bounds.
BY_RULE = hypothesis.settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
)
BY_CHANCE = hypothesis.settings(BY_RULE, max_examples=10, phases=[hypothesis.Phase.generate])
ONE = hypothesis.settings(BY_CHANCE, max_examples=1)
schema = schemathesis.openapi.from_dict(document())
schema.app = application
# One method that there is not is enough.
schema.config.phases.coverage.unexpected_methods = {"TRACE"}
# What paths and bodies may name: first part of the path, or field → values.
KNOWN: dict[str, list[str]] = {}
turns = itertools.count()


def known(noun, otherwise):
    """Return something of this kind that there is, two times of three."""
    turn = next(turns)
    values = KNOWN.get(noun, [])
    return values[turn % len(values)] if values and turn % 3 else otherwise


@pytest.fixture(scope="module")
def shop(_database):
    """Return a shop with a row of everything, whose ids and slugs the made-up requests use."""
    loaded = load_every_model(open_shop())
    with tenant_scope(loaded.id):
        for viewset in {route[1] for route in _routes()}:
            model = getattr(viewset, "model", None)
            if model is not None:
                ids = [str(id_) for id_ in model.objects.values_list("id", flat=True)[:5]]
                KNOWN[viewset.noun] = ids
    return loaded


def _routes():
    from commerce.urls import rest

    return rest.registry


@schema.hook
def map_path_parameters(context, path_parameters):
    """Ask for what there is, every other time."""
    if path_parameters and "id" in path_parameters:
        noun = context.operation.definition.raw["operationId"].split("_", 1)[1]
        path_parameters["id"] = known(noun, path_parameters["id"])
    return path_parameters


@schema.hook
def map_body(context, body):
    """Name what there is, most times."""
    rows = body.get("rows") if isinstance(body, dict) else None
    for row in rows if isinstance(rows, list) else [body]:
        if isinstance(row, dict):
            for name in row:
                if isinstance(row[name], str):
                    row[name] = known(name, row[name])
    return body


@pytest.fixture(scope="module")
def keys(shop):
    return {"all": make_key(shop), "none": make_key(shop, "MANAGE_ORDERS")}


# How often each status was answered.
MET: Counter[int] = Counter()


def ask(case, shop, key):
    answer = case.call(headers={"Host": shop.host, "Authorization": f"Bearer {key}"})
    MET[answer.status_code] += 1
    case.validate_response(answer, checks=CHECKS)
    return answer


# The bodies of changes and batches are those of new objects, whose rules are tried there.
CHANGES = {"method_regex": "PUT|PATCH"}
BATCHES = {"path_regex": "/bulk$"}


@schema.exclude(**CHANGES).exclude(**BATCHES).parametrize()
@BY_RULE
def test_a_key_that_may_do_all_gets_documented_answers(case, shop, keys):
    ask(case, shop, keys["all"])


@schema.include(**CHANGES).parametrize()
@BY_CHANCE
def test_changes_get_documented_answers(case, shop, keys):
    ask(case, shop, keys["all"])


@schema.include(**BATCHES).parametrize()
@BY_CHANCE
def test_batches_get_documented_answers(case, shop, keys):
    ask(case, shop, keys["all"])


@schema.parametrize()
@ONE
def test_a_key_that_may_do_nothing_gets_documented_answers(case, shop, keys):
    assert ask(case, shop, keys["none"]).status_code != 201


def test_made_up_requests_come_far():
    """Last: without this the tests above could pass on refusals alone."""
    assert set(MET) >= {200, 201, 204, 207, 400, 403, 404, 405, 409, 422}, MET
