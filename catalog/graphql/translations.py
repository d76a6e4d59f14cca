"""The words of objects in other languages."""

from collections.abc import Sequence
from functools import partial
from operator import attrgetter
from typing import Any
from uuid import UUID

import graphene

from catalog.graphql.loading import foretold, rich_text
from catalog.queries.rows import TranslationRow
from catalog.queries.translations import Words, list_translations, list_words
from commerce.graphql.batch import Batch, batch
from commerce.graphql.enums import LanguageCodeEnum
from commerce.graphql.ids import to_global_id
from commerce.graphql.info import Info
from commerce.graphql.scalars import JSONString
from tenants.graphql.context import ShopContext
from tenants.graphql.types import Language, LanguageDisplay, display_language


def load_translations(context: ShopContext, ids: Sequence[UUID], language: str) -> list[TranslationRow | None]:
    """Return the translation of each object into a language (BCP 47), None where there is none."""
    found = context.load(("translations", language), ids, partial(_read, language))
    return [found[key] for key in ids]


def _read(language: str, ids: list[UUID]) -> dict[UUID, TranslationRow]:
    return list_translations(ids, language)


@batch
def resolve_translation(
    rows: Sequence[Any], info: Info[ShopContext], language_code: Any
) -> list[TranslationRow | None]:
    """Return the translations of rows that have an `id`."""
    return load_translations(info.context, [row.id for row in rows], language_code.value)


@batch
def resolve_named_translation(
    rows: Sequence[Any], info: Info[ShopContext], language_code: Any
) -> list[TranslationRow | None]:
    """Return the translations of rows that have an `id` and a `name`; it stands in for a name not translated."""
    found = load_translations(info.context, [row.id for row in rows], language_code.value)
    return [
        words if words is None or words.name else words._replace(name=row.name)
        for row, words in zip(rows, found, strict=True)
    ]


# For so few objects all of their words are read at once, for more their names first.
FEW = 3
_NAMES = frozenset({"name", "slug"})


def in_language(info: Info[ShopContext], ids: Sequence[UUID], word: str, own: Sequence[Any]) -> list[Any]:
    """Return a word (a column of Words) of each object in the language of the answer; `own` is what they have.

    It is the first that there is in the languages of the context, and theirs where there is none.
    """
    if len(info.context.languages) < 2:
        return list(own)
    found = _load_words(info.context, ids, whole=word not in _NAMES)
    said = [getattr(found[key], word) for key in ids]
    return [mine if one is None else one for one, mine in zip(said, own, strict=True)]


def word(name: str, column: str | None = None) -> Batch:
    """Declare that a field is a word of the row, which has an `id` and the word in its own language in a column."""
    read = attrgetter(column or name)

    def resolve(rows: Sequence[Any], info: Info[ShopContext]) -> list[Any]:
        own = list(map(read, rows))
        return own if len(info.context.languages) < 2 else in_language(info, [row.id for row in rows], name, own)

    return batch(resolve)


def _load_words(context: ShopContext, ids: Sequence[UUID], *, whole: bool) -> dict[UUID, Words]:
    """Return what objects are called, reading at once what was foretold besides."""
    kept: dict[UUID, Words] = context.once("words", dict)
    wanted = dict.fromkeys(key for key in ids if key not in kept or (whole and not kept[key].is_whole))
    if wanted:
        whole = whole or len(wanted) <= FEW
        coming = foretold(context)
        wanted.update((key, None) for key in coming if key not in kept)
        coming.clear()
        found = list_words(list(wanted), context.languages[:-1], whole=whole)
        nothing = Words(is_whole=whole)
        kept.update((key, found.get(key, nothing)) for key in wanted)
    return kept


def translation_field(of: Any) -> graphene.Field:
    """Declare the field `translation` of a type; its resolver is `resolve_translation`."""
    return graphene.Field(
        of,
        language_code=LanguageCodeEnum(required=True, description="The language."),
        description="The words in another language, null where nothing is translated.",
    )


