"""What answers depend on, held against what changes: an answer that differs was outdated."""

import os
import random
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, models, transaction
from django.utils import timezone

from catalog import operations
from catalog.models import (
    CollectionProduct,
    CollectionPublication,
    Product,
    ProductPublication,
    ProductTypeAttribute,
    SearchTypo,
    Warehouse,
)
from commerce.db.scope import tenant_scope
from commerce.db.topics import about_objects, declared, objects_of
from commerce.db.topics.declared import FIRST
from commerce.errors import DomainError
from tenants.models import App, AppToken, LanguageChain
from tests.catalog.topics_kit import DAY, Asked, Document, ask, ask_all, documents, full_shop
from tests.factories.rows import tenant_models

NOW = timezone.now()
# So many rows of each model are changed, and more until one change has altered an answer.
SEEDS = int(os.environ.get("TOPICS_SEEDS", "1"))
MOST_SEEDS = SEEDS + 7
# Of the answers that a change does not outdate, so many that read its table are asked again, and so many others.
NEAR = int(os.environ.get("TOPICS_NEAR", "60"))
OTHERS = int(os.environ.get("TOPICS_OTHERS", "8"))


class Kept:
    """A shop and the answers that are kept of it."""

    def __init__(self) -> None:
        self.shop = full_shop(NOW)
        self.documents = documents(self.shop)
        self.answers: dict[str, tuple[Document, Asked]] = ask_all(self.shop, self.documents, NOW)
        assert len(self.answers) > 500


@pytest.fixture(scope="module")
def kept() -> Kept:
    return Kept()


# --- No answer outlives what it shows -------------------------------------------------------------------------


# No storefront field shows their rows: chains of languages are part of what answers are kept under, and of the entries
# for typing errors one in thousands matters to a search.
UNSEEN: set[type[models.Model]] = {App, AppToken, LanguageChain, SearchTypo, Warehouse}
SHOWN = [model for model in tenant_models() if declared()[model._meta.db_table].topics.are_shown]


@pytest.mark.parametrize("model", SHOWN, ids=lambda model: model._meta.model_name)
def test_an_answer_that_a_changed_row_alters_is_outdated(kept, model):
    """Each row is written as an operation would: named as the model's topics say, before and after."""
    is_proved, table = model in UNSEEN, model._meta.db_table
    for seed in range(MOST_SEEDS):
        if seed >= SEEDS and is_proved:
            break
        rng = random.Random(f"{model._meta.label} {seed}")
        for what, change in changes(model, rng):
            is_proved |= hold(kept, f"{model._meta.label}: {what}", change, rng, table, prove=not is_proved)
    assert is_proved


def hold(kept: Kept, what: str, change: Any, rng: random.Random, *tables: str, prove: bool) -> bool:
    """Do a change, ask again what it does not outdate, and undo it.

    With `prove` return whether it altered an answer, so that the whole is known to try something.
    """
    with tenant_scope(kept.shop.id):
        connection.changes.clear()
        try:
            with transaction.atomic():
                change()
                with connection.cursor() as cursor:
                    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        except (DatabaseError, DomainError, models.ProtectedError):
            transaction.set_rollback(True)
            return not prove
        topics = connection.changes.topics().get(kept.shop.id, frozenset())
        assert topics, what
        connection.changes.clear()
        outdated = [pair for pair in kept.answers.values() if pair[1].topics & topics]
        current = [pair for pair in kept.answers.values() if not pair[1].topics & topics]
        near = [pair for pair in current if pair[1].tables.intersection(tables)]
        far = [pair for pair in current if not pair[1].tables.intersection(tables)]
        asked = [*rng.sample(near, min(len(near), NEAR)), *rng.sample(far, min(len(far), OTHERS))]
        for document, before in asked:
            after = ask(kept.shop, document, NOW, read_only=False)
            assert after.body == before.body, (what, sorted(topics), sorted(before.topics), document)
        seen = not prove or _is_altered(kept, [pair for pair in outdated if pair[1].tables.intersection(tables)], rng)
        transaction.set_rollback(True)
    return seen


def _is_altered(kept: Kept, answers: list[tuple[Document, Asked]], rng: random.Random) -> bool:
    """Return whether one of these answers is another one now."""
    some = rng.sample(answers, min(len(answers), NEAR))
    return any(ask(kept.shop, document, NOW, read_only=False).body != before.body for document, before in some)


def changes(model: type[models.Model], rng: random.Random) -> Iterator[tuple[str, Any]]:
    """Yield changes of a random row of a model: of each column, its removal, and a copy of it."""
    fields = [
        field for field in model._meta.local_concrete_fields if field.column not in ("tenant_id", "id", "version")
    ]
    for field in fields:
        if field.column is not None:
            yield f"UPDATE {field.column}", lambda field=field: update(_any(model, rng), field, rng)
    yield "DELETE", lambda: remove(_any(model, rng))
    yield "INSERT", lambda: copy(_any(model, rng), rng)


def _any(model: type[models.Model], rng: random.Random) -> models.Model:
    return rng.choice(list(model._base_manager.order_by("pk")))


def update(row: models.Model, field: Any, rng: random.Random) -> None:
    itself, objects = only(row), objects_of(row, is_new=False)
    setattr(row, field.attname, other_value(field, getattr(row, field.attname), rng))
    row._state.fields_cache.clear()
    with about_objects(_union(objects, row)):
        assert itself.update(**{field.attname: getattr(row, field.attname)})


