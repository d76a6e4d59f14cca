"""What a list is narrowed down by: parameters of the address that have an index."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import QueryDict

from commerce.rest.problems import Problem

MOST_VALUES = 100
TEXT, ID, MOMENT, BOOLEAN = "text", "id", "moment", "boolean"


@dataclass(frozen=True, slots=True)
class Filter:
    """A parameter: its name, the lookup of the ORM that it comes to, and what its values are.

    With `many` it takes several, separated by commas. `order` are the columns of the index that finds the rows, which
    the list then has for its order, those that tell rows apart last; without it the list is in the order of ids.
    """

    name: str
    lookup: str
    kind: str = TEXT
    many: bool = False
    order: tuple[str, ...] = ()
    description: str = ""
    choices: tuple[str, ...] = ()

    def parse(self, text: str) -> Any:
        """Return what to compare with, or raise Problem (400)."""
        if not self.many:
            return self._one(text)
        parts: list[str] = text.split(",")
        if len(parts) > MOST_VALUES:
            raise self._refusal(f"takes {MOST_VALUES} values at most")
        return [self._one(part.strip()) for part in parts]

    def _one(self, text: str) -> Any:
        if not text or "\0" in text:
            raise self._refusal("has no value")
        if self.choices and text not in self.choices:
            raise self._refusal(f"is one of {', '.join(self.choices)}")
        try:
            return _PARSERS[self.kind](text)
        except (ValueError, OverflowError):
            raise self._refusal(_WORDS[self.kind]) from None

    def _refusal(self, reason: str) -> Problem:
        return Problem.of(400, "INVALID", f"The parameter {self.name} {reason}.", self.name)


def read_filters(filters: Sequence[Filter], given: QueryDict, others: Sequence[str]) -> Mapping[Filter, Any]:
    """Return the filters that were given with what to compare with; `others` are parameters of another kind.

    Raises Problem (400) for a parameter that there is not, that is given twice, or that does not fit.
    """
    known = {filter_.name: filter_ for filter_ in filters}
    found = {}
    for name in given:
        _check_once(name, given)
        if name in known:
            found[known[name]] = known[name].parse(str(given[name]))
        elif name not in others:
            names = ", ".join(sorted([*known, *others])) or "none"
            raise Problem.of(
                400, "UNKNOWN_PARAMETER", f"There is no parameter {name[:100]!r}; there are {names}.", name
            )
    return found


def _check_once(name: str, given: QueryDict) -> None:
    if len(given.getlist(name)) > 1:
        raise Problem.of(400, "INVALID", f"The parameter {name} is given twice.", name)


def _moment(text: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text.replace(" ", "+"))  # a + in an address is a space
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError
    return text == "true"


_PARSERS: dict[str, Any] = {TEXT: str, ID: UUID, MOMENT: _moment, BOOLEAN: _boolean}
_WORDS = {
    ID: "is an id such as 01900000-0000-7000-8000-000000000000",
    MOMENT: "is an instant such as 2026-01-31T12:00:00Z",
    BOOLEAN: "is true or false",
    TEXT: "is a text",
}
