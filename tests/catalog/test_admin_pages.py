"""Every page of every registered model, for staff of one shop beside another: cases come from the registry."""

import itertools
from typing import Any

import pytest
from django.contrib import admin
from django.urls import reverse

from catalog.models import Collection, Variant
from commerce.db.backend.schema import is_tenant_owned
from commerce.db.scope import tenant_scope
from tenants.models import User
from tests.admin import page, sign_in
from tests.factories.catalog import make_category, make_product
from tests.factories.rows import fill, load_every_model
from tests.factories.tenants import open_shop

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
NUMBERS = itertools.count()
NAMES = [model._meta.model_name for model in MODELS]
# To look at: nobody changes them by a form, makes those of the second group, or deletes those of the third.
UNCHANGED = {"appinstallation", "delivery", "export", "import", "job"}
MADE_ELSEWHERE = {"delivery", "job"}
KEPT = {*MADE_ELSEWHERE, "export", "import"}


@pytest.fixture(scope="module")
def shops(_database):
    return load_every_model(open_shop()), load_every_model(open_shop())


@pytest.fixture(scope="module")
def client(shops):
    return sign_in(shops[0])


def objects_of(shop, model):
    """Return some objects of a model that the admin is for (of people: the staff)."""
    with tenant_scope(shop.id):
        found = model._default_manager.order_by("pk")
        return list(found.filter(is_staff=True)[:2] if model is User else found[:2])


def test_nothing_but_tenants_models_is_registered():
    assert all(is_tenant_owned(model) for model in MODELS)
    assert [
        *("attribute", "attributevalue", "category", "collection", "collectionproduct", "export", "import"),
        *("menu", "menuitem", "page", "pagetype", "product", "producttype"),
        *("stock", "translation", "variant", "warehouse", "job", "app", "appinstallation", "channel"),
        *("languagechain", "permissiongroup", "user", "delivery", "webhook"),
    ] == NAMES


@pytest.mark.parametrize("model", MODELS, ids=NAMES)
def test_own_pages_open_and_name_nothing_of_another_shop(shops, client, model):
    ours, theirs = shops
    objects = objects_of(ours, model)
    assert objects
    is_made_here = model._meta.model_name not in MADE_ELSEWHERE
    addresses = [page(model, "changelist"), *([page(model, "add")] if is_made_here else [])]
    names = ("change", "history") if model._meta.model_name in KEPT else ("change", "delete", "history")
    addresses += [page(obj, name) for obj in objects for name in names]
    for address in addresses:
        response = client.get(address)
        content = response.content.decode()
        assert response.status_code == 200, address
        assert theirs.token not in content, address
        assert theirs.token not in str(response.headers), address
    assert ours.token in client.get(page(objects[0])).content.decode()


@pytest.mark.parametrize("model", MODELS, ids=NAMES)
def test_pages_of_another_shops_objects_do_not_open(shops, client, model):
    theirs = shops[1]
    for obj in objects_of(theirs, model):
        for name in ("change", "delete", "history"):
            for send in (client.get, client.post):
                response = send(page(obj, name), {"post": "yes"} if name == "delete" else {})
                refused = {403} if model._meta.model_name in UNCHANGED else set()
                assert response.status_code in {302, 404} | refused, (name, send)
                assert theirs.token not in response.content.decode()
        client.get("/admin/")  # takes the message "… doesn't exist" out of the session
    assert [obj.pk for obj in objects_of(theirs, model)], "and they are still there"


@pytest.mark.parametrize("model", MODELS, ids=NAMES)
def test_lists_find_nothing_of_another_shop(shops, client, model):
    theirs = shops[1]
    response = client.get(page(model, "changelist"), {"q": theirs.token})
    assert response.status_code == 200
    assert "0 results" in response.content.decode() or model._meta.model_name == "collectionproduct"


@pytest.mark.parametrize("model", MODELS, ids=NAMES)
def test_deleting_a_selection_touches_only_own_objects(shops, client, model):
    theirs = objects_of(shops[1], model)
    form = {"action": "delete_selected", "_selected_action": [str(obj.pk) for obj in theirs], "post": "yes"}
    status = 200 if model._meta.model_name in ("export", "import") else 302  # no action there, so that nothing is sent
    assert client.post(page(model, "changelist"), form).status_code == status
    assert objects_of(shops[1], model) == theirs


REFERENCES = [
    ("catalog", "product", "category"),
    ("catalog", "product", "product_type"),
    ("catalog", "variant", "product"),
    ("catalog", "stock", "variant"),
    ("catalog", "category", "parent"),
    ("catalog", "collectionproduct", "product"),
    ("catalog", "collectionproduct", "collection"),
    ("catalog", "producttypeattribute", "attribute"),
    ("catalog", "productvalue", "value"),
]


@pytest.mark.parametrize(("app", "model", "field"), REFERENCES)
def test_autocompletion_offers_own_objects_alone(shops, client, app, model, field):
    theirs = shops[1]
    ask = {"app_label": app, "model_name": model, "field_name": field}
    found = client.get(reverse("admin:autocomplete"), {**ask, "term": ""})
    assert found.status_code == 200
    assert found.json()["results"]
    assert theirs.token not in found.content.decode()
    assert client.get(reverse("admin:autocomplete"), {**ask, "term": theirs.token}).json()["results"] == []


def test_there_is_no_redirect_to_an_object_of_any_type(client):
    assert client.get("/admin/r/1/1/").status_code == 404


# --- Permissions ------------------------------------------------------------------------------------------

