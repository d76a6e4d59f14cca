"""Writing what products are found by."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID
from zlib import crc32

from django.db import connections

from catalog.search.stems import stems
from catalog.search.texts import Texts, list_chains, read_texts
from catalog.search.words import Token, code, tokens
from commerce.db.scope import current_scope, current_tenant_id
from commerce.db.topics import about, changed

# So many different words a document has at most, the heaviest first; and so many positions that ranking looks at.
MOST_WORDS = 1_500
MOST_RANKED = 120
MOST_CODES = 50
# Part numbers of a product that it is found by, which does not take from its words.
MOST_FOUND = 3_000
# Bytes of the words that ranking looks at: they stay in the row, which must fit into a page.
MOST_BYTES = 5_000
# The words at the beginning of a name weigh more than those that follow, and those of descriptions nothing.
BEGIN = 6
_WEIGHTS = {"name": "B", "kinds": "C", "traits": "D", "rest": ""}
# Values of so many words count more where they are all that was asked for.
WHOLE = 2
# The highest level of the samples, and the quality that raises a product by one.
HIGHEST = 16
GOOD = 5.0

_WRITE = """
INSERT INTO catalog_searchdocument AS d (tenant_id, product_id, language, words, head, quality, sold_out_in)
SELECT current_tenant(), w.product_id, w.language, w.words::tsvector, w.head::tsvector, w.quality,
  coalesce(w.sold_out_in::uuid[], '{}')
FROM unnest(%(products)s::uuid[], %(languages)s::text[], %(words)s::text[], %(heads)s::text[],
            %(qualities)s::float8[], %(sold_out)s::text[])
  AS w(product_id, language, words, head, quality, sold_out_in)
ON CONFLICT (tenant_id, product_id, language) DO UPDATE SET
  words = excluded.words, head = excluded.head, quality = excluded.quality, sold_out_in = excluded.sold_out_in
WHERE (d.words, d.head, d.quality, d.sold_out_in)
  IS DISTINCT FROM (excluded.words, excluded.head, excluded.quality, excluded.sold_out_in)
"""
_REMOVE = """
DELETE FROM catalog_searchdocument WHERE product_id = ANY(%s) AND NOT (language = ANY(%s))
"""
# The stock tier alone, which changes far more often than words do.
_SELL_OUT = """
WITH wanted AS (
  SELECT k.id, ARRAY(SELECT DISTINCT l.channel_id FROM catalog_listing l
    WHERE l.product_id = k.id AND NOT l.in_stock ORDER BY l.channel_id) AS sold_out_in
  FROM unnest(%s::uuid[]) AS k(id)
)
UPDATE catalog_searchdocument d SET sold_out_in = w.sold_out_in FROM wanted w
WHERE d.product_id = w.id AND d.product_id = ANY(%s) AND d.sold_out_in <> w.sold_out_in
"""


@dataclass(frozen=True, slots=True)
class Marks:
    """How words stand in the index, which all tenants and languages share: in front of each word there is whose it is.

    `code` marks a part number, `level` a product that one in 2^level is, by chance: a sample to look at first where
    thousands have a word.
    """

    prefix: str

    @classmethod
    def of(cls, language: str) -> "Marks":
        """Return the marks of a language of the scope's tenant."""
        return cls(f"{current_tenant_id()}{language.lower()}")

    def word(self, stem: str) -> str:
        return f"{self.prefix}.{stem}"

    def code(self, text: str) -> str:
        return f"{self.prefix}#{text}"

    def level(self, level: int) -> str:
        return f"{self.prefix}~{level}"


@dataclass(frozen=True, slots=True)
class _Document:
    texts: Texts
    words: str
    head: str


def write_documents(product_ids: Collection[UUID]) -> list[Texts]:
    """Write the documents of products in the languages of the shop, in the caller's transaction, where they differ.

    Locks the products in order of id first, so that of two writers the later one sees what the earlier one changed.
    Returns the texts that they were made of.
    """
    ids = sorted(set(product_ids))
    if not ids:
        return []
    chains = list_chains()
    languages = list(chains)
    with _cursor() as cursor, about("search", ()):
        cursor.execute("SELECT FROM catalog_product WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", [ids])
        texts = read_texts(ids, chains)
        made = [document for language in languages for document in _documents(language, texts)]
        cursor.execute(_REMOVE, [ids, languages])
        _tell(cursor)
        cursor.execute(_WRITE, _columns(made))
        _tell(cursor)
    return texts


def note_stock(product_ids: Collection[UUID]) -> None:
    """Bring documents up to date with where their products are sold out, as the listings say. One statement."""
    ids = sorted(set(product_ids))
    if ids:
        with _cursor() as cursor, about("search", ()):
            cursor.execute(_SELL_OUT, [ids, ids])
            _tell(cursor)


