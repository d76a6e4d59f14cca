"""The command import_products, from files to rows and events."""

import gzip

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from catalog import operations
from catalog.models import Media, Product, Stock
from commerce.db.scope import tenant_scope
from tenants import operations as tenants
from tenants.models import Tenant
from tests.catalog.import_kit import (
    MAPPING,
    ROWS,
    contents,
    counts,
    events,
    fetch,
    run,
    stamps,
    write_csv,
    write_jsonl,
    write_yaml,
)
from tests.factories.tenants import make_channel, open_shop, platform


def changed(**cells):
    """Return the rows with the first one changed."""
    return [{**ROWS[0], **cells}, *ROWS[1:]]


def test_file_becomes_products_with_everything_that_the_mapping_names(tenant, tmp_path):
    result = run(tenant, write_csv(tmp_path / "p.csv", ROWS))
    assert (result.code, counts(result)) == (0, (3, 0, 0, 0))
    held = contents(tenant)
    assert fetch(
        tenant, "SELECT external_reference, slug, weight_grams, metadata::text FROM catalog_product ORDER BY 1"
    ) == [
        ("p1", "plain-shirt", 250, '{"season": "summer"}'),
        ("p2", "plain-shirt-p2", None, "{}"),
        ("p3", "überwurf-blau", 2000, "{}"),
    ]
    assert held["price"] == [
        "['S-1', 'default-channel', 'USD', 1250, 500, 1500, 1]",
        "['S-3', 'default-channel', 'USD', 9900, None, None, 1]",
    ]
    assert held["stock"] == ["['S-1', 'main', 7, 0, 1]", "['S-3', 'main', 0, 0, 1]"]
    assert held["category"] == [
        "['clothes', 'Clothes', 0, None, 1]",
        "['home', 'Home', 0, None, 1]",
        "['shirts', 'Shirts', 1, 'clothes', 1]",
    ]
    assert [line.split(", ")[1:3] for line in held["value"] if "'colour'" in line] == [
        ["'blue'", "'blue'"],
        ["'red'", "'red'"],
    ]
    assert fetch(tenant, "SELECT description FROM catalog_product WHERE external_reference = 'p1'") == [
        (
            '{"blocks": [{"data": {"text": "Soft."}, "type": "paragraph"}, '
            '{"data": {"text": "And &lt;cheap&gt;."}, "type": "paragraph"}], "version": "2.24.3"}',
        )
    ]
    assert held["listing"] == [
        "['plain-shirt', 'default-channel', True, True, True, True, 'USD', 1250, 1250]",
        "['plain-shirt-p2', 'default-channel', True, True, True, False, 'USD', None, None]",
        "['überwurf-blau', 'default-channel', True, True, True, False, 'USD', 9900, 9900]",
    ]
    assert held["group"] == [
        "['plain-shirt', 'clothes']",
        "['plain-shirt', 'featured-products']",
        "['plain-shirt', 'shirts']",
        "['plain-shirt', 'summer']",
        "['plain-shirt-p2', 'clothes']",
        "['plain-shirt-p2', 'shirts']",
        "['plain-shirt-p2', 'summer']",
        "['überwurf-blau', 'home']",
    ]


def test_each_new_object_has_one_event(tenant, tmp_path):
    run(tenant, write_csv(tmp_path / "p.csv", ROWS))
    found = events(tenant)
    assert {name: found[f"catalog.{name}"] for name in (
        "product.created", "variant.created", "price.changed", "stock.created", "media.created", "category.created",
        "collection.created", "attribute.created", "product_type.created", "warehouse.created", "product.updated",
        "translation.created", "attribute_value.created", "variant.updated")} == {
        "product.created": 3, "variant.created": 3, "price.changed": 2, "stock.created": 2, "media.created": 3,
        "category.created": 3, "collection.created": 2, "attribute.created": 5, "product_type.created": 2,
        "warehouse.created": 1, "product.updated": 0, "translation.created": 2, "attribute_value.created": 4,
        "variant.updated": 0,
    }  # fmt: skip
    actors = fetch(tenant, "SELECT DISTINCT actor FROM outbox_event WHERE type <> 'search.due'")
    runs = fetch(tenant, "SELECT 'import:' || id FROM catalog_importrun")
    assert actors == runs


