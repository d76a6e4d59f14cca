"""Writes of the catalogue: each in the caller's scope, with its events and listing rows."""

from catalog.operations.attributes import assign_product_values, assign_variant_values, ensure_value
from catalog.operations.listings import ListingChange, refresh_products
from catalog.operations.objects import KINDS, CategoryCycle, NotUnique, delete, explain, list_subtree, save
from catalog.operations.stock import InsufficientStock, Pieces, release_stock, reserve_stock

__all__ = [
    "KINDS",
    "CategoryCycle",
    "InsufficientStock",
    "ListingChange",
    "NotUnique",
    "Pieces",
    "assign_product_values",
    "assign_variant_values",
    "delete",
    "ensure_value",
    "explain",
    "list_subtree",
    "refresh_products",
    "release_stock",
    "reserve_stock",
    "save",
]
