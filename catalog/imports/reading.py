"""A mapping from YAML. Every mistake is an error that names the key and says what to write instead."""

import codecs
import difflib
import hashlib
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import yaml

from catalog.imports import readers
from catalog.imports.cells import WEIGHT_UNITS, Source
from catalog.imports.errors import MappingError
from catalog.imports.mapping import (
    DOCUMENTS,
    FLAGS,
    PRODUCT_TEXTS,
    TRANSLATED_TEXTS,
    VARIANT_TEXTS,
    AttributeRule,
    CategoryRule,
    CollectionRule,
    Mapping,
    PriceRule,
    StockRule,
    Text,
    WeightRule,
)
from catalog.models import Attribute
from commerce.errors import DomainError
from tenants.operations import clean_language

_UNSUPPORTED = frozenset({"file", "reference", "single-reference"})
Rule = TypeVar("Rule")
TYPES = tuple(str(value) for value in Attribute.InputType.values if value not in _UNSUPPORTED)

_READY = Path(__file__).parent / "formats"


def load_mapping(path: Path, data: Path) -> Mapping:
    """Return the mapping of a YAML file for this data file, or raise MappingError."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise MappingError(f"{path} cannot be read: {error.strerror}.", field="mapping") from error
    return parse_mapping(raw, name=path.name, data=data)


def parse_mapping(raw: bytes, *, name: str, data: Path) -> Mapping:
    """Return the mapping that these bytes of YAML say for a data file, or raise MappingError."""
    try:
        content = yaml.load(raw, _Loader)  # noqa: S506  a safe loader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise MappingError(
            f"{name}: {where}this is no YAML: {getattr(error, 'problem', error)}.", field="mapping"
        ) from error
    except (RecursionError, ValueError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise MappingError(f"{name}: this cannot be read as YAML: {reason}.", field="mapping") from error
    return read_mapping(content, name=name, data=data, digest=hashlib.sha256(raw).hexdigest())


def ready_mapping(path: Path) -> Path:
    """Return the file of a format that is ready made (shopify) for its name, and any other path as it is."""
    ready = _READY / f"{path}.yaml"
    return ready if path.parent == Path() and not path.suffix and ready.exists() else path


def read_mapping(content: Any, *, name: str, data: Path, digest: str) -> Mapping:
    """Return the mapping that parsed YAML says, or raise MappingError."""
    sources: list[Source] = []
    root = _Section(content, "", name, sources)
    layout = _layout(root, data)
    product, variant = root.section("product"), root.section("variant")
    product_texts, variant_texts = _texts(product, PRODUCT_TEXTS), _texts(variant, VARIANT_TEXTS)
    if "name" not in product_texts:
        product.fail("name", "is missing: say which column is the product's name")
    media, media_alt = _media(product)
    mapping = Mapping(
        name=name,
        digest=digest,
        layout=layout,
        key=_key(root, product_texts, variant_texts),
        group_by=root.source("group_by"),
        channel=root.text("channel"),
        product_type=_product_type(root),
        product_texts=product_texts,
        variant_texts=variant_texts,
        sku_when_taken=variant.source("sku_when_taken"),
        product_weight=_weight(product),
        variant_weight=_weight(variant),
        rating=product.source("rating"),
        gtin=variant.source("gtin"),
        track_inventory=variant.source("track_inventory"),
        quantity_limit=variant.source("quantity_limit_per_customer"),
        category=_category(product),
        collections=_collections(product),
        media=media,
        media_alt=media_alt,
        is_published=product.source("published"),
        published_at=product.source("published_at"),
        product_metadata=_by_name(product.section("metadata")),
        variant_metadata=_by_name(variant.section("metadata")),
        prices=tuple(_price(section) for section in root.sections("prices")),
        stock=tuple(_stock(section) for section in root.sections("stock")),
        attributes=tuple(_attribute(section) for section in root.sections("attributes")),
        translations=_translations(root.section("translations")),
        sources=tuple(sources),
    )
    for section in (product, variant, root):
        section.done()
    return mapping


class _Loader(yaml.SafeLoader):
    """Safe, and without two traps of YAML 1.1: `on`, `no` and `yes` are texts, and a key cannot stand twice."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"the key {key.value} stands twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"true|false"), list("tf"))


