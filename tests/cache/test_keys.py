"""Two requests share an answer only if nothing that it may depend on tells them apart."""

from dataclasses import replace

import pytest

from commerce.cache import keys
from commerce.cache.keys import Key
from commerce.db.positions import Position

KEY = Key(
    schema="1",
    tenant=7,
    scheme="https",
    host="shop.test",
    port=443,
    channel="us",
    language="en",
    currency="USD",
    country="US",
    document="abc",
    operation="List",
    variables={"first": 24, "filter": {"a": 1, "b": [1, 2]}},
)
OTHERS = {
    "schema": ["2", ""],
    "tenant": [8],
    "shop": ["2"],
    "scheme": ["http"],
    "host": ["shop2.test"],
    "port": [444],
    "channel": ["us-en", ""],
    "language": ["de"],
    "currency": ["EUR"],
    "country": ["DE"],
    "document": ["abd"],
    "operation": [None, "list", ""],
    "variables": [
        {},
        {"first": 24},
        {"first": "24", "filter": {"a": 1, "b": [1, 2]}},
        {"first": 24, "filter": {"a": True, "b": [1, 2]}},
        {"first": 24, "filter": {"a": 1, "b": [2, 1]}},
        {"first": 24, "filter": {"a": 1, "b": [1, 2]}, "after": None},
    ],
    "caller": ["user:1"],
}


def test_every_part_is_tried():
    assert set(OTHERS) == set(Key.__slots__)


@pytest.mark.parametrize(("part", "value"), [(part, value) for part, values in OTHERS.items() for value in values])
def test_each_part_counts(part, value):
    assert replace(KEY, **{part: value}).digest() != KEY.digest()


def test_neighbouring_parts_do_not_run_into_each_other():
    assert replace(KEY, host="shop.tes", channel="tus").digest() != KEY.digest()
    assert replace(KEY, language="", currency="en").digest() != replace(KEY, language="en", currency="").digest()


def test_the_order_of_variables_does_not_count():
    assert replace(KEY, variables={"filter": {"b": [1, 2], "a": 1}, "first": 24}).digest() == KEY.digest()


def test_variables_that_json_cannot_say_are_refused():
    with pytest.raises(TypeError):
        replace(KEY, variables={"n": 1 << 70}).digest()


def test_positions_in_redis_sort_as_they_do():
    places = [Position(1, 0), Position(1, 10), Position(1, 0xFFFF_FFFF_FFFF_FFFF), Position(2, 9), Position(10, 0)]
    texts = [keys.position_text(place) for place in places]
    assert texts == sorted(texts)
    assert [keys.read_position(text) for text in texts] == places
    assert {len(text) for text in texts} == {30}
    assert all(text.isdigit() for text in texts)
    assert [keys.timeline_text(place.timeline) for place in places] == [text[:10] for text in texts]
