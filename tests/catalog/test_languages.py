"""The plain words of the catalogue in the language of the host, or in the one that its reader prefers."""

import json

import pytest
from django.db import connection
from django.utils import timezone

from catalog import operations
from catalog.models import Attribute, ProductTypeAttribute, Translation
from catalog.values import editorjs
from commerce.db.scope import tenant_scope
from tenants import operations as tenants
from tenants import queries
from tenants.models import Channel
from tests.factories import catalog as make
from tests.factories.tenants import make_app, open_shop, platform

PRODUCT = """query($slug: String) {product(slug: $slug, channel: "default-channel") {
  id name slug description seoTitle seoDescription category { name slug } collections { name slug }
  attributes { attribute { name slug } values { name slug plainText } }
  assignedAttributes { attribute { name }
    ... on AssignedSingleChoiceAttribute { choice: value { name } }
    ... on AssignedSwatchAttribute { swatch: value { name hexColor } }
    ... on AssignedPlainTextAttribute { value }
    ... on AssignedTextAttribute { text: value } }
  variants { name attributes { attribute { name } values { name } } } } }"""
NAMES = """{products(first: 10, channel: "default-channel", sortBy: {field: NAME, direction: ASC}) {
  edges { node { name slug category { name } } } } }"""


@pytest.fixture(scope="module")
def boutique():
    """Return a shop in English with words in Dutch, some of them in Flemish alone."""
    shop = open_shop(currency="EUR", languages=("en", "nl-BE", "nl", "de"))
    with tenant_scope(shop.id):
        fabric = make.make_attribute("Fabric", slug="fabric", values=["Wool"])
        colour = make.make_attribute(
            "Colour", slug="colour", input_type=Attribute.InputType.SWATCH, values=["Navy|#000080"]
        )
        care = make.make_attribute("Care", slug="care", input_type=Attribute.InputType.PLAIN_TEXT)
        story = make.make_attribute("Story", slug="story", input_type=Attribute.InputType.RICH_TEXT)
        size = make.make_attribute("Size", slug="size", values=["Large"])
        kind = make.make_product_type("Coat", attributes=[fabric, colour, care, story])
        ProductTypeAttribute.objects.create(product_type=kind, attribute=size, on_variants=True)
        category = make.make_category("Coats", slug="coats", description=editorjs("Warm."))
        text = make.make_value(care, "Wash cold")
        tale = make.make_value(story, editorjs("Once."))
        coat = make.make_product(
            "Coat", slug="coat", category=category, product_type=kind, variants=0, seo_title="A coat",
            seo_description="Buy it", description=editorjs("Long."),
            values=[fabric.values.get(), colour.values.get(), text, tale],
        )  # fmt: skip
        variant = make.make_variant(coat, sku="COAT-L", name="L", price=100, values=[size.values.get()])
        make.make_product("Zebra", slug="zebra", category=category, price=100)
        make.make_product("Apple", slug="apple", price=100)
        collection = make.make_collection("Winter", slug="winter", products=[coat])
        page = make.make_page("About us", slug="about", content=editorjs("We sell."))
        menu = make.make_menu("Main", slug="main")
        item = make.make_menu_item(menu, "Our coats", category=category)
        make.make_translation(coat, "nl", name="Jas", slug="jas", description=editorjs("Lang."), seo_title="Een jas")
        make.make_translation(coat, "nl-BE", name="Frak")
        make.make_translation(category, "nl", name="Jassen", slug="jassen", description=editorjs("Warm, hoor."))
        make.make_translation(collection, "nl", name="Wintertijd", slug="wintertijd")
        make.make_translation(fabric, "nl", name="Stof")
        make.make_translation(fabric.values.get(), "nl", name="Wol")
        make.make_translation(colour.values.get(), "nl", name="Marineblauw")
        make.make_translation(text, "nl", plain_text="Koud wassen")
        make.make_translation(tale, "nl", rich_text=editorjs("Ooit."))
        make.make_translation(size, "nl", name="Maat")
        make.make_translation(size.values.get(), "nl", name="Groot")
        make.make_translation(variant, "nl", name="G")
        make.make_translation(page, "nl", name="Over ons", slug="over-ons", description=editorjs("Wij verkopen."))
        make.make_translation(item, "nl", name="Onze jassen")
    return shop, {"coat": coat, "category": category, "collection": collection, "page": page}


