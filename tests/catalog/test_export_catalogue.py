"""Whole catalogues: out of one shop, into another, out again."""

import json
import random
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from catalog.imports.catalogue import running
from catalog.models import ImportRun, Product, Stock, Variant
from catalog.operations import assign_product_values
from commerce.db.scope import tenant_scope
from tests.factories import catalog as make
from tests.factories.rows import load_every_model
from tests.factories.tenants import open_shop


def export(shop, path):
    call_command("export_catalogue", path, tenant=shop.slug, stdout=StringIO())
    return path


def load(shop, path, **options):
    """Import a file; return what the command said, and the refused rows."""
    out, errors = StringIO(), path.with_suffix(".errors")
    message = ""
    try:
        call_command(
            "import_catalogue", path, tenant=shop.slug, errors=errors, stdout=out, stderr=StringIO(), **options
        )
    except CommandError as error:
        message = str(error)
    refused = [json.loads(line) for line in errors.read_text().splitlines()]
    return out.getvalue() + message, refused


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def empty():
    """Return an empty shop with the channel that the other one has."""
    return open_shop(currency="EUR")


@pytest.fixture
def shop():
    return open_shop(currency="EUR")


AWKWARD = [
    "Quoted \"so\" and 'so'",
    "two\nlines\r\nand a\ttab",
    "Zürich – 東京 🧦 \u202e!",
    " , ; | \\ ",
    "=1+1",
    "\u00e9 and e\u0301",
]


def fill_awkwardly(seed: int) -> None:
    """Make a catalogue of awkward values in the open scope."""
    chance = random.Random(seed)
    word = lambda: chance.choice(AWKWARD)  # noqa: E731
    colour = make.make_attribute("Colour", slug="colour", values=["Red", "Röd"], metadata={"a": word()})
    note = make.make_attribute("Note", slug="note", input_type="plain-text", values=[word(), "x" * 50_000])
    size = make.make_attribute("Size", slug="size", input_type="numeric", values=["1.5", "-0.1", "1e15"])
    born = make.make_attribute("Born", slug="born", input_type="date-time", values=["2026-01-31T12:00:00.123456+02:00"])
    alike = make.make_attribute("Alike", slug="alike", input_type="reference", entity_type="Product")
    values = [v for a in (colour, note, size, born) for v in a.values.all()]
    for value in values:
        make.make_translation(value, "nl", name=word())
    kind = make.make_product_type("Thing", slug="thing", attributes=[colour, note, size, born, alike])
    root = make.make_category(word(), slug="root", description={"blocks": [], "t": word()})
    leaf = make.make_category("Leaf", slug="a-leaf", parent=root)
    make.make_translation(leaf, "nl-BE", name=word(), slug="blad")
    products = []
    for number in range(12):
        product = make.make_product(
            word(),
            slug=f"thing-{number}",
            product_type=kind,
            category=chance.choice([root, leaf, None]),
            values=chance.sample(values, chance.randrange(len(values))),
            variants=chance.randrange(4),
            price=chance.choice([None, 0, 2**40]),
            stock=number,
            published=bool(number % 3),
            metadata={word(): word()},
            private_metadata={"secret": word()},
            rating=chance.choice([None, 4.25]),
        )
        make.make_translation(product, "de", name=word(), seo_title="t")
        variants = list(product.variants.all())
        make.make_media(product, alt=word(), variants=variants[:1], url="https://pictures.example/same.jpg")
        make.make_media(product, alt="twice", variants=variants, url="https://pictures.example/same.jpg", position=1)
        for variant in variants:
            make.make_translation(variant, "nl", name=word())
        products.append(product)
    make.make_collection(word(), slug="summer", products=products[::-1][:5])

    assign_product_values(product=products[0], values={"alike": [products[5], products[3]]}, now=timezone.now())
    menu = make.make_menu("Main", slug="main")
    top = make.make_menu_item(menu, word())
    make.make_menu_item(menu, word(), parent=top, category=leaf, position=1)
    make.make_translation(make.make_menu_item(menu, "x", parent=top, url="https://a.example/"), "nl", name=word())


