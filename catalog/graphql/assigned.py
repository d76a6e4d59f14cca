"""Attributes of objects in the dialect's newer form: a type for each kind of value, its value as it is."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

import graphene

from catalog.graphql.attributes import Attribute, value_file
from catalog.graphql.loading import (
    load_categories,
    load_collections,
    load_pages,
    load_products,
    load_variants_by_id,
    rich_text,
)
from catalog.graphql.media import File, StoredFile
from catalog.graphql.translations import in_language, load_translations, word
from catalog.queries.rows import Assignment, ValueRow
from commerce.graphql.batch import Batch, batch
from commerce.graphql.enums import LanguageCodeEnum
from commerce.graphql.info import Info
from commerce.graphql.scalars import JSON, Date, DateTime
from tenants.graphql.context import ShopContext

MAX_VALUES = 100


class AssignedAttribute(graphene.Interface):
    """An attribute of an object, with a value of the kind that the attribute has."""

    attribute = graphene.Field(Attribute, required=True, description="The attribute.")


class Numeric(Assignment):
    pass


class Text(Assignment):
    pass


class PlainText(Assignment):
    pass


class Boolean(Assignment):
    pass


class Day(Assignment):
    pass


class Instant(Assignment):
    pass


class Stored(Assignment):
    pass


class Choice(Assignment):
    pass


class Choices(Assignment):
    pass


class Swatch(Assignment):
    pass


class Colour(NamedTuple):
    row: ValueRow
    name: str
    slug: str
    hex_color: str | None
    file: StoredFile | None


def _first(row: Assignment) -> ValueRow | None:
    return row.values[0] if row.values else None


def _language() -> graphene.Argument:
    return graphene.Argument(LanguageCodeEnum, required=True, description="The language.")


class AssignedNumericAttribute(graphene.ObjectType):
    """A numeric attribute of an object."""

    class Meta:
        interfaces = (AssignedAttribute,)
        possible_types = (Numeric,)

    value = graphene.Float(description="The number.")

    @batch
    def resolve_value(rows: Sequence[Numeric], info: Info[ShopContext]) -> list[float | None]:
        return [value.numeric if (value := _first(row)) else None for row in rows]


class AssignedTextAttribute(graphene.ObjectType):
    """A rich text attribute of an object."""

    class Meta:
        interfaces = (AssignedAttribute,)
        possible_types = (Text,)

    value = JSON(description="The text, EditorJS.")
    translation = JSON(language_code=_language(), description="The text in another language.")

    @batch
    def resolve_value(rows: Sequence[Text], info: Info[ShopContext]) -> list[Any]:
        return list(map(rich_text, _said(rows, info, "rich_text")))

    @batch
    def resolve_translation(rows: Sequence[Text], info: Info[ShopContext], language_code: Any) -> list[Any]:
        words = _words(rows, info, language_code)
        return [rich_text(found.rich_text) if found else None for found in words]


class AssignedPlainTextAttribute(graphene.ObjectType):
    """A plain text attribute of an object."""

    class Meta:
        interfaces = (AssignedAttribute,)
        possible_types = (PlainText,)

    value = graphene.String(description="The text.")
    translation = graphene.String(language_code=_language(), description="The text in another language.")

    @batch
    def resolve_value(rows: Sequence[PlainText], info: Info[ShopContext]) -> list[str | None]:
        return _said(rows, info, "plain_text")

    @batch
    def resolve_translation(rows: Sequence[PlainText], info: Info[ShopContext], language_code: Any) -> list[str | None]:
        return [(found.plain_text or None) if found else None for found in _words(rows, info, language_code)]


class AssignedBooleanAttribute(graphene.ObjectType):
    """A boolean attribute of an object."""

    class Meta:
        interfaces = (AssignedAttribute,)
        possible_types = (Boolean,)

    value = graphene.Boolean(description="Yes or no.")

    @batch
    def resolve_value(rows: Sequence[Boolean], info: Info[ShopContext]) -> list[bool | None]:
        return [value.boolean if (value := _first(row)) else None for row in rows]


class AssignedDateAttribute(graphene.ObjectType):
    """A date attribute of an object."""

    class Meta:
        interfaces = (AssignedAttribute,)
        possible_types = (Day,)

    value = Date(description="The date.")

    @batch
    def resolve_value(rows: Sequence[Day], info: Info[ShopContext]) -> list[date | None]:
        return [value.date if (value := _first(row)) else None for row in rows]


class AssignedDateTimeAttribute(graphene.ObjectType):
    """A date-time attribute of an object."""

    class Meta:
        interfaces = (AssignedAttribute,)
        possible_types = (Instant,)

    value = DateTime(description="The instant.")

    @batch
    def resolve_value(rows: Sequence[Instant], info: Info[ShopContext]) -> list[datetime | None]:
        return [value.date_time if (value := _first(row)) else None for row in rows]


class AssignedFileAttribute(graphene.ObjectType):
    """A file attribute of an object."""

    class Meta:
        interfaces = (AssignedAttribute,)
        possible_types = (Stored,)

    value = graphene.Field(File, description="The file.")

    @batch
    def resolve_value(rows: Sequence[Stored], info: Info[ShopContext]) -> list[StoredFile | None]:
        return [value_file(info.context, value) if (value := _first(row)) else None for row in rows]


class AssignedChoiceAttributeValue(graphene.ObjectType):
    """A value that was chosen from a list."""

    class Meta:
        possible_types = (ValueRow,)

    name = graphene.String(description="The name for people.")
    slug = graphene.String(description="The name in filters, unique in the attribute.")
    translation = graphene.String(language_code=_language(), description="The name in another language.")

    resolve_name = word("name")

    @batch
    def resolve_translation(rows: Sequence[ValueRow], info: Info[ShopContext], language_code: Any) -> list[str | None]:
        return _names(rows, info, language_code)


class AssignedSingleChoiceAttribute(graphene.ObjectType):
    """A dropdown attribute of an object."""

    class Meta:
        interfaces = (AssignedAttribute,)
        possible_types = (Choice,)

    value = graphene.Field(AssignedChoiceAttributeValue, description="The chosen value.")

    @batch
    def resolve_value(rows: Sequence[Choice], info: Info[ShopContext]) -> list[ValueRow | None]:
        return [_first(row) for row in rows]


def _many(of: Any) -> graphene.List:
    return graphene.List(
        graphene.NonNull(of),
        required=True,
        limit=graphene.Int(default_value=MAX_VALUES, description="How many at most."),
        description="The values.",
    )


class AssignedMultiChoiceAttribute(graphene.ObjectType):
    """A multiselect attribute of an object."""

    class Meta:
        interfaces = (AssignedAttribute,)
        possible_types = (Choices,)

    value = _many(AssignedChoiceAttributeValue)

    @batch
    def resolve_value(rows: Sequence[Choices], info: Info[ShopContext], limit: int) -> list[list[ValueRow]]:
        return [row.values[: max(limit, 0)] for row in rows]


class AssignedSwatchAttributeValue(graphene.ObjectType):
    """A colour or pattern that was chosen."""

    class Meta:
        possible_types = (Colour,)

    name = graphene.String(description="The name for people.")
    slug = graphene.String(description="The name in filters, unique in the attribute.")
    hex_color = graphene.String(description="The colour, #rrggbb.")
    file = graphene.Field(File, description="The picture of a pattern.")
    translation = graphene.String(language_code=_language(), description="The name in another language.")

    @batch
    def resolve_name(rows: Sequence[Colour], info: Info[ShopContext]) -> list[str]:
        return in_language(info, [row.row.id for row in rows], "name", [row.name for row in rows])

    @batch
    def resolve_translation(rows: Sequence[Colour], info: Info[ShopContext], language_code: Any) -> list[str | None]:
        return _names([row.row for row in rows], info, language_code)


class AssignedSwatchAttribute(graphene.ObjectType):
    """A swatch attribute of an object."""

    class Meta:
        interfaces = (AssignedAttribute,)
        possible_types = (Swatch,)

    value = graphene.Field(AssignedSwatchAttributeValue, description="The chosen colour or pattern.")

    @batch
    def resolve_value(rows: Sequence[Swatch], info: Info[ShopContext]) -> list[Colour | None]:
        return [
            Colour(value, value.name, value.slug, value.value or None, value_file(info.context, value))
            if (value := _first(row))
            else None
            for row in rows
        ]


def _said(rows: Sequence[Assignment], info: Info[ShopContext], word: str) -> list[str | None]:
    """Return a word of the one value of each row in the language of the answer."""
    values = [value for row in rows if (value := _first(row))]
    ids = [value.id for value in values]
    found = dict(zip(ids, in_language(info, ids, word, [getattr(value, word) for value in values]), strict=True))
    return [found[value.id] if (value := _first(row)) else None for row in rows]


def _words(rows: Sequence[Assignment], info: Info[ShopContext], language_code: Any) -> list[Any]:
    """Return the translation of the one value of each row."""
    ids = [value.id for row in rows if (value := _first(row))]
    found = dict(zip(ids, load_translations(info.context, ids, language_code.value), strict=True))
    return [found[value.id] if (value := _first(row)) else None for row in rows]


def _names(rows: Sequence[ValueRow], info: Info[ShopContext], language_code: Any) -> list[str | None]:
    found = load_translations(info.context, [row.id for row in rows], language_code.value)
    return [(words.name or None) if words else None for words in found]


# --- References: the objects of other kinds that an attribute leads to, those that shoppers may see -------


def _referred(info: Info[ShopContext], kind: str, rows: Sequence[Assignment]) -> list[list[Any]]:
    """Return the objects of a kind that each row refers to."""
    pairs = [(row.channel, value.reference_id) for row in rows for value in row.values]
    context = info.context
    loaded: Sequence[Any]
    match kind:
        case "Product":
            loaded = load_products(context, pairs)
        case "ProductVariant":
            loaded = load_variants_by_id(context, pairs)
        case "Collection":
            loaded = load_collections(context, pairs)
        case "Page":
            loaded = load_pages(context, pairs)
        case _:
            loaded = load_categories(context, [key for _, key in pairs])
    found = iter(loaded)
    return [[target for _ in row.values if (target := next(found)) is not None] for row in rows]


def _single(kind: str) -> Batch:
    def resolve(rows: Sequence[Assignment], info: Info[ShopContext]) -> list[Any]:
        return [found[0] if found else None for found in _referred(info, kind, rows)]

    return batch(resolve)


def _multiple(kind: str) -> Batch:
    def resolve(rows: Sequence[Assignment], info: Info[ShopContext], limit: int) -> list[list[Any]]:
        return [found[: max(limit, 0)] for found in _referred(info, kind, rows)]

    return batch(resolve)


def _reference_type(kind: str, path: str, *, many: bool) -> tuple[Any, type[Assignment]]:
    """Return the type of a reference to one or many objects of a kind, and the class of its rows."""
    count = "Multi" if many else "Single"
    row = type(f"{count}{kind}", (Assignment,), {})
    value = _many(path) if many else graphene.Field(path, description="The object, if shoppers may see it.")
    declared = type(
        f"Assigned{count}{kind}ReferenceAttribute",
        (graphene.ObjectType,),
        {
            "__doc__": f"A reference of an object to {'several objects' if many else 'one object'} of {kind}.",
            "Meta": type("Meta", (), {"interfaces": (AssignedAttribute,), "possible_types": (row,)}),
            "value": value,
            "resolve_value": _multiple(kind) if many else _single(kind),
        },
    )
    return declared, row


_KINDS = {
    "Product": "catalog.graphql.products.Product",
    "ProductVariant": "catalog.graphql.variants.ProductVariant",
    "Category": "catalog.graphql.groups.Category",
    "Collection": "catalog.graphql.groups.Collection",
    "Page": "catalog.graphql.pages.Page",
}
_REFERENCES = {
    (many, kind): _reference_type(kind, path, many=many) for many in (False, True) for kind, path in _KINDS.items()
}

ASSIGNED_TYPES = [
    AssignedNumericAttribute,
    AssignedTextAttribute,
    AssignedPlainTextAttribute,
    AssignedBooleanAttribute,
    AssignedDateAttribute,
    AssignedDateTimeAttribute,
    AssignedFileAttribute,
    AssignedSingleChoiceAttribute,
    AssignedMultiChoiceAttribute,
    AssignedSwatchAttribute,
    *(declared for declared, _ in _REFERENCES.values()),
]
_ROWS: dict[str, type[Assignment]] = {
    "numeric": Numeric,
    "rich-text": Text,
    "plain-text": PlainText,
    "boolean": Boolean,
    "date": Day,
    "date-time": Instant,
    "file": Stored,
    "dropdown": Choice,
    "multiselect": Choices,
    "swatch": Swatch,
}


def assigned(assignments: Sequence[Assignment]) -> list[Assignment]:
    """Return attributes as rows of their concrete type.

    A reference attribute without a value is left out: what kind it refers to is known from its values only.
    """
    found = []
    for assignment in assignments:
        row = _row_of(assignment)
        if row is not None:
            found.append(row(*assignment))
    return found


def named(assignments: Sequence[Assignment], slug: str) -> Assignment | None:
    """Return the attribute of this slug as a row of its concrete type, or None."""
    found = assigned([assignment for assignment in assignments if assignment.attribute.slug == slug])
    return found[0] if found else None


def assigned_field() -> graphene.Field:
    """Declare the field `assignedAttribute` of a type."""
    return graphene.Field(
        AssignedAttribute,
        slug=graphene.String(required=True, description="The attribute's slug."),
        description="One attribute with its value, null where the object has no such attribute.",
    )


def assigned_list(**arguments: Any) -> graphene.List:
    """Declare the field `assignedAttributes` of a type, with other arguments than `limit` if any."""
    return graphene.List(
        graphene.NonNull(AssignedAttribute),
        required=True,
        **arguments,
        limit=graphene.Int(default_value=MAX_VALUES, description="How many at most."),
        description="The attributes with their values.",
    )


def _row_of(assignment: Assignment) -> type[Assignment] | None:
    kind = assignment.attribute.input_type
    if kind not in ("reference", "single-reference"):
        return _ROWS[kind]
    if not assignment.values:
        return None
    reference = _REFERENCES.get((kind == "reference", assignment.values[0].reference_kind))
    return reference[1] if reference else None
