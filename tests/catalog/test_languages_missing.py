"""What is not translated yet, and what follows when a language falls back to others."""

import csv
import io

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from catalog import operations
from catalog.models import Attribute, ListingName, Product, SearchPending
from catalog.queries.untranslated import KINDS, count_untranslated, iterate_untranslated, list_untranslated
from catalog.search import pending
from catalog.search.documents import write_documents
from catalog.search.stems import stems
from catalog.values import editorjs
from commerce.db.scope import tenant_scope
from commerce.graphql.ids import to_global_id
from tests.factories import catalog as make
from tests.factories.tenants import open_shop


@pytest.fixture(scope="module")
def shop():
    """Return a shop in English for Flemings, with words in Dutch, Flemish and none."""
    made = open_shop(languages=("en", "nl-BE"))
    with tenant_scope(made.id):
        fabric = make.make_attribute("Fabric", slug="fabric", values=["Wool", "Silk"])
        weight = make.make_attribute("Weight", slug="weight", input_type=Attribute.InputType.NUMERIC)
        care = make.make_attribute("Care", slug="care", input_type=Attribute.InputType.PLAIN_TEXT)
        make.make_value(weight, 5)
        text = make.make_value(care, "Wash cold")
        category = make.make_category("Coats", slug="coats")
        coat = make.make_product(
            "Coat", slug="coat", category=category, description=editorjs("Long."), seo_title="A coat", variants=0
        )
        make.make_variant(coat, sku="1", name="Large", price=100)
        make.make_variant(coat, sku="2", name="", price=100)
        hat = make.make_product("Hat", slug="hat", category=category, variants=0, description=None)
        make.make_translation(coat, "nl-BE", name="Frak", description=editorjs("Lang."))
        make.make_translation(coat, "nl", name="Jas", seo_title="Een jas")
        make.make_translation(hat, "nl", name="Hoed")
        make.make_translation(category, "nl-BE", name="Frakken")
        make.make_translation(fabric.values.get(slug="wool"), "nl-BE", name="Wol")
        make.make_translation(text, "nl-BE", plain_text="Koud wassen", rich_text={})
    return made


def _missing(chain=("nl-BE",)):
    return {(kind, one.name): one.words for kind in KINDS for one in iterate_untranslated(kind, "nl-BE", chain)}


def test_words_that_a_language_lacks_are_listed(shop):
    with tenant_scope(shop.id):
        assert _missing() == {
            ("Product", "Coat"): ("seo_title",),
            ("Product", "Hat"): ("name",),
            ("ProductVariant", "Large"): ("name",),
            ("Attribute", "Fabric"): ("name",),
            ("Attribute", "Weight"): ("name",),
            ("Attribute", "Care"): ("name",),
            ("AttributeValue", "Silk"): ("name",),
        }


def test_what_a_language_falls_back_to_counts_if_asked_for(shop):
    with tenant_scope(shop.id):
        found = _missing(("nl-BE", "nl"))
    assert ("Product", "Coat") not in found
    assert ("Product", "Hat") not in found
    assert found["ProductVariant", "Large"] == ("name",)


def test_objects_are_counted(shop):
    with tenant_scope(shop.id):
        found = {count.kind: count[2:] for count in count_untranslated({"nl-BE": ("nl-BE",)})}
    assert found == {
        "Product": (2, 2), "ProductVariant": (1, 1), "Category": (1, 0), "Collection": (0, 0),
        "Attribute": (3, 3), "AttributeValue": (3, 1), "Page": (0, 0), "MenuItem": (0, 0),
    }  # fmt: skip


def test_lists_go_on_after_the_last_one(shop):
    with tenant_scope(shop.id):
        whole = list_untranslated("Attribute", "nl-BE", ("nl-BE",))
        first = list_untranslated("Attribute", "nl-BE", ("nl-BE",), limit=2)
        rest = list_untranslated("Attribute", "nl-BE", ("nl-BE",), after=first[-1].id)
    assert first + rest == whole
    assert [len(first), len(rest)] == [2, 1]


def test_a_translation_that_lacks_words_is_named(shop):
    with tenant_scope(shop.id):
        coat, hat = list_untranslated("Product", "nl-BE", ("nl-BE",))
    assert coat.translation_id is not None
    assert hat.translation_id is None


