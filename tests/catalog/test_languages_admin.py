"""The admin's pages of chains of languages and of what is not translated."""

import re

import pytest

from catalog.models import ListingName, Translation
from commerce.db.scope import tenant_scope
from tenants.models import LanguageChain
from tests.admin import errors, page, read_form, send, sign_in
from tests.factories import catalog as make
from tests.factories.tenants import open_shop

MISSING = "/admin/catalog/translation/missing/"


@pytest.fixture
def shop():
    return open_shop(languages=("en", "nl-BE", "fr"))


@pytest.fixture
def client(shop):
    return sign_in(shop)


def _rows(response):
    """Return the texts of the cells of the last table of a page."""
    table = response.content.decode().rpartition("<tbody>")[2].partition("</tbody>")[0]
    cells = [re.findall(r"<t[hd]>(.*?)</t[hd]>", row) for row in table.split("</tr>")]
    return [[re.sub("<.*?>", "", cell) for cell in row] for row in cells if row]


def test_what_is_missing_is_counted_for_the_first_language(shop, client):
    with tenant_scope(shop.id):
        make.make_translation(make.make_product("Coat", description=None), "nl-BE", name="Frak")
        make.make_product("Hat")
    shown = client.get(MISSING)
    assert _rows(shown)[0] == ["Products", "1", "2"]
    assert "nl-BE → nl → en" in shown.content.decode()
    assert _rows(client.get(MISSING, {"language": "fr"}))[0] == ["Products", "2", "2"]


def test_what_is_missing_is_listed_with_the_way_to_it(shop, client):
    with tenant_scope(shop.id):
        coat = make.make_product("Coat", seo_title="A coat", description=None)
        hat = make.make_product("<Hat>", description=None)
        words = make.make_translation(coat, "nl-BE", name="Frak")
    shown = client.get(MISSING, {"language": "nl-BE", "kind": "Product"})
    assert _rows(shown) == [["Coat", "seo title", "Translate the rest"], ["&lt;Hat&gt;", "name", "Translate"]]
    content = shown.content.decode()
    assert all(address in content for address in (page(coat), page(hat), page(words)))
    new = re.search(r'href="(/admin/catalog/translation/add/\?[^"]*)"', content)[1].replace("&amp;", "&")
    form = read_form(client.get(new))
    assert (form["object_kind"], form["object_id"], form["language"]) == ("Product", str(hat.id), "nl-BE")
    assert client.post(new, {**form, "name": "Hoed", "_save": "Save"}).status_code == 302
    with tenant_scope(shop.id):
        assert Translation.objects.get(object_id=hat.id).name == "Hoed"
    shown = client.get(MISSING, {"language": "nl-BE", "kind": "Product"})
    assert _rows(shown) == [["Coat", "seo title", "Translate the rest"]]


def test_what_readers_see_in_a_language_of_the_chain_is_left_out_if_wished(shop, client):
    with tenant_scope(shop.id):
        make.make_translation(make.make_product("Coat", description=None), "nl", name="Jas")
    query = {"language": "nl-BE", "kind": "Product"}
    assert _rows(client.get(MISSING, query)) == [["Coat", "name", "Translate"]]
    assert "Nothing is missing" in client.get(MISSING, {**query, "by_chain": "1"}).content.decode()


def test_long_lists_are_paged(shop, client, monkeypatch):
    monkeypatch.setattr("catalog.admin.untranslated.PER_PAGE", 2)
    with tenant_scope(shop.id):
        for number in range(5):
            make.make_product(f"Coat {number}", variants=0)
    names: list[str] = []
    address: str | None = f"{MISSING}?language=fr&kind=Product"
    while address:
        shown = client.get(address)
        names += [row[0] for row in _rows(shown)]
        following = re.search(r'class="paginator"><a href="([^"]*)"', shown.content.decode())
        address = MISSING + following[1].replace("&amp;", "&") if following else None
    assert names == [f"Coat {number}" for number in range(5)]


@pytest.mark.parametrize("query", ["language=xx", "kind=Nothing", "kind=Product&after=nonsense", "kind=Page&language="])
def test_nonsense_in_the_address_is_passed_over(client, query):
    assert client.get(f"{MISSING}?{query}").status_code == 200


def test_a_shop_of_one_language_is_told_so(tenant):
    assert "no language but its own, en" in sign_in(tenant).get(MISSING).content.decode()


def test_only_who_sees_translations_sees_what_is_missing(shop):
    assert sign_in(shop, permissions=["MANAGE_ORDERS"]).get(MISSING).status_code == 403
    client = sign_in(shop, permissions=["MANAGE_TRANSLATIONS"])
    assert client.get(MISSING).status_code == 200
    assert "What is missing" in client.get(page(Translation, "changelist")).content.decode()


def test_a_chain_is_made_changed_and_deleted(shop, client):
    with tenant_scope(shop.id):
        coat, _ = make.make_product("Coat"), make.make_product("Hat")
        make.make_translation(coat, "nl", name="Zzz")

    def first():
        with tenant_scope(shop.id):
            key = ListingName.objects.filter(language="fr").order_by("name_key").first()
            return key.product_id == coat.id

    assert first()
    assert send(client, page(LanguageChain, "add"), {"language": "fr", "fallbacks": "nl"}).status_code == 302
    with tenant_scope(shop.id):
        chain = LanguageChain.objects.get()
    assert (chain.language, chain.fallbacks) == ("fr", ["nl"])
    assert not first()
    assert "fr → nl → en" in client.get(page(LanguageChain, "changelist")).content.decode()
    assert send(client, page(chain), {"fallbacks": "de"}).status_code == 302
    assert first()
    assert send(client, page(chain), {"fallbacks": "nl_be, de"}).status_code == 302
    assert client.post(page(chain, "delete"), {"post": "yes"}).status_code == 302
    with tenant_scope(shop.id):
        assert not LanguageChain.objects.exists()


@pytest.mark.parametrize(
    ("language", "fallbacks", "message"),
    [
        ("walloon", "nl", "'walloon' is no language that CLDR knows"),
        ("fr", "nl, flemish", "'flemish' is no language that CLDR knows"),
        ("fr", "fr", "names each language once"),
        ("de", "nl", "There is a chain for de"),
    ],
)
def test_a_chain_that_makes_no_sense_is_refused_at_its_field(shop, client, language, fallbacks, message):
    with tenant_scope(shop.id):
        LanguageChain.objects.create(language="de", fallbacks=["nl"])
    refused = send(client, page(LanguageChain, "add"), {"language": language, "fallbacks": fallbacks})
    assert refused.status_code == 200
    assert message in errors(refused).replace("&#x27;", "'")
