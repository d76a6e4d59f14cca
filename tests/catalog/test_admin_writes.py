"""What staff save in the admin: events and listings follow, refusals name the field, nobody overwrites anybody."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.utils import timezone
from PIL import Image

from catalog import operations
from catalog.models import (
    Attribute,
    AttributeValue,
    Category,
    Collection,
    Listing,
    ListingName,
    Media,
    Product,
    ProductGroup,
    ProductPublication,
    ProductValue,
    Stock,
    Translation,
    Variant,
    VariantMedia,
    VariantPrice,
    VariantValue,
    Warehouse,
    WarehouseChannel,
)
from catalog.values import editorjs
from commerce.db.scope import tenant_scope
from commerce.outbox.models import Event
from tests.admin import errors, page, read_form, send, sign_in
from tests.factories.catalog import (
    make_attribute,
    make_category,
    make_collection,
    make_media,
    make_product,
    make_product_type,
    make_variant,
    make_warehouse,
)
from tests.factories.tenants import make_channel


@pytest.fixture
def shop(tenant):
    """A shop with one product, its variant priced 10.00 USD, five pieces in stock."""
    with tenant_scope(tenant.id):
        make_product("Shirt")
    return tenant


@pytest.fixture
def client(shop):
    return sign_in(shop)


@pytest.fixture
def scope(shop):
    """Return a function that opens the shop's scope."""
    return lambda: tenant_scope(shop.id)


def one(model, **where):
    return model._default_manager.get(**where)


def events(kind: str | None = None) -> list[tuple[str, str]]:
    found = Event.objects.order_by("position")
    return [(event.type, str(event.object_id)) for event in found if kind in (None, event.object_kind)]


def now_listed(product) -> Listing:
    now = timezone.now()
    return Listing.objects.get(product=product, valid_from__lte=now, valid_to__gt=now)


def column(form: dict, prefix: str, row: int = 0) -> str:
    """Return the name of the first price_… or stock_… field of a variant's row."""
    return next(name for name in form if name.startswith(f"variants-{row}-{prefix}_"))


# --- Products -----------------------------------------------------------------------------------------------


def test_a_price_and_stock_are_saved_from_the_products_page(scope, client):
    with scope():
        product, price = one(Product), one(VariantPrice)
    form = read_form(client.get(page(product)))
    assert form[column(form, "price")] == "10.00"
    assert form[column(form, "stock")] == "5"
    answer = client.post(page(product), {**form, column(form, "price"): "12.50", column(form, "stock"): "0"})
    assert answer.status_code == 302
    with scope():
        assert one(VariantPrice).price == 1250
        assert one(Stock).on_hand == 0
        listing = now_listed(product)
        assert (listing.price_min, listing.price_max, listing.in_stock) == (1250, 1250, False)
        written = [(type_, object_id) for type_, object_id in events()]
        assert written == [
            ("catalog.price.changed", str(price.id)),
            ("catalog.stock.changed", str(one(Stock).id)),
            ("catalog.stock.ran_out", str(one(Stock).id)),
        ]
        assert Event.objects.filter(actor=f"user:{client.user.pk}").count() == 3
        assert (one(Product).version, one(Variant).version) == (product.version, 1), "what was not edited stays"


def test_saving_without_a_change_writes_nothing(scope, client):
    with scope():
        product, variant, stock = one(Product), one(Variant), one(Stock)
    for obj in (product, variant, stock):
        assert send(client, page(obj), {}).status_code == 302
    with scope():
        assert events() == []
        assert [one(type(obj)).version for obj in (product, variant, stock)] == [1, 1, 1]


def test_an_emptied_price_is_taken_away_and_an_entered_one_added(scope, client):
    with scope():
        product = one(Product)
        make_channel(slug="japan", currency="JPY", countries=["JP"], languages=["ja"])
    form = read_form(client.get(page(product)))
    dollars, yen = [name for name in form if name.startswith("variants-0-price_")]
    answer = client.post(page(product), {**form, dollars: "", yen: "1500"})
    assert answer.status_code == 302
    with scope():
        price = one(VariantPrice)
        assert (price.price, price.currency, price.channel.slug) == (1500, "JPY", "japan")
        assert now_listed(product).price_min is None


@pytest.mark.parametrize("amount", ["1.005", "-1", "abc", "1e30", "99999999999999999999", "NaN"])
def test_an_amount_that_is_none_is_an_error_at_its_field(scope, client, amount):
    with scope():
        product = one(Product)
    form = read_form(client.get(page(product)))
    answer = client.post(page(product), {**form, column(form, "price"): amount})
    assert answer.status_code == 200
    assert errors(answer)
    with scope():
        assert one(VariantPrice).price == 1000
        assert events() == []


