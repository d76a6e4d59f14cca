"""One resource, told by products: reading, making, changing, deleting."""

from contextlib import closing

import orjson
import pytest
from django.db import connections

from catalog.models import AttributeValue, Product, ProductPublication, ProductValue
from commerce.db.scope import tenant_scope
from tests.factories import catalog as make


@pytest.fixture
def shirt(tenant):
    """Return the type of products that a test makes: it has colours (one) and fabrics (several)."""
    with tenant_scope(tenant.id):
        colour = make.make_attribute("Colour", slug="colour", values=["Red", "Blue"])
        fabric = make.make_attribute("Fabric", slug="fabric", input_type="multiselect", values=["Wool"])
        return make.make_product_type("Shirt", slug="shirt", attributes=[colour, fabric])


def body(**fields):
    return {"name": "Shirt", "slug": "shirt-1", "product_type": "shirt", **fields}


def test_a_product_is_made_and_read(office, tenant, shirt):
    with tenant_scope(tenant.id):
        category = make.make_category("Clothes", slug="clothes")
    made = office(
        "POST",
        "products",
        body(
            category="clothes",
            external_reference="erp-1",
            description={"blocks": [{"type": "paragraph", "data": {"text": "Warm."}}]},
            metadata={"season": "winter"},
            publications=[{"channel": "default-channel", "published_at": "2026-01-01T00:00:00Z"}],
            attributes={"colour": ["Red"], "fabric": ["Wool", "Linen"]},
        ),
    )
    assert made.status_code == 201, made.data
    assert made["Location"] == f"/api/v1/products/{made.data['id']}"
    assert made["ETag"] == f'"{made.data["version"]}"'
    assert made.data["category"] == str(category.id)
    assert made.data["product_type"] == str(shirt.id)
    assert made.data["publications"] == [
        {
            "channel": "default-channel",
            "is_published": True,
            "published_at": "2026-01-01T00:00:00Z",
            "visible_in_listings": True,
            "is_available_for_purchase": True,
            "available_for_purchase_at": None,
        }
    ]
    assert made.data["attributes"] == {
        "colour": [{"slug": "red", "name": "Red"}],
        "fabric": [{"slug": "wool", "name": "Wool"}, {"slug": "linen", "name": "Linen"}],
    }
    read = office("GET", made["Location"])
    assert (read.status_code, read.data, read["ETag"]) == (200, made.data, made["ETag"])
    unchanged = office("GET", made["Location"], If_None_Match=made["ETag"])
    assert (unchanged.status_code, unchanged.content) == (304, b"")


def test_a_write_tells_its_event_and_its_listing(office, tenant, shirt, graphql):
    publications = [{"channel": "default-channel"}]
    made = office("POST", "products", body(publications=publications)).data
    office("POST", "variants", {"product": "shirt-1", "sku": "S-1"})
    office("POST", "prices", {"variant": "S-1", "channel": "default-channel", "price": "12.50"})
    query = (
        '{product(slug: "shirt-1", channel: "default-channel") {name pricing {priceRange {start {gross {amount}}}}}}'
    )
    price = {"priceRange": {"start": {"gross": {"amount": 12.5}}}}
    assert graphql(tenant, query)["data"]["product"] == {"name": "Shirt", "pricing": price}
    events = office.get("events", types="PRODUCT_CREATED")["events"]
    assert [(one["object"]["id"], one["object"]["version"]) for one in events] == [(made["id"], 1)]
    assert events[0]["actor"].startswith("app:")


