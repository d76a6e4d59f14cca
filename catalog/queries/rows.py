"""What reads return. Money is in minor units of the row's currency (ISO 4217)."""

from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from commerce.db.topics import depend_on
from tenants.queries import ChannelRow


class MediaRow(NamedTuple):
    """A medium of a product; `made` are its thumbnails (`queries.thumbnails`)."""

    id: UUID
    product_id: UUID
    type: str
    alt: str
    url: str
    file: str
    position: int
    made: str | None

    @property
    def metadata_table(self) -> str:
        return "catalog_media"


class Texts(NamedTuple):
    """The long texts of a product; `description` is EditorJS as JSON text."""

    description: str | None
    seo_title: str
    seo_description: str


class ProductRow(NamedTuple):
    """A product as it is seen in `channel` now; null prices: nothing to buy. `texts`: where they were read."""

    id: UUID
    slug: str
    name: str
    category_id: UUID | None
    product_type_id: UUID
    rating: float | None
    weight_grams: int | None
    external_reference: str | None
    created_at: datetime
    updated_at: datetime
    image_id: UUID | None
    image_url: str | None
    image_file: str | None
    image_alt: str | None
    image_made: str | None
    currency: str | None
    price_min: int | None
    price_max: int | None
    undiscounted_min: int | None
    undiscounted_max: int | None
    on_sale: bool
    in_stock: bool | None
    is_purchasable: bool | None
    is_visible: bool
    texts: Texts | None
    channel: ChannelRow

    @property
    def metadata_table(self) -> str:
        return "catalog_product"


class ProductTypeRow(NamedTuple):
    id: UUID
    name: str
    slug: str
    is_shipping_required: bool

    @property
    def metadata_table(self) -> str:
        return "catalog_producttype"


class VariantRow(NamedTuple):
    """A variant as it is seen in `channel`; a null price: it has none there."""

    id: UUID
    product_id: UUID
    name: str
    sku: str | None
    track_inventory: bool
    quantity_limit_per_customer: int | None
    weight_grams: int | None
    external_reference: str | None
    created_at: datetime
    updated_at: datetime
    currency: str | None
    price: int | None
    prior_price: int | None
    free_pieces: int
    channel: ChannelRow

    @property
    def free(self) -> int:
        """The pieces that can be sold. Whoever asks, an answer with them ends with the next sale that shows."""
        depend_on("quantity", [self.id])
        return self.free_pieces

    @property
    def metadata_table(self) -> str:
        return "catalog_variant"


class CategoryRow(NamedTuple):
    id: UUID
    parent_id: UUID | None
    slug: str
    name: str
    level: int
    description: str | None
    seo_title: str
    seo_description: str
    background_image: str
    background_image_alt: str
    background_image_made: str | None
    updated_at: datetime

    @property
    def metadata_table(self) -> str:
        return "catalog_category"


class CollectionRow(NamedTuple):
    """A collection as it is seen in `channel`."""

    id: UUID
    slug: str
    name: str
    description: str | None
    seo_title: str
    seo_description: str
    background_image: str
    background_image_alt: str
    background_image_made: str | None
    channel: ChannelRow

    @property
    def metadata_table(self) -> str:
        return "catalog_collection"


class AttributeRow(NamedTuple):
    id: UUID
    slug: str
    name: str
    input_type: str
    kind: str
    unit: str
    value_required: bool
    visible_in_storefront: bool
    filterable_in_storefront: bool
    filterable_in_dashboard: bool
    available_in_grid: bool
    storefront_search_position: int
    entity_type: str
    external_reference: str

    @property
    def metadata_table(self) -> str:
        return "catalog_attribute"


class ValueRow(NamedTuple):
    """A value of an attribute; `rich_text` is EditorJS as JSON text."""

    id: UUID
    slug: str
    name: str
    value: str
    numeric: float | None
    boolean: bool | None
    date: date | None
    date_time: datetime | None
    plain_text: str | None
    rich_text: str | None
    file_url: str
    file_content_type: str
    reference_kind: str
    reference_id: UUID | None
    position: int
    attribute: AttributeRow


class Assignment(NamedTuple):
    """An attribute that an object has, with its values in order.

    `channel` is where references are looked up, None: nowhere.
    """

    attribute: AttributeRow
    values: list[ValueRow]
    is_variant_selection: bool
    channel: ChannelRow | None


class TranslationRow(NamedTuple):
    """The words of one object in one language; empty ones fall back to the object's own."""

    id: UUID
    object_id: UUID
    language: str
    name: str
    slug: str | None
    description: str | None
    seo_title: str
    seo_description: str
    plain_text: str
    rich_text: str | None
    object_kind: str


Params = tuple[Any, ...]
