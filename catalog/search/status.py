"""How far a tenant's search is, and the numbers of its vocabulary."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from catalog.models.search import NEVER
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


# So long what was counted is taken for true, though documents with the word may have gone.
TRUE_FOR = timedelta(days=1)
# So many words are counted between two looks at what is due to be written, which nothing may delay for long.
BESIDE = 100


def recount_due(now: datetime) -> int:
    """Bring up to date the numbers of words that documents were written with, and of some that were long not counted.

    Return how many there were, BESIDE at most.
    """
    due = vocabulary.list_due(NEVER, BESIDE) or vocabulary.list_due(now - TRUE_FOR, BESIDE)
    by_language: dict[str, list[str]] = {}
    for language, word in due:
        by_language.setdefault(language, []).append(word)
    for language, words in by_language.items():
        _recount(language, words, now)
    return len(due)


def _recount(language: str, words: list[str], now: datetime) -> None:
    marks, known = Marks.of(language), stems(language, words)
    queries = [f"'{marks.word(known[word] or word)}'" for word in words]
    vocabulary.recount(language, words, queries, vocabulary.FREQUENT, now)


def recount_words(now: datetime) -> None:
    """Bring the numbers of documents of all words up to date, and forget words that no document has."""
    for language in list_chains():
        last = ""
        while words := [row[0] for row in fetch(_WORDS, [language, last, BATCH])]:
            _recount(language, words, now)
            last = words[-1]
