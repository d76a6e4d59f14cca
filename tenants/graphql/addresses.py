"""Postal addresses."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import graphene

from commerce.graphql.batch import batch
from commerce.graphql.ids import to_global_id
from commerce.graphql.info import Info
from tenants.graphql.context import ShopContext
from tenants.graphql.metadata import ObjectWithMetadata
from tenants.graphql.types import Country, CountryDisplay, display_country


class AddressRow(NamedTuple):
    """An address; `id` is that of what has it, and `country` a code of ISO 3166-1 alpha-2, empty if not known."""

    id: UUID
    first_name: str = ""
    last_name: str = ""
    company_name: str = ""
    street_address_1: str = ""
    street_address_2: str = ""
    city: str = ""
    city_area: str = ""
    postal_code: str = ""
    country: str = ""
    country_area: str = ""
    phone: str = ""

    @property
    def metadata_table(self) -> None:
        return None


class Address(graphene.ObjectType):
    """A postal address."""

    class Meta:
        interfaces = (ObjectWithMetadata,)
        possible_types = (AddressRow,)

    id = graphene.ID(required=True, description="The id.")
    first_name = graphene.String(required=True, description="The given name.")
    last_name = graphene.String(required=True, description="The family name.")
    company_name = graphene.String(required=True, description="The company.")
    street_address_1 = graphene.String(name="streetAddress1", required=True, description="The street and number.")
    street_address_2 = graphene.String(name="streetAddress2", required=True, description="What follows the street.")
    city = graphene.String(required=True, description="The town.")
    city_area = graphene.String(required=True, description="The part of the town.")
    postal_code = graphene.String(required=True, description="The postal code.")
    country = graphene.Field(CountryDisplay, required=True, description="The country; empty where it is not known.")
    country_area = graphene.String(required=True, description="The state or province.")
    phone = graphene.String(description="The telephone number.")
    is_default_shipping_address = graphene.Boolean(
        description="Whether the customer's parcels go there; null: nobody's."
    )
    is_default_billing_address = graphene.Boolean(description="Whether the customer's bills go there; null: nobody's.")

    @batch
    def resolve_id(rows: Sequence[AddressRow], info: Info[ShopContext]) -> list[str]:
        return [to_global_id("Address", row.id) for row in rows]

    @batch
    def resolve_country(rows: Sequence[AddressRow], info: Info[ShopContext]) -> list[Country]:
        return [display_country(row.country) for row in rows]

    @batch
    def resolve_phone(rows: Sequence[AddressRow], info: Info[ShopContext]) -> list[str | None]:
        return [row.phone or None for row in rows]

    @batch
    def resolve_is_default_shipping_address(rows: Sequence[AddressRow], info: Info[ShopContext]) -> list[None]:
        return [None for _ in rows]

    @batch
    def resolve_is_default_billing_address(rows: Sequence[AddressRow], info: Info[ShopContext]) -> list[None]:
        return [None for _ in rows]


def make_address(owner: UUID, kept: Mapping[str, Any]) -> AddressRow:
    """Return the address that is kept as JSON with the dialect's keys in snake_case."""
    known = AddressRow._fields[1:]
    return AddressRow(owner, **{name: str(kept[name]) for name in known if kept.get(name) is not None})