def test_patch_changes_what_it_names_and_put_takes_the_rest_away(office, shirt):
    made = office("POST", "products", body(seo_title="Shirts", rating=4.5, attributes={"colour": ["Red"]})).data
    path = f"products/{made['id']}"
    patched = office("PATCH", path, {"name": "Wool shirt", "attributes": {"fabric": [{"slug": "wool"}]}}).data
    assert (patched["name"], patched["seo_title"], patched["rating"], patched["version"]) == (
        "Wool shirt",
        "Shirts",
        4.5,
        2,
    )
    assert {slug: [v["slug"] for v in values] for slug, values in patched["attributes"].items()} == {
        "colour": ["red"],
        "fabric": ["wool"],
    }
    put = office("PUT", path, body(rating=3)).data
    assert (put["name"], put["seo_title"], put["rating"], put["publications"]) == ("Shirt", "", 3.0, [])
    refused = office("PUT", path, {"name": "Shirt"})
    assert (refused.status_code, {error["field"] for error in refused.data["errors"]}) == (
        422,
        {"slug", "product_type"},
    )


def test_what_changes_nothing_raises_no_version_and_tells_no_event(office, shirt):
    made = office(
        "POST", "products", body(attributes={"colour": ["Red"]}, publications=[{"channel": "default-channel"}])
    )
    again = office(
        "PATCH", made["Location"], body(attributes={"colour": ["Red"]}, publications=made.data["publications"])
    )
    assert (again.status_code, again.data["version"]) == (200, 1)
    assert office.get("events", types="PRODUCT_UPDATED")["events"] == []


def test_a_change_that_overlooks_another_is_refused(office, shirt):
    made = office("POST", "products", body())
    path = made["Location"]
    assert office("PATCH", path, {"name": "One"}, If_Match=made["ETag"]).status_code == 200
    for method, content in (("PATCH", {"name": "Two"}), ("PUT", body(name="Two")), ("DELETE", None)):
        refused = office(method, path, content, If_Match=made["ETag"])
        assert (refused.status_code, refused.data["code"], refused["ETag"]) == (412, "PRECONDITION_FAILED", '"2"')
    assert office("GET", path).data["name"] == "One"
    assert office("DELETE", path, If_Match='"2"').status_code == 204
    assert office("GET", path).status_code == office("DELETE", path).status_code == 404


@pytest.mark.parametrize(
    ("change", "status", "field", "code"),
    [
        ({"name": None}, 422, "name", "REQUIRED"),
        ({"name": "x" * 501}, 422, "name", "MAX_LENGTH"),
        ({"slug": "no slug!"}, 422, "slug", "INVALID"),
        ({"colour": "red"}, 422, "colour", "UNKNOWN_FIELD"),
        ({"product_type": "hats"}, 422, "product_type", "NOT_FOUND"),
        ({"product_type": "01900000-0000-7000-8000-000000000000"}, 422, "product_type", "NOT_FOUND"),
        ({"product_type": 7}, 422, "product_type", "INVALID"),
        ({"attributes": {"size": ["L"]}}, 422, "attributes.size", "NOT_FOUND"),
        ({"attributes": {"colour": ["Red", "Blue"]}}, 422, "attributes.colour", "INVALID"),
        ({"attributes": {"colour": [{"slug": "green"}]}}, 422, "attributes.colour", "NOT_FOUND"),
        ({"attributes": {"colour": "Red"}}, 422, "attributes.colour", "INVALID"),
        ({"publications": [{"channel": "moon"}]}, 422, "publications.0.channel", "NOT_FOUND"),
        ({"publications": [{"channel": "default-channel"}] * 2}, 422, "publications.1.channel", "INVALID"),
        ({"description": "Warm."}, 422, "description", "INVALID"),
        ({"metadata": {"a": 1.5, "b": []}}, 422, "metadata.b", "INVALID"),
        ({"weight_grams": 2**31}, 422, "weight_grams", "MAX_VALUE"),
        ({"rating": "many"}, 422, "rating", "INVALID"),
        ({"slug": "taken"}, 409, "slug", "UNIQUE"),
        ({"external_reference": "taken"}, 409, "external_reference", "UNIQUE"),
    ],
)
def test_a_bad_body_is_refused_by_the_name_of_its_field(office, tenant, shirt, change, status, field, code):
    office("POST", "products", body(slug="taken", external_reference="taken"))
    refused = office("POST", "products", body() | change)
    assert (refused.status_code, refused.data["field"], refused.data["code"]) == (status, field, code), refused.data
    assert refused["Content-Type"] == "application/problem+json"
    assert refused.data["status"] == status
    assert refused.data["detail"]
    with tenant_scope(tenant.id):
        assert Product.objects.count() == 1


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"", "application/json", 422),
        (b'{"name": "a\\u0000b"}', "application/json", 400),
        (b'{"name": "\xff"}', "application/json", 400),
        (b"[" * 5000, "application/json", 400),
        (b'{"description": ' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}", "application/json", 422),
        (b"name=a", "application/x-www-form-urlencoded", 415),
        (b"[1]", "application/json", 422),
        (b'"text"', "application/json", 422),
        (b" " * (1024 * 1024 + 1), "application/json", 413),
    ],
)
def test_a_body_that_is_none_is_refused(office, shirt, content, kind, status):
    refused = office("POST", "products", content, Content_Type=kind)
    assert (refused.status_code, refused["Content-Type"]) == (status, "application/problem+json"), refused.content


