"""Catalogue rows through the ORM, inside a scope. What lists show is brought up to date at once."""

import itertools
from collections.abc import Sequence
from typing import Any

from django.utils import timezone
from django.utils.text import slugify

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
    VariantMedia,
    VariantPrice,
    VariantValue,
    Warehouse,
    WarehouseChannel,
)
from catalog.operations import refresh_products
from catalog.search.documents import write_documents
from catalog.values import editorjs, parse_value
from tenants.models import Channel

_numbers = itertools.count(1)


def the_channel() -> Channel:
    """Return the first channel of the scope's tenant."""
    return Channel.objects.order_by("created_at", "id")[0]


def make_product_type(name: str = "Shirt", *, attributes: Sequence[Attribute] = (), **fields: Any) -> ProductType:
    """Make a product type whose products have these attributes."""
    made = ProductType.objects.create(name=name, slug=fields.pop("slug", None) or _slug(name), **fields)
    for position, attribute in enumerate(attributes):
        ProductTypeAttribute.objects.create(product_type=made, attribute=attribute, position=position)
    return made


def make_attribute(
    name: str = "Colour", *, input_type: str = Attribute.InputType.DROPDOWN, values: Sequence[Any] = (), **fields: Any
) -> Attribute:
    """Make an attribute with these values (raw, as an import gives them)."""
    made = Attribute.objects.create(
        name=name, slug=fields.pop("slug", None) or _slug(name), input_type=input_type, **fields
    )
    for position, raw in enumerate(values):
        make_value(made, raw, position=position)
    return made


def make_value(attribute: Attribute, raw: Any, **fields: Any) -> AttributeValue:
    """Make one value of an attribute."""
    columns = parse_value(attribute.input_type, raw)
    filled = {name: getattr(columns, name) for name in columns.__slots__}
    return AttributeValue.objects.create(attribute=attribute, **{**filled, **fields})


def make_category(name: str = "Clothes", *, parent: Category | None = None, **fields: Any) -> Category:
    """Make a category, a root or below `parent`."""
    level = 0 if parent is None else parent.level + 1
    slug = fields.pop("slug", None) or _slug(name)
    return Category.objects.create(name=name, slug=slug, parent=parent, level=level, **fields)


def make_collection(
    name: str = "Summer",
    *,
    products: Sequence[Product] = (),
    channels: Sequence[Channel] | None = None,
    **fields: Any,
) -> Collection:
    """Make a collection of these products in this order, published in the channels (default: the tenant's first)."""
    made = Collection.objects.create(name=name, slug=fields.pop("slug", None) or _slug(name), **fields)
    for channel in [the_channel()] if channels is None else channels:
        CollectionPublication.objects.create(collection=made, channel=channel)
    for position, product in enumerate(products):
        CollectionProduct.objects.create(collection=made, product=product, position=position)
    refresh(*products)
    return made


def make_warehouse(
    name: str = "Main warehouse", *, channels: Sequence[Channel] | None = None, **fields: Any
) -> Warehouse:
    """Make a warehouse that serves these channels (default: the tenant's first)."""
    made = Warehouse.objects.create(name=name, slug=fields.pop("slug", None) or _slug(name), **fields)
    for channel in [the_channel()] if channels is None else channels:
        WarehouseChannel.objects.create(warehouse=made, channel=channel)
    return made


def make_product(
    name: str = "Blue shirt",
    *,
    price: int | None = 1000,
    stock: int = 5,
    variants: int = 1,
    channels: Sequence[Channel] | None = None,
    warehouse: Warehouse | None = None,
    product_type: ProductType | None = None,
    values: Sequence[AttributeValue] = (),
    published: bool = True,
    **fields: Any,
) -> Product:
    """Make a product with priced, stocked variants, published in the channels (default: the tenant's first).

    `price` is in minor units; None: the variants have no price.
    """
    channels = [the_channel()] if channels is None else channels
    made = Product.objects.create(
        name=name,
        slug=fields.pop("slug", None) or _slug(name),
        product_type=product_type or ProductType.objects.first() or make_product_type(),
        description=fields.pop("description", editorjs(f"All about {name}.")),
        **fields,
    )
    for channel in channels:
        ProductPublication.objects.create(product=made, channel=channel, is_published=published)
    for position, value in enumerate(values):
        ProductValue.objects.create(product=made, value=value, position=position)
    for position in range(variants):
        make_variant(
            made, price=price, stock=stock, channels=channels, warehouse=warehouse, position=position, fresh=False
        )
    refresh(made)
    return made


