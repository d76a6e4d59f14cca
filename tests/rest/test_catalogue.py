"""Every resource of the catalogue: made, changed and read in a number of statements that rows do not change."""

from typing import Any

import pytest

from catalog.models import (
    CollectionPublication,
    Export,
    Import,
    Menu,
    MenuItem,
    Page,
    PageType,
    ProductTypeAttribute,
    VariantMedia,
    WarehouseChannel,
)
from commerce.db.scope import tenant_scope
from commerce.urls import rest
from tests.factories import catalog as make
from tests.factories.rows import fill, load_every_model
from tests.factories.tenants import make_channel, open_shop
from tests.rest.conftest import Office, make_key


@pytest.fixture
def stocked(tenant):
    """Return the tenant with one product and what there is around it."""
    with tenant_scope(tenant.id):
        colour = make.make_attribute("Colour", slug="colour", values=["Red", "Blue"])
        make.make_attribute("Swatch", slug="tone", input_type="swatch")
        make.make_attribute("Weight", slug="weight", input_type="numeric")
        kind = make.make_product_type("Shirt", slug="shirt", attributes=[colour])
        ProductTypeAttribute.objects.create(product_type=kind, attribute=colour, on_variants=True)
        make.make_warehouse("Main", slug="main")
        make.make_category("Clothes", slug="clothes")
        make.make_product("P", slug="p", product_type=kind, variants=0)
    return tenant


def ok(answer):
    assert answer.status_code in (200, 201, 204), answer.data
    return answer.data


def test_a_variant_has_values_and_pictures(office, stocked):
    picture = ok(office("POST", "media", {"product": "p", "url": "https://pictures.example/1.jpg", "alt": "P"}))
    made = ok(
        office(
            "POST",
            "variants",
            {"product": "p", "sku": "S-1", "attributes": {"colour": ["Red"]}, "media": [picture["id"]]},
        )
    )
    assert (made["attributes"], made["media"]) == ({"colour": [{"slug": "red", "name": "Red"}]}, [picture["id"]])
    path = f"variants/{made['id']}"
    assert ok(office("PATCH", path, {"media": []}))["media"] == []
    with tenant_scope(stocked.id):
        assert not VariantMedia.objects.exists()
        other = make.make_media(make.make_product("Other"))
    refused = office("PATCH", path, {"media": [str(other.id)]})
    assert (refused.status_code, refused.data["field"]) == (422, "media")
    assert ok(office("GET", path))["version"] == 2


def test_a_picture_has_one_source(office, stocked):
    assert office("POST", "media", {"product": "p"}).data["field"] == "url"
    assert office("POST", "media", {"product": "p", "url": "javascript:alert(1)"}).status_code == 422
    made = ok(office("POST", "media", {"product": "p", "url": "https://pictures.example/1.jpg"}))
    assert ok(office("PATCH", f"media/{made['id']}", {"position": 3, "alt": "New"}))["position"] == 3
    assert [one["id"] for one in office.get("media", product=made["product"])["items"]] == [made["id"]]


@pytest.mark.parametrize(
    ("price", "status"),
    [("12.50", 201), (12.5, 201), (12, 201), ("12.505", 422), ("-1", 422), ("1e3", 422), (True, 422), (None, 422)],
)
def test_a_price_is_an_amount_of_its_currency(office, stocked, price, status):
    ok(office("POST", "variants", {"product": "p", "sku": "S-1"}))
    made = office("POST", "prices", {"variant": "S-1", "channel": "default-channel", "price": price})
    assert made.status_code == status, made.data
    if status == 201:
        assert (made.data["price"], made.data["currency"]) == (f"{float(price):.2f}", "USD")
    else:
        assert made.data["field"] == "price"


def test_a_warehouse_serves_channels(office, stocked):
    with tenant_scope(stocked.id):
        make_channel(slug="nl")
    made = ok(office("POST", "warehouses", {"name": "W", "slug": "w", "channels": ["nl"], "address": {"city": "Ede"}}))
    assert (made["channels"], made["address"]) == (["nl"], {"city": "Ede"})
    changed = ok(office("PATCH", f"warehouses/{made['id']}", {"channels": ["default-channel", "nl"]}))
    assert (changed["channels"], changed["version"]) == (["default-channel", "nl"], 2)
    with tenant_scope(stocked.id):
        assert WarehouseChannel.objects.filter(warehouse_id=made["id"]).count() == 2
    refused = office("PATCH", f"warehouses/{made['id']}", {"channels": ["moon"]})
    assert (refused.status_code, refused.data["field"]) == (422, "channel")
    refused = office("PATCH", f"warehouses/{made['id']}", {"address": {"planet": "Mars"}})
    assert (refused.status_code, refused.data["field"]) == (422, "address.planet")


