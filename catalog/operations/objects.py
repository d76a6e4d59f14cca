"""Saving and deleting one object of the catalogue: its row, its event and the listing rows it shows in."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import DataError, IntegrityError, connections, models, transaction
from django.db.models.fields.files import FieldFile

from catalog.models import (
    Attribute,
    AttributeValue,
    Category,
    Collection,
    CollectionProduct,
    CollectionPublication,
    Media,
    Menu,
    MenuItem,
    Page,
    PageType,
    PageTypeAttribute,
    Product,
    ProductPublication,
    ProductType,
    ProductTypeAttribute,
    Stock,
    Translation,
    Variant,
    VariantPrice,
    Warehouse,
    WarehouseChannel,
)
from catalog.operations.checks import check
from catalog.operations.listings import refresh_products
from catalog.operations.menus import place_item
from catalog.operations.stock import turns
from catalog.search import following
from commerce import outbox
from commerce.db.models import TenantModel
from commerce.db.scope import current_scope
from commerce.db.topics import about, about_objects, objects_of
from commerce.errors import DomainError


class NotUnique(DomainError):
    code = "UNIQUE"


class CategoryCycle(DomainError):
    code = "INVALID"


# Model → the dialect's kind and the word in its event types.
KINDS: dict[type[models.Model], tuple[str, str]] = {
    Attribute: ("Attribute", "attribute"),
    AttributeValue: ("AttributeValue", "attribute_value"),
    Category: ("Category", "category"),
    Collection: ("Collection", "collection"),
    Media: ("ProductMedia", "media"),
    Menu: ("Menu", "menu"),
    MenuItem: ("MenuItem", "menu_item"),
    Page: ("Page", "page"),
    PageType: ("PageType", "page_type"),
    Product: ("Product", "product"),
    ProductType: ("ProductType", "product_type"),
    Stock: ("Stock", "stock"),
    Translation: ("Translation", "translation"),
    Variant: ("ProductVariant", "variant"),
    VariantPrice: ("VariantPrice", "price"),
    Warehouse: ("Warehouse", "warehouse"),
}
# Parts of an object: changing one raises the version of the object it belongs to, whose event it is.
_OWNERS: dict[type[models.Model], tuple[type[TenantModel], str]] = {
    CollectionProduct: (Collection, "collection_id"),
    CollectionPublication: (Collection, "collection_id"),
    PageTypeAttribute: (PageType, "page_type_id"),
    ProductPublication: (Product, "product_id"),
    ProductTypeAttribute: (ProductType, "product_type_id"),
}


def save(instance: models.Model, *, now: datetime, actor: str = "") -> None:
    """Insert or update an object, publish its event, and bring the listings that show it up to date.

    Everything happens in the scope's transaction. Raises NotUnique naming the field whose value is in use,
    CategoryCycle or MenuCycle for what would stand below itself, DomainError for other values that do not fit.
    """
    created = instance._state.adding
    check(instance)
    if isinstance(instance, Category):
        _place_category(instance)
    elif isinstance(instance, MenuItem):
        place_item(instance)
    affected = _affected_products(instance)
    old = _stored(instance)
    with about_objects(_objects_before_and_after(instance, old)):
        _write(instance, lambda: instance.save(force_insert=created))
        if not created and isinstance(instance, TenantModel):
            instance.refresh_from_db(fields=["version", "updated_at"])
        _publish(instance, "created" if created else "updated", actor, now=now)
        _publish_besides(instance, old, actor)
    refresh_products({*affected, *_affected_products(instance)}, now=now)
    following.follow([instance], are_new=created)


def delete(instance: models.Model, *, now: datetime, actor: str = "") -> None:
    """Delete an object with what belongs to it, publish its event, bring listings up to date.

    Raises DomainError where something that stays needs it.
    """
    affected = _affected_products(instance) - ({instance.id} if isinstance(instance, Product) else set())
    found_by_it = following.list_products(instance)
    if isinstance(instance, TenantModel):
        with about("translation", [instance.id]):
            Translation.objects.filter(object_id=instance.id).delete()
        _drop_references(instance)
    version = getattr(instance, "version", 1) + 1
    identity = getattr(instance, "id", None)
    with about_objects(_objects_before_and_after(instance, _stored(instance))):
        _write(instance, instance.delete)
        _publish(instance, "deleted", actor, now=now, identity=identity, version=version)
    refresh_products(affected, now=now)
    following.follow_products(found_by_it)


def _drop_references(instance: TenantModel) -> None:
    """Take away from others the values that refer to an object which is about to go."""
    attributes = Attribute.objects.filter(input_type__in=["reference", "single-reference"]).values_list("id", flat=True)
    referring = AttributeValue.objects.filter(attribute_id__in=list(attributes), slug=str(instance.id))
    if found := list(referring.filter(reference_id=instance.id)):
        with about("value", [value.id for value in found]):
            referring.filter(id__in=[value.id for value in found]).delete()


def _stored(instance: models.Model) -> models.Model | None:
    """Return the row as it is in the database, None for one that is not there yet."""
    return None if instance._state.adding else type(instance)._base_manager.filter(pk=instance.pk).first()


def _objects_before_and_after(instance: models.Model, old: models.Model | None) -> dict[str, frozenset[str]]:
    """Return what the row is about, by kind of topic: as it is in the database and as it is to be."""
    objects = objects_of(instance, is_new=instance._state.adding)
    before = {} if old is None else objects_of(old, is_new=False)
    return {kind: ids | before.get(kind, frozenset()) for kind, ids in objects.items()}


def _write(instance: models.Model, write: Callable[[], Any]) -> None:
    scope = current_scope()
    alias = scope.alias if scope is not None else "default"
    try:
        with transaction.atomic(using=alias):
            write()
            # Foreign keys are checked at commit otherwise, when nobody is left to tell. What follows may again write
            # in any order, as a deletion of rows that refer to each other does.
            connections[alias].cursor().execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    except models.ProtectedError as error:
        users = sorted({str(obj._meta.verbose_name_plural) for obj in error.protected_objects})
        raise DomainError(f"It is still used by {', '.join(users)}.") from error
    except IntegrityError as error:
        raise explain(error, instance) from error
    except DataError as error:
        raise DomainError(f"The database cannot store this {instance._meta.verbose_name}: {error}".strip()) from error


def explain(error: IntegrityError, instance: models.Model) -> DomainError:
    """Return the clear error for a constraint that refused this object."""
    diagnosis = getattr(error.__cause__, "diag", None)
    name = getattr(diagnosis, "constraint_name", None) or ""
    for constraint in instance._meta.constraints:
        if constraint.name == name and isinstance(constraint, models.UniqueConstraint):
            fields = [field for field in constraint.fields if field != "tenant_id"]
            values = ", ".join(f"{field} {getattr(instance, field)!r}" for field in fields)
            return NotUnique(f"Another {instance._meta.verbose_name} has {values}.", field=fields[-1])
    return DomainError(f"The database refused this {instance._meta.verbose_name} ({name}).")


def _publish(
    instance: models.Model, verb: str, actor: str, *, now: datetime, identity: UUID | None = None, version: int = 0
) -> None:
    if type(instance) in _OWNERS:
        owner, column = _OWNERS[type(instance)]
        identity, verb = getattr(instance, column), "updated"
        owner._default_manager.filter(id=identity).update(updated_at=now)
        version = owner._default_manager.values_list("version", flat=True).get(id=identity)
        kind, word = KINDS[owner]
        outbox.publish_many([_event(kind, word, verb, identity, version, _facts(instance), actor)])
    elif type(instance) in KINDS:
        outbox.publish_many([event_of(instance, verb, actor, identity=identity, version=version)])


# Whose changed metadata is an event besides.
_WITH_METADATA = (Collection, Product, Variant, Warehouse)


def _publish_besides(instance: models.Model, old: models.Model | None, actor: str) -> None:
    """Publish what else a change means: other metadata, pieces that run out or come back."""
    if isinstance(instance, Stock):
        before = {old.id: old.free} if isinstance(old, Stock) else {}
        outbox.publish_many(turns([instance], before, actor))
    elif isinstance(instance, _WITH_METADATA) and old is not None and metadata(old) != metadata(instance):
        outbox.publish_many([event_of(instance, "metadata_updated", actor)])


def metadata(instance: Any) -> tuple[Any, Any]:
    """Return the public and the private pairs of an object."""
    return instance.metadata, instance.private_metadata


def event_of(
    instance: models.Model, verb: str, actor: str, *, identity: UUID | None = None, version: int = 0
) -> outbox.NewEvent:
    """Return the event that tells of an object which has one of its own."""
    kind, word = KINDS[type(instance)]
    version = version or getattr(instance, "version", None) or 1
    facts = {**_last_known(instance), **_facts(instance)} if verb == "deleted" else _facts(instance)
    return _event(kind, word, verb, identity or instance.pk, version, facts, actor)


def _event(
    kind: str, word: str, verb: str, identity: UUID, version: int, facts: dict[str, Any], actor: str
) -> outbox.NewEvent:
    if word == "price" or (word, verb) == ("stock", "updated"):
        verb = "changed"
    return outbox.NewEvent(f"catalog.{word}.{verb}", kind, identity, version, facts, actor)


def _facts(instance: models.Model) -> dict[str, Any]:
    """Return the few facts that a subscriber needs without reading the object."""
    names = ("slug", "sku", "product_id", "variant_id", "channel_id", "warehouse_id", "price", "currency", "on_hand")
    facts = {name: getattr(instance, name) for name in names if hasattr(instance, name)}
    return {name: str(value) if isinstance(value, UUID) else value for name, value in facts.items()}


# What the event of a deletion does not tell: keys, what it tells anyway, and what is not for every app.
_UNTOLD = frozenset({"tenant", "id", "pk", "version", "metadata", "private_metadata", "cost"})


def _last_known(instance: models.Model) -> dict[str, Any]:
    """Return the columns of an object: once it is deleted, its event alone can tell of them."""
    columns = [field.attname for field in instance._meta.concrete_fields if field.name not in _UNTOLD]
    values = {name: getattr(instance, name) for name in columns}
    return {name: value.name if isinstance(value, FieldFile) else value for name, value in values.items()}


def _affected_products(instance: models.Model) -> set[UUID]:
    """Return the products whose listing rows, names or groups stand on this object as it is in the database."""
    match instance:
        case Product():
            return {instance.id}
        case Variant() | ProductPublication() | CollectionProduct():
            return {instance.product_id}
        case VariantPrice() | Stock():
            return _ids(Variant.objects.filter(id=instance.variant_id).values_list("product_id", flat=True))
        case Category() if not instance._state.adding:
            return _ids(Product.objects.filter(category_id__in=list_subtree(instance.id)).values_list("id", flat=True))
        case Collection() if not instance._state.adding:
            return _ids(
                CollectionProduct.objects.filter(collection_id=instance.id).values_list("product_id", flat=True)
            )
        case WarehouseChannel():
            variants = Stock.objects.filter(warehouse_id=instance.warehouse_id).values("variant_id")
            return _ids(Variant.objects.filter(id__in=variants).values_list("product_id", flat=True))
        case Translation() if instance.object_kind == "Product":
            return _ids(Product.objects.filter(id=instance.object_id).values_list("id", flat=True))
    return set()


def _ids(rows: Iterable[UUID]) -> set[UUID]:
    return set(rows)


def list_subtree(category_id: UUID) -> list[UUID]:
    """Return a category's id and those of all categories below it."""
    found, frontier = [category_id], [category_id]
    while frontier:
        frontier = list(Category.objects.filter(parent_id__in=frontier).values_list("id", flat=True))
        found += frontier
    return found


def _place_category(category: Category) -> None:
    """Set the level under the parent, and that of everything below when it moves."""
    parent = None
    if category.parent_id is not None:
        parent = _locked_with_ancestors(category.parent_id)
        if parent is None:
            raise DomainError(f"There is no category {category.parent_id}.", code="NOT_FOUND", field="parent")
    if category._state.adding:
        category.level = parent.level + 1 if parent else 0
        return
    below = list_subtree(category.id)
    if category.parent_id in below:
        raise CategoryCycle(f"{category.name!r} cannot be placed below itself.", field="parent")
    level = parent.level + 1 if parent else 0
    moved_by, category.level = level - category.level, level
    if moved_by:
        Category.objects.filter(id__in=below[1:]).update(level=models.F("level") + moved_by)


def _locked_with_ancestors(category_id: UUID) -> Category | None:
    """Return a category, it and all above it locked, so that two moves at once make no circle."""
    locked = Category.objects.select_for_update()
    found = above = locked.filter(id=category_id).first()
    while above is not None and above.parent_id is not None:
        above = locked.filter(id=above.parent_id).first()
    return found
