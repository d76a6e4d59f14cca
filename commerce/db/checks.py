"""System checks that tell an author of a tenant model, at once, what the schema editor would refuse."""

from typing import Any

from django.apps import apps
from django.core import checks
from django.db import models

from commerce.db.backend.schema import is_adopted, is_tenant_owned
from commerce.db.topics.declared import Topics, clock_index, topics_of


@checks.register(checks.Tags.models)
def check_tenant_models(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Report what models that belong to tenants lack: a tenant for each table, usable indexes, topics."""
    found: list[checks.CheckMessage] = []
    for model in apps.get_models():
        if is_tenant_owned(model):
            found += _automatic_tables(model) + _expressions(model) + _topics(model)
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


def _topics(model: type[models.Model]) -> list[checks.CheckMessage]:
    if is_adopted(model):
        return []  # other people's models, which shoppers never see
    topics = topics_of(model)
    if topics is None:
        return [
            checks.Error(
                f"{model._meta.label} does not say what its rows are about.",
                hint='Write `topics = Topics(Topic("product", by="product_id"))`, or NOT_SHOWN where shoppers never '
                "see them (commerce.db.topics).",
                id="commerce.E003",
            )
        ]
    return _instants(model, topics) + _kept_instants(model, topics) if topics.are_shown else []


def _instants(model: type[models.Model], topics: Topics) -> list[checks.CheckMessage]:
    """Return errors for instants of which the model does not say whether queries compare them with the clock."""
    told = {"created_at", "updated_at", *topics.clock, *topics.timeless}
    return [
        checks.Error(
            f"{model._meta.label}.{field.name}: do queries compare it with the current instant?",
            hint="Name it in `clock` of the model's topics if they do, otherwise in `timeless`.",
            id="commerce.E004",
        )
        for field in model._meta.local_fields
        if isinstance(field, models.DateTimeField) and field.name not in told
    ]


def _kept_instants(model: type[models.Model], topics: Topics) -> list[checks.CheckMessage]:
    indexes = {(tuple(index.fields), str(index.condition)) for index in model._meta.indexes}
    wanted = {column: clock_index(column, name="wanted") for column in topics.clock}
    return [
        checks.Error(
            f"{model._meta.label}.{column}: the next instant of it is found by no index.",
            hint=f'Add clock_index("{column}", name=…) to the model\'s Meta.',
            id="commerce.E005",
        )
        for column, index in wanted.items()
        if (tuple(index.fields), str(index.condition)) not in indexes
    ]
