"""The documents that were found valid, kept by their hash with all that was compiled from them."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from hashlib import sha256
from threading import Lock
from typing import Any

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
)

from commerce.graphql.context import Operation
from commerce.graphql.limits import Limits, Measures, OperationMeasures
from commerce.graphql.plan import LevelPlan, Source, compile_plan, condition_names
from commerce.graphql.values import Variables

MAX_DOCUMENTS = 1000
MAX_PLANS = 32  # of one operation
NO_SUBSCRIPTIONS = (
    "Subscriptions do not run here: give this query to a webhook, and what it selects of each event is sent there."
)


class Refused(Exception):
    """A document that is not executed, with the reasons."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__(errors)
        self.errors = errors


class PlannedOperation:
    """One operation of a valid document, and its plans by the values of the variables that directives ask for."""

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        node: OperationDefinitionNode,
        digest: str,
        measures: OperationMeasures,
    ) -> None:
        parts = document.definitions
        self.node = node
        self._measures = measures
        self.fragments = {part.name.value: part for part in parts if isinstance(part, FragmentDefinitionNode)}
        self.described = Operation(
            kind=node.operation.value,
            name=node.name.value if node.name else None,
            document=digest,
        )
        self.variables = Variables(schema, node.variable_definitions)
        self.refusal: GraphQLError | None = None
        if schema.get_root_type(node.operation) is None:
            message = f"Schema is not configured to execute {node.operation.value} operation."
            self.refusal = GraphQLError(message, node)
        elif node.operation is OperationType.SUBSCRIPTION:
            self.refusal = GraphQLError(NO_SUBSCRIPTIONS, node)
        self._schema = schema
        self._conditions = condition_names(node, self.fragments)
        self._plans: dict[tuple[Any, ...], LevelPlan] = {}

    def check_cost(self, variables: Mapping[str, Any], limits: Limits) -> None:
        """Raise Refused if the operation costs too much with these values of its variables."""
        try:
            self._measures.check_cost(variables, limits)
        except GraphQLError as error:
            raise Refused([error]) from None

    def plan(self, variables: Mapping[str, Any]) -> LevelPlan:
        """Return the plan for these values of the variables, or raise NotPlanned."""
        key = tuple(map(variables.get, self._conditions))
        plan = self._plans.get(key)
        if plan is None:
            conditions = dict(zip(self._conditions, key, strict=True))
            plan = compile_plan(Source(self._schema, self.fragments, self.node, conditions))
            if len(self._plans) >= MAX_PLANS:
                self._plans.clear()
            self._plans[key] = plan
        return plan


class Document:
    """A valid document, by the SHA-256 of its text in hex, and what it comes to."""

    def __init__(self, schema: GraphQLSchema, node: DocumentNode, digest: str, measures: Measures) -> None:
        self.node = node
        self.hash = digest
        self.measures = measures
        found = [part for part in node.definitions if isinstance(part, OperationDefinitionNode)]
        self._operations: dict[str | None, PlannedOperation] = {
            part.name.value if part.name else None: PlannedOperation(schema, node, part, digest, measured)
            for part, measured in zip(found, measures.operations, strict=True)
        }
        if len(found) == 1:
            self._operations[None] = next(iter(self._operations.values()))

    @property
    def names(self) -> list[str | None]:
        """The names of the operations; None is that of one without a name, or of the only one."""
        return list(self._operations)

    def operation(self, name: str | None) -> PlannedOperation:
        """Return an operation by its name, the only one if none is given, or raise Refused."""
        if found := self._operations.get(name):
            return found
        if name is not None:
            raise Refused([GraphQLError(f"Unknown operation named '{name}'.")])
        if self._operations:
            raise Refused([GraphQLError("Must provide operation name if query contains multiple operations.")])
        raise Refused([GraphQLError("Must provide an operation.")])


class Documents:
    """The valid documents used last, by the hash of their text. Those refused are not kept."""

    def __init__(self, check: Callable[[str, str, Limits], Document], size: int = MAX_DOCUMENTS) -> None:
        self._check = check
        self._size = size
        self._kept: OrderedDict[str, Document] = OrderedDict()
        self._lock = Lock()

    def get(self, text: str, limits: Limits) -> Document:
        """Return the document of this text, or raise Refused, also where it exceeds these limits alone."""
        key = _digest(text)
        document = self._find(key)
        if document is None:
            return self._keep(key, self._check(text, key, limits))
        try:
            document.measures.check(limits)
        except GraphQLError as error:
            raise Refused([error]) from None
        return document

    def _find(self, key: str) -> Document | None:
        with self._lock:
            if document := self._kept.get(key):
                self._kept.move_to_end(key)
            return document

    def _keep(self, key: str, document: Document) -> Document:
        with self._lock:
            self._kept[key] = document
            if len(self._kept) > self._size:
                self._kept.popitem(last=False)
        return document

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, text: str) -> bool:
        return _digest(text) in self._kept


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
