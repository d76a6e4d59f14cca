"""System checks that tell an author of a tenant model, at once, what the schema editor would refuse."""

from typing import Any

from django.apps import apps
from django.core import checks
from django.db import models

from commerce.db.backend.schema import is_tenant_owned


@checks.register(checks.Tags.models)
def check_tenant_models(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Report automatic many-to-many tables and expression indexes on models that belong to tenants."""
    found: list[checks.CheckMessage] = []
    for model in apps.get_models():
        if is_tenant_owned(model):
            found += _automatic_tables(model) + _expressions(model)
    return found


def _automatic_tables(model: type[models.Model]) -> list[checks.CheckMessage]:
    return [
        checks.Error(
            f"{model._meta.label}.{field.name} has an automatic table, which would have no tenant.",
            hint="Name an explicit `through` model with a TenantField.",
            id="commerce.E001",
        )
        for field in model._meta.local_many_to_many
        if field.remote_field.through._meta.auto_created  # type: ignore[union-attr]
    ]


def _expressions(model: type[models.Model]) -> list[checks.CheckMessage]:
    named = [*model._meta.indexes, *model._meta.constraints]
    return [
        checks.Error(
            f"{model._meta.label}: {item.name} indexes an expression, which row-level security never uses.",
            hint="Index a stored column.",
            id="commerce.E002",
        )
        for item in named
        if getattr(item, "contains_expressions", False)
    ]
