"""Product types."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import graphene

from catalog.graphql.attributes import Attribute, VariantAttributeScope
from catalog.queries import types
from catalog.queries.rows import AttributeRow, ProductTypeRow
from catalog.queries.types import TypeAttribute
from commerce.graphql.batch import batch
from commerce.graphql.ids import to_global_id
from commerce.graphql.info import Info
from commerce.graphql.weights import Weight
from tenants.graphql.context import ShopContext
from tenants.graphql.metadata import ObjectWithMetadata


class ProductTypeKindEnum(graphene.Enum):
    """What products of a type are."""

    NORMAL = "normal"
    GIFT_CARD = "gift_card"


class AssignedVariantAttribute(graphene.ObjectType):
    """An attribute that the variants of a product type have."""

    class Meta:
        possible_types = (TypeAttribute,)

    attribute = graphene.Field(Attribute, required=True, description="The attribute.")
    variant_selection = graphene.Boolean(required=True, description="Whether shoppers choose variants by it.")


class ProductType(graphene.ObjectType):
    """What a kind of product has."""

    class Meta:
        interfaces = (ObjectWithMetadata,)
        possible_types = (ProductTypeRow,)

    id = graphene.ID(required=True, description="The id.")
    name = graphene.String(required=True, description="The name for people.")
    slug = graphene.String(required=True, description="The name in filters, unique in the shop.")
    is_shipping_required = graphene.Boolean(required=True, description="Whether such products are shipped.")
    is_digital = graphene.Boolean(required=True, description="Whether such products are files: none is yet.")
    has_variants = graphene.Boolean(required=True, description="Whether such products may have several variants.")
    weight = graphene.Field(Weight, description="The weight of products that have none of their own: none is kept.")
    kind = graphene.Field(ProductTypeKindEnum, required=True, description="What such products are.")
    product_attributes = graphene.List(graphene.NonNull(Attribute), description="The attributes of such products.")
    variant_attributes = graphene.List(
        graphene.NonNull(Attribute),
        variant_selection=VariantAttributeScope(description="Only those that shoppers choose by, or only the others."),
        description="The attributes of their variants.",
    )
    assigned_variant_attributes = graphene.List(
        graphene.NonNull(AssignedVariantAttribute),
        variant_selection=VariantAttributeScope(description="Only those that shoppers choose by, or only the others."),
        description="The attributes of their variants, and whether shoppers choose by them.",
    )

    @batch
    def resolve_id(rows: Sequence[ProductTypeRow], info: Info[ShopContext]) -> list[str]:
        return [to_global_id("ProductType", row.id) for row in rows]

    @batch
    def resolve_is_digital(rows: Sequence[ProductTypeRow], info: Info[ShopContext]) -> list[bool]:
        return [False for _ in rows]

    @batch
    def resolve_has_variants(rows: Sequence[ProductTypeRow], info: Info[ShopContext]) -> list[bool]:
        return [True for _ in rows]

    @batch
    def resolve_weight(rows: Sequence[ProductTypeRow], info: Info[ShopContext]) -> list[None]:
        return [None for _ in rows]

    @batch
    def resolve_kind(rows: Sequence[ProductTypeRow], info: Info[ShopContext]) -> list[str]:
        return ["normal" for _ in rows]

    @batch
    def resolve_product_attributes(rows: Sequence[ProductTypeRow], info: Info[ShopContext]) -> list[list[AttributeRow]]:
        return [[held.attribute for held in found if not held.on_variants] for found in _attributes(rows, info)]

    @batch
    def resolve_variant_attributes(
        rows: Sequence[ProductTypeRow], info: Info[ShopContext], variant_selection: Any = None
    ) -> list[list[AttributeRow]]:
        loaded = _attributes(rows, info)
        return [[held.attribute for held in _on_variants(found, variant_selection)] for found in loaded]

    @batch
    def resolve_assigned_variant_attributes(
        rows: Sequence[ProductTypeRow], info: Info[ShopContext], variant_selection: Any = None
    ) -> list[list[TypeAttribute]]:
        return [_on_variants(found, variant_selection) for found in _attributes(rows, info)]


def _attributes(rows: Sequence[ProductTypeRow], info: Info[ShopContext]) -> list[list[TypeAttribute]]:
    """Return the attributes of each type that the caller sees."""
    shows_all = bool({"MANAGE_PRODUCTS", "MANAGE_PRODUCT_TYPES_AND_ATTRIBUTES"} & info.context.permissions)
    read = partial(types.list_type_attributes, "product", shows_all=shows_all)
    found = info.context.load("product type attributes", [row.id for row in rows], read)
    return [found[row.id] or [] for row in rows]


def _on_variants(attributes: Sequence[TypeAttribute], scope: Any) -> list[TypeAttribute]:
    """Return those of variants that a VariantAttributeScope, or None for all, asks for."""
    wanted = None if scope is None or scope.value == "all" else scope.value == "variant_selection"
    return [held for held in attributes if held.on_variants and wanted in (None, held.variant_selection)]
