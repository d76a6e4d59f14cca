"""Mappings: what they say, and the error for each way to write one wrongly."""

from pathlib import Path

import pytest
import yaml

from catalog.imports.errors import MappingError
from catalog.imports.plan import make_plan
from catalog.imports.reading import load_mapping
from tests.catalog.import_kit import MAPPING

EXAMPLES = Path(__file__).parents[2] / "docs" / "import"
START = "product_type: Thing\nproduct: {external_reference: id, name: name}\n"


def load(tmp_path, text, data="data.csv"):
    path = tmp_path / "mapping.yaml"
    path.write_text(text)
    return load_mapping(path, Path(data))


def test_mapping_of_the_tests_is_read(tmp_path):
    mapping = load(tmp_path, MAPPING)
    assert (mapping.key, mapping.layout.format, mapping.product_type.default) == ("external_reference", "csv", "Thing")
    assert [rule.warehouse for rule in mapping.stock] == ["main"]
    assert mapping.category is not None
    assert (mapping.category.by, mapping.category.separator) == ("path", ">")


@pytest.mark.parametrize("name", ["icecat", "retail-demo"])
def test_examples_are_read(name):
    assert load_mapping(EXAMPLES / f"{name}.yaml", Path("x.jsonl")).key == "external_reference"


def test_example_of_the_manual_is_read(tmp_path):
    manual = (EXAMPLES / "README.md").read_text()
    mapping = load(tmp_path, manual.split("```yaml")[1].split("```")[0])
    assert (len(mapping.attributes), mapping.group_by is not None, mapping.prices[0].decimal) == (5, True, ",")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n", "it must be keys with values"),
        ("product: [", "line 1: this is no YAML"),
        ("product: {name: a}\nproduct: {name: b}\n", "the key product stands twice"),
        ("product_type: T\nproduct: {external_reference: id}\n", "product.name is missing"),
        ("product: {external_reference: id, name: n}\n", "product_type is missing"),
        ("product_type: T\nproduct: {name: n}\n", "key needs a column that names a product for good"),
        (START + "key: sku\n", "key needs a column that names a product for good"),
        (START + "key: name\n", "key is 'name': write one of external_reference, sku"),
        (START + "prises: []\n", "prises is not known: write prices"),
        (START + "variant: {skew: a}\n", "variant.skew is not known: there are external_reference, sku"),
        (START + "prices: {column: p}\n", "prices must be a list"),
        (START + "prices: [{column: p, unit: euro}]\n", "prices[0].unit is 'euro': write one of major, minor"),
        (START + "prices: [{column: p, decimal: ';'}]\n", "prices[0].decimal is ';': write one of ., ,"),
        (START + "prices: [{unit: major}]\n", "prices[0] needs one of column, columns, template and value"),
        (START + "prices: [{column: p, value: 3}]\n", "prices[0] needs one of column, columns, template and value"),
        (START + "prices: [{column: p, optional: maybe}]\n", "prices[0].optional is 'maybe': write true or false"),
        (START + "stock: [{column: s}]\n", "stock[0].warehouse is missing"),
        (START + "attributes: [{column: a, type: colour}]\n", "attributes[0].type is 'colour': write one of dropdown"),
        (START + "attributes: [{column: a, type: reference}]\n", "attributes[0].type is 'reference'"),
        (START + "attributes: [{pattern: abc}]\n", "attributes[0].pattern is 'abc': write one star"),
        (START + "attributes: [{column: a, only: [b]}]\n", "attributes[0].only must be a list of what the star"),
        (START + "attributes: [{column: a, variant_selection: true}]\n", "attributes[0].variant_selection is for"),
        (START + "attributes: [{column: a, names: {xx-yy-zz: B}}]\n", "attributes[0].names.xx-yy-zz is no language"),
        (START + "translations: {klingon: {name: n}}\n", "translations.klingon is no language"),
        (START + "translations: {nl: {nmae: n}}\n", "translations.nl.nmae is not known: write name"),
        (START + "encoding: utf-16\n", "encoding is 'utf-16': write utf-8"),
        (START + "encoding: none\n", "encoding is 'none': write utf-8"),
        (START + "delimiter: ';;'\n", "delimiter is ';;': write one character"),
        (START + "format: xlsx\n", "format is 'xlsx': write one of jsonl, csv, yaml"),
        (START + "channel: 5\n", "channel must be a text; put it in quotes"),
    ],
)
def test_each_mistake_names_its_key_and_the_remedy(tmp_path, text, message):
    with pytest.raises(MappingError) as error:
        load(tmp_path, text)
    assert message in error.value.message
    assert error.value.message.startswith("mapping.yaml: ")


def test_file_of_unknown_ending_needs_a_format(tmp_path):
    with pytest.raises(Exception, match="name its `format` in the mapping"):
        load(tmp_path, START, "data.dat")
    assert load(tmp_path, f"format: csv\n{START}", "data.dat").layout.format == "csv"


def test_no_is_norwegian_and_on_is_a_key(tmp_path):
    text = START + "attributes: [{column: a, on: variant, names: {no: Farge}}]\ntranslations: {no: {name: n}}\n"
    mapping = load(tmp_path, text)
    assert (mapping.attributes[0].on_variants, mapping.attributes[0].names) == (True, {"no": "Farge"})
    assert list(mapping.translations) == ["no"]


def plan(tmp_path, rules, columns):
    return make_plan(load(tmp_path, START + yaml.safe_dump({"attributes": rules})), dict.fromkeys(columns))


def test_columns_by_pattern_get_names_and_slugs(tmp_path):
    rules = [{"column": "attr_n_b", "name": "Second", "slug": "zwei"}, {"pattern": "attr_n_*", "type": "numeric"}]
    columns = ["id", "name", "attr_n_b", "attr_n_", "attr_n_processor_power__tdp_", "attr_t_x"]
    found = [(attribute.slug, attribute.name, attribute.rule.type) for attribute in plan(tmp_path, rules, columns)]
    assert found == [("zwei", "Second", None), ("processor-power-tdp", "Processor power (tdp)", "numeric")]


def test_only_narrows_a_pattern(tmp_path):
    rules = [
        {"pattern": "a_*", "only": ["x"], "name": "{match} (text)", "slug": "{match}-text"},
        {"pattern": "a_*", "type": "numeric"},
    ]
    found = [(attribute.slug, attribute.name) for attribute in plan(tmp_path, rules, ["id", "name", "a_x", "a_y"])]
    assert found == [("x-text", "X (text)"), ("y", "Y")]


def test_columns_that_would_be_one_attribute_are_an_error(tmp_path):
    with pytest.raises(MappingError, match="the columns t_size and n_size would both be the attribute 'size'"):
        plan(tmp_path, [{"pattern": "t_*"}, {"pattern": "n_*"}], ["id", "name", "t_size", "n_size"])


def test_pattern_without_a_column_is_an_error_unless_optional(tmp_path):
    with pytest.raises(MappingError, match=r"attributes\[0\].pattern 't_\*' matches no column of the file"):
        plan(tmp_path, [{"pattern": "t_*"}], ["id", "name"])
    assert list(plan(tmp_path, [{"pattern": "t_*", "optional": True}], ["id", "name"])) == []
