"""What synchronous events ask, by the app's query: through a type that is made up here, as none is there yet."""

from decimal import Decimal
from typing import NamedTuple
from uuid import uuid4

import graphene
import pytest
from django.utils import timezone

from commerce.db.scope import tenant_scope
from commerce.errors import DomainError
from commerce.graphql.batch import batch
from commerce.graphql.schema import build_schema
from commerce.schema import Query, Subscription
from commerce.webhooks import operations, subscriptions, sync
from commerce.webhooks.operations import Wanted
from commerce.webhooks.subscriptions import make_question
from commerce.webhooks.sync import Question
from tenants import operations as tenants
from tenants.graphql.events import Event, EventRow
from tests.webhooks.test_sync import Taxes

EVENT = "CHECKOUT_CALCULATE_TAXES"
QUERY = "subscription { event { __typename recipient { name } ... on CalculateTaxes { taxBase { currency total } } } }"


class Base(NamedTuple):
    currency: str
    total: Decimal


class TaxBase(graphene.ObjectType):
    class Meta:
        possible_types = (Base,)

    currency = graphene.String()
    total = graphene.Float()


class CalculateTaxes(graphene.ObjectType):
    class Meta:
        interfaces = (Event,)
        possible_types = (EventRow,)

    tax_base = graphene.Field(TaxBase)

    @batch
    def resolve_tax_base(rows, info):
        return [row.subject for row in rows]


schema = build_schema(Query, None, Subscription, types=[CalculateTaxes])


@pytest.fixture(autouse=True)
def _made_up(settings):
    settings.GRAPHQL_SCHEMA = f"{__name__}.schema"
    subscriptions.runner.cache_clear()
    yield
    subscriptions.runner.cache_clear()


@pytest.fixture
def taxes(tenant):
    app = Taxes()
    yield app
    app.server.shutdown()
    app.server.server_close()


def listen(shop, url: str, query: str):
    with tenant_scope(shop.id):
        row = tenants.create_app(name="Taxes", permissions=["HANDLE_TAXES"])
        wanted = Wanted(name="taxes", target_url=url, events=(EVENT,), is_sync=True, query=query)
        return operations.create_webhook(app_id=row.id, wanted=wanted, permissions=["HANDLE_TAXES"])


def test_an_app_is_asked_by_its_query_what_the_caller_brings(tenant, taxes):
    listen(tenant, taxes.url, QUERY)
    checkout, now = uuid4(), timezone.now()
    base = Base("EUR", Decimal("12.5"))
    answers = sync.call(
        Question(EVENT, "Checkout", checkout),
        tenant_id=tenant.id,
        make_payload=lambda asked: make_question(asked, event=EVENT, object_id=checkout, subject=base, now=now),
        read=lambda given: given["rate"],
        deadline=5.0,
        fallback=0,
    )
    assert [(answer.value, answer.error) for answer in answers] == [(21, "")]
    ((headers, body),) = taxes.asked
    assert body == (
        b'{"__typename":"CalculateTaxes","recipient":{"name":"Taxes"},"taxBase":{"currency":"EUR","total":12.5}}'
    )
    assert headers["saleor-event"] == "checkout_calculate_taxes"


def test_a_query_of_a_type_that_is_there_is_checked(tenant, taxes):
    with pytest.raises(DomainError, match="'weight'"):
        listen(tenant, taxes.url, QUERY.replace("total", "weight"))


def test_one_of_a_type_that_is_not_there_yet_is_not(tenant, taxes, settings):
    settings.GRAPHQL_SCHEMA = "commerce.schema.schema"
    subscriptions.runner.cache_clear()
    listen(tenant, taxes.url, QUERY.replace("total", "weight"))
