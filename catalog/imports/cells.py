"""From a row's cells to one value: where it comes from, and what it is read as."""

import datetime as dt
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

import orjson

from catalog.rich_text import clean_editorjs
from catalog.values import editorjs
from commerce.errors import DomainError
from commerce.money import MAX_MINOR, to_minor

Cells = Mapping[str, Any]

_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
_CONTROL = re.compile("[\x00\ud800-\udfff]")
_TRUE = frozenset({"true", "yes", "1"})
_FALSE = frozenset({"false", "no", "0"})
MOST_INTEGER = 2**31 - 1
MOST_CHARACTERS = 1_000_000


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value comes from: columns (the first filled one counts), a template over columns, or a constant."""

    key: str  # its place in the mapping, for messages
    columns: tuple[str, ...] = ()
    template: str | None = None
    constant: Any = None
    default: Any = None
    ignore: frozenset[str] = frozenset()
    split: str | None = None
    first: bool = False
    optional: bool = False

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns that it reads."""
        return self.columns or tuple(_PLACEHOLDER.findall(self.template or ""))

    @property
    def label(self) -> str:
        """What a message calls it: its column, or its place in the mapping."""
        return self.needed[0] if self.needed else self.key

    def read(self, cells: Cells) -> Any:
        """Return the one value, or None where there is none. Raises DomainError for several."""
        values = self.read_all(cells)
        if not values:
            return None
        if len(values) > 1 and not self.first:
            raise DomainError(f"{len(values)} values stand here and one is taken: say `first: true`.")
        return values[0]

    def read_all(self, cells: Cells) -> list[Any]:
        """Return all values: the items of a list, the parts of a split text."""
        if len(self.columns) == 1 and self.split is None and not self.ignore and self.default is None:
            cell = cells.get(self.columns[0])
            if isinstance(cell, str):
                text = cell.strip()
                return [text] if text else []
        values = [value for value in self._raw(cells) if str(value) not in self.ignore]
        return values or ([] if self.default is None else [self.default])

    def _raw(self, cells: Cells) -> list[Any]:
        if self.constant is not None:
            return [self.constant]
        if self.template is not None:
            text = self._filled(self.template, cells)
            return [text] if text else []
        for column in self.columns:
            values = list(self._items(cells.get(column)))
            if values:
                return values
        return []

    def _filled(self, template: str, cells: Cells) -> str | None:
        """Return the template with its columns, or None where one of them is empty."""
        parts = {name: text_of(cells.get(name)) for name in _PLACEHOLDER.findall(template)}
        if not all(parts.values()):
            return None
        return _PLACEHOLDER.sub(lambda match: parts[match[1]], template)

    def _items(self, cell: Any) -> Iterator[Any]:
        if isinstance(cell, list):
            for item in cell:
                yield from self._items(item)
        elif isinstance(cell, str):
            parts = cell.split(self.split) if self.split else [cell]
            yield from (part for part in map(str.strip, parts) if part)
        elif cell is not None:
            yield cell


def text_of(value: Any, *, most: int | None = None) -> str:
    """Return a cell as text: numbers as written, booleans as true and false, nothing as "".

    Raises DomainError for an object or a list, for what PostgreSQL cannot hold, and above `most` characters.
    """
    match value:
        case None:
            return ""
        case str():
            text = value.strip()
        case bool():
            text = "true" if value else "false"
        case int():
            text = str(value)
        case float():
            text = str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
        case _:
            raise DomainError("A list or an object stands where a text is wanted.")
    if _CONTROL.search(text):
        raise DomainError("The text holds a NUL character or half a surrogate pair.")
    most = most or MOST_CHARACTERS
    if len(text) > most:
        raise DomainError(f"The text has {len(text):,} characters; {most:,} is the most.")
    return text


def boolean_of(value: Any) -> bool:
    """Return true/yes/1 or false/no/0, or raise DomainError."""
    text = text_of(value).lower()
    if text not in _TRUE | _FALSE:
        raise DomainError(f"{text!r} is neither true nor false.")
    return text in _TRUE


def integer_of(value: Any) -> int:
    """Return a whole number from 0 to 2,147,483,647, or raise DomainError."""
    number = _decimal(value, ".")
    if number is None or number != int(number):
        raise DomainError(f"{_shown(value)} is no whole number.")
    if not 0 <= number <= MOST_INTEGER:
        raise DomainError(f"{_shown(value)} is not between 0 and {MOST_INTEGER:,}.")
    return int(number)