def test_what_is_fixed_stays(office, tenant, shirt):
    with tenant_scope(tenant.id):
        make.make_product_type("Hat", slug="hat")
    made = office("POST", "products", body())
    refused = office("PATCH", made["Location"], {"product_type": "hat"})
    assert (refused.status_code, refused.data["code"], refused.data["field"]) == (422, "FIXED", "product_type")
    assert office("PATCH", made["Location"], {"product_type": "shirt"}).status_code == 200


def test_a_refused_body_leaves_no_value_behind(office, tenant, shirt):
    office("POST", "products", body(attributes={"colour": ["Green"]}, category="nowhere"))
    with tenant_scope(tenant.id):
        assert not AttributeValue.objects.filter(slug="green").exists()


def test_publications_are_all_that_there_are(office, tenant, shirt):
    made = office("POST", "products", body(publications=[{"channel": "default-channel"}]))
    office("PATCH", made["Location"], {"publications": []})
    with tenant_scope(tenant.id):
        assert not ProductPublication.objects.exists()
    assert office("GET", made["Location"]).data["publications"] == []


def test_values_that_are_taken_away_are_gone(office, tenant, shirt):
    made = office("POST", "products", body(attributes={"fabric": ["Wool", "Linen"]}))
    office("PATCH", made["Location"], {"attributes": {"fabric": ["Linen"]}})
    with tenant_scope(tenant.id):
        held = list(ProductValue.objects.values_list("value__slug", "position"))
    assert held == [("linen", 0)]


def test_lists_go_on_behind_the_cursor(office, tenant, shirt):
    with tenant_scope(tenant.id):
        ids = sorted(str(make.make_product(f"P {i}", product_type=shirt).id) for i in range(7))
    found, cursor, sizes = [], None, []
    while cursor is not None or not sizes:
        page = office.get("products", limit=3, **({"cursor": cursor} if cursor else {}))
        found += [item["id"] for item in page["items"]]
        sizes.append(len(page["items"]))
        cursor = page["next_cursor"]
    assert (found, sizes) == (ids, [3, 3, 1])


def test_changes_are_listed_in_their_order(office, tenant, shirt):
    with tenant_scope(tenant.id):
        first, second, third = (make.make_product(f"P {i}", product_type=shirt) for i in range(3))
    before = office("GET", f"products/{third.id}").data["updated_at"]
    for product in (second, first):
        office("PATCH", f"products/{product.id}", {"name": "Newer"})
    page = office.get("products", updated_after=before, limit=1)
    assert [item["id"] for item in page["items"]] == [str(second.id)]
    rest = office.get("products", updated_after=before, limit=1, cursor=page["next_cursor"])
    assert [item["id"] for item in rest["items"]] == [str(first.id)]


