"""How many statements the hot reads take, and that their plans stay with the intended indexes."""

import json
from uuid import uuid4

import pytest
from django.db import connections
from psycopg._queries import PostgresQuery
from psycopg.adapt import Transformer

from catalog.models import Attribute, ProductTypeAttribute
from catalog.queries.lists import FEW
from commerce.db.scope import tenant_scope
from tests.factories import catalog as make
from tests.factories.tenants import open_shop

CARDS = """query($first: Int) {
  products(first: $first, channel: "default-channel", sortBy: {field: NAME, direction: ASC}) {
  pageInfo { hasNextPage endCursor } edges { node {
    id name slug category { id name slug } thumbnail(size: 256) { url alt }
    pricing { onSale priceRange { start { gross { amount currency } } stop { gross { amount currency } } } } } } } }"""
COUNTED = CARDS.replace("pageInfo {", "totalCount pageInfo {", 1)
RICH_CARDS = """query($first: Int) {products(first: $first, channel: "default-channel") { edges { node {
  id description created isAvailable metadata { key } productType { slug } collections { name }
  category { name translation(languageCode: NL) { name } } translation(languageCode: NL) { name } media { url }
  attributes { attribute { slug translation(languageCode: NL) { name } } values { slug } }
  assignedAttributes { attribute { slug } }
  variants { sku name quantityAvailable media { url } product { name } pricing { price { gross { amount } } }
    attributes { attribute { slug } values { slug } } } defaultVariant { sku } } } } }"""
PAGE = """query($slug: String) {product(slug: $slug, channel: "default-channel") {
  id name slug description seoTitle seoDescription isAvailable category { id name slug }
  thumbnail(size: 1024) { url alt } media { url(size: 1024) alt type }
  attributes { attribute { id slug name } values { id slug name } }
  pricing { priceRange { start { gross { amount currency } } stop { gross { amount } } } }
  variants { id name sku quantityAvailable pricing { price { gross { amount currency } } }
    attributes(variantSelection: ALL) { attribute { slug } values { slug name } } } } }"""
TREE = """{categories(first: 5, level: 0) { edges { node { name children(first: 50) { edges { node { name
  products(first: 4, channel: "default-channel") { edges { node { name
    pricing { priceRange { start { gross { amount } } } } } }
} } } } } } } }"""


@pytest.fixture(scope="module")
def stocked():
    """Return a shop with 30 products, each with its own category, pictures, values and variants."""
    shop = open_shop()
    with tenant_scope(shop.id):
        colour = make.make_attribute("Colour", slug="colour", values=[f"Colour {i}" for i in range(30)])
        size = make.make_attribute("Size", slug="size", values=[f"Size {i}" for i in range(30)])
        weight = make.make_attribute("Weight", slug="weight", input_type=Attribute.InputType.NUMERIC)
        kind = make.make_product_type("Kind", attributes=[colour, weight])
        ProductTypeAttribute.objects.create(product_type=kind, attribute=size, on_variants=True)
        root = make.make_category("Root")
        colours, sizes = list(colour.values.order_by("position")), list(size.values.order_by("position"))
        for i in range(30):
            values = [colours[i], make.make_value(weight, i)]
            category = make.make_category(f"Category {i}", parent=root)
            product = make.make_product(
                f"P {i:02}", slug=f"p-{i}", category=category, product_type=kind, values=values, variants=0
            )
            for value in (sizes[i], sizes[(i + 1) % 30]):
                variant = make.make_variant(product, values=[value])
            make.make_media(product)
            make.make_media(product, variants=[variant])
            make.make_translation(product, "nl", name=f"P {i:02} NL")
            make.make_collection(f"Collection {i}", products=[product])
    return shop


def statements(count_sql, graphql, shop, query, **variables):
    graphql(shop, "{ __typename }")  # the process knows the host and the shop's versions from here on
    with count_sql() as found:
        answer = graphql(shop, query, **variables)
    assert "errors" not in answer, answer
    return answer["data"], found


@pytest.mark.parametrize(("query", "limit"), [(CARDS, 4), (COUNTED, 5), (RICH_CARDS, 16)])
def test_a_list_of_24_takes_as_many_statements_as_one_of_1(graphql, count_sql, stocked, query, limit):
    one, few = statements(count_sql, graphql, stocked, query, first=1)
    many, all_of_them = statements(count_sql, graphql, stocked, query, first=24)
    assert (len(one["products"]["edges"]), len(many["products"]["edges"])) == (1, 24)
    assert len(few) == len(all_of_them) == limit
    assert "least(" in few[-1]  # when the clock changes the answer, asked since it is kept


def test_a_kept_list_takes_no_statement(graphql, count_sql, stocked):
    first, _ = statements(count_sql, graphql, stocked, CARDS, first=7)
    second, found = statements(count_sql, graphql, stocked, CARDS, first=7)
    assert (second, found) == (first, [])