@pytest.mark.parametrize("size", [1, 2, 500])
def test_second_run_writes_nothing(tenant, tmp_path, size):
    path = write_csv(tmp_path / "p.csv", ROWS)
    run(tenant, path)
    before = stamps(tenant)
    result = run(tenant, path, batch_size=size)
    assert (result.code, counts(result)) == (0, (0, 0, 3, 0))
    assert stamps(tenant) == before


@pytest.mark.parametrize("size", [1, 2])
def test_size_of_batches_makes_no_difference(tenant, other_tenant, tmp_path, size):
    path = write_csv(tmp_path / "p.csv", ROWS)
    run(tenant, path)
    run(other_tenant, path, batch_size=size)
    ours, theirs = contents(tenant), contents(other_tenant)
    for name in ("product_type", "collection"):  # a batch that gives one something new raises its version
        del ours[name], theirs[name]
    assert ours == theirs


def test_all_formats_bring_the_same(tmp_path):
    reference = None
    files = [
        write_csv(tmp_path / "a.csv", ROWS),
        write_csv(tmp_path / "b.csv", ROWS, end="\r\n", mark=b"\xef\xbb\xbf"),
        write_csv(tmp_path / "c.csv.gz", ROWS, delimiter=";"),
        write_csv(tmp_path / "d.tsv", ROWS, delimiter="\t"),
        write_jsonl(tmp_path / "e.jsonl", ROWS),
        write_jsonl(tmp_path / "f.jsonl.gz", ROWS),
        write_yaml(tmp_path / "g.yaml", ROWS),
        write_yaml(tmp_path / "h.yml.gz", ROWS),
    ]
    for path in files:
        shop = open_shop()
        result = run(shop, path)
        assert (path.name, result.code, counts(result)) == (path.name, 0, (3, 0, 0, 0))
        reference = reference or contents(shop)
        assert contents(shop) == reference, path.name
        assert counts(run(shop, files[0])) == (0, 0, 3, 0), path.name


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"price": "13"}, {"catalog.price.changed": 1}),
        ({"price": ""}, {"catalog.price.changed": 1}),
        ({"stock": "8"}, {"catalog.stock.changed": 1}),
        ({"stock": "0"}, {"catalog.stock.changed": 1, "catalog.stock.ran_out": 1}),
        ({"name": "Better shirt"}, {"catalog.product.updated": 1}),
        ({"description": "Softer."}, {"catalog.product.updated": 1}),
        ({"published": "2025-03-02"}, {"catalog.product.updated": 1}),
        ({"season": "winter"}, {"catalog.product.updated": 1}),
        ({"colour": "Blue"}, {"catalog.product.updated": 1}),
        ({"colour": ""}, {"catalog.product.updated": 1}),
        ({"tags": "soft|new"}, {"catalog.product.updated": 1}),
        ({"tags": "soft"}, {"catalog.product.updated": 1}),
        ({"ean": ""}, {"catalog.variant.updated": 1}),
        ({"sku": "S-1b"}, {"catalog.variant.updated": 1}),
        ({"picture": "https://pictures.example/2.jpg"}, {"catalog.media.deleted": 1, "catalog.media.updated": 1}),
        ({"name_nl": "Hemd"}, {"catalog.translation.updated": 1}),
        ({"name_nl": ""}, {"catalog.translation.deleted": 1}),
        ({"category": "Home"}, {"catalog.product.updated": 1}),
        (
            {"collections": "Summer|Featured products|Sale"},
            {"catalog.collection.created": 1, "catalog.collection.updated": 2},
        ),
        (
            {"type": "Blouse"},
            {"catalog.product_type.created": 1, "catalog.product_type.updated": 1, "catalog.product.updated": 1},
        ),
    ],
)
def test_one_changed_cell_changes_its_product_alone(tenant, tmp_path, cells, expected):
    run(tenant, write_csv(tmp_path / "p.csv", ROWS))
    before, told = contents(tenant), sum(events(tenant).values())
    path = write_csv(tmp_path / "q.csv", changed(**cells))
    result = run(tenant, path)
    assert (result.code, counts(result)) == (0, (0, 1, 2, 0))
    assert events(tenant, after=told) == expected
    after = contents(tenant)
    for name in ("product", "variant", "price", "stock", "media", "publication"):
        others = [line for line in before[name] if "plain-shirt'" not in line and "S-1'" not in line]
        assert set(others) <= set(after[name])
    again = stamps(tenant)
    assert counts(run(tenant, path)) == (0, 0, 3, 0)
    assert stamps(tenant) == again
    if "collections" not in cells:  # what a file does not name is left, unless the mapping says `replace`
        assert counts(run(tenant, tmp_path / "p.csv")) == (0, 1, 2, 0)


