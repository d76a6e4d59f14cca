"""From bodies to what is to be written: checked row by row, and asked of the database for all rows at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import models
from rest_framework.exceptions import ErrorDetail, ValidationError

from commerce.rest.problems import Problem, problem_of
from commerce.rest.rows import Part, Reference, RowSerializer

REQUIRED = "This field is required."


@dataclass(slots=True)
class Change:
    """One row to be written, or the problem with it: columns by attribute, and parts, which stand in other tables.

    `wanted_id` and `wanted_version` are what the row itself says of its object.
    """

    number: int
    columns: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, Any] = field(default_factory=dict)
    instance: Any = None
    is_new: bool = False
    # Attributes whose values differ, of an object that was there, and their values before; parts are compared where
    # they are written.
    differing: list[str] = field(default_factory=list)
    before: dict[str, Any] = field(default_factory=dict)
    is_written: bool = False
    problem: Problem | None = None
    wanted_id: UUID | None = None
    wanted_version: int | None = None

    def refuse(self, error: Exception) -> None:
        """Remember why the row is not written."""
        if self.problem is None:
            self.problem = problem_of(error, is_write=True)


def sound(changes: Iterable[Change]) -> list[Change]:
    """Return those without a problem."""
    return [change for change in changes if change.problem is None]


def parse(serializer: RowSerializer, bodies: Sequence[Any]) -> list[Change]:
    """Return a change for each body; the serializer is a partial one."""
    changes = []
    for number, body in enumerate(bodies):
        change = Change(number)
        try:
            values = serializer.run_validation(body)
        except ValidationError as error:
            change.refuse(error)
        else:
            change.wanted_id, change.wanted_version = values.pop("id", None), values.pop("version", None)
            for name, value in values.items():
                is_part = isinstance(serializer.fields.get(name), Part)
                (change.parts if is_part else change.columns)[name] = value
        changes.append(change)
    return changes


def resolve(serializer: RowSerializer, changes: Sequence[Change]) -> None:
    """Put ids where objects are named, or refuse the row. Two statements at most for each field that refers."""
    for name, reference in serializer.fields.items():
        if not isinstance(reference, Reference) or reference.read_only:
            continue
        attribute = str(reference.source)
        having = [change for change in sound(changes) if change.columns.get(attribute) is not None]
        found = reference.find({change.columns[attribute] for change in having}) if having else {}
        for change in having:
            wanted = change.columns[attribute]
            if wanted in found:
                change.columns[attribute] = found[wanted]
            else:
                change.refuse(ValidationError({name: [reference.unknown(wanted)]}))


def require(serializer: RowSerializer, changes: Sequence[Change]) -> None:
    """Refuse new rows that lack what a row must have."""
    needed = {str(f.source): name for name, f in serializer.fields.items() if f.required and not f.read_only}
    for change in sound(changes):
        if change.is_new:
            missing = [name for source, name in needed.items() if source not in change.columns]
            if missing:
                change.refuse(ValidationError({name: [ErrorDetail(REQUIRED, "required")] for name in missing}))


def fill_up(serializer: RowSerializer, change: Change) -> None:
    """Give what a whole new state does not name its default: what is left out of a PUT is taken away."""
    missing = []
    for name, row_field in serializer.fields.items():
        source = str(row_field.source)
        if row_field.read_only or source in change.columns or name in change.parts:
            continue
        if isinstance(row_field, Part):
            change.parts[name] = row_field.empty
        elif row_field.required:
            missing.append(name)
        else:
            change.columns[source] = change.instance._meta.get_field(source).get_default()
    if missing:
        change.refuse(ValidationError({name: [ErrorDetail(REQUIRED, "required")] for name in missing}))


def apply(model: type[models.Model], serializer: RowSerializer, change: Change, fixed: Sequence[str]) -> None:
    """Set the columns of a row's object, made where it is new; refuse another value of what is fixed."""
    if change.is_new:
        change.instance = model(**change.columns)
        return
    instance = change.instance
    change.differing = [name for name, value in change.columns.items() if getattr(instance, name) != value]
    names = {str(row_field.source): name for name, row_field in serializer.fields.items()}
    for attribute in change.differing:
        if attribute in fixed:
            told = ErrorDetail("This cannot be changed: make another one.", "FIXED")
            change.refuse(ValidationError({names[attribute]: [told]}))
            return
    change.before = {name: getattr(instance, name) for name in change.differing}
    for attribute in change.differing:
        setattr(instance, attribute, change.columns[attribute])