def make_variant(
    product: Product,
    *,
    price: int | None = 1000,
    stock: int = 5,
    channels: Sequence[Channel] | None = None,
    warehouse: Warehouse | None = None,
    values: Sequence[AttributeValue] = (),
    fresh: bool = True,
    **fields: Any,
) -> Variant:
    """Make a variant of a product, with a price per channel and stock in one warehouse."""
    made = Variant.objects.create(
        product=product,
        sku=fields.pop("sku", f"SKU-{next(_numbers)}"),
        name=fields.pop("name", f"{product.name} {next(_numbers)}"),
        **fields,
    )
    channels = [the_channel()] if channels is None else channels
    if price is not None:
        for channel in channels:
            set_price(made, price, channel=channel, fresh=False)
    warehouse = warehouse or Warehouse.objects.first() or make_warehouse(channels=channels)
    set_stock(made, stock, warehouse=warehouse, fresh=False)
    for position, value in enumerate(values):
        VariantValue.objects.create(variant=made, product=product, value=value, position=position)
    if fresh:
        refresh(product)
    return made


def set_price(variant: Variant, price: int, *, channel: Channel | None = None, fresh: bool = True, **fields: Any):
    """Give a variant its base price (minor units) in a channel."""
    channel = channel or the_channel()
    made, _ = VariantPrice.objects.update_or_create(
        variant=variant, channel=channel, defaults={"price": price, "currency": channel.currency, **fields}
    )
    if fresh:
        refresh(variant.product)
    return made


def set_stock(variant: Variant, on_hand: int, *, warehouse: Warehouse, fresh: bool = True) -> Stock:
    """Put so many pieces of a variant into a warehouse."""
    made, _ = Stock.objects.update_or_create(variant=variant, warehouse=warehouse, defaults={"on_hand": on_hand})
    if fresh:
        refresh(variant.product)
    return made


def make_media(product: Product, *, variants: Sequence[Variant] = (), **fields: Any) -> Media:
    """Give a product a picture by URL, shown for these variants too."""
    if "file" not in fields:
        fields.setdefault("url", f"https://pictures.example/{next(_numbers)}.jpg")
    made = Media.objects.create(product=product, alt=fields.pop("alt", product.name), **fields)
    for variant in variants:
        VariantMedia.objects.create(variant=variant, media=made)
    return made


def make_page_type(name: str = "Article", *, attributes: Sequence[Attribute] = (), **fields: Any) -> PageType:
    """Make a page type whose pages have these attributes."""
    made = PageType.objects.create(name=name, slug=fields.pop("slug", None) or _slug(name), **fields)
    for position, attribute in enumerate(attributes):
        PageTypeAttribute.objects.create(page_type=made, attribute=attribute, position=position)
    return made


def make_page(title: str = "About us", *, values: Sequence[AttributeValue] = (), **fields: Any) -> Page:
    """Make a page, published at once unless told otherwise, with these values."""
    made = Page.objects.create(
        title=title,
        slug=fields.pop("slug", None) or _slug(title),
        page_type=fields.pop("page_type", None) or PageType.objects.first() or make_page_type(),
        content=fields.pop("content", editorjs(f"All about {title}.")),
        **{"is_published": True, **fields},
    )
    for position, value in enumerate(values):
        PageValue.objects.create(page=made, value=value, position=position)
    return made


def make_menu(name: str = "Main menu", **fields: Any) -> Menu:
    """Make a menu without items."""
    return Menu.objects.create(name=name, slug=fields.pop("slug", None) or _slug(name), **fields)


def make_menu_item(menu: Menu, name: str = "Home", *, parent: MenuItem | None = None, **fields: Any) -> MenuItem:
    """Make an item of a menu; `category`, `collection`, `page` or `url` is where it leads."""
    level = 0 if parent is None else parent.level + 1
    return MenuItem.objects.create(menu=menu, name=name, parent=parent, level=level, **fields)


def make_translation(instance: Any, language: str, *, kind: str | None = None, **words: Any) -> Translation:
    """Translate an object; `kind` is the dialect's type name where the model's name differs."""
    kind = kind or {"Variant": "ProductVariant", "Media": "ProductMedia"}.get(type(instance).__name__)
    made = Translation.objects.create(
        object_kind=kind or type(instance).__name__, object_id=instance.id, language=language, **words
    )
    if isinstance(instance, Product):
        refresh(instance)
    return made


def refresh(*products: Product) -> None:
    """Bring the listing rows and the search documents of products up to date."""
    refresh_products([product.id for product in products], now=timezone.now())
    write_documents([product.id for product in products])


def _slug(name: str) -> str:
    return f"{slugify(name, allow_unicode=True)}-{next(_numbers)}"