def test_price_that_leaves_takes_the_product_off_sale(tenant, tmp_path):
    run(tenant, write_csv(tmp_path / "p.csv", ROWS))
    run(tenant, write_csv(tmp_path / "p.csv", changed(price="")))
    assert (
        "['plain-shirt', 'default-channel', True, True, True, False, 'USD', None, None]" in contents(tenant)["listing"]
    )


def test_what_the_mapping_does_not_name_stays(tenant, tmp_path):
    run(tenant, write_csv(tmp_path / "p.csv", ROWS))
    with tenant_scope(tenant.id):
        product = Product.objects.get(external_reference="p1")
        product.seo_title, product.metadata = "By hand", {"season": "summer", "own": "kept"}
        operations.save(product, now=timezone.now())
        operations.save(Media(product=product, url="https://own.example/x.jpg", position=9), now=timezone.now())
    result = run(tenant, write_csv(tmp_path / "p.csv", changed(season="", picture="")))
    assert counts(result) == (0, 1, 2, 0)
    with tenant_scope(tenant.id):
        product.refresh_from_db()
        assert (product.seo_title, product.metadata) == ("By hand", {"own": "kept"})
        assert [media.url for media in product.media.all()] == ["https://own.example/x.jpg"]


def test_slug_of_a_product_outlives_its_name(tenant, tmp_path):
    run(tenant, write_csv(tmp_path / "p.csv", ROWS))
    run(tenant, write_csv(tmp_path / "p.csv", changed(name="Another name")))
    assert fetch(tenant, "SELECT name, slug FROM catalog_product WHERE external_reference = 'p1'") == [
        ("Another name", "plain-shirt")
    ]


BAD_CELLS = [
    ({"price": "abc"}, "price", "'abc' is no price."),
    ({"price": "-1"}, "price", "'-1' is a negative price."),
    ({"price": "1.234"}, "price", "1.234 has more than the 2 decimal digits of USD."),
    ({"price": "1,299.00"}, "price", "'1,299.00' is no price."),
    ({"price": "9" * 25}, "price", f"{'9' * 25} is not an amount of money."),
    ({"cost": "x"}, "cost", "'x' is no price."),
    ({"stock": "3.5"}, "stock", "'3.5' is no whole number."),
    ({"stock": "-2"}, "stock", "'-2' is not between 0 and 2,147,483,647."),
    ({"stock": "99999999999"}, "stock", "'99999999999' is not between 0 and 2,147,483,647."),
    ({"name": ""}, "name", "The product has no name."),
    ({"name": "x" * 501}, "name", "The text has 501 characters; 500 is the most."),
    ({"name": "a\0b"}, "name", "The text holds a NUL character or half a surrogate pair."),
    ({"id": ""}, "id", "The row has nothing that names its product for good."),
    ({"ean": "4006381333932"}, "ean", "'4006381333932' is no GTIN: its check digit is wrong."),
    ({"ean": "12ab"}, "ean", "'12ab' is no GTIN: 8, 12, 13 or 14 digits."),
    ({"published": "soon"}, "published", "'soon' is no date such as 2026-01-31 or 2026-01-31T12:00:00Z."),
    ({"weight": "heavy"}, "weight", "'heavy' is no weight."),
    ({"picture": "ftp://x/y.jpg"}, "picture", "'ftp://x/y.jpg' is no address that begins with http:// or https://."),
    ({"n_length": "long"}, "n_length", "'long' is no number."),
    ({"b_organic": "maybe"}, "b_organic", "'maybe' is neither true nor false."),
    ({"colour": "c" * 501}, "colour", "The value has 501 characters; a choice has 500 at most."),
    ({"category": "A > > B"}, "category", "'A > > B' has an empty part."),
    ({"sku": "S-1"}, "sku", "'S-1' is that of the product 'p1' (line 2)."),
    ({"id": "p1"}, "id", "The same product stands in line 2."),
]