def float_of(value: Any) -> float:
    """Return a finite number, or raise DomainError."""
    try:
        number = float(text_of(value))
    except ValueError:
        number = math.nan
    if isinstance(value, bool) or not math.isfinite(number):
        raise DomainError(f"{_shown(value)} is no number.")
    return number


def price_of(value: Any, currency: str, *, unit: str, decimal: str) -> int:
    """Return an amount in minor units; `unit` says whether it is given in minor or major ones.

    `decimal` is the character before the fraction; the other one of "." and "," may group thousands, when it is a
    comma. Raises DomainError for what is no number, negative, or finer than the currency.
    """
    number = _decimal(value, decimal)
    if number is None:
        raise DomainError(f"{_shown(value)} is no price.")
    if number < 0:
        raise DomainError(f"{_shown(value)} is a negative price.")
    if unit == "major":
        return to_minor(number, currency)
    if number != int(number):
        raise DomainError(f"{_shown(value)} is no whole number of minor units; is its `unit` major?")
    if number > MAX_MINOR:
        raise DomainError(f"{_shown(value)} is more than can be kept.")
    return int(number)


def weight_of(value: Any, *, unit: str) -> int:
    """Return a weight in grams, given in g, kg, lb or oz, rounded to the gram."""
    number = _decimal(value, ".")
    if number is None:
        raise DomainError(f"{_shown(value)} is no weight.")
    grams = round(number * _GRAMS[unit])
    if not 0 <= grams <= MOST_INTEGER:
        raise DomainError(f"{_shown(value)} {unit} is not between 0 and {MOST_INTEGER:,} g.")
    return grams


_GRAMS = {"g": Decimal(1), "kg": Decimal(1000), "lb": Decimal("453.59237"), "oz": Decimal("28.349523125")}
WEIGHT_UNITS = tuple(_GRAMS)


def moment_of(value: Any) -> dt.datetime:
    """Return an instant from ISO 8601; a date is its midnight, and without an offset it is UTC."""
    text = text_of(value)
    try:
        moment = dt.datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
    except (ValueError, OverflowError) as error:
        raise DomainError(f"{text[:50]!r} is no date such as 2026-01-31 or 2026-01-31T12:00:00Z.") from error


def gtin_of(value: Any) -> str:
    """Return a GTIN of 8, 12, 13 or 14 digits with its check digit verified (GS1 General Specifications, 7.9).

    Leading zeros that a spreadsheet dropped are restored. Raises DomainError.
    """
    text = text_of(value).replace(" ", "").replace("-", "")
    if not (text.isascii() and text.isdigit() and 6 <= len(text) <= 14):
        raise DomainError(f"{text[:50]!r} is no GTIN: 8, 12, 13 or 14 digits.")
    digits = [int(digit) for digit in text.zfill(14)]
    if sum(digit * (1 if i % 2 else 3) for i, digit in enumerate(digits)) % 10:
        raise DomainError(f"{text!r} is no GTIN: its check digit is wrong.")
    return text.zfill(next(length for length in (8, 12, 13, 14) if length >= len(text)))


def url_of(value: Any, *, most: int = 1000) -> str:
    """Return an absolute address of http or https, or raise DomainError."""
    text = text_of(value, most=most)
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or any(c.isspace() for c in text):
        raise DomainError(f"{text[:100]!r} is no address that begins with http:// or https://.")
    return text


def plain_document(value: Any) -> dict[str, Any] | None:
    """Return plain text as an EditorJS document, or None for no text."""
    text = text_of(value)
    return editorjs(text) if text else None


def document_of(value: Any) -> dict[str, Any] | None:
    """Return EditorJS JSON, as an object or as its text, as a document, or None for nothing."""
    if isinstance(value, str):
        text = text_of(value)
        if not text:
            return None
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise DomainError(f"The text is no EditorJS document: {error}.") from error
    return clean_editorjs(value)


def _decimal(value: Any, decimal: str) -> Decimal | None:
    text = "" if isinstance(value, bool) else text_of(value)
    if decimal == ",":
        text = text.replace(".", "").replace(",", ".")
    if not re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)", text, re.ASCII):
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.adjusted() < 30 else None


def _shown(value: Any) -> str:
    text = text_of(value)
    return repr(text[:47] + "…" if len(text) > 50 else text)
