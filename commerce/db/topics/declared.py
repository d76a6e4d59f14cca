"""What a model says of its rows: which topics they are about, and which columns are compared with the clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.apps import apps
from django.db import models

from commerce.db import rls

# The pseudo tenant whose topics platform tables are.
PLATFORM = 0
# Instants outside of these never come: ±infinity, which bound windows.
FIRST, LAST = datetime(1000, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Topic:
    """A kind of thing that rows are about. `by` leads to the id of the one that a row is about ("variant.product_id").

    Without `by` no single one is told apart; with `when_new` one that is created is, and any change of it later
    counts for all: it may show up where the row was not found before.
    """

    kind: str
    by: str | None = None
    when_new: bool = False


class Topics:
    """What the rows of a table are about, for models: `topics = Topics(Topic("product", by="product_id"))`.

    A change of a row is told under every topic; an answer depends on one of them, the first unless its query
    names others. `clock` are the columns that queries compare with the current instant: an answer ends at the
    next of them. `timeless` are instants that no query compares so.
    """

    def __init__(self, *topics: Topic, clock: tuple[str, ...] = (), timeless: tuple[str, ...] = ()) -> None:
        self.topics = topics
        self.clock = clock
        self.timeless = timeless

    @property
    def are_shown(self) -> bool:
        """Whether shoppers see the rows. An answer made of rows that they do not is never stored."""
        return bool(self.topics)

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset(topic.kind for topic in self.topics)


NOT_SHOWN = Topics()


@dataclass(frozen=True, slots=True)
class Declared:
    """A table's topics; `is_platform`: its rows are no tenant's."""

    topics: Topics
    is_platform: bool


@cache
def declared() -> Mapping[str, Declared]:
    """Return the topics of every table, by its name. A table without a declaration counts as not shown."""
    return {
        model._meta.db_table: Declared(topics_of(model) or NOT_SHOWN, not _has_tenant(model))
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy
    }


def topics_of(model: type[models.Model]) -> Topics | None:
    """Return what a model declares, or None."""
    topics = getattr(model, "topics", None)
    return topics if isinstance(topics, Topics) else None


def objects_of(instance: models.Model, *, is_new: bool) -> dict[str, frozenset[str]]:
    """Return the objects that a row is about, by kind, as far as its topics tell single ones apart."""
    topics = topics_of(type(instance)) or NOT_SHOWN
    return {
        topic.kind: frozenset([str(_follow(instance, topic.by))])
        for topic in topics.topics
        if topic.by is not None and (is_new or not topic.when_new)
    }


def _follow(instance: Any, path: str) -> Any:
    for name in path.split("."):
        instance = getattr(instance, name)
    return instance


def clock_index(column: str, *, name: str) -> models.Index:
    """Return the index by which the next instant of a column of `Topics.clock` is found; for the model's Meta."""
    within = models.Q((f"{column}__gt", FIRST), (f"{column}__lt", LAST))
    return models.Index(fields=["tenant_id", column], name=name, condition=within)


def _has_tenant(model: Any) -> bool:
    from commerce.db.fields import TenantField

    fields = model._meta.local_fields
    return model._meta.db_table in rls.ADOPTED_TABLES or any(isinstance(field, TenantField) for field in fields)
