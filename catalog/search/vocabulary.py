"""The words of a shop, and which of them somebody meant who mistyped one.

A word and what was typed meet in what is left of both when letters are left out (symmetric deletion): one letter of
words of 4 to 7 letters, two of longer ones, among the first PREFIX letters alone, which bounds a word to 29 entries.
Candidates are then compared in full.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from itertools import combinations
from typing import Any

from django.db import connections

from catalog.models.search import NEVER
from catalog.search.stems import stems
from catalog.search.texts import Texts
from catalog.search.words import Token, tokens, written
from commerce.db.rows import fetch
from commerce.db.scope import current_scope
from commerce.db.topics import about, changed

PREFIX = 7
SHORTEST = 4
LONGEST = 30
# So many entries are looked at for each mistyped word.
MOST_CANDIDATES = 500
# How far documents are counted: from there on a word is simply frequent.
FREQUENT = 1000
# So many words at most stand for a mistyped one.
MOST_MEANT = 5

_ADD = """
INSERT INTO catalog_searchword (tenant_id, language, word, shown, documents)
SELECT current_tenant(), %s, w.word, w.shown, w.documents
FROM unnest(%s::text[], %s::text[], %s::int[]) AS w(word, shown, documents) ORDER BY w.word
ON CONFLICT (tenant_id, language, word) DO NOTHING RETURNING word
"""
_TO_COUNT = """
UPDATE catalog_searchword w SET counted_at = %s WHERE w.language = %s AND w.word = ANY(%s) AND w.counted_at <> %s
"""
_DUE = """
SELECT w.language, w.word FROM catalog_searchword w WHERE w.counted_at <= %s
ORDER BY w.counted_at, w.language, w.word LIMIT %s
"""
_ADD_TYPOS = """
INSERT INTO catalog_searchtypo (tenant_id, fragment, word)
SELECT current_tenant(), * FROM unnest(%s::bigint[], %s::text[]) ON CONFLICT DO NOTHING
"""
_MEANT = """
SELECT t.fragment, t.word FROM catalog_searchtypo t WHERE t.fragment = ANY(%s) LIMIT %s
"""
_COUNT = """
SELECT w.word, w.documents FROM catalog_searchword w WHERE w.language = %s AND w.word = ANY(%s)
"""
# Words that no document has any longer stay until their turn here.
_RECOUNT = """
WITH counted AS (
  SELECT k.word, (SELECT count(*) FROM (
    SELECT FROM catalog_search s WHERE s.language = %s AND s.words @@ k.query::tsquery LIMIT %s) few) AS documents
  FROM unnest(%s::text[], %s::text[]) AS k(word, query)
), gone AS (
  DELETE FROM catalog_searchword w USING counted c
  WHERE w.language = %s AND w.word = c.word AND c.documents = 0 RETURNING 1
), differ AS (
  SELECT 1 FROM catalog_searchword w JOIN counted c ON c.word = w.word
  WHERE w.language = %s AND c.documents > 0 AND w.documents <> c.documents
), kept AS (
  UPDATE catalog_searchword w SET documents = c.documents, counted_at = %s FROM counted c
  WHERE w.language = %s AND w.word = c.word AND c.documents > 0 RETURNING 1
)
SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM differ)
"""


def edits_allowed(word: str) -> int:
    """Return how many typing errors a word may have: none in short ones and in what has digits."""
    if not word.isalpha() or not SHORTEST <= len(word) <= LONGEST:
        return 0
    return 1 if len(word) <= PREFIX else 2


def fragments(language: str, word: str, edits: int) -> set[int]:
    """Return the hashes of a word's beginning with up to so many letters left out, different in each language."""
    begin = word[:PREFIX]
    kept = {
        "".join(letter for at, letter in enumerate(begin) if at not in left_out)
        for count in range(edits + 1)
        for left_out in combinations(range(len(begin)), count)
    }
    return {_hash(f"{language} {text}") for text in kept}


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), signed=True)