def _tell(cursor: Any) -> None:
    """Outdate searches, if the last statement wrote anything."""
    if cursor.rowcount:
        changed("search")


def _columns(documents: Sequence[_Document]) -> dict[str, list[Any]]:
    return {
        "products": [document.texts.product_id for document in documents],
        "languages": [document.texts.language for document in documents],
        "words": [document.words for document in documents],
        "heads": [document.head for document in documents],
        "qualities": [document.texts.quality for document in documents],
        "sold_out": [_array(document.texts.sold_out_in) for document in documents],
    }


def _array(ids: Iterable[UUID]) -> str:
    return "{" + ",".join(sorted(map(str, ids))) + "}"


def _documents(language: str, texts: Iterable[Texts]) -> Iterable[_Document]:
    """Return the documents in one language: the stems of all their words are asked for at once."""
    marks = Marks.of(language)
    parted = [(one, _parts(one)) for one in texts if one.language == language]
    every = {term for _, parts in parted for part in parts for token in part for term in token.terms}
    known = stems(language, every)
    return [_document(marks, one, parts, known) for one, parts in parted]


def _parts(texts: Texts) -> list[list[Token]]:
    """Return the words by what they weigh."""
    return [
        list(tokens(texts.name)),
        [token for text in texts.kinds for token in tokens(text)],
        [token for text in texts.traits for token in tokens(text)],
        [token for text in texts.rest for token in tokens(text)],
    ]


def _document(
    marks: Marks, texts: Texts, parts: Sequence[Sequence[Token]], known: Mapping[str, str | None]
) -> _Document:
    building = _Building(marks, known)
    codes = list(dict.fromkeys(filter(None, map(code, texts.codes))))[:MOST_FOUND]
    for number, one in enumerate(codes):
        building.words[marks.code(one)] = None
        if number < MOST_CODES:
            building.rank(f"#{one}", "1A")
    for level in range(_level(texts)):
        building.words[marks.level(level + 1)] = None
    building.most += len(building.words)
    for text in texts.kinds:
        building.rank(whole_value(tokens(text), known), "1A")
    building.add(parts)
    return _Document(texts, building.found, building.ranking)


@dataclass(slots=True)
class _Building:
    """The words of one document as they are gathered, the heaviest first."""

    marks: Marks
    known: Mapping[str, str | None]
    words: dict[str, None] = field(default_factory=dict)
    ranked: dict[str, list[str]] = field(default_factory=dict)
    room: int = MOST_BYTES
    most: int = MOST_WORDS

    def add(self, parts: Sequence[Sequence[Token]]) -> None:
        """Add the words of name, kinds, traits and the rest."""
        position = 0
        for name, part in zip(("name", "kinds", "traits", "rest"), parts, strict=True):
            for number, token in enumerate(part):
                position += 1
                weight = _WEIGHTS[name] if name != "name" or number >= BEGIN else "A"
                place = f"{position}{weight}" if weight and position <= MOST_RANKED else ""
                for term in token.terms:
                    # A name may consist of stop words.
                    self.add_word(self.known.get(term, term) or (term if name == "name" else ""), place)
            position += 5  # nothing is near to what stands in another field

    def add_word(self, stem: str, place: str) -> None:
        if stem and len(self.words) < self.most:
            self.words[self.marks.word(stem)] = None
            if place:
                self.rank(stem, place)

    def rank(self, word: str, place: str) -> None:
        if word and self.room > 0:
            self.room -= 4 if word in self.ranked else len(word.encode()) + 12
            self.ranked.setdefault(word, []).append(place)

    @property
    def found(self) -> str:
        """The words by which the document is found, as a tsvector is written."""
        return " ".join(f"'{word}'" for word in self.words)

    @property
    def ranking(self) -> str:
        """The words that ranking looks at, as a tsvector is written."""
        return " ".join(f"'{word}':{','.join(places)}" for word, places in self.ranked.items())


def whole_value(words: Sequence[Token], known: Mapping[str, str | None]) -> str:
    """Return the mark of a whole value, such as a brand or a category, of few words; "" for a longer one."""
    if not 0 < len(words) <= WHOLE:
        return ""
    return "=" + " ".join(known.get(token.ways[0][0], "") or token.ways[0][0] for token in words)


def _level(texts: Texts) -> int:
    """Return how many times in a row chance took the product, once more where it is better than most."""
    chance = crc32(texts.product_id.bytes)
    level = 0
    while level < HIGHEST and chance & 1:
        chance, level = chance >> 1, level + 1
    return min(level + (texts.quality >= GOOD), HIGHEST)


def _cursor() -> Any:
    scope = current_scope()
    return connections[scope.alias if scope is not None else "default"].cursor()
