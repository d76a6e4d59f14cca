"""What is written down for lists, and the locks that keep it right between two connections."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, connections
from django.utils import timezone

from catalog import operations
from catalog.models import (
    Category,
    Product,
    ProductPublication,
    ProductType,
    Stock,
    Translation,
    Variant,
    VariantPrice,
    Warehouse,
    WarehouseChannel,
)
from commerce.db.scope import tenant_scope
from commerce.errors import DomainError
from tenants import queries as tenant_queries

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def shop(tenant):
    """A shop with one published product of two variants, one piece of each in stock."""
    with tenant_scope(tenant.id):
        channel = tenant_queries.list_channels()[0]
        kind = ProductType(name="Lamp", slug="lamp")
        house = Warehouse(name="Main", slug="main")
        for item in (kind, house):
            operations.save(item, now=NOW)
        operations.save(WarehouseChannel(warehouse=house, channel=channel), now=NOW)
        product = Product(name="Desk lamp", slug="desk-lamp", product_type=kind)
        operations.save(product, now=NOW)
        operations.save(ProductPublication(product=product, channel=channel), now=NOW)
        stocks = []
        for position, price in enumerate((1200, 900)):
            variant = Variant(product=product, sku=f"LAMP-{position}", position=position)
            operations.save(variant, now=NOW)
            operations.save(
                VariantPrice(variant=variant, channel=channel, currency=channel.currency, price=price), now=NOW
            )
            stock = Stock(variant=variant, warehouse=house, on_hand=1)
            operations.save(stock, now=NOW)
            stocks.append(stock)
    return {"tenant": tenant, "channel": channel, "product": product, "stocks": stocks, "kind": kind}


def _listing(columns: str = "*", at: datetime = NOW) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM catalog_listing WHERE valid_from <= %s AND valid_to > %s", [at, at])
        return cursor.fetchall()


def test_listing_has_the_range_of_prices_and_the_stock(shop):
    with tenant_scope(shop["tenant"].id, read_only=True):
        assert _listing("price_min, price_max, in_stock, is_visible, is_purchasable") == [(900, 1200, True, True, True)]


def test_price_change_is_written_down_in_the_same_transaction(shop):
    with tenant_scope(shop["tenant"].id):
        price = VariantPrice.objects.get(price=900)
        price.price = 500
        operations.save(price, now=NOW)
        assert _listing("price_min, price_max") == [(500, 1200)]


def test_nothing_is_written_when_nothing_differs(shop):
    with tenant_scope(shop["tenant"].id):
        before = _listing("xmin, ctid")
        assert operations.refresh_products([shop["product"].id], now=NOW) == []
        assert _listing("xmin, ctid") == before


def test_publication_ahead_takes_effect_at_its_instant(shop):
    soon = NOW + timedelta(days=1)
    with tenant_scope(shop["tenant"].id):
        publication = ProductPublication.objects.get()
        publication.published_at = soon
        operations.save(publication, now=NOW)
        assert _listing("is_visible", at=NOW) == [(False,)]
        assert _listing("is_visible", at=soon - timedelta(microseconds=1)) == [(False,)]
        assert _listing("is_visible", at=soon) == [(True,)]


def test_buyers_of_the_last_pieces_of_two_variants_leave_the_product_out_of_stock(shop):
    """Each buyer alone leaves the other variant's piece: only the later one may say what is left."""
    first_reserved, second_started = threading.Event(), threading.Event()
    errors = []

    def buy(stock, before, after):
        try:
            with tenant_scope(shop["tenant"].id):
                before()
                operations.reserve_stock([operations.Pieces(stock.id, 1)], now=NOW)
                after()
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    def hold_until_the_other_waits():
        first_reserved.set()
        second_started.wait(5)
        _wait_until_blocked()

    one = threading.Thread(target=buy, args=(shop["stocks"][0], lambda: None, hold_until_the_other_waits))
    two = threading.Thread(target=buy, args=(shop["stocks"][1], second_started.set, lambda: None))
    one.start()
    assert first_reserved.wait(5)
    two.start()
    one.join(10)
    two.join(10)
    assert errors == []
    with tenant_scope(shop["tenant"].id, read_only=True):
        assert _listing("in_stock") == [(False,)]


