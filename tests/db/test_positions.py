"""Where a commit is in the log, as whoever reads after it is told."""

import pytest
from django.db import connections

from commerce.db import positions
from commerce.db.positions import Position
from commerce.db.scope import tenant_scope
from tests.factories.tenants import make_channel


def test_positions_sort_as_their_texts_and_by_timeline_first():
    places = [Position(2, 0), Position(1, 0x10_0000_0000), Position(1, 0xFFFF_FFFF)]
    assert sorted(places) == [places[2], places[1], places[0]]
    assert sorted(map(str, places)) == [str(place) for place in sorted(places)]
    assert Position.parse(str(places[1])) == places[1]
    assert Position.of("0000000200000000000000A1", "1/A1000028") == Position(2, 0x1_A100_0028)


@pytest.mark.parametrize("text", ["", "1", "z" * 24, "0" * 23, "0" * 25, "-" * 24])
def test_a_text_that_is_no_position_is_refused(text):
    with pytest.raises(ValueError):
        Position.parse(text)


def test_a_writing_scope_notes_where_its_commit_is(tenant):
    positions.forget_written()
    with tenant_scope(tenant.id):
        before = _current()
        make_channel(slug="de")
        assert positions.last_written() is None
    written = positions.last_written()
    assert written is not None
    assert before < written <= _current()


def test_reading_writes_nothing(tenant):
    positions.forget_written()
    with tenant_scope(tenant.id, read_only=True):
        pass
    assert positions.last_written() is None


def _current() -> Position:
    with connections["default"].cursor() as cursor:
        cursor.execute(positions.CURRENT_SQL)
        return Position.of(*cursor.fetchone())
