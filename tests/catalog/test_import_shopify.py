"""Shopify's product CSV: in, out and in again."""

import csv
import io
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from catalog.exports.html import from_html, to_html
from catalog.models import Media, Product, Stock, Variant, VariantPrice
from commerce.db.scope import tenant_scope
from tests.catalog.import_kit import run
from tests.factories.tenants import open_shop

HEADER = [
    "Handle",
    "Title",
    "Body (HTML)",
    "Vendor",
    "Product Category",
    "Type",
    "Tags",
    "Published",
    "Option1 Name",
    "Option1 Value",
    "Option2 Name",
    "Option2 Value",
    "Variant SKU",
    "Variant Grams",
    "Variant Inventory Tracker",
    "Variant Inventory Qty",
    "Variant Inventory Policy",
    "Variant Price",
    "Variant Compare At Price",
    "Variant Barcode",
    "Image Src",
    "Image Position",
    "Image Alt Text",
    "Gift Card",
    "SEO Title",
    "Cost per item",
    "Status",
]
SHIRT = {
    "Handle": "shirt",
    "Title": 'The "Best" Shirt, ünïcode 東京',
    "Body (HTML)": "<p>Soft &amp; <b>warm</b>.</p><h2>Care</h2><ul><li>Wash</li><li>Dry</li></ul>",
    "Vendor": "Acme",
    "Product Category": "Apparel > Shirts",
    "Type": "Shirt",
    "Tags": "new, soft",
    "Published": "true",
    "Option1 Name": "Colour",
    "Option1 Value": "Red",
    "Option2 Name": "Size",
    "Option2 Value": "L",
    "Variant SKU": "S-1",
    "Variant Grams": "250",
    "Variant Inventory Tracker": "shopify",
    "Variant Inventory Qty": "7",
    "Variant Inventory Policy": "deny",
    "Variant Price": "12.50",
    "Variant Compare At Price": "15.00",
    "Variant Barcode": "4006381333931",
    "Image Src": "https://pictures.example/2.jpg",
    "Image Position": "2",
    "Image Alt Text": "Front",
    "Gift Card": "false",
    "SEO Title": "Shirt",
    "Cost per item": "5.00",
    "Status": "active",
}
ROWS = [
    SHIRT,
    {
        "Handle": "shirt",
        "Option1 Value": "Blue",
        "Option2 Value": "L",
        "Variant SKU": "",
        "Variant Price": "12.50",
        "Image Src": "https://pictures.example/1.jpg",
        "Image Position": "1",
        "Image Alt Text": "Front",
    },
    {"Handle": "shirt", "Image Src": "https://pictures.example/3.jpg", "Image Position": "3"},
    {
        "Handle": "card",
        "Title": "Card",
        "Body (HTML)": "a\nb",
        "Published": "false",
        "Option1 Name": "Title",
        "Option1 Value": "Default Title",
        "Variant Price": "0.00",
        "Variant Barcode": "ABC-1",
        "Status": "draft",
    },
]


def write(path: Path, rows=ROWS, encoding="utf-8") -> Path:
    text = io.StringIO()
    writer = csv.DictWriter(text, HEADER, restval="")
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(text.getvalue().encode(encoding))
    return path


def export(shop, path: Path) -> list[dict[str, str]]:
    out = StringIO()
    call_command("export_catalogue", path, tenant=shop.slug, format="shopify", stdout=out)
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def shop():
    return open_shop(currency="EUR")


@pytest.fixture
def empty():
    return open_shop(currency="EUR")


