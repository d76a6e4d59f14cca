"""Places that hold stock."""

from collections.abc import Sequence

import graphene
import orjson

from catalog.queries.warehouses import WarehouseRow
from commerce.graphql.batch import batch
from commerce.graphql.ids import to_global_id
from commerce.graphql.info import Info
from tenants.graphql.addresses import Address, AddressRow, make_address
from tenants.graphql.context import ShopContext
from tenants.graphql.metadata import ObjectWithMetadata

# Who sees warehouses.
KEEPERS = ("MANAGE_PRODUCTS", "MANAGE_ORDERS", "MANAGE_SHIPPING")


class WarehouseClickAndCollectOptionEnum(graphene.Enum):
    """Whose pieces customers can collect at a warehouse."""

    DISABLED = "disabled"
    LOCAL = "local"
    ALL = "all"


class Warehouse(graphene.ObjectType):
    """A place that holds stock."""

    class Meta:
        interfaces = (ObjectWithMetadata,)
        possible_types = (WarehouseRow,)

    id = graphene.ID(required=True, description="The id.")
    name = graphene.String(required=True, description="The name for people.")
    slug = graphene.String(required=True, description="The name in addresses, unique in the shop.")
    email = graphene.String(required=True, description="The e-mail address of its people.")
    address = graphene.Field(Address, required=True, description="Where it is.")
    company_name = graphene.String(required=True, description="The company of the address.")
    click_and_collect_option = graphene.Field(
        WarehouseClickAndCollectOptionEnum,
        required=True,
        description="Whose pieces customers can collect there: nobody's yet.",
    )
    is_private = graphene.Boolean(required=True, description="Whether its stock is hidden from customers.")
    external_reference = graphene.String(description="The id in another system of the merchant.")

    @batch
    def resolve_id(rows: Sequence[WarehouseRow], info: Info[ShopContext]) -> list[str]:
        return [to_global_id("Warehouse", row.id) for row in rows]

    @batch
    def resolve_address(rows: Sequence[WarehouseRow], info: Info[ShopContext]) -> list[AddressRow]:
        return [make_address(row.id, orjson.loads(row.address)) for row in rows]

    @batch
    def resolve_company_name(rows: Sequence[WarehouseRow], info: Info[ShopContext]) -> list[str]:
        return [make_address(row.id, orjson.loads(row.address)).company_name for row in rows]

    @batch
    def resolve_click_and_collect_option(rows: Sequence[WarehouseRow], info: Info[ShopContext]) -> list[str]:
        return ["disabled" for _ in rows]

    @batch
    def resolve_external_reference(rows: Sequence[WarehouseRow], info: Info[ShopContext]) -> list[str | None]:
        return [row.external_reference or None for row in rows]
