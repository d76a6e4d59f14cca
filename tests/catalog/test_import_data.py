"""The mappings of docs/import on slices of the real files, where these are at hand."""

import gzip
from itertools import islice
from pathlib import Path

import pytest
from django.conf import settings

from tests.catalog.import_kit import contents, counts, fetch, run, stamps

EXAMPLES = Path(settings.BASE_DIR) / "docs" / "import"
DATA = Path(settings.BASE_DIR).parent / "shared" / "data"
ICECAT = DATA / "icecat" / "products.jsonl.gz"
RETAIL = DATA / "retail-demo" / "products.yaml"


@pytest.mark.skipif(not ICECAT.exists(), reason=f"no {ICECAT}")
def test_icecat_products_come_with_their_attributes(tenant, other_tenant, tmp_path):
    path = tmp_path / "products.jsonl"
    with gzip.open(ICECAT) as file:
        path.write_bytes(b"".join(islice(file, 300)))
    before = stamps(other_tenant)
    result = run(tenant, path, EXAMPLES / "icecat.yaml", batch_size=100)
    assert (result.code, counts(result)) == (0, (300, 0, 0, 0))
    first = fetch(
        tenant,
        "SELECT p.name, v.sku, v.gtin, x.price, x.currency FROM catalog_product p "
        "JOIN catalog_variant v ON v.product_id = p.id JOIN catalog_variantprice x ON x.variant_id = v.id "
        "WHERE p.external_reference = '3920564'",
    )
    assert first == [
        ("Xerox 006R90321 toner cartridge Original Black 6 pc(s)", "006R90321", "0095205603217", 4995, "USD")
    ]
    slug = "xerox-006r90321-toner-cartridge-original-black-6-pcs"
    assert [line for line in contents(tenant)["product_value"] if f"'{slug}'" in line] == [
        f"['{slug}', {rest}]"
        for rest in (
            "'black-toner-page-yield', '23000', 0",
            "'brand', 'xerox', 0",
            "'compatibility', 'c7e7d4950620f608dfbb', 0",
            "'print-technology', 'laser-printing', 0",
            "'printing-colours', 'black', 0",
            "'quantity-per-pack', '6', 0",
            "'type', 'original', 0",
        )
    ]
    again = stamps(tenant)
    assert counts(run(tenant, path, EXAMPLES / "icecat.yaml")) == (0, 0, 300, 0)
    assert stamps(tenant) == again
    assert stamps(other_tenant) == before


@pytest.mark.skipif(not RETAIL.exists(), reason=f"no {RETAIL}")
def test_retail_demo_products_come_with_stock_and_style(tenant, tmp_path):
    path = tmp_path / "products.yaml"
    lines = RETAIL.read_text().splitlines(keepends=True)
    starts = [number for number, line in enumerate(lines) if line.startswith("- ")]
    path.write_text("".join(lines[: starts[200]]))
    result = run(tenant, path, EXAMPLES / "retail-demo.yaml")
    assert (result.code, counts(result)) == (0, (200, 0, 0, 0))
    assert fetch(
        tenant,
        "SELECT p.name, c.slug, x.price, s.on_hand FROM catalog_product p "
        "JOIN catalog_category c ON c.id = p.category_id JOIN catalog_variant v ON v.product_id = p.id "
        "JOIN catalog_variantprice x ON x.variant_id = v.id JOIN catalog_stock s ON s.variant_id = v.id "
        "WHERE p.external_reference = '6579c22f-be2b-444c-a52b-0116dd82df6c'",
    ) == [("Adventure-Ready Expedition Backpack", "accessories", 12999, 15)]
    again = stamps(tenant)
    assert counts(run(tenant, path, EXAMPLES / "retail-demo.yaml", batch_size=7)) == (0, 0, 200, 0)
    assert stamps(tenant) == again
