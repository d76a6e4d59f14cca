"""Pages at `/graphql/` and their operations."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from catalog import operations
from catalog.models import Attribute, AttributeValue, Page, PageTypeAttribute, PageValue, ProductTypeAttribute
from catalog.values import editorjs
from commerce.db.scope import tenant_scope
from commerce.errors import DomainError
from commerce.graphql.ids import to_global_id
from tests.factories import catalog as make
from tests.factories.tenants import make_app, make_channel, open_shop

InputType = Attribute.InputType


@pytest.fixture(scope="module")
def shop():
    """Return a shop with pages of two types, of which one refers to everything, and hidden pages."""
    shop = open_shop(languages=("en", "nl"))
    with tenant_scope(shop.id):
        attributes = {
            "topic": make.make_attribute("Topic", slug="topic", kind="page-type", values=["News", "Help"]),
            "score": make.make_attribute("Score", slug="score", kind="page-type", input_type=InputType.NUMERIC),
            "day": make.make_attribute("Day", slug="day", kind="page-type", input_type=InputType.DATE),
            "top": make.make_attribute("Top", slug="top", kind="page-type", input_type=InputType.BOOLEAN),
            "inner": make.make_attribute("Inner", slug="inner", kind="page-type", visible_in_storefront=False),
            **{
                kind.lower(): make.make_attribute(
                    kind, slug=kind.lower(), kind="page-type", input_type=InputType.REFERENCE, entity_type=kind
                )
                for kind in ("Product", "ProductVariant", "Category", "Collection", "Page")
            },
        }
        article = make.make_page_type("Article", slug="article", attributes=list(attributes.values()))
        plain = make.make_page_type("Plain", slug="plain")
        product = make.make_product("Shirt", slug="shirt", variants=0)
        make.make_variant(product, sku="SHIRT")
        about = make.make_page(
            "About us", slug="about", page_type=article, content=editorjs("Hello."), seo_title="About",
            metadata={"colour": "blue"}, published_at=datetime(2026, 1, 31, 12, tzinfo=UTC),
        )  # fmt: skip
        make.make_page("Terms", slug="terms", page_type=plain, metadata={"colour": "red"})
        make.make_page("Draft", slug="draft", page_type=plain, is_published=False)
        make.make_page("Tomorrow", slug="tomorrow", page_type=plain, published_at=timezone.now() + timedelta(days=1))
        make.make_translation(about, "nl", name="Over ons", slug="over-ons", description=editorjs("Hallo."))
        operations.assign_page_values(
            page=about,
            values={
                "topic": ["News"], "score": [7.5], "day": ["2026-01-31"], "top": [True], "inner": ["secret"],
                "product": [product, make.make_product("Draft", slug="p-draft", published=False)],
                "productvariant": [product.variants.get()],
                "category": [make.make_category("Clothes", slug="clothes")],
                "collection": [make.make_collection("Summer", slug="summer")],
                "page": [Page.objects.get(slug="terms"), Page.objects.get(slug="draft")],
            },
            now=timezone.now(),
        )  # fmt: skip
    return shop


def test_a_page_has_everything(graphql, shop):
    page = graphql(
        shop,
        """{page(slug: "about") { id title slug content contentJson seoTitle seoDescription isPublished publishedAt
          publicationDate pageType { name slug attributes { slug } } metadata { key value } metafield(key: "colour")
          translation(languageCode: NL) { title slug content seoTitle language { code } }
          en: translation(languageCode: EN) { title } } }""",
    )["data"]["page"]
    page.pop("id")
    content = '{"blocks":[{"data":{"text":"%s"},"type":"paragraph"}],"version":"2.24.3"}'
    slugs = [each["slug"] for each in page["pageType"].pop("attributes")]
    assert slugs == ["topic", "score", "day", "top", "product", "productvariant", "category", "collection", "page"]
    assert page == {
        "title": "About us",
        "slug": "about",
        "content": content % "Hello.",
        "contentJson": content % "Hello.",
        "seoTitle": "About",
        "seoDescription": None,
        "isPublished": True,
        "publishedAt": "2026-01-31T12:00:00+00:00",
        "publicationDate": "2026-01-31",
        "pageType": {"name": "Article", "slug": "article"},
        "metadata": [{"key": "colour", "value": "blue"}],
        "metafield": "blue",
        "translation": {
            "title": "Over ons",
            "slug": "over-ons",
            "content": content % "Hallo.",
            "seoTitle": None,
            "language": {"code": "NL"},
        },
        "en": None,
    }


def test_attributes_in_both_forms(graphql, shop):
    page = graphql(
        shop,
        """{page(slug: "about") {
          attributes { attribute { slug entityType } values { name slug reference boolean date } }
          attribute(slug: "topic") { values { slug } }
          one: assignedAttribute(slug: "score") { ... on AssignedNumericAttribute { value } }
          hidden: assignedAttribute(slug: "inner") { attribute { slug } }
          assignedAttributes(limit: 50) { __typename attribute { slug }
            ... on AssignedSingleChoiceAttribute { value { slug } }
            ... on AssignedMultiProductReferenceAttribute { products: value { slug pricing { onSale } } }
            ... on AssignedMultiProductVariantReferenceAttribute { variants: value { product { slug } } }
            ... on AssignedMultiCategoryReferenceAttribute { categories: value { slug } }
            ... on AssignedMultiCollectionReferenceAttribute { collections: value { slug } }
            ... on AssignedMultiPageReferenceAttribute { pages: value { slug } }
            ... on AssignedBooleanAttribute { flag: value }
            ... on AssignedDateAttribute { day: value } } } }""",
    )["data"]["page"]
    assert page["attribute"] == {"values": [{"slug": "news"}]}
    assert page["one"] == {"value": 7.5}
    assert page["hidden"] is None
    new = {held["attribute"]["slug"]: held for held in page["assignedAttributes"]}
    assert new["topic"]["value"] == {"slug": "news"}
    assert new["product"]["products"] == [{"slug": "shirt", "pricing": {"onSale": False}}], "what shoppers see"
    assert new["productvariant"]["variants"] == [{"product": {"slug": "shirt"}}]
    assert new["category"]["categories"] == [{"slug": "clothes"}]
    assert new["collection"]["collections"] == [{"slug": "summer"}]
    assert new["page"]["pages"] == [{"slug": "terms"}]
    assert (new["top"]["flag"], new["day"]["day"]) == (True, "2026-01-31")
    old = {held["attribute"]["slug"]: held for held in page["attributes"]}
    assert old.keys() == new.keys()
    assert old["page"]["attribute"]["entityType"] == "PAGE"
    assert [value["name"] for value in old["page"]["values"]] == ["Terms", "Draft"]


def test_products_refer_to_pages(graphql, tenant):
    with tenant_scope(tenant.id):
        guide = make.make_attribute("Guide", slug="guide", input_type=InputType.SINGLE_REFERENCE, entity_type="Page")
        product = make.make_product("Shirt", slug="s", product_type=make.make_product_type(attributes=[guide]))
        page = make.make_page("Sizes", slug="sizes")
        operations.assign_product_values(product=product, values={"guide": [page]}, now=timezone.now())
    answer = graphql(
        tenant,
        """{product(slug: "s") { assignedAttributes { ... on AssignedSinglePageReferenceAttribute {
          value { title slug } } } } }""",
    )
    assert answer["data"]["product"]["assignedAttributes"] == [{"value": {"title": "Sizes", "slug": "sizes"}}]


def test_a_page_by_slug_in_a_language(graphql, shop):
    query = """query($slug: String, $language: LanguageCodeEnum) {
      page(slug: $slug, slugLanguageCode: $language) { slug } }"""
    about, terms = {"page": {"slug": "about"}}, {"page": {"slug": "terms"}}
    assert graphql(shop, query, slug="over-ons", language="NL")["data"] == about
    assert graphql(shop, query, slug="about", language="NL")["data"] == {"page": None}, "it has a slug there"
    assert graphql(shop, query, slug="terms", language="NL")["data"] == terms
    assert graphql(shop, query, slug="over-ons")["data"] == about, "without a language, a slug of any"


def test_hidden_pages_are_for_who_manages_pages(client_for, graphql, shop):
    query = '{ draft: page(slug: "draft") { title isPublished } pages(first: 10) { edges { node { slug } } } }'
    shopper = graphql(shop, query)["data"]
    assert shopper["draft"] is None
    assert [edge["node"]["slug"] for edge in shopper["pages"]["edges"]] == ["about", "terms"]
    for permission, sees in (("MANAGE_PAGES", True), ("MANAGE_PRODUCTS", False)):
        with tenant_scope(shop.id):
            client = client_for(shop, authorization=f"Bearer {make_app(permission).text}")
        answer = client.post("/graphql/", {"query": query}, "application/json").json()["data"]
        slugs = [edge["node"]["slug"] for edge in answer["pages"]["edges"]]
        assert slugs == (["about", "draft", "terms", "tomorrow"] if sees else ["about", "terms"])
        assert (answer["draft"] is not None) == sees


def test_a_page_is_shown_from_its_instant_on(graphql, tenant):
    with tenant_scope(tenant.id):
        page = make.make_page("News", slug="news", published_at=timezone.now() + timedelta(days=1))
    assert graphql(tenant, '{page(slug: "news"){title}}')["data"] == {"page": None}
    with tenant_scope(tenant.id):
        page.published_at = timezone.now() - timedelta(seconds=1)
        operations.save(page, now=timezone.now())
    assert graphql(tenant, '{page(slug: "news"){title}}')["data"] == {"page": {"title": "News"}}


def test_pages_need_no_channel_where_the_choice_is_not_clear(graphql, tenant):
    with tenant_scope(tenant.id):
        make_channel(slug="second")
        product = make.make_product("Shirt", slug="shirt")
        link = make.make_attribute("Link", slug="link", kind="page-type", input_type=InputType.REFERENCE)
        page = make.make_page("P", slug="p", page_type=make.make_page_type(attributes=[link]))
        operations.assign_page_values(page=page, values={"link": [product]}, now=timezone.now())
    query = """query($channel: String) { page(slug: "p", channel: $channel) { title assignedAttributes {
      ... on AssignedMultiProductReferenceAttribute { value { slug } } } } }"""
    assert graphql(tenant, query)["data"]["page"] == {"title": "P", "assignedAttributes": [{"value": []}]}
    found = graphql(tenant, query, channel="default-channel")["data"]["page"]
    assert found["assignedAttributes"] == [{"value": [{"slug": "shirt"}]}]
    assert graphql(tenant, query, channel="nowhere")["data"] == {"page": None}


def referring(slug, **reference):
    return {"attributes": [{"slug": slug, "value": {"reference": reference}}]}


WHERES = [
    ({}, "about terms"),
    ({"slug": {"eq": "about"}}, "about"),
    ({"slug": {"oneOf": ["about", "draft"]}}, "about"),
    ({"slug": {"oneOf": []}}, ""),
    ({"metadata": {"key": "colour"}}, "about terms"),
    ({"metadata": {"key": "colour", "value": {"eq": "red"}}}, "terms"),
    ({"metadata": {"key": "colour", "value": {"oneOf": ["red", "blue"]}}}, "about terms"),
    ({"metadata": {"key": "size"}}, ""),
    ({"pageType": {"eq": "article"}}, "about"),
    ({"pageType": {"oneOf": ["article", "plain"]}}, "about terms"),
    ({"ids": ["terms"]}, "terms"),
    ({"attributes": [{"slug": "topic"}]}, "about"),
    ({"attributes": [{"slug": "topic", "value": {"slug": {"eq": "news"}}}]}, "about"),
    ({"attributes": [{"slug": "topic", "value": {"slug": {"eq": "help"}}}]}, ""),
    ({"attributes": [{"slug": "topic", "value": {"name": {"oneOf": ["News"]}}}]}, "about"),
    ({"attributes": [{"slug": "score", "value": {"numeric": {"range": {"gte": 7}}}}]}, "about"),
    ({"attributes": [{"slug": "score", "value": {"numeric": {"eq": 7}}}]}, ""),
    ({"attributes": [{"slug": "day", "value": {"date": {"lte": "2026-02-01"}}}]}, "about"),
    ({"attributes": [{"slug": "top", "value": {"boolean": False}}]}, ""),
    ({"attributes": [{"slug": "top", "value": {"boolean": True}}, {"slug": "topic"}]}, "about"),
    (referring("product", productSlugs={"containsAny": ["shirt", "x"]}), "about"),
    (referring("product", productSlugs={"containsAll": ["shirt", "x"]}), ""),
    (referring("product", productSlugs={"containsAll": ["shirt", "p-draft"]}), "about"),
    (referring("productvariant", productVariantSkus={"containsAny": ["SHIRT"]}), "about"),
    (referring("page", pageSlugs={"containsAny": ["terms"]}), "about"),
    (referring("category", categorySlugs={"containsAny": ["clothes"]}), "about"),
    (referring("collection", collectionSlugs={"containsAny": ["summer"]}), "about"),
    (referring("page", referencedIds={"containsAll": ["terms"]}), "about"),
    ({"AND": [{"slug": {"eq": "about"}}, {"pageType": {"eq": "plain"}}]}, ""),
    ({"OR": [{"slug": {"eq": "about"}}, {"pageType": {"eq": "plain"}}]}, "about terms"),
    ({"OR": [{"AND": [{"slug": {"eq": "about"}}, {"metadata": {"key": "colour"}}]}, {"slug": {"eq": "x"}}]}, "about"),
    ({"OR": []}, ""),
    ({"AND": []}, "about terms"),
]  # fmt: skip


def _filled(shop, wanted):
    """Return an input with global ids in place of slugs."""
    with tenant_scope(shop.id):
        types = {page.page_type.slug: to_global_id("PageType", page.page_type_id) for page in Page.objects.all()}
        pages = {page.slug: to_global_id("Page", page.id) for page in Page.objects.all()}

    def fill(value, key=""):
        if isinstance(value, dict):
            return {
                name: fill(below, name if name != "eq" and name != "oneOf" else key) for name, below in value.items()
            }
        if isinstance(value, list):
            return [fill(below, key) for below in value]
        if key == "pageType":
            return types[value]
        return pages[value] if key == "ids" or (key == "containsAll" and value == "terms") else value

    return fill(wanted)


LIST = """query($where: PageWhereInput, $filter: PageFilterInput, $search: String, $sortBy: PageSortingInput,
  $first: Int, $last: Int, $after: String, $before: String) {
  pages(where: $where, filter: $filter, search: $search, sortBy: $sortBy, first: $first, last: $last, after: $after,
    before: $before) {
    totalCount pageInfo { startCursor endCursor hasNextPage hasPreviousPage } edges { node { slug } } } }"""


def listed(answer):
    return [edge["node"]["slug"] for edge in answer["data"]["pages"]["edges"]]


@pytest.mark.parametrize(("wanted", "found"), WHERES, ids=str)
def test_where(graphql, shop, wanted, found):
    answer = graphql(shop, LIST, where=_filled(shop, wanted), first=10)
    assert "errors" not in answer
    assert listed(answer) == found.split()
    assert answer["data"]["pages"]["totalCount"] == len(found.split())


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"search": "BOUT"}, "about"),
        ({"search": "%"}, ""),
        ({"slugs": ["terms", "draft"]}, "terms"),
        ({"slugs": []}, "about terms"),
        ({"metadata": [{"key": "colour", "value": "red"}]}, "terms"),
        ({"pageTypes": ["article"]}, "about"),
        ({"ids": ["about"]}, "about"),
    ],
    ids=str,
)
def test_filter(graphql, shop, wanted, found):
    filled = _filled(shop, wanted)
    if "pageTypes" in wanted:
        filled = {"pageTypes": _filled(shop, {"pageType": wanted["pageTypes"]})["pageType"]}
    assert listed(graphql(shop, LIST, filter=filled, first=10)) == found.split()


@pytest.mark.parametrize("field", ["TITLE", "SLUG", "VISIBILITY", "PUBLICATION_DATE", "PUBLISHED_AT", "CREATED_AT"])
def test_sorted_pages_go_both_ways(graphql, shop, field):
    orders = {}
    for direction in ("ASC", "DESC"):
        sort = {"field": field, "direction": direction}
        first = graphql(shop, LIST, sortBy=sort, first=1)
        info = first["data"]["pages"]["pageInfo"]
        assert (info["hasNextPage"], info["hasPreviousPage"]) == (True, False)
        second = graphql(shop, LIST, sortBy=sort, first=1, after=info["endCursor"])
        start = second["data"]["pages"]["pageInfo"]["startCursor"]
        assert listed(graphql(shop, LIST, sortBy=sort, last=1, before=start)) == listed(first)
        orders[direction] = listed(first) + listed(second)
    assert orders["ASC"] == orders["DESC"][::-1]
    assert sorted(orders["ASC"]) == ["about", "terms"]


def test_where_has_limits(graphql, shop):
    deep: dict[str, Any] = {"slug": {"eq": "about"}}
    for _ in range(7):
        deep = {"AND": [deep]}
    assert listed(graphql(shop, LIST, where=deep, first=1)) == ["about"]
    (error,) = graphql(shop, LIST, where={"OR": [deep]}, first=1)["errors"]
    assert error["message"] == "AND and OR of `where` are nested deeper than the limit of 8."
    wide = {"OR": [{"slug": {"eq": str(number)}} for number in range(100)]}
    (error,) = graphql(shop, LIST, where=wide, first=1)["errors"]
    assert error["message"] == "A list can be narrowed by 100 conditions at most."


def test_types_are_listed(graphql, shop):
    answer = graphql(
        shop,
        """{ pageTypes(first: 10, sortBy: {field: SLUG, direction: DESC}) { totalCount edges { node { slug } } }
        productTypes(first: 10, search: "shir") { edges { node { name } } } }""",
    )["data"]
    assert [edge["node"]["slug"] for edge in answer["pageTypes"]["edges"]] == ["plain", "article"]
    assert [edge["node"]["name"] for edge in answer["productTypes"]["edges"]] == ["Shirt"]


def test_the_statements_of_pages_do_not_grow_with_them(graphql, shop, count_sql):
    graphql(shop, "{ __typename }")
    counts = []
    for first in (1, 2):
        with count_sql() as statements:
            answer = graphql(
                shop,
                """query($first: Int) { pages(first: $first) { edges { node { title content pageType { slug }
                  translation(languageCode: NL) { title } attributes { attribute { slug } values { name } }
                  assignedAttributes { ... on AssignedMultiPageReferenceAttribute { value { title } } } } } } }""",
                first=first,
            )
        assert "errors" not in answer
        counts.append(len([sql for sql in statements if "least(" not in sql]))
    # Channels, pages, types, translations, attributes, pages that are referred to.
    assert counts == [6, 6]


# --- Operations ---------------------------------------------------------------------------------------------


def test_values_of_a_page_are_checked(tenant):
    with tenant_scope(tenant.id):
        day = make.make_attribute("Day", slug="day", kind="page-type", input_type=InputType.DATE, value_required=True)
        link = make.make_attribute(
            "Link", slug="link", kind="page-type", input_type=InputType.SINGLE_REFERENCE, entity_type="Category"
        )
        page = make.make_page("P", page_type=make.make_page_type(attributes=[day, link]))
        product, category = make.make_product("Shirt"), make.make_category()

        def refused(**values):
            with pytest.raises(DomainError) as error:
                operations.assign_page_values(page=page, values=values, now=timezone.now())
            return error.value.code, error.value.message

        assert refused(day=["tomorrow"]) == ("INVALID", "'tomorrow' is no date such as 2026-01-31.")
        assert refused(day=["2026-01-01", "2026-01-02"]) == ("INVALID", "'day' takes one value, 2 were given.")
        assert refused(day=[]) == ("REQUIRED", "'day' must have a value.")
        assert refused(colour=["red"]) == ("NOT_FOUND", "The page type has no attribute 'colour' there.")
        assert refused(link=[product]) == ("INVALID", "'link' refers to a Category, not to a Product.")
        missing = f"Category:{product.id}"
        assert refused(link=[missing]) == ("NOT_FOUND", f"There is no Category {product.id}.")
        for nonsense in ("x", "Category:x", "Planet:1", "ÿ"):
            assert refused(link=[nonsense])[1].startswith(f"{nonsense!r} is no reference such as")
        for given in (category, f"Category:{category.id}", to_global_id("Category", category.id)):
            operations.assign_page_values(page=page, values={"link": [given]}, now=timezone.now())
        assert PageValue.objects.count() == 1
        version = Page.objects.get(id=page.id).version
        operations.assign_page_values(page=page, values={"link": []}, now=timezone.now())
        assert PageValue.objects.count() == 0
        assert Page.objects.get(id=page.id).version > version


def test_a_value_has_the_column_of_its_attribute(tenant):
    with tenant_scope(tenant.id):
        number = make.make_attribute("Weight", slug="weight", input_type=InputType.NUMERIC)
        colour = make.make_attribute("Colour", slug="colour")
        for wrong, field in (
            (AttributeValue(attribute=number, slug="1", name="1"), "numeric"),
            (AttributeValue(attribute=number, slug="1", name="1", numeric=1.0, plain_text="1"), "plain_text"),
            (AttributeValue(attribute=colour, slug="1", name="1", boolean=True), "boolean"),
            (AttributeValue(attribute=colour, slug="1", name="x" * 501), "name"),
            (AttributeValue(attribute=colour, slug="1", name="a\0b"), "name"),
        ):
            with pytest.raises(DomainError) as error:
                operations.save(wrong, now=timezone.now())
            assert error.value.field == field
        operations.save(AttributeValue(attribute=number, slug="1", name="1", numeric=1.0), now=timezone.now())


def test_an_attribute_is_on_what_its_kind_says(tenant):
    with tenant_scope(tenant.id):
        of_pages = make.make_attribute("Topic", slug="topic", kind="page-type")
        of_products = make.make_attribute("Colour", slug="colour")
        kind, page_type = make.make_product_type(), make.make_page_type()
        with pytest.raises(DomainError, match="'topic' is an attribute of page-types"):
            operations.save(ProductTypeAttribute(product_type=kind, attribute=of_pages), now=timezone.now())
        with pytest.raises(DomainError, match="'colour' is an attribute of product-types"):
            operations.save(PageTypeAttribute(page_type=page_type, attribute=of_products), now=timezone.now())


def test_columns_that_cannot_hold_a_value_are_named(tenant):
    with tenant_scope(tenant.id):
        kind = make.make_page_type()
        for fields, field, words in (
            ({"title": "x" * 251}, "title", "Title has 251 characters; at most 250 are taken."),
            ({"title": "a\0"}, "title", "The character NUL cannot be stored."),
            ({"content": {"blocks": ["\0"]}}, "content", "The character NUL cannot be stored."),
        ):
            with pytest.raises(DomainError) as error:
                page = Page(**{"title": "T", "slug": "t", "page_type": kind, **fields})
                operations.save(page, now=timezone.now())
            assert (error.value.field, error.value.message) == (field, words)
        with pytest.raises(operations.NotUnique, match="Another page has slug 'about'"):
            for _ in range(2):
                operations.save(Page(title="T", slug="about", page_type=kind), now=timezone.now())


def test_a_page_type_in_use_stays(tenant):
    with tenant_scope(tenant.id):
        page = make.make_page("P")
        with pytest.raises(DomainError, match="It is still used by pages"):
            operations.delete(page.page_type, now=timezone.now())


def test_what_is_deleted_is_referred_to_no_longer(graphql, tenant):
    with tenant_scope(tenant.id):
        link = make.make_attribute("Link", slug="link", kind="page-type", input_type=InputType.REFERENCE)
        page = make.make_page("P", slug="p", page_type=make.make_page_type(attributes=[link]))
        category, product = make.make_category("Clothes"), make.make_product("Shirt", slug="shirt")
        operations.assign_page_values(page=page, values={"link": [category, product]}, now=timezone.now())
    query = '{page(slug: "p") { attributes { values { name } } } }'
    held = graphql(tenant, query)["data"]["page"]["attributes"]
    assert [value["name"] for value in held[0]["values"]] == ["Clothes", "Shirt"]
    with tenant_scope(tenant.id):
        operations.delete(category, now=timezone.now())
    held = graphql(tenant, query)["data"]["page"]["attributes"]
    assert [value["name"] for value in held[0]["values"]] == ["Shirt"]