def distance(one: str, other: str, most: int) -> int:
    """Return the number of letters left out, added, exchanged or swapped with a neighbour; above `most`, most + 1."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, last, row = row, before, [i]
        for j, b in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return row[-1]


def add_words(texts: Iterable[Texts]) -> int:
    """Add the words of names, categories and values to the vocabulary; return how many were new.

    Only one transaction at a time may do so for a tenant.
    """
    counts: dict[str, dict[str, int]] = {}
    shown: dict[str, dict[str, str]] = {}
    for one in texts:
        fields = [one.name, *one.kinds]
        own = {token.text for text in fields for token in tokens(text) if _is_word(token)}
        found = counts.setdefault(one.language, {})
        for word in own:
            found[word] = found.get(word, 0) + 1
        for text in fields:
            shown.setdefault(one.language, {}).update(written(text))
    return sum(_add(language, found, shown[language]) for language, found in counts.items())


def _is_word(token: Token) -> bool:
    return token.is_word and 2 <= len(token.text) <= LONGEST


def _add(language: str, counts: Mapping[str, int], shown: Mapping[str, str]) -> int:
    known = stems(language, counts)
    words = sorted(word for word in counts if known[word])  # no stop words
    if not words:
        return 0
    with _cursor() as cursor, about("search", ()):
        cursor.execute(
            _ADD, [language, words, [shown.get(word, word) for word in words], [counts[word] for word in words]]
        )
        new = [row[0] for row in cursor.fetchall()]
        if new:
            changed("search")
        if known_before := sorted(set(words) - set(new)):
            cursor.execute(_TO_COUNT, [NEVER, language, known_before, NEVER])
        pairs = [(one, word) for word in new for one in _entries(language, word)]
        if pairs:
            hashes, of = zip(*pairs, strict=True)
            cursor.execute(_ADD_TYPOS, [list(hashes), list(of)])
    return len(new)


def _entries(language: str, word: str) -> set[int]:
    edits = edits_allowed(word)
    return fragments(language, word, edits) if edits else set()


def recount(language: str, words: Sequence[str], queries: Sequence[str], most: int, now: datetime) -> None:
    """Bring the numbers of documents of words up to date, and forget words that no document has."""
    with _cursor() as cursor, about("search", ()):
        cursor.execute(_RECOUNT, [language, most, list(words), list(queries), language, language, now, language])
        if cursor.fetchone()[0]:
            changed("search")


def list_due(before: datetime, limit: int) -> list[tuple[str, str]]:
    """Return words with their languages that were counted last by an instant, the longest ago first."""
    return [(language, word) for language, word in fetch(_DUE, [before, limit])]


def list_meant(language: str, typed: Mapping[str, int]) -> dict[str, list[str]]:
    """Return the words of the shop that somebody may mean who typed these, the likeliest first.

    `typed` says for each in how many documents what is meant must be at least. What is returned for one has the same
    number of errors each. Two statements, or none where no typing error is forgiven.
    """
    entries = {word: _entries_of_typed(language, word) for word in typed if edits_allowed(word)}
    if not entries:
        return {}
    every = set().union(*entries.values())
    found = fetch(_MEANT, [list(every), MOST_CANDIDATES * len(entries)])
    near = {word: _near(word, {one for entry, one in found if entry in own}) for word, own in entries.items()}
    counts = known_words(language, {one for candidates in near.values() for one in candidates})
    return {word: _likeliest(word, near[word], counts, typed[word]) for word in entries}


def _entries_of_typed(language: str, word: str) -> set[int]:
    # A word of eight letters that lacks two has six.
    return fragments(language, word, 2 if len(word) > PREFIX - 2 else 1)


def _near(word: str, candidates: Iterable[str]) -> dict[str, int]:
    """Return the candidates that are not too far from a word, with how far."""
    found = {}
    for candidate in candidates:
        forgiven = edits_allowed(candidate)
        if 0 < (far := distance(word, candidate, forgiven)) <= forgiven:
            found[candidate] = far
    return found


def _likeliest(word: str, near: Mapping[str, int], counts: Mapping[str, int], at_least: int) -> list[str]:
    often = [one for one in near if counts.get(one, 0) >= max(at_least, 1)]
    ordered = sorted(often, key=lambda one: (near[one], one[0] != word[0], -counts[one], one))
    return [one for one in ordered if near[one] == near[ordered[0]]][:MOST_MEANT]


def _cursor() -> Any:
    scope = current_scope()
    return connections[scope.alias if scope is not None else "default"].cursor()


def known_words(language: str, words: Collection[str]) -> dict[str, int]:
    """Return in about how many documents each of these words is, those that are in one at all."""
    return dict(fetch(_COUNT, [language, list(words)]))
