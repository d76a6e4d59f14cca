"""The words of objects in one language."""

from collections.abc import Sequence
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
