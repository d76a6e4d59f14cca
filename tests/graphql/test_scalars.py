from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest

from .toy import ScalarRow, run

CET = timezone(timedelta(hours=1))


def literal(field, text):
    return run(f"{{ echo(input: {{{field}: {text}}}) }}")


def variable(field, value):
    return run("query ($i: ScalarInput!) { echo(input: $i) }", {"i": {field: value}})


@pytest.mark.parametrize(
    ("field", "text", "value", "meant"),
    [
        ("date", '"2026-02-28"', "2026-02-28", date(2026, 2, 28)),
        (
            "dateTime",
            '"2026-01-01T12:00:00.5+01:00"',
            "2026-01-01T12:00:00.5+01:00",
            datetime(2026, 1, 1, 12, 0, 0, 500000, CET),
        ),
        ("dateTime", '"2026-01-01T12:00:00Z"', "2026-01-01T12:00:00Z", datetime(2026, 1, 1, 12, tzinfo=UTC)),
        ("dateTime", '"2026-01-01T12:00:00"', "2026-01-01T12:00:00", datetime(2026, 1, 1, 12, tzinfo=UTC)),
        ("day", "3", 3, 3),
        ("minute", "0", 0, 0),
        ("decimal", "1.10", 1.1, Decimal("1.10")),
        ("decimal", "-7", -7, Decimal(-7)),
        ("decimal", '"1.10"', "1.10", Decimal("1.10")),
        ("positive", "0", 0, Decimal(0)),
        ("weight", '"2.5"', "2.5", Decimal("2.5")),
        ("generic", '{a: [1, "x", true, null]}', {"a": [1, "x", True, None]}, {"a": [1, "x", True, None]}),
        ("json", "[1, {b: -2}]", [1, {"b": -2}], [1, {"b": -2}]),
        ("jsonString", r'"{\"a\": [1]}"', '{"a": [1]}', {"a": [1]}),
        ("metadata", '{key: "value"}', {"key": "value"}, {"key": "value"}),
        ("uuid", '"00000000-0000-0000-0000-000000000007"', "00000000-0000-0000-0000-000000000007", UUID(int=7)),
    ],
)
def test_literal_and_variable_mean_the_same(field, text, value, meant):
    for found in (literal(field, text), variable(field, value)):
        name, _, shown = found.data["echo"].strip("{}").partition(": ")
        if field == "decimal" and isinstance(value, float):
            assert shown in (repr(Decimal("1.10")), repr(Decimal("1.1")))
        else:
            assert f"{name}: {shown}".endswith(repr(meant).strip("{}")), found.data


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("date", "2026-02-30"),
        ("date", 20260228),
        ("date", "20260228"),
        ("dateTime", "yesterday"),
        ("dateTime", 1767268800),
        ("day", -1),
        ("day", 1.5),
        ("day", True),
        ("day", 2**31),
        ("minute", "3"),
        ("decimal", "twelve"),
        ("decimal", "NaN"),
        ("decimal", "Infinity"),
        ("decimal", True),
        ("decimal", "1e999999"),
        ("decimal", "1e-999999"),
        ("decimal", [1]),
        ("positive", -0.01),
        ("weight", "-1"),
        ("weight", "1 kg"),
        ("jsonString", "{"),
        ("jsonString", {"a": 1}),
        ("metadata", {"a": 1}),
        ("metadata", "a"),
        ("uuid", "7"),
        ("uuid", 7),
        ("file", "x"),
        ("language", "XX_YY"),
        ("country", "ZZ"),
        ("country", 7),
    ],
)
def test_bad_value_is_refused_and_named(field, value):
    found = variable(field, value)
    assert found.status == 400
    assert found.messages[0].startswith(f"Variable '$i' got invalid value {value!r} at 'i.{field}'"), found.messages
    assert found.scopes.log == []


@pytest.mark.parametrize(
    ("field", "text"), [("date", '"x"'), ("positive", "-1"), ("uuid", "7"), ("day", "1.5"), ("dateTime", "{}")]
)
def test_bad_literal_is_refused_at_its_place(field, text):
    found = literal(field, text)
    assert found.status == 400
    assert found.errors[0]["locations"] == [{"line": 1, "column": 18 + len(field)}]
    assert "Internal" not in found.messages[0]


def test_output(monkeypatch):
    row = {
        "date_time": datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC),
        "decimal": Decimal("12.30"),
        "whole": Decimal("12.00"),
        "json_string": {"blocks": [{"text": "é"}]},
        "json": {"a": [1, None]},
        "language": "nl-BE",
        "country": "EU",
    }
    for name, value in row.items():
        monkeypatch.setattr(ScalarRow, name, value, raising=False)
    assert run("{ scalars { dateTime decimal whole jsonString json language country } }").data["scalars"] == {
        "dateTime": "2026-01-01T12:00:00.123456+00:00",
        "decimal": 12.3,
        "whole": 12,
        "jsonString": '{"blocks":[{"text":"é"}]}',
        "json": {"a": [1, None]},
        "language": "NL_BE",
        "country": "EU",
    }
