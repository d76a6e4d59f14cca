"""`manage.py demo`: two shops that can be tried at once, as often as one likes."""

import json
import shlex
from io import StringIO

import pytest
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command
from django.test import Client

from commerce.db.scope import tenant_scope
from commerce.stack.state import read_env
from tenants import queries as tenants
from tests.catalog.import_kit import fetch, stamps

HOSTS = {"boutique": "boutique.localhost", "electronics": "electronics.localhost"}


@pytest.fixture
def demo(tmp_path, settings):
    """Return a function that opens the demo shops and returns what was printed, and what .stack/env would hold."""
    settings.MEDIA_ROOT = str(tmp_path / "media")

    def opened():
        out = StringIO()
        call_command("demo", env_file=tmp_path / "env", stdout=out, stderr=out)
        return out.getvalue(), read_env(tmp_path / "env")

    return opened


def ask(host, query):
    response = Client(headers={"host": host}).post("/graphql/", {"query": query}, content_type="application/json")
    assert "errors" not in response.json(), response.json()
    return response.json()["data"]


def test_both_shops_open_and_a_second_time_changes_nothing(demo):
    said, env = demo()
    assert env["DEMO_HOSTS"] == "boutique.localhost electronics.localhost"
    assert all(f"staff@{host} / {env['DEMO_PASSWORD']}" in said for host in HOSTS.values())
    shops = [shop for slug in HOSTS if (shop := tenants.get_tenant_by_slug(slug))]
    before = [stamps(shop) for shop in shops]
    again, env_again = demo()
    assert (env_again, [stamps(shop) for shop in shops]) == (env, before)
    assert "0 products created, 0 changed" in again
    assert [line for line in again.splitlines() if "/ " in line] == [line for line in said.splitlines() if "/ " in line]


def test_both_shops_answer_at_their_hosts_with_their_own(demo):
    demo()
    query = """{ shop { name } products(first: 100, channel: "default-channel") { totalCount edges { node {
        name thumbnail { url } category { name } pricing { priceRange { start { gross { amount currency } } } }
        variants { sku quantityAvailable } translation(languageCode: NL) { name } } } }
        collection(slug: "featured-products", channel: "default-channel") { products(first: 5) { totalCount } } }"""
    answers = {slug: ask(host, query) for slug, host in HOSTS.items()}
    for slug, currency in (("boutique", "EUR"), ("electronics", "USD")):
        data = answers[slug]
        nodes = [edge["node"] for edge in data["products"]["edges"]]
        assert data["shop"]["name"].lower() == slug
        assert 24 <= data["products"]["totalCount"] == len(nodes)
        assert {node["pricing"]["priceRange"]["start"]["gross"]["currency"] for node in nodes} == {currency}
        assert all(node["category"] and node["thumbnail"] and node["variants"] for node in nodes)
        assert data["collection"]["products"]["totalCount"] > 3
    dutch = [edge["node"]["translation"] for edge in answers["boutique"]["products"]["edges"]]
    assert all(dutch)
    names = [{edge["node"]["name"] for edge in data["products"]["edges"]} for data in answers.values()]
    assert not names[0] & names[1]


def test_variants_of_the_boutique_are_chosen_by_colour_and_size(demo):
    demo()
    shop = tenants.get_tenant_by_slug("boutique")
    chosen = fetch(
        shop,
        "SELECT a.slug, a.input_type, count(*) FROM catalog_producttypeattribute x "
        "JOIN catalog_attribute a ON a.id = x.attribute_id WHERE x.variant_selection GROUP BY 1, 2 ORDER BY 1",
    )
    assert chosen == [("color", "swatch", 1), ("size", "dropdown", 1)]
    assert fetch(shop, "SELECT max(n) > 1 FROM (SELECT count(*) n FROM catalog_variant GROUP BY product_id) x") == [
        (True,)
    ]


def test_a_storefronts_menus_and_pages_are_there(demo):
    demo()
    query = """{ navbar: menu(slug: "navbar", channel: "default-channel") { items { ...item children { ...item } } }
      footer: menu(slug: "footer", channel: "default-channel") { items { ...item children { ...item } } }
      home: page(slug: "home") { title content translation(languageCode: NL) { title content } }
      about: page(slug: "about") { title isPublished } }
    fragment item on MenuItem { name url category { slug } collection { slug } page { slug }
      translation(languageCode: NL) { name } }"""
    for slug, host in HOSTS.items():
        data = ask(host, query)
        first, *categories, last = data["navbar"]["items"]
        assert (first["collection"], last["page"]) == ({"slug": "featured-products"}, {"slug": "about"})
        assert categories
        assert all(item["category"] for item in categories)
        assert any(item["children"] for item in categories)
        assert [item["name"] for item in data["footer"]["items"]] == ["Shop", "About"]
        assert all(item["children"] for item in data["footer"]["items"])
        assert data["home"]["title"].lower() == f"welcome to {slug}"
        assert data["about"] == {"title": "About us", "isPublished": True}
        if slug == "boutique":
            assert data["home"]["translation"]["title"] == "Welkom bij Boutique"
            assert first["translation"] == {"name": "Uitgelicht"}
            assert all(item["translation"] for item in categories)
        else:
            assert data["home"]["translation"] is None


def test_staff_can_sign_in_with_what_was_printed_even_when_the_file_was_lost(demo, tmp_path):
    demo()
    (tmp_path / "env").unlink()
    _, env = demo()
    for slug, host in HOSTS.items():
        shop = tenants.get_tenant_by_slug(slug)
        assert shop is not None
        with tenant_scope(shop.id):
            assert authenticate(username=f"staff@{host}", password=env["DEMO_PASSWORD"]) is not None


def test_printed_commands_are_whole(demo):
    said, _ = demo()
    commands = [shlex.split(line) for line in said.splitlines() if line.strip().startswith("curl ")]
    assert len(commands) == 2
    for command, host in zip(commands, HOSTS.values(), strict=True):
        assert f"Host: {host}" in command
        query = json.loads(command[command.index("-d") + 1])["query"]
        assert len(ask(host, query)["products"]["edges"]) == 2


def test_demo_shops_stay_out_of_production(demo, settings):
    settings.LOCAL = False
    with pytest.raises(CommandError, match="ENVIRONMENT is not local"):
        demo()
