"""The addresses of the catalogue's resources."""

from catalog.rest.content import MenuItems, Menus, Pages, PageTypes
from catalog.rest.groups import Categories, CollectionProducts, Collections
from catalog.rest.offers import Prices, Stocks, Warehouses
from catalog.rest.products import Products, Variants
from catalog.rest.transfers import Exports, Imports
from catalog.rest.types import Attributes, AttributeValues, ProductTypes
from catalog.rest.uploads import Uploads
from catalog.rest.words import MediaList, Translations
from commerce.rest.router import Router

router = Router()
router.register("products", Products)
router.register("variants", Variants)
router.register("prices", Prices)
router.register("stocks", Stocks)
router.register("warehouses", Warehouses)
router.register("product-types", ProductTypes)
router.register("attributes", Attributes)
router.register("attribute-values", AttributeValues)
router.register("categories", Categories)
router.register("collections", Collections)
router.register("collection-products", CollectionProducts)
router.register("translations", Translations)
router.register("media", MediaList)
router.register("uploads", Uploads)
router.register("imports", Imports)
router.register("exports", Exports)
router.register("menus", Menus)
router.register("menu-items", MenuItems)
router.register("page-types", PageTypes)
router.register("pages", Pages)
