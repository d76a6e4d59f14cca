from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce.graphql.paging import InvalidCursor, Page, PageRequest, decode_cursor, encode_cursor, normalized

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=100),
)


@given(st.lists(SCALARS, min_size=1, max_size=5))
def test_cursor_comes_back_as_the_position_it_was_made_from(parts):
    assert decode_cursor("ab12", encode_cursor("ab12", tuple(parts))) == tuple(parts)


@given(st.text(max_size=60))
def test_made_up_cursor_is_refused(text):
    with pytest.raises(InvalidCursor, match="Received cursor is invalid"):
        decode_cursor("ab12", text)


@pytest.mark.parametrize(
    "cursor",
    [
        encode_cursor("other", ("Name", 1)),
        encode_cursor("ab12", ()),
        encode_cursor("ab12", (["nested"],)),
        encode_cursor("ab12", ("Name", 1)) + "!",
        encode_cursor("ab12", ("Name", 1)).replace("J", "J!!!!", 1),
        encode_cursor("ab12", ("x" * 2000,)),
    ],
)
def test_cursor_of_another_order_or_shape_is_refused(cursor):
    with pytest.raises(InvalidCursor):
        decode_cursor("ab12", cursor)


def test_position_has_the_types_asked_for():
    key, instant = UUID(int=7), datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
    position = ("Name", 3, 1.5, key, Decimal("9.90"), instant, None)
    cursor = encode_cursor("ab12", position)
    request = PageRequest(10, start=decode_cursor("ab12", cursor))
    assert request.position(str, int, float, UUID, Decimal, datetime, UUID) == position
    assert PageRequest(10).position(str, UUID) is None


@pytest.mark.parametrize(
    ("start", "types"),
    [
        (("Name", "no uuid"), (str, UUID)),
        (("Name",), (str, UUID)),
        ((3, "Name"), (str, str)),
        ((True,), (int,)),
        (("3",), (int,)),
        (("nine",), (Decimal,)),
        (("tomorrow",), (datetime,)),
    ],
)
def test_position_of_other_types_is_refused(start, types):
    with pytest.raises(InvalidCursor):
        PageRequest(10, start=start).position(*types)


def test_page_of_one_row_too_many_tells_that_more_follow():
    page = Page.of(["a", "b", "c"], PageRequest(2), lambda row: (row,), total=9)
    assert (page.rows, page.has_next, page.has_previous, page.total) == (["a", "b"], True, False, 9)


def test_last_page_forwards():
    page = Page.of(["c"], PageRequest(2, start=("b",)), lambda row: (row,))
    assert (page.rows, page.has_next, page.has_previous, page.total) == (["c"], False, True, None)


def test_page_backwards_is_turned_round():
    page = Page.of(["d", "c", "b"], PageRequest(2, backwards=True, start=("e",)), lambda row: (row,))
    assert (page.rows, page.has_next, page.has_previous) == (["c", "d"], True, True)


@given(st.integers(0, 30), st.integers(1, 10), st.booleans())
def test_paging_through_a_list_meets_every_row_once(length, limit, backwards):
    rows, start = list(range(length)), None
    seen: list[int] = []
    while True:
        page = Page.slice(rows, PageRequest(limit, backwards, start), lambda row: (row,))
        assert page.total == length
        seen = [*page.rows, *seen] if backwards else [*seen, *page.rows]
        if not (page.has_previous if backwards else page.has_next):
            break
        start = (page.rows[0 if backwards else -1],)
    assert seen == rows


def test_slice_from_a_row_that_is_not_there_is_refused():
    with pytest.raises(InvalidCursor):
        Page.slice(["a"], PageRequest(1, start=("z",)), lambda row: (row,))


def test_no_rows_where_none_are_asked_for():
    page = Page.slice(["a"], PageRequest(0, with_total=True), lambda row: (row,))
    assert (page.rows, page.total) == ([], 1)


def test_normalized_position_is_what_a_cursor_keeps():
    assert normalized((UUID(int=7), Decimal("9.90"))) == (str(UUID(int=7)), "9.90")