def test_rows_of_a_handle_become_a_product_with_variants_and_pictures(shop, tmp_path):
    result = run(shop, write(tmp_path / "products.csv"), Path("shopify"))
    assert (result.code, result.refused) == (0, []), result.message
    with tenant_scope(shop.id):
        shirt = Product.objects.get(slug="shirt")
        assert (shirt.name, shirt.seo_title, shirt.category.slug) == (SHIRT["Title"], "Shirt", "shirts")
        assert [block["type"] for block in shirt.description["blocks"]] == ["paragraph", "header", "list"]
        variants = Variant.objects.filter(product=shirt).order_by("position")
        assert [(v.sku, v.name, v.weight_grams, v.gtin) for v in variants] == [
            ("S-1", "Red / L", 250, "4006381333931"),
            (None, "Blue / L", None, ""),
        ]
        assert variants[0].metadata == {"shopify.Variant Inventory Policy": "deny"}
        media = Media.objects.filter(product=shirt).order_by("position")
        assert [one.url[-5:] for one in media] == ["1.jpg", "2.jpg", "3.jpg"]
        price = VariantPrice.objects.get(variant=variants[0])
        assert (price.price, price.prior_price, price.cost) == (1250, 1500, 500)
        assert Stock.objects.get(variant=variants[0]).on_hand == 7
        card = Product.objects.get(slug="card")
        assert not card.publications.get().is_published
        assert card.variants.get().metadata == {"shopify.Variant Barcode": "ABC-1"}


def test_what_the_format_holds_comes_out_as_it_went_in(shop, empty, tmp_path):
    run(shop, write(tmp_path / "products.csv"), Path("shopify"))
    first = export(shop, tmp_path / "first.csv")
    told = {name: value for name, value in SHIRT.items() if not name.startswith("Image")}
    assert {name: row[name] for row in first if row["Title"] == SHIRT["Title"] for name in told} == told
    result = run(empty, tmp_path / "first.csv", Path("shopify"))
    assert (result.code, result.refused) == (0, []), result.message
    assert export(empty, tmp_path / "second.csv") == first


def test_a_second_import_changes_nothing(shop, tmp_path):
    path = write(tmp_path / "products.csv")
    run(shop, path, Path("shopify"))
    with tenant_scope(shop.id):
        before = list(Variant.objects.order_by("id").values_list("id", "version"))
    assert "0 products created, 0 changed, 2 left" in run(shop, path, Path("shopify"), restart=True).out
    with tenant_scope(shop.id):
        assert list(Variant.objects.order_by("id").values_list("id", "version")) == before


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8-sig", "cp1252"])
def test_latin_1_and_a_byte_order_mark_are_read(shop, tmp_path, encoding):
    rows = [{**SHIRT, "Title": "Größe für Élan"}]
    result = run(shop, write(tmp_path / "products.csv", rows, encoding), Path("shopify"))
    assert result.code == 0, result.message
    with tenant_scope(shop.id):
        assert Product.objects.get().name == "Größe für Élan"


def test_another_csv_is_no_export_of_shopify(shop, tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("id,name\n1,Shirt\n")
    assert (
        "line 1: this is no product CSV of Shopify: it has no column Handle" in run(shop, path, Path("shopify")).message
    )


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [("Variant Price", "x", "'x'"), ("Variant Grams", "heavy", ""), ("Image Src", "ftp://a", "no address")],
)
def test_a_bad_cell_is_refused_by_its_column_and_the_rest_goes_in(shop, tmp_path, column, value, reason):
    bad = {**SHIRT, "Handle": "bad", "Variant SKU": "B", column: value}
    result = run(shop, write(tmp_path / "products.csv", [bad, SHIRT]), Path("shopify"))
    assert [one["line"] for one in result.refused] == [2]
    assert reason in result.refused[0]["reason"]
    with tenant_scope(shop.id):
        assert Product.objects.get().slug == "shirt"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        "<p>a</p>",
        "<p>a <b>b</b> &lt;</p>\n<h3>c</h3>",
        "<ul><li>a</li><li>b</li></ul>",
        "<ol><li>a</li></ol>x",
        "<div class='x'><p>a</p></div>",
        "<ul><li>a<ul><li>b</li></ul></li></ul>",
        "<p>a<p>b</p>",
    ],
)
def test_html_comes_back_as_the_same_document(text):
    document = from_html(text)
    again = from_html(to_html(document))
    assert to_html(again) == to_html(document)
    assert from_html(to_html(again)) == again