class _Section:
    """One level of the mapping: its keys are taken one by one, and what is left over is a mistake."""

    def __init__(self, content: Any, place: str, file: str, sources: list[Source]) -> None:
        self.place, self.file, self.sources = place, file, sources
        if not isinstance(content, dict):
            raise MappingError(f"{file}: {place or 'it'} must be keys with values.", field=place or "mapping")
        self.content = {str(key): value for key, value in content.items()}
        self.known: list[str] = []

    def path(self, key: str) -> str:
        return f"{self.place}.{key}" if self.place else key

    def fail(self, key: str, reason: str) -> NoReturn:
        raise MappingError(f"{self.file}: {self.path(key)} {reason}.", field=self.path(key))

    def take(self, key: str) -> Any:
        self.known.append(key)
        return self.content.pop(key, None)

    def done(self) -> None:
        """Raise MappingError for a key that nobody took, with the nearest one that there is."""
        for key in self.content:
            near = difflib.get_close_matches(key, self.known, n=1)
            known = f"write {near[0]}" if near else f"there are {', '.join(self.known)}"
            self.fail(key, f"is not known: {known}")

    def section(self, key: str) -> "_Section":
        content = self.take(key)
        return _Section({} if content is None else content, self.path(key), self.file, self.sources)

    def sections(self, key: str) -> list["_Section"]:
        content = self.take(key) or []
        if not isinstance(content, list):
            self.fail(key, "must be a list")
        return [_Section(item, f"{self.path(key)}[{i}]", self.file, self.sources) for i, item in enumerate(content)]

    def text(self, key: str) -> str | None:
        value = self.take(key)
        if value is not None and (not isinstance(value, str) or not value):
            self.fail(key, "must be a text; put it in quotes")
        return value

    def choice(self, key: str, choices: Iterable[str], default: str) -> str:
        value = self.take(key)
        if value is None:
            return default
        if value not in choices:
            self.fail(key, f"is {value!r}: write one of {', '.join(choices)}")
        return str(value)

    def flag(self, key: str, *, default: bool = False) -> bool:
        value = self.take(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.fail(key, f"is {value!r}: write true or false")
        return value

    def source(self, key: str) -> Source | None:
        """Take a key that says where a value comes from: a column's name, or keys with more about it."""
        value = self.take(key)
        if value is None:
            return None
        if isinstance(value, bool):
            return self.keep(Source(self.path(key), constant=value))
        if isinstance(value, str):
            return self.keep(Source(self.path(key), columns=(value,)))
        section = _Section(value, self.path(key), self.file, self.sources)
        source = section.as_source()
        section.done()
        return source

    def as_source(self) -> Source:
        """Take the keys of a source out of this section."""
        columns = self._columns()
        template, constant = self.text("template"), self.take("value")
        given = [bool(columns), template is not None, constant is not None]
        if sum(given) != 1:
            raise MappingError(
                f"{self.file}: {self.place} needs one of column, columns, template and value.", field=self.place
            )
        ignore = self.take("ignore")
        return self.keep(
            Source(
                self.place,
                columns=columns,
                template=template,
                constant=constant,
                default=self.take("default"),
                ignore=frozenset(map(str, ignore if isinstance(ignore, list) else [ignore])) if ignore else frozenset(),
                split=self.text("split"),
                first=self.flag("first"),
                optional=self.flag("optional"),
            )
        )

    def keep(self, source: Source) -> Source:
        self.sources.append(source)
        return source

    def _columns(self) -> tuple[str, ...]:
        column, columns = self.take("column"), self.take("columns")
        if columns is not None and (not isinstance(columns, list) or not columns):
            self.fail("columns", "must be a list of columns, the first filled one counts")
        return tuple(str(name) for name in columns or ([] if column is None else [column]))


def _layout(root: _Section, data: Path) -> readers.Layout:
    encoding = root.text("encoding")
    try:
        is_usable = encoding is None or "\n".encode(codecs.lookup(encoding).name) == b"\n"
    except LookupError:
        is_usable = False
    if not is_usable:
        root.fail("encoding", f"is {encoding!r}: write utf-8, latin-1, cp1252 or another that keeps ASCII")
    delimiter = root.text("delimiter")
    if delimiter is not None and len(delimiter) != 1:
        root.fail("delimiter", f"is {delimiter!r}: write one character")
    declared = root.choice("format", readers.FORMATS, "")
    return readers.Layout(declared or readers.format_of(data), encoding, delimiter)


def _key(root: _Section, product_texts: dict[str, Text], variant_texts: dict[str, Text]) -> str:
    has = {"external_reference": "external_reference" in product_texts, "sku": "sku" in variant_texts}
    has["slug"] = "slug" in product_texts
    key = root.choice("key", has, next((name for name, mapped in has.items() if mapped), ""))
    if not has.get(key):
        root.fail(
            "key",
            "needs a column that names a product for good: map product.external_reference, variant.sku or product.slug",
        )
    return key


def _product_type(root: _Section) -> Source:
    """Take the product type: a bare text is its name, not a column."""
    value = root.content.get("product_type")
    if isinstance(value, str):
        return root.keep(Source("product_type", constant=root.take("product_type")))
    source = root.source("product_type")
    if source is None:
        root.fail("product_type", "is missing: write the type's name, or {column: …}")
    return source


def _texts(section: _Section, names: Iterable[str]) -> dict[str, Text]:
    texts: dict[str, Text] = {}
    for name in names:
        format_ = "text"
        value = section.content.get(name)
        if name in DOCUMENTS:
            format_ = "plain"
            if isinstance(value, dict) and "format" in value:
                inner = _Section(value, section.path(name), section.file, section.sources)
                format_ = inner.choice("format", ("plain", "editorjs"), "plain")
                section.content[name] = {key: item for key, item in value.items() if key != "format"}
        source = section.source(name)
        if source is not None:
            texts[name] = Text(source, format_)
    return texts


def _with_source(section: _Section, key: str, make: Callable[[_Section, Source], Rule]) -> Rule | None:
    """Take a key whose value is a column's name, or a source with further keys of its own."""
    value = section.take(key)
    if value is None:
        return None
    content = {"column": value} if isinstance(value, str) else value
    inner = _Section(content, section.path(key), section.file, section.sources)
    rule = make(inner, inner.as_source())
    inner.done()
    return rule


def _weight(section: _Section) -> WeightRule | None:
    return _with_source(
        section, "weight", lambda inner, source: WeightRule(source, inner.choice("unit", WEIGHT_UNITS, "g"))
    )


def _category(section: _Section) -> CategoryRule | None:
    def make(inner: _Section, source: Source) -> CategoryRule:
        return CategoryRule(
            source,
            by=inner.choice("by", ("path", "slug", "name"), "path"),
            separator=inner.text("separator") or ">",
            create=inner.flag("create", default=True),
            translations=_by_language(inner.section("translations")),
        )

    return _with_source(section, "category", make)


def _collections(section: _Section) -> CollectionRule | None:
    return _with_source(
        section, "collections", lambda inner, source: CollectionRule(source, inner.flag("replace", default=False))
    )


def _media(section: _Section) -> tuple[tuple[Source, ...], Source | None]:
    value = section.take("media")
    listed = value if isinstance(value, list) else [] if value is None else [value]
    sources = []
    for number, item in enumerate(listed):
        section.content["media"] = item
        source = section.source("media")
        if source is None:
            section.fail(f"media[{number}]", "is empty")
        sources.append(source)
    return tuple(sources), section.source("media_alt")


def _price(section: _Section) -> PriceRule:
    rule = PriceRule(
        key=section.place,
        cost=section.source("cost"),
        prior=section.source("prior"),
        currency=section.source("currency"),
        channel=section.text("channel"),
        unit=section.choice("unit", ("major", "minor"), "major"),
        decimal=section.choice("decimal", (".", ","), "."),
        source=section.as_source(),
    )
    section.done()
    return rule


def _stock(section: _Section) -> StockRule:
    warehouse = section.text("warehouse")
    if warehouse is None:
        section.fail("warehouse", "is missing: write the warehouse's slug")
    rule = StockRule(source=section.as_source(), warehouse=warehouse)
    section.done()
    return rule


def _attribute(section: _Section) -> AttributeRule:
    pattern, only = section.text("pattern"), section.take("only")
    if pattern is not None and pattern.count("*") != 1:
        section.fail("pattern", f"is {pattern!r}: write one star, as in attr_*")
    if only is not None and (pattern is None or not isinstance(only, list)):
        section.fail("only", "must be a list of what the star of a `pattern` may stand for")
    named = _Section(section.take("names") or {}, section.path("names"), section.file, section.sources)
    on = section.choice("on", ("product", "variant"), "product")
    type_ = section.choice("type", TYPES, "") or None
    rule = AttributeRule(
        key=section.place,
        pattern=pattern,
        only=frozenset(map(str, only)) if only else None,
        name=section.text("name"),
        slug=section.text("slug"),
        type=type_,
        unit=section.text("unit") or "",
        on_variants=on == "variant",
        variant_selection=section.flag("variant_selection"),
        flags={FLAGS[key]: section.flag(key) for key in FLAGS if key in section.content},
        names={_language(named, code): str(text) for code, text in named.content.items()},
        translations=_by_language(section.section("translations")),
        **_where(section, pattern),
    )
    if rule.variant_selection and not rule.on_variants:
        section.fail("variant_selection", "is for attributes of variants: write `on: variant`")
    section.done()
    return rule


def _where(section: _Section, pattern: str | None) -> dict[str, Any]:
    """Take what says where an attribute's values stand: a source of its own, or a pattern of columns."""
    if pattern is None:
        return {"source": (source := section.as_source()), "optional": source.optional, "split": source.split}
    return {"source": None, "optional": section.flag("optional"), "split": section.text("split")}


def _by_name(section: _Section) -> dict[str, Source]:
    sources = {key: section.source(key) for key in list(section.content)}
    return {key: source for key, source in sources.items() if source is not None}


def _by_language(section: _Section) -> dict[str, Source]:
    return {_language(section, code): source for code, source in _by_name(section).items()}


def _translations(section: _Section) -> dict[str, dict[str, Text]]:
    found = {}
    for code in list(section.content):
        inner = section.section(code)
        found[_language(section, code)] = _texts(inner, TRANSLATED_TEXTS)
        inner.done()
    return found


def _language(section: _Section, code: str) -> str:
    try:
        return clean_language(code)
    except DomainError as error:
        section.fail(code, f"is no language: {error.message}")