@pytest.mark.parametrize("seed", range(3))
def test_a_catalogue_comes_out_of_an_empty_shop_as_it_went_in(shop, empty, tmp_path, seed):
    with tenant_scope(shop.id):
        fill_awkwardly(seed)
    first = export(shop, tmp_path / "first.jsonl")
    _, refused = load(empty, first, batch_size=5)
    assert [(one["line"], one["column"], one["reason"]) for one in refused] == []
    second = export(empty, tmp_path / "second.jsonl")
    assert second.read_text().splitlines() == first.read_text().splitlines()
    said, _ = load(empty, first, restart=True)
    assert " 0 objects created, 0 changed" in said
    assert export(empty, tmp_path / "third.jsonl").read_bytes() == first.read_bytes()


def test_every_column_of_every_model_survives(shop, empty, tmp_path):
    load_every_model(shop)
    first = export(shop, tmp_path / "first.jsonl")
    _, refused = load(empty, first)
    assert [(one["line"], one["column"], one["reason"]) for one in refused] == []
    assert lines_of(export(empty, tmp_path / "second.jsonl")) == lines_of(first)


def write(path, *lines):
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def product(slug="cup", **more):
    return {"object": "product", "slug": slug, "name": "Cup", "product_type": "thing", **more}


THING = {"object": "product-type", "slug": "thing", "name": "Thing"}
SIZE = {"object": "attribute", "slug": "size", "name": "Size", "input_type": "numeric"}


@pytest.mark.parametrize(
    ("line", "column", "reason"),
    [
        ("{", "", "no JSON"),
        ({"object": "prodct"}, "object", "none of catalogue, warehouse"),
        (product(name=5), "name", "no text"),
        (product(name=""), "name", "is empty"),
        (product(name="x" * 501), "name", "at most 500"),
        (product(name="x" * 10_000_000), "name", "10,000,000 characters"),
        (product(colour="red"), "colour", "not known here"),
        (product(product_type="thin"), "product_type", "did you mean 'thing'"),
        (product(product_type=None), "product_type", "is missing"),
        (product(rating="good"), "rating", "no number"),
        (product(metadata={"a": 1}), "metadata", "no object of texts"),
        (product(translations={"xx-klingon": {"name": "a"}}), "translations.xx-klingon", "no language that CLDR"),
        (product(values=[["size", "9", 0]]), "values[0]", "no value '9'"),
        (product(variants={}), "variants", "no list"),
        (product(variants=[{"prices": [{"channel": "nowhere"}]}]), "variants[0].prices[0].currency", "is missing"),
        (
            product(variants=[{"prices": [{"channel": "nowhere", "currency": "EUR", "price": 1}]}]),
            "variants[0].prices[0].channel",
            "no channel 'nowhere'",
        ),
        (
            product(variants=[{"prices": [{"channel": "default-channel", "currency": "USD", "price": 1}]}]),
            "variants[0].prices[0].currency",
            "the channel's is EUR",
        ),
        (product(media=[{"alt": "neither"}]), "media[0]", "either a url or a file"),
        ({"object": "attribute-value", "attribute": "size", "slug": "a", "name": "a"}, "numeric", "is missing"),
        ({"object": "category", "slug": "a", "name": "A", "parent": "b"}, "parent", "no category 'b'"),
        ({"object": "category", "slug": "root", "name": "Root", "parent": "leaf"}, "parent", ""),
        ({"object": "catalogue", "version": 2}, "version", "version 1 are read"),
        ({"object": "catalogue", "version": 1, "channels": {"eu": "EUR"}}, "channels", "open it before"),
        (
            {"object": "reference", "attribute": "size", "owner": {}, "target": {}},
            "attribute",
            "is numeric, and no reference",
        ),
    ],
)
def test_a_bad_line_is_refused_by_place_and_reason_and_the_rest_goes_in(empty, tmp_path, line, column, reason):
    before = [THING, SIZE, {"object": "category", "slug": "root", "name": "Root"}]
    before.append({"object": "category", "slug": "leaf", "name": "Leaf", "parent": "root"})
    path = write(tmp_path / "bad.jsonl", *before, product("before"), line, product("after"))
    _, refused = load(empty, path)
    assert [(one["line"], one["column"]) for one in refused] == [(6, column)]
    assert reason in refused[0]["reason"]
    with tenant_scope(empty.id):
        assert set(Product.objects.values_list("slug", flat=True)) == {"before", "after"}


