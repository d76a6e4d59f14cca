"""Menus at `/graphql/` and their operations."""

from datetime import timedelta

import pytest
from django.utils import timezone

from catalog import operations
from catalog.models import Collection, CollectionPublication, Menu, MenuItem, Page
from catalog.models.menus import MAX_LEVELS
from commerce.db.scope import tenant_scope
from commerce.errors import DomainError
from commerce.graphql.ids import to_global_id
from tests.factories import catalog as make
from tests.factories.tenants import make_app, make_channel, open_shop

NAVBAR = """query($slug: String, $channel: String, $language: LanguageCodeEnum = NL) {
  menu(slug: $slug, channel: $channel) { id name slug items { ...item children { ...item children { ...item } } } } }
fragment item on MenuItem {
  id level name translation(languageCode: $language) { name } category { id slug products(first: 1) { totalCount } }
  collection { slug } page { slug } url
}"""


@pytest.fixture(scope="module")
def shop():
    """Return a shop with a menu that has one of every kind of item, and hidden things."""
    shop = open_shop()
    with tenant_scope(shop.id):
        clothes = make.make_category("Clothes", slug="clothes")
        summer = make.make_collection("Summer", slug="summer")
        draft = make.make_collection("Draft", slug="draft", channels=[])
        about = make.make_page("About", slug="about")
        hidden = make.make_page("Hidden", slug="hidden", is_published=False)
        menu = make.make_menu("Navbar", slug="navbar")
        later = make.make_menu_item(menu, "Later", position=5, url="https://later.example/")
        shop_item = make.make_menu_item(menu, "Shop", position=1)
        deeper = make.make_menu_item(menu, "Clothes", parent=shop_item, category=clothes, position=1)
        make.make_menu_item(menu, "Draft", parent=shop_item, collection=draft)
        make.make_menu_item(menu, "Summer", parent=deeper, collection=summer)
        below_hidden = make.make_menu_item(menu, "Hidden", position=2, page=hidden)
        make.make_menu_item(menu, "Below hidden", parent=below_hidden, url="/x")
        make.make_menu_item(menu, "About", position=3, page=about)
        make.make_translation(shop_item, "nl", name="Winkel")
        make.make_translation(later, "nl", seo_title="only this")
        make.make_menu("Empty", slug="footer")
    return shop


def names(items):
    return [(item["name"], names(item.get("children") or [])) for item in items]


def test_a_menu_is_a_tree_of_what_the_channel_shows(graphql, shop):
    menu = graphql(shop, NAVBAR, slug="navbar", channel="default-channel")["data"]["menu"]
    assert (menu["name"], menu["slug"]) == ("Navbar", "navbar")
    assert names(menu["items"]) == [("Shop", [("Clothes", [("Summer", [])])]), ("About", []), ("Later", [])]
    shop_item, about, later = menu["items"]
    assert shop_item["translation"] == {"name": "Winkel"}
    assert later["translation"] == {"name": "Later"}, "a name that is not translated stands in"
    assert [item["level"] for item in (shop_item, shop_item["children"][0])] == [0, 1]
    assert shop_item["children"][0]["category"]["slug"] == "clothes"
    assert shop_item["children"][0]["children"][0]["collection"] == {"slug": "summer"}
    assert about["page"] == {"slug": "about"}
    assert about["url"] is None
    assert later["url"] == "https://later.example/"
    assert graphql(shop, NAVBAR, slug="footer")["data"]["menu"]["items"] == []


def test_a_menu_by_id_and_by_name_and_none(graphql, shop):
    menu = graphql(shop, '{menu(slug: "navbar"){id}}')["data"]["menu"]
    found = graphql(
        shop,
        """query($id: ID) { byId: menu(id: $id) { name } byName: menu(name: "Navbar") { id }
        none: menu(slug: "nothing") { id } nowhere: menu(slug: "navbar", channel: "no-channel") { id } }""",
        id=menu["id"],
    )["data"]
    assert found == {"byId": {"name": "Navbar"}, "byName": menu, "none": None, "nowhere": None}


