"""From what somebody typed to the documents that are meant.

Every word must be there, as it stands, in another form of the language, or as the beginning of a part number. Where
nothing is found, words that no document has are taken for typing errors, then the last one for the beginning of a
word, and at last one word after the other may be missing.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

from catalog.search import vocabulary
from catalog.search.documents import HIGHEST, Marks
from catalog.search.stems import stems
from catalog.search.words import Token, code, tokens
from commerce.db.rows import fetch

# What a word that is in no more than one document weighs; one that is in ten times as many weighs one less.
RARE = 5.0
# What a whole value weighs that is all that was asked for, as a brand or category; all words in the name; quality.
WHOLE_VALUE, NAMED, QUALITY = 1.0, 1.0, 0.05
# The tier of the hits that come first.
FIRST = 3
# Words of a query that are looked at.
MOST_TOKENS = 10
# Part numbers are found by so many of their first characters.
SHORTEST_CODE = 3
SHORTEST_DIGITS = 5
# A word that so many documents have is none that was mistyped, unless another one is far more frequent.
ENOUGH = 3
FAR_MORE = 20
# So many hits are ranked; where there are more, a sample of about as many comes first.
MOST_RANKED = 1000
# The level at which hits are counted to guess how many there are.
_GUESSED_AT = 4

# Names the table, so that answers depend on it, where the view is what is read.
HITS = "catalog_search AS catalog_searchdocument"
_NOTHING = "'-'"


@dataclass(frozen=True, slots=True)
class Search:
    """A search that can be run: texts of PostgreSQL's tsquery.

    `found` tells the documents; `ranked` are the words that ranking weighs, each with its weight, `named` the same
    such that all must be in the name, `coded` the part numbers that come first. With a `level`, hits of this level
    come first.
    """

    found: str
    ranked: tuple[tuple[float, str], ...]
    named: str
    coded: str
    level: str = ""

    @property
    def of_level(self) -> str:
        """The documents of the level alone."""
        return f"({self.found}) & {self.level}" if self.level else self.found


_COUNT = f"""
SELECT (SELECT count(*) FROM (SELECT FROM {HITS} WHERE words @@ %s::tsquery LIMIT {ENOUGH}) few),
       (SELECT count(*) FROM (SELECT FROM {HITS} WHERE words @@ %s::tsquery LIMIT %s) sample),
       ARRAY(SELECT (SELECT w.documents FROM catalog_searchword w WHERE w.language = %s AND w.word = k.word LIMIT 1)
             FROM unnest(%s::text[]) WITH ORDINALITY AS k(word, n) ORDER BY k.n)