def test_a_new_product_is_added_with_variant_price_stock_and_publication(scope, client, shop):
    with scope():
        kind, category = make_product_type("Mug"), make_category("Kitchen")
    form = read_form(client.get(page(Product, "add")))
    answer = client.post(
        page(Product, "add"),
        {
            **form,
            "name": "Blue mug",
            "slug": "blue-mug",
            "product_type": str(kind.id),
            "category": str(category.id),
            "description": "A mug.\n\nIt is <blue>.",
            "variants-0-sku": "MUG-1",
            column(form, "price"): "7.5",
            column(form, "stock"): "3",
            "publications-TOTAL_FORMS": "1",
            "publications-0-channel": str(shop.channel.id),
            "publications-0-is_published": "on",
            "publications-0-visible_in_listings": "on",
            "publications-0-is_available_for_purchase": "on",
        },
    )
    assert answer.status_code == 302, errors(answer)
    with scope():
        product = one(Product, slug="blue-mug")
        assert answer.headers["Location"] == page(product)
        assert product.description["blocks"] == editorjs("A mug.\n\nIt is <blue>.")["blocks"]
        variant = product.variants.get()
        assert (variant.sku, variant.prices.get().price, variant.stocks.get().on_hand) == ("MUG-1", 750, 3)
        listing = now_listed(product)
        assert (listing.is_visible, listing.in_stock, listing.price_min) == (True, True, 750)
        assert ListingName.objects.filter(product=product).exists()
        assert ("catalog.product.created", str(product.id)) in events()
        entry = LogEntry.objects.get()
        assert (entry.object_id, entry.user_id, entry.action_flag) == (str(product.id), client.user.pk, 1)
    shown = client.get(page(product)).content.decode()
    assert "A mug.\n\nIt is &lt;blue&gt;." in shown, "shown as it was entered"
    assert "Blue mug" in client.get(page(product, "history")).content.decode()


def test_a_slug_in_use_is_an_error_at_the_slug_and_loses_nothing(scope, client):
    with scope():
        product, other = one(Product), make_product("Coat")
    answer = send(client, page(other), {"slug": product.slug, "name": "Winter coat"})
    assert answer.status_code == 200
    assert "Another product has slug" in errors(answer)
    assert read_form(answer)["name"] == "Winter coat"
    with scope():
        other.refresh_from_db()
        assert other.name == "Coat"
        assert events() == []


def test_a_sku_in_use_is_an_error_in_the_variants_row(scope, client):
    with scope():
        taken, other = one(Variant), make_product("Coat")
    answer = send(client, page(other), {"variants-0-sku": taken.sku, "variants-0-name": "Large"})
    assert answer.status_code == 200
    assert "Another variant has sku" in errors(answer)
    assert read_form(answer)["variants-0-name"] == "Large"


def test_two_variants_may_do_without_a_sku(scope, client):
    with scope():
        product = make_product(variants=2)
    assert send(client, page(product), {"variants-0-sku": "", "variants-1-sku": ""}).status_code == 302
    with scope():
        assert list(product.variants.values_list("sku", flat=True)) == [None, None]


def test_a_deleted_variant_is_gone_with_its_event_and_listing(scope, client):
    with scope():
        product = make_product(variants=2, price=1000)
        doomed = product.variants.order_by("position")[0]
        doomed.prices.update(price=100)
        operations.refresh_products([product.id], now=timezone.now())
        assert now_listed(product).price_min == 100
    assert send(client, page(product), {"variants-0-DELETE": "on"}).status_code == 302
    with scope():
        assert product.variants.count() == 1
        assert now_listed(product).price_min == 1000
        assert ("catalog.variant.deleted", str(doomed.id)) in events()


def test_publishing_in_a_channel_twice_is_an_error_in_that_row(scope, client, shop):
    with scope():
        product = one(Product)
    form = {"publications-TOTAL_FORMS": "2", "publications-1-channel": str(shop.channel.id)}
    answer = send(client, page(product), form)
    assert answer.status_code == 200
    assert "Another product publication has" in errors(answer)
    with scope():
        assert ProductPublication.objects.count() == 1


def test_a_publication_ahead_is_a_window_of_the_listing(scope, client):
    with scope():
        product = one(Product)
    form = {"publications-0-published_at_0": "2099-01-01", "publications-0-published_at_1": "12:00"}
    assert send(client, page(product), form).status_code == 302
    with scope():
        assert not now_listed(product).is_visible
        ahead = Listing.objects.get(product=product, valid_from=datetime(2099, 1, 1, 12, tzinfo=UTC))
        assert ahead.is_visible


def test_deleting_a_product_takes_everything_along(scope, client):
    with scope():
        product = one(Product)
    shown = client.get(page(product, "delete")).content.decode()
    assert "Variants: 1" in shown
    assert "Listing" not in shown
    assert client.post(page(product, "delete"), {"post": "yes"}).status_code == 302
    with scope():
        assert not Product.objects.exists()
        assert not Listing.objects.exists()
        assert events("Product") == [("catalog.product.deleted", str(product.id))]


def test_a_product_type_in_use_cannot_be_deleted(scope, client):
    with scope():
        kind = one(Product).product_type
    assert "1 products" in client.get(page(kind, "delete")).content.decode()
    assert client.post(page(kind, "delete"), {"post": "yes"}).status_code == 200
    with scope():
        assert Product.objects.exists()