def _wait_until_blocked() -> None:
    """Wait until another connection of ours waits for a lock; fail the test if none does."""
    pause = threading.Event()
    for _ in range(200):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE usename = current_user AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone()[0]:
                return
        pause.wait(0.01)
    raise AssertionError("the second buyer did not wait for the first")


def test_more_pieces_than_there_are_cannot_be_reserved(shop):
    stock = shop["stocks"][0]
    refused = pytest.raises(operations.InsufficientStock, match="2 pieces were asked for and 1 are there")
    with refused, tenant_scope(shop["tenant"].id):
        operations.reserve_stock([operations.Pieces(stock.id, 1), operations.Pieces(stock.id, 1)], now=NOW)
    with tenant_scope(shop["tenant"].id, read_only=True):
        assert Stock.objects.get(id=stock.id).reserved == 0


def test_released_pieces_are_for_sale_again(shop):
    lines = [operations.Pieces(stock.id, 1) for stock in shop["stocks"]]
    with tenant_scope(shop["tenant"].id):
        operations.reserve_stock(lines, now=NOW)
        assert _listing("in_stock") == [(False,)]
        operations.release_stock(lines[:1], now=NOW)
        assert _listing("in_stock") == [(True,)]


def test_moving_a_category_moves_its_products_to_the_new_ancestors(shop):
    with tenant_scope(shop["tenant"].id):
        home, garden = Category(name="Home", slug="home"), Category(name="Garden", slug="garden")
        lights = Category(name="Lights", slug="lights", parent=home)
        for category in (home, garden, lights):
            operations.save(category, now=NOW)
        product = shop["product"]
        product.refresh_from_db()
        product.category = lights
        operations.save(product, now=NOW)
        assert _groups() == {home.id, lights.id}
        lights.parent = garden
        operations.save(lights, now=NOW)
        assert _groups() == {garden.id, lights.id}
        assert lights.level == 1


def _groups() -> set:
    with connection.cursor() as cursor:
        cursor.execute("SELECT group_id FROM catalog_productgroup")
        return {row[0] for row in cursor.fetchall()}


def test_category_below_itself_is_refused(shop):
    with tenant_scope(shop["tenant"].id):
        home = Category(name="Home", slug="home")
        operations.save(home, now=NOW)
        lights = Category(name="Lights", slug="lights", parent=home)
        operations.save(lights, now=NOW)
        home.parent = lights
        with pytest.raises(operations.CategoryCycle):
            operations.save(home, now=NOW)


def test_duplicate_sku_is_refused_by_name_and_nothing_is_half_done(shop):
    with tenant_scope(shop["tenant"].id):
        before = Variant.objects.count()
        with pytest.raises(operations.NotUnique, match="Another variant has sku 'LAMP-0'") as caught:
            operations.save(Variant(product=shop["product"], sku="LAMP-0"), now=NOW)
        assert caught.value.field == "sku"
        assert Variant.objects.count() == before


def test_product_type_in_use_cannot_be_deleted(shop):
    with tenant_scope(shop["tenant"].id), pytest.raises(DomainError, match="still used by products"):
        operations.delete(ProductType.objects.get(), now=NOW)


def test_deleted_product_leaves_no_listing_and_no_translation(shop):
    with tenant_scope(shop["tenant"].id):
        product = Product.objects.get()
        operations.save(
            Translation(object_kind="Product", object_id=product.id, language="nl", name="Bureaulamp"), now=NOW
        )
        operations.delete(product, now=timezone.now())
        assert _listing() == []
        assert Translation.objects.count() == 0
        assert Stock.objects.count() == 0


def test_events_carry_the_version_of_their_object(shop):
    """A publication is a part of its product: changing it raises the product's version, which the event has."""
    with tenant_scope(shop["tenant"].id):
        before = Product.objects.get().version
        publication = ProductPublication.objects.get()
        publication.is_published = False
        operations.save(publication, now=NOW)
        price = VariantPrice.objects.get(price=900)
        price.price = 800
        operations.save(price, now=NOW)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT type, object_kind, object_id, object_version FROM outbox_event ORDER BY position DESC LIMIT 2"
            )
            changed, updated = cursor.fetchall()
        assert updated == ("catalog.product.updated", "Product", shop["product"].id, before + 1)
        assert changed == ("catalog.price.changed", "VariantPrice", price.id, price.version)
        assert Product.objects.get().version == before + 1
