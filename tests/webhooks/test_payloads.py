"""Bodies that subscription queries make: of every event type, with the app's permissions, the same bytes each time."""

from django.utils import timezone
from graphql import print_schema

from catalog.models import Category, Stock, Translation, Warehouse
from catalog.operations import Pieces, delete, lock_many, release_stock, reserve_stock, save, save_many
from commerce import outbox
from commerce.db.scope import tenant_scope
from commerce.graphql.ids import to_global_id
from commerce.schema import schema
from commerce.webhooks import operations
from commerce.webhooks.events import EVENTS, LATER, type_name
from commerce.webhooks.models import Webhook
from commerce.webhooks.operations import Wanted
from tenants import operations as tenant_operations
from tenants.permissions import GRANTS
from tests.factories import catalog as make
from tests.factories.tenants import make_channel, make_staff

EVERYTHING = """
subscription {
  event {
    __typename
    ... on ProductCreated { product { ...product } category { slug } }
    ... on ProductUpdated { product { ...product } category { slug } }
    ... on ProductDeleted { product { ...product } category { slug } }
    ... on ProductMetadataUpdated { product { ...product metadata { key value } privateMetadata { key value } } }
    ... on ProductVariantCreated { productVariant { ...variant } }
    ... on ProductVariantUpdated { productVariant { ...variant } }
    ... on ProductVariantDeleted { productVariant { ...variant } }
    ... on ProductVariantMetadataUpdated { productVariant { ...variant metafield(key: "a") } }
    ... on ProductVariantStockUpdated { productVariant { ...variant } warehouse { ...warehouse } }
    ... on ProductVariantOutOfStock { productVariant { ...variant } warehouse { ...warehouse } }
    ... on ProductVariantBackInStock { productVariant { ...variant } warehouse { ...warehouse } }
    ... on ProductMediaCreated { productMedia { ...media } }
    ... on ProductMediaUpdated { productMedia { ...media } }
    ... on ProductMediaDeleted { productMedia { ...media } }
    ... on CategoryCreated { category { ...category } }
    ... on CategoryUpdated { category { ...category } }
    ... on CategoryDeleted { category { ...category } }
    ... on CollectionCreated { collection { id name slug } }
    ... on CollectionUpdated { collection { id name slug } }
    ... on CollectionDeleted { collection { id name slug } }
    ... on CollectionMetadataUpdated { collection { id metafields(keys: ["a"]) } }
    ... on AttributeCreated { attribute { ...attribute } }
    ... on AttributeUpdated { attribute { ...attribute } }
    ... on AttributeDeleted { attribute { ...attribute } }
    ... on AttributeValueCreated { attributeValue { ...value } }
    ... on AttributeValueUpdated { attributeValue { ...value } }
    ... on AttributeValueDeleted { attributeValue { ...value } }
    ... on WarehouseCreated { warehouse { ...warehouse } }
    ... on WarehouseUpdated { warehouse { ...warehouse } }
    ... on WarehouseDeleted { warehouse { ...warehouse } }
    ... on WarehouseMetadataUpdated { warehouse { ...warehouse } }
    ... on MenuCreated { menu { ...menu } }
    ... on MenuUpdated { menu { ...menu } }
    ... on MenuDeleted { menu { ...menu } }
    ... on MenuItemCreated { menuItem { ...item } }
    ... on MenuItemUpdated { menuItem { ...item } }
    ... on MenuItemDeleted { menuItem { ...item } }
    ... on PageCreated { page { ...page } }
    ... on PageUpdated { page { ...page } }
    ... on PageDeleted { page { ...page } }
    ... on PageTypeCreated { pageType { id name slug } }
    ... on PageTypeUpdated { pageType { id name slug } }
    ... on PageTypeDeleted { pageType { id name slug } }
    ... on TranslationCreated { translation { ...words } }
    ... on TranslationUpdated { translation { ...words } }
    ... on ChannelCreated { channel { ...channel } }
    ... on ChannelUpdated { channel { ...channel } }
    ... on ChannelDeleted { channel { ...channel } }
    ... on ChannelStatusChanged { channel { ...channel } }
    ... on ChannelMetadataUpdated { channel { ...channel } }
    ... on StaffCreated { user { ...user } }
    ... on StaffUpdated { user { ...user } }
    ... on StaffDeleted { user { ...user } }
    ... on PermissionGroupCreated { permissionGroup { ...group } }
    ... on PermissionGroupUpdated { permissionGroup { ...group } }
    ... on PermissionGroupDeleted { permissionGroup { ...group } }
    ... on AppInstalled { app { ...app } }
    ... on AppUpdated { app { ...app } }
    ... on AppDeleted { app { ...app } }
    ... on AppStatusChanged { app { ...app } }
  }
}
fragment product on Product {
  id name slug channel description productType { slug } pricing { onSale } variants { sku }
}
fragment variant on ProductVariant { id name sku product { slug } quantityAvailable pricing { onSale } }
fragment warehouse on Warehouse { id name slug }
fragment media on ProductMedia { id alt url type productId }
fragment category on Category { id name slug level parent { slug } }
fragment attribute on Attribute { id name slug inputType }
fragment value on AttributeValue { id name slug inputType }
fragment menu on Menu { id name slug items { name } }
fragment item on MenuItem { id name level url page { slug } menu { slug } }
fragment page on Page { id title slug content isPublished publishedAt pageType { slug } }
fragment words on TranslationTypes {
  __typename
  ... on ProductTranslation { id name language { code } }
  ... on CategoryTranslation { id name }
}
fragment channel on Channel { id name slug currencyCode isActive }
fragment user on User { id email firstName isActive }
fragment group on Group { id name permissions { code } }
fragment app on App { id name isActive }
"""


