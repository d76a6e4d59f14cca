"""Categories, and collections with their products."""

from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from catalog.models import Category, Collection, CollectionProduct, CollectionPublication
from catalog.rest.base import METADATA, STANDARD, CatalogResource, RichText
from commerce.rest.changes import Change
from commerce.rest.filters import ID, Filter
from commerce.rest.rows import FileAddress, Metadata, Part, Reference, RowSerializer, many

_FILTERS = (
    Filter("ids", "id__in", ID, many=True),
    Filter("slug", "slug__in", many=True, order=("slug",)),
    Filter("external_reference", "external_reference__in", many=True, order=("external_reference",)),
)
_SHOWN = ["description", "seo_title", "seo_description", "background_image", "background_image_alt"]


class CategorySerializer(RowSerializer):
    """A node of the tree of categories; a root has level 0."""

    parent = Reference("catalog.Category", key="slug", required=False, allow_null=True)  # type: ignore[assignment]
    level = serializers.IntegerField(read_only=True)
    description = RichText()
    background_image = FileAddress()
    metadata = Metadata()
    private_metadata = Metadata()

    class Meta:
        model = Category
        fields = [*STANDARD, "name", "slug", "external_reference", "parent", "level", "position", *_SHOWN, *METADATA]


class Categories(CatalogResource):
    """The tree of categories."""

    model, row, noun, plural, tag = Category, CategorySerializer, "category", "categories", "Categories and collections"
    keys = (("external_reference",), ("slug",))
    filters = (*_FILTERS, Filter("parent", "parent_id", ID))


class CollectionPublicationSerializer(serializers.Serializer[Any]):
    """Whether, and from when, a collection is shown in a channel; a null instant is at once."""

    channel = serializers.CharField(max_length=255, help_text="The slug.")
    is_published = serializers.BooleanField(default=True)
    published_at = serializers.DateTimeField(allow_null=True, default=None)


@extend_schema_field(CollectionPublicationSerializer(many=True))
class CollectionPublications(Part):
    """All channels that a collection is shown in."""


class CollectionSerializer(RowSerializer):
    """A merchant's own selection of products."""

    description = RichText()
    background_image = FileAddress()
    metadata = Metadata()
    private_metadata = Metadata()
    publications = CollectionPublications(many(CollectionPublicationSerializer, 200), empty=())

    class Meta:
        model = Collection
        fields = [*STANDARD, "name", "slug", "external_reference", *_SHOWN, *METADATA, "publications"]


class Collections(CatalogResource):
    """Merchants' own selections of products."""

    model, row, noun, tag = Collection, CollectionSerializer, "collection", "Categories and collections"
    keys = (("external_reference",), ("slug",))
    filters = _FILTERS

    def load(self, instances: Sequence[Any]) -> None:
        columns = ("is_published", "published_at")
        publications = self.load_publications(CollectionPublication, "collection_id", instances, columns)
        for one in instances:
            one.parts = {"publications": publications.get(one.id, [])}

    def fill(self, changes: Sequence[Change]) -> None:
        self.name_channels(changes)

    def save_parts(self, change: Change) -> None:
        if "publications" in change.parts:
            wanted = [{"channel_id": id_, **columns} for id_, columns in change.parts["publications"].items()]
            self.replace_rows(change, CollectionPublication, "collection_id", ["channel_id"], wanted)


class CollectionProductSerializer(RowSerializer):
    """A product's place in a collection."""

    collection = Reference("catalog.Collection", key="slug")
    product = Reference("catalog.Product", key="slug")

    class Meta:
        model = CollectionProduct
        fields = [*STANDARD, "collection", "product", "position"]


class CollectionProducts(CatalogResource):
    """Which products are in which collections, and in which order."""

    model, row, noun, tag = (
        CollectionProduct,
        CollectionProductSerializer,
        "collection_product",
        "Categories and collections",
    )
    keys = (("collection_id", "product_id"),)
    fixed = ("collection_id", "product_id")
    filters = (
        Filter("ids", "id__in", ID, many=True),
        Filter("collection", "collection_id", ID, order=("product_id",)),
        Filter("product", "product_id", ID),
    )