@pytest.mark.parametrize("size", [1, 500])
@pytest.mark.parametrize(("cells", "column", "reason"), BAD_CELLS, ids=[str(i) for i in range(len(BAD_CELLS))])
def test_bad_row_is_refused_with_its_place_and_the_rest_goes_in(tenant, tmp_path, cells, column, reason, size):
    rows = [ROWS[0], {**ROWS[1], **cells}, ROWS[2]]
    result = run(tenant, write_csv(tmp_path / "p.csv", rows), batch_size=size)
    assert (result.code, counts(result)) == (1, (2, 0, 0, 1))
    line = 5 if "\n" in ROWS[0]["description"] else 3
    assert f"p.csv:{line}: {column}: {reason}" in result.err.splitlines()
    told = {key: result.refused[0][key] for key in ("file", "line", "row", "column", "reason")}
    assert told == {"file": "p.csv", "line": line, "row": 2, "column": column, "reason": reason}
    assert fetch(tenant, "SELECT external_reference FROM catalog_product ORDER BY 1") == [("p1",), ("p3",)]


def test_all_that_is_wrong_with_a_row_is_told_at_once(tenant, tmp_path):
    result = run(tenant, write_csv(tmp_path / "p.csv", changed(price="x", stock="y", ean="z")))
    assert [problem["column"] for problem in result.refused] == ["ean", "price", "stock"]
    assert (result.message, counts(result)) == ("1 row refused.", (2, 0, 0, 1))


def test_sku_of_a_product_made_by_hand_is_refused(tenant, tmp_path):
    run(tenant, write_csv(tmp_path / "p.csv", ROWS))
    result = run(tenant, write_csv(tmp_path / "q.csv", [{**ROWS[0], "id": "p9"}]))
    assert result.refused[0]["reason"] == "'S-1' is that of the product 'p1'."
    assert counts(result) == (0, 0, 0, 1)


def test_taken_sku_has_a_way_out(tenant, tmp_path):
    mapping = MAPPING.replace("  sku: sku\n", '  sku: sku\n  sku_when_taken: {template: "{sku} ({id})"}\n')
    rows = [{**row, "sku": "same"} for row in ROWS]
    path = write_csv(tmp_path / "p.csv", rows)
    assert run(tenant, path, mapping).code == 0
    skus = [("same",), ("same (p2)",), ("same (p3)",)]
    assert fetch(tenant, "SELECT sku FROM catalog_variant ORDER BY 1") == skus
    assert counts(run(tenant, path, mapping, batch_size=1)) == (0, 0, 3, 0)
    assert fetch(tenant, "SELECT sku FROM catalog_variant ORDER BY 1") == skus


def test_fewer_pieces_than_are_reserved_are_refused(tenant, tmp_path):
    run(tenant, write_csv(tmp_path / "p.csv", ROWS))
    with tenant_scope(tenant.id):
        stock = Stock.objects.get(on_hand=7)
        operations.reserve_stock([operations.Pieces(stock.id, 5)], now=timezone.now())
    result = run(tenant, write_csv(tmp_path / "p.csv", changed(stock="4", name="Other name")))
    assert result.refused[0]["reason"] == "4 pieces are fewer than the 5 that are reserved."
    assert (result.refused[0]["column"], counts(result)) == ("stock", (0, 0, 2, 1))
    assert fetch(tenant, "SELECT on_hand, reserved FROM catalog_stock WHERE reserved > 0") == [(7, 5)]
    assert fetch(tenant, "SELECT count(*) FROM catalog_product WHERE name = 'Other name'") == [(0,)]


