"""The dialect's permissions, and which of the admin's model permissions each one grants."""

from collections.abc import Collection

from django.db.models import Q

# Dialect permission → models ("app.model") that its holder may view, add, change and delete.
GRANTS: dict[str, tuple[str, ...]] = {
    "MANAGE_PRODUCTS": (
        "catalog.product",
        "catalog.variant",
        "catalog.variantprice",
        "catalog.productpublication",
        "catalog.productvalue",
        "catalog.variantvalue",
        "catalog.category",
        "catalog.collection",
        "catalog.collectionproduct",
        "catalog.collectionpublication",
        "catalog.media",
        "catalog.variantmedia",
        "catalog.warehouse",
        "catalog.warehousechannel",
        "catalog.stock",
        "catalog.import",
        "catalog.export",
    ),
    "MANAGE_PRODUCT_TYPES_AND_ATTRIBUTES": (
        "catalog.producttype",
        "catalog.producttypeattribute",
        "catalog.attribute",
        "catalog.attributevalue",
    ),
    "MANAGE_TRANSLATIONS": ("catalog.translation", "tenants.languagechain"),
    "MANAGE_CHANNELS": ("tenants.channel", "tenants.languagechain"),
    "MANAGE_STAFF": ("tenants.user", "tenants.permissiongroup", "tenants.groupmember"),
    "MANAGE_USERS": (),
    "MANAGE_SETTINGS": (),
    "MANAGE_APPS": (
        "tenants.app",
        "tenants.apptoken",
        "tenants.appinstallation",
        "webhooks.webhook",
        "webhooks.delivery",
    ),
    "MANAGE_ORDERS": (),
    "MANAGE_CHECKOUTS": (),
    "MANAGE_DISCOUNTS": (),
    "MANAGE_GIFT_CARD": (),
    "MANAGE_MENUS": ("catalog.menu", "catalog.menuitem"),
    "MANAGE_PAGES": ("catalog.page", "catalog.pagevalue"),
    "MANAGE_SHIPPING": (),
    "MANAGE_PLUGINS": (),
    "HANDLE_PAYMENTS": (),
    "HANDLE_TAXES": (),
    "HANDLE_CHECKOUTS": (),
    "IMPERSONATE_USER": (),
    "MANAGE_OBSERVABILITY": (),
    "MANAGE_ORDERS_IMPORT": (),
    "MANAGE_PAGE_TYPES_AND_ATTRIBUTES": (
        "catalog.pagetype",
        "catalog.pagetypeattribute",
        "catalog.attribute",
        "catalog.attributevalue",
    ),
    "MANAGE_TAXES": (),
}

# Dialect permission → models that its holder may look at besides, as their own pages refer to them. Of the jobs each
# sees those that are started with that permission (`jobs.start`).
VIEWS: dict[str, tuple[str, ...]] = {
    "MANAGE_PRODUCTS": (
        "catalog.producttype",
        "catalog.attribute",
        "catalog.attributevalue",
        "catalog.page",
        "jobs.job",
    ),
    "MANAGE_APPS": ("jobs.job",),
    "MANAGE_SETTINGS": ("jobs.job",),
    "MANAGE_PAGES": (
        "catalog.pagetype",
        "catalog.attribute",
        "catalog.attributevalue",
        "catalog.product",
        "catalog.variant",
        "catalog.category",
        "catalog.collection",
    ),
    "MANAGE_MENUS": ("catalog.category", "catalog.collection", "catalog.page"),
}


def admin_permissions(codes: list[str]) -> frozenset[str]:
    """Return the admin's names ("catalog.change_product") that these dialect permissions grant."""
    may_change = {model for code in codes for model in GRANTS.get(code, ())}
    may_view = {model for code in codes for model in VIEWS.get(code, ())} | may_change
    return frozenset(
        [_name(model, "view") for model in may_view]
        + [_name(model, verb) for model in may_change for verb in ("add", "change", "delete")]
    )


def jobs_of(codes: Collection[str]) -> Q:
    """Return which jobs those see and stop who hold these: MANAGE_SETTINGS also those of no permission there is."""
    mine = Q(permission__in=codes)
    return mine | ~Q(permission__in=GRANTS) if "MANAGE_SETTINGS" in codes else mine


def _name(model: str, verb: str) -> str:
    app, name = model.split(".")
    return f"{app}.{verb}_{name}"