def test_a_product_type_has_attributes_in_order(office, stocked):
    wanted = [
        {"attribute": "weight", "on_variants": False, "variant_selection": False},
        {"attribute": "colour", "on_variants": True, "variant_selection": True},
    ]
    made = ok(office("POST", "product-types", {"name": "Hat", "slug": "hat", "attributes": wanted}))
    assert made["attributes"] == wanted
    path = f"product-types/{made['id']}"
    changed = ok(office("PATCH", path, {"attributes": wanted[1:]}))
    assert changed["attributes"] == wanted[1:]
    assert changed["version"] > made["version"]
    refused = office("PATCH", path, {"attributes": [{"attribute": "size"}]})
    assert (refused.status_code, refused.data["field"]) == (422, "attributes.0.attribute")
    assert ok(office("PATCH", path, {"attributes": wanted[1:]}))["version"] == changed["version"]
    shortest = ok(office("PATCH", path, {"attributes": [{"attribute": "weight"}]}))
    assert shortest["attributes"] == wanted[:1]


def test_attributes_and_their_choices(office, stocked):
    made = ok(office("POST", "attributes", {"slug": "size", "name": "Size", "input_type": "dropdown"}))
    value = ok(office("POST", "attribute-values", {"attribute": "size", "name": "Extra large"}))
    assert (value["slug"], value["attribute"]) == ("extra-large", made["id"])
    swatch = ok(office("POST", "attribute-values", {"attribute": "tone", "name": "Red", "value": "#ff0000"}))
    assert (swatch["slug"], swatch["value"]) == ("red", "#ff0000")
    for body, field in (
        ({"attribute": "weight", "name": "7"}, "attribute"),
        ({"attribute": "size", "name": "Red", "value": "#ff0000"}, "value"),
        ({"attribute": "tone", "name": "Red", "value": "red"}, "value"),
    ):
        refused = office("POST", "attribute-values", body)
        assert (refused.status_code, refused.data["field"]) == (422, field), refused.data
    refused = office("PATCH", f"attributes/{made['id']}", {"input_type": "numeric"})
    assert (refused.status_code, refused.data["code"]) == (422, "FIXED")
    listed = office.get("attribute-values", attribute=made["id"])["items"]
    assert [one["slug"] for one in listed] == ["extra-large"]


def test_a_category_stands_below_another_and_not_below_itself(office, stocked):
    root = ok(office("POST", "categories", {"name": "Root", "slug": "root"}))
    leaf = ok(office("POST", "categories", {"name": "Leaf", "slug": "leaf", "parent": "root"}))
    assert (leaf["level"], leaf["parent"]) == (1, root["id"])
    refused = office("PATCH", f"categories/{root['id']}", {"parent": "leaf"})
    assert (refused.status_code, refused.data["field"]) == (422, "parent")
    assert [one["slug"] for one in office.get("categories", parent=root["id"])["items"]] == ["leaf"]


def test_a_collection_is_published_and_has_products(office, stocked):
    made = ok(
        office("POST", "collections", {"name": "C", "slug": "c", "publications": [{"channel": "default-channel"}]})
    )
    assert made["publications"] == [{"channel": "default-channel", "is_published": True, "published_at": None}]
    place = ok(office("POST", "collection-products", {"collection": "c", "product": "p", "position": 2}))
    listed = office.get("collection-products", collection=made["id"])["items"]
    assert [(one["product"], one["position"]) for one in listed] == [(place["product"], 2)]
    assert ok(office("GET", f"products/{place['product']}"))["collections"] == [made["id"]]
    assert office("POST", "collection-products", {"collection": "c", "product": "p"}).status_code == 409
    ok(office("DELETE", f"collection-products/{place['id']}"))
    hidden = [{"channel": "default-channel", "is_published": False}]
    assert (
        ok(office("PATCH", f"collections/{made['id']}", {"publications": hidden}))["publications"]
        != made["publications"]
    )
    whole = ok(office("PATCH", f"collections/{made['id']}", {"publications": [{"channel": "default-channel"}]}))
    assert whole["publications"] == made["publications"]
    ok(office("PATCH", f"collections/{made['id']}", {"publications": []}))
    with tenant_scope(stocked.id):
        assert not CollectionPublication.objects.exists()