@pytest.fixture
def ask(client_for):
    """Return a function that asks a shop in a language, and returns the response with its answer parsed."""

    def post(shop, query, language=None, *, host=None, token=None, **variables):
        headers = {} if language is None else {"accept-language": language}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        if host is not None:
            headers["host"] = host
        body = {"query": query, "variables": variables}
        response = client_for(shop, **headers).post("/graphql/", body, "application/json")
        response.answer = response.json()
        assert "errors" not in response.answer, response.answer
        return response

    return post


def _text(document):
    return json.loads(document)["blocks"][0]["data"]["text"]


def test_without_a_language_everything_is_as_it_was_written(ask, boutique):
    response = ask(boutique[0], PRODUCT, slug="coat")
    product = response.answer["data"]["product"]
    assert (product["name"], product["slug"], product["seoTitle"]) == ("Coat", "coat", "A coat")
    assert [held["attribute"]["name"] for held in product["attributes"]] == ["Fabric", "Colour", "Care", "Story"]
    assert set(response.answer) == {"data"}
    assert "Content-Language" not in response


@pytest.mark.parametrize("header", ["*", " ", "*;q=0.5", ",;q=1"])
def test_a_header_that_asks_for_nothing_is_none(ask, boutique, header):
    response = ask(boutique[0], PRODUCT, header, slug="coat")
    assert response.answer["data"]["product"]["name"] == "Coat"
    assert set(response.answer) == {"data"}


def test_every_plain_word_of_a_product_is_in_the_language_of_its_reader(ask, boutique):
    response = ask(boutique[0], PRODUCT, "nl", slug="coat")
    product = response.answer["data"]["product"]
    assert (product["name"], product["slug"], product["seoTitle"]) == ("Jas", "jas", "Een jas")
    assert product["seoDescription"] == "Buy it"  # nobody translated it
    assert _text(product["description"]) == "Lang."
    assert product["category"] == {"name": "Jassen", "slug": "jassen"}
    assert product["collections"] == [{"name": "Wintertijd", "slug": "wintertijd"}]
    assert product["attributes"] == [
        {"attribute": {"name": "Stof", "slug": "fabric"},
         "values": [{"name": "Wol", "slug": "wool", "plainText": None}]},
        {"attribute": {"name": "Colour", "slug": "colour"},
         "values": [{"name": "Marineblauw", "slug": "navy", "plainText": None}]},
        {"attribute": {"name": "Care", "slug": "care"},
         "values": [{"name": product["attributes"][2]["values"][0]["name"],
                     "slug": product["attributes"][2]["values"][0]["slug"], "plainText": "Koud wassen"}]},
        product["attributes"][3],
    ]  # fmt: skip
    fabric, colour, care, story = product["assignedAttributes"]
    assert fabric == {"attribute": {"name": "Stof"}, "choice": {"name": "Wol"}}
    assert colour["swatch"] == {"name": "Marineblauw", "hexColor": "#000080"}
    assert care["value"] == "Koud wassen"
    assert story["text"]["blocks"][0]["data"]["text"] == "Ooit."
    variant = {"name": "G", "attributes": [{"attribute": {"name": "Maat"}, "values": [{"name": "Groot"}]}]}
    assert product["variants"] == [variant]
    assert response.answer["extensions"] == {"language": "nl"}
    assert response["Content-Language"] == "nl"


def test_each_word_falls_back_by_itself(ask, boutique):
    response = ask(boutique[0], PRODUCT, "nl-BE", slug="coat")
    product = response.answer["data"]["product"]
    assert (product["name"], product["slug"]) == ("Frak", "jas")  # nl-BE has no slug, nl has
    assert product["category"]["name"] == "Jassen"
    assert product["seoDescription"] == "Buy it"
    assert response["Content-Language"] == "nl-BE"


