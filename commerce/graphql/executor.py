"""From the text of a document to a status and the bytes of its answer, by graphql-core."""

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from hashlib import sha256
from threading import Lock
from typing import Any

import orjson
from graphql import (
    DocumentNode,
    ExecutionContext,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    default_field_resolver,
    default_type_resolver,
    get_variable_values,
    located_error,
    parse,
    validate,
)
from graphql.execution.execute import CollectedErrors
from graphql.pyutils import Path, Undefined

from commerce.graphql.calls import Calls
from commerce.graphql.context import Context, Operation
from commerce.graphql.errors import format_errors
from commerce.graphql.limits import Limits, check_document

OpenScope = Callable[[Operation], AbstractContextManager[Any]]
MAX_DOCUMENTS = 1000
MAX_ERRORS = 20  # of validation, and of variables
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

    `clean` tells whether there is data and no error: only such an answer may be kept for others.
    """

    status: int
    body: bytes
    clean: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """An operation that nothing forbids to run: with its values of variables, and what the client sent."""

    operation: Operation
    variables: Mapping[str, Any]
    query: Query
    node: OperationDefinitionNode
    document: "Document"


class Executor:
    """Runs documents against one schema; any number of threads may share it."""

    def __init__(self, schema: GraphQLSchema, limits: Limits | None = None) -> None:
        self.schema = schema
        self.limits = limits or Limits.from_settings()
        self.documents = Documents(self._checked)

    def execute(self, query: Query, context: Context, open_scope: OpenScope) -> Answer:
        """Prepare and run one operation; what is refused has status 400 and the reasons."""
        try:
            prepared = self.prepare(query)
        except Refused as refusal:
            return refusal.answer()
        return self.run(prepared, context, open_scope)

    def prepare(self, query: Query) -> Prepared:
        """Return the operation that the query asks for, or raise Refused.

        Everything that can be refused is refused here, without a scope: syntax, limits, validation,
        variables. It is cheap for a document that was seen before.
        """
        document = self.documents.get(query.text)
        node = document.node_of(query.operation_name)
        kind = node.operation
        if self.schema.get_root_type(kind) is None:
            raise Refused([GraphQLError(f"Schema is not configured to execute {kind.value} operation.", node)])
        _refuse_nul(query.variables)
        variables = get_variable_values(self.schema, node.variable_definitions, dict(query.variables), MAX_ERRORS)
        if isinstance(variables, list):
            raise Refused(variables)
        operation = Operation(
            kind="mutation" if kind is OperationType.MUTATION else "query",
            name=node.name.value if node.name else None,
            document=document.hash,
        )
        return Prepared(operation, variables, query, node, document)

    def run(self, prepared: Prepared, context: Context, open_scope: OpenScope) -> Answer:
        """Run an operation and return its answer, rendered before its scope is left.

        A query runs in one scope; a mutation in one scope per field, one after the other.
        """
        operation = prepared.operation
        context.calls = Calls()
        execution = _Execution(
            self.schema,
            prepared.document.fragments,
            None,
            context,
            prepared.node,
            dict(prepared.variables),
            default_field_resolver,
            default_type_resolver,
            default_field_resolver,
            CollectedErrors(),
            None,
            lambda value: False,
        )
        execution.open_scope = lambda: open_scope(operation)
        if operation.kind == "mutation":
            return _run(execution)
        with open_scope(operation):
            return _run(execution)

    def _checked(self, text: str) -> DocumentNode:
        """Parse and validate a document, or raise Refused."""
        if not text.strip():
            raise Refused([GraphQLError("Must provide a query string.")])
        try:
            document = parse(text, max_lexical_tokens=self.limits.tokens)
            check_document(document, self.limits)
            errors = validate(self.schema, document, max_errors=MAX_ERRORS)
        except GraphQLError as error:
            errors = [error]
        except RecursionError:
            errors = [GraphQLError("The document is nested too deeply to be read.")]
        if not errors and _ESCAPED_NUL.search(text):
            errors = [GraphQLError("The document holds a NUL character (\\u0000).")]
        if errors:
            raise Refused(errors)
        return document


class Refused(Exception):
    """A document that is not executed, with the reasons."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__(errors)
        self.errors = errors

    def answer(self) -> Answer:
        """Return the reasons as the client sees them."""
        return Answer(400, render({"errors": format_errors(self.errors)}))


