"""Rows read into drafts: what the file says of a product, parsed and checked, and not yet compared with the shop."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_unicode_slug

from catalog.imports import cells
from catalog.imports.cells import Source
from catalog.imports.errors import Problem
from catalog.imports.mapping import Mapping, PriceRule, Text, WeightRule
from catalog.imports.plan import Plan, PlannedAttribute
from catalog.imports.readers import Row
from catalog.models import Attribute, Category, Collection, Product, ProductType, Translation, Variant
from catalog.values import ValueColumns, parse_value
from commerce.errors import DomainError

_MULTISELECT = str(Attribute.InputType.MULTISELECT)
_NULL_WHEN_EMPTY = frozenset({"external_reference", "sku", "description"})


@dataclass(frozen=True, slots=True)
class Market:
    """A channel that the import prices products in."""

    id: Any
    slug: str
    currency: str


@dataclass(frozen=True, slots=True)
class Price:
    """In minor units."""

    price: int
    cost: int | None
    prior_price: int | None


@dataclass(frozen=True, slots=True)
class Assigned:
    """One value of an attribute, with its words in other languages."""

    attribute: PlannedAttribute
    value: ValueColumns
    translations: dict[str, str]


@dataclass(slots=True)
class VariantDraft:
    """A variant: its columns, and its prices by channel slug and pieces by warehouse slug (None: none is given)."""

    row: Row
    columns: dict[str, Any]
    sku_when_taken: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    prices: dict[str, Price | None] = field(default_factory=dict)
    stock: dict[str, int] = field(default_factory=dict)
    values: list[Assigned] = field(default_factory=list)


@dataclass(slots=True)
class ProductDraft:
    """A product with its variants; a part that the mapping does not name is empty and is not touched."""

    rows: Sequence[Row]
    key: str
    product_type: str
    columns: dict[str, Any]
    publication: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    category: tuple[str, ...] = ()
    category_words: dict[str, tuple[str, ...]] = field(default_factory=dict)
    collections: list[str] = field(default_factory=list)
    media: list[str] = field(default_factory=list)
    media_alt: str = ""
    values: list[Assigned] = field(default_factory=list)
    translations: dict[str, dict[str, Any]] = field(default_factory=dict)
    variants: list[VariantDraft] = field(default_factory=list)


@dataclass(slots=True)
class Built:
    """What became of the rows of one product; `refused` counts rows."""

    draft: ProductDraft | None
    problems: list[Problem]
    refused: int


def without(drafts: Sequence[ProductDraft], variants: set[int]) -> tuple[list[ProductDraft], int]:
    """Return the drafts without these variants (by identity), and how many rows that leaves out."""
    kept, refused = [], 0
    for draft in drafts:
        rest = [variant for variant in draft.variants if id(variant) not in variants]
        gone = {variant.row.ordinal for variant in draft.variants if id(variant) in variants}
        if rest:
            kept.append(replace(draft, variants=rest, rows=[row for row in draft.rows if row.ordinal not in gone]))
        refused += len(gone) if rest else len(draft.rows)
    return kept, refused


class Builder:
    """Builds drafts by one mapping."""

    def __init__(self, mapping: Mapping, plan: Plan, markets: dict[str, Market], default: Market) -> None:
        self.mapping, self.plan, self.markets, self.default = mapping, plan, markets, default
        self._product_parsers = _text_parsers(mapping.product_texts, Product)
        self._variant_parsers = _text_parsers(mapping.variant_texts, Variant)
        self._translated = {
            language: _text_parsers(texts, Translation) for language, texts in mapping.translations.items()
        }

    def build(self, rows: Sequence[Row]) -> Built:
        """Return the product of these rows. A bad row is refused, and all of them where the product itself is bad."""
        reading = _Reading()
        sound = [row for row in rows if not row.problem]
        reading.problems += [Problem(row.ordinal, row.line, "", row.problem, row.source) for row in rows if row.problem]
        if not sound:
            return Built(None, reading.problems, len(rows))
        before = len(reading.problems)
        draft = self._product(sound, reading)
        if len(reading.problems) > before:
            return Built(None, reading.problems, len(rows))
        for row in self._variant_rows(sound):
            before = len(reading.problems)
            variant = self._variant(row, reading)
            if len(reading.problems) == before:
                draft.variants.append(variant)
        if not draft.variants:
            return Built(None, reading.problems, len(rows))
        bad = {problem.row for problem in reading.problems}
        draft.rows = [row for row in sound if row.ordinal not in bad]
        return Built(draft, reading.problems, len(rows) - len(draft.rows))

    def _product(self, rows: Sequence[Row], reading: "_Reading") -> ProductDraft:
        mapping, take = self.mapping, partial(reading.first, rows)
        columns = {name: take(source, parse) for name, (source, parse) in self._product_parsers.items()}
        if not columns["name"]:
            reading.refuse(rows[0], mapping.product_texts["name"].source, "The product has no name.")
        key = take(mapping.key_source, _limited(Product, "external_reference"))
        if not key:
            reading.refuse(rows[0], mapping.key_source, "The row has nothing that names its product for good.")
        if not columns.get("slug"):
            columns.pop("slug", None)
        if mapping.product_weight is not None:
            columns["weight_grams"] = take(mapping.product_weight.source, _weight(mapping.product_weight))
        if mapping.rating is not None:
            columns["rating"] = take(mapping.rating, cells.float_of)
        product_type = take(mapping.product_type, _limited(ProductType, "name"))
        if not product_type:
            reading.refuse(rows[0], mapping.product_type, "The row has no product type.")
        draft = ProductDraft(rows, key or "", product_type or "", columns)
        draft.publication = self._publication(rows, reading)
        draft.metadata = self._metadata(mapping.product_metadata, rows, reading)
        self._groups(draft, rows, reading)
        draft.media = list(dict.fromkeys(url for row in rows for url in self._media(row, reading)))
        draft.media_alt = (take(mapping.media_alt, partial(cells.text_of, most=250)) or "") if mapping.media_alt else ""
        draft.values = list(self._product_values(rows, reading))
        draft.translations = {
            language: {name: take(source, parse) for name, (source, parse) in parsers.items()}
            for language, parsers in self._translated.items()
        }
        return draft

    def _publication(self, rows: Sequence[Row], reading: "_Reading") -> dict[str, Any]:
        given: dict[str, Any] = {}
        if self.mapping.is_published is not None:
            given["is_published"] = bool(reading.first(rows, self.mapping.is_published, cells.boolean_of))
        if self.mapping.published_at is not None:
            given["published_at"] = reading.first(rows, self.mapping.published_at, cells.moment_of)
        return given

    def _groups(self, draft: ProductDraft, rows: Sequence[Row], reading: "_Reading") -> None:
        rule = self.mapping.category
        if rule is not None:
            path = partial(_path, rule.separator if rule.by == "path" else None)
            draft.category = reading.first(rows, rule.source, path) or ()
            for language, source in rule.translations.items():
                words = reading.first(rows, source, path) or ()
                if words and len(words) != len(draft.category):
                    reading.refuse(rows[0], source, f"The path has {len(words)} parts and its translation differs.")
                draft.category_words[language] = words
        if self.mapping.collections is not None:
            names = reading.every(rows, self.mapping.collections.source, _limited(Collection, "name"))
            draft.collections = list(dict.fromkeys(names))

    def _media(self, row: Row, reading: "_Reading") -> Iterator[str]:
        for source in self.mapping.media:
            yield from reading.every([row], source, cells.url_of)

    def _metadata(self, named: dict[str, Source], rows: Sequence[Row], reading: "_Reading") -> dict[str, str]:
        texts = {key: reading.first(rows, source, cells.text_of) for key, source in named.items()}
        return {key: text for key, text in texts.items() if text}

    def _product_values(self, rows: Sequence[Row], reading: "_Reading") -> Iterator[Assigned]:
        given: set[str] = set()
        for row in rows:
            for attribute in self.plan.attributes_in(row.cells, on_variants=False):
                if attribute.slug not in given:
                    values = list(self._values(attribute, row, reading))
                    if values:
                        given.add(attribute.slug)
                        yield from values

    def _values(self, attribute: PlannedAttribute, row: Row, reading: "_Reading") -> Iterator[Assigned]:
        found = reading.every([row], attribute.source, partial(value_of, attribute.type))
        if len(found) > 1:
            found = list({value.slug: value for value in found}.values())
            if len(found) > 1 and attribute.type != _MULTISELECT:
                reading.refuse(row, attribute.source, f"The attribute takes one value, and {len(found)} stand here.")
        words = {
            language: reading.every([row], source, partial(cells.text_of, most=500))
            for language, source in attribute.rule.translations.items()
        }
        for number, value in enumerate(found):
            named = {language: texts[number] for language, texts in words.items() if number < len(texts)}
            yield Assigned(attribute, value, named)

    def _variant_rows(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Return the rows that describe a variant: of several, those with a SKU, a price or another cell of one."""
        if len(rows) == 1:
            return rows
        mapping = self.mapping
        sources = [text.source for text in mapping.variant_texts.values()] + [rule.source for rule in mapping.prices]
        sources += [planned.source for planned in self.plan if planned.rule.on_variants]
        described = [row for row in rows if any(source.columns and source.read_all(row.cells) for source in sources)]
        return described or rows[:1]

    def _variant(self, row: Row, reading: "_Reading") -> VariantDraft:
        mapping, take = self.mapping, partial(reading.first, [row])
        columns = {name: take(source, parse) for name, (source, parse) in self._variant_parsers.items()}
        if mapping.gtin is not None:
            columns["gtin"] = take(mapping.gtin, cells.gtin_of) or ""
        if mapping.variant_weight is not None:
            columns["weight_grams"] = take(mapping.variant_weight.source, _weight(mapping.variant_weight))
        if mapping.track_inventory is not None:
            tracked = take(mapping.track_inventory, cells.boolean_of)
            columns["track_inventory"] = True if tracked is None else tracked
        if mapping.quantity_limit is not None:
            columns["quantity_limit_per_customer"] = take(mapping.quantity_limit, cells.integer_of)
        draft = VariantDraft(row, columns, metadata=self._metadata(mapping.variant_metadata, [row], reading))
        if mapping.sku_when_taken is not None:
            spare = take(mapping.sku_when_taken, cells.text_of)
            draft.sku_when_taken = spare if spare and len(spare) <= 255 else None
        for rule in mapping.prices:
            self._price(rule, draft, reading)
        for stock in mapping.stock:
            pieces = take(stock.source, cells.integer_of)
            if pieces is not None:
                draft.stock[stock.warehouse] = pieces
        for attribute in self.plan.attributes_in(row.cells, on_variants=True):
            draft.values += self._values(attribute, row, reading)
        return draft

    def _price(self, rule: PriceRule, draft: VariantDraft, reading: "_Reading") -> None:
        market = self.markets[rule.channel] if rule.channel else self.default
        parse = partial(cells.price_of, currency=market.currency, unit=rule.unit, decimal=rule.decimal)
        amounts = [
            reading.first([draft.row], source, parse) if source is not None else None
            for source in (rule.source, rule.cost, rule.prior)
        ]
        if rule.currency is not None and any(amount is not None for amount in amounts):
            given = reading.first([draft.row], rule.currency, cells.text_of)
            if given and given.upper() != market.currency:
                reading.refuse(
                    draft.row, rule.currency, f"{given!r} is not the currency of {market.slug}, {market.currency}."
                )
        price, cost, prior = amounts
        draft.prices[market.slug] = None if price is None else Price(price, cost, prior)


