"""Products and their variants."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from catalog import operations
from catalog.models import (
    CollectionProduct,
    Media,
    Product,
    ProductPublication,
    ProductValue,
    Variant,
    VariantMedia,
    VariantValue,
)
from catalog.operations import Plan
from catalog.rest.base import IN_ORDER, METADATA, STANDARD, BatchedResource, RichText, sub_list
from catalog.rest.values import Values, ValuesShape, WithValues
from commerce.errors import DomainError
from commerce.rest.changes import Change, sound
from commerce.rest.filters import ID, MOMENT, Filter
from commerce.rest.rows import Metadata, Part, Reference, RowSerializer, many

MOST_CHANNELS = 200


class PublicationSerializer(serializers.Serializer[Any]):
    """How a product is shown and sold in a channel; a null instant is at once."""

    channel = serializers.CharField(max_length=255, help_text="The slug.")
    is_published = serializers.BooleanField(default=True)
    published_at = serializers.DateTimeField(allow_null=True, default=None)
    visible_in_listings = serializers.BooleanField(default=True)
    is_available_for_purchase = serializers.BooleanField(default=True)
    available_for_purchase_at = serializers.DateTimeField(allow_null=True, default=None)


@extend_schema_field(PublicationSerializer(many=True))
class Publications(Part):
    """All channels that a product is shown in."""


@extend_schema_field({"type": "array", "items": {"type": "string", "format": "uuid"}})
class Ids(Part):
    """Ids of objects."""


class ProductSerializer(RowSerializer):
    """Something the shop offers; what is bought is one of its variants."""

    product_type = Reference("catalog.ProductType", key="slug")
    category = Reference("catalog.Category", key="slug", required=False, allow_null=True)
    description = RichText()
    metadata = Metadata()
    private_metadata = Metadata()
    publications = Publications(many(PublicationSerializer, MOST_CHANNELS), empty=())
    attributes = Values(ValuesShape(), empty=None)
    collections = Ids(help_text="The collections that it is in; written at /collection-products.")

    class Meta:
        model = Product
        fields = [
            *STANDARD,
            "name",
            "slug",
            "external_reference",
            "product_type",
            "category",
            "description",
            "seo_title",
            "seo_description",
            "rating",
            "weight_grams",
            *METADATA,
            "publications",
            "attributes",
            "collections",
        ]


class Products(WithValues, BatchedResource):
    """What the shop offers."""

    model, row, noun, tag = Product, ProductSerializer, "product", "Products"
    value_model, value_owner = ProductValue, "product_id"
    keys = (("external_reference",),)
    fixed = ("product_type_id",)
    filters = (
        Filter("ids", "id__in", ID, many=True),
        Filter("slug", "slug__in", many=True, order=("slug",)),
        Filter("external_reference", "external_reference__in", many=True, order=("external_reference",)),
        Filter("sku", "variants__sku", description="The product of the variant with this SKU."),
        Filter("product_type", "product_type_id", ID),
        Filter("category", "category_id", ID),
        Filter(
            "updated_after",
            "updated_at__gt",
            MOMENT,
            order=("updated_at", "id"),
            description="What has changed since; the list is then in the order of changes.",
        ),
    )

    def load(self, instances: Sequence[Any]) -> None:
        columns = [str(name) for name in PublicationSerializer().get_fields() if name != "channel"]
        publications = self.load_publications(ProductPublication, "product_id", instances, columns)
        collections = sub_list(CollectionProduct, "product_id", instances, "collection_id")
        values = self.load_values(instances)
        for one in instances:
            one.parts = {
                "publications": publications.get(one.id, []),
                "collections": sorted(str(row[0]) for row in collections.get(one.id, [])),
                "attributes": values.get(one.id, {}),
            }

    def type_of(self, instances: Sequence[Any]) -> Mapping[UUID, UUID]:
        return {one.id: one.product_type_id for one in instances}

    def fill(self, changes: Sequence[Change]) -> None:
        super().fill(changes)
        self.name_channels(changes)

    def save(self, changes: Sequence[Change]) -> None:
        by_id = {change.instance.id: change for change in changes}
        plans = {id_: c.parts["attributes"] for id_, c in by_id.items() if isinstance(c.parts.get("attributes"), Plan)}
        values = operations.compare(ProductValue, plans)
        shown = {
            id_: [
                ProductPublication(channel_id=channel_id, **columns)
                for channel_id, columns in c.parts["publications"].items()
            ]
            for id_, c in by_id.items()
            if "publications" in c.parts
        }
        publications = operations.compare_publications(shown)
        touched = values.owners | publications.products
        written = [c for c in changes if c.is_new or c.differing or c.instance.id in touched]

        def then() -> None:
            publications.write()
            values.write({id_: id_ for id_ in values.owners})

        operations.save_many([c.instance for c in written], now=self.now, actor=self.actor, then=then)
        for change in written:
            change.is_written = True


class VariantSerializer(RowSerializer):
    """What is priced, stocked and sold."""

    product = Reference("catalog.Product", key="slug")
    metadata = Metadata()
    private_metadata = Metadata()
    attributes = Values(ValuesShape(), empty=None)
    media = Ids(
        serializers.ListField(child=serializers.UUIDField(), max_length=100),
        empty=(),
        help_text="Pictures of its product that show it.",
    )

    class Meta:
        model = Variant
        fields = [
            *STANDARD,
            "product",
            "sku",
            "external_reference",
            "name",
            "gtin",
            "position",
            "track_inventory",
            "quantity_limit_per_customer",
            "weight_grams",
            *METADATA,
            "attributes",
            "media",
        ]


class Variants(WithValues, BatchedResource):
    """What is priced, stocked and sold."""

    model, row, noun, tag = Variant, VariantSerializer, "variant", "Products"
    value_model, value_owner = VariantValue, "variant_id"
    keys = (("sku",), ("external_reference",))
    fixed = ("product_id",)
    filters = (
        Filter("ids", "id__in", ID, many=True),
        Filter("product", "product_id", ID, order=IN_ORDER),
        Filter("sku", "sku__in", many=True, order=("sku",)),
        Filter("external_reference", "external_reference__in", many=True, order=("external_reference",)),
        Filter("gtin", "gtin", order=("gtin", "id")),
    )

    def load(self, instances: Sequence[Any]) -> None:
        media = sub_list(VariantMedia, "variant_id", instances, "media_id")
        values = self.load_values(instances)
        for one in instances:
            one.parts = {
                "media": sorted(str(row[0]) for row in media.get(one.id, [])),
                "attributes": values.get(one.id, {}),
            }

    def type_of(self, instances: Sequence[Any]) -> Mapping[UUID, UUID]:
        products = {one.product_id for one in instances}
        types = dict(Product.objects.filter(id__in=products).values_list("id", "product_type_id"))
        return {one.id: types[one.product_id] for one in instances}

    def fill(self, changes: Sequence[Change]) -> None:
        super().fill(changes)
        wanted = {id_ for change in sound(changes) for id_ in change.parts.get("media") or ()}
        owners = dict(Media.objects.filter(id__in=wanted).values_list("id", "product_id")) if wanted else {}
        for change in sound(changes):
            for id_ in change.parts.get("media") or ():
                if owners.get(id_) != change.instance.product_id:
                    change.refuse(DomainError(f"The product has no picture {id_}.", code="NOT_FOUND", field="media"))

    def save(self, changes: Sequence[Change]) -> None:
        by_id = {change.instance.id: change for change in changes}
        plans = {id_: c.parts["attributes"] for id_, c in by_id.items() if isinstance(c.parts.get("attributes"), Plan)}
        values = operations.compare(VariantValue, plans)
        pictures = operations.compare_pictures(
            {id_: set(c.parts["media"]) for id_, c in by_id.items() if c.parts.get("media") is not None}
        )
        touched = values.owners | pictures.variants
        written = [c for c in changes if c.is_new or c.differing or c.instance.id in touched]
        products = {id_: change.instance.product_id for id_, change in by_id.items()}

        def then() -> None:
            values.write(products)
            pictures.write({products[id_] for id_ in pictures.variants})

        operations.save_many([c.instance for c in written], now=self.now, actor=self.actor, then=then)
        for change in written:
            change.is_written = True
