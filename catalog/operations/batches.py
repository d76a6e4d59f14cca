"""Saving many objects of one model at once: as `save` does each of them, in a number of statements that is the same.

For products and what belongs to one. Order of locks: stock rows by id, then products by id, then other rows by id.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import models

from catalog.models import Media, Product, Stock, Translation, Variant, VariantPrice
from catalog.operations.checks import check
from catalog.operations.listings import refresh_products
from catalog.operations.objects import event_of, metadata
from catalog.operations.statements import execute
from catalog.operations.stock import turns
from catalog.search import following
from commerce import outbox
from commerce.db.models import TenantModel, WithMetadata
from commerce.db.topics import about_objects, objects_of

# From so many rows on, the plans of the checks of foreign keys are made anew (docs/adr/0005).
MANY = 50
# Models whose objects may be saved so, each with the lookup of the product that they belong to.
_PRODUCTS: dict[type[models.Model], str] = {
    Product: "id",
    Variant: "product_id",
    VariantPrice: "variant__product_id",
    Stock: "variant__product_id",
    Media: "product_id",
    Translation: "object_id",
}
# Columns whose values travel as text, and the type that they are cast to.
_CASTS: tuple[tuple[type[Any], str, str], ...] = (
    (models.UUIDField, "uuid[]", ""),
    (models.ForeignKey, "uuid[]", ""),
    (models.BooleanField, "boolean[]", ""),
    (models.BigIntegerField, "bigint[]", ""),
    (models.IntegerField, "integer[]", ""),
    (models.FloatField, "double precision[]", ""),
    (models.DateTimeField, "timestamptz[]", ""),
    (models.JSONField, "text[]", "::jsonb"),
)


def lock_many(model: type[models.Model], ids: Iterable[UUID]) -> list[Any]:
    """Return the objects of these ids, locked until the transaction ends, after the products that they belong to."""
    wanted = sorted(set(ids))
    rows: Any = model._default_manager.filter(id__in=wanted)
    if model in _PRODUCTS and model not in (Product, Stock):
        _lock_products(rows.values_list(_PRODUCTS[model], flat=True))
    return list(rows.order_by("id").select_for_update())


def save_many(
    instances: Sequence[TenantModel], *, now: datetime, actor: str = "", then: Callable[[], None] | None = None
) -> None:
    """Insert new objects of one model, and update those that were locked, each with its event.

    `then` writes what belongs to them besides; listings are brought up to date once, after it. Raises DomainError for
    the first object that holds what it cannot, and IntegrityError where the database refuses one: nothing tells which,
    so callers try halves.
    """
    if not instances:
        return
    model = type(instances[0])
    for instance in instances:
        check(instance)
    if len(instances) >= MANY:
        execute("DISCARD PLANS")
    products = _products_of(model, instances)
    if model not in (Product, Stock):
        _lock_products(products)
    new = [instance for instance in instances if instance._state.adding]
    old = [instance for instance in instances if not instance._state.adding]
    before = _free_pieces(old) if model is Stock else {}
    pairs = _metadata_of(model, old)
    with about_objects(_objects(instances)):
        if new:
            model._default_manager.bulk_create(new)
        if old:
            _update(model, old, now)
    if then is not None:
        then()
    events = [event_of(one, "created", actor) for one in new] + [event_of(one, "updated", actor) for one in old]
    with_other_pairs = [one for one in old if one.id in pairs and pairs[one.id] != metadata(one)]
    events += [event_of(one, "metadata_updated", actor) for one in with_other_pairs]
    outbox.publish_many([*events, *(turns(instances, before, actor) if model is Stock else ())])
    # Foreign keys are checked at commit otherwise, when nobody is left to tell.
    execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    if model is not Media:
        refresh_products(products, now=now)
    following.follow(instances)


def _free_pieces(stocks: Iterable[Any]) -> dict[UUID, int]:
    """Return the free pieces of stock rows, by id, as they are in the database."""
    return {stock.id: stock.free for stock in Stock.objects.filter(id__in=[stock.id for stock in stocks])}


def _metadata_of(model: type[models.Model], instances: Sequence[TenantModel]) -> dict[UUID, tuple[Any, Any]]:
    """Return the metadata of objects that have any, by id, as it is in the database."""
    if not instances or not issubclass(model, WithMetadata):
        return {}
    manager: Any = model._default_manager
    rows = manager.filter(id__in=[one.id for one in instances])
    return {id_: (public, private) for id_, public, private in rows.values_list("id", "metadata", "private_metadata")}


def _update(model: type[TenantModel], instances: Sequence[TenantModel], now: datetime) -> None:
    """Write all columns of objects, and take over their versions."""
    fields = [
        field
        for field in model._meta.local_concrete_fields
        if field.column not in ("tenant_id", "id", "version", "created_at", "updated_at") and not _is_kept(field)
    ]
    casts = [_cast(field) for field in fields]
    columns = [field.column for field in fields]
    changes = ", ".join(f'"{name}" = s."{name}"{cast}' for name, (_, cast) in zip(columns, casts, strict=True))
    arrays = ", ".join(f"%s::{array}" for array, _ in casts)
    names = ", ".join(f'"{name}"' for name in columns)
    rows = execute(
        f"UPDATE {model._meta.db_table} t SET {changes}, updated_at = %s "
        f"FROM unnest(%s::uuid[], {arrays}) AS s (id, {names}) WHERE t.id = s.id RETURNING t.id, t.version",
        [now, [one.id for one in instances], *[[_sent(field, one) for one in instances] for field in fields]],
    )
    versions = dict(rows)
    for one in instances:
        one.version, one.updated_at = versions[one.id], now


def _is_kept(field: Any) -> bool:
    """Say whether a column is another operation's: reserved pieces are nobody's to write here."""
    return field.model is Stock and field.column == "reserved"


def _cast(field: Any) -> tuple[str, str]:
    return next(((array, cast) for kind, array, cast in _CASTS if isinstance(field, kind)), ("text[]", ""))


def _sent(field: Any, instance: Any) -> Any:
    value = getattr(instance, field.attname)
    if isinstance(field, models.JSONField):
        return None if value is None else orjson.dumps(value).decode()
    return str(value) if isinstance(field, models.FileField) else value


def _products_of(model: type[models.Model], instances: Sequence[Any]) -> set[UUID]:
    """Return the products that objects belong to; let those of a variant know it, so that nothing asks one by one."""
    if model is Translation:
        return {one.object_id for one in instances if one.object_kind == "Product"}
    if model in (VariantPrice, Stock):
        found = {v.id: v for v in Variant.objects.filter(id__in={one.variant_id for one in instances})}
        for one in instances:
            if one.variant_id in found:
                one.variant = found[one.variant_id]
        return {variant.product_id for variant in found.values()}
    return {getattr(one, _PRODUCTS[model]) for one in instances}


def _objects(instances: Sequence[TenantModel]) -> dict[str, frozenset[str]]:
    """Return what the rows are about, by kind of topic; none of these columns changes once an object is made."""
    objects: dict[str, set[str]] = {}
    for instance in instances:
        for kind, ids in objects_of(instance, is_new=instance._state.adding).items():
            objects.setdefault(kind, set()).update(ids)
    return {kind: frozenset(ids) for kind, ids in objects.items()}


def _lock_products(ids: Iterable[UUID]) -> None:
    execute("SELECT FROM catalog_product WHERE id = ANY(%s) ORDER BY id FOR UPDATE", [sorted(set(ids))])
