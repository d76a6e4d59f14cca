"""The admin's pages of the catalogue."""

from catalog.admin.attributes import AttributeAdmin, AttributeValueAdmin, ProductTypeAdmin
from catalog.admin.channels import follow
from catalog.admin.groups import CategoryAdmin, CollectionAdmin, CollectionProductAdmin
from catalog.admin.imports import ExportAdmin, ImportAdmin
from catalog.admin.menus import MenuAdmin, MenuItemAdmin
from catalog.admin.pages import PageAdmin, PageTypeAdmin
from catalog.admin.products import ProductAdmin, VariantAdmin
from catalog.admin.stock import StockAdmin, WarehouseAdmin
from catalog.admin.translations import TranslationAdmin

__all__ = [
    "AttributeAdmin",
    "AttributeValueAdmin",
    "CategoryAdmin",
    "CollectionAdmin",
    "CollectionProductAdmin",
    "ExportAdmin",
    "ImportAdmin",
    "MenuAdmin",
    "MenuItemAdmin",
    "PageAdmin",
    "PageTypeAdmin",
    "ProductAdmin",
    "ProductTypeAdmin",
    "StockAdmin",
    "TranslationAdmin",
    "VariantAdmin",
    "WarehouseAdmin",
    "follow",
]