@pytest.mark.parametrize(
    ("address", "part", "field"),
    [
        ("products", "publications", "channel"),
        ("collections", "publications", "channel"),
        ("product-types", "attributes", "attribute"),
    ],
)
def test_a_patch_sends_parts_whole(office, stocked, address, part, field):
    ok(office("POST", "collections", {"name": "C", "slug": "c"}))
    id_ = office.get(address)["items"][0]["id"]
    refused = office("PATCH", f"{address}/{id_}", {part: [{}]})
    assert (refused.status_code, refused.data["field"], refused.data["code"]) == (422, f"{part}.0.{field}", "REQUIRED")
    batch = office("POST", f"{address}/bulk", {"rows": [{"id": id_, part: [{}]}]})
    assert batch.data["results"][0]["problem"]["field"] == f"{part}.0.{field}"


def test_words_in_another_language(office, stocked, graphql):
    product = office.get("products", slug="p")["items"][0]["id"]
    body = {"object_kind": "Product", "object_id": product, "language": "pt-br", "name": "Camisa"}
    made = ok(office("POST", "translations", body))
    assert made["language"] == "pt-BR"
    again = office("POST", "translations/bulk", {"rows": [body | {"name": "Camiseta"}]})
    assert ok(again)["updated"] == 1
    assert [one["name"] for one in office.get("translations", object=product)["items"]] == ["Camiseta"]
    for change, field in (
        ({"language": "klingon"}, "language"),
        ({"object_kind": "Rocket"}, "object_kind"),
        ({"object_id": "01900000-0000-7000-8000-000000000000"}, "object_id"),
    ):
        refused = office("POST", "translations", body | {"language": "nl"} | change)
        assert (refused.status_code, refused.data["field"]) == (422, field)


def test_what_is_still_used_is_not_deleted(office, stocked):
    kind = office.get("product-types", slug="shirt")["items"][0]["id"]
    refused = office("DELETE", f"product-types/{kind}")
    assert (refused.status_code, refused.data["detail"]) == (422, "It is still used by products.")


@pytest.mark.parametrize("prefix", ["categories", "collections", "attributes", "warehouses", "product-types"])
def test_groups_and_types_are_written_in_batches(office, stocked, prefix):
    rows = [{"name": f"N {i}", "slug": f"n-{i}"} for i in range(3)]
    assert ok(office("POST", f"{prefix}/bulk", {"rows": rows}))["created"] == 3
    rows[1]["name"] = "Another"
    answer = ok(office("POST", f"{prefix}/bulk", {"rows": rows}))
    assert (answer["updated"], answer["unchanged"]) == (1, 2)


# --- Statements -------------------------------------------------------------------------------------------------

# Prefix → statements of a page.
PAGES = {
    "products": 5,
    "variants": 3,
    "prices": 2,
    "stocks": 1,
    "warehouses": 3,
    "product-types": 2,
    "attributes": 1,
    "attribute-values": 1,
    "categories": 1,
    "collections": 3,
    "collection-products": 1,
    "translations": 1,
    "media": 1,
    "menus": 1,
    "menu-items": 1,
    "page-types": 2,
    "pages": 2,
    "imports": 1,
    "exports": 1,
}


@pytest.fixture(scope="module")
def full(_database) -> tuple[Any, Office]:
    """Return a shop with rows of everything, several of what is listed."""
    shop = load_every_model(open_shop())
    with tenant_scope(shop.id):
        for number in range(4):
            product = make.make_product(f"P {number}", variants=2)
            make.make_media(product)
            make.make_collection(f"C {number}", products=[product])
            make.make_category(f"Category {number}")
            make.make_attribute(f"Attribute {number}", values=["A", "B"])
            make.make_warehouse(f"Warehouse {number}")
            make.make_product_type(f"Type {number}")
            make.make_translation(product, "nl", name="P")
            menu = Menu.objects.create(name="M", slug=f"m-{number}")
            MenuItem.objects.create(menu=menu, name="I", url="/")
            kind = PageType.objects.create(name="T", slug=f"t-{number}")
            Page.objects.create(page_type=kind, title="P", slug=f"p-{number}")
            for transfer in (Export, Import):
                fill(transfer, shop.token)
    return shop, Office(shop, make_key(shop))


def test_every_list_is_counted():
    listed = {prefix for prefix, viewset, _ in rest.registry if getattr(viewset, "model", None) is not None}
    assert listed == set(PAGES)


@pytest.mark.parametrize("prefix", PAGES)
def test_a_page_takes_as_many_statements_as_one_row(full, count_sql, prefix):
    _, office = full
    office.get("channels")
    found = []
    for limit in (1, 50):
        with count_sql() as statements:
            page = office.get(prefix, limit=limit)
        found.append(len(statements))
    assert len(page["items"]) > 1
    assert found == [PAGES[prefix]] * 2
    with count_sql() as statements:
        one = office.get(f"{prefix}/{page['items'][0]['id']}")
    assert one == page["items"][0]
    assert len(statements) == PAGES[prefix]
