"""From the text of a document to a status and the bytes of its answer."""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

import orjson
from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    parse,
    validate,
)

from commerce.graphql.compiled import Document, Documents, PlannedOperation, Refused
from commerce.graphql.context import Context, Interrupted, Operation
from commerce.graphql.engine import Execution
from commerce.graphql.errors import LimitExceeded, format_errors
from commerce.graphql.limits import Limits, default_values, measure
from commerce.graphql.plan import NotPlanned
from commerce.graphql.reference import Reference
from commerce.observability.metrics import graphql_fallbacks
from commerce.ratelimit import UNLIMITED, Check

__all__ = ["Answer", "Executor", "OpenScope", "Prepared", "Query", "Refused", "render"]

OpenScope = Callable[[Operation], AbstractContextManager[Any]]
MAX_ERRORS = 20  # of validation
MAX_VARIABLE_DEPTH = 50
_ESCAPED_NUL = re.compile(r"\\u(0000|\{0+\})")


@dataclass(frozen=True, slots=True)
class Query:
    """What a client sent: the text of a document, the values of its variables, and which operation to run."""

    text: str
    variables: Mapping[str, Any]
    operation_name: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP status, and JSON with `data`, `errors` or both; with status 400 there is no `data`.

    `clean` tells whether there is data and no error: only such an answer may be kept for others, by the
    topics that it was made from and until the moment at which it ends by itself. `check` is the taking from
    the rate limits that it was given after, `cache` whether it was kept ("hit"), is now ("miss") or was not
    and is not ("bypass"). `repeated`: a mutation had been done before under its key, in part at least. `language`
    (BCP 47) is that of its words, where one was asked for.
    """

    status: int
    body: bytes
    clean: bool = False
    topics: tuple[str, ...] = ()
    valid_until: datetime | None = None
    check: Check = UNLIMITED
    cache: Literal["hit", "miss", "bypass"] = "bypass"
    language: str = ""
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """An operation that nothing forbids to run: with its values of variables, and what the client sent."""

    operation: Operation
    variables: Mapping[str, Any]
    query: Query
    selected: PlannedOperation
    limits: Limits


class Executor:
    """Runs documents against one schema; any number of threads may share it.

    Where `by_reference`, graphql-core runs them all.
    """

    def __init__(self, schema: GraphQLSchema, limits: Limits | None = None, *, by_reference: bool = False) -> None:
        self.schema = schema
        self.by_reference = by_reference
        self.limits = limits or Limits.from_settings()
        self.documents = Documents(self._checked)

    def execute(self, query: Query, context: Context, open_scope: OpenScope) -> Answer:
        """Prepare and run one operation; what is refused has status 400 and the reasons."""
        try:
            prepared = self.prepare(query)
        except Refused as refusal:
            return Answer(400, render({"errors": format_errors(refusal.errors)}))
        return self.run(prepared, context, open_scope)

    def prepare(self, query: Query, limits: Limits | None = None) -> Prepared:
        """Return the operation that the query asks for, or raise Refused.

        Everything that can be refused is refused here, without a scope: syntax, limits (the executor's, if none
        are given), validation, variables. It is cheap for a document that was seen before.
        """
        limits = limits or self.limits
        selected = self.documents.get(query.text, limits).operation(query.operation_name)
        if selected.refusal:
            raise Refused([selected.refusal])
        _check_variables(query.variables)
        variables = selected.variables.coerce(query.variables)
        if isinstance(variables, list):
            raise Refused(variables)
        selected.check_cost(variables, limits)
        return Prepared(selected.described, variables, query, selected, limits)

    def knows(self, text: str) -> bool:
        """Tell whether a document was seen before, so that preparing it is cheap."""
        return text in self.documents

    def check(self, text: str, limits: Limits) -> None:
        """Raise Refused unless a document has operations and each may run, with the defaults of its variables."""
        document = self.documents.get(text, limits)
        document.operation(next(iter(document.names), None))
        for name in document.names:
            operation = document.operation(name)
            if operation.refusal:
                raise Refused([operation.refusal])
            operation.check_cost(default_values(operation.node), limits)

    def run(self, prepared: Prepared, context: Context, open_scope: OpenScope) -> Answer:
        """Run an operation and return its answer, rendered before its scope is left.

        A query runs in one scope; a mutation in one scope per field, one after the other. A query that takes too
        long has no data: its scope is rolled back, as PostgreSQL may have ended a statement. Raises what
        `context.interrupts`, with the scope rolled back.
        """
        described = prepared.operation
        context.start(prepared.limits.time)
        execution = self._execution(prepared, context, lambda: open_scope(described))
        try:
            if described.kind == "mutation":
                return replace(_answer(*execution.run(), context.languages), repeated=context.repeated)
            with open_scope(described):
                return _answer(*execution.run(), context.languages)
        except LimitExceeded as error:
            return _answer(None, [error], context.languages)
        except Interrupted as interruption:
            raise interruption.cause from None

    def _execution(
        self, prepared: Prepared, context: Context, open_scope: Callable[[], AbstractContextManager[Any]]
    ) -> Execution | Reference:
        operation, variables = prepared.selected, prepared.variables
        if not self.by_reference:
            try:
                return Execution(self.schema, operation.plan(variables), variables, context, open_scope)
            except NotPlanned as obstacle:
                graphql_fallbacks.add(obstacle.reason)
        return Reference.of(self.schema, operation.fragments, operation.node, variables, context, open_scope)

    def _checked(self, text: str, digest: str, limits: Limits) -> Document:
        return read_document(self.schema, text, digest, limits)


def read_document(
    schema: GraphQLSchema,
    text: str,
    digest: str,
    limits: Limits,
    change: Callable[[DocumentNode], DocumentNode] = lambda document: document,
) -> Document:
    """Parse a document, `change` it, measure and validate it, or raise Refused."""
    if not text.strip():
        raise Refused([GraphQLError("Must provide a query string.")])
    try:
        document = change(parse(text, max_lexical_tokens=limits.tokens))
        measures = measure(document, schema)
        measures.check(limits)
        errors = validate(schema, document, max_errors=MAX_ERRORS)
    except GraphQLError as error:
        raise Refused([error]) from None
    except RecursionError:
        raise Refused([GraphQLError("The document is nested too deeply to be read.")]) from None
    if not errors and _ESCAPED_NUL.search(text):
        errors = [GraphQLError("The document holds a NUL character (\\u0000).")]
    if errors:
        raise Refused(errors)
    return Document(schema, document, digest, measures)


def render(payload: Any) -> bytes:
    """Return JSON as bytes; what JSON does not know (a lazy translation, a Decimal) is written as text."""
    return orjson.dumps(payload, default=str, option=orjson.OPT_NON_STR_KEYS)


def _answer(data: Mapping[str, Any] | None, errors: list[GraphQLError], languages: Sequence[str]) -> Answer:
    """Return the answer of an execution: `data`, `errors` if there are any, and its language if one was asked for."""
    told: dict[str, Any] = {"extensions": {"language": languages[0]}} if languages else {}
    if not errors:
        return Answer(200, render({"data": data, **told}), clean=True)
    return Answer(200, render({"errors": format_errors(errors), "data": data, **told}))


def _check_variables(variables: Mapping[str, Any]) -> None:
    """Refuse the one character that PostgreSQL cannot keep, and nesting that would exhaust Python's stack."""
    for name, value in variables.items():
        level, depth = [value], 0
        while level:
            depth += 1
            if depth > MAX_VARIABLE_DEPTH:
                raise Refused(
                    [GraphQLError(f"The variable ${name} is nested deeper than {MAX_VARIABLE_DEPTH} levels.")]
                )
            if any(isinstance(one, str) and "\0" in one for one in level):
                raise Refused([GraphQLError(f"The variable ${name} holds a NUL character (\\u0000).")])
            level = [below for one in level for below in _below(one)]


def _below(value: Any) -> Sequence[Any]:
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, list) else ()
