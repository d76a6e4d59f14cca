"""Our engine beside graphql-core: the same document over the same data, and what must be equal.

The data and the order of its keys; the errors, as a set after dropping those below a null that was passed on,
and each such null has an error in both; and the SQL. As a plugin of pytest, it does so for each query that any
test sends to the project's own schema.
"""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import orjson
import pytest
from django.db import connections

from commerce.graphql.calls import Calls
from commerce.graphql.executor import Answer, Executor
from commerce.observability.metrics import graphql_fallbacks

INTROSPECTION = re.compile(r"\b__(schema|type)\b")
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


def no_scope(operation: Any) -> Any:
    """Open no scope, for schemas without a database."""
    return nullcontext()


# --- Beside the tests of the project's schema -----------------------------------------------------------


@pytest.fixture(autouse=True)
def differences(monkeypatch):
    """Run each query to the project's schema by graphql-core too, once it was answered, and list what differs."""
    from commerce.schema import schema

    found: list[str] = []
    run, reference = Executor.run, Executor(schema, by_reference=True)

    def run_both(self, prepared, context, open_scope):
        if self.schema is not schema or self.by_reference or prepared.operation.kind != "query":
            return run(self, prepared, context, open_scope)
        before, statements, again = graphql_fallbacks.values(), [], []
        with _recorded(statements):
            ours = run(self, prepared, context, open_scope)
        fell_back = graphql_fallbacks.values() != before
        anew = replace(context, memo={}, calls=Calls(), discarded=False)
        with _alone(), _recorded(again):
            theirs = run(reference, prepared, anew, open_scope)
        try:
            check_same(ours, theirs, "sent by tests")
            assert not fell_back or INTROSPECTION.search(prepared.query.text)
            assert sorted(statements) == sorted(again) or passes_nulls_on(theirs)
        except AssertionError as error:  # which the door would take for a bug of a resolver
            found.append(f"{prepared.query.text}\n{dict(prepared.query.variables)}\n{error}")
        return ours

    monkeypatch.setattr(Executor, "run", run_both)
    yield found
    assert not found, "\n\n".join(found)


@contextmanager
def _recorded(statements: list[str]) -> Iterator[None]:
    """Add the statements that run inside to the list."""

    def record(execute, sql, params, many, context):
        # What a process knows by heart: tenants, and the stems of words.
        if "tenants_tenant" not in str(sql) and "ts_lexize" not in str(sql):
            statements.append(str(sql))
        return execute(sql, params, many, context)

    with ExitStack() as wrappers:
        for alias in ("default", "replica"):
            wrappers.enter_context(connections[alias].execute_wrapper(record))
        yield


@contextmanager
def _alone() -> Iterator[None]:
    """Hide what runs inside from whoever counts statements."""
    kept = {alias: list(connections[alias].execute_wrappers) for alias in ("default", "replica")}
    for alias in kept:
        connections[alias].execute_wrappers.clear()
    try:
        yield
    finally:
        for alias, wrappers in kept.items():
            connections[alias].execute_wrappers[:] = wrappers


def pytest_terminal_summary(terminalreporter):
    """Tell how many documents both engines ran."""
    for source, count in sorted(compared.items()):
        terminalreporter.write_line(f"{count:,} documents ({source}) gave the same by graphql-core.")
