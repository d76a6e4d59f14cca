"""Every address of REST, asked at one shop's host by a key that may do all there, by the ids and names of another.

The cases are made from the router and its document: new resources are covered on the day they are added.
"""

import itertools
from typing import Any
from uuid import uuid4

import orjson
import pytest

from commerce.rest.document import document
from commerce.rest.filters import ID
from commerce.rest.resources import Resource
from commerce.rest.rows import Reference
from commerce.urls import rest
from tenants.permissions import GRANTS
from tests.factories.rows import load_every_model
from tests.factories.tenants import open_shop
from tests.isolation.conftest import Shops, ids_of, rows_of
from tests.rest.conftest import Office, make_key

PATHS = document()["paths"]
LISTS = [path for path, item in PATHS.items() if "get" in item and "{" not in path]
OBJECTS = [(method, path) for path, item in PATHS.items() if "{id}" in path for method in item]
RESOURCES = [
    (prefix, viewset)
    for prefix, viewset, _ in rest.registry
    if isinstance(viewset, type) and issubclass(viewset, Resource)
]
FILTERS = [(prefix, viewset, filter_) for prefix, viewset in RESOURCES for filter_ in viewset.filters]
REFERENCES = [
    (prefix, viewset, name)
    for prefix, viewset in RESOURCES
    for name, field in viewset.row().fields.items()
    if isinstance(field, Reference)
]
# Columns of natural keys, by the table that has them.
NAMES = ("slug", "sku")


@pytest.fixture(scope="module")
def shops(_database) -> Shops:
    """Return two shops of this module's own, as a key of ours may do all."""
    ours, theirs = load_every_model(open_shop()), load_every_model(open_shop())
    our_rows, their_rows = rows_of(ours), rows_of(theirs)
    secrets = {theirs.token, theirs.host, str(theirs.public_id), *ids_of(their_rows)}
    return Shops(ours, theirs, our_rows, their_rows, frozenset(secrets))


@pytest.fixture(scope="module")
def office(shops) -> Office:
    return Office(shops.ours, make_key(shops.ours, *GRANTS))


def traces(answer: Any, shops: Shops, sent: str = "") -> set[str]:
    """Return what an answer holds of the other shop, beside what was sent."""
    text = answer.content.decode() + "\n".join(f"{name}: {value}" for name, value in answer.items())
    return {secret for secret in shops.secrets if secret in text and secret not in sent}


def ids_of_table(rows: Any, model: Any) -> list[str]:
    return [row["id"] for row in rows[model._meta.db_table]]


def ids_to_ask(path: str, shops: Shops) -> list[str]:
    """Return all ids of the kind that a path is about, and one of each kind beside it."""
    view = next(viewset for prefix, viewset, _ in rest.registry if path.startswith(f"/api/v1/{prefix}/"))
    own = ids_of_table(shops.their_rows, view.model) if hasattr(view, "model") else []
    others = [rows[0]["id"] for rows in shops.their_rows.values() if rows and len(rows[0].get("id", "")) == 36]
    return list(dict.fromkeys([*own, *others[:: 5 if own else 1]]))


def names_of_table(rows: Any, model: Any) -> list[str]:
    return [row[name] for row in rows[model._meta.db_table] for name in NAMES if row.get(name)]


@pytest.mark.parametrize("path", LISTS)
def test_a_list_shows_nothing_of_another_shop(path, office, shops):
    answer = office("GET", path)
    assert answer.status_code == 200
    assert traces(answer, shops) == set()


def test_the_lists_are_really_filled(office, shops):
    """Without this the test above could pass on empty lists."""
    empty = {path for path in LISTS if not (office("GET", path).data.get("items") or path.endswith("/events"))}
    assert empty == set()