def test_row_that_only_the_database_refuses_is_found(tenant, tmp_path):
    mapping = MAPPING.replace("nl: {name:", "nl: {slug: {column: slug_nl, optional: true}, name:")
    rows = [{**row, "slug_nl": "dezelfde" if row["id"] != "p2" else "andere"} for row in ROWS]
    result = run(tenant, write_csv(tmp_path / "p.csv", rows), mapping)
    assert (result.code, counts(result)) == (1, (2, 0, 0, 1))
    assert [(problem["row"], problem["column"]) for problem in result.refused] == [(3, "translation_slug")]
    assert fetch(tenant, "SELECT external_reference FROM catalog_product ORDER BY 1") == [("p1",), ("p2",)]
    run_row = fetch(tenant, "SELECT status, position, created_count, refused_count FROM catalog_importrun")
    assert run_row == [("finished", 3, 2, 1)]


def test_atomic_import_with_a_bad_row_writes_nothing(tenant, tmp_path):
    before = stamps(tenant)
    result = run(
        tenant, write_csv(tmp_path / "p.csv", [*ROWS, {**ROWS[0], "id": "p4", "price": "x"}]), atomic=True, batch_size=1
    )
    assert (result.code, counts(result)) == (1, (3, 0, 0, 2)) or counts(result)[3] >= 1
    assert "--atomic: nothing was written" in result.out
    assert stamps(tenant) == before
    assert fetch(tenant, "SELECT status, position, created_count FROM catalog_importrun") == [("failed", 0, 0)]
    assert fetch(tenant, "SELECT row_number, line, column_name FROM catalog_importproblem") == [(4, 7, "price")]


def test_atomic_import_without_one_writes_what_batches_write(tenant, other_tenant, tmp_path):
    path = write_csv(tmp_path / "p.csv", ROWS)
    assert counts(run(tenant, path, atomic=True)) == (3, 0, 0, 0)
    run(other_tenant, path)
    assert contents(tenant) == contents(other_tenant)
    assert events(tenant) == events(other_tenant)
    assert fetch(tenant, "SELECT status, position, created_count FROM catalog_importrun") == [("finished", 3, 3)]


def test_dry_run_tells_and_writes_nothing(tenant, tmp_path):
    run(tenant, write_csv(tmp_path / "p.csv", ROWS[:2]))
    before, runs = stamps(tenant), fetch(tenant, "SELECT id, updated_at FROM catalog_importrun")
    result = run(tenant, write_csv(tmp_path / "p.csv", changed(price="13")), dry_run=True)
    assert (result.code, counts(result)) == (0, (1, 1, 1, 0))
    assert "1 products would be created, 1 would be changed, 1 left" in result.out
    assert "dry run: nothing was written" in result.out
    assert stamps(tenant) == before
    assert fetch(tenant, "SELECT id, updated_at FROM catalog_importrun") == runs
    assert counts(run(tenant, tmp_path / "p.csv")) == (1, 1, 1, 0)


def test_dry_run_tells_of_bad_rows(tenant, tmp_path):
    result = run(tenant, write_csv(tmp_path / "p.csv", changed(price="x")), dry_run=True, batch_size=1)
    assert (result.code, counts(result)) == (1, (2, 0, 0, 1))
    assert events(tenant) == {}


CUT = {
    "cut.jsonl": (write_jsonl, lambda data: data[:-40], "line 3: the file ends in the middle of this row."),
    "cut.csv": (
        write_csv,
        lambda data: data[: data.rindex(b'"')],
        "line 6: the file ends inside a quoted cell of the row that begins here.",
    ),
    "cut2.csv": (write_csv, lambda data: data[:-30], "line 6: the file ends in the middle of this row."),
    "cut.yaml": (write_yaml, lambda data: data[:-60], "the file ends in the middle of this item."),
}