def test_a_selection_is_deleted_object_by_object(scope, client):
    with scope():
        chosen = [make_product(f"Old {number}") for number in range(3)]
    form = {"action": "delete_selected", "_selected_action": [str(product.id) for product in chosen]}
    assert "Products: 3" in client.post(page(Product, "changelist"), form).content.decode()
    assert client.post(page(Product, "changelist"), {**form, "post": "yes"}).status_code == 302
    with scope():
        assert list(Product.objects.values_list("name", flat=True)) == ["Shirt"]
        assert len(events("Product")) == 3


def test_a_selection_that_is_too_large_is_refused(scope, client, monkeypatch):
    monkeypatch.setattr("catalog.admin.products.ProductAdmin.most_deleted_at_once", 2)
    with scope():
        chosen = [make_product(f"Old {number}") for number in range(3)]
    form = {"action": "delete_selected", "_selected_action": [str(product.id) for product in chosen], "post": "yes"}
    answer = client.post(page(Product, "changelist"), form, follow=True)
    assert "Select 2 or fewer" in answer.content.decode()
    with scope():
        assert Product.objects.count() == 4


def test_a_selection_of_which_one_cannot_go_stays_whole(scope, client):
    with scope():
        used, free = one(Product).product_type, make_product_type("Free")
    form = {"action": "delete_selected", "_selected_action": [str(used.id), str(free.id)], "post": "yes"}
    client.post(page(used, "changelist"), form)
    with scope():
        assert {used, free} <= set(type(used).objects.all())


@pytest.mark.parametrize("found_by", ["sku", "slug", "external_reference", "name"])
def test_products_are_found_by_what_staff_know(scope, client, found_by):
    with scope():
        product = make_product("Blue coat", external_reference="ERP-77")
        words = {"sku": product.variants.get().sku, "name": "lue co"}
        term = words.get(found_by) or getattr(product, found_by)
    content = client.get(page(product, "changelist"), {"q": term}).content.decode()
    assert "1 result " in content
    assert "Blue coat" in content


# --- The optimistic lock --------------------------------------------------------------------------------------


def test_what_somebody_else_changed_meanwhile_is_not_overwritten(scope, client):
    with scope():
        product = one(Product)
    opened = client.get(page(product))
    with scope():
        mine = one(Product)
        mine.name = "Changed by an import"
        operations.save(mine, now=timezone.now())
    answer = send(client, page(product), {"seo_title": "Mine"}, page_of=opened)
    assert answer.status_code == 200
    assert "Somebody changed this after you opened it" in errors(answer)
    assert read_form(answer)["seo_title"] == "Mine", "nothing that was entered is lost"
    with scope():
        product = one(Product)
        assert (product.name, product.seo_title) == ("Changed by an import", "")
    again = send(client, page(product), {"seo_title": "Mine"}, page_of=answer)
    assert again.status_code == 200, "nor by sending it once more"


@pytest.mark.parametrize(("prefix", "mine"), [("price", "11.00"), ("stock", "9")])
def test_a_price_or_stock_that_changed_meanwhile_is_not_overwritten(scope, client, prefix, mine):
    with scope():
        product, price, stock = one(Product), one(VariantPrice), one(Stock)
    opened = client.get(page(product))
    with scope():
        price.price, stock.on_hand = 1700, 2
        operations.save(stock, now=timezone.now())
        operations.save(price, now=timezone.now())
    answer = send(client, page(product), {column(read_form(opened), prefix): mine}, page_of=opened)
    assert answer.status_code == 200
    assert f"It is {'17.00' if prefix == 'price' else 2} now" in errors(answer)
    with scope():
        assert (one(VariantPrice).price, one(Stock).on_hand) == (1700, 2)


def test_sales_meanwhile_do_not_disturb_other_edits(scope, client):
    with scope():
        product, stock, price = one(Product), one(Stock), one(VariantPrice)
    opened = client.get(page(product))
    with scope():
        operations.reserve_stock([operations.Pieces(stock.id, 1)], now=timezone.now())
        price.price = 1700
        operations.save(price, now=timezone.now())
    assert send(client, page(product), {"name": "Blouse"}, page_of=opened).status_code == 302
    with scope():
        assert one(Product).name == "Blouse"
        assert (one(VariantPrice).price, one(Stock).on_hand, one(Stock).reserved) == (1700, 5, 1)


def test_a_row_that_somebody_deleted_meanwhile_is_an_error(scope, client):
    with scope():
        product = make_product(variants=2)
    opened = client.get(page(product))
    with scope():
        operations.delete(product.variants.order_by("position")[0], now=timezone.now())
    answer = send(client, page(product), {"variants-0-name": "Mine"}, page_of=opened)
    assert answer.status_code == 200
    assert errors(answer)


