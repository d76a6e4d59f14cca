"""Translations, and the pictures and videos of products."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from catalog.models import Media, Translation
from catalog.operations.objects import KINDS
from catalog.rest.base import IN_ORDER, METADATA, STANDARD, BatchedResource, RichText
from commerce.errors import DomainError
from commerce.rest.changes import Change, sound
from commerce.rest.filters import ID, Filter
from commerce.rest.rows import FileAddress, Metadata, Reference, RowSerializer
from tenants.operations import clean_language
from tenants.rest import Need

# The dialect's type names of what can be translated → the model.
TRANSLATED = {
    kind: model
    for model, (kind, _) in KINDS.items()
    if kind not in ("Stock", "Translation", "VariantPrice", "Warehouse", "ProductType", "PageType", "ProductMedia")
}


class LanguageField(serializers.CharField):
    """A language by its BCP 47 code."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=20, help_text="A BCP 47 code: nl, pt-BR.", **kwargs)

    def to_internal_value(self, data: Any) -> str:
        try:
            return clean_language(super().to_internal_value(data))
        except DomainError as error:
            raise ValidationError(ErrorDetail(error.message, "NOT_FOUND")) from error


class TranslationSerializer(RowSerializer):
    """The words of one object in one language; an empty one falls back to the object's own."""

    object_kind = serializers.ChoiceField(choices=sorted(TRANSLATED))
    object_id = serializers.UUIDField()
    language = LanguageField()
    slug = serializers.SlugField(required=False, allow_null=True, allow_unicode=True, max_length=255)
    description = RichText()
    rich_text = RichText()

    class Meta:
        model = Translation
        fields = [
            *STANDARD,
            "object_kind",
            "object_id",
            "language",
            "name",
            "slug",
            "description",
            "seo_title",
            "seo_description",
            "plain_text",
            "rich_text",
        ]


class Translations(BatchedResource):
    """Words in other languages."""

    model, row, noun, tag = Translation, TranslationSerializer, "translation", "Translations"
    reads = Need("translations:read", ("MANAGE_TRANSLATIONS", "MANAGE_PRODUCTS"))
    writes = Need("translations:write", ("MANAGE_TRANSLATIONS",))
    keys = (("object_id", "language"),)
    fixed = ("object_kind", "object_id", "language")
    filters = (
        Filter("ids", "id__in", ID, many=True),
        Filter("object", "object_id__in", ID, many=True, order=("object_id", "language")),
        Filter("kind", "object_kind", choices=tuple(sorted(TRANSLATED))),
        Filter("language", "language"),
    )

    def fill(self, changes: Sequence[Change]) -> None:
        """Refuse words of what there is not."""
        wanted: dict[str, set[UUID]] = {}
        for change in changes:
            if change.is_new:
                wanted.setdefault(change.instance.object_kind, set()).add(change.instance.object_id)
        known = {
            kind: set(TRANSLATED[kind]._default_manager.filter(pk__in=ids).values_list("pk", flat=True))
            for kind, ids in wanted.items()
        }
        for change in sound(changes):
            one = change.instance
            if change.is_new and one.object_id not in known[one.object_kind]:
                told = ErrorDetail(f"There is no {one.object_kind} {one.object_id}.", "NOT_FOUND")
                change.refuse(ValidationError({"object_id": [told]}))


class MediaSerializer(RowSerializer):
    """A picture or video of a product: a stored file, or an address elsewhere."""

    product = Reference("catalog.Product", key="slug")
    url = serializers.URLField(max_length=1000, required=False, help_text="Of what is not stored here.")
    file = FileAddress(help_text="Of what is stored here: sent by /uploads.")
    metadata = Metadata()
    private_metadata = Metadata()

    class Meta:
        model = Media
        fields = [*STANDARD, "product", "type", "alt", "url", "file", "position", "external_reference", *METADATA]


class MediaList(BatchedResource):
    """Pictures and videos of products."""

    model, row, noun, plural, tag = Media, MediaSerializer, "media_item", "media", "Media"
    fixed = ("product_id",)
    filters = (
        Filter("ids", "id__in", ID, many=True),
        Filter("product", "product_id", ID, order=IN_ORDER),
    )

    def fill(self, changes: Sequence[Change]) -> None:
        for change in changes:
            one = change.instance
            if bool(one.url) == bool(one.file):
                told = "An address is needed." if not one.url else "What is stored here has no address elsewhere."
                change.refuse(ValidationError({"url": [ErrorDetail(told, "INVALID")]}))