def test_menus_are_listed_by_name_both_ways(graphql, shop):
    query = """query($after: String, $before: String, $first: Int, $last: Int, $filter: MenuFilterInput) {
      menus(after: $after, before: $before, first: $first, last: $last, filter: $filter,
            sortBy: {field: ITEMS_COUNT, direction: DESC}) {
        totalCount pageInfo { endCursor hasNextPage hasPreviousPage } edges { cursor node { slug } } } }"""
    first = graphql(shop, query, first=1)["data"]["menus"]
    assert [edge["node"]["slug"] for edge in first["edges"]] == ["navbar"]
    assert (first["totalCount"], first["pageInfo"]["hasNextPage"]) == (2, True)
    second = graphql(shop, query, first=1, after=first["pageInfo"]["endCursor"])["data"]["menus"]
    assert [edge["node"]["slug"] for edge in second["edges"]] == ["footer"]
    back = graphql(shop, query, last=1, before=second["edges"][0]["cursor"])["data"]["menus"]
    assert [edge["node"]["slug"] for edge in back["edges"]] == ["navbar"]
    assert graphql(shop, query, first=5, filter={"search": "AVB"})["data"]["menus"]["totalCount"] == 1
    assert graphql(shop, query, first=5, filter={"slugs": ["footer"]})["data"]["menus"]["totalCount"] == 1


def test_the_statements_of_a_menu_do_not_grow_with_its_items(graphql, shop, count_sql):
    graphql(shop, "{ __typename }")
    read = {}
    for more in (0, 20):
        with tenant_scope(shop.id):
            menu = make.make_menu(f"Menu {more}", slug=f"menu-{more}")
            top = make.make_menu_item(menu, "Top", category=make.make_category("C"))
            for number in range(1 + more):
                make.make_menu_item(menu, f"{number}", parent=top, page=make.make_page(f"P {number}"))
                make.make_menu_item(menu, f"{number}", parent=top, collection=make.make_collection(f"C {number}"))
        with count_sql() as statements:
            items = graphql(
                shop,
                """query($slug: String) { menu(slug: $slug, channel: "default-channel") { items {
                  category { slug } collection { slug } page { slug }
                  children { category { slug } collection { slug } page { slug } children { name } } } } }""",
                slug=f"menu-{more}",
            )["data"]["menu"]["items"]
        assert len(items[0]["children"]) == 2 * (1 + more)
        read[more] = [sql for sql in statements if "least(" not in sql]
    # Channels, menu, tree, categories, collections, pages.
    assert [len(found) for found in read.values()] == [6, 6]


def test_an_item_appears_when_its_target_is_published(graphql, tenant):
    with tenant_scope(tenant.id):
        page = make.make_page("News", slug="news", published_at=timezone.now() + timedelta(days=1))
        collection = make.make_collection("Sale", slug="sale", channels=[])
        menu = make.make_menu("Navbar", slug="navbar")
        make.make_menu_item(menu, "News", page=page)
        make.make_menu_item(menu, "Sale", collection=collection)

    def shown():
        return [item["name"] for item in graphql(tenant, NAVBAR, slug="navbar")["data"]["menu"]["items"]]

    assert shown() == []
    with tenant_scope(tenant.id):
        page.published_at = timezone.now()
        operations.save(page, now=timezone.now())
        publication = CollectionPublication(collection=collection, channel=make.the_channel())
        operations.save(publication, now=timezone.now())
    assert shown() == ["News", "Sale"]


def test_each_channel_shows_its_own_collections(graphql, tenant):
    with tenant_scope(tenant.id):
        other = make_channel(slug="other")
        collection = make.make_collection("Sale", slug="sale", channels=[other])
        menu = make.make_menu("Navbar", slug="navbar")
        make.make_menu_item(menu, "Sale", collection=collection)
    found = {
        slug: graphql(tenant, NAVBAR, slug="navbar", channel=slug)["data"]["menu"]["items"]
        for slug in ("default-channel", "other")
    }
    assert found["default-channel"] == []
    assert found["other"][0]["collection"] == {"slug": "sale"}
    (error,) = graphql(tenant, NAVBAR, slug="navbar")["errors"]
    assert error["message"] == "More than one channel exists. Specify which channel to use."


def test_an_app_that_manages_menus_sees_all_items(client_for, shop):
    with tenant_scope(shop.id):
        make_channel(slug="second")
        token = make_app("MANAGE_MENUS").text
        hidden = MenuItem.objects.get(name="Hidden", menu__slug="navbar")
    client = client_for(shop, authorization=f"Bearer {token}")
    query = """query($id: ID!) { menu(slug: "navbar") { items { name page { slug } collection { slug }
      privateMetadata { key } children { name collection { slug } } } } menuItem(id: $id) { name menu { slug }
      parent { name } children { name parent { name } } } }"""
    body = {"query": query, "variables": {"id": to_global_id("MenuItem", hidden.id)}}
    answer = client.post("/graphql/", body, "application/json").json()
    assert "errors" not in answer
    assert [item["name"] for item in answer["data"]["menu"]["items"]] == ["Shop", "Hidden", "About", "Later"]
    assert answer["data"]["menu"]["items"][1]["page"] is None, "pages are for who manages pages"
    assert answer["data"]["menuItem"] == {
        "name": "Hidden",
        "menu": {"slug": "navbar"},
        "parent": None,
        "children": [{"name": "Below hidden", "parent": {"name": "Hidden"}}],
    }