def test_the_stock_page_has_the_lock_too(scope, client):
    with scope():
        stock = one(Stock)
    opened = client.get(page(stock))
    with scope():
        stock.on_hand = 50
        operations.save(stock, now=timezone.now())
    answer = send(client, page(stock), {"on_hand": "6"}, page_of=opened)
    assert "Somebody changed this" in errors(answer)
    with scope():
        assert one(Stock).on_hand == 50


def test_fewer_pieces_than_are_reserved_are_an_error_at_the_field(scope, client):
    with scope():
        product, stock = one(Product), one(Stock)
        operations.reserve_stock([operations.Pieces(stock.id, 3)], now=timezone.now())
    form = read_form(client.get(page(product)))
    answer = client.post(page(product), {**form, column(form, "stock"): "2"})
    assert "3 pieces are reserved." in errors(answer)
    answer = send(client, page(stock), {"on_hand": "2"})
    assert "3 pieces are reserved." in errors(answer)
    with scope():
        assert one(Stock).on_hand == 5


# --- Variants, attributes ---------------------------------------------------------------------------------------


def test_the_variants_page_has_prices_in_major_units(scope, client):
    with scope():
        variant = one(Variant)
        yen = make_channel(slug="japan", currency="JPY", countries=["JP"], languages=["ja"])
    form = read_form(client.get(page(variant)))
    assert form["prices-0-price"] == "10.00"
    added = {
        "prices-0-prior_price": "19.99",
        "prices-0-cost": "4",
        "prices-TOTAL_FORMS": "2",
        "prices-1-channel": str(yen.id),
        "prices-1-price": "1200",
    }
    answer = client.post(page(variant), {**form, **added})
    assert answer.status_code == 302, errors(answer)
    with scope():
        first, second = VariantPrice.objects.order_by("currency")
        assert (second.price, second.cost, second.prior_price, second.currency) == (1000, 400, 1999, "USD")
        assert (first.price, first.currency) == (1200, "JPY")
    form = read_form(client.get(page(variant)))
    wrong = next(name for name in form if name.startswith("prices-") and form[name] == "1200")
    answer = client.post(page(variant), {**form, wrong: "1200.5"})
    assert "more than the 0 decimal digits of JPY" in errors(answer)


def test_a_variant_shows_pictures_of_its_product(scope, client):
    with scope():
        variant = one(Variant)
        front, _ = make_media(variant.product), make_media(make_product("Other"), alt="of another product")
    assert "of another product" not in client.get(page(variant)).content.decode()
    for chosen in ([str(front.id)], []):
        assert send(client, page(variant), {"pictures": chosen}).status_code == 302
        with scope():
            assert [str(row.media_id) for row in VariantMedia.objects.all()] == chosen


TYPES = Attribute.InputType


@pytest.fixture
def described(scope):
    """A product whose type has an attribute of each input type that staff can fill."""
    with scope():
        choices = {
            TYPES.DROPDOWN: ["S", "M"],
            TYPES.MULTISELECT: ["a", "b", "c"],
            TYPES.SWATCH: ["Red|#ff0000", "Blue|#0000ff"],
        }
        made = {
            kind: make_attribute(kind, input_type=kind, values=choices.get(kind, ()))
            for kind in (
                *choices,
                TYPES.NUMERIC,
                TYPES.BOOLEAN,
                TYPES.PLAIN_TEXT,
                TYPES.RICH_TEXT,
                TYPES.DATE,
                TYPES.DATE_TIME,
            )
        }
        product = make_product("Described", product_type=make_product_type("All", attributes=list(made.values())))
    return product, made


def field(attribute) -> str:
    return f"attribute_{attribute.id.hex}"


def held(product) -> dict[str, list[AttributeValue]]:
    found: dict[str, list[AttributeValue]] = {}
    for row in ProductValue.objects.filter(product=product).select_related("value__attribute").order_by("position"):
        found.setdefault(row.value.attribute.input_type, []).append(row.value)
    return found


