"""The dialect's permissions, and which of the admin's model permissions each one grants."""

# Dialect permission → models ("app.model") that its holder may view, add, change and delete.
GRANTS: dict[str, tuple[str, ...]] = {
    "MANAGE_PRODUCTS": (
        "catalog.product",
        "catalog.variant",
        "catalog.variantprice",
        "catalog.productpublication",
        "catalog.assignedvalue",
        "catalog.category",
        "catalog.collection",
        "catalog.collectionproduct",
        "catalog.media",
        "catalog.warehouse",
        "catalog.stock",
    ),
    "MANAGE_PRODUCT_TYPES_AND_ATTRIBUTES": (
        "catalog.producttype",
        "catalog.producttypeattribute",
        "catalog.attribute",
        "catalog.attributevalue",
    ),
    "MANAGE_TRANSLATIONS": ("catalog.translation",),
    "MANAGE_CHANNELS": ("tenants.channel",),
    "MANAGE_STAFF": ("tenants.user", "tenants.permissiongroup", "tenants.groupmember"),
    "MANAGE_USERS": (),
    "MANAGE_SETTINGS": (),
    "MANAGE_APPS": (),
    "MANAGE_ORDERS": (),
    "MANAGE_CHECKOUTS": (),
    "MANAGE_DISCOUNTS": (),
    "MANAGE_GIFT_CARD": (),
    "MANAGE_MENUS": (),
    "MANAGE_PAGES": (),
    "MANAGE_SHIPPING": (),
    "MANAGE_PLUGINS": (),
    "HANDLE_PAYMENTS": (),
    "HANDLE_TAXES": (),
    "HANDLE_CHECKOUTS": (),
}


def admin_permissions(codes: list[str]) -> frozenset[str]:
    """Return the admin's names ("catalog.change_product") that these dialect permissions grant."""
    models = {model for code in codes for model in GRANTS.get(code, ())}
    return frozenset(
        f"{app}.{verb}_{name}"
        for app, name in (model.split(".") for model in models)
        for verb in ("view", "add", "change", "delete")
    )