PRODUCTS = {"category", "collection", "collectionproduct", "product", "stock", "variant", "warehouse"}
PRODUCTS |= {"export", "import"}
TYPES = {"attribute", "attributevalue", "producttype"}


@pytest.mark.parametrize(
    ("permissions", "editable", "visible"),
    [
        ([], set(), set()),
        (["MANAGE_PRODUCTS"], PRODUCTS, TYPES | {"job", "page"}),
        (["MANAGE_PRODUCT_TYPES_AND_ATTRIBUTES"], TYPES, set()),
        (["MANAGE_TRANSLATIONS"], {"languagechain", "translation"}, set()),
        (["MANAGE_CHANNELS"], {"channel", "languagechain"}, set()),
        (["MANAGE_STAFF"], {"permissiongroup", "user"}, set()),
        (["MANAGE_ORDERS"], set(), set()),
    ],
)
def test_permission_groups_decide_what_opens(shops, permissions, editable, visible):
    shop = shops[0]
    client = sign_in(
        shop, permissions=permissions, email=f"{'-'.join(permissions) or 'none'}@{shop.token}.example".lower()
    )
    assert client.get("/admin/").status_code == 200
    opened = {name for name, model in zip(NAMES, MODELS, strict=True) if _opens(client, page(model, "changelist"))}
    addable = {name for name, model in zip(NAMES, MODELS, strict=True) if _opens(client, page(model, "add"))}
    assert opened == editable | visible
    assert addable == editable


def _opens(client, address):
    status = client.get(address).status_code
    assert status in (200, 403)
    return status == 200


def test_what_may_only_be_seen_cannot_be_changed(shops):
    shop = shops[0]
    client = sign_in(shop, permissions=["MANAGE_PRODUCTS"], email=f"viewer@{shop.token}.example")
    kind = objects_of(shop, MODELS[NAMES.index("producttype")])[0]
    shown = client.get(page(kind))
    assert shown.status_code == 200
    assert 'name="name"' not in shown.content.decode()
    assert client.post(page(kind), {"name": "changed", "slug": "changed"}).status_code == 403
    assert client.post(page(kind, "delete"), {"post": "yes"}).status_code == 403


# --- Lists cost the same, however much there is ------------------------------------------------------------


@pytest.mark.parametrize("query", ["", "?q=shirt", "?channel=default-channel&stock=yes", "?o=1"])
def test_the_list_of_products_takes_a_constant_number_of_statements(tenant, count_sql, query):
    counts = []
    client = sign_in(tenant)
    for number in (3, 30):
        with tenant_scope(tenant.id):
            for _ in range(number):
                make_product("Shirt", category=make_category())
        client.get(page(MODELS[NAMES.index("product")], "changelist"))
        with count_sql() as statements:
            assert client.get(page(MODELS[NAMES.index("product")], "changelist") + query).status_code == 200
        counts.append(len(statements))
    assert counts[0] == counts[1]
    assert counts[0] <= 12, statements


@pytest.mark.parametrize("model", MODELS, ids=NAMES)
def test_every_list_takes_a_constant_number_of_statements(shops, client, count_sql, model):
    address = page(model, "changelist")
    counts = []
    for more in (0, 5):
        with tenant_scope(shops[0].id):
            for _ in range(more):
                _one_more(model, f"{shops[0].token}{next(NUMBERS)}")
        client.get(address)
        with count_sql() as statements:
            client.get(address)
        counts.append(len(statements))
    assert counts[0] == counts[1]
    assert counts[0] <= 12, statements


def _one_more(model, token):
    """Add a row, with what it needs of its own where two of the kind cannot share that."""
    needs = {"stock": {"variant": Variant}, "collectionproduct": {"collection": Collection}}
    own = needs.get(model._meta.model_name, {})
    given: dict[str, Any] = {name: fill(needed, token) for name, needed in own.items()}
    if model is User:
        given["is_staff"] = True
    fill(model, token, **given)


def test_the_page_of_a_product_costs_the_same_for_many_variants(tenant, count_sql):
    client = sign_in(tenant)
    counts = []
    for variants in (1, 12):
        with tenant_scope(tenant.id):
            product = make_product(variants=variants)
        with count_sql() as statements:
            assert client.get(page(product)).status_code == 200
        counts.append(len(statements))
    assert counts[0] == counts[1]


def test_no_page_lists_all_products_to_choose_from(tenant):
    client = sign_in(tenant)
    with tenant_scope(tenant.id):
        products = [make_product(f"Thing {number}") for number in range(5)]
        variant = products[0].variants.get()
    for model in ("collection", "collectionproduct", "stock", "variant"):
        content = client.get(page(MODELS[NAMES.index(model)], "add")).content.decode()
        assert "Thing 3" not in content, model
    assert "Thing 3" not in client.get(page(variant)).content.decode()


def test_the_list_of_categories_is_a_tree(tenant):
    client = sign_in(tenant)
    with tenant_scope(tenant.id):
        clothes, shoes = make_category("Clothes"), make_category("Shoes")
        boots = make_category("Boots", parent=shoes)
        make_category("Ankle boots", parent=boots)
        make_category("Dresses", parent=clothes)
    content = client.get(page(boots, "changelist")).content.decode()
    words = ["Clothes<", "Dresses<", "Shoes<", "Boots<", "Ankle boots<"]
    assert sorted(words, key=content.index) == words
    assert 'level-2">Ankle boots' in content
    found = client.get(page(boots, "changelist"), {"q": "boots"}).content.decode()
    assert "2 results" in found
