"""The words of objects in one language."""

from collections.abc import Sequence
from uuid import UUID

from catalog.queries.rows import TranslationRow
from commerce.db.rows import fetch


def list_translations(object_ids: Sequence[UUID], language: str) -> dict[UUID, TranslationRow]:
    """Return the translations of these objects, of any kind, into a language (BCP 47), by object."""
    found = fetch(
        """SELECT id, object_id, language, name, slug, description, seo_title, seo_description, plain_text, rich_text
        FROM catalog_translation WHERE object_id = ANY(%s) AND language = %s""",
        [list(object_ids), language],
    )
    return {row[1]: TranslationRow(*row) for row in found}
