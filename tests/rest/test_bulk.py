"""Up to 1,000 rows at once: what becomes of each, and in how many statements."""

from typing import Any

import pytest

from catalog.models import AttributeValue, Product, ProductValue, Stock, Variant, VariantPrice
from commerce.db.scope import tenant_scope
from commerce.outbox.models import Event
from tests.factories import catalog as make


@pytest.fixture
def shirt(tenant):
    with tenant_scope(tenant.id):
        colour = make.make_attribute("Colour", slug="colour", values=["Red", "Blue"])
        make.make_warehouse("Main", slug="main")
        return make.make_product_type("Shirt", slug="shirt", attributes=[colour])


def rows_of(count: int, **fields):
    return [
        {
            "external_reference": f"erp-{i}",
            "name": f"Shirt {i}",
            "slug": f"shirt-{i}",
            "product_type": "shirt",
            "attributes": {"colour": ["Red" if i % 2 else "Green"]},
            "publications": [{"channel": "default-channel"}],
            **fields,
        }
        for i in range(count)
    ]


def counts(answer):
    return tuple(answer.data[name] for name in ("created", "updated", "unchanged", "refused"))


def test_rows_are_made_changed_and_left_as_they_are(office, tenant, shirt):
    first = office("POST", "products/bulk", {"rows": rows_of(5)})
    assert (first.status_code, counts(first)) == (200, (5, 0, 0, 0))
    assert [row["status"] for row in first.data["results"]] == [201] * 5
    changed = rows_of(5)
    changed[1]["name"] = "Another"
    changed[2] = {"id": first.data["results"][2]["id"], "attributes": {"colour": [{"slug": "blue"}]}}
    second = office("POST", "products/bulk", {"rows": changed})
    assert (second.status_code, counts(second)) == (200, (0, 2, 3, 0))
    assert [row["version"] for row in second.data["results"]] == [1, 2, 2, 1, 1]
    assert [row["id"] for row in second.data["results"]] == [row["id"] for row in first.data["results"]]
    with tenant_scope(tenant.id):
        held = dict(ProductValue.objects.values_list("product__slug", "value__slug"))
        assert held == {"shirt-0": "green", "shirt-1": "red", "shirt-2": "blue", "shirt-3": "red", "shirt-4": "green"}
        assert Product.objects.get(slug="shirt-1").name == "Another"
        told = list(Event.objects.filter(object_kind="Product").values_list("type", flat=True))
    assert sorted(told) == ["catalog.product.created"] * 5 + ["catalog.product.updated"] * 2


def test_other_metadata_is_an_event_of_its_own(office, tenant, shirt):
    rows = rows_of(2, metadata={"season": "winter"})
    office("POST", "products/bulk", {"rows": rows})
    rows[1]["metadata"] = {"season": "summer"}
    made = office("POST", "products/bulk", {"rows": rows}).data["results"]
    with tenant_scope(tenant.id):
        told = Event.objects.filter(type="catalog.product.metadata_updated").values_list("object_id", flat=True)
        assert [str(id_) for id_ in told] == [made[1]["id"]]


def test_what_shops_show_follows_a_batch(office, tenant, shirt, graphql):
    """Answers that were kept are outdated by what a batch writes."""
    rows = rows_of(60)
    office("POST", "products/bulk", {"rows": rows})
    variants = [{"product": f"shirt-{i}", "sku": f"S-{i}"} for i in range(60)]
    prices = [{"variant": f"S-{i}", "channel": "default-channel", "price": "1.00"} for i in range(60)]
    stocks = [{"variant": f"S-{i}", "warehouse": "main", "on_hand": 0} for i in range(60)]
    for path, given in (("variants", variants), ("prices", prices), ("stocks", stocks)):
        office("POST", f"{path}/bulk", {"rows": given})
    query = """{products(first: 60, channel: "default-channel", sortBy: {field: PRICE, direction: ASC}) {
      edges {node {name isAvailable pricing {priceRange {start {gross {amount}}}}}}}}"""

    def shown():
        nodes = [edge["node"] for edge in graphql(tenant, query)["data"]["products"]["edges"]]
        return {(n["name"], n["isAvailable"], n["pricing"]["priceRange"]["start"]["gross"]["amount"]) for n in nodes}

    assert shown() == shown() == {(f"Shirt {i}", False, 1.0) for i in range(60)}
    changes: Any = (
        ("products", rows, "name", "New"),
        ("prices", prices, "price", "2.00"),
        ("stocks", stocks, "on_hand", 1),
    )
    for path, given, name, value in changes:
        for row in given:
            row[name] = value
        office("POST", f"{path}/bulk", {"rows": given})
    assert shown() == {("New", True, 2.0)}