def test_a_line_says_all_of_its_product(empty, tmp_path):
    prices = [{"channel": "default-channel", "currency": "EUR", "price": 500}]
    full = product(
        publications=[{"channel": "default-channel"}],
        media=[{"url": "https://pictures.example/1.jpg"}],
        variants=[{"sku": "A", "prices": prices, "media": [0]}, {"sku": "B", "prices": prices}],
        translations={"nl": {"name": "Kop"}},
    )
    load(empty, write(tmp_path / "full.jsonl", THING, full))
    load(empty, write(tmp_path / "less.jsonl", THING, product(variants=[{"sku": "A", "name": "Blue"}])))
    line = lines_of(export(empty, tmp_path / "out.jsonl"))[-1]
    assert (line["publications"], line["media"], line["translations"]) == ([], [], {})
    assert [(v["sku"], v["name"], len(v["prices"])) for v in line["variants"]] == [("A", "Blue", 0), ("B", "", 1)]


def test_a_sku_of_another_product_is_refused(empty, tmp_path):
    path = write(
        tmp_path / "a.jsonl", THING, product("a", variants=[{"sku": "A"}]), product("b", variants=[{"sku": "A"}])
    )
    _, refused = load(empty, path)
    assert [(one["line"], one["column"], one["reason"]) for one in refused] == [
        (3, "variants[0].sku", "is 'A', which is that of the product 'a'.")
    ]


def test_fewer_pieces_than_are_reserved_are_refused(empty, tmp_path):
    main = {"object": "warehouse", "slug": "main", "name": "Main"}
    line = product(variants=[{"sku": "A", "stock": [{"warehouse": "main", "on_hand": 5}]}])
    load(empty, write(tmp_path / "a.jsonl", main, THING, line))
    with tenant_scope(empty.id):
        Stock.objects.update(reserved=3)
    line["variants"][0]["stock"][0]["on_hand"] = 2
    _, refused = load(empty, write(tmp_path / "b.jsonl", line))
    assert [one["column"] for one in refused] == ["variants[0].stock[0].on_hand"]
    with tenant_scope(empty.id):
        assert Stock.objects.get().on_hand == 5


def test_an_import_goes_on_after_the_last_batch(empty, tmp_path, monkeypatch):
    path = write(tmp_path / "a.jsonl", THING, *(product(f"p{n}", variants=[{"sku": f"S{n}"}]) for n in range(20)))
    real, calls = running.write_products, []

    def dies(*args, **options):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*args, **options)

    monkeypatch.setattr(running, "write_products", dies)
    assert "Interrupted" in load(empty, path, batch_size=5)[0]
    with tenant_scope(empty.id):
        assert ImportRun.objects.get().position == 11
        assert Product.objects.count() == 10
    said, refused = load(empty, path, batch_size=5)
    assert "went on after row 11" in said
    assert refused == []
    with tenant_scope(empty.id):
        assert (Product.objects.count(), Variant.objects.count()) == (20, 20)
        assert set(Product.objects.values_list("version", flat=True)) == {1}


def test_an_export_is_one_snapshot_and_of_one_shop(shop, empty, tmp_path):
    with tenant_scope(shop.id):
        make.make_product("Mine", slug="mine")
    with tenant_scope(empty.id):
        make.make_product("Theirs", slug="theirs")
    assert "theirs" not in export(shop, tmp_path / "a.jsonl").read_text()
    assert export(shop, tmp_path / "b.jsonl.gz").read_bytes()[:2] == b"\x1f\x8b"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", "b.jsonl.gz"]
