"""The words of a language alike, by PostgreSQL's Snowball dictionaries."""

from collections.abc import Iterable

from commerce.db.rows import fetch

# BCP 47 primary language → PostgreSQL's configuration. The words of other languages stay as they are.
_CONFIGURATIONS = {
    "ar": "arabic",
    "ca": "catalan",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "eu": "basque",
    "fi": "finnish",
    "fr": "french",
    "ga": "irish",
    "hi": "hindi",
    "hu": "hungarian",
    "hy": "armenian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "nb": "norwegian",
    "ne": "nepali",
    "nl": "dutch",
    "nn": "norwegian",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
    "yi": "yiddish",
}
# Documents and searches have the same words again and again. So many are kept per configuration: some 10 MB.
MOST_KEPT = 100_000
_NOT_KEPT = " "  # no stem

_kept: dict[str, dict[str, str | None]] = {}


def configuration(language: str) -> str | None:
    """Return the name of PostgreSQL's text search configuration of a language, or None where it has none."""
    return _CONFIGURATIONS.get(language.split("-")[0].lower())


def stems(language: str, words: Iterable[str]) -> dict[str, str | None]:
    """Return each word's stem in a language, None for a stop word. Words with digits are their own stems.

    One statement, none where this process has asked for all of them before, or no word has another stem.
    """
    found: dict[str, str | None] = {word: word for word in words}
    name = configuration(language)
    if name is None:
        return found
    kept = _kept.setdefault(name, {})
    asked = {word: kept.get(word, _NOT_KEPT) for word in found if word.isalpha()}
    missing = sorted(word for word, stem in asked.items() if stem == _NOT_KEPT)
    if missing:
        fresh = _ask(name, missing)
        if len(kept) + len(fresh) > MOST_KEPT:
            kept.clear()
        kept.update(fresh)
        asked.update(fresh)
    found.update(asked)
    return found


def _ask(name: str, words: list[str]) -> dict[str, str | None]:
    sql = "SELECT w, ts_lexize(%s::regdictionary, w) FROM unnest(%s::text[]) AS w"
    return {word: stem[0] if stem else None for word, stem in fetch(sql, [f"{name}_stem", words])}