def listen(shop, url: str, query: str, *events: str, permissions=tuple(GRANTS), **wanted) -> Webhook:
    """Have an app with these permissions listen to events by a query."""
    with tenant_scope(shop.id):
        app = tenant_operations.create_app(name="Listener", permissions=list(permissions))
        asked = Wanted(name="test", target_url=url, events=events or ("ANY_EVENTS",), query=query, **wanted)
        return operations.create_webhook(app_id=app.id, wanted=asked, permissions=permissions)


def update(instance, **values) -> None:
    for name, value in values.items():
        setattr(instance, name, value)
    save(instance, now=timezone.now())


def made(instance):
    save(instance, now=timezone.now())
    return instance


def gone(instance) -> str:
    """Delete an object and return its id."""
    key = instance.id
    delete(instance, now=timezone.now())
    return key


# --- Every type ---------------------------------------------------------------------------------------------


def test_every_event_has_a_type_and_every_type_is_asked_for():
    types = {type_.name for type_ in schema.get_possible_types(schema.type_map["Event"])}
    assert types == {type_name(name) for name in EVENTS}
    assert all(f"... on {name} " in EVERYTHING for name in types)
    assert not EVENTS.keys() & LATER.keys()
    assert "subscription" in print_schema(schema).lower()


def test_products_and_their_parts(tenant, receiver, bodies):
    listen(tenant, receiver.url, EVERYTHING)
    assert [body["__typename"] for body in bodies()] == ["AppInstalled"]
    with tenant_scope(tenant.id):
        category = make.make_category("Shirts", slug="shirts")
        product = make.make_product("Blue shirt", slug="blue", published=False, category=category, variants=0)
        product_type = product.product_type.slug
        product.description = {"blocks": []}
        update(product, name="Red shirt")
    shown = {
        "id": to_global_id("Product", product.id),
        "name": "Red shirt",
        "slug": "blue",
        "channel": None,
        "description": '{"blocks":[]}',
        "productType": {"slug": product_type},
        "pricing": None,
        "variants": [],
    }
    (body,) = bodies()
    assert body == {"__typename": "ProductUpdated", "product": shown, "category": {"slug": "shirts"}}

    with tenant_scope(tenant.id):
        update(product, metadata={"a": "1"}, private_metadata={"b": "2"})
    metadata, updated = bodies()
    pairs = {"metadata": [{"key": "a", "value": "1"}], "privateMetadata": [{"key": "b", "value": "2"}]}
    assert metadata == {"__typename": "ProductMetadataUpdated", "product": {**shown, **pairs}}
    assert updated["__typename"] == "ProductUpdated"

    with tenant_scope(tenant.id):
        variant = make.Variant(product=product, sku="RED", name="Red")
        save(variant, now=timezone.now())
    part = {
        "id": to_global_id("ProductVariant", variant.id),
        "name": "Red",
        "sku": "RED",
        "product": {"slug": "blue"},
        "quantityAvailable": 0,
        "pricing": None,
    }
    assert bodies() == [{"__typename": "ProductVariantCreated", "productVariant": part}]
    with tenant_scope(tenant.id):
        update(variant, name="Dark red", metadata={"a": "1"})
    part["name"] = "Dark red"
    assert bodies() == [
        {"__typename": "ProductVariantMetadataUpdated", "productVariant": {**part, "metafield": "1"}},
        {"__typename": "ProductVariantUpdated", "productVariant": part},
    ]
    with tenant_scope(tenant.id):
        price = make.VariantPrice(variant=variant, channel=make.the_channel(), price=900, currency="EUR")
        save(price, now=timezone.now())
        update(price, price=1000)
    assert bodies() == [{"__typename": "ProductVariantUpdated", "productVariant": part}] * 2

    with tenant_scope(tenant.id):
        media = made(make.Media(product=product, alt="Front", url="https://pictures.example/1.jpg"))
    picture = {
        "id": to_global_id("ProductMedia", media.id),
        "alt": "Front",
        "url": "https://pictures.example/1.jpg",
        "type": "IMAGE",
        "productId": to_global_id("Product", product.id),
    }
    assert bodies() == [{"__typename": "ProductMediaCreated", "productMedia": picture}]
    with tenant_scope(tenant.id):
        update(media, alt="Back")
    assert bodies() == [{"__typename": "ProductMediaUpdated", "productMedia": {**picture, "alt": "Back"}}]
    with tenant_scope(tenant.id):
        gone(media)
    assert bodies() == [{"__typename": "ProductMediaDeleted", "productMedia": {**picture, "alt": "Back"}}]

    with tenant_scope(tenant.id):
        gone(variant)
    assert bodies() == [{"__typename": "ProductVariantDeleted", "productVariant": part}]
    with tenant_scope(tenant.id):
        gone(product)
    assert bodies() == [{"__typename": "ProductDeleted", "product": shown, "category": {"slug": "shirts"}}]


