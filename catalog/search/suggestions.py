"""What somebody may be about to type: words of the shop that begin so."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from catalog.search.documents import Marks
from catalog.search.query import HITS
from catalog.search.stems import stems
from catalog.search.words import fold, tokens
from commerce.db.rows import fetch

# So many of the commonest words are looked at, for those that shoppers see a product of.
MOST_LOOKED_AT = 30

_WORDS = """
SELECT w.word, w.shown FROM catalog_searchword w WHERE w.language = %s AND w.word >= %s AND w.word < %s
ORDER BY w.documents DESC, w.word LIMIT %s
"""
# Words of products that nobody is shown yet are nobody's business.
_SHOWN = f"""
SELECT k.n FROM unnest(%s::text[]) WITH ORDINALITY AS k(query, n)
WHERE EXISTS (
  SELECT FROM (SELECT product_id FROM {HITS} WHERE words @@ k.query::tsquery OFFSET 0) hit
  CROSS JOIN LATERAL (SELECT FROM {{rows}} WHERE {{shown}} AND l.product_id = hit.product_id LIMIT 1) l)
"""


def complete(text: str, language: str, *, rows: str, shown: str, params: list[Any], limit: int) -> list[str]:
    """Return texts that begin with this one, its last word completed, the commonest first. Two statements.

    `rows` and `shown` are the listing rows that are seen, as l, and what picks them, with `params`.
    """
    typed = tokens(text)
    if not typed or not typed[-1].is_word or text[-1:].isspace():
        return []
    begun = typed[-1].text
    words = fetch(_WORDS, [language, begun, f"{begun}\U0010ffff", MOST_LOOKED_AT])
    if not words:
        return []
    marks, known = Marks.of(language), stems(language, [word for word, _ in words])
    queries = [f"'{marks.word(known[word] or word)}'" for word, _ in words]
    seen = {row[0] for row in fetch(_SHOWN.format(rows=rows, shown=shown), [queries, *params])}
    before = " ".join(token.text for token in typed[:-1])
    found = [shown_as for number, (_, shown_as) in enumerate(words, 1) if number in seen]
    return [f"{before} {word}".strip() for word in found[:limit]]


# Categories whose names are looked through, the highest first.
MOST_CATEGORIES = 5_000

_CATEGORIES = """
SELECT c.id, coalesce(t.name, c.name) FROM catalog_category c LEFT JOIN LATERAL (
  SELECT t.name FROM catalog_translation t WHERE t.object_id = c.id AND t.language = ANY(%s) AND t.name <> ''
  ORDER BY array_position(%s::text[], t.language::text) LIMIT 1) t ON true
ORDER BY c.level, c.name, c.id LIMIT %s
"""


def list_category_ids(text: str, languages: Sequence[str], limit: int) -> list[UUID]:
    """Return the categories of which a word begins with a text, the highest first.

    Their names are those in the first of the languages that has one, or else their own.
    """
    begun = " ".join(token.text for token in tokens(text))
    if not begun:
        return []
    names = fetch(_CATEGORIES, [list(languages), list(languages), MOST_CATEGORIES])
    return [key for key, name in names if f" {begun}" in f" {fold(name)}"][:limit]
