"""What a mapping says: which column of a file is which part of a product. `reading` makes it from YAML."""

from dataclasses import dataclass, field

from catalog.imports.cells import Source
from catalog.imports.readers import Layout


@dataclass(frozen=True, slots=True)
class Text:
    """A text column of a product, a variant or a translation, or a document when `format` says so."""

    source: Source
    format: str = "text"  # text, plain (into EditorJS), editorjs


@dataclass(frozen=True, slots=True)
class CategoryRule:
    """How a product's category is named: by a path from the root, by its slug, or by its name."""

    source: Source
    by: str = "path"
    separator: str = ">"
    create: bool = True
    translations: dict[str, Source] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CollectionRule:
    """The collections of a product, by name. With `replace` it leaves those that are not named."""

    source: Source
    replace: bool = False


@dataclass(frozen=True, slots=True)
class WeightRule:
    source: Source
    unit: str = "g"


@dataclass(frozen=True, slots=True)
class PriceRule:
    """A variant's price in a channel (None: the import's), with cost and prior price in the same unit."""

    key: str
    source: Source
    cost: Source | None
    prior: Source | None
    currency: Source | None
    channel: str | None
    unit: str
    decimal: str


@dataclass(frozen=True, slots=True)
class StockRule:
    """A variant's pieces in the warehouse of this slug."""

    source: Source
    warehouse: str


@dataclass(frozen=True, slots=True)
class AttributeRule:
    """Columns that are attributes: one named column, or all that match `pattern`.

    `name` and `slug` are templates over {match}, what the star stands for; `only` restricts it. `type` None
    takes the type of the attribute that exists, else dropdown.
    """

    key: str
    source: Source | None
    pattern: str | None
    only: frozenset[str] | None
    name: str | None
    slug: str | None
    type: str | None
    unit: str
    on_variants: bool
    variant_selection: bool
    flags: dict[str, bool]
    optional: bool
    split: str | None
    names: dict[str, str]
    translations: dict[str, Source]


@dataclass(frozen=True, slots=True)
class Mapping:
    """The whole mapping. A part that is not named is not touched; a named one follows the file."""

    name: str
    digest: str
    layout: Layout
    key: str  # "external_reference", "sku" or "slug"
    group_by: Source | None
    channel: str | None
    product_type: Source
    product_texts: dict[str, Text]
    variant_texts: dict[str, Text]
    sku_when_taken: Source | None
    product_weight: WeightRule | None
    variant_weight: WeightRule | None
    rating: Source | None
    gtin: Source | None
    track_inventory: Source | None
    quantity_limit: Source | None
    category: CategoryRule | None
    collections: CollectionRule | None
    media: tuple[Source, ...]
    media_alt: Source | None
    is_published: Source | None
    published_at: Source | None
    product_metadata: dict[str, Source]
    variant_metadata: dict[str, Source]
    prices: tuple[PriceRule, ...]
    stock: tuple[StockRule, ...]
    attributes: tuple[AttributeRule, ...]
    translations: dict[str, dict[str, Text]]
    # Every source with its place in the mapping, to be checked against the file's columns.
    sources: tuple[Source, ...]

    @property
    def key_source(self) -> Source:
        """Where the natural key of a product stands."""
        texts = self.variant_texts if self.key == "sku" else self.product_texts
        return texts[self.key].source


# The model's columns that the mapping may fill, by its section.
PRODUCT_TEXTS = ("external_reference", "name", "slug", "description", "seo_title", "seo_description")
VARIANT_TEXTS = ("external_reference", "sku", "name")
TRANSLATED_TEXTS = ("name", "slug", "description", "seo_title", "seo_description")
DOCUMENTS = frozenset({"description"})
FLAGS = {
    "visible": "visible_in_storefront",
    "filterable": "filterable_in_storefront",
    "grid": "available_in_grid",
    "required": "value_required",
}