def test_a_language_that_is_not_offered_is_answered_in_the_shops_own(ask, boutique):
    response = ask(boutique[0], PRODUCT, "fr, ja;q=0.5", slug="coat")
    assert response.answer["data"]["product"]["name"] == "Coat"
    assert response.answer["extensions"] == {"language": "en"}


def test_the_reader_who_prefers_the_shops_own_language_gets_it(ask, boutique):
    response = ask(boutique[0], PRODUCT, "nl;q=0.5, en-GB", slug="coat")
    assert response.answer["data"]["product"]["name"] == "Coat"
    assert response["Content-Language"] == "en"


def test_pages_menus_categories_and_collections_are_localised(ask, boutique):
    shop, _ = boutique
    answer = ask(
        shop,
        """{ page(slug: "about") { title slug content contentJson }
             menu(slug: "main", channel: "default-channel") { items { name category { name slug } } }
             category(slug: "coats") { name slug description }
             collection(slug: "winter", channel: "default-channel") { name slug } }""",
        "nl",
    ).answer["data"]
    assert (answer["page"]["title"], answer["page"]["slug"]) == ("Over ons", "over-ons")
    assert _text(answer["page"]["content"]) == _text(answer["page"]["contentJson"]) == "Wij verkopen."
    assert answer["menu"]["items"] == [{"name": "Onze jassen", "category": {"name": "Jassen", "slug": "jassen"}}]
    assert _text(answer["category"]["description"]) == "Warm, hoor."
    assert answer["collection"] == {"name": "Wintertijd", "slug": "wintertijd"}


def test_the_dialects_translation_knows_no_chain(ask, boutique):
    query = """{product(slug: "coat", channel: "default-channel") { name
      de: translation(languageCode: DE) { name } be: translation(languageCode: NL_BE) { name slug description } } }"""
    product = ask(boutique[0], query, "nl").answer["data"]["product"]
    assert product == {"name": "Jas", "de": None, "be": {"name": "Frak", "slug": None, "description": None}}


def test_lists_are_in_the_order_of_the_localised_names(ask, boutique):
    def names(language):
        return [e["node"]["name"] for e in ask(boutique[0], NAMES, language).answer["data"]["products"]["edges"]]

    assert names(None) == ["Apple", "Coat", "Zebra"]
    assert names("nl") == ["Apple", "Jas", "Zebra"]
    assert names("nl-BE") == ["Apple", "Frak", "Zebra"]


def test_a_slug_in_any_language_finds_its_object_and_the_canonical_one_is_given(ask, boutique):
    shop, _ = boutique
    query = """query($p: String, $c: String, $k: String, $s: String) {
      product(slug: $p, channel: "default-channel") { slug }
      category(slug: $c) { slug } collection(slug: $k, channel: "default-channel") { slug } page(slug: $s) { slug } }"""
    foreign = {"p": "jas", "c": "jassen", "k": "wintertijd", "s": "over-ons"}
    own = {"p": "coat", "c": "coats", "k": "winter", "s": "about"}

    def slugs(language, given):
        return [found["slug"] for found in ask(shop, query, language, **given).answer["data"].values()]

    assert slugs(None, foreign) == list(own.values())
    assert slugs("nl", own) == list(foreign.values())
    assert slugs("nl", foreign) == list(foreign.values())
    assert slugs("de", foreign) == list(own.values())


def test_a_slug_that_nobody_has_finds_nothing(ask, boutique):
    query = """{product(slug: "no-such", channel: "default-channel") { slug } category(slug: "jas") { slug }
      page(slug: "jassen") { slug } collection(slug: "over-ons", channel: "default-channel") { slug } }"""
    assert set(ask(boutique[0], query, "nl").answer["data"].values()) == {None}