def test_attribute_values_are_fields_typed_by_their_input_type(scope, client, described):
    product, made = described
    with scope():
        value = {one.name: str(one.id) for one in AttributeValue.objects.all()}
    filled = {
        field(made[TYPES.DROPDOWN]): value["M"],
        field(made[TYPES.MULTISELECT]): [value["a"], value["c"]],
        field(made[TYPES.SWATCH]): value["Blue"],
        field(made[TYPES.NUMERIC]): "2.5",
        field(made[TYPES.BOOLEAN]): "true",
        field(made[TYPES.PLAIN_TEXT]): "a few words",
        field(made[TYPES.RICH_TEXT]): "One.\n\nTwo.",
        field(made[TYPES.DATE]): "2026-02-03",
        field(made[TYPES.DATE_TIME]) + "_0": "2026-02-03",
        field(made[TYPES.DATE_TIME]) + "_1": "04:05:06",
    }
    form = read_form(client.get(page(product)))
    answer = client.post(page(product), {**form, **filled})
    assert answer.status_code == 302, errors(answer)
    with scope():
        got = held(product)
        assert [one.name for one in got[TYPES.DROPDOWN]] == ["M"]
        assert {one.name for one in got[TYPES.MULTISELECT]} == {"a", "c"}
        assert [(one.name, one.value) for one in got[TYPES.SWATCH]] == [("Blue", "#0000ff")]
        assert got[TYPES.NUMERIC][0].numeric == 2.5
        assert got[TYPES.BOOLEAN][0].boolean is True
        assert got[TYPES.PLAIN_TEXT][0].plain_text == "a few words"
        assert got[TYPES.RICH_TEXT][0].rich_text["blocks"] == editorjs("One.\n\nTwo.")["blocks"]
        assert got[TYPES.DATE][0].date == date(2026, 2, 3)
        assert got[TYPES.DATE_TIME][0].date_time == datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
        assert events("Product") == [("catalog.product.updated", str(product.id))], "one event, not one per value"
        values = AttributeValue.objects.filter(attribute__in=[made[TYPES.DROPDOWN], made[TYPES.SWATCH]])
        assert values.count() == 4, "choosing makes no new value"
    assert send(client, page(product), {}).status_code == 302
    with scope():
        assert len(events("Product")) == 1, "what it shows is what it has: sent back, nothing changes"
    cleared = {name: [] if isinstance(sent, list) else "" for name, sent in filled.items()}
    form = read_form(client.get(page(product)))
    cleared[field(made[TYPES.BOOLEAN])] = "unknown"
    assert client.post(page(product), {**form, **cleared}).status_code == 302
    with scope():
        assert held(product) == {}


@pytest.mark.parametrize(
    ("kind", "entered", "message"),
    [
        (TYPES.NUMERIC, "many", "Enter a number"),
        (TYPES.NUMERIC, "nan", "Enter a number"),
        (TYPES.DATE, "soon", "Enter a valid date"),
        (TYPES.RICH_TEXT, '{"blocks": 1}', "EditorJS"),
        (TYPES.RICH_TEXT, '{"blocks": [', "no JSON"),
        (TYPES.RICH_TEXT, '{"blocks": ["words"]}', "EditorJS"),
        (TYPES.RICH_TEXT, '{"blocks": [{"type": "paragraph", "data": {"text": "\\u0000"}}]}', "NUL"),
        (TYPES.DROPDOWN, str(uuid4()), "Select a valid choice"),
        (TYPES.DROPDOWN, "nonsense", "not a valid UUID"),
        (TYPES.MULTISELECT, ["nonsense"], "not a valid"),
    ],
)
def test_a_value_that_does_not_fit_is_an_error_at_its_field(scope, client, described, kind, entered, message):
    product, made = described
    answer = client.post(page(product), {**read_form(client.get(page(product))), field(made[kind]): entered})
    assert answer.status_code == 200
    assert message in errors(answer)
    with scope():
        assert held(product) == {}


def test_a_value_of_another_attribute_cannot_be_chosen(scope, client, described):
    product, made = described
    with scope():
        red = AttributeValue.objects.get(name="Red")
    answer = send(client, page(product), {field(made[TYPES.DROPDOWN]): str(red.id)})
    assert "Select a valid choice" in errors(answer)
    ask = {"app_label": "catalog", "model_name": "productvalue", "field_name": "value"}
    offered = client.get("/admin/autocomplete/", {**ask, "attribute": str(red.attribute_id)}).json()["results"]
    assert [one["text"] for one in offered] == ["Red", "Blue"]
    assert client.get("/admin/autocomplete/", {**ask, "attribute": "nonsense"}).json()["results"] == []


def test_a_renamed_value_is_still_the_same_when_chosen(scope, client, described):
    product, made = described
    with scope():
        medium = AttributeValue.objects.get(name="M")
    assert send(client, page(medium), {"name": "Medium"}).status_code == 302
    form = read_form(client.get(page(product)))
    assert client.post(page(product), {**form, field(made[TYPES.DROPDOWN]): str(medium.id)}).status_code == 302
    with scope():
        assert held(product)[TYPES.DROPDOWN] == [medium]
        assert medium.attribute.values.count() == 2


def test_a_required_attribute_is_asked_for(scope, client):
    with scope():
        size = make_attribute("Size", values=["S"], value_required=True)
        product = make_product("Shirt", product_type=make_product_type("Sized", attributes=[size]))
    answer = send(client, page(product), {"name": "Blouse"})
    assert "This field is required." in errors(answer)


def test_a_variant_has_the_variants_attributes(scope, client):
    with scope():
        size = make_attribute("Size", values=["S", "L"])
        product = one(Product)
        product.product_type.producttypeattribute_set.create(attribute=size, on_variants=True)
        variant, large = one(Variant), size.values.get(name="L")
    assert field(size) not in read_form(client.get(page(product)))
    assert send(client, page(variant), {field(size): str(large.id)}).status_code == 302
    with scope():
        row = VariantValue.objects.get()
        assert (row.variant, row.product_id, row.value) == (variant, product.id, large)


