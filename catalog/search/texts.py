"""What documents are made of: the texts of products in one language each, read for many products at once."""

import html
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson

from commerce.db.rows import fetch
from tenants import queries as tenants
from tenants.languages import chain_of

# Characters of a description that are read; what stands further down nobody looks for.
LONGEST_TEXT = 20_000
_MARKUP = re.compile(r"<[^>]*>")
_NO_WORDS = frozenset({"id", "type", "level", "style", "file", "url"})

_PRODUCTS = """
SELECT p.id, p.name, p.description, p.seo_title, p.seo_description, p.rating, p.category_id, p.external_reference,
  t.name, EXISTS (SELECT FROM catalog_media m WHERE m.product_id = p.id)
FROM unnest(%s::uuid[]) AS k(id)
CROSS JOIN LATERAL (SELECT * FROM catalog_product p WHERE p.id = k.id LIMIT 1) p
CROSS JOIN LATERAL (SELECT t.name FROM catalog_producttype t WHERE t.id = p.product_type_id LIMIT 1) t
"""
_VARIANTS = """
SELECT k.id, v.name, v.sku, v.gtin, v.external_reference FROM unnest(%s::uuid[]) AS k(id)
CROSS JOIN LATERAL (SELECT * FROM catalog_variant v WHERE v.product_id = k.id OFFSET 0) v
ORDER BY v.position, v.id
"""
_VALUES = """
SELECT DISTINCT held.product_id, a.id, a.name, a.input_type, v.id, v.name, v.boolean, v.plain_text, v.rich_text,
  a.slug, v.position
FROM (
  SELECT k.id AS product_id, h.value_id FROM unnest(%s::uuid[]) AS k(id)
  CROSS JOIN LATERAL (SELECT h.value_id FROM catalog_productvalue h WHERE h.product_id = k.id OFFSET 0) h
  UNION ALL
  SELECT k.id, h.value_id FROM unnest(%s::uuid[]) AS k(id)
  CROSS JOIN LATERAL (SELECT h.value_id FROM catalog_variantvalue h WHERE h.product_id = k.id OFFSET 0) h
) held
CROSS JOIN LATERAL (SELECT * FROM catalog_attributevalue v WHERE v.id = held.value_id LIMIT 1) v
CROSS JOIN LATERAL (
  SELECT * FROM catalog_attribute a WHERE a.id = v.attribute_id AND a.visible_in_storefront LIMIT 1) a
ORDER BY held.product_id, a.slug, v.position, v.id
"""
_CATEGORIES = """
WITH RECURSIVE above AS (
  SELECT c.id AS leaf, c.id, c.name, c.parent_id, c.level FROM catalog_category c WHERE c.id = ANY(%s)
  UNION ALL
  SELECT above.leaf, c.id, c.name, c.parent_id, c.level FROM above JOIN catalog_category c ON c.id = above.parent_id
)
SELECT leaf, id, name FROM above ORDER BY level DESC
"""
_TRANSLATIONS = """
SELECT t.object_id, t.language, t.name, t.description, t.seo_title, t.seo_description, t.plain_text, t.rich_text
FROM unnest(%s::uuid[]) AS k(id)
CROSS JOIN LATERAL (SELECT * FROM catalog_translation t WHERE t.object_id = k.id OFFSET 0) t
"""
_SOLD_OUT = """
SELECT DISTINCT l.product_id, l.channel_id FROM catalog_listing l WHERE l.product_id = ANY(%s) AND NOT l.in_stock
ORDER BY l.product_id, l.channel_id
"""


# The words of objects by id and language, in the columns of _TRANSLATIONS.
_Words = dict[tuple[UUID, str], tuple[Any, ...]]


@dataclass(slots=True)
class Texts:
    """The texts of one product in one language, by what they weigh: A the most, D the least."""

    product_id: UUID
    language: str
    name: str
    codes: list[str]
    kinds: list[str] = field(default_factory=list)  # B: category, type and attribute values
    traits: list[str] = field(default_factory=list)  # C: what it has, and longer texts of attributes
    rest: list[str] = field(default_factory=list)  # D: descriptions
    quality: float = 0.0
    sold_out_in: list[UUID] = field(default_factory=list)


def list_chains() -> dict[str, tuple[str, ...]]:
    """Return the languages that documents are written in, those of the channels and the shop's own, with their chains.

    Three statements.
    """
    found = {language for channel in tenants.list_channel_rows() for language in channel.languages}
    base, chains = _base_language(), tenants.list_chains()
    return {language: chain_of(language, base, chains) for language in sorted({*found, base})}


def _base_language() -> str:
    """Return the language that the catalogue itself is written in."""
    found = fetch("SELECT default_language FROM tenants_tenant WHERE id = (SELECT current_tenant())")
    return str(found[0][0])