def test_a_shopper_finds_no_item_that_is_hidden(graphql, shop):
    with tenant_scope(shop.id):
        items = {item.name: to_global_id("MenuItem", item.id) for item in MenuItem.objects.all()}
    query = 'query($id: ID!) { menuItem(id: $id, channel: "default-channel") { name } }'
    assert graphql(shop, query, id=items["Summer"])["data"] == {"menuItem": {"name": "Summer"}}
    assert graphql(shop, query, id=items["Hidden"])["data"] == {"menuItem": None}
    assert graphql(shop, query, id=items["Below hidden"])["data"] == {"menuItem": None}


# --- Operations ---------------------------------------------------------------------------------------------


def save(instance):
    operations.save(instance, now=timezone.now())
    return instance


def chain(menu, length):
    items = []
    for number in range(length):
        parent = items[-1] if items else None
        items.append(save(MenuItem(menu=menu, name=str(number), parent=parent)))
    return items


def test_items_get_their_level_and_take_what_is_below_along(tenant):
    with tenant_scope(tenant.id):
        menu = save(Menu(name="A", slug="a"))
        top, *rest = chain(menu, 4)
        assert [item.level for item in (top, *rest)] == [0, 1, 2, 3]
        rest[0].parent = None
        save(rest[0])
        assert list(MenuItem.objects.order_by("name").values_list("level", flat=True)) == [0, 0, 1, 2]


def test_an_item_cannot_be_placed_below_itself(tenant):
    with tenant_scope(tenant.id):
        menu = save(Menu(name="A", slug="a"))
        top, _, last = chain(menu, 3)
        for parent in (last, top):
            top.parent = parent
            with pytest.raises(operations.MenuCycle, match="'0' cannot be placed below itself"):
                save(top)
        assert MenuItem.objects.get(id=top.id).parent is None


def test_a_menu_has_only_so_many_levels(tenant):
    with tenant_scope(tenant.id):
        menu = save(Menu(name="A", slug="a"))
        *_, last = chain(menu, MAX_LEVELS)
        with pytest.raises(DomainError, match=f"A menu has {MAX_LEVELS} levels at most"):
            save(MenuItem(menu=menu, name="x", parent=last))
        above = save(MenuItem(menu=menu, name="above"))
        first = MenuItem.objects.get(name="0")
        first.parent = above
        with pytest.raises(DomainError, match="levels at most") as refused:
            save(first)
        assert refused.value.field == "parent"


def test_an_item_stays_in_its_parents_menu(tenant):
    with tenant_scope(tenant.id):
        menus = [save(Menu(name=name, slug=name)) for name in "ab"]
        top, below = chain(menus[0], 2)
        with pytest.raises(DomainError, match="The menu has no item"):
            save(MenuItem(menu=menus[1], name="x", parent=top))
        top.menu = menus[1]
        save(top)
        below.refresh_from_db()
        assert below.menu_id == menus[1].id


def test_an_item_leads_to_one_thing(tenant):
    with tenant_scope(tenant.id):
        menu, category = save(Menu(name="A", slug="a")), make.make_category()
        with pytest.raises(DomainError, match="leads to one thing; category and url were given") as refused:
            save(MenuItem(menu=menu, name="x", url="/y", category=category))
        assert refused.value.field == "url"


def test_what_is_deleted_takes_its_items_along(tenant):
    with tenant_scope(tenant.id):
        menu, collection, page = save(Menu(name="A", slug="a")), make.make_collection(), make.make_page()
        for target in ({"collection": collection}, {"page": page}, {"url": "/x"}):
            save(MenuItem(menu=menu, name="x", **target))
        operations.delete(Collection.objects.get(id=collection.id), now=timezone.now())
        operations.delete(Page.objects.get(id=page.id), now=timezone.now())
        assert [item.url for item in MenuItem.objects.all()] == ["/x"]
