"""The same mutation under the same `Idempotency-Key`: each field has one effect, and its first answer again."""

import threading
from dataclasses import replace
from functools import partial

import graphene
import orjson
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.test import RequestFactory
from django.utils import timezone

from commerce.db.scope import tenant_scope
from commerce.errors import DomainError
from commerce.graphql.batch import root, root_outside
from commerce.graphql.context import Context
from commerce.graphql.executor import Executor, Query
from commerce.graphql.repeats import Sent, read_sent
from commerce.graphql.schema import build_schema
from commerce.graphql.transport import BadRequest
from commerce.idempotency.models import Record
from tenants.graphql.policy import policy_of
from tests.factories.tenants import make_app

from .toy import Payload, PayloadRow

WANTED = 'targetUrl: "https://a.example/", asyncEvents: [PRODUCT_UPDATED]'
CREATE = f"""mutation($name: String, $other: String) {{
  first: webhookCreate(input: {{name: $name, {WANTED}}}) {{ webhook {{ id name }} errors {{ code }} }}
  second: webhookCreate(input: {{name: $other, {WANTED}}}) {{ webhook {{ id name }} }}
}}"""
LIST = "{ app { webhooks { name } } }"
KEY = "0b9f8f0e-6a5c-4a5e-9d4e-2f6a3f0c1d2e"


@pytest.fixture
def send(tenant, client_for):
    """Return a function that sends a mutation as an app, under a key."""
    with tenant_scope(tenant.id):
        token = make_app("MANAGE_APPS", "MANAGE_PRODUCTS").text

    def post(query=CREATE, *, key=KEY, bearer=token, shop=tenant, body=None, **variables):
        headers = {"authorization": f"Bearer {bearer}"} if bearer else {}
        client = client_for(shop, idempotency_key=key, **headers)
        given = body if body is not None else {"query": query, "variables": variables or {"name": "a", "other": "b"}}
        return client.post("/graphql/", given, "application/json")

    return post


def names(send):
    return sorted(row["name"] for row in send(LIST, key="a-query-has-none").json()["data"]["app"]["webhooks"])


# --- At the door ------------------------------------------------------------------------------------------


def test_a_repeat_gets_the_first_answer_and_has_no_effect(send):
    first, again = send(), send()
    assert first.json()["data"]["second"]["webhook"]["name"] == "b"
    assert again.content == first.content
    assert ("Idempotency-Replayed" in first, again["Idempotency-Replayed"]) == (False, "true")
    assert names(send) == ["a", "b"]


def test_a_repeat_tells_its_reader_where_to_read_on(send):
    first, again = send(), send()
    assert again["Read-After"] >= first["Read-After"]


def test_without_a_key_everything_is_done_anew(send, tenant, client_for):
    with tenant_scope(tenant.id):
        bearer = make_app("MANAGE_APPS", "MANAGE_PRODUCTS").text
    client = client_for(tenant, authorization=f"Bearer {bearer}")
    for _ in range(2):
        client.post("/graphql/", {"query": CREATE, "variables": {"name": "a", "other": "a"}}, "application/json")
    listed = client.post("/graphql/", {"query": LIST}, "application/json").json()
    assert len(listed["data"]["app"]["webhooks"]) == 4
    with tenant_scope(tenant.id):
        assert not Record.objects.exists()


@pytest.mark.parametrize("changed", [{"name": "c", "other": "b"}, {"query": CREATE + " "}])
def test_another_mutation_under_the_same_key_is_refused(send, changed):
    send()
    answer = send(**changed).json()
    assert answer["data"] == {"first": None, "second": None}
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"IDEMPOTENCY_KEY_REUSED"}
    assert names(send) == ["a", "b"]


def test_a_field_that_was_refused_is_tried_again_and_the_others_are_not(send):
    refused = CREATE.replace("https://a.example/", "nonsense", 1)
    first, again = send(refused), send(refused)
    assert first.json()["data"]["first"]["errors"]
    assert again.json() == first.json()
    assert names(send) == ["b"]


def test_callers_and_shops_have_their_own_keys(send, tenant, other_tenant):
    send()
    with tenant_scope(tenant.id):
        another = make_app("MANAGE_APPS", "MANAGE_PRODUCTS").text
    with tenant_scope(other_tenant.id):
        elsewhere = make_app("MANAGE_APPS", "MANAGE_PRODUCTS").text
    for answer in (send(bearer=another), send(bearer=elsewhere, shop=other_tenant)):
        assert "Idempotency-Replayed" not in answer
        assert answer.json()["data"]["first"]["webhook"]["name"] == "a"


def test_each_call_of_a_batch_is_one_of_its_own(send, monkeypatch):
    def two(request, shop, limits):
        return policy_of(request, shop, replace(limits, batch=2))

    monkeypatch.setattr("commerce.urls.policy_of", two)
    body = [{"query": CREATE, "variables": {"name": name, "other": "x"}} for name in ("a", "a")]
    first, again = send(body=body), send(body=body)
    assert again.content == first.content
    assert again["Idempotency-Replayed"] == "true"
    assert names(send) == ["a", "a", "x", "x"]


