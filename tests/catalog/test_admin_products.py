"""What staff save of products in the admin: events and listings follow, and refusals name the field."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from catalog import operations
from catalog.models import Listing, ListingName, Product, ProductPublication, Stock, Variant, VariantPrice
from catalog.values import editorjs
from commerce.outbox.models import Event
from tests.admin import errors, page, read_form, send
from tests.catalog.admin_kit import client, column, events, now_listed, one, scope, shop
from tests.factories.catalog import make_category, make_product, make_product_type
from tests.factories.tenants import make_channel

__all__ = ["client", "scope", "shop"]  # fixtures


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


def test_money_keeps_every_digit(scope, client):
    with scope():
        product = one(Product)
        VariantPrice.objects.update(price=9007199254740993)
    form = read_form(client.get(page(product)))
    assert Decimal(form[column(form, "price")]) == Decimal("90071992547409.93")
    assert client.post(page(product), {**form, column(form, "price"): "90071992547409.94"}).status_code == 302
    with scope():
        assert one(VariantPrice).price == 9007199254740994
