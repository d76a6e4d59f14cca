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
_WITH_METADATA = ("created", "updated", "deleted", "metadata_updated")
_NO_UPDATE = ("created", "deleted", "metadata_updated")
_ATTRIBUTES = "MANAGE_PRODUCT_TYPES_AND_ATTRIBUTES"
_VARIANT = "ProductVariant"

EVENTS: Mapping[str, EventType] = {
    event.name: event
    for event in (
        *_family("PRODUCT", "catalog.product", "MANAGE_PRODUCTS", "Product", _WITH_METADATA),
        *_family("PRODUCT_VARIANT", "catalog.variant", "MANAGE_PRODUCTS", _VARIANT, _NO_UPDATE),
        EventType("PRODUCT_VARIANT_UPDATED", _VARIANT_UPDATED, "MANAGE_PRODUCTS", _VARIANT),
        EventType("PRODUCT_VARIANT_STOCK_UPDATED", _STOCK, "MANAGE_PRODUCTS", _VARIANT, "Stock"),
        EventType("PRODUCT_VARIANT_OUT_OF_STOCK", ("catalog.stock.ran_out",), "MANAGE_PRODUCTS", _VARIANT, "Stock"),
        EventType("PRODUCT_VARIANT_BACK_IN_STOCK", ("catalog.stock.came_back",), "MANAGE_PRODUCTS", _VARIANT, "Stock"),
        *_family("PRODUCT_MEDIA", "catalog.media", "MANAGE_PRODUCTS", "ProductMedia"),
        *_family("CATEGORY", "catalog.category", "MANAGE_PRODUCTS", "Category"),
        *_family("COLLECTION", "catalog.collection", "MANAGE_PRODUCTS", "Collection", _WITH_METADATA),
        *_family("ATTRIBUTE", "catalog.attribute", _ATTRIBUTES, "Attribute"),
        *_family("ATTRIBUTE_VALUE", "catalog.attribute_value", _ATTRIBUTES, "AttributeValue"),
        *_family("WAREHOUSE", "catalog.warehouse", "MANAGE_PRODUCTS", "Warehouse", _WITH_METADATA),
        *_family("MENU", "catalog.menu", "MANAGE_MENUS", "Menu"),
        *_family("MENU_ITEM", "catalog.menu_item", "MANAGE_MENUS", "MenuItem"),
        *_family("PAGE", "catalog.page", "MANAGE_PAGES", "Page"),
        *_family("PAGE_TYPE", "catalog.page_type", "MANAGE_PAGE_TYPES_AND_ATTRIBUTES", "PageType"),
        *_family("TRANSLATION", "catalog.translation", "MANAGE_TRANSLATIONS", "Translation", ("created", "updated")),
        *_family("CHANNEL", "tenants.channel", "MANAGE_CHANNELS", "Channel", (*_WITH_METADATA, "status_changed")),
        *_family("STAFF", "tenants.staff", "MANAGE_STAFF", "User"),
        *_family("PERMISSION_GROUP", "tenants.permission_group", "MANAGE_STAFF", "Group"),
        *_family("APP", "tenants.app", "MANAGE_APPS", "App", ("installed", "updated", "deleted", "status_changed")),
    )
}

# The outbox's type → the event of the dialect.
BY_TYPE: Mapping[str, EventType] = {type_: event for event in EVENTS.values() for type_ in event.types}

