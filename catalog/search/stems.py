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
# Documents have the same words again and again. So many are kept per configuration: some 10 MB.
MOST_KEPT = 100_000

_kept: dict[str, dict[str, str | None]] = {}


def configuration(language: str) -> str | None:
    """Return the name of PostgreSQL's text search configuration of a language, or None where it has none."""
    return _CONFIGURATIONS.get(language.split("-")[0].lower())


def ask_stems(language: str, words: Iterable[str]) -> dict[str, str | None]:
    """Return each word's stem in a language, None for a stop word. One statement, none where no word has another stem.

    Words with digits are their own stems.
    """
    found: dict[str, str | None] = {word: word for word in words}
    name = configuration(language)
    asked = sorted(word for word in found if word.isalpha())
    if name is not None and asked:
        sql = "SELECT w, ts_lexize(%s::regdictionary, w) FROM unnest(%s::text[]) AS w"
        found.update((word, (stem[0] if stem else None)) for word, stem in fetch(sql, [f"{name}_stem", asked]))
    return found


def stems(language: str, words: Iterable[str]) -> dict[str, str | None]:
    """Return the same as `ask_stems`, asking only for words that this process has not asked for before."""
    wanted = set(words)
    name = configuration(language)
    if name is None:
        return {word: word for word in wanted}
    kept = _kept.setdefault(name, {})
    missing = [word for word in wanted if word not in kept]
    if missing:
        if len(kept) + len(missing) > MOST_KEPT:
            kept.clear()
            missing = list(wanted)
        kept.update(ask_stems(language, missing))
    return {word: kept[word] for word in wanted}