class _Translation(graphene.ObjectType):
    class Meta:
        abstract = True

    id = graphene.ID(required=True, description="The id of the translation.")
    language = graphene.Field(LanguageDisplay, required=True, description="The language.")

    @batch
    def resolve_id(rows: Sequence[TranslationRow], info: Info[ShopContext]) -> list[str]:
        return [to_global_id(info.parent_type, row.id) for row in rows]

    @batch
    def resolve_language(rows: Sequence[TranslationRow], info: Info[ShopContext]) -> list[Language]:
        return [display_language(row.language) for row in rows]


@batch
def _resolve_name(rows: Sequence[TranslationRow], info: Info[ShopContext]) -> list[str | None]:
    return [row.name or None for row in rows]


@batch
def _resolve_description(rows: Sequence[TranslationRow], info: Info[ShopContext]) -> list[Any]:
    return [rich_text(row.description) for row in rows]


class _Addressed(_Translation):
    """The words of an object that has an address of its own; null: not translated."""

    class Meta:
        abstract = True

    slug = graphene.String(description="The name in addresses.")
    seo_title = graphene.String(description="The title for search engines.")
    seo_description = graphene.String(description="The description for search engines.")

    @batch
    def resolve_seo_title(rows: Sequence[TranslationRow], info: Info[ShopContext]) -> list[str | None]:
        return [row.seo_title or None for row in rows]

    @batch
    def resolve_seo_description(rows: Sequence[TranslationRow], info: Info[ShopContext]) -> list[str | None]:
        return [row.seo_description or None for row in rows]


class _Page(_Addressed):
    class Meta:
        abstract = True

    name = graphene.String(description="The name.")
    description = JSONString(description="The description, EditorJS.")
    description_json = JSONString(description="The same as `description`.")

    resolve_name = _resolve_name
    resolve_description = _resolve_description
    resolve_description_json = _resolve_description


class ProductTranslation(_Page):
    """The words of a product in another language."""

    class Meta:
        possible_types = (TranslationRow,)


class CategoryTranslation(_Page):
    """The words of a category in another language."""

    class Meta:
        possible_types = (TranslationRow,)


class CollectionTranslation(_Page):
    """The words of a collection in another language."""

    class Meta:
        possible_types = (TranslationRow,)


class PageTranslation(_Addressed):
    """The words of a page in another language."""

    class Meta:
        possible_types = (TranslationRow,)

    title = graphene.String(description="The title.")
    content = JSONString(description="The text, EditorJS.")
    content_json = JSONString(description="The same as `content`.")

    resolve_title = _resolve_name
    resolve_content = _resolve_description
    resolve_content_json = _resolve_description


class MenuItemTranslation(_Translation):
    """The name of a menu's item in another language."""

    class Meta:
        possible_types = (TranslationRow,)

    name = graphene.String(required=True, description="The name.")


class ProductVariantTranslation(_Translation):
    """The name of a variant in another language."""

    class Meta:
        possible_types = (TranslationRow,)

    name = graphene.String(required=True, description="The name.")


class AttributeTranslation(_Translation):
    """The name of an attribute in another language."""

    class Meta:
        possible_types = (TranslationRow,)

    name = graphene.String(required=True, description="The name.")


class AttributeValueTranslation(_Translation):
    """The words of a value in another language."""

    class Meta:
        possible_types = (TranslationRow,)

    name = graphene.String(required=True, description="The name.")
    plain_text = graphene.String(description="The text of a plain text.")
    rich_text = JSONString(description="The text of a rich text, EditorJS.")

    @batch
    def resolve_plain_text(rows: Sequence[TranslationRow], info: Info[ShopContext]) -> list[str | None]:
        return [row.plain_text or None for row in rows]

    @batch
    def resolve_rich_text(rows: Sequence[TranslationRow], info: Info[ShopContext]) -> list[Any]:
        return [rich_text(row.rich_text) for row in rows]