@pytest.mark.parametrize("name", CUT)
def test_file_that_ends_in_the_middle_brings_the_rows_before(tenant, tmp_path, name):
    write, cut, message = CUT[name]
    path = write(tmp_path / name, ROWS)
    path.write_bytes(cut(path.read_bytes()))
    result = run(tenant, path)
    assert result.code == 1
    assert message in result.message
    assert "The rows before it are in." in result.message
    assert fetch(tenant, "SELECT external_reference FROM catalog_product ORDER BY 1") == [("p1",), ("p2",)]
    assert fetch(tenant, "SELECT status FROM catalog_importrun") == [("failed",)]


@pytest.mark.parametrize("name", CUT)
def test_file_that_ends_in_the_middle_brings_nothing_when_atomic(tenant, tmp_path, name):
    write, cut, message = CUT[name]
    path = write(tmp_path / name, ROWS)
    path.write_bytes(cut(path.read_bytes()))
    result = run(tenant, path, atomic=True)
    assert (result.code, message in result.message) == (1, True)
    assert fetch(tenant, "SELECT count(*) FROM catalog_product") == [(0,)]


def test_gzip_that_was_cut_short_names_the_line(tenant, tmp_path):
    rows = [{**ROWS[0], "id": f"p{i}", "sku": f"S-{i}", "name": f"Shirt {i * 7919 % 10007}"} for i in range(400)]
    path = write_jsonl(tmp_path / "p.jsonl.gz", rows)
    path.write_bytes(path.read_bytes()[:-600])
    result = run(tenant, path)
    read = fetch(tenant, "SELECT count(*) FROM catalog_product")[0][0]
    assert f"line {read + 1}: the compressed file ends in the middle: it was cut short." in result.message
    assert 0 < read < 400


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "line 1: the file is empty: its first line must name the columns."),
        (b"id,name,name\n", "line 1: the header names name twice: rename one."),
        (b"id,sku,name,price,type\np1,s,caf\x81,1,\n", "line 2: byte 0x81 is no cp1252"),
        (b"\xff\xfei\x00d\x00", "line 1: the file is UTF-16: save it as UTF-8."),
        (b"id,sku\rp1,s\r", "line 1: the lines end in CR alone"),
        (
            b"id,sku,name,type\np1,s,x,\n",
            "prices[0] reads the column 'price', which the file has not (it has id, sku, name, type).",
        ),
        (
            b"id,sku,nmae,price,type\np1,s,x,1,\n",
            "product.name reads the column 'name', which the file has not ('nmae' is near).",
        ),
    ],
)
def test_file_of_which_nothing_can_be_used_writes_nothing(tenant, tmp_path, data, message):
    path = tmp_path / "p.csv"
    path.write_bytes(data)
    before = stamps(tenant)
    result = run(tenant, path)
    assert (result.code, message in result.message) == (1, True), result.message
    assert stamps(tenant) == before
    assert fetch(tenant, "SELECT count(*) FROM catalog_importrun") == [(0,)]


def test_unreadable_lines_of_json_are_refused_one_by_one(tenant, tmp_path):
    path = write_jsonl(tmp_path / "p.jsonl", ROWS)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b'{"id": }\n[1]\n\n' + lines[1] + lines[2])
    result = run(tenant, path)
    assert (result.code, counts(result)) == (1, (3, 0, 0, 2))
    assert [(problem["line"], problem["source"]) for problem in result.refused] == [(2, '{"id": }'), (3, "[1]")]


def test_columns_that_nothing_reads_are_told_once(tenant, tmp_path):
    (tmp_path / "p.csv").write_text("id,sku,name,price,type,weigth,x\np1,s,A,1,,5,6\np2,t,B,1,,5,6\n")
    result = run(tenant, tmp_path / "p.csv")
    assert result.out.count("2 columns are left aside: weigth, x.") == 1