class _Reading:
    """Reads cells of rows, and collects what is wrong with them."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def refuse(self, row: Row, source: Source, reason: str) -> None:
        self.problems.append(Problem(row.ordinal, row.line, source.label, reason, row.source))

    def first(self, rows: Sequence[Row], source: Source, parse: Callable[[Any], Any]) -> Any:
        """Return the parsed value of the first row that has one, or None."""
        for row in rows:
            try:
                raw = source.read(row.cells)
                if raw is not None:
                    return parse(raw)
            except DomainError as error:
                self.refuse(row, source, error.message)
                return None
        return None

    def every(self, rows: Sequence[Row], source: Source, parse: Callable[[Any], Any]) -> list[Any]:
        """Return all parsed values of all rows."""
        found = []
        for row in rows:
            try:
                found += [parse(raw) for raw in source.read_all(row.cells)]
            except DomainError as error:
                self.refuse(row, source, error.message)
        return found


def value_of(input_type: str, raw: Any) -> ValueColumns:
    """Return the columns of an attribute's value, or raise DomainError."""
    if isinstance(raw, bool | int | float) or (isinstance(raw, str) and len(raw) <= 60):
        return _known_value(input_type, raw)
    return _value_of(input_type, raw)


def _value_of(input_type: str, raw: Any) -> ValueColumns:
    if input_type == Attribute.InputType.RICH_TEXT:
        document = cells.document_of(raw) if not isinstance(raw, str) or raw[:1] == "{" else cells.plain_document(raw)
        return parse_value(input_type, document)
    return parse_value(input_type, raw if isinstance(raw, bool | int | float) else cells.text_of(raw))


