"""The dialect's custom scalars: these and no others, as clients generate code for exactly these names."""

import datetime
import decimal
import uuid
from typing import Any

import graphene
import orjson
from django.core.files.uploadedfile import UploadedFile
from graphql import (
    BooleanValueNode,
    FloatValueNode,
    GraphQLError,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    StringValueNode,
    ValueNode,
    VariableNode,
    print_ast,
)

MAX_INT = 2**31 - 1
MAX_FIGURES = 30  # of a Decimal, before and after the point


class _Scalar(graphene.Scalar):
    """A scalar whose literals mean what their JSON means in a variable, and whose errors name the place."""

    class Meta:
        abstract = True

    @classmethod
    def parse_literal(cls, node: ValueNode, _variables: dict[str, Any] | None = None) -> Any:
        try:
            return cls.parse_value(_literal(node, _variables or {}))
        except GraphQLError as error:
            raise GraphQLError(error.message, node) from None


class Date(_Scalar):
    """A day of the calendar in ISO 8601: 2026-01-31."""

    @staticmethod
    def serialize(value: Any) -> str:
        if isinstance(value, datetime.datetime) or not isinstance(value, datetime.date):
            raise GraphQLError(f"Date cannot represent value: {value!r}")
        return value.isoformat()

    @staticmethod
    def parse_value(value: Any) -> datetime.date:
        try:
            day = datetime.date.fromisoformat(value)
        except (TypeError, ValueError):
            raise GraphQLError(f"Date cannot represent value: {value!r}") from None
        if day.isoformat() != value:
            raise GraphQLError(f"Date must be written YYYY-MM-DD, and not {value!r}.")
        return day


class DateTime(_Scalar):
    """An instant in ISO 8601 with its offset: 2026-01-01T12:00:00+00:00. Without an offset it is in UTC."""

    @staticmethod
    def serialize(value: Any) -> str:
        if not isinstance(value, datetime.datetime):
            raise GraphQLError(f"DateTime cannot represent value: {value!r}")
        return (value if value.tzinfo else value.replace(tzinfo=datetime.UTC)).isoformat()

    @staticmethod
    def parse_value(value: Any) -> datetime.datetime:
        try:
            instant = datetime.datetime.fromisoformat(value)
        except (TypeError, ValueError):
            raise GraphQLError(f"DateTime cannot represent value: {value!r}") from None
        return instant if instant.tzinfo else instant.replace(tzinfo=datetime.UTC)


class _Count(_Scalar):
    class Meta:
        abstract = True

    @staticmethod
    def serialize(value: Any) -> int:
        return int(value)

    @classmethod
    def parse_value(cls, value: Any) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_INT:
            raise GraphQLError(f"{cls.__name__} must be a whole number from 0 to {MAX_INT}, and not {value!r}.")
        return value


class Day(_Count):
    """A whole number of days."""


class Minute(_Count):
    """A whole number of minutes."""


class Decimal(_Scalar):
    """An exact decimal number: a JSON number, or the same in a string when given."""

    @staticmethod
    def serialize(value: Any) -> float | int:
        number = decimal.Decimal(value)
        return int(number) if number == number.to_integral_value() and abs(number) < 2**53 else float(number)

    @classmethod
    def parse_value(cls, value: Any) -> decimal.Decimal:
        if isinstance(value, bool) or not isinstance(value, str | int | float | decimal.Decimal):
            raise GraphQLError(f"{cls.__name__} cannot represent value: {value!r}")
        try:
            number = decimal.Decimal(str(value))
        except decimal.InvalidOperation:
            raise GraphQLError(f"{cls.__name__} cannot represent value: {value!r}") from None
        if not number.is_finite():
            raise GraphQLError(f"{cls.__name__} cannot represent value: {value!r}")
        if max(number.adjusted(), -int(number.as_tuple().exponent)) >= MAX_FIGURES:
            raise GraphQLError(f"{cls.__name__} must have at most {MAX_FIGURES} figures before and after the point.")
        return number


class PositiveDecimal(Decimal):
    """An exact decimal number that is 0 or greater."""

    @classmethod
    def parse_value(cls, value: Any) -> decimal.Decimal:
        number = super().parse_value(value)
        if number < 0:
            raise GraphQLError(f"{cls.__name__} must be 0 or greater, and not {value}.")
        return number


class WeightScalar(PositiveDecimal):
    """A weight in the shop's default unit, 0 or greater."""


class GenericScalar(_Scalar):
    """Any JSON value."""

    @staticmethod
    def serialize(value: Any) -> Any:
        return value

    @staticmethod
    def parse_value(value: Any) -> Any:
        return value


class JSON(GenericScalar):
    """Any JSON value, as it is."""


class JSONString(_Scalar):
    """A JSON value encoded as a string."""

    @staticmethod
    def serialize(value: Any) -> str:
        return orjson.dumps(value, default=str).decode()

    @staticmethod
    def parse_value(value: Any) -> Any:
        if not isinstance(value, str):
            raise GraphQLError(f"JSONString must be JSON encoded as a string, and not {value!r}.")
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError as error:
            raise GraphQLError(f"JSONString holds malformed JSON: {error}") from None


class Metadata(_Scalar):
    """An object of strings by key."""

    @staticmethod
    def serialize(value: Any) -> Any:
        return value

    @staticmethod
    def parse_value(value: Any) -> dict[str, str]:
        if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
            raise GraphQLError("Metadata must be an object whose values are strings.")
        return value


class UUID(_Scalar):
    """A UUID in its canonical form of 36 characters."""

    @staticmethod
    def serialize(value: Any) -> str:
        return str(value)

    @staticmethod
    def parse_value(value: Any) -> uuid.UUID:
        try:
            return uuid.UUID(value)
        except (TypeError, ValueError, AttributeError):
            raise GraphQLError(f"UUID cannot represent value: {value!r}") from None


class Upload(_Scalar):
    """A file, sent by the GraphQL multipart request specification as the value of a variable."""

    @staticmethod
    def serialize(value: Any) -> Any:
        raise GraphQLError("Upload is for input only.")

    @staticmethod
    def parse_value(value: Any) -> "UploadedFile[Any]":
        if not isinstance(value, UploadedFile):
            raise GraphQLError("Upload must be a file of a multipart request, given by a variable.")
        return value


def _literal(node: ValueNode, variables: dict[str, Any]) -> Any:
    """Return the value of a literal as JSON would have it, except that numbers with a point stay exact."""
    match node:
        case StringValueNode() | BooleanValueNode():
            return node.value
        case IntValueNode():
            return int(node.value) if len(node.value) <= MAX_FIGURES else float(node.value)
        case FloatValueNode():
            return decimal.Decimal(node.value)
        case NullValueNode():
            return None
        case ListValueNode():
            return [_literal(item, variables) for item in node.values]
        case ObjectValueNode():
            return {field.name.value: _literal(field.value, variables) for field in node.fields}
        case VariableNode():
            return variables.get(node.name.value)
        case _:
            raise GraphQLError(f"{print_ast(node)} is not a value of JSON.")