def test_stray_quote_of_csv_is_refused_by_line(tenant, tmp_path):
    text = 'id,sku,name,price,type\np1,s1,"6" pipe",1,\np2,s2,"6"" pipe",1,\np3,s3,a,b,1,\n'
    (tmp_path / "p.csv").write_text(text)
    result = run(tenant, tmp_path / "p.csv")
    assert counts(result) == (1, 0, 0, 2)
    assert [problem["line"] for problem in result.refused] == [2, 4]
    assert fetch(tenant, "SELECT name FROM catalog_product") == [('6" pipe',)]


@pytest.mark.parametrize("said", ["", "encoding: latin-1\n"])
def test_latin_1_is_read_and_told_where_the_mapping_does_not_say_so(tenant, tmp_path, said):
    (tmp_path / "p.csv").write_bytes("id,sku,name,price,type\np1,s,Café,1,\n".encode("latin-1"))
    result = run(tenant, tmp_path / "p.csv", said + MAPPING)
    assert result.code == 0
    assert ("was read as Windows-1252 (Latin-1)" in result.out) == (not said)
    assert fetch(tenant, "SELECT name FROM catalog_product") == [("Café",)]


def test_import_into_one_shop_leaves_another_untouched(tenant, other_tenant, tmp_path):
    path = write_csv(tmp_path / "p.csv", ROWS)
    run(other_tenant, path)
    before = stamps(other_tenant)
    run(tenant, write_csv(tmp_path / "q.csv", changed(price="1", name="Ours")))
    assert stamps(other_tenant) == before


@pytest.mark.parametrize("suspended", [True, False])
def test_unknown_and_suspended_tenants_are_refused(tenant, tmp_path, suspended):
    path = write_csv(tmp_path / "p.csv", ROWS)
    if suspended:
        with platform():
            tenants.set_tenant_status(slug=tenant.slug, status=Tenant.Status.SUSPENDED)
        assert f"The tenant {tenant.slug} is suspended" in run(tenant, path).message
        assert fetch(tenant, "SELECT count(*) FROM catalog_product") == [(0,)]
    else:
        assert "There is no tenant 'nobody'" in run("nobody", path).message


def test_channel_that_the_shop_has_not_is_an_error(tenant, tmp_path):
    result = run(tenant, write_csv(tmp_path / "p.csv", ROWS), channel="moon")
    assert "The tenant has no channel 'moon'; it has default-channel." in result.message


def test_attribute_of_another_type_is_an_error_before_anything_is_written(tenant, tmp_path):
    run(tenant, write_csv(tmp_path / "p.csv", ROWS))
    before = stamps(tenant)
    result = run(
        tenant,
        write_csv(tmp_path / "q.csv", changed(price="1")),
        MAPPING.replace("Colour, type: dropdown", "Colour, type: swatch"),
    )
    assert "the shop's attribute 'colour' is dropdown and not swatch" in result.message
    assert stamps(tenant) == before


VARIANTS = """
product_type: Shirt
group_by: product
product: {external_reference: product, name: name}
variant: {sku: sku}
prices: [{column: price}]
stock: [{column: stock, warehouse: main}]
attributes:
  - column: colour
    type: swatch
    on: variant
    variant_selection: true
    names: {nl: Kleur}
    translations: {nl: colour_nl}
  - {column: size, on: variant, variant_selection: true}
"""
SHIRTS = """product,name,sku,colour,colour_nl,size,price,stock
a,Shirt A,A-1,Red|#f00,Rood,S,10,1
a,,A-2,Blue|#00f,Blauw,S,11,2
b,Shirt B,B-1,Red|#f00,Rood,M,12,3
c,Shirt C,C-1,Red|#f00,Rood,S,x,3
c,,C-2,Red|#f00,Rood,M,13,3
a,Shirt A,A-3,Blue|#00f,Blauw,L,11,2
"""


