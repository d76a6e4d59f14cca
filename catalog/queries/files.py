"""Which rows name stored files, of whatever model: by the models alone, so that none is forgotten."""

from collections.abc import Collection, Iterator
from functools import cache
from typing import Any, NamedTuple

from django.apps import apps
from django.db import models

from catalog.models import AttributeValue, ReleasedFile, Thumbnail, Upload
from commerce.db.backend.schema import is_tenant_owned


class Column(NamedTuple):
    """A column whose texts are names of stored files (or addresses elsewhere, or empty)."""

    model: type[models.Model]
    name: str


@cache
def naming_columns() -> tuple[Column, ...]:
    """Return the columns by which rows of tenants name their files: every FileField, and a few texts."""
    fields = (
        Column(model, field.attname)
        for model in apps.get_models(include_auto_created=True)
        if is_tenant_owned(model)
        for field in model._meta.local_concrete_fields
        if isinstance(field, models.FileField)
    )
    return (*fields, Column(AttributeValue, "file_url"), Column(Upload, "stored_name"))


def list_named(names: Collection[str]) -> set[str]:
    """Return those of these stored files that a row of the scope's tenant still names."""
    found: set[str] = set()
    for column in naming_columns():
        rows: Any = column.model._base_manager.filter(**{f"{column.name}__in": list(names)})
        found.update(map(str, rows.values_list(column.name, flat=True)))
    return found


def list_all_named() -> Iterator[str]:
    """Yield every stored file that a row of the scope's tenant names, thumbnails and what is to be deleted too."""
    for column in (*naming_columns(), Column(Thumbnail, "name"), Column(ReleasedFile, "name")):
        rows: Any = column.model._base_manager.exclude(**{column.name: ""})
        yield from map(str, rows.values_list(column.name, flat=True).iterator())
