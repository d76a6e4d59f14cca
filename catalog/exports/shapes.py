"""What the lines of a whole catalogue are: one description, by which exports write and imports read.

A line is one object with its parts, told by names (slugs) and never by ids, so that it says the same in every shop.
Its columns are the model's; what a column refers to stands as the slug of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.db import models

from catalog.models import (
    Attribute,
    AttributeValue,
    Category,
    Collection,
    CollectionProduct,
    CollectionPublication,
    Media,
    Menu,
    MenuItem,
    Page,
    PageType,
    PageTypeAttribute,
    PageValue,
    Product,
    ProductPublication,
    ProductType,
    ProductTypeAttribute,
    ProductValue,
    Stock,
    Translation,
    Variant,
    VariantPrice,
    VariantValue,
    Warehouse,
    WarehouseChannel,
)

# The first line of a file: its kind, and the version of the shapes below.
HEADER = "catalogue"
VERSION = 1
# The line of one use of a reference: an owner, an attribute, what it leads to.
REFERENCE = "reference"
# Never told: who a row is, when it was written, and what is worked out from other rows.
_UNTOLD = frozenset({"tenant_id", "id", "version", "created_at", "updated_at", "level", "reserved"})
_REFERENCE_COLUMNS = frozenset({"reference_kind", "reference_id"})
REFERENCE_TYPES = (Attribute.InputType.REFERENCE, Attribute.InputType.SINGLE_REFERENCE)
# The dialect's name of a kind where it is not the model's.
_DIALECT: dict[type[models.Model], str] = {Variant: "ProductVariant", Media: "ProductMedia"}


@dataclass(frozen=True)
class Shape:
    """One model's lines, or parts of lines.

    `key` are the columns that find an object in a shop, `references` the columns that lead elsewhere with the model
    that they lead to (told by its slug), `owner` is the column of a part that leads to what it is a part of.
    """

    name: str
    model: type[models.Model]
    key: Sequence[str] = ("slug",)
    references: Mapping[str, type[models.Model] | str] = field(default_factory=dict)
    owner: str = ""
    is_translated: bool = False
    parts: tuple["Shape", ...] = ()

    @cached_property
    def columns(self) -> list[Any]:
        """The model's fields that are told as they are."""
        left_out = {*_UNTOLD, *_REFERENCE_COLUMNS, *self.references, self.owner}
        return [f for f in self.model._meta.local_concrete_fields if f.attname not in left_out]

    @cached_property
    def keys(self) -> frozenset[str]:
        """All that a line of this shape may have."""
        own = {f.attname for f in self.columns} | {told(name) for name in self.references}
        return frozenset(own | {part.name for part in self.parts} | ({"translations"} if self.is_translated else set()))

    @property
    def dialect(self) -> str:
        """The dialect's name of the kind."""
        return _DIALECT.get(self.model, self.model.__name__)


def told(column: str) -> str:
    """Return the name under which a line tells a reference."""
    return column.removesuffix("_id")


CHANNEL = "channel"
TRANSLATION = Shape("translations", Translation, ("language",), owner="object_id")
# The column of a translation that says the kind of its object is the line's own.
TRANSLATED = [f for f in TRANSLATION.columns if f.attname != "object_kind"]
_VALUE = {"value_id": "value"}

WAREHOUSE = Shape(
    "warehouse",
    Warehouse,
    parts=(Shape("channels", WarehouseChannel, ("channel_id",), {"channel_id": CHANNEL}, owner="warehouse_id"),),
)
ATTRIBUTE = Shape("attribute", Attribute, is_translated=True)
VALUE = Shape(
    "attribute-value", AttributeValue, ("attribute_id", "slug"), {"attribute_id": Attribute}, is_translated=True
)
PRODUCT_TYPE = Shape(
    "product-type",
    ProductType,
    parts=(
        Shape(
            "attributes",
            ProductTypeAttribute,
            ("attribute_id", "on_variants"),
            {"attribute_id": Attribute},
            owner="product_type_id",
        ),
    ),
)
PAGE_TYPE = Shape(
    "page-type",
    PageType,
    parts=(
        Shape("attributes", PageTypeAttribute, ("attribute_id",), {"attribute_id": Attribute}, owner="page_type_id"),
    ),
)
CATEGORY = Shape("category", Category, references={"parent_id": Category}, is_translated=True)
COLLECTION = Shape(
    "collection",
    Collection,
    is_translated=True,
    parts=(
        Shape(
            "publications",
            CollectionPublication,
            ("channel_id",),
            {"channel_id": CHANNEL},
            owner="collection_id",
        ),
    ),
)
PRICES = Shape("prices", VariantPrice, ("channel_id",), {"channel_id": CHANNEL}, owner="variant_id")
STOCK = Shape("stock", Stock, ("warehouse_id",), {"warehouse_id": Warehouse}, owner="variant_id")
VARIANT_VALUES = Shape("values", VariantValue, ("value_id",), {**_VALUE, "product_id": "none"}, owner="variant_id")
VARIANT = Shape("variants", Variant, (), owner="product_id", is_translated=True, parts=(PRICES, STOCK, VARIANT_VALUES))
PUBLICATIONS = Shape("publications", ProductPublication, ("channel_id",), {"channel_id": CHANNEL}, owner="product_id")
PRODUCT_VALUES = Shape("values", ProductValue, ("value_id",), _VALUE, owner="product_id")
MEDIA = Shape("media", Media, (), owner="product_id", is_translated=True)
COLLECTED = Shape(
    "collections", CollectionProduct, ("collection_id",), {"collection_id": Collection}, owner="product_id"
)
PRODUCT = Shape(
    "product",
    Product,
    references={"product_type_id": ProductType, "category_id": Category},
    is_translated=True,
    parts=(PUBLICATIONS, COLLECTED, PRODUCT_VALUES, MEDIA, VARIANT),
)
PAGE_VALUES = Shape("values", PageValue, ("value_id",), _VALUE, owner="page_id")
PAGE = Shape("page", Page, references={"page_type_id": PageType}, is_translated=True, parts=(PAGE_VALUES,))
ITEM = Shape(
    "items",
    MenuItem,
    (),
    {"parent_id": "none", "category_id": Category, "collection_id": Collection, "page_id": Page},
    owner="menu_id",
    is_translated=True,
)
MENU = Shape("menu", Menu, parts=(ITEM,))

# In the order in which a file has them: what a line names stands before it.
SHAPES = (
    WAREHOUSE,
    ATTRIBUTE,
    VALUE,
    PRODUCT_TYPE,
    PAGE_TYPE,
    CATEGORY,
    COLLECTION,
    PRODUCT,
    PAGE,
    MENU,
)
