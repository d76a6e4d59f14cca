"""A search in a shop of 20,000 products beside others: its plan uses the index, and reads what it ranks and shows."""

import json

import pytest
from django.db import connections

from catalog.search import query
from commerce.db.scope import tenant_scope
from tests.catalog.test_graphql_sql import explain, read_rows, recorded
from tests.factories import catalog as make
from tests.factories.tenants import open_shop

SIZE, OTHERS, OTHER_SIZE = 20_000, 3, 2_000
SEARCH = """query($search: String, $after: String) {
  products(first: 24, after: $after, channel: "default-channel", search: $search) {
    pageInfo { endCursor } edges { node { id name slug thumbnail(size: 256) { url }
      pricing { priceRange { start { gross { amount } } } } } } } }"""
# One product in forty has the word "lamp", all have the word "common"; levels are as chance gives them.
LOAD = """
WITH one AS (SELECT * FROM catalog_product WHERE slug = 'pattern'), made AS (
  INSERT INTO catalog_product (tenant_id, id, version, created_at, updated_at, metadata, private_metadata, name, slug,
    seo_title, seo_description, product_type_id)
  SELECT one.tenant_id, gen_random_uuid(), 1, now(), now(), '{}', '{}', 'Bulk ' || i, 'bulk-' || i, '', '',
    one.product_type_id FROM one, generate_series(1, %(size)s) i RETURNING id, tenant_id, slug
), listed AS (
  INSERT INTO catalog_listing (tenant_id, channel_id, product_id, valid_from, valid_to, is_published, is_visible,
    is_purchasable, in_stock, on_sale, currency, price_min, price_max, undiscounted_min, undiscounted_max, rank,
    newest_at)
  SELECT made.tenant_id, l.channel_id, made.id, l.valid_from, l.valid_to, true, true, true, true, false, l.currency,
    100, 100, 100, 100, 0, now() FROM made, catalog_listing l JOIN one ON one.id = l.product_id
)
INSERT INTO catalog_searchdocument (tenant_id, product_id, language, words, head, quality, sold_out_in)
SELECT made.tenant_id, made.id, 'en',
  array_to_tsvector(ARRAY[%(prefix)s || '.bulk', %(prefix)s || '.common'] || CASE WHEN n %% 40 = 0
    THEN ARRAY[%(prefix)s || '.lamp'] ELSE '{}' END || ARRAY(
      SELECT %(prefix)s || '~' || k FROM generate_series(1, 16) k WHERE (n * 2654435761) >> 8 & ((1 << k) - 1) = 0)),
  CASE WHEN n %% 40 = 0 THEN '''bulk'':1A ''common'':3C ''lamp'':2A' ELSE '''bulk'':1A ''common'':3C' END::tsvector,
  3, '{}'
FROM made, LATERAL (SELECT split_part(made.slug, '-', 2)::bigint) x(n)
"""


def load(size):
    shop = open_shop()
    with tenant_scope(shop.id), connections["default"].cursor() as cursor:
        make.make_product("Pattern", slug="pattern")
        cursor.execute(LOAD, {"size": size, "prefix": f"{shop.id}en"})
    return shop


@pytest.fixture(scope="module")
def large(django_db_blocker):
    for _ in range(OTHERS):
        load(OTHER_SIZE)
    shop = load(SIZE)
    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE catalog_searchdocument, catalog_listing, catalog_product, catalog_searchword")
    return shop


@pytest.mark.parametrize(
    ("search", "hits"), [("lamp", SIZE // 40), ("lamp common", SIZE // 40), ("common", query.MOST_RANKED)]
)
def test_a_search_ranks_the_hits_that_the_index_finds(graphql, large, search, hits):
    after = None
    for _ in range(2):
        answer, read = recorded(graphql, large, SEARCH, search=search, after=after)
        after = answer["data"]["products"]["pageInfo"]["endCursor"]
        assert len(answer["data"]["products"]["edges"]) == 24
        assert 3 <= len(read) <= 4, "the channels, stems not asked for before, how many hits there are, and the page"
        for sql, params in read:
            plan = explain(large, sql, params)
            used = json.dumps(plan)
            if "catalog_search" in sql:
                assert '"Index Name": "search_words"' in used
                assert "catalog_searchdocument_pkey" not in used
                assert "(tenant_id + 0)" in used, "beside many shops the keys of this one would be read, too"
            assert "Seq Scan" not in used
            # The rows ranked, and some for each one shown; no other tenant's and none without the word.
            assert read_rows(plan) < 1.35 * hits + 30 * 24, used


def test_the_view_is_what_makes_the_index_be_used(large):
    """The same on the table itself reads the whole shop: full-text search is not leakproof."""
    word = f"'{large.id}en.lamp'"
    view = explain(large, "SELECT count(*) FROM catalog_search WHERE words @@ %s::tsquery", [word])
    table = explain(large, "SELECT count(*) FROM catalog_searchdocument WHERE words @@ %s::tsquery", [word])
    assert read_rows(view) < 600
    assert read_rows(table) >= SIZE


def test_the_view_shows_nobody_elses_documents_and_takes_no_writes(large, other_tenant):
    with tenant_scope(other_tenant.id), connections["default"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM catalog_search")
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT has_table_privilege('catalog_search', 'INSERT, UPDATE, DELETE')")
        assert cursor.fetchone() == (False,)


def test_a_frequent_word_is_answered_from_a_sample_and_goes_on_beyond_it(graphql, large):
    with tenant_scope(large.id, read_only=True):
        search = query.make_search("common", "en")
    assert search.level
    with tenant_scope(large.id, read_only=True), connections["default"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM catalog_search WHERE words @@ %s::tsquery", [search.of_level])
        in_sample = cursor.fetchone()[0]
    seen, after = set(), None
    while len(seen) < in_sample + 200:
        answer = graphql(large, SEARCH.replace("first: 24", "first: 100"), search="common", after=after)
        page = answer["data"]["products"]
        seen |= {edge["node"]["id"] for edge in page["edges"]}
        assert len(page["edges"]) == 100
        after = page["pageInfo"]["endCursor"]
    assert len(seen) % 100 == 0, "no product comes twice"
