"""Refused rows as a file that can be corrected and imported again."""

import csv
import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from catalog.models import Product
from commerce.db.scope import tenant_scope
from tests.catalog.import_kit import run

MAPPED = """
product_type: Thing
product: {external_reference: id, name: name}
prices: [{column: price, unit: major}]
"""


@pytest.mark.parametrize(("delimiter", "encoding"), [(",", "utf-8"), (";", "latin-1")])
def test_a_csv_comes_back_with_its_refused_rows_alone(tenant, tmp_path, delimiter, encoding):
    rows = [["id", "name", "price"], ["1", "Größe", "5"], ["2", "a\nb", "five"], ["3", "", "x"], ["4", "only two"]]
    text = StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    path = tmp_path / "things.csv"
    path.write_bytes(text.getvalue().encode(encoding))
    mapping = f"encoding: {encoding}\n{MAPPED}"
    assert run(tenant, path, mapping, corrections=tmp_path / "refused.csv").code == 1
    with (tmp_path / "refused.csv").open(newline="", encoding=encoding) as file:
        header, *refused = list(csv.reader(file, delimiter=delimiter))
    assert header == ["id", "name", "price", "import error"]
    assert [row[:3] for row in refused] == [["2", "a\nb", "five"], ["3", "", "x"], [f"4{delimiter}only two", "", ""]]
    assert refused[0][3].startswith("price: ")
    assert refused[1][3] == "name: The product has no name."
    for row in refused[:2]:
        row[1:3] = ["Größe", "7"]
    text = StringIO()
    csv.writer(text, delimiter=delimiter).writerows([header, *refused[:2]])
    again = tmp_path / "again.csv"
    again.write_bytes(text.getvalue().encode(encoding))
    assert run(tenant, again, mapping).code == 0
    with tenant_scope(tenant.id):
        assert set(Product.objects.values_list("external_reference", flat=True)) == {"1", "2", "3"}


def test_shopifys_rows_come_back_as_they_were(tenant, tmp_path):
    path = tmp_path / "products.csv"
    path.write_text("Handle,Title,Variant Price\na,A,1\nb,B,x\n")
    run(tenant, path, Path("shopify"), corrections=tmp_path / "refused.csv")
    assert (tmp_path / "refused.csv").read_text().splitlines()[0] == "Handle,Title,Variant Price,import error"
    assert (tmp_path / "refused.csv").read_text().splitlines()[1].startswith("b,B,x,")


def test_lines_of_a_catalogue_come_back_and_go_in_once_corrected(tenant, tmp_path):
    path, refused = tmp_path / "shop.jsonl", tmp_path / "refused.jsonl"
    thing = {"object": "product-type", "slug": "thing", "name": "Thing"}
    product = {"object": "product", "slug": "cup", "name": 5, "product_type": "thing"}
    path.write_text("".join(f"{line}\n" for line in (json.dumps(thing), json.dumps(product), "{broken")))
    with pytest.raises(CommandError, match="2 rows refused"):
        call_command("import_catalogue", path, tenant=tenant.slug, corrections=refused, stdout=StringIO())
    first, second = map(json.loads, refused.read_text().splitlines())
    assert first == {**product, "import error": "name: is 5, and no text."}
    assert second["line"] == "{broken"
    refused.write_text(json.dumps({**first, "name": "Cup"}) + "\n")
    call_command("import_catalogue", refused, tenant=tenant.slug, stdout=StringIO())
    with tenant_scope(tenant.id):
        assert Product.objects.get().name == "Cup"