# The same few values stand in most rows. `typed`, for 1 == 1.0 == True.
_known_value = lru_cache(maxsize=20_000, typed=True)(_value_of)


def _text_parsers(texts: dict[str, Text], model: Any) -> dict[str, tuple[Source, Callable[[Any], Any]]]:
    return {name: (text.source, _text_parser(text, model, name)) for name, text in texts.items()}


def _text_parser(text: Text, model: Any, name: str) -> Callable[[Any], Any]:
    if text.format == "plain":
        return cells.plain_document
    if text.format == "editorjs":
        return cells.document_of
    return _slug if name == "slug" else _limited(model, name)


def _limited(model: Any, name: str) -> Callable[[Any], str]:
    return partial(cells.text_of, most=model._meta.get_field(name).max_length)


def _slug(raw: Any) -> str:
    text = cells.text_of(raw, most=255)
    try:
        validate_unicode_slug(text)
    except ValidationError as error:
        raise DomainError(f"{text[:50]!r} is no slug: letters, digits, hyphens and underscores.") from error
    return text


def _weight(rule: WeightRule) -> Callable[[Any], int]:
    return partial(cells.weight_of, unit=rule.unit)


def _path(separator: str | None, raw: Any) -> tuple[str, ...]:
    text = cells.text_of(raw)
    parts = [part.strip() for part in text.split(separator)] if separator else [text]
    if not all(parts):
        raise DomainError(f"{text[:100]!r} has an empty part.")
    longest = Category._meta.get_field("name").max_length or 0
    if any(len(part) > longest for part in parts):
        raise DomainError(f"A category's name has {longest} characters at most.")
    return tuple(parts)
