"""Rows of every tenant-owned table, from the models alone, so that a new table is covered on the day it is added."""

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from graphlib import TopologicalSorter
from typing import Any

from django.apps import apps
from django.db import models

from commerce.db.backend.schema import is_tenant_owned, tenant_field
from commerce.db.scope import tenant_scope
from tests.factories import catalog
from tests.factories.tenants import Shop, make_staff

START = datetime.now(UTC)
# What no metadata tells: values that a CHECK or a format asks for. Model label → {field: value}.
VALUES: dict[str, dict[str, Any]] = {
    "catalog.MenuItem": {"category": None, "collection": None, "page": None, "level": 0},
    "outbox.Event": {"status": "done", "finished_at": START},
    "jobs.Job": {"permission": "MANAGE_PRODUCTS"},
    "webhooks.Delivery": {"status": "delivered", "finished_at": START},
}


def tenant_models() -> list[type[models.Model]]:
    """Return every model of a tenant's table, those that others point at first."""
    owned = {model for model in apps.get_models(include_auto_created=True) if is_tenant_owned(model)}
    graph = {model: {target for _, target in _references(model)} & owned - {model} for model in owned}
    ordered = TopologicalSorter(graph)
    names = {model._meta.label: model for model in owned}
    ordered.prepare()
    result = []
    while ordered.is_active():
        ready = sorted(model._meta.label for model in ordered.get_ready())
        result += [names[label] for label in ready]
        ordered.done(*(names[label] for label in ready))
    return result


def load_every_model(shop: Shop) -> Shop:
    """Give a shop a small catalogue and a staff member, and a row of every model that has none after that."""
    with tenant_scope(shop.id):
        _catalogue(shop)
        make_staff(email=f"staff@{shop.token}.example")
        for model in tenant_models():
            if not model._base_manager.exists():
                fill(model, shop.token)
    return shop


def fill(model: type[models.Model], token: str, **given: Any) -> models.Model:
    """Create one row with every column filled; texts contain `token`, references lead to any row of the tenant."""
    moments = (START + timedelta(days=day) for day in range(100))
    values = {**VALUES.get(model._meta.label, {}), **given}
    for field in model._meta.local_concrete_fields:
        if field.name not in values and field is not tenant_field(model):
            value = _value(field, token, moments)
            if value is not None:
                values[field.name] = value
    return model._base_manager.create(**values)


def _value(field: Any, token: str, moments: Iterator[datetime]) -> Any:
    if field.is_relation:
        return _referred(field, token)
    made_elsewhere = isinstance(field, models.AutoField | models.FileField) or field.name in ("id", "version")
    if made_elsewhere or field.has_db_default() or field.default is list:
        return None
    if field.choices:
        return field.choices[0][0]
    if isinstance(field, models.DateField):
        moment = next(moments)
        return moment if isinstance(field, models.DateTimeField) else moment.date()
    if isinstance(field, models.CharField | models.TextField):
        return _text(field, token)
    return next((make(token) for kind, make in _MAKERS.items() if isinstance(field, kind)), None)


def _text(field: Any, token: str) -> str:
    length = field.max_length
    if length is not None and length < 20:
        return "USD"[:length]
    return f"{token}@{token}.example" if isinstance(field, models.EmailField) else f"{token}-{field.name}"[:length]


_MAKERS: dict[type[Any], Callable[[str], Any]] = {
    models.JSONField: lambda token: {"token": token},
    models.BooleanField: lambda token: True,
    models.IntegerField: lambda token: 1,
    models.FloatField: lambda token: 1.0,
    models.UUIDField: lambda token: uuid.uuid4(),
    models.BinaryField: str.encode,
}


def _referred(field: Any, token: str) -> models.Model | None:
    target = field.related_model
    if not is_tenant_owned(target) or (field.null and target is field.model):
        return None
    return target._base_manager.first() or fill(target, token)


def _references(model: type[models.Model]) -> Iterator[tuple[Any, type[models.Model]]]:
    for field in model._meta.local_concrete_fields:
        if field.is_relation and isinstance(field.related_model, type):
            yield field, field.related_model


def _catalogue(shop: Shop) -> None:
    """Products as a shop really has them, so that lists, filters and pages have something to show."""
    word = shop.token
    warehouse = catalog.make_warehouse(
        f"Warehouse {word}", slug=f"warehouse-{word}", external_reference=f"warehouse-{word}"
    )
    root = catalog.make_category(f"Clothes {word}", slug=f"clothes-{word}", external_reference=f"clothes-{word}")
    leaf = catalog.make_category(f"Shirts {word}", slug=f"shirts-{word}", parent=root)
    colours = {"values": [f"Red {word}", f"Blue {word}"], "external_reference": f"colour-{word}"}
    colour = catalog.make_attribute(f"Colour {word}", slug=f"colour-{word}", **colours)
    kind = catalog.make_product_type(f"Shirt {word}", slug=f"shirt-{word}", attributes=[colour])
    products = [
        catalog.make_product(
            f"Shirt {number} {word}",
            slug=f"shirt-{number}-{word}",
            product_type=kind,
            category=leaf,
            warehouse=warehouse,
            values=[colour.values.all()[0]],
            external_reference=f"reference-{number}-{word}",
            variants=2,
        )
        for number in (1, 2)
    ]
    for product in products:
        for variant in product.variants.all():
            variant.sku = variant.external_reference = f"{variant.sku}-{word}"
            variant.save(update_fields=["sku", "external_reference"])
        catalog.make_media(
            product,
            url=f"https://pictures.example/{word}.jpg",
            alt=f"Picture {word}",
            variants=[product.variants.all()[0]],
        )
        catalog.make_translation(product, "nl", name=f"Hemd {word}")
    summer = {"slug": f"summer-{word}", "external_reference": f"summer-{word}"}
    collection = catalog.make_collection(f"Summer {word}", products=products, **summer)
    topic = catalog.make_attribute(f"Topic {word}", slug=f"topic-{word}", kind="page-type", values=[f"News {word}"])
    article = catalog.make_page_type(f"Article {word}", slug=f"article-{word}", attributes=[topic])
    about = catalog.make_page(f"About {word}", slug=f"about-{word}", page_type=article, values=[topic.values.all()[0]])
    menu = catalog.make_menu(f"Menu {word}", slug=f"menu-{word}")
    home = catalog.make_menu_item(menu, f"Home {word}")
    for target in (
        {"url": f"https://{word}.example/"},
        {"category": root},
        {"collection": collection},
        {"page": about},
    ):
        catalog.make_menu_item(menu, f"{next(iter(target))} {word}", parent=home, **target)
