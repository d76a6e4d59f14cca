"""Our engine beside graphql-core: the same document over the same data, and what must be equal.

The data and the order of its keys; the errors, as a set after dropping those below a null that was passed on;
and each such null has an error in both.
"""

from collections import Counter
from contextlib import nullcontext
from typing import Any

import orjson

from commerce.graphql.executor import Answer

compared: Counter[str] = Counter()  # documents by where they come from


def check_same(ours: Answer, reference: Answer, source: str) -> None:
    """Compare two answers to one document, or raise AssertionError."""
    compared[source] += 1
    if ours.body == reference.body:
        return
    assert ours.status == reference.status
    assert ours.clean is reference.clean
    ours_body, reference_body = orjson.loads(ours.body), orjson.loads(reference.body)
    assert orjson.dumps(ours_body.get("data")) == orjson.dumps(reference_body.get("data"))
    data = ours_body.get("data")
    assert _shown_errors(ours_body, data) == _shown_errors(reference_body, data)
    for place in _nulls_passed_on(ours_body, data) | _nulls_passed_on(reference_body, data):
        for body in (ours_body, reference_body):
            assert any(tuple(error["path"][: len(place)]) == place for error in body["errors"])


def passes_nulls_on(answer: Answer) -> bool:
    """Tell whether an error of an answer took more of the data with it than its own place."""
    body = orjson.loads(answer.body)
    return bool(_nulls_passed_on(body, body.get("data")))


def _shown_errors(body: dict[str, Any], data: Any) -> set[bytes]:
    """Return the errors whose place is still there."""
    return {
        orjson.dumps(error, option=orjson.OPT_SORT_KEYS)
        for error in body.get("errors", ())
        if _depth_of_null(error.get("path") or (), data) >= len(error.get("path") or ())
    }


def _nulls_passed_on(body: dict[str, Any], data: Any) -> set[tuple[Any, ...]]:
    """Return the places of the nulls that errors below them were passed on to."""
    found = set()
    for error in body.get("errors", ()):
        path = tuple(error.get("path") or ())
        depth = _depth_of_null(path, data)
        if depth < len(path):
            found.add(path[:depth])
    return found


def _depth_of_null(path: Any, data: Any) -> int:
    """Return how many steps of the path lead to a null."""
    for depth, step in enumerate(path):
        if data is None:
            return depth
        data = data[step]
    return len(path)


no_scope: Any = lambda operation: nullcontext()  # noqa: E731