"""


NOTHING = Search(_NOTHING, ((1.0, _NOTHING),), _NOTHING, _NOTHING)


def make_search(text: str, language: str, *, is_begun: bool = False) -> Search:
    """Return the search for what somebody typed, NOTHING where it finds nothing.

    `is_begun`: they are still typing, so that the last word may go on.

    One statement, and one for words whose stems are not known yet; where few are found, up to eight more.
    """
    typed = tokens(text[:500])[:MOST_TOKENS]
    if not typed:
        return NOTHING
    return _Maker(Marks.of(language), language, text, typed, is_begun=is_begun).make()


class _Maker:
    def __init__(self, marks: Marks, language: str, text: str, typed: Sequence[Token], *, is_begun: bool) -> None:
        self.marks, self.language, self.text = marks, language, text
        known = stems(language, {term for token in typed for way in token.ways for term in way})
        self.tokens = [token for token in typed if any(known[term] for term in token.ways[0])] or list(typed)
        self.ways = [[self._stemmed(way, known) for way in token.ways] for token in self.tokens]
        self.codes = [self._codes(token) for token in self.tokens]
        whole = code(text)
        self.whole = whole if len(whole) >= SHORTEST_CODE and any(map(str.isdigit, whole)) else ""
        self.begun = self.tokens[-1].text if is_begun and len(self.tokens[-1].text) > 1 else ""
        self.counts: list[int | None] = []

    def make(self) -> Search:
        groups = self._groups()
        search = self._counted(self._all(groups))
        if search is None or search[1] < ENOUGH:
            mended = self._mend()
            again = self._counted(self._all(self._groups())) if mended else None
            search = again or search
        if (search is None and len(self.tokens) > 1) or (search and search[1] < ENOUGH and len(self.tokens) > 2):
            groups = self._groups()
            wider = self._counted(_any(_every(some) for some in combinations(groups, len(groups) - 1)))
            search = wider or search or self._counted(_any(groups))
        return search[0] if search else NOTHING

    def _stemmed(self, way: Iterable[str], known: dict[str, str | None]) -> tuple[str, ...]:
        return tuple(known[term] or term for term in way)

    def _codes(self, token: Token) -> str:
        """Return the part number that a token may begin: any word that stands alone, beside others what has digits."""
        typed = code(token.text)
        is_likely = len(self.tokens) == 1 or any(map(str.isdigit, typed))
        return typed if is_likely and len(typed) >= SHORTEST_CODE else ""

    def _groups(self) -> list[str]:
        """Return the condition that each word is there, in any of its ways."""
        groups = []
        for ways, typed in zip(self.ways, self.codes, strict=True):
            parts = [_every(_quoted(self.marks.word(stem)) for stem in way) for way in ways]
            if typed:
                parts.append(_begins(self.marks.code(typed), typed))
            groups.append(parts)
        if self.begun:
            groups[-1].append(f"{_quoted(self.marks.word(self.begun))}:*")
        return [_any(parts) for parts in groups]

    def _all(self, groups: Sequence[str]) -> str:
        """Return the condition that all words are there, or that the whole text is a part number with spaces in it."""
        found = " & ".join(groups)
        if not self.whole or len(groups) == 1:
            return found
        return f"({found}) | {_quoted(self.marks.code(self.whole))} | {_quoted(self.marks.word(self.whole))}"

    def _counted(self, found: str) -> tuple[Search, int] | None:
        """Return the search and how many it finds, ENOUGH at most; None where it finds nothing."""
        sample = f"({found}) & {_quoted(self.marks.level(_GUESSED_AT))}"
        most = MOST_RANKED >> _GUESSED_AT
        typed = [token.text for token in self.tokens]
        few, sampled, self.counts = fetch(_COUNT, [found, sample, MOST_RANKED * 4, self.language, typed])[0]
        if not few:
            return None
        level = 0
        while sampled > most and level < HIGHEST and (sampled << _GUESSED_AT) >> level > MOST_RANKED:
            level += 1
        return self._search(found, level), few

    def _search(self, found: str, level: int) -> Search:
        named = [_any(_every(f"{_quoted(stem)}:AB" for stem in way) for way in ways) for ways in self.weighed]
        codes = [typed for typed in (*self.codes, self.whole) if typed]
        return Search(
            found=found,
            ranked=tuple(self._ranked()),
            named=" & ".join(named),
            coded=_any(_begins(f"#{typed}", typed) for typed in codes) if codes else _NOTHING,
            level=_quoted(self.marks.level(level)) if level else "",
        )

    @property
    def weighed(self) -> list[list[tuple[str, ...]]]:
        """Each word as a whole and what else it may mean, without its parts, which stand anywhere."""
        parts = [max(len(token.ways) - 1, 0) for token in self.tokens]
        return [[ways[0], *ways[1 + count :]] for ways, count in zip(self.ways, parts, strict=True)]

    def _ranked(self) -> Iterator[tuple[float, str]]:
        """Yield each word with its weight: the rarer a word, the more it tells."""
        for ways, documents in zip(self.weighed, self.counts, strict=True):
            weight = RARE - math.log10(min(max(documents or 1, 1), vocabulary.FREQUENT))
            yield weight, _any(_every(map(_quoted, way)) for way in ways)
        firsts = [ways[0][0] for ways in self.ways]
        wholes = [f"={whole}" for whole in (*firsts, *map(" ".join, pairwise(firsts)))]
        codes = [f"#{typed}" for typed in (*self.codes, self.whole) if typed]
        yield WHOLE_VALUE, _any(map(_quoted, [*wholes, *codes]))

    def _mend(self) -> bool:
        """Add what words may mean that hardly any document has; tell whether there is anything."""
        counts = fetch(
            f"SELECT q.n, (SELECT count(*) FROM (SELECT FROM {HITS} WHERE words @@ q.text::tsquery LIMIT {ENOUGH}) few)"
            " FROM unnest(%s::text[]) WITH ORDINALITY AS q(text, n) ORDER BY q.n",
            [self._groups()],
        )
        known = vocabulary.known_words(self.language, [token.text for token in self.tokens])
        added = False
        rare = {
            token.text: FAR_MORE * count
            for token, (_, count) in zip(self.tokens, counts, strict=True)
            if count < ENOUGH or (token.is_word and token.text not in known)
        }
        meant = vocabulary.list_meant(self.language, rare)
        stemmed = stems(self.language, {word for words in meant.values() for word in words})
        for ways, token in zip(self.ways, self.tokens, strict=True):
            found = [(stem,) for word in meant.get(token.text, ()) if (stem := stemmed[word])]
            ways += found
            added |= bool(found)
        last = self.tokens[-1].text
        if not counts[-1][1] and not meant.get(last) and len(last) >= SHORTEST_CODE:
            self.begun, added = last, True
        return added


def _quoted(word: str) -> str:
    return f"'{word}'"  # words have no quotes in them


def _begins(word: str, typed: str) -> str:
    """Return the condition that a part number begins as it was typed; few digits would be the beginning of too many."""
    return f"{_quoted(word)}:*" if len(typed) >= SHORTEST_DIGITS or not typed.isdigit() else _quoted(word)


def _every(parts: Iterable[str]) -> str:
    found = list(parts)
    return found[0] if len(found) == 1 else f"({' & '.join(found)})"


def _any(parts: Iterable[str]) -> str:
    found = list(dict.fromkeys(parts))
    return found[0] if len(found) == 1 else f"({' | '.join(f'({part})' for part in found)})"


# The hits with what they are ordered by, as `o`. Parameters: channel, then those of `_SCORE`, then the hits.
_SCORE = """CASE WHEN head @@ %s::tsquery THEN 100::float8 ELSE 0 END
    + CASE WHEN head @@ %s::tsquery THEN {named}::float8 ELSE 0 END + quality * {quality}::float8"""
_WORD = "%s::float4 * ts_rank('{0.05, 0.4, 0.5, 1}', head, %s::tsquery)"


def ranked(words: int, *, by_level: bool) -> str:
    """Return the table of the hits with what they are ordered by, as `o`, for a search that ranks so many words.

    `tier` is 3 for hits of the level that comes first, and for all where no level is told from the others, and 2 for
    others; it is 2 less for what is sold out in the channel.
    """
    score = " + ".join([_SCORE.format(named=NAMED, quality=QUALITY), *[_WORD] * words])
    first = "CASE WHEN words @@ %s::tsquery THEN 3 ELSE 2 END" if by_level else "3"
    return f"""(
  SELECT product_id, {first} - 2 * (%s::uuid = ANY(sold_out_in))::int AS tier, ({score})::float8 AS score
  FROM {HITS} WHERE words @@ %s::tsquery) o"""


def parameters(search: Search, channel: Any, *, by_level: bool) -> list[Any]:
    """Return the parameters of `ranked`; without `by_level` they ask for the hits of the search's level alone."""
    words = [part for word in search.ranked for part in word]
    found = search.found if by_level else search.of_level
    return [*([search.level] if by_level else []), channel, search.coded, search.named, *words, found]


def members() -> tuple[str, str]:
    """Return SQL that a product, as l.product_id, is a hit, and SQL for all hits; both take a search's `found`."""
    # Of one product the table has few rows: its own key finds them, and row-level security is in nobody's way.
    return (
        "EXISTS (SELECT FROM catalog_searchdocument d WHERE d.words @@ %s::tsquery AND d.product_id = l.product_id"
        " OFFSET 0)",
        f"SELECT catalog_searchdocument.product_id FROM {HITS} WHERE words @@ %s::tsquery",
    )