def test_lists_are_narrowed_down(office, tenant, shirt):
    with tenant_scope(tenant.id):
        hat = make.make_product_type("Hat", slug="hat")
        clothes = make.make_category("Clothes")
        one = make.make_product("One", slug="one", product_type=shirt, category=clothes, external_reference="e-1")
        two = make.make_product("Two", slug="two", product_type=hat)
        sku = two.variants.get().sku
    found = {
        text: [item["slug"] for item in office("GET", f"products?{text}").data["items"]]
        for text in (
            "slug=one,two",
            "slug=nothing",
            "external_reference=e-1",
            f"sku={sku}",
            f"product_type={hat.id}",
            f"category={clothes.id}",
            f"ids={two.id},{one.id}",
        )
    }
    assert list(found.values()) == [["one", "two"], [], ["one"], ["two"], ["two"], ["one"], ["one", "two"]]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=many", "limit"),
        ("cursor=nonsense", "cursor"),
        ("cursor=%00", "cursor"),
        ("ids=7", "ids"),
        ("ids=", "ids"),
        ("updated_after=yesterday", "updated_after"),
        ("colour=red", "colour"),
        ("slug=a&slug=b", "slug"),
        ("slug=a%00b", "slug"),
    ],
)
def test_a_bad_parameter_is_refused_by_its_name(office, query, field):
    refused = office("GET", f"products?{query}")
    assert (refused.status_code, refused.data["field"]) == (400, field)


def test_a_cursor_belongs_to_its_list(office, tenant, shirt):
    with tenant_scope(tenant.id):
        for i in range(3):
            make.make_product(f"P {i}", product_type=shirt)
    cursor = office.get("products", limit=1)["next_cursor"]
    refused = office("GET", f"products?limit=1&cursor={cursor}&product_type={shirt.id}")
    assert (refused.status_code, refused.data["code"]) == (400, "INVALID_CURSOR")


def test_what_was_written_is_in_the_next_answer(office, tenant, shirt):
    made = office("POST", "products", body())
    read = office("GET", made["Location"], Read_After=made["Read-After"])
    assert read.data == made.data


def test_an_address_that_there_is_not_is_told_as_a_problem(office, client_for, tenant):
    for path in ("products/none", "nothing", "products/", "schema"):
        refused = office("GET", path)
        assert (refused.status_code, refused["Content-Type"]) == (404, "application/problem+json"), path
    refused = office("PATCH", "products")
    assert (refused.status_code, refused["Allow"]) == (405, "GET, HEAD, POST")
    stranger = client_for(tenant)
    stranger.defaults["HTTP_HOST"] = "nobody.test"
    answer = stranger.get("/api/v1/products", headers={"host": "nobody.test"})
    assert (answer.status_code, orjson.loads(answer.content)["code"]) == (404, "TENANT_NOT_FOUND")


def test_the_document_and_its_page_need_no_key(client_for, tenant):
    client = client_for(tenant)
    found = client.get("/api/v1/schema/")
    assert found.json()["openapi"] == "3.1.0"
    page = client.get("/api/v1/docs/").content.decode()
    assert "//" not in page.replace("<!doctype", "").split("<body>")[0].replace("data:,", "")
    for line in page.splitlines():
        if "/static/" in line:
            address = line.split('"')[3] if "stylesheet" in line else line.split('"')[1]
            with closing(client.get(address)) as file:
                assert file.status_code == 200, address


def test_a_write_that_another_was_in_the_way_of_is_done_again(office, tenant, shirt, monkeypatch):
    """Of two transactions that wait for each other PostgreSQL ends one, and nothing of it has happened."""
    from catalog import operations

    save_many, met = operations.save_many, []

    def deadlocked(instances, **options):
        save_many(instances, **options)
        if not met:
            met.append(instances)
            with connections["default"].cursor() as cursor:
                cursor.execute("DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$")

    monkeypatch.setattr(operations, "save_many", deadlocked)
    made = office("POST", "products", body(), Idempotency_Key="k-1")
    assert (made.status_code, len(met)) == (201, 1)
    with tenant_scope(tenant.id):
        assert Product.objects.count() == 1