def test_bad_rows_are_told_and_the_others_written(office, tenant, shirt):
    office("POST", "products", rows_of(1)[0] | {"external_reference": "other", "slug": "taken"})
    rows = rows_of(8)
    rows[1]["name"] = ""
    rows[2]["slug"] = "taken"
    rows[3]["slug"] = rows[0]["slug"]
    rows[4] = {"id": "01900000-0000-7000-8000-000000000000", "name": "Nobody"}
    rows[5]["attributes"] = {"size": ["L"]}
    rows[6] = rows[0]
    answer = office("POST", "products/bulk", {"rows": rows})
    assert (answer.status_code, counts(answer)) == (207, (2, 0, 0, 6))
    told = {
        row["row"]: (row["status"], row["problem"]["field"], row["problem"]["code"])
        for row in answer.data["results"]
        if "problem" in row
    }
    assert told == {
        1: (422, "name", "REQUIRED"),
        2: (409, "slug", "UNIQUE"),
        3: (409, "slug", "UNIQUE"),
        4: (404, "id", "NOT_FOUND"),
        5: (422, "attributes.size", "NOT_FOUND"),
        6: (409, "slug", "UNIQUE"),
    }
    with tenant_scope(tenant.id):
        assert sorted(Product.objects.values_list("slug", flat=True)) == ["shirt-0", "shirt-7", "taken"]
        assert not AttributeValue.objects.filter(slug="l").exists()


def test_an_atomic_batch_is_written_as_a_whole_or_not_at_all(office, tenant, shirt):
    rows = rows_of(4)
    rows[2]["name"] = None
    refused = office("POST", "products/bulk?atomic=true", {"rows": rows})
    assert (refused.status_code, refused.data["field"], refused.data["code"]) == (422, "rows.2.name", "REQUIRED")
    with tenant_scope(tenant.id):
        assert not Product.objects.exists()
        assert not Event.objects.filter(object_kind="Product").exists()
    rows[2]["name"] = "Shirt 2"
    assert counts(office("POST", "products/bulk?atomic=true", {"rows": rows})) == (4, 0, 0, 0)


def test_a_row_that_the_database_refuses_takes_no_other_along(office, tenant, shirt, monkeypatch):
    """Another request may take a name between the look and the writing."""
    from commerce.rest import changes

    monkeypatch.setattr(changes, "refuse_taken", lambda *args: None)
    office("POST", "products", rows_of(1)[0] | {"external_reference": "other", "slug": "shirt-5"})
    answer = office("POST", "products/bulk", {"rows": rows_of(9)})
    assert (answer.status_code, counts(answer)) == (207, (8, 0, 0, 1))
    (refused,) = [row for row in answer.data["results"] if "problem" in row]
    assert (refused["row"], refused["status"], refused["problem"]["field"]) == (5, 409, "slug")


def test_a_row_may_say_which_version_it_is_of(office, shirt):
    office("POST", "products/bulk", {"rows": rows_of(2)})
    rows = [{"external_reference": f"erp-{i}", "name": "New", "version": 1 + i} for i in range(2)]
    answer = office("POST", "products/bulk", {"rows": rows})
    assert [row["status"] for row in answer.data["results"]] == [200, 412]