def test_stock_runs_out_and_comes_back(tenant, receiver, bodies):
    listen(tenant, receiver.url, EVERYTHING, "PRODUCT_VARIANT_OUT_OF_STOCK", "PRODUCT_VARIANT_BACK_IN_STOCK")
    listen(tenant, receiver.url, EVERYTHING, "PRODUCT_VARIANT_STOCK_UPDATED")
    with tenant_scope(tenant.id):
        variant = make.make_product("Tie", slug="tie", stock=0).variants.get()
        stock = variant.stocks.select_related("warehouse").get()
        update(stock, on_hand=2)
    shown = {
        "productVariant": {
            "id": to_global_id("ProductVariant", variant.id),
            "name": variant.name,
            "sku": variant.sku,
            "product": {"slug": "tie"},
            "quantityAvailable": 2,
            "pricing": None,
        },
        "warehouse": {
            "id": to_global_id("Warehouse", stock.warehouse_id),
            "name": stock.warehouse.name,
            "slug": stock.warehouse.slug,
        },
    }
    assert bodies() == [
        {"__typename": "ProductVariantBackInStock", **shown},
        {"__typename": "ProductVariantStockUpdated", **shown},
    ]
    with tenant_scope(tenant.id):
        reserve_stock([Pieces(stock.id, 1)], now=timezone.now())
    shown["productVariant"]["quantityAvailable"] = 1
    assert bodies() == [{"__typename": "ProductVariantStockUpdated", **shown}]
    with tenant_scope(tenant.id):
        reserve_stock([Pieces(stock.id, 1)], now=timezone.now())
    shown["productVariant"]["quantityAvailable"] = 0
    assert [body["__typename"] for body in bodies()] == ["ProductVariantOutOfStock", "ProductVariantStockUpdated"]
    with tenant_scope(tenant.id):
        release_stock([Pieces(stock.id, 2)], now=timezone.now())
    assert [body["__typename"] for body in bodies()] == ["ProductVariantBackInStock", "ProductVariantStockUpdated"]
    with tenant_scope(tenant.id):
        stock.refresh_from_db()
        gone(stock)
    assert bodies() == [{"__typename": "ProductVariantStockUpdated", **shown}]