@dataclass(frozen=True, slots=True)
class Document:
    """A valid document and the SHA-256 of its text in hex."""

    node: DocumentNode
    hash: str
    fragments: dict[str, FragmentDefinitionNode]
    operations: Mapping[str | None, OperationDefinitionNode]

    @classmethod
    def of(cls, node: DocumentNode, digest: str) -> "Document":
        """Return a document by its syntax."""
        found = [part for part in node.definitions if isinstance(part, OperationDefinitionNode)]
        operations = {part.name.value if part.name else None: part for part in found}
        if len(found) == 1:
            operations[None] = found[0]
        fragments = {part.name.value: part for part in node.definitions if isinstance(part, FragmentDefinitionNode)}
        return cls(node, digest, fragments, operations)

    def node_of(self, name: str | None) -> OperationDefinitionNode:
        """Return an operation by its name, the only one if none is given, or raise Refused."""
        if node := self.operations.get(name):
            return node
        if name is not None:
            raise Refused([GraphQLError(f"Unknown operation named '{name}'.")])
        if self.operations:
            raise Refused([GraphQLError("Must provide operation name if query contains multiple operations.")])
        raise Refused([GraphQLError("Must provide an operation.")])


class Documents:
    """The valid documents used last, by the hash of their text. Those refused are not kept."""

    def __init__(self, check: Callable[[str], DocumentNode], size: int = MAX_DOCUMENTS) -> None:
        self._check = check
        self._size = size
        self._kept: OrderedDict[str, Document] = OrderedDict()
        self._lock = Lock()

    def get(self, text: str) -> Document:
        """Return the document of this text, or raise Refused."""
        key = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        with self._lock:
            if document := self._kept.get(key):
                self._kept.move_to_end(key)
                return document
        document = Document.of(self._check(text), key)
        with self._lock:
            self._kept[key] = document
            if len(self._kept) > self._size:
                self._kept.popitem(last=False)
        return document

    def __len__(self) -> int:
        return len(self._kept)


class _Discard(Exception):
    """Leaves a scope that is to be rolled back."""


class _Execution(ExecutionContext):
    """graphql-core's execution, with a scope around each field of a mutation."""

    open_scope: Callable[[], AbstractContextManager[Any]]

    def execute_fields_serially(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Path | None,
        fields: dict[str, list[FieldNode]],
    ) -> dict[str, Any]:
        results = {}
        for name, nodes in fields.items():
            is_meta = nodes[0].name.value.startswith("__")
            execute = self.execute_field if is_meta else self._execute_in_scope
            result = execute(parent_type, source_value, nodes, Path(path, name, parent_type.name))
            if result is not Undefined:
                results[name] = result
        return results

    def _execute_in_scope(
        self, parent_type: GraphQLObjectType, source_value: Any, nodes: list[FieldNode], path: Path
    ) -> Any:
        """Execute one field of a mutation; a field that failed, or has its scope discarded, is rolled back."""
        context: Context = self.context_value
        context.memo.clear()
        context.discarded = False
        known, result = len(self.collected_errors.errors), None
        try:
            with self.open_scope():
                result = self.execute_field(parent_type, source_value, nodes, path)
                failed = result is None and len(self.collected_errors.errors) > known
                if failed or context.discarded:
                    raise _Discard
        except _Discard:
            pass
        except Exception as error:
            field = parent_type.fields[nodes[0].name.value]
            self.handle_field_error(located_error(error, nodes, path.as_list()), field.type, path)
            return None
        return result


def render(payload: Any) -> bytes:
    """Return JSON as bytes; what JSON does not know (a lazy translation, a Decimal) is written as text."""
    return orjson.dumps(payload, default=str, option=orjson.OPT_NON_STR_KEYS)


def _run(running: _Execution) -> Answer:
    """Return the answer of an execution: `data`, and `errors` if there are any."""
    collected = running.collected_errors
    try:
        data = running.execute_operation(running.operation, running.root_value)
    except GraphQLError as error:
        collected.add(error, None)
        data = None
    if not collected.errors:
        return Answer(200, render({"data": data}), clean=True)
    return Answer(200, render({"errors": format_errors(collected.errors), "data": data}))


def _refuse_nul(variables: Mapping[str, Any]) -> None:
    """Refuse the one character that PostgreSQL cannot keep."""
    for name, value in variables.items():
        if _has_nul(value):
            raise Refused([GraphQLError(f"The variable ${name} holds a NUL character (\\u0000).")])


def _has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_has_nul(key) or _has_nul(item) for key, item in value.items())
    return isinstance(value, list) and any(map(_has_nul, value))