def test_an_attribute_gets_values_with_slugs_of_their_own(scope, client):
    form = read_form(client.get(page(Attribute, "add")))
    answer = client.post(page(Attribute, "add"), {**form, "name": "Colour", "slug": "colour", "input_type": "swatch"})
    assert answer.status_code == 302, errors(answer)
    with scope():
        attribute = one(Attribute)
    form = read_form(client.get(page(attribute)))
    values = {
        "values-TOTAL_FORMS": "2",
        "values-0-name": "Sky blue",
        "values-0-value": "#87ceeb",
        "values-0-position": "0",
        "values-1-name": "Red",
        "values-1-value": "#f00",
        "values-1-position": "0",
    }
    wrong = client.post(page(attribute), {**form, **values, "values-1-value": "reddish"})
    assert "'reddish' is no colour" in errors(wrong)
    assert client.post(page(attribute), {**form, **values}).status_code == 302
    with scope():
        found = list(attribute.values.order_by("position").values_list("slug", "value", "position"))
        assert found == [("sky-blue", "#87ceeb", 0), ("red", "#f00", 1)]
        assert [type_ for type_, _ in events("AttributeValue")] == ["catalog.attribute_value.created"] * 2
    twice = {"values-TOTAL_FORMS": "3", "values-2-name": "red", "values-2-position": "0"}
    answer = client.post(page(attribute), {**read_form(client.get(page(attribute))), **twice})
    assert "Another attribute value has" in errors(answer)


def test_numbers_are_values_of_themselves_and_cannot_be_edited(scope, client):
    with scope():
        weight = make_attribute("Weight", input_type=TYPES.NUMERIC, values=[1, 2])
        value = weight.values.all()[0]
    assert client.get(page(value)).status_code == 200
    assert client.post(page(value), {"name": "3"}).status_code == 403
    assert "values-0-name" not in read_form(client.get(page(weight)))


# --- Groups, warehouses, translations, channels --------------------------------------------------------------------


def test_a_category_below_itself_is_an_error_at_the_parent(scope, client):
    with scope():
        root = make_category("Clothes")
        leaf = make_category("Shirts", parent=root)
    answer = send(client, page(root), {"parent": str(leaf.id)})
    assert answer.status_code == 200
    assert "cannot be placed below itself" in errors(answer)
    with scope():
        assert one(Category, id=root.id).parent_id is None


def test_moving_a_category_moves_its_products(scope, client):
    with scope():
        old, new = make_category("Old"), make_category("New")
        leaf = make_category("Shirts", parent=old)
        make_product("Shirt", category=leaf)
    assert send(client, page(leaf), {"parent": str(new.id)}).status_code == 302
    with scope():
        groups = set(ProductGroup.objects.values_list("group_id", flat=True))
        assert groups == {leaf.id, new.id}


def test_a_category_with_others_below_it_cannot_be_deleted(scope, client):
    with scope():
        root = make_category("Clothes")
        make_category("Shirts", parent=root)
    assert client.post(page(root, "delete"), {"post": "yes"}).status_code == 200
    with scope():
        assert Category.objects.count() == 2


def test_a_collection_gets_products_in_their_order(scope, client):
    with scope():
        collection = make_collection("Summer")
        first, second = one(Product), make_product("Coat")
    added = {
        "collectionproduct_set-TOTAL_FORMS": "2",
        "collectionproduct_set-0-product": str(second.id),
        "collectionproduct_set-0-position": "0",
        "collectionproduct_set-1-product": str(first.id),
        "collectionproduct_set-1-position": "1",
    }
    answer = send(client, page(collection), added)
    assert answer.status_code == 302, errors(answer)
    with scope():
        found = ProductGroup.objects.filter(group_id=collection.id).order_by("position")
        assert [row.product_id for row in found] == [second.id, first.id]
        assert [type_ for type_, _ in events("Collection")] == ["catalog.collection.updated"] * 2
    again = {
        "collectionproduct_set-TOTAL_FORMS": "3",
        "collectionproduct_set-2-product": str(first.id),
        "collectionproduct_set-2-position": "2",
    }
    answer = send(client, page(collection), again)
    assert answer.status_code == 200
    with scope():
        assert Collection.objects.get().collectionproduct_set.count() == 2


def test_a_warehouse_that_serves_no_channel_any_more_sells_nothing(scope, client):
    with scope():
        warehouse, product = one(Warehouse), one(Product)
    answer = send(client, page(warehouse), {"channels": [], "address_city": "Utrecht", "address_country": "nl"})
    assert answer.status_code == 302, errors(answer)
    with scope():
        assert not WarehouseChannel.objects.exists()
        assert not now_listed(product).in_stock
        assert one(Warehouse).address == {"city": "Utrecht", "country": "NL"}
    answer = send(client, page(warehouse), {"address_country": "Utopia"})
    assert "no country code" in errors(answer)


