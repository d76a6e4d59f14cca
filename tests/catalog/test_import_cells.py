"""Cells read as prices, numbers, dates, codes; and where a mapping finds them."""

from datetime import UTC, datetime

import pytest

from catalog.imports import cells
from catalog.imports.cells import Source
from commerce.errors import DomainError


@pytest.mark.parametrize(
    ("value", "unit", "decimal", "currency", "minor"),
    [
        ("12.50", "major", ".", "EUR", 1250),
        (12.5, "major", ".", "EUR", 1250),
        (129.99, "major", ".", "USD", 12999),
        (12, "major", ".", "EUR", 1200),
        ("1.234,5", "major", ",", "EUR", 123450),
        ("1250", "minor", ".", "EUR", 1250),
        (4995.0, "minor", ".", "USD", 4995),
        ("100", "major", ".", "JPY", 100),
        ("1.234", "major", ".", "KWD", 1234),
        (" 0 ", "major", ".", "EUR", 0),
        ("92233720368547758.07", "major", ".", "EUR", 2**63 - 1),
    ],
)
def test_price_becomes_minor_units(value, unit, decimal, currency, minor):
    assert cells.price_of(value, currency, unit=unit, decimal=decimal) == minor


@pytest.mark.parametrize(
    ("value", "unit", "decimal"),
    [
        ("free", "major", "."),
        ("1e3", "major", "."),
        ("1 000", "major", "."),
        ("-0.01", "major", "."),
        ("0.001", "major", "."),
        ("12.5", "minor", "."),
        ("12,50", "major", "."),
        (True, "major", "."),
        ([1], "major", "."),
        ({"a": 1}, "minor", "."),
        ("9" * 40, "minor", "."),
        (2**63, "minor", "."),
        ("٣", "major", "."),
        ("NaN", "major", "."),
    ],
)
def test_what_is_no_price_is_refused(value, unit, decimal):
    with pytest.raises(DomainError):
        cells.price_of(value, "EUR", unit=unit, decimal=decimal)


@pytest.mark.parametrize(
    ("value", "gtin"),
    [
        ("4006381333931", "4006381333931"),
        (4006381333931, "4006381333931"),
        ("085896333746", "085896333746"),
        ("85896333746", "085896333746"),  # a spreadsheet dropped the zero
        ("96385074", "96385074"),
        ("0 12345 67890 5", "012345678905"),
        ("10614141000415", "10614141000415"),
    ],
)
def test_gtin_is_verified_and_gets_its_zeros_back(value, gtin):
    assert cells.gtin_of(value) == gtin


@pytest.mark.parametrize("value", ["4006381333932", "12345", "400638133393x", "123456789012345", ""])
def test_what_is_no_gtin_is_refused(value):
    with pytest.raises(DomainError):
        cells.gtin_of(value)


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31 12:00:00+02:00", datetime(2026, 1, 31, 10, tzinfo=UTC)),
    ],
)
def test_moment_is_utc(value, moment):
    assert cells.moment_of(value) == moment


@pytest.mark.parametrize("value", ["31.01.2026", "2026-02-30", "0001-01-01T00:00:00+14:00", "now", ["x"]])
def test_what_is_no_moment_is_refused(value):
    with pytest.raises(DomainError):
        cells.moment_of(value)


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), (" a ", "a"), (True, "true"), (70.0, "70"), (7.25, "7.25"), (10**20, str(10**20))]
)
def test_text_of_json_is_what_is_written(value, text):
    assert cells.text_of(value) == text


@pytest.mark.parametrize("value", ["a\0", "\ud800", [], {}, "x" * 1_000_001])
def test_text_that_cannot_be_kept_is_refused(value):
    with pytest.raises(DomainError):
        cells.text_of(value)


@pytest.mark.parametrize(
    ("value", "unit", "grams"), [("1.5", "kg", 1500), (1, "lb", 454), ("0", "g", 0), (3, "oz", 85)]
)
def test_weight_becomes_grams(value, unit, grams):
    assert cells.weight_of(value, unit=unit) == grams


@pytest.mark.parametrize("value", ["ftp://a/b", "//a/b", "a.jpg", "http://", "https://a/b c", "http://[", "x" * 1001])
def test_what_is_no_address_is_refused(value):
    with pytest.raises(DomainError):
        cells.url_of(value)


def test_document_is_checked():
    document = {"blocks": [{"type": "paragraph", "data": {"text": "a"}}]}
    assert cells.document_of(document) == document
    assert cells.document_of('{"blocks": []}') == {"blocks": []}
    assert cells.document_of(" ") is None
    for bad in (
        "text",
        "{",
        {"blocks": 1},
        {"blocks": [1]},
        {"blocks": [{"type": "x"}]},
        '{"blocks": [], "x": "\\u0000"}',
    ):
        with pytest.raises(DomainError):
            cells.document_of(bad)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (Source("k", columns=("a",)), ["1"]),
        (Source("k", columns=("none", "a")), ["1"]),
        (Source("k", columns=("list",)), ["x", "y"]),
        (Source("k", columns=("text",), split="|"), ["p", "q"]),
        (Source("k", columns=("text",), split="|", ignore=frozenset({"p"})), ["q"]),
        (Source("k", columns=("empty",), default="d"), ["d"]),
        (Source("k", columns=("empty",)), []),
        (Source("k", columns=("nothing",)), []),
        (Source("k", template="{a}-{list_of_one}"), []),
        (Source("k", template="{a}/{number}"), ["1/7"]),
        (Source("k", template="{a}/{empty}"), []),
        (Source("k", constant=False), [False]),
    ],
)
def test_source_finds_values(source, found):
    row = {"a": " 1 ", "list": ["x", "", "y"], "text": "p| q |", "empty": "  ", "nothing": None, "number": 7.0}
    assert source.read_all(row) == found


def test_several_values_where_one_is_taken_are_refused():
    with pytest.raises(DomainError, match="2 values stand here"):
        Source("k", columns=("a",)).read({"a": ["x", "y"]})
    assert Source("k", columns=("a",), first=True).read({"a": ["x", "y"]}) == "x"