def test_slugs_of_any_language_narrow_lists(ask, boutique):
    query = """{products(first: 5, channel: "default-channel", filter: {slugs: ["jas", "zebra"]}) {
        edges { node { name } } }
      categories(first: 5, filter: {slugs: ["jassen"]}) { edges { node { name } } }
      pages(first: 5, filter: {slugs: ["over-ons"]}) { edges { node { title } } }
      collections(first: 5, channel: "default-channel", filter: {slugs: ["wintertijd"]}) {
        edges { node { name } } } }"""
    found = ask(boutique[0], query).answer["data"]
    assert {key: [next(iter(e["node"].values())) for e in one["edges"]] for key, one in found.items()} == {
        "products": ["Coat", "Zebra"], "categories": ["Coats"], "pages": ["About us"], "collections": ["Winter"],
    }  # fmt: skip


def test_of_two_objects_with_a_slug_the_one_whose_own_it_is_is_found(ask, tenant):
    with tenant_scope(tenant.id):
        mine = make.make_product("Mine", slug="shared")
        other = make.make_product("Other", slug="other")
        make.make_translation(other, "nl", slug="shared")
    query = """{product(slug: "shared", channel: "default-channel") { name }
      products(first: 5, channel: "default-channel", filter: {slugs: ["shared"]}) { edges { node { name } } } }"""
    found = ask(tenant, query).answer["data"]
    assert found == {"product": {"name": mine.name}, "products": {"edges": [{"node": {"name": mine.name}}]}}


def test_of_two_translations_with_a_slug_that_of_the_readers_language_is_found(ask):
    shop = open_shop(languages=("en", "nl", "de"))
    with tenant_scope(shop.id):
        for language, name in (("de", "German"), ("nl", "Dutch")):
            make.make_translation(make.make_product(name, slug=name.lower()), language, slug="zelfde")
    query = '{product(slug: "zelfde", channel: "default-channel") { id name } }'
    assert ask(shop, query, "nl").answer["data"]["product"]["name"] == "Dutch"
    assert ask(shop, query, "de").answer["data"]["product"]["name"] == "German"
    assert ask(shop, query).answer["data"]["product"]["name"] == "German"  # by the codes of the languages


def test_a_host_decides_the_language_whatever_its_reader_prefers(ask, client_for):
    shop = open_shop(languages=("en", "nl"))
    host = f"nl.{shop.host}"
    with platform():
        tenants.add_domain(tenant=queries.get_tenant_by_slug(shop.slug), host=host, language="nl")
    with tenant_scope(shop.id):
        make.make_translation(make.make_product("Coat", slug="coat"), "nl", name="Jas")
    query = '{product(slug: "coat", channel: "default-channel") { name } }'
    response = ask(shop, query, "en", host=host)
    assert response.answer == {"data": {"product": {"name": "Jas"}}, "extensions": {"language": "nl"}}
    assert ask(shop, query, host=shop.host).answer["data"]["product"]["name"] == "Coat"
    with platform():
        tenants.set_domain_language(host=host, language=None)
    assert ask(shop, query, host=host).answer == {"data": {"product": {"name": "Coat"}}}


def test_a_shops_own_chain_replaces_the_usual_one_at_once(ask):
    shop = open_shop(languages=("en", "de", "nl"))
    with tenant_scope(shop.id):
        make.make_translation(make.make_product("Coat", slug="coat"), "nl", name="Jas")
    query = '{product(slug: "coat", channel: "default-channel") { name } }'
    assert ask(shop, query, "de").answer["data"]["product"]["name"] == "Coat"
    with tenant_scope(shop.id):
        tenants.set_chain(language="de", fallbacks=["nl"])
    response = ask(shop, query, "de")
    assert response.answer == {"data": {"product": {"name": "Jas"}}, "extensions": {"language": "de"}}
    with tenant_scope(shop.id):
        tenants.remove_chain(language="de")
    assert ask(shop, query, "de").answer["data"]["product"]["name"] == "Coat"


