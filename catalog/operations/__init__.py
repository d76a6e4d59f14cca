"""Writes of the catalogue: each in the caller's scope, with its events and listing rows."""

from catalog.operations.assigning import Existing, Plan, compare, plan_values
from catalog.operations.attributes import assign_page_values, assign_product_values, assign_variant_values, ensure_value
from catalog.operations.batches import lock_many, save_many
from catalog.operations.files import delete_orphans, delete_released, forget_uploads, list_orphans
from catalog.operations.languages import follow_chain, follow_languages, set_chain
from catalog.operations.listings import ListingChange, refresh_products
from catalog.operations.menus import MenuCycle
from catalog.operations.metadata import KEPT_WITH, change_metadata
from catalog.operations.objects import KINDS, CategoryCycle, NotUnique, delete, explain, list_subtree, save
from catalog.operations.pictures import compare_pictures
from catalog.operations.publications import compare_publications
from catalog.operations.stock import InsufficientStock, Pieces, release_stock, reserve_stock
from catalog.operations.thumbnails import ThumbnailImpossible, Wanted, make_thumbnail
from catalog.operations.uploads import Started, UploadRefused, finish_upload, start_upload, stored_name

__all__ = [
    "KEPT_WITH",
    "KINDS",
    "CategoryCycle",
    "Existing",
    "InsufficientStock",
    "ListingChange",
    "MenuCycle",
    "NotUnique",
    "Pieces",
    "Plan",
    "Started",
    "ThumbnailImpossible",
    "UploadRefused",
    "Wanted",
    "assign_page_values",
    "assign_product_values",
    "assign_variant_values",
    "change_metadata",
    "compare",
    "compare_pictures",
    "compare_publications",
    "delete",
    "delete_orphans",
    "delete_released",
    "ensure_value",
    "explain",
    "finish_upload",
    "follow_chain",
    "follow_languages",
    "forget_uploads",
    "list_orphans",
    "list_subtree",
    "lock_many",
    "make_thumbnail",
    "plan_values",
    "refresh_products",
    "release_stock",
    "reserve_stock",
    "save",
    "save_many",
    "set_chain",
    "start_upload",
    "stored_name",
]