@pytest.mark.parametrize(("method", "path"), OBJECTS, ids=[f"{method} {path}" for method, path in OBJECTS])
def test_an_object_of_another_shop_is_answered_like_one_that_nobody_has(method, path, office, shops):
    for id_ in ids_to_ask(path, shops):
        answers = []
        for asked in (id_, str(uuid4())):
            body = {} if method in ("put", "patch", "post") else None
            answer = office(method.upper(), path.replace("{id}", asked), body)
            # Some look at the body first.
            assert answer.status_code == 404 or (method == "post" and answer.status_code == 422), answer.data
            assert traces(answer, shops, sent=asked) == set()
            answers.append(answer.content.replace(asked.encode(), b"..."))
        assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("prefix", "viewset", "filter_"), FILTERS, ids=[f"{prefix}-{filter_.name}" for prefix, _, filter_ in FILTERS]
)
def test_nothing_is_found_by_a_value_of_another_shop(prefix, viewset, filter_, office, shops):
    values = (
        ids_of(shops.their_rows)
        if filter_.kind == ID
        else {
            name
            for table in shops.their_rows.values()
            for row in table
            for name in row.values()
            if _is_theirs(name, shops)
        }
    )
    if filter_.choices or filter_.kind not in (ID, "text"):
        return
    for value in sorted(values)[:60]:
        answer = office("GET", f"{prefix}?{filter_.name}={value}")
        assert (answer.status_code, answer.data) == (200, {"items": [], "next_cursor": None}), value


def _is_theirs(value: Any, shops: Shops) -> bool:
    return isinstance(value, str) and shops.theirs.token in value and value.replace("-", "").isalnum()


@pytest.mark.parametrize(
    ("prefix", "viewset", "name"), REFERENCES, ids=[f"{prefix}-{name}" for prefix, _, name in REFERENCES]
)
def test_nothing_of_another_shop_can_be_referred_to(prefix, viewset, name, office, shops):
    model = viewset.row().fields[name].model
    values = [*ids_of_table(shops.their_rows, model), *names_of_table(shops.their_rows, model)]
    values = [value for value in values if value not in names_of_table(shops.our_rows, model)]
    assert values
    for value, send in itertools.product(values, (_alone, _in_a_batch)):
        answer = send(office, prefix, {name: value})
        faults = answer.data.get("errors") or [answer.data["results"][0]["problem"]]
        assert {fault["code"] for fault in faults if fault["field"] == name} == {"NOT_FOUND"}, answer.data
        assert traces(answer, shops, sent=value) == set()


def _alone(office: Office, prefix: str, row: Any) -> Any:
    answer = office("POST", prefix, row)
    assert answer.status_code == 422
    return answer


def _in_a_batch(office: Office, prefix: str, row: Any) -> Any:
    answer = office("POST", f"{prefix}/bulk", {"rows": [row]})
    assert answer.status_code == 207
    return answer


@pytest.mark.parametrize(("prefix", "viewset"), RESOURCES, ids=[prefix for prefix, _ in RESOURCES])
def test_a_row_of_a_batch_that_names_an_id_of_another_shop_is_refused(prefix, viewset, office, shops):
    for id_ in ids_of_table(shops.their_rows, viewset.model):
        answer = office("POST", f"{prefix}/bulk", {"rows": [{"id": id_}]})
        (row,) = answer.data["results"]
        assert (row["status"], row["problem"]["code"]) == (404, "NOT_FOUND")
        assert traces(answer, shops, sent=id_) == set()


def test_a_natural_key_of_another_shop_makes_an_object_of_our_own(office, shops):
    their = shops.their_rows["catalog_category"][0]
    row = {"slug": their["slug"], "external_reference": their["external_reference"], "name": "Ours"}
    answer = office("POST", "categories/bulk", {"rows": [row]})
    assert (answer.status_code, answer.data["created"]) == (200, 1)
    assert answer.data["results"][0]["id"] not in shops.secrets


def test_a_key_opens_its_own_shop_alone(office, shops):
    stranger = Office(shops.theirs, office.key)
    for path in LISTS:
        answer = stranger("GET", path)
        assert (answer.status_code, orjson.loads(answer.content)["code"]) == (401, "UNAUTHENTICATED")


def test_the_other_shop_is_as_it_was(office, shops):
    """Last: whatever the tests above have sent."""
    after = rows_of(shops.theirs)
    assert {table: rows for table, rows in after.items() if rows != shops.their_rows[table]} == {}