def test_a_translation_written_is_in_the_next_answer(ask, boutique):
    shop = open_shop(languages=("en", "nl"))
    with tenant_scope(shop.id):
        coat = make.make_product("Coat", slug="coat", category=make.make_category("Coats", slug="coats"))

    def names():
        response = ask(shop, NAMES, "nl")
        return response["X-Cache"], response.answer["data"]["products"]["edges"][0]["node"]

    def write(kind, target, **words):
        with tenant_scope(shop.id):
            found = Translation.objects.filter(object_id=target.id).first()
            words_of = found or Translation(object_kind=kind, object_id=target.id, language="nl")
            for name, value in words.items():
                setattr(words_of, name, value)
            operations.save(words_of, now=timezone.now())

    assert names()[1] == {"name": "Coat", "slug": "coat", "category": {"name": "Coats"}}
    names()
    assert names()[0] == "hit"
    write("Product", coat, name="Jas", slug="jas")
    assert names() == ("miss", {"name": "Jas", "slug": "jas", "category": {"name": "Coats"}})
    write("Category", coat.category, name="Jassen")
    assert names()[1]["category"] == {"name": "Jassen"}
    write("Product", coat, name="Frak")
    assert names()[1]["name"] == "Frak"
    with tenant_scope(shop.id):
        for words in Translation.objects.all():
            operations.delete(words, now=timezone.now())
    assert names()[1] == {"name": "Coat", "slug": "coat", "category": {"name": "Coats"}}


def test_answers_in_two_languages_are_kept_apart(ask, boutique):
    shop, _ = boutique
    query = '{product(slug: "coat", channel: "default-channel") { name kept: slug } }'

    def name(language):
        response = ask(shop, query, language)
        return response.answer["data"]["product"]["name"], response["X-Cache"]

    for language in (None, "nl", "nl-BE", "en"):
        name(language)
    found = {language: name(language) for language in (None, "nl", "nl-BE", "en")}
    assert found == {None: ("Coat", "hit"), "nl": ("Jas", "hit"), "nl-BE": ("Frak", "hit"), "en": ("Coat", "hit")}
    assert name("nl-NL;q=0.9, fr") == ("Jas", "hit")  # the language is part of the key, not the header


def test_who_may_change_words_is_shown_what_would_be_changed(ask, boutique):
    shop, _ = boutique
    with tenant_scope(shop.id):
        editor, other = make_app("MANAGE_PRODUCTS", name="Editor"), make_app("HANDLE_PAYMENTS", name="Other")
    query = '{product(slug: "coat", channel: "default-channel") { name } }'
    assert ask(shop, query, "nl", token=editor.text).answer == {"data": {"product": {"name": "Coat"}}}
    assert ask(shop, query, "nl", token=other.text).answer["data"]["product"]["name"] == "Jas"


@pytest.mark.parametrize(
    ("query", "own", "more"),
    [
        (NAMES, 3, 1),
        (PRODUCT, None, 1),
        ("""{menu(slug: "main", channel: "default-channel") { items { name category { name slug } } } }""", None, 1),
    ],
)
def test_another_language_takes_one_statement_more(ask, boutique, count_sql, settings, query, own, more):
    settings.RESPONSE_CACHE = False
    shop, _ = boutique
    ask(shop, query, "nl", slug="coat")  # the offer of the shop is read once
    with count_sql() as plain:
        ask(shop, query, slug="coat")
    with count_sql() as localised:
        ask(shop, query, "nl", slug="coat")
    with count_sql() as same:
        ask(shop, query, "en", slug="coat")
    assert len(localised) == len(plain) + more
    assert len(same) == len(plain)
    assert own is None or len(plain) == own


@pytest.fixture(scope="module")
def document(boutique):
    """Return the id of a trusted document that asks for the name of a product."""
    text = '{product(slug: "coat", channel: "default-channel") { name } }'
    with platform():
        tenants.register_documents(slug=boutique[0].slug, texts={"name": text})
    return "name"