def _run(*arguments):
    out = io.StringIO()
    call_command("translations", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_counts_and_lists(shop):
    told = _run("missing", "--tenant", shop.slug)
    assert "nl-BE\tProduct\t2 of 2 not translated in full" in told
    assert "Coat" not in told
    told = _run("missing", "--tenant", shop.slug, "--language", "nl_be", "--kind", "Product", "--most", "1")
    with tenant_scope(shop.id):
        coat = list_untranslated("Product", "nl-BE", ("nl-BE",))[0]
    assert told.splitlines() == [
        "nl-BE\tProduct\t2 of 2 not translated in full",
        f"  {to_global_id('Product', coat.id)}\tCoat\tseo_title",
        "  and 1 more: --most 2, or --csv",
    ]
    assert _run("missing", "--tenant", shop.slug, "--language", "nl-BE", "--kind", "Product", "--by-chain") == (
        "nl-BE\tProduct\t0 of 2 not translated in full\n"
    )


def test_the_command_writes_csv(shop):
    rows = list(csv.DictReader(io.StringIO(_run("missing", "--tenant", shop.slug, "--csv"))))
    assert len(rows) == 7
    assert {row["language"] for row in rows} == {"nl-BE"}
    assert {row["name"]: row["missing"] for row in rows if row["kind"] == "Product"} == {
        "Coat": "seo_title",
        "Hat": "name",
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--language", "flemish"], "'flemish' is no language that CLDR knows"),
        (["--language", "en"], "en is the language that the catalogue is written in"),
    ],
)
def test_the_command_refuses_what_makes_no_sense(shop, arguments, message):
    with pytest.raises(CommandError, match=message):
        _run("missing", "--tenant", shop.slug, *arguments)


def test_the_command_refuses_unknown_shops_and_shops_of_one_language(tenant):
    with pytest.raises(CommandError, match="no tenant 'nobody'"):
        _run("missing", "--tenant", "nobody")
    with pytest.raises(CommandError, match="no language but its own, en"):
        _run("missing", "--tenant", tenant.slug)


def test_chains_are_shown_and_set_by_command():
    shop = open_shop(languages=("en", "nl-BE", "fr"))
    assert _run("chains", "--tenant", shop.slug).splitlines() == ["en (the shop's own)", "nl-BE → nl → en", "fr → en"]
    assert _run("chain", "--tenant", shop.slug, "fr", "nl-BE", "nl") == "fr → nl-BE → nl → en\n"
    assert "fr → nl-BE → nl → en (set by the shop)" in _run("chains", "--tenant", shop.slug).splitlines()
    assert _run("chain", "--tenant", shop.slug, "fr", "--default") == "fr → en\n"
    for wrong in (["fr"], ["fr", "nl", "--default"], ["fr", "fr"], ["fr", "walloon"]):
        with pytest.raises(CommandError):
            _run("chain", "--tenant", shop.slug, *wrong)


def _order(language):
    keys = ListingName.objects.filter(language=language).order_by("name_key")
    names = dict(Product.objects.values_list("id", "name"))
    return [names[product_id] for product_id in keys.values_list("product_id", flat=True)]


def test_the_order_of_names_goes_by_the_chain_and_follows_it():
    shop = open_shop(languages=("en", "nl-BE", "fr"))
    with tenant_scope(shop.id):
        coat, hat = make.make_product("Coat"), make.make_product("Hat")
        make.make_translation(coat, "nl", name="Zzz")
        make.make_translation(hat, "nl-BE", name="Hoed")
        make.make_translation(coat, "nl-BE", seo_title="no name")
        assert _order("en") == _order("fr") == ["Coat", "Hat"]
        assert _order("nl-BE") == ["Hat", "Coat"]
        pending.write_some()
        assert not SearchPending.objects.exists()
        operations.set_chain(language="fr", fallbacks=["nl"], now=timezone.now())
        assert _order("fr") == ["Hat", "Coat"]
        assert SearchPending.objects.filter(object_kind="All").exists()
        operations.set_chain(language="fr", fallbacks=None, now=timezone.now())
        assert _order("fr") == ["Coat", "Hat"]


def test_products_are_found_by_the_words_that_their_readers_see(client_for):
    shop = open_shop(languages=("nl-BE", "fr"))
    with tenant_scope(shop.id):
        coat = make.make_product("Frak")
        make.make_translation(coat, "fr-CA", name="Manteau")
        operations.set_chain(language="fr", fallbacks=["fr-CA"], now=timezone.now())
        write_documents([coat.id])
        stems("fr", ["manteau", "manteaux", "frak"])  # kept, so that two engines take the same statements
    query = """query($text: String) {
      products(first: 5, channel: "default-channel", search: $text) { edges { node { name } } } }"""

    def found(text, language):
        body = {"query": query, "variables": {"text": text}}
        answer = client_for(shop, **{"accept-language": language}).post("/graphql/", body, "application/json").json()
        return [edge["node"]["name"] for edge in answer["data"]["products"]["edges"]]

    assert found("manteaux", "fr") == ["Manteau"]
    assert found("frak", "nl") == ["Frak"]
    assert found("manteau", "nl") == []