def test_stock_that_is_written_in_bulk_runs_out_and_comes_back_too(tenant, receiver, bodies):
    query = "subscription { event { __typename ... on ProductVariantOutOfStock { productVariant { sku } } } }"
    listen(tenant, receiver.url, query, "PRODUCT_VARIANT_OUT_OF_STOCK", "PRODUCT_VARIANT_BACK_IN_STOCK")
    with tenant_scope(tenant.id):
        full = make.make_product("Full", stock=3).variants.get()
        empty = make.make_product("Empty", stock=0).variants.get()
        stocks = lock_many(Stock, [full.stocks.get().id, empty.stocks.get().id])
        for stock in stocks:
            stock.on_hand = 0 if stock.variant_id == full.id else 3
        save_many(stocks, now=timezone.now())
    assert bodies() == [
        {"__typename": "ProductVariantBackInStock"},
        {"__typename": "ProductVariantOutOfStock", "productVariant": {"sku": full.sku}},
    ]


def test_categories_collections_and_warehouses(tenant, receiver, bodies):
    listen(tenant, receiver.url, EVERYTHING)
    bodies()
    with tenant_scope(tenant.id):
        root = made(Category(name="Clothes", slug="clothes"))
    assert [body["category"]["parent"] for body in bodies()] == [None]
    with tenant_scope(tenant.id):
        shirts = made(Category(name="Shirt", slug="shirts", parent=root))
    shown = {
        "id": to_global_id("Category", shirts.id),
        "name": "Shirt",
        "slug": "shirts",
        "level": 1,
        "parent": {"slug": "clothes"},
    }
    assert bodies() == [{"__typename": "CategoryCreated", "category": shown}]
    with tenant_scope(tenant.id):
        update(shirts, name="Shirts")
    shown["name"] = "Shirts"
    assert bodies() == [{"__typename": "CategoryUpdated", "category": shown}]
    with tenant_scope(tenant.id):
        gone(shirts)
    assert bodies() == [{"__typename": "CategoryDeleted", "category": shown}]

    with tenant_scope(tenant.id):
        collection = made(make.Collection(name="Summer", slug="summer"))
    shown = {"id": to_global_id("Collection", collection.id), "name": "Summer", "slug": "summer"}
    assert bodies() == [{"__typename": "CollectionCreated", "collection": shown}]
    with tenant_scope(tenant.id):
        update(collection, name="Sun", metadata={"a": "1"})
    shown["name"] = "Sun"
    metadata = {"id": shown["id"], "metafields": {"a": "1"}}
    assert bodies() == [
        {"__typename": "CollectionMetadataUpdated", "collection": metadata},
        {"__typename": "CollectionUpdated", "collection": shown},
    ]
    with tenant_scope(tenant.id):
        gone(collection)
    assert bodies() == [{"__typename": "CollectionDeleted", "collection": shown}]

    with tenant_scope(tenant.id):
        warehouse = made(Warehouse(name="North", slug="north"))
    shown = {"id": to_global_id("Warehouse", warehouse.id), "name": "North", "slug": "north"}
    assert bodies() == [{"__typename": "WarehouseCreated", "warehouse": shown}]
    with tenant_scope(tenant.id):
        update(warehouse, private_metadata={"a": "1"})
    assert bodies() == [
        {"__typename": "WarehouseMetadataUpdated", "warehouse": shown},
        {"__typename": "WarehouseUpdated", "warehouse": shown},
    ]
    with tenant_scope(tenant.id):
        gone(warehouse)
    assert bodies() == [{"__typename": "WarehouseDeleted", "warehouse": shown}]