def test_a_filtered_list_takes_one_statement_more(graphql, count_sql, stocked):
    query = CARDS.replace('channel: "default-channel"', 'channel: "default-channel", filter: $filter')
    query = query.replace("$first: Int", "$first: Int, $filter: ProductFilterInput")
    wanted = {"attributes": [{"slug": "weight", "valuesRange": {"gte": 3, "lte": 20}}], "price": {"lte": 100}}
    data, found = statements(count_sql, graphql, stocked, query, first=24, filter=wanted)
    assert (len(data["products"]["edges"]), len(found)) == (18, 5)


def test_a_product_page_takes_8_statements(graphql, count_sql, stocked):
    data, found = statements(count_sql, graphql, stocked, PAGE, slug="p-3")
    assert len(data["product"]["variants"]) == 2
    assert len(found) == 8


def test_products_of_30_categories_take_as_many_statements_as_of_one(graphql, count_sql, stocked):
    data, found = statements(count_sql, graphql, stocked, TREE)
    children = data["categories"]["edges"][0]["node"]["children"]["edges"]
    assert [len(edge["node"]["products"]["edges"]) for edge in children] == [1] * 30
    assert len(found) == 6


# --- Plans: a large shop beside others ------------------------------------------------------------------

SIZE = 5000
LOAD = """
WITH one AS (SELECT * FROM catalog_product WHERE slug = 'p-3'), made AS (
  INSERT INTO catalog_product (tenant_id, id, version, created_at, updated_at, metadata, private_metadata, name, slug,
    seo_title, seo_description, product_type_id)
  SELECT one.tenant_id, gen_random_uuid(), 1, now(), now(), '{}', '{}', 'Bulk ' || i, 'bulk-' || i, '', '',
    one.product_type_id FROM one, generate_series(1, %(size)s) i RETURNING id, tenant_id, name
), listed AS (
  INSERT INTO catalog_listing (tenant_id, channel_id, product_id, valid_from, valid_to, is_published, is_visible,
    is_purchasable, in_stock, on_sale, currency, price_min, price_max, undiscounted_min, undiscounted_max, rank,
    newest_at)
  SELECT made.tenant_id, l.channel_id, made.id, l.valid_from, l.valid_to, true, true, true, true, false, l.currency,
    price, price, price, price, 0, now() - price * interval '1 minute'
  FROM made, catalog_listing l JOIN one ON one.id = l.product_id,
    LATERAL (SELECT 100 + length(made.name) + (random() * 9000)::int) x(price)
), grouped AS (
  INSERT INTO catalog_productgroup (tenant_id, group_id, product_id, position)
  SELECT made.tenant_id, g.group_id, made.id, 0 FROM made, catalog_productgroup g JOIN one ON one.id = g.product_id
), varied AS (
  INSERT INTO catalog_variant (tenant_id, id, version, created_at, updated_at, metadata, private_metadata, name, gtin,
    position, track_inventory, product_id)
  SELECT made.tenant_id, gen_random_uuid(), 1, now(), now(), '{}', '{}', 'V', '', 0, true, made.id FROM made
  RETURNING id, tenant_id, product_id
), priced AS (
  INSERT INTO catalog_variantprice (tenant_id, id, version, created_at, updated_at, currency, price, variant_id,
    channel_id)
  SELECT varied.tenant_id, gen_random_uuid(), 1, now(), now(), 'USD', 100, varied.id, l.channel_id
  FROM varied, catalog_listing l JOIN one ON one.id = l.product_id
), stocked AS (
  INSERT INTO catalog_stock (tenant_id, id, version, created_at, updated_at, on_hand, reserved, variant_id,
    warehouse_id)
  SELECT varied.tenant_id, gen_random_uuid(), 1, now(), now(), 1, 0, varied.id,
    (SELECT w.id FROM catalog_warehouse w LIMIT 1) FROM varied
), pictured AS (
  INSERT INTO catalog_media (tenant_id, id, version, created_at, updated_at, metadata, private_metadata, type, alt, url,
    file, position, external_reference, product_id)
  SELECT made.tenant_id, gen_random_uuid(), 1, now(), now(), '{}', '{}', 'IMAGE', '', 'https://x.example', '', 0, '',
    made.id FROM made
  RETURNING id, tenant_id, product_id
), shown AS (
  INSERT INTO catalog_variantmedia (tenant_id, variant_id, media_id)
  SELECT varied.tenant_id, varied.id, pictured.id FROM varied JOIN pictured USING (product_id)
), worded AS (
  INSERT INTO catalog_translation (tenant_id, id, version, created_at, updated_at, object_kind, object_id, language,
    name, seo_title, seo_description, plain_text)
  SELECT made.tenant_id, gen_random_uuid(), 1, now(), now(), 'Product', made.id, 'nl', made.name, '', '', '' FROM made
), collected AS (
  INSERT INTO catalog_collectionproduct (tenant_id, id, version, created_at, updated_at, position, collection_id,
    product_id)
  SELECT made.tenant_id, gen_random_uuid(), 1, now(), now(), 0, c.collection_id, made.id
  FROM made, catalog_collectionproduct c JOIN one ON one.id = c.product_id
), held AS (
  INSERT INTO catalog_productvalue (tenant_id, product_id, value_id, position)
  SELECT made.tenant_id, made.id, v.value_id, 0 FROM made, catalog_productvalue v JOIN one ON one.id = v.product_id
)
INSERT INTO catalog_listingname (tenant_id, channel_id, product_id, language, name_key)
SELECT made.tenant_id, n.channel_id, made.id, n.language, convert_to(made.name, 'UTF8')
FROM made, catalog_listingname n JOIN one ON one.id = n.product_id
"""