# Events of the dialect that nothing here raises yet, by the permission that they need. Apps may name them.
_KNOWN: Mapping[str, str] = {
    "HANDLE_PAYMENTS": "TRANSACTION_ITEM_METADATA_UPDATED",
    "MANAGE_CHECKOUTS": "CHECKOUT_CREATED CHECKOUT_UPDATED CHECKOUT_FULLY_PAID CHECKOUT_FULLY_AUTHORIZED "
    "CHECKOUT_METADATA_UPDATED",
    "MANAGE_DISCOUNTS": "PROMOTION_CREATED PROMOTION_UPDATED PROMOTION_DELETED PROMOTION_STARTED PROMOTION_ENDED "
    "PROMOTION_RULE_CREATED PROMOTION_RULE_UPDATED PROMOTION_RULE_DELETED SALE_CREATED SALE_UPDATED SALE_DELETED "
    "SALE_TOGGLE VOUCHER_CREATED VOUCHER_UPDATED VOUCHER_DELETED VOUCHER_CODES_CREATED VOUCHER_CODES_DELETED "
    "VOUCHER_METADATA_UPDATED VOUCHER_CODE_EXPORT_COMPLETED",
    "MANAGE_GIFT_CARD": "GIFT_CARD_CREATED GIFT_CARD_UPDATED GIFT_CARD_DELETED GIFT_CARD_SENT "
    "GIFT_CARD_STATUS_CHANGED GIFT_CARD_METADATA_UPDATED GIFT_CARD_EXPORT_COMPLETED",
    "MANAGE_OBSERVABILITY": "OBSERVABILITY",
    "MANAGE_ORDERS": "ORDER_CREATED ORDER_CONFIRMED ORDER_PAID ORDER_FULLY_PAID ORDER_REFUNDED ORDER_FULLY_REFUNDED "
    "ORDER_UPDATED ORDER_CANCELLED ORDER_EXPIRED ORDER_FULFILLED ORDER_METADATA_UPDATED ORDER_BULK_CREATED "
    "DRAFT_ORDER_CREATED DRAFT_ORDER_UPDATED DRAFT_ORDER_DELETED FULFILLMENT_CREATED FULFILLMENT_CANCELED "
    "FULFILLMENT_APPROVED FULFILLMENT_METADATA_UPDATED FULFILLMENT_TRACKING_NUMBER_UPDATED INVOICE_REQUESTED "
    "INVOICE_DELETED INVOICE_SENT",
    "MANAGE_PRODUCTS": "PRODUCT_EXPORT_COMPLETED PRODUCT_VARIANT_DISCOUNTED_PRICE_UPDATED THUMBNAIL_CREATED "
    "PRODUCT_VARIANT_OUT_OF_STOCK_IN_CHANNEL PRODUCT_VARIANT_BACK_IN_STOCK_IN_CHANNEL "
    "PRODUCT_VARIANT_OUT_OF_STOCK_FOR_CLICK_AND_COLLECT PRODUCT_VARIANT_BACK_IN_STOCK_FOR_CLICK_AND_COLLECT",
    "MANAGE_SETTINGS": "SHOP_METADATA_UPDATED",
    "MANAGE_SHIPPING": "SHIPPING_PRICE_CREATED SHIPPING_PRICE_UPDATED SHIPPING_PRICE_DELETED SHIPPING_ZONE_CREATED "
    "SHIPPING_ZONE_UPDATED SHIPPING_ZONE_DELETED SHIPPING_ZONE_METADATA_UPDATED",
    "MANAGE_STAFF": "STAFF_SET_PASSWORD_REQUESTED",
    "MANAGE_USERS": "ACCOUNT_CONFIRMATION_REQUESTED ACCOUNT_CHANGE_EMAIL_REQUESTED ACCOUNT_EMAIL_CHANGED "
    "ACCOUNT_SET_PASSWORD_REQUESTED ACCOUNT_CONFIRMED ACCOUNT_DELETE_REQUESTED ACCOUNT_DELETED ADDRESS_CREATED "
    "ADDRESS_UPDATED ADDRESS_DELETED CUSTOMER_CREATED CUSTOMER_UPDATED CUSTOMER_DELETED CUSTOMER_METADATA_UPDATED "
    "NOTIFY_USER",
}
LATER: Mapping[str, str] = {
    name: permission for permission, names in _KNOWN.items() for name in names.split() if name not in EVENTS
}

# Names of types that are not those of their events.
_TYPE_NAMES = {"CHECKOUT_CALCULATE_TAXES": "CalculateTaxes", "ORDER_CALCULATE_TAXES": "CalculateTaxes"}


def type_name(event: str) -> str:
    """Return what a subscription query calls the type of an event: PRODUCT_UPDATED is ProductUpdated."""
    return _TYPE_NAMES.get(event) or "".join(word.capitalize() for word in event.split("_"))