def test_pages_and_menus(tenant, receiver, bodies):
    listen(tenant, receiver.url, EVERYTHING)
    bodies()
    with tenant_scope(tenant.id):
        kind = made(make.PageType(name="Article", slug="article"))
    shown = {"id": to_global_id("PageType", kind.id), "name": "Article", "slug": "article"}
    assert bodies() == [{"__typename": "PageTypeCreated", "pageType": shown}]
    with tenant_scope(tenant.id):
        page = made(make.Page(title="About", slug="about", page_type=kind, content={"blocks": []}))
    page_shown = {
        "id": to_global_id("Page", page.id),
        "title": "About",
        "slug": "about",
        "content": '{"blocks":[]}',
        "isPublished": False,
        "publishedAt": None,
        "pageType": {"slug": "article"},
    }
    assert bodies() == [{"__typename": "PageCreated", "page": page_shown}]
    with tenant_scope(tenant.id):
        update(page, is_published=True)
    page_shown["isPublished"] = True
    assert bodies() == [{"__typename": "PageUpdated", "page": page_shown}]

    with tenant_scope(tenant.id):
        menu = made(make.Menu(name="Navbar", slug="navbar"))
    menu_shown = {"id": to_global_id("Menu", menu.id), "name": "Navbar", "slug": "navbar", "items": []}
    assert bodies() == [{"__typename": "MenuCreated", "menu": menu_shown}]
    with tenant_scope(tenant.id):
        item = made(make.MenuItem(menu=menu, name="About", page=page))
    item_shown = {
        "id": to_global_id("MenuItem", item.id),
        "name": "About",
        "level": 0,
        "url": None,
        "page": {"slug": "about"},
        "menu": {"slug": "navbar"},
    }
    assert bodies() == [{"__typename": "MenuItemCreated", "menuItem": item_shown}]
    with tenant_scope(tenant.id):
        update(item, name="About us")
        update(menu, name="Top")
    item_shown["name"], menu_shown["name"] = "About us", "Top"
    assert bodies() == [
        {"__typename": "MenuItemUpdated", "menuItem": item_shown},
        {"__typename": "MenuUpdated", "menu": {**menu_shown, "items": [{"name": "About us"}]}},
    ]
    with tenant_scope(tenant.id):
        gone(item)
    assert bodies() == [{"__typename": "MenuItemDeleted", "menuItem": item_shown}]
    with tenant_scope(tenant.id):
        gone(menu)
    assert bodies() == [{"__typename": "MenuDeleted", "menu": menu_shown}]
    with tenant_scope(tenant.id):
        gone(page)
    assert bodies() == [{"__typename": "PageDeleted", "page": page_shown}]
    with tenant_scope(tenant.id):
        update(kind, name="Text")
    shown["name"] = "Text"
    assert bodies() == [{"__typename": "PageTypeUpdated", "pageType": shown}]
    with tenant_scope(tenant.id):
        gone(kind)
    assert bodies() == [{"__typename": "PageTypeDeleted", "pageType": shown}]


def test_attributes_values_and_translations(tenant, receiver, bodies):
    listen(tenant, receiver.url, EVERYTHING)
    bodies()
    with tenant_scope(tenant.id):
        attribute = made(make.Attribute(name="Colour", slug="colour", input_type="dropdown"))
    shown = {
        "id": to_global_id("Attribute", attribute.id),
        "name": "Colour",
        "slug": "colour",
        "inputType": "DROPDOWN",
    }
    assert bodies() == [{"__typename": "AttributeCreated", "attribute": shown}]
    with tenant_scope(tenant.id):
        update(attribute, visible_in_storefront=False)
        value = made(make.AttributeValue(attribute=attribute, name="Red", slug="red"))
    part = {
        "id": to_global_id("AttributeValue", value.id),
        "name": "Red",
        "slug": "red",
        "inputType": "DROPDOWN",
    }
    assert bodies() == [
        {"__typename": "AttributeUpdated", "attribute": shown},
        {"__typename": "AttributeValueCreated", "attributeValue": part},
    ]
    with tenant_scope(tenant.id):
        update(value, name="Dark red")
    part["name"] = "Dark red"
    assert bodies() == [{"__typename": "AttributeValueUpdated", "attributeValue": part}]
    with tenant_scope(tenant.id):
        gone(value)
    assert bodies() == [{"__typename": "AttributeValueDeleted", "attributeValue": part}]
    with tenant_scope(tenant.id):
        gone(attribute)
    assert bodies() == [{"__typename": "AttributeDeleted", "attribute": shown}]

    with tenant_scope(tenant.id):
        product = make.make_product("Coat")
        words = made(Translation(object_kind="Product", object_id=product.id, language="nl", name="Jas"))
    words_shown = {
        "__typename": "ProductTranslation",
        "id": to_global_id("ProductTranslation", words.id),
        "name": "Jas",
        "language": {"code": "NL"},
    }
    assert bodies() == [{"__typename": "TranslationCreated", "translation": words_shown}]
    with tenant_scope(tenant.id):
        update(words, name="Mantel")
        category = make.make_category()
        made(Translation(object_kind="Category", object_id=category.id, language="nl", name="Kleren"))
    created, updated = bodies()
    assert updated == {"__typename": "TranslationUpdated", "translation": {**words_shown, "name": "Mantel"}}
    assert (created["translation"]["__typename"], created["translation"]["name"]) == ("CategoryTranslation", "Kleren")