def test_stock_is_added_on_a_page_of_its_own(scope, client):
    with scope():
        variant = make_variant(one(Product))
        warehouse = make_warehouse("Second")
    form = read_form(client.get(page(Stock, "add")))
    sent = {**form, "variant": str(variant.id), "warehouse": str(warehouse.id), "on_hand": "4"}
    assert client.post(page(Stock, "add"), sent).status_code == 302
    answer = client.post(page(Stock, "add"), sent)
    assert "Another stock has" in errors(answer)
    with scope():
        assert Stock.objects.get(variant=variant, warehouse=warehouse).on_hand == 4


def test_translations_stand_on_the_objects_page(scope, client):
    with scope():
        product = one(Product)
    added = {
        "translations-TOTAL_FORMS": "1",
        "translations-0-language": "nl-be",
        "translations-0-name": "Hemd",
        "translations-0-description": "Een hemd.",
    }
    answer = send(client, page(product), added)
    assert answer.status_code == 302, errors(answer)
    with scope():
        made = one(Translation)
        assert (made.object_kind, made.object_id, made.language, made.name) == ("Product", product.id, "nl-BE", "Hemd")
        assert made.slug is None
        assert events("Translation") == [("catalog.translation.created", str(made.id))]
    form = read_form(client.get(page(product)))
    assert form["translations-0-description"] == "Een hemd."
    twice = {"translations-TOTAL_FORMS": "2", "translations-1-language": "nl-BE", "translations-1-name": "Blouse"}
    assert "Another translation has" in errors(send(client, page(product), twice))
    assert "no language" in errors(send(client, page(product), {"translations-0-language": "xx-yy-zz"}))
    assert send(client, page(product), {"translations-0-DELETE": "on"}).status_code == 302
    with scope():
        assert not Translation.objects.exists()


def test_translators_work_on_a_list_of_their_own(scope, shop):
    client = sign_in(shop, permissions=["MANAGE_TRANSLATIONS"])
    with scope():
        product = one(Product)
    form = read_form(client.get(page(Translation, "add")))
    sent = {**form, "object_kind": "Product", "object_id": str(product.id), "language": "nl", "name": "Hemd"}
    assert "no such object" in errors(client.post(page(Translation, "add"), {**sent, "object_id": str(uuid4())}))
    assert "no such object" in errors(client.post(page(Translation, "add"), {**sent, "object_kind": "Category"}))
    assert client.post(page(Translation, "add"), sent).status_code == 302
    with scope():
        made = one(Translation)
    assert "Shirt" in client.get(page(made)).content.decode(), "the words to translate are shown"


def test_a_channels_new_language_orders_its_names(scope, client, shop):
    with scope():
        product = one(Product)
    assert send(client, page(shop.channel), {"languages": "en, sv"}).status_code == 302
    with scope():
        assert set(ListingName.objects.filter(product=product).values_list("language", flat=True)) == {"en", "sv"}


# --- Pictures ---------------------------------------------------------------------------------------------------------


def picture(format_: str = "PNG", size=(8, 8), name: str = "front.png") -> SimpleUploadedFile:
    content = BytesIO()
    Image.new("RGB", size, "red").save(content, format_)
    return SimpleUploadedFile(name, content.getvalue(), content_type="application/octet-stream")


@pytest.fixture
def media_root(settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path)
    return tmp_path


def upload(client, product, file, **more):
    form = {"media-TOTAL_FORMS": "1", "media-0-file": file, "media-0-type": "IMAGE", "media-0-position": "0", **more}
    return send(client, page(product), form)


def files_below(root):
    return [path for path in root.rglob("*") if path.is_file()]


def test_an_uploaded_picture_is_kept_for_the_tenant_and_served_at_its_host(
    scope, client, shop, other_tenant, client_for, media_root
):
    with scope():
        product = one(Product)
    answer = upload(client, product, picture(name="../../Vor der Tür.png"), **{"media-0-alt": "In front"})
    assert answer.status_code == 302, errors(answer)
    with scope():
        made = one(Media)
        assert re.fullmatch(r"products/Vor_der_Tür-[0-9a-f]{12}\.png", made.file.name)
        address = made.file.url
        assert ("catalog.media.created", str(made.id)) in events()
    assert address.startswith(f"/media/{shop.public_id}/products/")
    assert files_below(media_root) == [media_root / str(shop.public_id) / made.file.name]
    served = client_for(shop).get(address)
    assert (served.status_code, served.headers["Content-Type"]) == (200, "image/png")
    assert served.getvalue().startswith(b"\x89PNG")
    assert client_for(other_tenant).get(address).status_code == 404
    assert address in client.get(page(product)).content.decode()


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (SimpleUploadedFile("x.png", b"<svg onload='alert(1)'/>", content_type="image/png"), "SVG"),
        (SimpleUploadedFile("x.png", b"", content_type="image/png"), "empty"),
        (SimpleUploadedFile("x.png", b"\x89PNG\r\n\x1a\n" + b"0" * 50, content_type="image/png"), "broken"),
        (picture("TIFF"), "is a TIFF"),
        (picture("JPEG"), "its name ends in .png, and it is JPEG"),
        (picture(name="front.html"), "its name ends in .html"),
    ],
    ids=["SVG", "empty", "broken", "TIFF", "JPEG", "HTML"],
)
def test_what_is_no_picture_is_an_error_at_the_file(scope, client, media_root, file, message):
    with scope():
        product = one(Product)
    file.seek(0)
    answer = upload(client, product, file)
    assert answer.status_code == 200
    assert message in errors(answer)
    assert files_below(media_root) == []


