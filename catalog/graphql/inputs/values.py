"""What fields are compared with: ranges, one of several, metadata. And the shapes that inputs have in common."""

from typing import Any

import graphene

from commerce.graphql.enums import OrderDirection
from commerce.graphql.scalars import UUID, Date, DateTime, Decimal


def many(of: Any) -> graphene.List:
    """Declare a list without nulls."""
    return graphene.List(graphene.NonNull(of))


def sorting(kind: str, told: str, fields: str, *, field_of: str = "", in_channel: bool = False) -> Any:
    """Make the inputs `<kind>SortingInput` and `<kind>SortField` of a list, and return the first.

    `field_of` names the second where the dialect calls it otherwise.
    """
    names = {name: name for name in fields.split()}
    field = type(f"{field_of or kind}SortField", (graphene.Enum,), {"__doc__": f"What {told} are ordered by.", **names})
    columns = {
        "direction": graphene.InputField(OrderDirection, required=True),
        **({"channel": graphene.String()} if in_channel else {}),
        "field": graphene.InputField(field, required=True),
    }
    doc = f"The order of a list of {told}."
    return type(f"{kind}SortingInput", (graphene.InputObjectType,), {"__doc__": doc, **columns})


def _range(name: str, told: str, of: Any) -> Any:
    columns = {"gte": graphene.InputField(of), "lte": graphene.InputField(of)}
    doc = f"From one {told} to another, both included."
    return type(name, (graphene.InputObjectType,), {"__doc__": doc, **columns})


def one_of(name: str, told: str, of: Any, within: Any = None) -> Any:
    """Make an input that takes one value, or several to choose from, or a range of them."""
    columns = {"eq": graphene.InputField(of), "one_of": many(of)}
    if within is not None:
        columns["range"] = graphene.InputField(within)
    return type(name, (graphene.InputObjectType,), {"__doc__": told, **columns})


IntRangeInput = _range("IntRangeInput", "whole number", graphene.Int)
PriceRangeInput = _range("PriceRangeInput", "price", graphene.Float)
DecimalRangeInput = _range("DecimalRangeInput", "number", Decimal)
DateRangeInput = _range("DateRangeInput", "date", Date)
DateTimeRangeInput = _range("DateTimeRangeInput", "instant", DateTime)

StringFilterInput = one_of("StringFilterInput", "A text, or one of several.", graphene.String)
GlobalIDFilterInput = one_of("GlobalIDFilterInput", "An id, or one of several.", graphene.ID)
DecimalFilterInput = one_of("DecimalFilterInput", "A number, one of several, or a range.", Decimal, DecimalRangeInput)
DateTimeFilterInput = one_of(
    "DateTimeFilterInput", "An instant, one of several, or a range.", DateTime, DateTimeRangeInput
)
IntFilterInput = one_of("IntFilterInput", "A whole number, one of several, or a range.", graphene.Int, IntRangeInput)
UUIDFilterInput = one_of("UUIDFilterInput", "A UUID, or one of several.", UUID)
MetadataValueFilterInput = one_of(
    "MetadataValueFilterInput", "A value of the metadata, or one of several.", graphene.String
)


class ContainsFilterInput(graphene.InputObjectType):
    """Any or all of several."""

    contains_any = many(graphene.String)
    contains_all = many(graphene.String)


class PriceFilterInput(graphene.InputObjectType):
    """An amount in major units, in a currency if that matters."""

    currency = graphene.String()
    amount = graphene.InputField(DecimalFilterInput, required=True)


class MetadataFilterInput(graphene.InputObjectType):
    """A key of the public metadata, and its value if that matters."""

    key = graphene.String(required=True)
    value = graphene.InputField(MetadataValueFilterInput)


class MetadataFilter(graphene.InputObjectType):
    """A key of the public metadata, and its value if that matters."""

    key = graphene.String(required=True)
    value = graphene.String()
