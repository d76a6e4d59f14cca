"""Writes of the catalogue: each in the caller's scope, with its events and listing rows."""

from catalog.operations.assigning import Existing, Plan, compare, plan_values
from catalog.operations.attributes import assign_page_values, assign_product_values, assign_variant_values, ensure_value
from catalog.operations.batches import lock_many, save_many
from catalog.operations.listings import ListingChange, refresh_products
from catalog.operations.menus import MenuCycle
from catalog.operations.objects import KINDS, CategoryCycle, NotUnique, delete, explain, list_subtree, save
from catalog.operations.pictures import compare_pictures
from catalog.operations.publications import compare_publications
from catalog.operations.stock import InsufficientStock, Pieces, release_stock, reserve_stock

__all__ = [
    "KINDS",
    "CategoryCycle",
    "Existing",
    "InsufficientStock",
    "ListingChange",
    "MenuCycle",
    "NotUnique",
    "Pieces",
    "Plan",
    "assign_page_values",
    "assign_product_values",
    "assign_variant_values",
    "compare",
    "compare_pictures",
    "compare_publications",
    "delete",
    "ensure_value",
    "explain",
    "list_subtree",
    "lock_many",
    "plan_values",
    "refresh_products",
    "release_stock",
    "reserve_stock",
    "save",
    "save_many",
]