# The header of the file that Shopify's admin has for people to begin with, since it gave columns new names.
HEADER_OF_TODAY = (
    "Title,URL handle,Description,Vendor,Product category,Type,Tags,Published on online store,Status,SKU,Barcode,"
    "Option1 name,Option1 value,Option1 Linked To,Option2 name,Option2 value,Option2 Linked To,Option3 name,"
    "Option3 value,Option3 Linked To,Price,Compare-at price,Cost per item,Charge tax,Tax code,Unit price total measure,"
    "Unit price total measure unit,Unit price base measure,Unit price base measure unit,Inventory tracker,"
    "Inventory quantity,Continue selling when out of stock,Weight value (grams),Weight unit for display,"
    "Requires shipping,Fulfillment service,Product image URL,Image position,Image alt text,Variant image URL,Gift card,"
    "SEO title,SEO description,Color (product.metafields.shopify.color-pattern),"
    "Google Shopping / Google product category,Google Shopping / Gender,Google Shopping / Age group,"
    "Google Shopping / Manufacturer part number (MPN),Google Shopping / Ad group name,Google Shopping / Ads labels,"
    "Google Shopping / Condition,Google Shopping / Custom product,Google Shopping / Custom label 0,"
    "Google Shopping / Custom label 1,Google Shopping / Custom label 2,Google Shopping / Custom label 3,"
    "Google Shopping / Custom label 4"
)
OF_TODAY = {
    "SKU": "S-1",
    "Option1 name": "Colour",
    "Option1 value": "Red",
    "Option1 Linked To": "product.metafields.shopify.color-pattern",
    "Price": "12.50",
    "Compare-at price": "15",
    "Cost per item": "5",
    "Charge tax": "TRUE",
    "Inventory tracker": "shopify",
    "Inventory quantity": "7",
    "Continue selling when out of stock": "DENY",
    "Weight value (grams)": "250",
    "Barcode": "4006381333931",
    "Product image URL": "https://pictures.example/1.jpg",
    "Google Shopping / Manufacturer part number (MPN)": "M1",
    "Google Shopping / Ads labels": "x",
}


def test_the_columns_of_todays_files_are_read_and_kept(shop, tmp_path):
    row = {**OF_TODAY, "Title": "Shirt", "URL handle": "shirt", "Status": "active", "SEO title": "A shirt"}
    with (tmp_path / "products.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, next(csv.reader([HEADER_OF_TODAY])), restval="")
        writer.writeheader()
        writer.writerow({**row, "Published on online store": "TRUE"})
    result = run(shop, tmp_path / "products.csv", Path("shopify"))
    assert (result.code, result.refused) == (0, []), result.message
    assert "1 column is left aside: Color (product.metafields.shopify.color-pattern)." in result.out
    (out,) = export(shop, tmp_path / "out.csv")
    assert (out["Handle"], out["Title"], out["SEO Title"], out["Published"]) == ("shirt", "Shirt", "A shirt", "true")
    assert (out["Variant SKU"], out["Variant Price"], out["Variant Compare At Price"]) == ("S-1", "12.50", "15.00")
    assert (out["Variant Inventory Qty"], out["Variant Grams"], out["Cost per item"]) == ("7", "250", "5.00")
    assert (out["Variant Barcode"], out["Image Src"]) == ("4006381333931", "https://pictures.example/1.jpg")
    assert (out["Google Shopping / MPN"], out["Google Shopping / Ads labels"]) == ("M1", "x")
    assert (out["Variant Taxable"], out["Variant Inventory Policy"]) == ("TRUE", "DENY")
    assert out["Option1 Linked To"] == "product.metafields.shopify.color-pattern"
