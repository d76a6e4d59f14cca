from catalog.models.attributes import (
    Attribute,
    AttributeValue,
    ProductType,
    ProductTypeAttribute,
    ProductValue,
    VariantValue,
)
from catalog.models.groups import (
    Category,
    Collection,
    CollectionProduct,
    CollectionPublication,
    ProductGroup,
)
from catalog.models.imports import ImportProblem, ImportRun
from catalog.models.listings import Listing, ListingName
from catalog.models.media import Media, ReleasedFile, Thumbnail, Upload, VariantMedia
from catalog.models.menus import Menu, MenuItem
from catalog.models.pages import Page, PageType, PageTypeAttribute, PageValue
from catalog.models.products import Product, ProductPublication, Variant, VariantPrice
from catalog.models.search import SearchDocument, SearchPending, SearchTypo, SearchWord
from catalog.models.stock import Stock, Warehouse, WarehouseChannel
from catalog.models.transfers import Export, Import
from catalog.models.translations import Translation

__all__ = [
    "Attribute",
    "AttributeValue",
    "Category",
    "Collection",
    "CollectionProduct",
    "CollectionPublication",
    "Export",
    "Import",
    "ImportProblem",
    "ImportRun",
    "Listing",
    "ListingName",
    "Media",
    "Menu",
    "MenuItem",
    "Page",
    "PageType",
    "PageTypeAttribute",
    "PageValue",
    "Product",
    "ProductGroup",
    "ProductPublication",
    "ProductType",
    "ProductTypeAttribute",
    "ProductValue",
    "ReleasedFile",
    "SearchDocument",
    "SearchPending",
    "SearchTypo",
    "SearchWord",
    "Stock",
    "Thumbnail",
    "Translation",
    "Upload",
    "Variant",
    "VariantMedia",
    "VariantPrice",
    "VariantValue",
    "Warehouse",
    "WarehouseChannel",
]