@pytest.fixture(scope="module")
def large(stocked, django_db_blocker):
    """Return the shop with some thousand products more."""
    with tenant_scope(stocked.id), connections["default"].cursor() as cursor:
        cursor.execute(LOAD, {"size": SIZE})
    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE")
    return stocked


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
@pytest.mark.parametrize(
    ("field", "index"),
    [
        ("NAME", "listing_name_order"),
        ("PRICE", "listing_price"),
        ("DATE", "listing_newest"),
        ("CREATED_AT", "catalog_listing_"),
        ("PUBLISHED", "_slug"),
    ],
)
@pytest.mark.parametrize("filter", [None, {"hasCategory": False}, {"stockAvailability": "IN_STOCK"}])
def test_pages_are_read_along_an_index(graphql, count_sql, large, field, direction, index, filter):
    query = """query($after: String, $sortBy: ProductOrder, $filter: ProductFilterInput) {
      products(first: 24, after: $after, channel: "default-channel", sortBy: $sortBy, filter: $filter) {
        pageInfo { endCursor } edges { node { name } } } }"""
    sort = {"field": field, "direction": direction}
    after = None
    for _ in range(2):
        answer, read = recorded(graphql, large, query, sortBy=sort, filter=filter, after=after)
        after = answer["data"]["products"]["pageInfo"]["endCursor"]
        assert len(answer["data"]["products"]["edges"]) == 24
        sql, params = next(found for found in reversed(read) if "LIMIT" in found[0])
        plan = explain(large, sql, params)
        assert index in json.dumps(plan)
        assert read_rows(plan) < 20 * 24, json.dumps(plan, indent=1)


@pytest.mark.parametrize("query", [CARDS, RICH_CARDS, PAGE, TREE])
def test_nothing_reads_more_of_a_large_shop_than_it_shows(graphql, large, query):
    variables = {"slug": "p-3"} if query is PAGE else {} if query is TREE else {"first": 24}
    # The sizes of categories are counted up to FEW.
    most = 30 * 24 + (FEW if query is TREE else 0)
    _, read = recorded(graphql, large, query, **variables)
    assert len(read) >= 2
    for sql, params in read:
        plan = explain(large, sql, params)
        assert read_rows(plan) < most, json.dumps(plan, indent=1)


def recorded(graphql, shop, query, **variables):
    """Return the answer to a query, and its statements with their parameters."""
    graphql(shop, "{ __typename }")
    read = []

    def record(execute, sql, params, many, context):
        if "least(" not in sql:
            read.append((sql, params))
        return execute(sql, params, many, context)

    with connections["default"].execute_wrapper(record), connections["replica"].execute_wrapper(record):
        answer = graphql(shop, query, **variables)
    assert "errors" not in answer
    return answer, read


def explain(shop, sql, params):
    """Return the plan that a prepared statement keeps, whatever its parameters, run with these."""
    with tenant_scope(shop.id, read_only=True, along_indexes=True), connections["default"].cursor() as cursor:
        numbered = PostgresQuery(Transformer.from_context(cursor.connection))
        numbered.convert(sql, params)
        given = f"({', '.join(['%s'] * len(params))})" if params else ""
        name = f"explained_{uuid4().hex}"
        cursor.execute(f"PREPARE {name} AS {numbered.query.decode()}")
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) EXECUTE {name} {given}", params or None)
        plan = cursor.fetchone()[0]
        cursor.execute(f"DEALLOCATE {name}")
        return plan


def read_rows(plan):
    """Return how many rows the scans of a plan read in all their loops."""

    def scanned(node):
        own = 0
        if "Scan" in node["Node Type"] and "Relation Name" in node:
            own = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        return own + sum(scanned(child) for child in node.get("Plans", ()))

    return scanned(plan[0]["Plan"])
