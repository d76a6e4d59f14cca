"""The one table of the dialect's events: their names, what raises them, and who may hear of them.

An event of the outbox has one name in the dialect, so that a webhook gets it once.
"""

from collections.abc import Mapping
from dataclasses import dataclass

# Stands for all events that an app has permission for when it subscribes.
ANY = "ANY_EVENTS"


@dataclass(frozen=True, slots=True)
class EventType:
    """An event of the dialect: `name` as in PRODUCT_UPDATED, the outbox's `types`, the `permission` needed to get it.

    `kind` is the dialect's type of the object, `object_kind` the outbox's where it differs.
    """

    name: str
    types: tuple[str, ...]
    permission: str
    kind: str
    object_kind: str = ""

    @property
    def header(self) -> str:
        """The name as the header `Saleor-Event` has it."""
        return self.name.lower()


def _family(
    name: str, word: str, permission: str, kind: str, verbs: tuple[str, ...] = ("created", "updated", "deleted")
) -> list[EventType]:
    return [EventType(f"{name}_{verb.upper()}", (f"{word}.{verb}",), permission, kind) for verb in verbs]


_VARIANT_UPDATED = ("catalog.variant.updated", "catalog.price.changed")
_STOCK = ("catalog.stock.created", "catalog.stock.changed", "catalog.stock.deleted")
_ATTRIBUTES = "MANAGE_PRODUCT_TYPES_AND_ATTRIBUTES"
_VARIANT = "ProductVariant"

EVENTS: Mapping[str, EventType] = {
    event.name: event
    for event in (
        *_family("PRODUCT", "catalog.product", "MANAGE_PRODUCTS", "Product"),
        *_family("PRODUCT_VARIANT", "catalog.variant", "MANAGE_PRODUCTS", _VARIANT, ("created", "deleted")),
        EventType("PRODUCT_VARIANT_UPDATED", _VARIANT_UPDATED, "MANAGE_PRODUCTS", _VARIANT),
        EventType("PRODUCT_VARIANT_STOCK_UPDATED", _STOCK, "MANAGE_PRODUCTS", _VARIANT, "Stock"),
        *_family("PRODUCT_MEDIA", "catalog.media", "MANAGE_PRODUCTS", "ProductMedia"),
        *_family("CATEGORY", "catalog.category", "MANAGE_PRODUCTS", "Category"),
        *_family("COLLECTION", "catalog.collection", "MANAGE_PRODUCTS", "Collection"),
        *_family("ATTRIBUTE", "catalog.attribute", _ATTRIBUTES, "Attribute"),
        *_family("ATTRIBUTE_VALUE", "catalog.attribute_value", _ATTRIBUTES, "AttributeValue"),
        *_family("WAREHOUSE", "catalog.warehouse", "MANAGE_PRODUCTS", "Warehouse"),
        *_family("TRANSLATION", "catalog.translation", "MANAGE_TRANSLATIONS", "Translation", ("created", "updated")),
        *_family("CHANNEL", "tenants.channel", "MANAGE_CHANNELS", "Channel"),
        *_family("STAFF", "tenants.staff", "MANAGE_STAFF", "User"),
        *_family("PERMISSION_GROUP", "tenants.permission_group", "MANAGE_STAFF", "Group"),
        *_family("APP", "tenants.app", "MANAGE_APPS", "App", ("installed", "updated", "deleted", "status_changed")),
    )
}

# The outbox's type → the event of the dialect.
BY_TYPE: Mapping[str, EventType] = {type_: event for event in EVENTS.values() for type_ in event.types}
