"""The check of the faults' rounds, tried: each fault that it is to find, made once."""

from dataclasses import replace

import pytest

from tests.faults.events import NEVER
from tests.faults.events.check import Committed, Receipt, compare, said_version


def receipt(version: int, *, id_: str = "", accepted: bool = True, of: str = "a", **changed) -> Receipt:
    made = Receipt(0.0, id_ or f"{of}{version}", "PRODUCT_UPDATED", of, version, accepted, version, is_never=False)
    return replace(made, **changed)


COMMITTED = Committed(
    rows={"a": (3, 3)}, deleted={"b": 2}, events={"a1": ("a", 1), "a2": ("a", 2), "a3": ("a", 3)}, told=[("a", 2)]
)
OF_A = [receipt(version) for version in (1, 2, 3)]
GONE = {"b1": ("b", 1), "b2": ("b", 2)}
WHOLE = replace(COMMITTED, events={**COMMITTED.events, **GONE})
ALL = [*OF_A, receipt(1, of="b"), receipt(2, of="b", type="CATEGORY_DELETED", says=1)]


def test_what_arrived_as_it_was_committed_is_clean():
    found = compare(ALL, WHOLE)
    assert found.is_clean, found
    assert (found.committed, found.received, found.again) == (5, 5, 0)


def test_the_same_event_again_is_counted_and_no_fault():
    found = compare([*ALL, receipt(1), receipt(3)], WHOLE)
    assert found.is_clean, found
    assert (found.again, found.received) == (2, 5)


def test_one_that_was_refused_and_came_again_is_no_fault():
    found = compare([receipt(1, accepted=False), *ALL], WHOLE)
    assert found.is_clean, found
    assert found.again == 0


@pytest.mark.parametrize(
    ("receipts", "committed", "kind"),
    [
        pytest.param([*OF_A, receipt(1, of="b")], WHOLE, "lost", id="a deletion that never arrived"),
        pytest.param([*ALL[:2], *ALL[3:]], WHOLE, "lost", id="a version that never arrived"),
        pytest.param([*ALL[:2], receipt(3, accepted=False), *ALL[3:]], WHOLE, "lost", id="one that was only refused"),
        pytest.param(
            ALL, replace(WHOLE, events={**WHOLE.events, "more": ("a", 3)}), "lost", id="an event beside the versions"
        ),
        pytest.param([*ALL, receipt(3, id_="a4")], WHOLE, "with two ids", id="a version under two ids"),
        pytest.param([*ALL, receipt(4)], WHOLE, "never committed", id="a version that no row has"),
        pytest.param([*ALL, receipt(1, of="c")], WHOLE, "never committed", id="an object that is not there"),
        pytest.param(
            ALL, replace(WHOLE, events={**COMMITTED.events}), "never committed", id="an event that is in no outbox"
        ),
        pytest.param(
            [*OF_A[:2], receipt(3, says=None, is_never=True), *ALL[3:]],
            WHOLE,
            "never committed",
            id="what was undone on purpose",
        ),
        pytest.param([OF_A[1], OF_A[0], OF_A[2], *ALL[3:]], WHOLE, "out of order", id="the second first"),
        pytest.param(
            [OF_A[0], receipt(2, accepted=False), OF_A[2], OF_A[1], *ALL[3:]],
            WHOLE,
            "out of order",
            id="one behind another that was refused",
        ),
        pytest.param([receipt(1, says=7), *ALL[1:]], WHOLE, "wrong content or version", id="another version's facts"),
        pytest.param(
            ALL,
            replace(WHOLE, rows={"a": (3, 2)}),
            "wrong content or version",
            id="a row of another version",
        ),
        pytest.param(
            ALL,
            replace(WHOLE, told=[("a", 4)]),
            "wrong content or version",
            id="a promised commit is gone",
        ),
    ],
)
def test_each_fault_is_found(receipts, committed, kind):
    assert compare(receipts, committed).faults[kind]


@pytest.mark.parametrize(
    ("kind", "values", "version"),
    [
        ("Product", {"slug": "3f2a-v12"}, 12),
        ("Category", {"slug": f"{NEVER}-3f2a"}, None),
        ("Stock", {"on_hand": 1_007, "reserved": 0}, 7),
        ("Stock", {"on_hand": 1_000_000, "reserved": 4}, 5),
        ("Stock", {"on_hand": 9_000_000}, None),
        ("Stock", {"on_hand": 1_000_000}, None),
    ],
)
def test_an_objects_values_tell_of_its_version(kind, values, version):
    assert said_version(kind, values) == version
