"""The words of objects in one language, and in whichever of several has them."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from catalog.queries.rows import TranslationRow
from commerce.db.rows import fetch

_COLUMNS = (
    "t.id, t.object_id, t.language, t.name, t.slug, t.description, t.seo_title, t.seo_description, t.plain_text, "
    "t.rich_text, t.object_kind"
)


def list_translations_by_id(ids: Sequence[UUID]) -> dict[UUID, TranslationRow]:
    """Return translations, by their own ids."""
    found = fetch(f"SELECT {_COLUMNS} FROM catalog_translation t WHERE t.id = ANY(%s)", [list(ids)])
    return {row[0]: TranslationRow(*row) for row in found}


def list_translations(object_ids: Sequence[UUID], language: str) -> dict[UUID, TranslationRow]:
    """Return the translations of these objects, of any kind, into a language (BCP 47), by object."""
    found = fetch(
        f"""SELECT {_COLUMNS} FROM unnest(%s::uuid[]) AS k(id) CROSS JOIN LATERAL (
          SELECT * FROM catalog_translation t WHERE t.object_id = k.id AND t.language = %s LIMIT 1) t""",
        [list(object_ids), language],
        about={"translation": object_ids},
    )
    return {row[1]: TranslationRow(*row) for row in found}


class Words(NamedTuple):
    """What an object is called in the first of several languages that says so; None: in none of them.

    `description` and `rich_text` are EditorJS as JSON text. Without `is_whole` nothing but name and slug was read.
    """

    name: str | None = None
    slug: str | None = None
    description: str | None = None
    seo_title: str | None = None
    seo_description: str | None = None
    plain_text: str | None = None
    rich_text: str | None = None
    is_whole: bool = True


_WORDS = Words._fields[:-1]
# What an object's name is worth to lists, and all that its page shows.
_NAMES = "t.name, t.slug, NULL, NULL, NULL, NULL, NULL"
_ALL = ", ".join(f"t.{name}" for name in _WORDS)
_EMPTY = frozenset([None, "", "{}", "null"])


def list_words(object_ids: Sequence[UUID], languages: Sequence[str], *, whole: bool = True) -> dict[UUID, Words]:
    """Return what objects of any kind are called, each word in the first of the languages that has it, by object.

    Without `whole` their names and slugs alone. One statement.
    """
    found = fetch(
        f"""SELECT t.object_id, t.language, {_ALL if whole else _NAMES} FROM unnest(%s::uuid[]) AS k(id)
        CROSS JOIN LATERAL (
          SELECT * FROM catalog_translation t WHERE t.object_id = k.id AND t.language = ANY(%s) OFFSET 0) t""",
        [list(object_ids), list(languages)],
        about={"translation": object_ids},
    )
    said: dict[UUID, dict[str, Sequence[Any]]] = defaultdict(dict)
    for key, language, *words in found:
        said[key][language] = words
    return {
        key: Words._make([*_first([by_language[one] for one in languages if one in by_language]), whole])
        for key, by_language in said.items()
    }


def _first(rows: Sequence[Sequence[Any]]) -> list[str | None]:
    """Return of each column the first value that is not empty."""
    if len(rows) == 1:
        return [None if word in _EMPTY else word for word in rows[0]]
    return [next((word for word in column if word not in _EMPTY), None) for column in zip(*rows, strict=True)]