def only(row: models.Model) -> models.QuerySet[Any]:
    """Return the query for this row alone; an instant that stands for -infinity is not equal to it."""
    keys = {field.name: getattr(row, field.attname) for field in row._meta.pk_fields}
    endless = {name for name, value in keys.items() if isinstance(value, datetime) and value < FIRST}
    found = {
        f"{name}__lt" if name in endless else name: FIRST if name in endless else value for name, value in keys.items()
    }
    return type(row)._base_manager.filter(**found)


def _union(objects: dict[str, frozenset[str]], row: models.Model) -> dict[str, frozenset[str]]:
    try:
        after = objects_of(row, is_new=False)
    except models.ObjectDoesNotExist:
        return objects
    return {kind: ids | after.get(kind, frozenset()) for kind, ids in objects.items()}


def remove(row: models.Model) -> None:
    with about_objects(objects_of(row, is_new=False)):
        assert only(row).delete()[0]


def copy(row: models.Model, rng: random.Random) -> None:
    for field in row._meta.local_concrete_fields:
        if field.column == "id":
            row.id = uuid.uuid4()
        elif isinstance(field, models.CharField) and not field.choices and field.column is not None:
            unique = any(field.name in getattr(c, "fields", ()) for c in row._meta.constraints)
            if unique and getattr(row, field.attname):
                setattr(row, field.attname, f"x{getattr(row, field.attname)}"[: field.max_length])
        elif field.is_relation and len({f.name for f in row._meta.pk_fields}) > 2 and rng.random() < 0.5:
            setattr(row, field.attname, other_value(field, getattr(row, field.attname), rng))
    row._state.adding = True
    row._state.fields_cache.clear()
    with about_objects(objects_of(row, is_new=True)):
        row.save(force_insert=True)


def other_value(field: Any, value: Any, rng: random.Random) -> Any:
    if field.is_relation:
        others = field.related_model._base_manager.exclude(id=value).values_list("id", flat=True)
        return rng.choice([*others, *([None] if field.null else [])] or [value])
    if field.choices:
        return rng.choice([choice for choice, _ in field.choices if choice != value])
    if isinstance(field, models.BooleanField):
        return not value
    if isinstance(field, models.DateTimeField):
        return NOW + rng.choice([-40, -1, 1, 40]) * DAY
    if isinstance(field, models.DateField):
        return (NOW - 400 * DAY).date()
    if isinstance(field, models.JSONField):
        return ["nl"] if field.name == "languages" else {"changed": "yes"}
    if isinstance(field, models.IntegerField | models.FloatField):
        return rng.choice([0, 1, 7, (value or 0) + 1, (value or 0) + 100])
    if isinstance(field, models.UUIDField):
        return rng.choice([uuid.uuid4(), *Product.objects.values_list("id", flat=True)])
    if isinstance(field, models.BinaryField):
        return rng.randbytes(4)
    texts = [*["none"] * 3, "Aaa", f"{value}x", *field.model._base_manager.values_list(field.attname, flat=True)]
    return (rng.choice([text for text in texts if text and text != value]))[: field.max_length]


PARTS = {CollectionProduct, CollectionPublication, ProductPublication, ProductTypeAttribute}
OPERATED = [model for model in SHOWN if model in operations.KINDS or model in PARTS]


@pytest.mark.parametrize("model", OPERATED, ids=lambda model: model._meta.model_name)
def test_an_answer_that_an_operation_alters_is_outdated(kept, model):
    fields = [
        field
        for field in model._meta.local_concrete_fields
        if field.editable and field.column not in ("tenant_id", "id", "version", "created_at", "updated_at")
    ]
    is_proved, table = model in UNSEEN, model._meta.db_table
    for seed in range(MOST_SEEDS):
        if seed >= SEEDS and is_proved:
            break
        rng = random.Random(f"operation {model._meta.label} {seed}")
        for field in [*fields, None]:
            what = f"{model._meta.label}: {'delete' if field is None else f'save {field.name}'}"
            is_proved |= hold(
                kept, what, lambda f=field, r=rng: _operate(_any(model, r), f, r), rng, table, prove=not is_proved
            )
    assert is_proved


def _operate(row: models.Model, field: Any, rng: random.Random) -> None:
    if field is None:
        operations.delete(row, now=NOW)
        return
    setattr(row, field.attname, other_value(field, getattr(row, field.attname), rng))
    operations.save(row, now=NOW)


# --- No answer outlives its time ---------------------------------------------------------------------------------


@pytest.mark.parametrize("later", [DAY / 2, DAY, 1.5 * DAY, 2 * DAY, 2.5 * DAY, 3 * DAY, 9 * DAY])
def test_an_answer_that_the_clock_alters_had_ended(kept, later: timedelta):
    instant: datetime = NOW + later
    altered = 0
    for document, before in kept.answers.values():
        if before.valid_until is None or instant < before.valid_until:
            assert ask(kept.shop, document, instant).body == before.body, (before.valid_until, document)
        elif later == 9 * DAY:
            altered += ask(kept.shop, document, instant).body != before.body
    assert later < 9 * DAY or altered > 20
