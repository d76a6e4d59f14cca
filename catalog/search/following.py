"""Having documents follow what changes. Whoever writes words of the catalogue calls this in the same transaction."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db import connections, models

from catalog.models import Attribute, AttributeValue, Category, Product, ProductType, Translation, Variant
from catalog.search import pending
from commerce.db.scope import current_scope

# Objects whose words are in the documents of many products, with the kind under which these are found.
_SHARED: dict[type[models.Model], str] = {
    Attribute: "Attribute",
    AttributeValue: "AttributeValue",
    Category: "Category",
    ProductType: "ProductType",
}
_KINDS = frozenset(_SHARED.values())


def follow(changed: Sequence[models.Model], *, are_new: bool = False) -> None:
    """Have documents follow objects that were saved; with `are_new` no product has any of them yet.

    Few products are written at once, in seven statements more; what many may have, soon, by a worker.
    """
    products: set[UUID] = set()
    shared: dict[str, set[UUID]] = {}
    for one in changed:
        product_id = _product_of(one)
        if product_id is not None:
            products.add(product_id)
        elif (found := _shared(one)) is not None and not (are_new and type(one) in _SHARED):
            shared.setdefault(found[0], set()).add(found[1])
    pending.products_changed(products)
    for kind, ids in shared.items():
        pending.add(kind, ids)


def list_products(instance: models.Model) -> set[UUID]:
    """Return the products whose documents have words of an object, before it is deleted."""
    product_id = None if isinstance(instance, Product) else _product_of(instance)
    if product_id is not None:
        return {product_id}
    found = _shared(instance)
    if found is None:
        return set()
    scope = current_scope()
    with connections[scope.alias if scope is not None else "default"].cursor() as cursor:
        return set(pending.products_of(cursor, found[0], [found[1]]))


def _product_of(instance: Any) -> UUID | None:
    match instance:
        case Product():
            return UUID(str(instance.id))
        case Variant():
            return UUID(str(instance.product_id))
        case Translation() if instance.object_kind == "Product":
            return UUID(str(instance.object_id))
    return None


def _shared(instance: Any) -> tuple[str, UUID] | None:
    if type(instance) in _SHARED:
        return _SHARED[type(instance)], instance.id
    if isinstance(instance, Translation) and instance.object_kind in _KINDS:
        return instance.object_kind, instance.object_id
    return None


def follow_products(product_ids: Iterable[UUID]) -> None:
    """Have the documents of these products follow a change of whatever they have."""
    pending.products_changed(set(product_ids))