def test_rows_of_one_group_are_variants_of_one_product(tenant, tmp_path):
    (tmp_path / "p.csv").write_text(SHIRTS)
    for expected in ((3, 0, 0, 2), (0, 0, 3, 2)):
        result = run(tenant, tmp_path / "p.csv", VARIANTS, batch_size=2)
        assert counts(result) == expected
    joined = "catalog_variant v JOIN catalog_product p ON p.id = v.product_id"
    assert fetch(tenant, f"SELECT p.name, v.sku, v.position FROM {joined} ORDER BY 2") == [
        ("Shirt A", "A-1", 0),
        ("Shirt A", "A-2", 1),
        ("Shirt B", "B-1", 0),
        ("Shirt C", "C-2", 0),
    ]
    assert [(problem["line"], problem["column"], problem["reason"]) for problem in result.refused] == [
        (5, "price", "'x' is no price."),
        (7, "product", "The same product stands in line 2; rows of one product must follow each other."),
    ]
    assert contents(tenant)["variant_value"] == [
        "['A-1', 'colour', 'red', 0]",
        "['A-1', 'size', 's', 0]",
        "['A-2', 'colour', 'blue', 0]",
        "['A-2', 'size', 's', 0]",
        "['B-1', 'colour', 'red', 0]",
        "['B-1', 'size', 'm', 0]",
        "['C-2', 'colour', 'red', 0]",
        "['C-2', 'size', 'm', 0]",
    ]
    assert [line for line in contents(tenant)["translation"] if "Attribute" in line] == [
        "['Attribute', 'colour', 'nl', 'Kleur', None, 1]",
        "['AttributeValue', 'blue', 'nl', 'Blauw', None, 1]",
        "['AttributeValue', 'red', 'nl', 'Rood', None, 1]",
    ]


def test_variant_keeps_values_that_the_mapping_does_not_name(tenant, tmp_path):
    (tmp_path / "p.csv").write_text(SHIRTS)
    run(tenant, tmp_path / "p.csv", VARIANTS)
    before = contents(tenant)["variant_value"]
    mapping = VARIANTS.split("attributes:")[0]
    assert counts(run(tenant, tmp_path / "p.csv", mapping)) == (0, 0, 3, 2)
    assert contents(tenant)["variant_value"] == before


def test_products_are_found_by_sku_when_that_is_the_key(tenant, tmp_path):
    mapping = MAPPING.replace("  external_reference: id\n", "")
    path = write_csv(tmp_path / "p.csv", ROWS)
    assert counts(run(tenant, path, mapping)) == (3, 0, 0, 0)
    assert counts(run(tenant, path, mapping)) == (0, 0, 3, 0)
    doubled = write_csv(tmp_path / "q.csv", [*ROWS, ROWS[0]])
    result = run(tenant, doubled, mapping)
    assert (counts(result), result.refused[0]["reason"]) == ((0, 0, 3, 1), "The same product stands in line 2.")


def test_prices_of_two_channels_publish_in_both(tenant, tmp_path):
    with tenant_scope(tenant.id):
        make_channel(slug="eu", currency="JPY", countries=["JP"], languages=["ja"])
    mapping = MAPPING.replace("stock:\n", "  - {column: yen, channel: eu, unit: minor}\nstock:\n")
    rows = [{**row, "yen": number * 100} for number, row in enumerate(ROWS, 1)]
    assert run(tenant, write_csv(tmp_path / "p.csv", rows), mapping).code == 0
    assert fetch(tenant, "SELECT currency, price FROM catalog_variantprice WHERE currency = 'JPY' ORDER BY 2") == [
        ("JPY", 100),
        ("JPY", 200),
        ("JPY", 300),
    ]
    assert len(contents(tenant)["listing"]) == 6


def test_option_of_a_bad_batch_size_is_refused(tenant, tmp_path):
    with pytest.raises(CommandError, match="--batch-size is between"):
        call_command("import_products", tmp_path / "x.csv", tenant=tenant.slug, mapping=tmp_path / "m", batch_size=0)


def test_missing_files_are_named(tenant, tmp_path):
    assert "No such file" in run(tenant, tmp_path / "none.csv").message
    assert "No such file" in run(tenant, write_csv(tmp_path / "p.csv", ROWS), tmp_path / "none.yaml").message
    bomb = tmp_path / "p.csv.gz"
    bomb.write_bytes(gzip.compress(b"x" * 17_000_000))
    assert "line 1: the line has more than 16 MB." in run(tenant, bomb).message
