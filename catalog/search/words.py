"""Words of a text, the same for documents and for queries. Pure.

Text is folded first: letter case, accents of Latin and Greek letters, and forms that look alike to readers. Scripts
that are written without spaces become pairs of neighbouring characters.
"""

import re
import unicodedata
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

# Texts of so many characters are kept with their words.
SHORT = 60
# Longer words are cut: nobody types them.
LONGEST = 40

# Chinese, Japanese, Korean, Thai, Lao, Khmer, Burmese.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30fa\u30fc-\u30ff\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
# Letters and digits, with the vowel signs of Indic scripts, which Python does not count among them.
_LETTER = f"(?:(?![{_UNSPACED}])[^\\W_]|[\u0900-\u0963\u0966-\u0dff])"
_TOKEN = re.compile(f"([{_UNSPACED}]+)|{_LETTER}+(?:[-./+]{_LETTER}+)*")
_PARTS = re.compile(r"[-./+]")
_MEASURE = re.compile(r"(\d+(?:\.\d+)*)([a-z]{1,4})?")
_MODEL = re.compile(r"([a-z]{3,})(\d+)")
_NOT_IN_CODES = re.compile(r"[\W_]+")

_SIGNS = str.maketrans({"®": " ", "™": " ", "©": " ", "_": " ", "\u2019": "'", "\u2018": "'", "\u00ad": None})
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ё": "е"})
_ACCENTS = re.compile("(?<=[a-z\u0370-\u03ff])[\u0300-\u036f]+")
# Vowel points of Arabic and Hebrew, and the stroke that only stretches a word.
_POINTS = re.compile("[\u064b-\u065f\u0640\u0591-\u05c7]+")
_GENITIVE = re.compile(r"'s\b")
_DECIMAL_COMMA = re.compile(r"(?<=\d),(?=\d)")


class Token(NamedTuple):
    """A word as it stands in a text, and what it can be found as.

    `ways` are alternatives: the words of one of them must all be there. The first is the word as a whole.
    `terms` are all words that a document with this token has, and `is_word` tells that it is one of letters
    alone, in a script with spaces.
    """

    text: str
    ways: tuple[tuple[str, ...], ...]
    terms: tuple[str, ...]
    is_word: bool


def fold(text: str) -> str:
    """Return a text in which letters that count as one are one."""
    text = text.translate(_SIGNS)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).casefold().translate(_LETTERS)
        text = _POINTS.sub("", _ACCENTS.sub("", unicodedata.normalize("NFD", text)))
        text = unicodedata.normalize("NFC", text).translate(_LETTERS)
    else:
        text = text.lower()
    return _DECIMAL_COMMA.sub(".", _GENITIVE.sub("", text))


def tokens(text: str) -> tuple[Token, ...]:
    """Return the words of a text in their order."""
    return _of_short(text) if len(text) <= SHORT else _of(text)


def _of(text: str) -> tuple[Token, ...]:
    return tuple([_token(found[0], found[1] is not None) for found in _TOKEN.finditer(fold(text))])


# Values of attributes and names of categories, which thousands of products have.
_of_short = lru_cache(20_000)(_of)


@lru_cache(50_000)
def _token(text: str, is_unspaced: bool) -> Token:
    ways = (_pairs(text),) if is_unspaced else _ways(text)
    last = (text[-1],) if is_unspaced else ()
    return Token(text, ways, tuple(dict.fromkeys(chain(*ways, last))), text.isalpha() and not is_unspaced)


def _ways(text: str) -> tuple[tuple[str, ...], ...]:
    measure = _MEASURE.fullmatch(text)
    if measure is not None:
        number, unit = measure.groups()
        return ((text[:LONGEST],), (number[:LONGEST], unit)) if unit else ((text[:LONGEST],),)
    parts = tuple(part[:LONGEST] for part in _PARTS.split(text))
    if len(parts) == 1:
        model = _MODEL.fullmatch(text)
        whole = (text[:LONGEST],)
        return (whole, (model[1][:LONGEST], model[2][:LONGEST])) if model else (whole,)
    joined = "".join(parts)
    if len(joined) > LONGEST or ("/" in text and joined.isalpha()):
        return (parts,)
    return ((joined,), parts)


def _pairs(text: str) -> tuple[str, ...]:
    return tuple(text[at : at + 2] for at in range(len(text) - 1)) or (text,)


def code(text: str) -> str:
    """Return a part number, SKU or EAN without letter case and punctuation."""
    return _NOT_IN_CODES.sub("", fold(text))[:LONGEST]


def written(text: str) -> dict[str, str]:
    """Return the words of a text as they are written in lower case, accents and all, by what they are folded to."""
    if text.isascii():
        return {}
    lowered = unicodedata.normalize("NFC", text.translate(_SIGNS)).lower()
    return {fold(word): word for word in re.findall(r"[^\W\d_]+", lowered) if not word.isascii()}
