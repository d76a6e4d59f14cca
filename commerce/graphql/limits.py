"""What a document may ask for at most: measured once, before it is validated, and compared at each request."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    TokenKind,
)

from commerce.errors import DomainError
from commerce.graphql.costs import Cost, Costs
from commerce.graphql.errors import LimitExceeded


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one request; each has a setting `GRAPHQL_MAX_<NAME>`, and may have a value per tenant.

    Bytes of the body (and of a multipart body with its files), documents in one batch, tokens of the document,
    its depth, the aliases written in it, the fields it comes to once its fragments are put in, the mutations
    it runs, its cost (about the rows that it can return, see `commerce.graphql.costs`), and the milliseconds
    that an operation may take.
    """

    body: int = 1024 * 1024
    upload: int = 20 * 1024 * 1024
    batch: int = 1
    tokens: int = 20_000
    depth: int = 30
    aliases: int = 100
    fields: int = 10_000
    mutations: int = 4
    cost: int = 50_000
    time: int = 10_000

    @classmethod
    def from_settings(cls) -> "Limits":
        """Return the limits with whatever the settings say otherwise."""
        named = {name: getattr(settings, f"GRAPHQL_MAX_{name.upper()}", None) for name in NAMES}
        try:
            return cls().with_values({name: value for name, value in named.items() if value is not None})
        except DomainError as error:
            raise ImproperlyConfigured(f"GRAPHQL_MAX_{(error.field or '').upper()}: {error.message}") from error

    def with_values(self, values: Mapping[str, Any]) -> "Limits":
        """Return these limits with other values of some; raise DomainError as `clean_limits` does."""
        return replace(self, **clean_limits(values)) if values else self


NAMES = tuple(field.name for field in fields(Limits))


def clean_limits(values: Mapping[str, Any]) -> dict[str, int]:
    """Return limits by name, or raise DomainError for the first that is unknown or no whole number above 0."""
    for name, value in values.items():
        if name not in NAMES:
            raise DomainError(f"There is no limit {name!r}: the limits are {', '.join(NAMES)}.", field=name)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**31:
            raise DomainError(f"The limit {name!r} is a whole number from 1 to {2**31 - 1}, not {value!r}.", field=name)
    return dict(values)


@dataclass(frozen=True, slots=True)
class OperationMeasures:
    """What one operation of a document comes to, its fragments put in."""

    node: OperationDefinitionNode
    depth: int
    fields: int
    mutations: int
    cost: Cost

    @property
    def title(self) -> str:
        name = f" `{self.node.name.value}`" if self.node.name else ""
        return f"The {self.node.operation.value}{name}"

    def check_cost(self, variables: Mapping[str, Any], limits: Limits) -> None:
        """Raise LimitExceeded if the operation costs too much with these values of its variables, defaults in."""
        _refuse("has an estimated cost of {}", self.cost.evaluate(variables), "cost", limits, self)


@dataclass(frozen=True, slots=True)
class Measures:
    """What a document comes to, whatever it is allowed."""

    tokens: int
    aliases: int
    operations: tuple[OperationMeasures, ...]

    def check(self, limits: Limits) -> None:
        """Raise LimitExceeded with the first limit that the document exceeds, by how much, and where."""
        _refuse("has {} tokens", self.tokens, "tokens", limits)
        for operation in self.operations:
            _refuse("is nested {} levels deep", operation.depth, "depth", limits, operation)
            _refuse("selects {} fields", operation.fields, "fields", limits, operation)
            _refuse("runs {} mutations", operation.mutations, "mutations", limits, operation)
        _refuse("uses {} aliases", self.aliases, "aliases", limits)


def default_values(operation: OperationDefinitionNode) -> dict[str, int]:
    """Return the variables of an operation whose defaults are whole numbers, which may be sizes of lists."""
    defaults = {node.variable.name.value: node.default_value for node in operation.variable_definitions}
    return {name: int(value.value) for name, value in defaults.items() if isinstance(value, IntValueNode)}


def measure(document: DocumentNode, schema: GraphQLSchema) -> Measures:
    """Measure a document that need not be valid: what the schema does not know counts as a plain field."""
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    sizes: dict[str, _Size] = {}
    costs = Costs(schema, fragments)
    return Measures(
        tokens=_tokens(document),
        aliases=sum(_aliases(node.selection_set) for node in document.definitions if hasattr(node, "selection_set")),
        operations=tuple(
            _measure(node, fragments, sizes, costs)
            for node in document.definitions
            if isinstance(node, OperationDefinitionNode)
        ),
    )


def _measure(
    node: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    sizes: dict[str, "_Size"],
    costs: Costs,
) -> OperationMeasures:
    size = _size(node.selection_set, fragments, sizes)
    roots = 0
    if node.operation is OperationType.MUTATION:
        roots = sum(1 for _ in _root_fields(node.selection_set, fragments, set()))
    return OperationMeasures(node, size.depth, size.fields, roots, costs.of(node))


def _refuse(what: str, found: int, name: str, limits: Limits, operation: OperationMeasures | None = None) -> None:
    limit = getattr(limits, name)
    if found > limit:
        title, node = (operation.title, operation.node) if operation else ("The document", None)
        raise LimitExceeded(f"{title} {what.format(found)}, which exceeds the limit of {limit} ({name}).", node)


def _tokens(document: DocumentNode) -> int:
    count, token = 0, document.loc.start_token if document.loc else None
    while token is not None:
        count += token.kind not in (TokenKind.SOF, TokenKind.EOF, TokenKind.COMMENT)
        token = token.next
    return count


@dataclass(slots=True)
class _Size:
    """The depth and the number of fields of a selection set, fragments put in."""

    depth: int = 0
    fields: int = 0

    def add(self, other: "_Size", levels: int) -> None:
        self.depth = max(self.depth, levels + other.depth)
        self.fields += levels + other.fields


def _size(
    selections: SelectionSetNode | None,
    fragments: Mapping[str, FragmentDefinitionNode],
    sizes: dict[str, _Size],
) -> _Size:
    size = _Size()
    for node in selections.selections if selections else ():
        if isinstance(node, FieldNode):
            size.add(_size(node.selection_set, fragments, sizes), 1)
        elif isinstance(node, InlineFragmentNode):
            size.add(_size(node.selection_set, fragments, sizes), 0)
        elif isinstance(node, FragmentSpreadNode):
            size.add(_fragment_size(node.name.value, fragments, sizes), 0)
    return size


def _fragment_size(name: str, fragments: Mapping[str, FragmentDefinitionNode], sizes: dict[str, _Size]) -> _Size:
    """Return a fragment's size, found once; one that spreads itself counts once, and validation refuses it."""
    if name not in sizes:
        sizes[name] = _Size()
        if name in fragments:
            sizes[name] = _size(fragments[name].selection_set, fragments, sizes)
    return sizes[name]


def _aliases(selections: SelectionSetNode | None) -> int:
    return sum(
        (1 if getattr(node, "alias", None) else 0) + _aliases(getattr(node, "selection_set", None))
        for node in (selections.selections if selections else ())
    )


def _root_fields(
    selections: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode], spread: set[str]
) -> Iterator[FieldNode]:
    for node in selections.selections:
        if isinstance(node, FieldNode):
            yield node
        elif isinstance(node, InlineFragmentNode):
            yield from _root_fields(node.selection_set, fragments, spread)
        elif isinstance(node, FragmentSpreadNode) and node.name.value in fragments.keys() - spread:
            spread.add(node.name.value)
            yield from _root_fields(fragments[node.name.value].selection_set, fragments, spread)
