"""How far a tenant's search is, and the numbers of its vocabulary."""

from dataclasses import dataclass
from typing import NamedTuple

from catalog.search import vocabulary
from catalog.search.documents import Marks
from catalog.search.stems import configuration, stems
from catalog.search.texts import list_chains
from commerce.db.rows import fetch

# Words that are counted by one statement.
BATCH = 500

_LANGUAGES = """
SELECT l.code, (SELECT count(*) FROM catalog_searchdocument d WHERE d.language = l.code),
  (SELECT count(*) FROM catalog_searchword w WHERE w.language = l.code)
FROM unnest(%s::text[]) AS l(code) ORDER BY l.code
"""
_TOTALS = """
SELECT (SELECT count(*) FROM catalog_product), (SELECT count(*) FROM catalog_searchtypo),
  (SELECT count(*) FROM catalog_searchpending),
  (SELECT extract(epoch FROM statement_timestamp() - min(created_at))::float8 FROM catalog_searchpending)
"""
_WORDS = "SELECT w.word FROM catalog_searchword w WHERE w.language = %s AND w.word > %s ORDER BY w.word LIMIT %s"


class LanguageStatus(NamedTuple):
    language: str
    documents: int
    words: int
    configuration: str | None


@dataclass(frozen=True, slots=True)
class Status:
    """What a search holds; `oldest` is for how many seconds the oldest change has been waiting, None: none is."""

    products: int
    fragments: int
    pending: int
    oldest: float | None
    languages: list[LanguageStatus]


def read_status() -> Status:
    """Return the state of the search of the scope's tenant. Two statements."""
    rows = fetch(_LANGUAGES, [list(list_chains())])
    languages = [LanguageStatus(code, documents, words, configuration(code)) for code, documents, words in rows]
    products, fragments, pending, oldest = fetch(_TOTALS)[0]
    return Status(products, fragments, pending, oldest, languages)


def recount_words() -> None:
    """Bring the numbers of documents of all words up to date, and forget words that no document has."""
    for language in list_chains():
        marks, last = Marks.of(language), ""
        while words := [row[0] for row in fetch(_WORDS, [language, last, BATCH])]:
            known = stems(language, words)
            queries = [f"'{marks.word(known[word] or word)}'" for word in words]
            vocabulary.recount(language, words, queries, vocabulary.FREQUENT)
            last = words[-1]