def test_answers_by_get_vary_by_the_readers_language(client_for, boutique, document):
    shop, _ = boutique
    answers = {
        language: client_for(shop, **{"accept-language": language}).get("/graphql/", {"id": document})
        for language in ("nl", "en", "*")
    }
    assert [answer.json()["data"]["product"]["name"] for answer in answers.values()] == ["Jas", "Coat", "Coat"]
    assert [answer.get("Content-Language") for answer in answers.values()] == ["nl", "en", None]
    assert all("Accept-Language" in answer["Vary"] for answer in answers.values())
    assert len({answer["ETag"] for answer in answers.values()}) == 3


def test_answers_at_a_host_with_a_language_do_not_vary(client_for, boutique, document):
    shop, _ = boutique
    host = f"be.{shop.host}"
    with platform():
        tenants.add_domain(tenant=queries.get_tenant_by_slug(shop.slug), host=host, language="nl-BE")
    answer = client_for(shop, host=host, **{"accept-language": "en"}).get("/graphql/", {"id": document})
    assert answer.json() == {"data": {"product": {"name": "Frak"}}, "extensions": {"language": "nl-BE"}}
    assert "Accept-Language" not in answer["Vary"]


def test_errors_are_told_in_whatever_language(client_for, boutique):
    body = {"query": '{product { name } category(slug: "coats") { name } }'}
    client = client_for(boutique[0], **{"accept-language": "nl"})
    answer = client.post("/graphql/", body, "application/json").json()
    assert answer["errors"]
    assert answer["data"] == {"product": None, "category": {"name": "Jassen"}}
    assert answer["extensions"] == {"language": "nl"}


def test_a_slug_of_any_language_is_found_by_its_index(boutique):
    shop, _ = boutique
    with tenant_scope(shop.id), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        sql = "EXPLAIN SELECT t.object_id FROM catalog_translation t WHERE t.object_kind = %s AND t.slug = %s"
        cursor.execute(sql, ["Product", "jas"])
        plan = " ".join(row[0] for row in cursor.fetchall())
    assert "Index Cond: ((tenant_id = " in plan
    assert "(slug)::text = 'jas'" in plan.partition("Filter")[0]


def test_suggestions_and_facets_are_localised(ask, boutique):
    query = """{searchSuggestions(prefix: "jass", channel: "default-channel") { categories { name slug } }
      products(channel: "default-channel") { facets { attributes { attribute { name slug } values { value { name } } }
        categories { category { name } } } } }"""
    found = ask(boutique[0], query, "nl-BE").answer["data"]
    assert found["searchSuggestions"]["categories"] == [{"name": "Jassen", "slug": "jassen"}]
    facets = found["products"]["facets"]
    assert {"attribute": {"name": "Stof", "slug": "fabric"}, "values": [{"value": {"name": "Wol"}}]} in facets[
        "attributes"
    ]
    assert {"category": {"name": "Jassen"}} in facets["categories"]
    assert ask(boutique[0], query).answer["data"]["searchSuggestions"]["categories"] == []


def test_a_channels_languages_are_offered_at_once(ask):
    shop = open_shop(languages=("en",))
    with tenant_scope(shop.id):
        make.make_translation(make.make_product("Coat", slug="coat"), "nl", name="Jas")
    query = '{product(slug: "coat", channel: "default-channel") { name } }'
    assert ask(shop, query, "nl").answer == {"data": {"product": {"name": "Coat"}}, "extensions": {"language": "en"}}
    with tenant_scope(shop.id):
        Channel.objects.filter(slug="default-channel").update(languages=["en", "nl"])
    assert ask(shop, query, "nl").answer == {"data": {"product": {"name": "Jas"}}, "extensions": {"language": "nl"}}


def test_the_words_of_one_shop_are_not_given_at_anothers(ask, other_tenant, boutique):
    with tenant_scope(other_tenant.id):
        make.make_product("Coat", slug="coat")
    for slug in ("coat", "jas"):
        found = ask(other_tenant, PRODUCT, "nl", slug=slug).answer["data"]["product"]
        assert found is None or found["name"] == "Coat"
        assert (found is None) == (slug == "jas")
