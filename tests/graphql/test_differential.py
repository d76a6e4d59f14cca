"""Thousands of documents made up from schemas, each run by our engine and by graphql-core."""

import logging
import os
from collections import Counter
from typing import Any

import pytest
from django.test import RequestFactory
from graphql import get_named_type, is_composite_type
from hypothesis import HealthCheck, given, settings

from commerce.graphql.executor import Answer, Executor, Prepared, Query, Refused
from commerce.graphql.limits import Limits
from commerce.observability.metrics import graphql_fallbacks

from . import wild
from .differential import check_same, compared, no_scope, passes_nulls_on
from .made_up import documents

DOCUMENTS = int(os.environ.get("DIFFERENTIAL_DOCUMENTS") or 0)  # of each kind; 0: as many as CI has time for
BOUNDLESS = Limits(cost=2**31 - 1, fields=2**31 - 1, aliases=10_000, mutations=1000, time=600_000)
POOLS = {"number": range(wild.ROWS), "numbers": range(wild.ROWS)}
REQUEST = RequestFactory().post("/graphql/")


def of_size(number: int) -> settings:
    """Return the settings of a test on so many documents."""
    return settings(
        max_examples=DOCUMENTS or number,
        deadline=None,
        database=None,
        derandomize=not DOCUMENTS,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )


OURS = Executor(wild.schema, BOUNDLESS)
REFERENCE = Executor(wild.schema, BOUNDLESS, by_reference=True)


def run(executor: Executor, prepared: Prepared) -> tuple[Answer, Counter[Any]]:
    context = wild.WildContext(request=REQUEST)
    answer = executor.run(prepared, context, no_scope)
    return answer, Counter(context.noted)


def compare(document: tuple[str, dict[str, Any]], source: str) -> None:
    """Run a document in both engines and compare the answers and the calls of batch resolvers."""
    try:
        prepared = OURS.prepare(Query(*document))
    except Refused:
        return
    ours, our_calls = run(OURS, prepared)
    reference, reference_calls = run(REFERENCE, prepared)
    check_same(ours, reference, source)
    assert reference_calls <= our_calls
    if not passes_nulls_on(reference):
        assert our_calls == reference_calls


@pytest.fixture(scope="module", autouse=True)
def _quiet():
    """Keep the many bugs that the data make on purpose out of the log."""
    logger = logging.getLogger("commerce.graphql.errors")
    logger.disabled = True
    yield
    logger.disabled = False


THING: Any = wild.schema.type_map["Thing"]


BELOW = {"pages": "(first: 2) { edges { node { number } } }", "wrong": "{ title }"}  # else what rows of any type have


@pytest.mark.parametrize("name", THING.fields)
def test_each_field_of_each_row_by_itself(name):
    """So that no fault hides behind another one."""
    below = "{ __typename ... on Numbered { number } }" * is_composite_type(get_named_type(THING.fields[name].type))
    text = "query ($n: Int) { thing(number: $n) { " + name + BELOW.get(name, below) + " } }"
    before = compared["one field"]
    for number in range(wild.ROWS):
        compare((text, {"n": number}), "one field")
    assert compared["one field"] == before + wild.ROWS


@pytest.mark.timeout(600)
@of_size(1500)
@given(document=documents(wild.schema, pools=POOLS))
def test_queries_over_faulty_data(document):
    compare(document, "made up: queries")


@pytest.mark.timeout(600)
@of_size(300)
@given(document=documents(wild.schema, operation="mutation", pools=POOLS))
def test_mutations_over_faulty_data(document):
    compare(document, "made up: mutations")


def test_made_up_documents_are_valid_and_need_no_fallback():
    """Else the tests above would compare nothing, or graphql-core with itself."""
    before, found = graphql_fallbacks.values(), Counter()

    @of_size(150)
    @given(document=documents(wild.schema, pools=POOLS))
    def look(document):
        answer, _ = run(OURS, OURS.prepare(Query(*document)))
        found["clean" if answer.clean else "with nulls passed on" if passes_nulls_on(answer) else "with errors"] += 1

    look()
    assert min(found.values()) > 20, found
    assert graphql_fallbacks.values() == before
