"""Menus, pages and page types in the admin."""

from catalog.models import Attribute, Menu, MenuItem, Page, PageType, PageValue, Translation
from commerce.db.scope import tenant_scope
from tests.admin import errors, page, read_form, send, sign_in
from tests.factories import catalog as make


def rows(form):
    """Return the prefixes of the items of a menu's page, by name."""
    return {value: name.removesuffix("-name") for name, value in form.items() if name.endswith("-name")}


def make_tree():
    menu = make.make_menu("Navbar", slug="navbar")
    last = make.make_menu_item(menu, "Last", position=2, url="/last")
    shop = make.make_menu_item(menu, "Shop", position=1)
    make.make_menu_item(menu, "Coats", parent=shop, category=make.make_category("Coats"))
    return menu, last, shop


def test_a_menus_page_shows_its_items_as_a_tree_and_saves_them(tenant):
    client = sign_in(tenant, permissions=["MANAGE_MENUS"])
    with tenant_scope(tenant.id):
        menu, _, shop = make_tree()
    form = read_form(client.get(page(menu)))
    items = rows(form)
    assert [name for name in items if name] == ["Shop", "Coats", "Last"]
    changes = {
        f"{items['Last']}-parent": str(shop.id),
        f"{items['Coats']}-position": "5",
        "items-TOTAL_FORMS": "4",
        "items-3-name": "Sale",
        "items-3-position": "9",
        "items-3-url": "https://sale.example/",
        "items-3-menu": str(menu.id),
        "items-3-id": "",
    }
    response = send(client, page(menu), changes)
    assert response.status_code == 302, errors(response)
    with tenant_scope(tenant.id):
        found = MenuItem.objects.order_by("level", "position")
        shown = [(item.name, item.level, item.position) for item in found]
        assert shown == [("Shop", 0, 1), ("Sale", 0, 9), ("Last", 1, 2), ("Coats", 1, 5)]


def test_refusals_stand_at_the_item(tenant):
    client = sign_in(tenant, permissions=["MANAGE_MENUS"])
    with tenant_scope(tenant.id):
        menu, _, shop = make_tree()
        coats = MenuItem.objects.get(name="Coats")
    items = rows(read_form(client.get(page(menu))))
    response = send(client, page(menu), {f"{items['Shop']}-parent": str(coats.id)})
    assert "&#x27;Shop&#x27; cannot be placed below itself" in response.content.decode()
    response = send(client, page(menu), {f"{items['Coats']}-url": "/x"})
    assert "An item leads to one thing; category and url were given." in response.content.decode()
    with tenant_scope(tenant.id):
        assert MenuItem.objects.get(id=shop.id).parent_id is None


def test_an_item_has_its_words_in_other_languages(tenant):
    client = sign_in(tenant)
    with tenant_scope(tenant.id):
        menu, _, shop = make_tree()
    changes = {
        "translations-TOTAL_FORMS": "1",
        "translations-0-language": "nl",
        "translations-0-name": "Winkel",
        "translations-0-id": "",
    }
    response = send(client, page(shop), changes)
    assert response.status_code == 302, errors(response)
    with tenant_scope(tenant.id):
        found = Translation.objects.get(object_id=shop.id)
        assert (found.object_kind, found.language, found.name) == ("MenuItem", "nl", "Winkel")
    items = rows(read_form(client.get(page(menu))))
    send(client, page(menu), {f"{items['Shop']}-DELETE": "on"})
    with tenant_scope(tenant.id):
        assert [item.name for item in MenuItem.objects.all()] == ["Last"], "what is below goes along"
        assert not Translation.objects.exists()


def test_a_page_gets_its_values_and_its_publication(tenant):
    client = sign_in(tenant, permissions=["MANAGE_PAGES", "MANAGE_PRODUCTS"])
    with tenant_scope(tenant.id):
        topic = make.make_attribute("Topic", slug="topic", kind="page-type", values=["News"])
        shown = make.make_attribute(
            "Shown", slug="shown", kind="page-type", input_type=Attribute.InputType.REFERENCE, entity_type="Product"
        )
        one = make.make_attribute(
            "Category", slug="category", kind="page-type", input_type=Attribute.InputType.SINGLE_REFERENCE,
            entity_type="Category",
        )  # fmt: skip
        kind = make.make_page_type("Article", slug="article", attributes=[topic, shown, one])
        products = [make.make_product(name) for name in "AB"]
        category = make.make_category()
        news = topic.values.get()
    form = {"title": "About", "slug": "about", "page_type": str(kind.id), "content": "Hello.\n\nYou."}
    response = send(client, page(Page, "add"), {**form, "is_published": "on"})
    assert response.status_code == 302, errors(response)
    with tenant_scope(tenant.id):
        made = Page.objects.get(slug="about")
        assert made.is_published
        assert [block["data"]["text"] for block in made.content["blocks"]] == ["Hello.", "You."]
    changes = {
        f"attribute_{topic.id.hex}": str(news.id),
        f"attribute_{shown.id.hex}": [str(product.id) for product in products],
        f"attribute_{one.id.hex}": str(category.id),
    }
    response = send(client, page(made), changes)
    assert response.status_code == 302, errors(response)
    with tenant_scope(tenant.id):
        held = [(row.value.attribute.slug, row.value.name) for row in PageValue.objects.filter(page=made)]
        assert sorted(held) == [("category", "Clothes"), ("shown", "A"), ("shown", "B"), ("topic", "News")]
    response = client.get(page(made))
    assert f'value="{category.id}" selected' in response.content.decode()
    response = send(client, page(made), {f"attribute_{shown.id.hex}": [str(products[1].id)]})
    assert response.status_code == 302, errors(response)
    with tenant_scope(tenant.id):
        shown_names = [row.value.name for row in PageValue.objects.filter(page=made, value__attribute=shown)]
        assert shown_names == ["B"]


def test_a_page_types_attributes_are_those_of_pages(tenant):
    client = sign_in(tenant, permissions=["MANAGE_PAGE_TYPES_AND_ATTRIBUTES"])
    with tenant_scope(tenant.id):
        colour = make.make_attribute("Colour", slug="colour")
        topic = make.make_attribute("Topic", slug="topic", kind="page-type")
        kind = make.make_page_type("Article", slug="article")
    prefix = "pagetypeattribute_set"
    row = {f"{prefix}-TOTAL_FORMS": "1", f"{prefix}-0-page_type": str(kind.id), f"{prefix}-0-id": ""}
    row[f"{prefix}-0-position"] = "0"
    response = send(client, page(kind), {**row, f"{prefix}-0-attribute": str(colour.id)})
    assert "&#x27;colour&#x27; is an attribute of product-types." in response.content.decode()
    response = send(client, page(kind), {**row, f"{prefix}-0-attribute": str(topic.id)})
    assert response.status_code == 302, errors(response)
    with tenant_scope(tenant.id):
        assert [held.attribute.slug for held in PageType.objects.get(id=kind.id).pagetypeattribute_set.all()] == [
            "topic"
        ]


def test_a_large_menu_shows_a_link_to_its_items(tenant, monkeypatch):
    monkeypatch.setattr("catalog.admin.menus.MOST_ITEMS", 2)
    client = sign_in(tenant)
    with tenant_scope(tenant.id):
        menu, _, _ = make_tree()
        make.make_menu("Other")
    content = client.get(page(menu)).content.decode()
    address = f"{page(MenuItem, 'changelist')}?menu__id__exact={menu.id}"
    assert address in content
    listed = client.get(address).content.decode()
    assert "3 menu items" in listed
    assert "Coats" in listed
    assert client.get(page(Menu, "changelist")).status_code == 200
