"""Pictures, videos and files: addresses are absolute."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import graphene
from django.core.files.storage import default_storage

from catalog.queries.rows import MediaRow
from commerce.graphql.batch import batch, column
from commerce.graphql.ids import to_global_id
from commerce.graphql.info import Info
from tenants.graphql.context import ShopContext
from tenants.graphql.metadata import ObjectWithMetadata


class Picture(NamedTuple):
    url: str
    alt: str | None


class StoredFile(NamedTuple):
    url: str
    content_type: str | None


class ThumbnailFormatEnum(graphene.Enum):
    """The format of a picture that was made smaller."""

    ORIGINAL = "ORIGINAL"
    AVIF = "AVIF"
    WEBP = "WEBP"


class ProductMediaType(graphene.Enum):
    """What a medium of a product is."""

    IMAGE = "IMAGE"
    VIDEO = "VIDEO"


def sized(**others: Any) -> dict[str, Any]:
    """Return the arguments of a field that gives a picture, besides `others`."""
    return {
        "size": graphene.Int(description="The longest side in pixels; until thumbnails are made, the original."),
        "format": ThumbnailFormatEnum(description="The format; until thumbnails are made, the original's."),
        **others,
    }


class Image(graphene.ObjectType):
    """A picture at an address."""

    class Meta:
        possible_types = (Picture,)

    url = graphene.String(required=True, description="The absolute address.")
    alt = graphene.String(description="What the picture shows, in words.")


class File(graphene.ObjectType):
    """A file at an address."""

    class Meta:
        possible_types = (StoredFile,)

    url = graphene.String(required=True, description="The absolute address.")
    content_type = graphene.String(description="The media type, e.g. application/pdf.")


class ProductMedia(graphene.ObjectType):
    """A picture or video of a product."""

    class Meta:
        interfaces = (ObjectWithMetadata,)
        possible_types = (MediaRow,)

    id = graphene.ID(required=True, description="The id.")
    alt = graphene.String(required=True, description="What it shows, in words.")
    type = graphene.Field(ProductMediaType, required=True, description="Picture or video.")
    sort_order = graphene.Int(description="The place among the product's media.")
    product_id = graphene.ID(description="The product's id.")
    url = graphene.String(required=True, args=sized(), description="The absolute address.")

    resolve_sort_order = column("position")

    @batch
    def resolve_id(rows: Sequence[MediaRow], info: Info[ShopContext]) -> list[str]:
        return [to_global_id("ProductMedia", row.id) for row in rows]

    @batch
    def resolve_product_id(rows: Sequence[MediaRow], info: Info[ShopContext]) -> list[str]:
        return [to_global_id("Product", row.product_id) for row in rows]

    @batch
    def resolve_url(
        rows: Sequence[MediaRow], info: Info[ShopContext], size: int | None = None, format: Any = None
    ) -> list[str]:
        return [media_url(info.context, row) for row in rows]


class ProductImage(graphene.ObjectType):
    """A picture of a product."""

    class Meta:
        possible_types = (MediaRow,)

    id = graphene.ID(required=True, description="The id.")
    alt = graphene.String(description="What the picture shows, in words.")
    sort_order = graphene.Int(description="The place among the product's media.")
    url = graphene.String(required=True, args=sized(), description="The absolute address.")

    resolve_sort_order = column("position")

    @batch
    def resolve_id(rows: Sequence[MediaRow], info: Info[ShopContext]) -> list[str]:
        return [to_global_id("ProductImage", row.id) for row in rows]

    @batch
    def resolve_url(
        rows: Sequence[MediaRow], info: Info[ShopContext], size: int | None = None, format: Any = None
    ) -> list[str]:
        return [media_url(info.context, row) for row in rows]


def media_url(context: ShopContext, row: MediaRow) -> str:
    """Return the absolute address of a medium."""
    return row.url or file_url(context, row.file)


def file_url(context: ShopContext, name: str) -> str:
    """Return the absolute address of a stored file, or of one that is elsewhere."""
    if name.startswith(("http://", "https://")):
        return name
    url = str(default_storage.url(name))
    return context.origin + url if url.startswith("/") else url


def picture(
    context: ShopContext, *, url: str | None = None, file: str | None = None, alt: str | None
) -> Picture | None:
    """Return a picture by its address or stored file, or None where it has neither."""
    if url:
        return Picture(url, alt)
    return Picture(file_url(context, file), alt) if file else None
