"""WooCommerce's product CSV: in, out and in again."""

import csv
import io
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from catalog.exports.woocommerce import COLUMNS
from catalog.models import Product, Stock, Variant, VariantPrice
from commerce.db.scope import tenant_scope
from tests.catalog.import_kit import run
from tests.factories.tenants import open_shop

SHIRT = {
    "Type": "variable",
    "SKU": "SHIRT",
    "Name": 'The "Best" Shirt, ünïcode 東京',
    "Published": "1",
    "Is featured?": "1",
    "Visibility in catalog": "visible",
    "Short description": "Soft\nand warm",
    "Description": "<p>Soft &amp; <b>warm</b>.</p>",
    "Categories": "Clothes > Shirts, Sale",
    "Tags": "new, soft\\, warm",
    "Brands": "Acme",
    "Images": "https://pictures.example/1.jpg, https://pictures.example/2.jpg",
    "Attribute 1 name": "Colour",
    "Attribute 1 value(s)": "Red, Blue",
    "Attribute 2 name": "Fabric",
    "Attribute 2 value(s)": "Wool, Linen\\, fine",
}
RED = {
    "Type": "variation",
    "SKU": "SHIRT-R",
    "GTIN, UPC, EAN, or ISBN": "4006381333931",
    "Parent": "SHIRT",
    "In stock?": "1",
    "Stock": "7",
    "Weight (kg)": "0.25",
    "Regular price": "15.00",
    "Sale price": "12.50",
    "Attribute 1 name": "Colour",
    "Attribute 1 value(s)": "Red",
}
BLUE = {**RED, "SKU": "SHIRT-B", "GTIN, UPC, EAN, or ISBN": "ABC", "Stock": "", "Attribute 1 value(s)": "Blue"}
CARD = {"ID": "9", "Type": "simple, virtual", "SKU": "", "Name": "Card", "Published": "-1", "Regular price": "5.00"}
ROWS = [SHIRT, RED, BLUE, CARD]


def write(path: Path, rows=ROWS, encoding="utf-8") -> Path:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="")
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(text.getvalue().encode(encoding))
    return path


def export(shop, path: Path) -> list[dict[str, str]]:
    call_command("export_catalogue", path, tenant=shop.slug, format="woocommerce", stdout=StringIO())
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def shop():
    return open_shop(currency="EUR")


@pytest.fixture
def empty():
    return open_shop(currency="EUR")


def test_variations_become_variants_of_their_product(shop, tmp_path):
    result = run(shop, write(tmp_path / "products.csv"), Path("woocommerce"))
    assert (result.code, result.refused) == (0, []), result.message
    with tenant_scope(shop.id):
        shirt = Product.objects.get(external_reference="SHIRT")
        assert (shirt.name, shirt.category.slug) == (SHIRT["Name"], "shirts")
        assert shirt.metadata["woocommerce.Other categories"] == "Sale"
        words = shirt.productvalue_set.values_list("value__attribute__slug", "value__name")
        assert sorted(words) == [
            ("brands", "Acme"),
            ("fabric", "Linen, fine"),
            ("fabric", "Wool"),
            ("tags", "new"),
            ("tags", "soft, warm"),
        ]
        variants = list(Variant.objects.filter(product=shirt).order_by("position"))
        assert [(v.sku, v.name, v.weight_grams, v.gtin, v.track_inventory) for v in variants] == [
            ("SHIRT-R", "Red", 250, "4006381333931", True),
            ("SHIRT-B", "Blue", 250, "", False),
        ]
        price = VariantPrice.objects.get(variant=variants[0])
        assert (price.price, price.prior_price) == (1250, 1500)
        assert [stock.on_hand for stock in Stock.objects.filter(variant__in=variants)] == [7]
        card = Product.objects.get(external_reference="id:9")
        assert not card.publications.get().is_published
        assert card.variants.get().sku is None


def test_what_the_format_holds_comes_out_as_it_went_in(shop, empty, tmp_path):
    run(shop, write(tmp_path / "products.csv"), Path("woocommerce"))
    first = export(shop, tmp_path / "first.csv")
    told = {name: row for row in first for name in [row["SKU"]]}
    assert {name: told["SHIRT"][name] for name in SHIRT} == SHIRT
    assert {name: told["SHIRT-R"][name] for name in RED} == RED
    result = run(empty, tmp_path / "first.csv", Path("woocommerce"))
    assert (result.code, result.refused) == (0, []), result.message
    assert export(empty, tmp_path / "second.csv") == first


def test_a_second_import_changes_nothing(shop, tmp_path):
    path = write(tmp_path / "products.csv")
    run(shop, path, Path("woocommerce"))
    assert "0 products created, 0 changed, 2 left" in run(shop, path, Path("woocommerce"), restart=True).out


def test_what_is_no_product_of_ours_is_refused_and_the_rest_goes_in(shop, tmp_path):
    stray = {**RED, "Parent": "NOBODY", "SKU": "X"}
    rows = [SHIRT, RED, {**CARD, "Type": "grouped"}, stray, {**CARD, "SKU": "C", "Weight (kg)": "heavy"}, CARD]
    result = run(shop, write(tmp_path / "products.csv", rows), Path("woocommerce"))
    # The shirt's text has a line end inside.
    assert [(one["row"], one["reason"].split(":")[0][:40]) for one in result.refused] == [
        (3, "Products of the type 'grouped' are not t"),
        (4, "The variation's product 'NOBODY' does no"),
        (5, result.refused[2]["reason"].split(":")[0][:40]),
    ]
    assert "heavy" in result.refused[2]["reason"]
    with tenant_scope(shop.id):
        assert Product.objects.count() == 2


def test_latin_1_is_read(shop, tmp_path):
    path = write(tmp_path / "products.csv", [{**CARD, "Name": "Größe"}], "latin-1")
    assert run(shop, path, Path("woocommerce")).code == 0
    with tenant_scope(shop.id):
        assert Product.objects.get().name == "Größe"


def test_another_csv_is_no_export_of_woocommerce(shop, tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("id,name\n1,Shirt\n")
    assert "no product CSV of WooCommerce: it has no column Type" in run(shop, path, Path("woocommerce")).message


def test_costs_are_read_and_what_has_no_place_is_told(tmp_path):
    shop = open_shop(currency="EUR")
    text = "Type,SKU,Name,Regular price,Cost of goods,External URL,Meta: _x\nsimple,A,Cup,5.00,2.50,,1\n"
    (tmp_path / "products.csv").write_text(text)
    result = run(shop, tmp_path / "products.csv", Path("woocommerce"))
    assert (result.code, result.refused) == (0, []), result.message
    assert "2 columns are left aside: External URL, Meta: _x." in result.out
    with tenant_scope(shop.id):
        assert VariantPrice.objects.get().cost == 250
    call_command("export_catalogue", tmp_path / "out.csv", tenant=shop.slug, format="woocommerce", stdout=StringIO())
    with (tmp_path / "out.csv").open(newline="") as file:
        assert next(csv.DictReader(file))["Cost of goods"] == "2.50"
