"""Variants and attributes in the admin: fields as their input type wants them."""

from datetime import UTC, date, datetime

import pytest

from catalog.models import (
    Attribute,
    AttributeValue,
    Product,
    ProductValue,
    Variant,
    VariantMedia,
    VariantPrice,
    VariantValue,
)
from catalog.values import editorjs
from tests.admin import errors, page, read_form, send
from tests.catalog.admin_kit import client, events, one, scope, shop
from tests.factories.catalog import make_attribute, make_media, make_product, make_product_type
from tests.factories.tenants import make_channel

__all__ = ["client", "scope", "shop"]  # fixtures


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
        (TYPES.DROPDOWN, "00000000-0000-4000-8000-000000000000", "Select a valid choice"),
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
