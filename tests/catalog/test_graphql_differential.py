"""Documents made up from the project's schema over a shop that has some of everything, in both engines.

`tests.graphql.differential` compares each query that is sent.
"""

import os

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings

from catalog.models import Attribute, ProductTypeAttribute
from catalog.operations import assign_page_values
from catalog.values import editorjs
from commerce.db.scope import tenant_scope
from commerce.graphql.ids import to_global_id
from commerce.schema import schema
from tests.factories import catalog as make
from tests.factories.tenants import make_channel, open_shop
from tests.graphql.differential import compared
from tests.graphql.made_up import documents

DOCUMENTS = int(os.environ.get("DIFFERENTIAL_DOCUMENTS") or 300)
InputType = Attribute.InputType
VALUES = {
    InputType.DROPDOWN: ["Red", "Blue"],
    InputType.MULTISELECT: ["Wool", "Silk", "Linen"],
    InputType.SWATCH: ["Navy|#000080"],
    InputType.NUMERIC: ["1.5", "3"],
    InputType.BOOLEAN: ["true", "false"],
    InputType.PLAIN_TEXT: ["Wash cold"],
    InputType.DATE: ["2026-01-31"],
}


@pytest.fixture(scope="module")
def shop():
    """Return a shop with some of everything, and gaps in all of it."""
    shop = open_shop(currency="EUR", languages=("en", "nl"), slug=None)
    with tenant_scope(shop.id):
        other = make_channel(slug="other", currency="JPY")
        attributes = {kind: make.make_attribute(kind, slug=kind.lower(), input_type=kind) for kind in VALUES}
        kinds = [make.make_product_type("Coat", slug="coat", attributes=list(attributes.values()))]
        kinds.append(make.make_product_type("Bare", slug="bare"))
        for position, kind in enumerate((InputType.DROPDOWN, InputType.NUMERIC)):
            ProductTypeAttribute.objects.create(
                product_type=kinds[0], attribute=attributes[kind], on_variants=True, position=position
            )
        values = [make.make_value(attributes[kind], raw) for kind, raws in VALUES.items() for raw in raws]
        root = make.make_category("Clothes", slug="clothes")
        below = [make.make_category(f"Category {i}", slug=f"c-{i}", parent=root) for i in range(2)]
        made = []
        for i in range(7):
            chosen = [value for at, value in enumerate(values) if (at + i) % 3 == 0] if i % 2 == 0 else []
            product = make.make_product(
                f"Product {i}", slug=f"p-{i}", category=[None, root, *below][i % 4], product_type=kinds[i % 2],
                variants=0, values=chosen, rating=[None, 4.5][i % 2], description=editorjs("Long.") if i % 3 else None,
                channels=[shop.channel, other] if i % 3 == 0 else [shop.channel], external_reference=f"erp-{i}",
                metadata={"a": str(i)} if i % 2 else {},
            )  # fmt: skip
            for at in range(i % 3):
                variant = make.make_variant(
                    product, sku=f"SKU-{i}-{at}", price=None if i == 5 else 1000 * i + at, stock=at,
                    values=values[at : at + 1] if i % 2 == 0 else [],
                    channels=[shop.channel, other] if i % 3 == 0 else [shop.channel],
                )  # fmt: skip
                make.make_media(product, variants=[variant] if at else [], position=at)
            if i % 2:
                make.make_media(product, file=f"products/{i}.mp4", type="VIDEO", position=9)
                make.make_translation(product, "nl", name=f"Product {i} NL", slug=f"p-{i}-nl")
            made.append(product)
        make.make_translation(root, "nl", name="Kleren", slug="kleren")
        winter = make.make_collection("Winter", slug="winter", products=made[:4])
        make.make_collection("Empty", slug="empty")
        _make_content(root, winter, made)
        ids = [to_global_id("Product", made[1].id), to_global_id("Category", root.id), "bad"]
    return shop, ids


def _make_content(category, collection, products):
    """Make pages that refer to products, and a menu of three levels."""
    link = make.make_attribute(
        "Link", slug="link", kind="page-type", input_type=InputType.REFERENCE, entity_type="Product"
    )
    topic = make.make_attribute("Topic", slug="topic", kind="page-type", values=["News", "Help"])
    kinds = [make.make_page_type("Article", slug="article", attributes=[topic, link]), make.make_page_type("Text")]
    pages = [
        make.make_page(f"Page {i}", slug=f"page-{i}", page_type=kinds[i % 2], is_published=i != 3, content=None)
        for i in range(5)
    ]
    for page in pages[::2]:
        values = {"topic": ["News"], "link": products[:2]}
        assign_page_values(page=page, values=values, now=page.created_at)
    make.make_translation(pages[0], "nl", name="Pagina", slug="pagina")
    menu = make.make_menu("Navbar", slug="navbar")
    make.make_menu("Footer", slug="footer")
    above = None
    for i, target in enumerate(({"category": category}, {"collection": collection}, {"page": pages[0]})):
        above = make.make_menu_item(menu, f"Item {i}", parent=above, **target)
        make.make_menu_item(menu, f"Page {i}", parent=above, page=pages[i + 1])
        make.make_menu_item(menu, f"URL {i}", url=f"/{i}")
    make.make_translation(above, "nl", name="Ding")


@pytest.fixture(scope="module")
def pools(shop):
    """Return values of arguments that often find something."""
    _, ids = shop
    channel = ["default-channel"] * 5 + ["other", "nowhere"]
    return {
        "channel": channel,
        "slug": ["p-1", "p-4", "winter", "clothes", "dropdown", "numeric", "navbar", "page-0", "topic"],
        "slugs": ["p-1", "p-2"],
        "id": ids,
        "ids": ids,
        "sku": ["SKU-2-1"],
        "externalReference": ["erp-2", "erp-9"],
        "key": ["a", "b"],
        "keys": ["a", "b"],
        "size": [64],
        "limit": [0, 1, 5],
        "name": ["Navbar"],
        "level": [0, 1],
        "search": ["product", "p-1"],
        "LanguageCodeEnum": ["NL", "EN", "FR_CA"],
        "CountryCode": ["NL", "US"],
        "ProductOrderField": ["NAME", "PRICE", "DATE", "RATING"],
    }


@pytest.mark.timeout(600)
def test_documents_made_up_from_the_schema(shop, pools, differences):
    before, statuses = compared["sent by tests"], []

    @settings(
        max_examples=DOCUMENTS,
        deadline=None,
        database=None,
        derandomize="DIFFERENTIAL_DOCUMENTS" not in os.environ,
        suppress_health_check=list(HealthCheck),
    )
    @given(document=documents(schema, pools=pools, depth=6, most=20))
    def look(document):
        text, variables = document
        body = {"query": text, "variables": variables}
        client = Client(headers={"host": shop[0].host})
        statuses.append(client.post("/graphql/", body, "application/json").status_code)
        assert not differences

    try:
        look()
    finally:
        differences.clear()  # those of the smallest document are reported
    assert statuses.count(200) > 0.9 * len(statuses)
    assert compared["sent by tests"] - before > 0.8 * len(statuses)  # and not answered from the cache
