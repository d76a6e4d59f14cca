"""The mapping laid over the columns that a file has."""

import difflib
import re
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Dictionary
from dataclasses import dataclass, field

from django.utils.text import slugify

from catalog.imports.cells import Source
from catalog.imports.errors import MappingError
from catalog.imports.mapping import AttributeRule, Mapping


@dataclass(slots=True)
class PlannedAttribute:
    """An attribute that a column of the file holds values of; `type` is settled once the shop's own are known."""

    rule: AttributeRule
    source: Source
    slug: str
    name: str
    position: int
    type: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """All attributes of an import: those of one column by it, the others in a list; products' and variants' apart."""

    by_column: tuple[dict[str, PlannedAttribute], dict[str, PlannedAttribute]] = field(default_factory=lambda: ({}, {}))
    others: tuple[list[PlannedAttribute], list[PlannedAttribute]] = field(default_factory=lambda: ([], []))

    def __iter__(self) -> Iterator[PlannedAttribute]:
        for on_variants in (False, True):
            yield from self.by_column[on_variants].values()
            yield from self.others[on_variants]

    def add(self, attribute: PlannedAttribute) -> None:
        """Add an attribute; no other has its slug."""
        columns, on_variants = attribute.source.columns, attribute.rule.on_variants
        if len(columns) == 1 and columns[0] not in self.by_column[on_variants]:
            self.by_column[on_variants][columns[0]] = attribute
        else:
            self.others[on_variants].append(attribute)

    def attributes_in(self, cells: Dictionary[str, object], *, on_variants: bool) -> Iterator[PlannedAttribute]:
        """Yield the attributes that may have values in these cells."""
        by_column = self.by_column[on_variants]
        if by_column:
            for column in cells:
                if column in by_column:
                    yield by_column[column]
        yield from self.others[on_variants]


def make_plan(mapping: Mapping, columns: Dictionary[str, object]) -> Plan:
    """Return the attributes of the file's columns. Raises MappingError for a column or pattern that the file lacks."""
    _check_columns(mapping, columns)
    plan = Plan()
    taken: dict[str, PlannedAttribute] = {}
    for attribute in _planned(mapping, columns):
        other = taken.setdefault(attribute.slug, attribute)
        if other is not attribute:
            raise MappingError(
                f"{mapping.name}: the columns {other.source.label} and {attribute.source.label} would both be the "
                f"attribute {attribute.slug!r}: give one of them a rule of its own with another `slug`.",
                field=attribute.rule.key,
            )
        plan.add(attribute)
    return plan


def _check_columns(mapping: Mapping, columns: Dictionary[str, object]) -> None:
    for source in mapping.sources:
        missing = [column for column in source.needed if column not in columns]
        if missing and not source.optional:
            near = difflib.get_close_matches(missing[0], columns, n=1)
            hint = f"{near[0]!r} is near" if near else f"it has {_some(columns)}"
            raise MappingError(
                f"{mapping.name}: {source.key} reads the column {missing[0]!r}, which the file has not ({hint}). "
                "Say `optional: true` where a column may be missing.",
                field=source.key,
            )


def _planned(mapping: Mapping, columns: Dictionary[str, object]) -> Iterable[PlannedAttribute]:
    claimed: set[str] = set()
    position = 0
    for rule in mapping.attributes:
        if rule.source is not None:
            claimed.update(rule.source.columns)
            yield _named(rule, rule.source, rule.source.label, position)
            position += 1
            continue
        matches = [(column, match) for column, match in _matches(rule, columns) if column not in claimed]
        if not matches and not rule.optional:
            raise MappingError(
                f"{mapping.name}: {rule.key}.pattern {rule.pattern!r} matches no column of the file, which has "
                f"{_some(columns)}. Say `optional: true` where that may be.",
                field=rule.key,
            )
        for column, match in matches:
            claimed.add(column)
            source = Source(rule.key, columns=(column,), split=rule.split)
            yield _named(rule, source, match, position)
            position += 1


def _matches(rule: AttributeRule, columns: Iterable[str]) -> Iterable[tuple[str, str]]:
    start, _, end = (rule.pattern or "").partition("*")
    for column in columns:
        if column.startswith(start) and column.endswith(end) and len(column) > len(start) + len(end):
            match = column[len(start) : len(column) - len(end)]
            if rule.only is None or match in rule.only:
                yield column, match


def _named(rule: AttributeRule, source: Source, match: str, position: int) -> PlannedAttribute:
    name = (rule.name or "{match}").replace("{match}", _words(match))
    slug = slugify((rule.slug or "{match}").replace("{match}", match.replace("_", "-")), allow_unicode=True)
    if not slug or len(slug) > 255 or len(name) > 255:
        raise MappingError(
            f"{rule.key}: {match!r} makes no slug or too long a one: write `slug` and `name`.", field=rule.key
        )
    return PlannedAttribute(rule, source, re.sub(r"-+", "-", slug), name, position)


def _words(match: str) -> str:
    """Return a column's name as words: "thermal_design_power__tdp_" is "Thermal design power (tdp)"."""
    text = re.sub(r"__([^_].*)_$", r" (\1)", match).replace("_", " ")
    words = " ".join(text.split())
    return words[:1].upper() + words[1:]


def _some(columns: Iterable[str]) -> str:
    names = list(columns)
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "") or "none"