def identify(model: type[models.Model], keys: Sequence[tuple[str, ...]], changes: Sequence[Change]) -> dict[int, UUID]:
    """Return the ids of the objects that rows mean, by number: their own id, or the first natural key that they name.

    A row whose id there is not is not among them. One statement for the ids and one for each key.
    """
    rows: Any = model._default_manager
    found: dict[int, UUID] = {}
    ids = {change.wanted_id for change in sound(changes) if change.wanted_id is not None}
    known = set(rows.filter(id__in=ids).values_list("id", flat=True)) if ids else set()
    for change in sound(changes):
        if change.wanted_id in known:
            found[change.number] = change.wanted_id  # type: ignore[assignment]
    for key in keys:
        open_ = {
            change.number: tuple(change.columns.get(name) for name in key)
            for change in sound(changes)
            if change.wanted_id is None and change.number not in found
        }
        wanted = {number: values for number, values in open_.items() if all(value is not None for value in values)}
        if wanted:
            among = {f"{name}__in": {values[i] for values in wanted.values()} for i, name in enumerate(key)}
            by_key = {tuple(values): id_ for id_, *values in rows.filter(**among).values_list("id", *key)}
            found.update((number, by_key[values]) for number, values in wanted.items() if values in by_key)
    return found


def refuse_repeated(model: type[models.Model], changes: Sequence[Change]) -> None:
    """Refuse rows of a batch that mean an object of an earlier row, or take a name that an earlier row takes."""
    seen: dict[Any, int] = {}
    for change in sound(changes):
        if not change.is_new:
            first = seen.setdefault(change.instance.id, change.number)
            if first != change.number:
                change.refuse(Problem.of(409, "REPEATED", f"Row {first} is of the same object."))
                continue
        for names, values in _unique(model, change.instance):
            first = seen.setdefault((names, values), change.number)
            if first != change.number:
                change.refuse(Problem.of(409, "UNIQUE", f"Row {first} has the same {' and '.join(names)}.", names[-1]))
                break


def refuse_taken(model: type[models.Model], changes: Sequence[Change]) -> None:
    """Refuse rows that take a name which another object has. One statement for each unique constraint."""
    rows: Any = model._default_manager
    wanted: dict[tuple[str, ...], dict[tuple[Any, ...], Change]] = {}
    for change in sound(changes):
        for names, values in _unique(model, change.instance):
            if change.is_new or set(names) & set(change.differing):
                wanted.setdefault(names, {})[values] = change
    for names, by_values in wanted.items():
        among = {f"{name}__in": {values[i] for values in by_values} for i, name in enumerate(names)}
        for id_, *values in rows.filter(**among).values_list("id", *names):
            taken = by_values.get(tuple(values))
            if taken is not None and taken.instance.id != id_:
                told = ", ".join(f"{name} {value!r}" for name, value in zip(names, map(str, values), strict=True))
                message = f"Another {model._meta.verbose_name} has {told}."
                taken.refuse(Problem.of(409, "UNIQUE", message, names[-1]))


def _unique(model: type[models.Model], instance: Any) -> Iterable[tuple[tuple[str, ...], tuple[Any, ...]]]:
    """Yield the columns and values of an object that no other may have."""
    for constraint in model._meta.constraints:
        if isinstance(constraint, models.UniqueConstraint) and constraint.condition is None:
            fields: list[Any] = [model._meta.get_field(name) for name in constraint.fields if name != "tenant_id"]
            names = tuple(str(field.attname) for field in fields)
            values = tuple(getattr(instance, name) for name in names)
            if None not in values:
                yield names, values
