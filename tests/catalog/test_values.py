import datetime

import pytest

from catalog.values import choice_slug, editorjs, parse_value, plain_words
from commerce.errors import DomainError


@pytest.mark.parametrize(
    ("input_type", "raw", "expected"),
    [
        ("dropdown", " Deep Blue ", {"slug": "deep-blue", "name": "Deep Blue"}),
        ("multiselect", "Wool", {"slug": "wool", "name": "Wool"}),
        ("swatch", "Red|#ff0000", {"slug": "red", "name": "Red", "value": "#ff0000"}),
        ("numeric", "12.50", {"slug": "12.5", "name": "12.5", "numeric": 12.5}),
        ("numeric", 1e21, {"slug": "1e+21", "numeric": 1e21}),
        ("boolean", "No", {"slug": "false", "name": "No", "boolean": False}),
        ("boolean", True, {"slug": "true", "boolean": True}),
        ("date", "2026-01-31", {"slug": "2026-01-31", "date": datetime.date(2026, 1, 31)}),
        ("plain-text", "Some words", {"plain_text": "Some words", "name": "Some words"}),
    ],
)
def test_raw_value_becomes_the_columns_of_its_type(input_type, raw, expected):
    columns = parse_value(input_type, raw)
    assert {name: getattr(columns, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("input_type", "raw", "message"),
    [
        ("dropdown", "  ", "empty"),
        ("dropdown", "x" * 501, "501 characters"),
        ("swatch", "Red|reddish", "no colour"),
        ("numeric", "twelve", "'twelve' is no number"),
        ("numeric", "nan", "no number"),
        ("numeric", True, "no number"),
        ("boolean", "maybe", "neither true nor false"),
        ("date", "31-01-2026", "no date"),
        ("rich-text", "{}", "EditorJS"),
        ("rich-text", '{"blocks": [{"type": "paragraph", "data": {"text": "\\\\u0000"}}]}', "NUL"),
        ("plain-text", "a\0b", "NUL"),
        ("rich-text", '{"blocks": ["words"]}', "each with type and data"),
        ("rich-text", '{"blocks": [{"type": "paragraph"}]}', "each with type and data"),
        ("file", "a.pdf", "cannot be given as text"),
    ],
)
def test_value_of_the_wrong_type_is_refused_by_name(input_type, raw, message):
    with pytest.raises(DomainError, match=message):
        parse_value(input_type, raw)


def test_names_that_differ_in_signs_keep_different_slugs():
    slugs = {choice_slug(name) for name in ("C", "C++", "C#", "17.3", "173", '17.3"', "++", "--")}
    assert len(slugs) == 8
    assert choice_slug("C++") == choice_slug("c++")


def test_plain_text_becomes_rich_text_and_back_without_markup():
    document = editorjs("One <b>bold</b>\nline\n\nTwo & three")
    assert [block["data"]["text"] for block in document["blocks"]] == [
        "One &lt;b&gt;bold&lt;/b&gt; line",
        "Two &amp; three",
    ]
    assert plain_words({"blocks": [{"type": "paragraph", "data": {"text": "One <b>bold</b>"}}]}) == "One bold"