def test_an_app_and_what_became_of_it(tenant, receiver, bodies):
    listen(tenant, receiver.url, EVERYTHING)
    bodies()
    with tenant_scope(tenant.id):
        app = tenant_operations.create_app(name="Other", permissions=[])
    shown = {"id": to_global_id("App", app.id), "name": "Other", "isActive": True}
    assert bodies() == [{"__typename": "AppInstalled", "app": shown}]
    with tenant_scope(tenant.id):
        tenant_operations.set_app_permissions(app_id=app.id, permissions=["MANAGE_PRODUCTS"])
    assert bodies() == [{"__typename": "AppUpdated", "app": shown}]
    with tenant_scope(tenant.id):
        tenant_operations.set_app_active(app_id=app.id, is_active=False)
    shown["isActive"] = False
    assert bodies() == [{"__typename": "AppStatusChanged", "app": shown}]
    with tenant_scope(tenant.id):
        tenant_operations.delete_app(app_id=app.id)
    assert bodies() == [{"__typename": "AppDeleted", "app": shown}]


def test_channels_and_people_that_the_admin_changes(tenant, receiver, bodies):
    listen(tenant, receiver.url, EVERYTHING)
    bodies()
    with tenant_scope(tenant.id):
        channel, user = make_channel(slug="second"), make_staff(email="ann@example.com")
        group = make_group()
        publish_all(
            ("tenants.channel", "Channel", channel.id, ("created", "updated", "status_changed", "metadata_updated")),
            ("tenants.staff", "User", user.id, ("created", "updated")),
            ("tenants.permission_group", "Group", group.id, ("created", "updated")),
        )
    market = {
        "id": to_global_id("Channel", channel.id),
        "name": channel.name,
        "slug": "second",
        "currencyCode": channel.currency,
        "isActive": True,
    }
    person = {"id": to_global_id("User", user.id), "email": "ann@example.com", "firstName": "", "isActive": True}
    staff = {"id": to_global_id("Group", group.id), "name": "Sellers", "permissions": [{"code": "MANAGE_ORDERS"}]}
    assert bodies() == [
        {"__typename": "ChannelCreated", "channel": market},
        {"__typename": "ChannelMetadataUpdated", "channel": market},
        {"__typename": "ChannelStatusChanged", "channel": market},
        {"__typename": "ChannelUpdated", "channel": market},
        {"__typename": "PermissionGroupCreated", "permissionGroup": staff},
        {"__typename": "PermissionGroupUpdated", "permissionGroup": staff},
        {"__typename": "StaffCreated", "user": person},
        {"__typename": "StaffUpdated", "user": person},
    ]
    with tenant_scope(tenant.id):
        publish_all(
            ("tenants.channel", "Channel", channel.id, ("deleted",)),
            ("tenants.staff", "User", user.id, ("deleted",)),
            ("tenants.permission_group", "Group", group.id, ("deleted",)),
            name="Sellers",
            slug="second",
            currency=channel.currency,
            is_active=True,
            email="ann@example.com",
            permissions=["MANAGE_ORDERS"],
        )
        for row in (channel, user, group):
            row.delete()
    assert bodies() == [
        {"__typename": "ChannelDeleted", "channel": {**market, "name": "Sellers"}},
        {"__typename": "PermissionGroupDeleted", "permissionGroup": staff},
        {"__typename": "StaffDeleted", "user": person},
    ]


def publish_all(*told, **facts) -> None:
    outbox.publish_many(
        outbox.NewEvent(f"{word}.{verb}", kind, key, version, facts)
        for word, kind, key, verbs in told
        for version, verb in enumerate(verbs, 1)
    )


def make_group():
    from tenants.models import PermissionGroup

    return PermissionGroup.objects.create(name="Sellers", permissions=["MANAGE_ORDERS"])
