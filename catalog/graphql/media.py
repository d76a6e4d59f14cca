"""Pictures, videos and files: addresses are absolute."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

import graphene
from django.core.files.storage import default_storage
from django.utils.encoding import filepath_to_uri

from catalog.queries.rows import MediaRow
from catalog.queries.thumbnails import find_made, nearest_size
from commerce.graphql.batch import batch, column
from commerce.graphql.ids import to_global_id
from commerce.graphql.info import Info
from commerce.graphql.scalars import JSONString
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
        "size": graphene.Int(
            description="The longest side in pixels: the nearest of 32, 64, 128, 256, 512, 1024, 2048 and 4096, the "
            "last where none is given. No picture is made larger. 0 is the picture as it was stored."
        ),
        "format": ThumbnailFormatEnum(description="The format; that of the picture where none is given."),
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
    oembed_data = JSONString(required=True, description="What the site of a video says of it: nothing is kept yet.")
    url = graphene.String(required=True, args=sized(), description="The absolute address.")

    resolve_sort_order = column("position")

    @batch
    def resolve_id(rows: Sequence[MediaRow], info: Info[ShopContext]) -> list[str]:
        return [to_global_id("ProductMedia", row.id) for row in rows]

    @batch
    def resolve_oembed_data(rows: Sequence[MediaRow], info: Info[ShopContext]) -> list[dict[str, str]]:
        return [{} for _ in rows]

    @batch
    def resolve_product_id(rows: Sequence[MediaRow], info: Info[ShopContext]) -> list[str]:
        return [to_global_id("Product", row.product_id) for row in rows]

    @batch
    def resolve_url(
        rows: Sequence[MediaRow], info: Info[ShopContext], size: int | None = None, format: Any = None
    ) -> list[str]:
        return [media_url(info.context, row, size, format) for row in rows]


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
        return [media_url(info.context, row, size, format) for row in rows]


def media_url(context: ShopContext, row: MediaRow, size: int | None, format: Any) -> str:
    """Return the absolute address of a medium: of a stored picture, that of its thumbnail."""
    if row.url or row.type != "IMAGE":
        return row.url or file_url(context, row.file)
    return thumbnail_url(context, "ProductMedia", row.id, row.file, row.made, size, format)


def picture(
    context: ShopContext,
    kind: str,
    id: UUID | None,
    *,
    url: str | None = None,
    file: str | None,
    made: str | None,
    alt: str | None,
    size: int | None,
    format: Any,
) -> Picture | None:
    """Return the picture of an object at its size and format, or None where it has neither address nor stored file."""
    if url:
        return Picture(url, alt)
    if not file or id is None:
        return None
    return Picture(thumbnail_url(context, kind, id, file, made, size, format), alt)


def thumbnail_url(
    context: ShopContext, kind: str, id: UUID, file: str, made: str | None, size: int | None, format: Any
) -> str:
    """Return the absolute address of a thumbnail: the stored one's, or the one at which it is made when asked for.

    Where addresses are signed it is always the latter: it costs nothing, and outlives any signature.
    """
    if size == 0 or file.startswith(("http://", "https://")):
        return file_url(context, file)
    size, wanted = nearest_size(size), "ORIGINAL" if format is None else format.value
    name = find_made(made, size, wanted)
    if name is not None and not default_storage.is_signed:  # type: ignore[attr-defined]
        return file_url(context, name)
    ending = "" if wanted == "ORIGINAL" else f"{wanted.lower()}/"
    return f"{context.origin}/thumbnail/{to_global_id(kind, id)}/{size}/{ending}"


def file_url(context: ShopContext, name: str) -> str:
    """Return the absolute address of a stored file, or of one that is elsewhere."""
    if name.startswith(("http://", "https://")):
        return name
    if default_storage.is_signed:  # type: ignore[attr-defined]
        return f"{context.origin}/media/{context.shop.public_id}/{filepath_to_uri(name)}"
    url = str(default_storage.url(name))
    return context.origin + url if url.startswith("/") else url
