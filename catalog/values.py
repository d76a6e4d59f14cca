"""What may stand in an attribute: raw input in, the columns of an AttributeValue out."""

import datetime as dt
import hashlib
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils.text import slugify

from catalog.models import Attribute
from catalog.rich_text import clean_editorjs
from commerce.errors import DomainError

InputType = Attribute.InputType

_TRUE = frozenset({"true", "yes", "1"})
_FALSE = frozenset({"false", "no", "0"})
_COLOUR = re.compile(r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})")


@dataclass(frozen=True, slots=True)
class ValueColumns:
    """The columns of one attribute value; equal slugs within an attribute are the same value."""

    slug: str
    name: str
    value: str = ""
    numeric: float | None = None
    boolean: bool | None = None
    date: dt.date | None = None
    date_time: dt.datetime | None = None
    plain_text: str | None = None
    rich_text: dict[str, Any] | None = None


def parse_value(input_type: str, raw: Any) -> ValueColumns:
    """Return the columns for a raw value of an attribute of this type.

    Takes the Python value or its text: numbers in English notation, booleans as true/false, yes/no, 1/0,
    dates as ISO 8601, rich text as EditorJS JSON. Raises DomainError (INVALID) when it does not fit.
    """
    parser = _PARSERS.get(input_type)
    if parser is None:
        raise DomainError(f"Values of {input_type} attributes cannot be given as text.", field="value")
    if isinstance(raw, str) and "\0" in raw:
        raise DomainError("The character NUL cannot be stored.", field="value")
    return parser(raw)


def choice_slug(name: str) -> str:
    """Return the slug of a choice; a digest keeps names apart that differ in more than letter case and spaces."""
    slug = slugify(name, allow_unicode=True)
    if slug == "-".join(name.lower().split()) and len(slug) <= 240:
        return slug
    return f"{slug[:200]}-{_digest(name.casefold(), 8)}".lstrip("-")


def _choice(raw: Any) -> ValueColumns:
    name = str(raw).strip()
    if not name:
        raise DomainError("The value is empty.", code="REQUIRED", field="value")
    if len(name) > 500:
        raise DomainError(f"The value has {len(name)} characters; a choice has 500 at most.", field="value")
    return ValueColumns(slug=choice_slug(name), name=name)


def _swatch(raw: Any) -> ValueColumns:
    name, _, colour = str(raw).strip().partition("|")
    if _COLOUR.fullmatch(name):
        name, colour = colour or name, name
    if colour and not _COLOUR.fullmatch(colour):
        raise DomainError(f"{colour!r} is no colour such as #a0b1c2.", field="value")
    choice = _choice(name)
    return ValueColumns(slug=choice.slug, name=choice.name, value=colour)


def _numeric(raw: Any) -> ValueColumns:
    try:
        number = float(raw)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if isinstance(raw, bool) or not math.isfinite(number):
        raise DomainError(f"{raw!r} is no number.", field="value")
    text = format(number, ".15g")
    return ValueColumns(slug=text, name=text, numeric=number)


def _boolean(raw: Any) -> ValueColumns:
    text = str(raw).strip().lower()
    if text not in _TRUE | _FALSE:
        raise DomainError(f"{raw!r} is neither true nor false.", field="value")
    value = text in _TRUE
    return ValueColumns(slug=str(value).lower(), name="Yes" if value else "No", boolean=value)


def _date(raw: Any) -> ValueColumns:
    try:
        day = raw if type(raw) is dt.date else dt.datetime.fromisoformat(str(raw)).date()
    except ValueError as error:
        raise DomainError(f"{raw!r} is no date such as 2026-01-31.", field="value") from error
    return ValueColumns(slug=day.isoformat(), name=day.isoformat(), date=day)


def _date_time(raw: Any) -> ValueColumns:
    try:
        moment = raw if isinstance(raw, dt.datetime) else dt.datetime.fromisoformat(str(raw))
    except ValueError as error:
        raise DomainError(f"{raw!r} is no instant such as 2026-01-31T12:00:00+00:00.", field="value") from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    return ValueColumns(slug=moment.isoformat(), name=moment.isoformat(), date_time=moment)


def _plain_text(raw: Any) -> ValueColumns:
    text = str(raw).strip()
    if not text:
        raise DomainError("The value is empty.", code="REQUIRED", field="value")
    return ValueColumns(slug=_digest(text, 20), name=text[:100], plain_text=text)


def _rich_text(raw: Any) -> ValueColumns:
    try:
        document = json.loads(raw) if isinstance(raw, str) else raw
    except json.JSONDecodeError:
        document = editorjs(raw)
    document = clean_editorjs(document)
    canonical = json.dumps(document, sort_keys=True)
    return ValueColumns(slug=_digest(canonical, 20), name=plain_words(document)[:100], rich_text=document)


def editorjs(text: str) -> dict[str, Any]:
    """Return plain text as an EditorJS document, a paragraph for each block of lines."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", escaped)]
    return {
        "blocks": [{"type": "paragraph", "data": {"text": part}} for part in paragraphs if part],
        "version": "2.24.3",
    }


def plain_words(document: dict[str, Any]) -> str:
    """Return the words of an EditorJS document without their markup."""
    texts = [str(block["data"].get("text", "")) for block in document["blocks"]]
    return re.sub(r"<[^>]*>", "", " ".join(texts)).strip()


def _digest(text: str, length: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]


_PARSERS: dict[str, Callable[[Any], ValueColumns]] = {
    InputType.DROPDOWN: _choice,
    InputType.MULTISELECT: _choice,
    InputType.SWATCH: _swatch,
    InputType.NUMERIC: _numeric,
    InputType.BOOLEAN: _boolean,
    InputType.DATE: _date,
    InputType.DATE_TIME: _date_time,
    InputType.PLAIN_TEXT: _plain_text,
    InputType.RICH_TEXT: _rich_text,
}
