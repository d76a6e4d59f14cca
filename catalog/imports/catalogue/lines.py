"""Lines of a catalogue's file as what its models hold, checked before anything is written."""

import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django.db import models

from catalog.exports import shapes
from catalog.exports.shapes import Shape
from catalog.models import AttributeValue
from catalog.operations.checks import COLUMNS
from catalog.operations.checks import check as check_row
from catalog.rich_text import clean_editorjs
from commerce.errors import DomainError
from tenants.operations import clean_language

Cells = Mapping[str, Any]


class Refused(DomainError):
    """A line cannot be taken; `column` is the place in it, such as variants[0].prices[1].price."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(reason, field=column)
        self.column = column


def read_columns(shape: Shape, cells: Any, place: str = "", *, also: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the columns of a row, those that the line leaves out empty. Raises Refused."""
    if not isinstance(cells, dict):
        raise Refused(place.rstrip("."), f"is {json.dumps(cells)[:50]}, and not an object in braces.")
    unknown = cells.keys() - shape.keys - set(also)
    if unknown:
        known = ", ".join(sorted(shape.keys))
        raise Refused(place + min(unknown), f"is not known here; known are {known}.")
    values = {field.attname: _read(field, cells, place) for field in shape.columns}
    _check(shape.model, values, place)
    return values


def read_list(cells: Cells, name: str, place: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the items of a list with their places; none where the line leaves the list out. Raises Refused."""
    items = cells.get(name)
    if not isinstance(items, list | None):
        raise Refused(place + name, "is no list in brackets.")
    for number, item in enumerate(items or ()):
        yield f"{place}{name}[{number}]", item


def read_values(cells: Cells, place: str = "") -> Iterator[tuple[str, str, str, int]]:
    """Yield the values that a line gives, each with its place, attribute, slug and position. Raises Refused."""
    for inner, item in read_list(cells, "values", place):
        match item:
            case [str() as attribute, str() as slug, int() as position] if not isinstance(position, bool):
                yield inner, attribute, slug, position
            case _:
                raise Refused(inner, 'is no value such as ["colour", "red", 0].')


def read_words(shape: Shape, cells: Cells, place: str = "") -> dict[str, dict[str, Any]]:
    """Return the translations that a line gives, by language. Raises Refused."""
    words = cells.get("translations") if shape.is_translated else None
    if not isinstance(words, dict | None):
        raise Refused(f"{place}translations", "is no object in braces.")
    found: dict[str, dict[str, Any]] = {}
    for code, texts in (words or {}).items():
        inner = f"{place}translations.{code}"
        try:
            language = clean_language(code)
        except DomainError as error:
            raise Refused(inner, error.message) from error
        if language in found or not isinstance(texts, dict):
            raise Refused(inner, "stands twice." if language in found else "is no object in braces.")
        fields = [f for f in shapes.TRANSLATED if f.attname != "language"]
        unknown = texts.keys() - {f.attname for f in fields}
        if unknown:
            raise Refused(f"{inner}.{min(unknown)}", "is not known here.")
        values = {f.attname: _read(f, texts, f"{inner}.") for f in fields}
        _check(shapes.TRANSLATION.model, values, f"{inner}.")
        found[language] = {"object_kind": shape.dialect, "language": language, **values}
    return found


def read_name(cells: Cells, name: str, place: str = "") -> str | None:
    """Return the slug by which a line names another object. Raises Refused."""
    slug = cells.get(name)
    if not isinstance(slug, str | None):
        raise Refused(place + name, f"is {json.dumps(slug)[:50]}, and no slug in quotes.")
    return slug


def _read(field: Any, cells: Cells, place: str) -> Any:
    name = field.attname
    if name not in cells:
        if field.has_default() or field.blank or field.null:
            return None if field.null and not field.has_default() else field.get_default()
        raise Refused(place + name, "is missing.")
    value = cells[name]
    if value is None:
        if field.null:
            return None
        raise Refused(place + name, "is null, and may not be.")
    for kind, takes, words in _TYPES:
        if isinstance(field, kind):
            taken = takes(value)
            if taken is _WRONG:
                raise Refused(place + name, f"is {json.dumps(value)[:50]}, and no {words}.")
            return taken
    raise AssertionError(name)


def _check(model: type[models.Model], values: dict[str, Any], place: str) -> None:
    for name in ("metadata", "private_metadata"):
        pairs = values.get(name, {})
        if not isinstance(pairs, dict) or not all(isinstance(text, str) for text in pairs.values()):
            raise Refused(place + name, "is no object of texts.")
    for name in ("description", "content", "rich_text", "address"):
        if not isinstance(values.get(name), dict | None):
            raise Refused(place + name, "is no object in braces.")
        if values.get(name) and name != "address":
            values[name] = _cleaned(values[name], place + name)
    if values.get("slug") == "" or (values.get("name") == "" and _is_named(model)):
        raise Refused(f"{place}{'slug' if values.get('slug') == '' else 'name'}", "is empty.")
    try:
        if model is AttributeValue:
            _check_texts(values)
        else:
            check_row(model(**values))
    except DomainError as error:
        raise Refused(place + (error.field or ""), error.message) from error


def _cleaned(document: dict[str, Any], place: str) -> dict[str, Any]:
    try:
        return clean_editorjs(document)
    except DomainError as error:
        raise Refused(place, error.message) from error


def _is_named(model: Any) -> bool:
    return not model._meta.get_field("name").blank


def _check_texts(values: dict[str, Any]) -> None:
    """Check a value as far as that needs no attribute."""
    for name, value in values.items():
        most = getattr(AttributeValue._meta.get_field(name), "max_length", None)
        if isinstance(value, str) and most is not None and len(value) > most:
            raise DomainError(f"has {len(value):,} characters; at most {most} are taken.", field=name)
        if isinstance(value, str | dict) and "\\u0000" in json.dumps(value):
            raise DomainError("The character NUL cannot be stored.", field=name)


def check_value(input_type: str, slug: str, values: Cells) -> None:
    """Raise Refused where a value has not exactly the column that its attribute's input type asks for."""
    own = COLUMNS.get(input_type)  # type: ignore[call-overload]
    for name in dict.fromkeys(COLUMNS.values()):
        filled = values.get(name) is not None
        if filled != (name == own) and name != "reference_id":
            raise Refused(name, f"is {'given' if filled else 'missing'}, but the attribute {slug!r} is {input_type}.")


_WRONG = object()


def _of(*kinds: type) -> Callable[[Any], Any]:
    return lambda value: value if type(value) in kinds else _WRONG


def _float(value: Any) -> Any:
    return float(value) if type(value) in (int, float) else _WRONG


def _date(value: Any) -> Any:
    try:
        return dt.date.fromisoformat(value)
    except (TypeError, ValueError):
        return _WRONG


def _instant(value: Any) -> Any:
    try:
        found = dt.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return _WRONG
    return found if found.tzinfo else _WRONG


_TYPES: tuple[tuple[type[Any], Callable[[Any], Any], str], ...] = (
    (models.JSONField, lambda value: value, ""),
    (models.FileField, _of(str), "text"),
    (models.BooleanField, _of(bool), "true or false"),
    (models.IntegerField, _of(int), "whole number"),
    (models.FloatField, _float, "number"),
    (models.DateTimeField, _instant, "instant such as 2026-01-31T12:00:00Z"),
    (models.DateField, _date, "date such as 2026-01-31"),
    (models.CharField, _of(str), "text"),
    (models.TextField, _of(str), "text"),
)
