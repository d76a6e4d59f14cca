"""Subscription queries: checked when a webhook is saved, and run for many events at once when these are sent.

The events are the rows of the root, so that the objects of a whole batch of events are read together.
"""

from collections.abc import Collection, Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    Visitor,
    parse,
    visit,
)

from commerce.graphql.compiled import Document, Documents, PlannedOperation, Refused
from commerce.graphql.context import Context, Interrupted
from commerce.graphql.engine import Execution
from commerce.graphql.errors import format_errors
from commerce.graphql.executor import read_document, render
from commerce.graphql.limits import Limits


class Selected(NamedTuple):
    """What a query selects of one event: the bare object, {} if nothing, and errors as clients see them."""

    event: dict[str, Any]
    errors: list[dict[str, Any]]

    @property
    def body(self) -> bytes:
        """The JSON to send, empty where nothing is selected."""
        content = {**self.event, "errors": self.errors} if self.errors else self.event
        return render(content) if content else b""


class Subscriptions:
    """Runs subscription queries against one schema; any number of threads may share it.

    `later` are names of types that the schema is going to have: parts of a query that are on them are passed over.
    """

    def __init__(self, schema: GraphQLSchema, *, later: Collection[str] = (), limits: Limits | None = None) -> None:
        self.schema = schema
        self.limits = limits or Limits.from_settings()
        self._later = frozenset(later) - schema.type_map.keys()
        self._documents = Documents(self._checked)

    def check(self, text: str) -> list[str]:
        """Return what is wrong with a query, each with its line and column."""
        try:
            self._documents.get(text, self.limits)
        except Refused as refusal:
            return [_told(error) for error in refusal.errors]
        return []

    def run(self, text: str, events: Sequence[Any], context: Context) -> list[Selected]:
        """Return what a query selects of each event, in the open scope. It is cheap for a query that ran before.

        Raises Refused for a query that `check` has something against, LimitExceeded for one that takes too long, and
        what `context.interrupts`.
        """
        operation = _only(self._documents.get(text, self.limits))
        context.start(self.limits.time)
        variables = _defaults(operation)
        execution = Execution(self.schema, operation.plan(variables), variables, context, nullcontext)
        try:
            return [_selected(data, errors) for data, errors in execution.run_each(events)]
        except Interrupted as interruption:
            raise interruption.cause from None

    def _checked(self, text: str, digest: str, limits: Limits) -> Document:
        document = read_document(self.schema, text, digest, limits, self._without_later)
        operation = _only(document)
        operation.check_cost(_defaults(operation), limits)
        return document

    def _without_later(self, document: DocumentNode) -> DocumentNode:
        """Return a document without what is on types of later, and without the fragments that nothing uses then."""
        gone = {name for name, node in _fragments(document).items() if node.type_condition.name.value in self._later}
        finder = _Later(self._later, gone)
        shorter: DocumentNode = visit(document, finder)
        return _without_unused(shorter) if finder.has_found else document


# What stands for a part that is passed over, as a selection may not be empty.
_NOTHING: Any = parse("{ ... @include(if: false) { __typename } }").definitions[0].selection_set.selections[0]  # type: ignore[attr-defined]


class _Later(Visitor):
    """Takes out what is on types of later."""

    def __init__(self, later: Collection[str], fragments: Collection[str]) -> None:
        super().__init__()
        self._later = later
        self._fragments = fragments
        self.has_found = False

    def enter_inline_fragment(self, node: InlineFragmentNode, *_: Any) -> Any:
        condition = node.type_condition
        return self._replace() if condition and condition.name.value in self._later else None

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_: Any) -> Any:
        return self._replace() if node.name.value in self._fragments else None

    def _replace(self) -> Any:
        self.has_found = True
        return _NOTHING


def _without_unused(document: DocumentNode) -> DocumentNode:
    """Return a document without the fragments that no operation leads to."""
    fragments = _fragments(document)
    operations = [part for part in document.definitions if isinstance(part, OperationDefinitionNode)]
    used: set[str] = set()
    ahead: list[Any] = [*operations]
    while ahead:
        for name in _spreads(ahead.pop().selection_set) - used:
            used.add(name)
            ahead += [fragments[name]] if name in fragments else []
    kept = [part for part in document.definitions if not isinstance(part, FragmentDefinitionNode)]
    kept += [node for name, node in fragments.items() if name in used]
    return DocumentNode(definitions=tuple(kept), loc=document.loc)


def _fragments(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    return {part.name.value: part for part in document.definitions if isinstance(part, FragmentDefinitionNode)}


def _spreads(selections: SelectionSetNode | None) -> set[str]:
    found: set[str] = set()
    for node in selections.selections if selections else ():
        if isinstance(node, FragmentSpreadNode):
            found.add(node.name.value)
        else:
            found |= _spreads(getattr(node, "selection_set", None))
    return found


def _only(document: Document) -> PlannedOperation:
    """Return the one operation of a document, or raise Refused: it must be a subscription."""
    operation = document.operation(None)
    if operation.node.operation is not OperationType.SUBSCRIPTION:
        raise Refused([GraphQLError("A webhook's query begins with `subscription`.", operation.node)])
    return operation


def _defaults(operation: PlannedOperation) -> dict[str, Any]:
    """Return the variables' defaults, or raise Refused: nobody gives a webhook's query variables."""
    variables = operation.variables.coerce({})
    if isinstance(variables, list):
        raise Refused(variables)
    return variables


def _selected(data: dict[str, Any] | None, errors: list[GraphQLError]) -> Selected:
    event = next(iter((data or {}).values()), None)
    return Selected(event or {}, format_errors(errors) if errors else [])


def _told(error: GraphQLError) -> str:
    if not error.locations:
        return error.message
    place = error.locations[0]
    return f"{error.message} (line {place.line}, column {place.column})"