@pytest.mark.parametrize("key", ["", " ", "é", "x" * 256])
def test_what_is_no_key_is_refused(send, key):
    refused = send(key=key)
    assert refused.status_code == 400
    assert "Idempotency-Key is a text of 1 to 255" in refused.json()["errors"][0]["message"]


def test_nobody_known_sends_a_key_that_others_do_not_guess(send):
    refused = send(key="k-1", bearer=None)
    assert (refused.status_code, refused.json()["errors"][0]["message"]) == (
        400,
        "Idempotency-Key has at least 16 characters where no one is signed in: send a UUID.",
    )
    assert send(bearer=None).json()["errors"][0]["message"].startswith("To access this path")


def test_a_page_may_send_the_key(tenant, client_for):
    answer = client_for(tenant, origin="https://shop.example").options("/graphql/")
    assert "Idempotency-Key" in answer["Access-Control-Allow-Headers"]
    assert "Idempotency-Replayed" in answer["Access-Control-Expose-Headers"]


def test_of_many_at_once_one_does_it(send):
    answers = []

    def post():
        try:
            answers.append(send().json())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=post) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    codes = {error["extensions"]["code"] for answer in answers for error in answer.get("errors", [])}
    assert codes <= {"IDEMPOTENCY_IN_FLIGHT"}
    assert names(send) == ["a", "b"]


def test_a_file_counts_by_what_is_in_it(rf):
    def sent(content):
        file = SimpleUploadedFile("a.png", content)
        found = read_sent(rf.post("/", headers={"idempotency-key": KEY}), "app:x", ["text", {"file": file}])
        assert file.read() == content
        return found

    assert sent(b"one") == sent(b"one")
    assert sent(b"one") != sent(b"two")


# --- In both engines --------------------------------------------------------------------------------------

done = []


class Mutation(graphene.ObjectType):
    """A field in a scope, one outside, and one that may not be null."""

    inside = graphene.Field(Payload, name=graphene.String())
    outside = graphene.Field(Payload, name=graphene.String())

    @root
    def resolve_inside(info, name):
        return work(name)

    @root_outside
    def resolve_outside(info, name):
        return work(name)


class Query_(graphene.ObjectType):
    class Meta:
        name = "Query"

    word = graphene.String()

    @root
    def resolve_word(info):
        return None


def work(name):
    done.append(name)
    if name == "refused" and done.count("refused") == 1:
        raise DomainError("Not now.", code="LATER")
    if name == "killed" and done.count("killed") == 1:
        raise SystemExit
    return PayloadRow(name)


@pytest.fixture(params=[False, True], ids=["engine", "reference"])
def run(request, tenant):
    """Return a function that runs a mutation under a key, in a tenant's scopes."""
    done.clear()
    executor = Executor(build_schema(Query_, Mutation), by_reference=request.param)

    def execute(text, *, digest="d", now=None):
        context = Context(request=RequestFactory().post("/"), tenant=tenant.id, now=now or timezone.now())
        context.sent = Sent(KEY, "app:x", digest)
        answer = executor.execute(Query(text, {}), context, lambda operation: tenant_scope(tenant.id))
        return answer.repeated, orjson.loads(answer.body)

    return execute


def test_a_field_that_is_no_write_is_answered_each_time(run):
    both = 'mutation { __typename inside(name: "a") { name } }'
    assert [run(both)[1]["data"] for _ in range(2)] == [{"__typename": "Mutation", "inside": {"name": "a"}}] * 2
    assert done == ["a"]


@pytest.mark.parametrize("field", ["inside", "outside"])
class TestWork:
    def test_happens_once_with_its_errors_repeated(self, run, field):
        text = f'mutation {{ it: {field}(name: "a") {{ name fails }} }}'
        (is_first, first), (is_again, again) = run(text), run(text)
        assert (is_first, is_again) == (False, True)
        assert first["errors"][0]["path"] == ["it", "fails"]
        assert again == first
        assert done == ["a"]

    def test_that_failed_is_done_again(self, run, field):
        text = f'mutation {{ {field}(name: "refused") {{ name }} }}'
        assert run(text)[1]["errors"][0]["extensions"]["code"] == "LATER"
        assert run(text) == (False, {"data": {field: {"name": "refused"}}})
        assert run(text) == (True, {"data": {field: {"name": "refused"}}})
        assert done == ["refused", "refused"]

    def test_that_was_killed_is_done_again(self, run, field):
        text = f'mutation {{ before: inside(name: "a") {{ name }} {field}(name: "killed") {{ name }} }}'
        with pytest.raises(SystemExit):
            run(text)
        assert run(text) == (True, {"data": {"before": {"name": "a"}, field: {"name": "killed"}}})
        assert done == ["a", "killed", "killed"]

    def test_of_another_request_is_refused(self, run, field):
        text = f'mutation {{ {field}(name: "a") {{ name }} }}'
        run(text)
        _, answer = run(text, digest="other")
        assert answer["data"] == {field: None}
        assert answer["errors"][0]["extensions"]["code"] == "IDEMPOTENCY_KEY_REUSED"


@pytest.mark.parametrize("key", ["short", "é"])
def test_a_bad_key_is_no_key(rf, key):
    with pytest.raises(BadRequest):
        partial(read_sent, rf.post("/", headers={"idempotency-key": key}), "")([])
