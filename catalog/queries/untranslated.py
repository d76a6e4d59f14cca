"""Which words of the catalogue are not translated yet: counted for all kinds of objects, and listed."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID

from commerce.db.rows import fetch

PAGE = 1000


class _Kind(NamedTuple):
    """Where objects of a kind are (as `o`), what they are called, and their words: column of a translation → theirs."""

    table: str
    name: str
    words: Mapping[str, str]


_ADDRESSED = {"description": "o.description", "seo_title": "o.seo_title", "seo_description": "o.seo_description"}
_CHOSEN = "(SELECT a.id FROM catalog_attribute a WHERE a.input_type IN ('dropdown', 'multiselect', 'swatch'))"
_NAMED = f"CASE WHEN o.attribute_id = ANY(ARRAY{_CHOSEN}) THEN o.name END"
KINDS: Mapping[str, _Kind] = MappingProxyType(
    {
        "Product": _Kind("catalog_product", "o.name", {"name": "o.name", **_ADDRESSED}),
        "ProductVariant": _Kind("catalog_variant", "o.name", {"name": "o.name"}),
        "Category": _Kind("catalog_category", "o.name", {"name": "o.name", **_ADDRESSED}),
        "Collection": _Kind("catalog_collection", "o.name", {"name": "o.name", **_ADDRESSED}),
        "Attribute": _Kind("catalog_attribute", "o.name", {"name": "o.name"}),
        # Numbers, dates and files are the same in every language.
        "AttributeValue": _Kind(
            "catalog_attributevalue",
            "coalesce(nullif(o.name, ''), left(o.plain_text, 100), '')",
            {"name": _NAMED, "plain_text": "o.plain_text", "rich_text": "o.rich_text"},
        ),
        "Page": _Kind(
            "catalog_page",
            "o.title",
            {"name": "o.title", **_ADDRESSED, "description": "o.content"},
        ),
        "MenuItem": _Kind("catalog_menuitem", "o.name", {"name": "o.name"}),
    }
)
_JSON = frozenset({"description", "rich_text"})


class Count(NamedTuple):
    """How many objects of a kind have words to translate, and of how many some are missing in a language."""

    kind: str
    language: str
    objects: int
    missing: int


class Untranslated(NamedTuple):
    """An object with the words that it has in none of the languages asked for; `translation_id`: where it has some."""

    id: UUID
    name: str
    words: tuple[str, ...]
    translation_id: UUID | None


def count_untranslated(chains: Mapping[str, Sequence[str]], kinds: Sequence[str] = tuple(KINDS)) -> list[Count]:
    """Return for each kind and language of how many objects words are missing in all languages of its chain.

    One statement for each kind and language.
    """
    return [_count(kind, language, chain) for kind in kinds for language, chain in chains.items()]


def _count(kind: str, language: str, chain: Sequence[str]) -> Count:
    objects, missing = fetch(
        f"SELECT count(*), count(*) FILTER (WHERE cardinality(w.words) > 0) FROM ({_statement(kind)}) w",
        _params(kind, language, chain),
    )[0]
    return Count(kind, language, objects, missing)


def list_untranslated(
    kind: str, language: str, chain: Sequence[str], *, after: UUID | None = None, limit: int = PAGE
) -> list[Untranslated]:
    """Return objects of a kind whose words are missing in all languages of a chain, in the order of their making.

    `after` is the last one of the page before. One statement.
    """
    beyond = "AND w.id > %s" if after is not None else ""
    found = fetch(
        f"""SELECT w.id, w.name, array_to_string(w.words, ' '), w.translation_id FROM ({_statement(kind)}) w
        WHERE cardinality(w.words) > 0 {beyond} ORDER BY w.id LIMIT %s""",
        [*_params(kind, language, chain), *([after] if after is not None else []), limit],
    )
    return [Untranslated(key, name, tuple(words.split()), translation) for key, name, words, translation in found]


def iterate_untranslated(kind: str, language: str, chain: Sequence[str]) -> Iterator[Untranslated]:
    """Yield all of them, reading a page at a time."""
    after: UUID | None = None
    while page := list_untranslated(kind, language, chain, after=after):
        yield from page
        after = page[-1].id


def _statement(kind: str) -> str:
    """Return the statement of all objects that have words, each with those that are missing.

    What is translated is gathered first, in one pass over the kind's translations.
    """
    its = KINDS[kind]
    theirs = {word: _is_said(column, word) for word, column in its.words.items()}
    missing = [f"CASE WHEN {said} AND t.{word} IS NOT TRUE THEN '{word}' END" for word, said in theirs.items()]
    has = ", ".join(f"bool_or({_is_said(f'x.{word}', word)}) AS {word}" for word in its.words)
    return f"""
  SELECT o.id, {its.name} AS name, array_remove(ARRAY[{", ".join(missing)}], NULL) AS words, t.translation_id
  FROM {its.table} o LEFT JOIN (
    SELECT x.object_id, {has}, min(x.id::text) FILTER (WHERE x.language = %s)::uuid AS translation_id
    FROM catalog_translation x WHERE x.object_kind = %s AND x.language = ANY(%s) GROUP BY x.object_id
  ) t ON t.object_id = o.id
  WHERE {" OR ".join(theirs.values())}"""


def _is_said(column: str, word: str) -> str:
    if word in _JSON:
        return f"coalesce({column} NOT IN ('{{}}'::jsonb, 'null'::jsonb), false)"
    return f"coalesce({column} <> '', false)"


def _params(kind: str, language: str, chain: Sequence[str]) -> list[object]:
    return [language, kind, list(chain)]
