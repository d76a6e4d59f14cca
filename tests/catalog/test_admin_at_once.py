"""Staff who save while others do: nobody overwrites anybody, or is locked out."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections
from django.utils import timezone

from catalog import operations
from catalog.models import Product, Stock, VariantPrice
from tests.admin import errors, page, read_form, send, sign_in
from tests.catalog.admin_kit import client, column, events, one, scope, shop
from tests.factories.catalog import make_product

__all__ = ["client", "scope", "shop"]  # fixtures


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


# --- In the same moment -------------------------------------------------------------------------------------------


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