def read_texts(product_ids: Collection[UUID], chains: Mapping[str, Sequence[str]]) -> list[Texts]:
    """Return the texts of products in each language that has a chain, one for each that there is. Six statements.

    What is not translated is in the next language of the chain, and at its end in the shop's own.
    """
    ids = list(product_ids)
    products = fetch(_PRODUCTS, [ids])
    values = fetch(_VALUES, [ids, ids])
    variants = _by_first(fetch(_VARIANTS, [ids]))
    above = _by_first(fetch(_CATEGORIES, [list({row[6] for row in products if row[6]})]))
    sold_out = _by_first(fetch(_SOLD_OUT, [ids]))
    of_product = _by_first(values)
    told = {*ids, *(row[1] for row in values), *(row[4] for row in values)}
    told.update(row[1] for rows in above.values() for row in rows)
    translated: _Words = {(row[0], row[1]): row[2:] for row in fetch(_TRANSLATIONS, [list(told)])}
    by_language = {language: _along(translated, chain) for language, chain in chains.items()}
    made = []
    for row in products:
        key = row[0]
        facts = _Facts(row, variants[key], of_product[key], above[row[6]], [one[1] for one in sold_out[key]])
        made += [facts.texts(language, words) for language, words in by_language.items()]
    return made


def _along(words: _Words, chain: Sequence[str]) -> _Words:
    """Return words as the first language of a chain has them, each from the first that has it; the last has none."""
    language, *others = chain
    if not others:
        return {}
    between = others[:-1]
    if not between:
        return words
    said: dict[UUID, dict[str, tuple[Any, ...]]] = defaultdict(dict)
    for (key, one), row in words.items():
        said[key][one] = row
    found = {key: [rows[one] for one in (language, *between) if one in rows] for key, rows in said.items()}
    return {
        (key, language): rows[0] if len(rows) == 1 else tuple(map(_first, zip(*rows, strict=True)))
        for key, rows in found.items()
        if rows
    }


def _first(column: Iterable[Any]) -> Any:
    return next(filter(None, column), None)


def _by_first(rows: Iterable[tuple[Any, ...]]) -> dict[Any, list[tuple[Any, ...]]]:
    found: dict[Any, list[tuple[Any, ...]]] = defaultdict(list)
    for row in rows:
        found[row[0]].append(row)
    return found


@dataclass(frozen=True, slots=True)
class _Facts:
    product: tuple[Any, ...]
    variants: list[tuple[Any, ...]]
    values: list[tuple[Any, ...]]
    categories: list[tuple[Any, ...]]
    sold_out_in: list[UUID]

    def texts(self, language: str, words: dict[Any, tuple[Any, ...]]) -> Texts:
        key, name, description, seo_title, seo_description, rating, _, reference, kind, has_media = self.product
        own = words.get((key, language)) or ("", None, "", "")
        made = Texts(key, language, own[0] or name, self._codes(reference), sold_out_in=self.sold_out_in)
        made.kinds = [_named(words, category, language, own_name) for _, category, own_name in self.categories]
        made.kinds.append(kind)
        for value in self.values:
            _add_value(made, value, words)
        made.traits += [variant[1] for variant in self.variants if variant[1]]
        made.rest = [rich_words(own[1] or description), own[2] or seo_title, own[3] or seo_description]
        made.quality = (3.0 if rating is None else rating) + 0.5 * has_media + 0.5 * bool(made.rest[0])
        made.quality -= min(len(made.name), 200) / 100  # names that say little else
        return made

    def _codes(self, reference: str | None) -> list[str]:
        found = [reference]
        for _, _, sku, gtin, own in self.variants:
            found += [sku, gtin, gtin and gtin.lstrip("0"), own]  # a GTIN begins with zeros or not (GS1)
        return [code for code in found if code]


def _named(words: dict[Any, tuple[Any, ...]], key: UUID, language: str, name: str) -> str:
    found = words.get((key, language))
    return str(found[0]) if found and found[0] else name


def _add_value(made: Texts, value: tuple[Any, ...], words: dict[Any, tuple[Any, ...]]) -> None:
    _, attribute_id, attribute, input_type, value_id, name, boolean, plain_text, rich_text, *_ = value
    match input_type:
        case "dropdown" | "multiselect" | "swatch":
            made.kinds.append(_named(words, value_id, made.language, name))
        case "boolean" if boolean:
            made.traits.append(_named(words, attribute_id, made.language, attribute))
        case "plain-text" | "rich-text":
            own = words.get((value_id, made.language))
            text = (own and (own[4] or rich_words(own[5]))) or plain_text or rich_words(rich_text)
            made.traits.append(text[:LONGEST_TEXT])
        case "numeric":
            made.traits.append(name)


def rich_words(document: Any) -> str:
    """Return the words of an EditorJS document, given as JSON text or read already."""
    if not document:
        return ""
    if isinstance(document, str):
        document = orjson.loads(document)
    found: list[str] = []
    _collect(document.get("blocks") if isinstance(document, dict) else None, found)
    return " ".join(found)[:LONGEST_TEXT]


def _collect(part: Any, found: list[str]) -> None:
    """Add the texts in any nesting of a block's data: paragraphs, lists, tables, captions."""
    stack = [part]
    while stack:
        part = stack.pop()
        if isinstance(part, str):
            found.append(_without_markup(part))
        elif isinstance(part, list):
            stack += reversed(part)
        elif isinstance(part, dict):
            stack += [value for key, value in reversed(part.items()) if key not in _NO_WORDS]


def _without_markup(text: str) -> str:
    return html.unescape(_MARKUP.sub(" ", text)) if "<" in text or "&" in text else text
