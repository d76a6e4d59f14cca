"""Categories, collections, warehouses, stock, translations and channels in the admin."""

from uuid import uuid4

from catalog.models import (
    Category,
    Collection,
    ListingName,
    Product,
    ProductGroup,
    Stock,
    Translation,
    Warehouse,
    WarehouseChannel,
)
from tests.admin import errors, page, read_form, send, sign_in
from tests.catalog.admin_kit import client, events, now_listed, one, scope, shop
from tests.factories.catalog import make_category, make_collection, make_product, make_variant, make_warehouse

__all__ = ["client", "scope", "shop"]  # fixtures


def test_a_category_below_itself_is_an_error_at_the_parent(scope, client):
    with scope():
        root = make_category("Clothes")
        leaf = make_category("Shirts", parent=root)
    answer = send(client, page(root), {"parent": str(leaf.id)})
    assert answer.status_code == 200
    assert "cannot be placed below itself" in errors(answer)
    with scope():
        assert one(Category, id=root.id).parent_id is None


def test_moving_a_category_moves_its_products(scope, client):
    with scope():
        old, new = make_category("Old"), make_category("New")
        leaf = make_category("Shirts", parent=old)
        make_product("Shirt", category=leaf)
    assert send(client, page(leaf), {"parent": str(new.id)}).status_code == 302
    with scope():
        groups = set(ProductGroup.objects.values_list("group_id", flat=True))
        assert groups == {leaf.id, new.id}


def test_a_category_with_others_below_it_cannot_be_deleted(scope, client):
    with scope():
        root = make_category("Clothes")
        make_category("Shirts", parent=root)
    assert client.post(page(root, "delete"), {"post": "yes"}).status_code == 200
    with scope():
        assert Category.objects.count() == 2


def test_a_collection_gets_products_in_their_order(scope, client):
    with scope():
        collection = make_collection("Summer")
        first, second = one(Product), make_product("Coat")
    added = {
        "collectionproduct_set-TOTAL_FORMS": "2",
        "collectionproduct_set-0-product": str(second.id),
        "collectionproduct_set-0-position": "0",
        "collectionproduct_set-1-product": str(first.id),
        "collectionproduct_set-1-position": "1",
    }
    answer = send(client, page(collection), added)
    assert answer.status_code == 302, errors(answer)
    with scope():
        found = ProductGroup.objects.filter(group_id=collection.id).order_by("position")
        assert [row.product_id for row in found] == [second.id, first.id]
        assert [type_ for type_, _ in events("Collection")] == ["catalog.collection.updated"] * 2
    again = {
        "collectionproduct_set-TOTAL_FORMS": "3",
        "collectionproduct_set-2-product": str(first.id),
        "collectionproduct_set-2-position": "2",
    }
    answer = send(client, page(collection), again)
    assert answer.status_code == 200
    with scope():
        assert Collection.objects.get().collectionproduct_set.count() == 2


def test_a_warehouse_that_serves_no_channel_any_more_sells_nothing(scope, client):
    with scope():
        warehouse, product = one(Warehouse), one(Product)
    answer = send(client, page(warehouse), {"channels": [], "address_city": "Utrecht", "address_country": "nl"})
    assert answer.status_code == 302, errors(answer)
    with scope():
        assert not WarehouseChannel.objects.exists()
        assert not now_listed(product).in_stock
        assert one(Warehouse).address == {"city": "Utrecht", "country": "NL"}
    answer = send(client, page(warehouse), {"address_country": "Utopia"})
    assert "no country code" in errors(answer)


def test_stock_is_added_on_a_page_of_its_own(scope, client):
    with scope():
        variant = make_variant(one(Product))
        warehouse = make_warehouse("Second")
    form = read_form(client.get(page(Stock, "add")))
    sent = {**form, "variant": str(variant.id), "warehouse": str(warehouse.id), "on_hand": "4"}
    assert client.post(page(Stock, "add"), sent).status_code == 302
    answer = client.post(page(Stock, "add"), sent)
    assert "Another stock has" in errors(answer)
    with scope():
        assert Stock.objects.get(variant=variant, warehouse=warehouse).on_hand == 4


def test_translations_stand_on_the_objects_page(scope, client):
    with scope():
        product = one(Product)
    added = {
        "translations-TOTAL_FORMS": "1",
        "translations-0-language": "nl-be",
        "translations-0-name": "Hemd",
        "translations-0-description": "Een hemd.",
    }
    answer = send(client, page(product), added)
    assert answer.status_code == 302, errors(answer)
    with scope():
        made = one(Translation)
        assert (made.object_kind, made.object_id, made.language, made.name) == ("Product", product.id, "nl-BE", "Hemd")
        assert made.slug is None
        assert events("Translation") == [("catalog.translation.created", str(made.id))]
    form = read_form(client.get(page(product)))
    assert form["translations-0-description"] == "Een hemd."
    twice = {"translations-TOTAL_FORMS": "2", "translations-1-language": "nl-BE", "translations-1-name": "Blouse"}
    assert "Another translation has" in errors(send(client, page(product), twice))
    assert "no language" in errors(send(client, page(product), {"translations-0-language": "xx-yy-zz"}))
    assert send(client, page(product), {"translations-0-DELETE": "on"}).status_code == 302
    with scope():
        assert not Translation.objects.exists()


def test_translators_work_on_a_list_of_their_own(scope, shop):
    client = sign_in(shop, permissions=["MANAGE_TRANSLATIONS"])
    with scope():
        product = one(Product)
    form = read_form(client.get(page(Translation, "add")))
    sent = {**form, "object_kind": "Product", "object_id": str(product.id), "language": "nl", "name": "Hemd"}
    assert "no such object" in errors(client.post(page(Translation, "add"), {**sent, "object_id": str(uuid4())}))
    assert "no such object" in errors(client.post(page(Translation, "add"), {**sent, "object_kind": "Category"}))
    assert client.post(page(Translation, "add"), sent).status_code == 302
    with scope():
        made = one(Translation)
    assert "Shirt" in client.get(page(made)).content.decode(), "the words to translate are shown"


def test_a_channels_new_language_orders_its_names(scope, client, shop):
    with scope():
        product = one(Product)
    assert send(client, page(shop.channel), {"languages": "en, sv"}).status_code == 302
    with scope():
        assert set(ListingName.objects.filter(product=product).values_list("language", flat=True)) == {"en", "sv"}
