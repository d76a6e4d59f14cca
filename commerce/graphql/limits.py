"""What a document may ask for at most, told from its syntax alone, before it is validated or run."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.conf import settings
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one request; each has a setting `GRAPHQL_MAX_<NAME>`.

    Bytes of the body (and of a multipart body with its files), tokens of the document, its depth, the
    aliases written in it, the fields it comes to once its fragments are put in, the mutations it runs,
    and the documents in one batch.
    """

    body: int = 1024 * 1024
    upload: int = 20 * 1024 * 1024
    tokens: int = 20_000
    depth: int = 30
    aliases: int = 100
    fields: int = 10_000
    mutations: int = 4
    batch: int = 1

    @classmethod
    def from_settings(cls) -> "Limits":
        """Return the limits with whatever the settings say otherwise."""
        named = {name: getattr(settings, f"GRAPHQL_MAX_{name.upper()}", None) for name in cls.__slots__}
        return cls(**{name: value for name, value in named.items() if value is not None})


@dataclass(slots=True)
class _Size:
    """The depth and the number of fields of a selection set, fragments put in."""

    depth: int = 0
    fields: int = 0

    def add(self, other: "_Size", levels: int) -> None:
        self.depth = max(self.depth, levels + other.depth)
        self.fields += levels + other.fields


def check_document(document: DocumentNode, limits: Limits) -> None:
    """Raise GraphQLError with the first limit that the document exceeds, and where."""
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    sizes: dict[str, _Size] = {}
    for operation in document.definitions:
        if not isinstance(operation, OperationDefinitionNode):
            continue
        size = _size(operation.selection_set, fragments, sizes)
        _refuse("is nested {} levels deep", size.depth, limits.depth, operation)
        _refuse("selects {} fields", size.fields, limits.fields, operation)
        if operation.operation is OperationType.MUTATION:
            roots = sum(1 for _ in _root_fields(operation.selection_set, fragments, set()))
            _refuse("runs {} mutations", roots, limits.mutations, operation)
    aliases = sum(_aliases(node.selection_set) for node in document.definitions if hasattr(node, "selection_set"))
    _refuse("uses {} aliases", aliases, limits.aliases)


def _refuse(what: str, found: int, limit: int, operation: OperationDefinitionNode | None = None) -> None:
    if found > limit:
        raise GraphQLError(f"The document {what.format(found)}, which exceeds the limit of {limit}.", operation)


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