def test_large_pictures_are_refused(scope, client, media_root, settings):
    with scope():
        product = one(Product)
    settings.MEDIA_MOST_PIXELS = 63
    assert "8 × 8 pixels; at most 63" in errors(upload(client, product, picture()))
    settings.MEDIA_MOST_BYTES = 20
    assert "bytes; at most 20" in errors(upload(client, product, picture()))
    assert files_below(media_root) == []


def test_a_picture_needs_one_source(scope, client, media_root):
    with scope():
        product = one(Product)
    both = upload(client, product, picture(), **{"media-0-url": "https://pictures.example/1.jpg"})
    assert "either an address or a file" in errors(both)
    assert "https:// or http://" in errors(upload(client, product, "", **{"media-0-url": "javascript:alert(1)"}))
    assert files_below(media_root) == []


def test_a_refused_page_keeps_no_file(scope, client, media_root):
    """The picture is stored before a later row is refused: it must go again, and the second try must not fail."""
    with scope():
        product, taken = one(Product), make_product("Coat")
        category = make_category("Clothes")
    answer = upload(client, product, picture(), slug=taken.slug)
    assert "Another product has slug" in errors(answer)
    twice = {
        "translations-TOTAL_FORMS": "2",
        "translations-0-language": "nl",
        "translations-1-language": "NL",
    }
    answer = upload(client, product, picture(), **twice)
    assert answer.status_code == 200
    assert "Another translation has" in errors(answer)
    assert files_below(media_root) == []
    assert send(client, page(category), {"background_image": picture()}).status_code == 302
    assert len(files_below(media_root)) == 1


def test_money_keeps_every_digit(scope, client):
    with scope():
        product = one(Product)
        VariantPrice.objects.update(price=9007199254740993)
    form = read_form(client.get(page(product)))
    assert Decimal(form[column(form, "price")]) == Decimal("90071992547409.93")
    assert client.post(page(product), {**form, column(form, "price"): "90071992547409.94"}).status_code == 302
    with scope():
        assert one(VariantPrice).price == 9007199254740994


# --- Two at once ------------------------------------------------------------------------------------------------


def at_once(*calls):
    """Run calls in threads that start together; return what they return, in order."""
    barrier = threading.Barrier(len(calls))

    def run(call):
        barrier.wait()
        try:
            return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_of_two_who_save_the_same_page_at_once_one_is_told(scope, client, shop):
    with scope():
        product = one(Product)
    colleague = sign_in(shop, email="bob@shop.example")
    opened = client.get(page(product)), colleague.get(page(product))
    answers = at_once(
        lambda: send(client, page(product), {"name": "Anna's"}, page_of=opened[0]),
        lambda: send(colleague, page(product), {"name": "Bob's"}, page_of=opened[1]),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 302]
    refused = next(answer for answer in answers if answer.status_code == 200)
    assert "Somebody changed this" in errors(refused)
    with scope():
        assert len(events("Product")) == 1


def test_saving_a_page_while_pieces_are_sold_and_prices_change_locks_nobody_out(scope, client):
    with scope():
        product, stock, price = one(Product), one(Stock), one(VariantPrice)

    def sell():
        with scope():
            operations.reserve_stock([operations.Pieces(stock.id, 1)], now=timezone.now())

    def reprice():
        with scope():
            fresh = VariantPrice.objects.get(id=price.id)
            fresh.price += 100
            operations.save(fresh, now=timezone.now())

    for number in range(5):
        form = read_form(client.get(page(product)))
        sent = {**form, "name": f"Shirt {number}", column(form, "stock"): str(20 + number)}
        answers = at_once(sell, reprice, lambda sent=sent: client.post(page(product), sent))
        assert answers[2].status_code == 302, errors(answers[2])
    with scope():
        stock.refresh_from_db()
        assert (stock.on_hand, stock.reserved, one(VariantPrice).price) == (24, 5, 1500)


def test_a_row_that_is_locked_for_long_is_a_message(scope, client):
    with scope():
        product = one(Product)
    form = read_form(client.get(page(product)))
    held, done = threading.Event(), threading.Event()

    def hold():
        with scope():
            Product.objects.select_for_update().get()
            held.set()
            done.wait(30)

    def save():
        held.wait(30)
        try:
            return client.post(page(product), {**form, "name": "Mine"})
        finally:
            done.set()

    answer = at_once(hold, save)[1]
    assert answer.status_code == 200
    assert "Somebody else is saving this right now" in errors(answer)
    assert read_form(answer)["name"] == "Mine"