@pytest.mark.parametrize(
    ("body", "field"),
    [({}, "rows"), ([], "rows"), ({"rows": []}, "rows"), ({"rows": [{}] * 1001}, "rows"), ({"rows": 1}, "rows")],
)
def test_a_batch_that_is_none_is_refused(office, body, field):
    refused = office("POST", "products/bulk", body)
    assert (refused.status_code, refused.data["field"]) == (422, field)


def test_rows_that_are_none_are_told(office, shirt):
    answer = office("POST", "products/bulk", {"rows": [1, None, "x", [], {}]})
    assert (answer.status_code, counts(answer)) == (207, (0, 0, 0, 5))


def statements(count_sql, office, path, rows):
    with count_sql("default") as found:
        answer = office("POST", path, {"rows": rows})
    assert answer.status_code == 200, answer.data
    return len(found)


def test_a_batch_of_many_takes_as_many_statements_as_one_of_few(office, tenant, shirt, count_sql):
    """Of new rows, and of rows that change."""
    few, many = rows_of(260)[:60], rows_of(260)[60:]
    statements(count_sql, office, "products/bulk", rows_of(1, slug="first", external_reference="first"))
    made = [statements(count_sql, office, "products/bulk", rows) for rows in (few, many)]
    for row in few + many:
        row["name"] += "!"
    changed = [statements(count_sql, office, "products/bulk", rows) for rows in (few, many)]
    assert (made[0], changed[0]) == (made[1], changed[1])
    assert max(made[0], changed[0]) <= 30


def test_prices_stock_and_variants_are_written_by_their_names(office, tenant, shirt, count_sql):
    office("POST", "products/bulk", {"rows": rows_of(3)})
    variants = [{"product": f"shirt-{i}", "sku": f"S-{i}"} for i in range(3)]
    prices = [{"variant": f"S-{i}", "channel": "default-channel", "price": f"{i + 1}.50"} for i in range(3)]
    stocks = [{"variant": f"S-{i}", "warehouse": "main", "on_hand": i} for i in range(3)]
    for path, rows in (("variants", variants), ("prices", prices), ("stocks", stocks)):
        assert counts(office("POST", f"{path}/bulk", {"rows": rows})) == (3, 0, 0, 0)
        assert counts(office("POST", f"{path}/bulk", {"rows": rows})) == (0, 0, 3, 0), path
    prices[1]["price"], stocks[2]["on_hand"], variants[0]["name"] = "9.99", 7, "Small"
    for path, rows in (("variants", variants), ("prices", prices), ("stocks", stocks)):
        assert counts(office("POST", f"{path}/bulk", {"rows": rows})) == (0, 1, 2, 0), path
    with tenant_scope(tenant.id):
        assert sorted(VariantPrice.objects.values_list("price", flat=True)) == [150, 350, 999]
        assert sorted(Stock.objects.values_list("on_hand", flat=True)) == [0, 1, 7]
        assert Variant.objects.get(sku="S-0").name == "Small"
        told = Event.objects.filter(type__startswith="catalog.").exclude(object_kind="Product")
        kinds = list(told.values_list("type", flat=True))
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "catalog.variant.created": 3,
        "catalog.variant.updated": 1,
        "catalog.price.changed": 4,
        "catalog.stock.created": 3,
        "catalog.stock.changed": 1,
        "catalog.stock.came_back": 2,
    }


def test_fewer_pieces_than_are_reserved_are_refused(office, tenant, shirt):
    with tenant_scope(tenant.id):
        product = make.make_product("P", product_type=shirt, stock=5)
        Stock.objects.update(reserved=3)
        sku = product.variants.get().sku
    warehouse = office.get("warehouses")["items"][0]["slug"]
    rows = [{"variant": sku, "warehouse": warehouse, "on_hand": 2}]
    answer = office("POST", "stocks/bulk", {"rows": rows})
    assert answer.data["results"][0]["problem"]["code"] == "INSUFFICIENT_STOCK"
    rows[0]["on_hand"] = 3
    assert counts(office("POST", "stocks/bulk", {"rows": rows})) == (0, 1, 0, 0)
