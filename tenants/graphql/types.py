"""The shop, its channels, and the display forms of countries and languages."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

import graphene
from babel import Locale

from commerce.graphql import dialect
from commerce.graphql.batch import batch, column
from commerce.graphql.enums import CountryCode, LanguageCodeEnum, country_names, language_enum
from commerce.graphql.ids import to_global_id
from commerce.graphql.info import Info
from commerce.graphql.weights import WeightUnitsEnum
from tenants.graphql.context import ShopContext
from tenants.graphql.metadata import MetadataInput, ObjectWithMetadata
from tenants.queries import ChannelRow


class Country(NamedTuple):
    code: str
    country: str


class Language(NamedTuple):
    code: Any
    language: str


class DomainRow(NamedTuple):
    host: str
    ssl_enabled: bool
    url: str


class ShopRow(NamedTuple):
    id: UUID
    name: str
    domain: DomainRow
    default_country: Country | None
    currencies: list[str]
    countries: list[Country]
    languages: list[Language]

    @property
    def metadata_table(self) -> None:
        return None


class CountryDisplay(graphene.ObjectType):
    """A country and its name in English."""

    class Meta:
        possible_types = (Country,)

    code = graphene.String(required=True, description="The code of ISO 3166-1 alpha-2.")
    country = graphene.String(required=True, description="The name.")


class LanguageDisplay(graphene.ObjectType):
    """A language and its name in English."""

    class Meta:
        possible_types = (Language,)

    code = graphene.Field(LanguageCodeEnum, required=True, description="The code.")
    language = graphene.String(required=True, description="The name.")


class ChoiceValue(graphene.ObjectType):
    """One of several things to choose from."""

    raw = graphene.String(description="What is kept.")
    verbose = graphene.String(description="What is shown.")


class AddressInput(graphene.InputObjectType):
    """A postal address."""

    first_name = graphene.String()
    last_name = graphene.String()
    company_name = graphene.String()
    street_address_1 = graphene.String(name="streetAddress1")
    street_address_2 = graphene.String(name="streetAddress2")
    city = graphene.String()
    city_area = graphene.String()
    postal_code = graphene.String()
    country = graphene.InputField(CountryCode)
    country_area = graphene.String()
    phone = graphene.String()
    metadata = graphene.List(graphene.NonNull(MetadataInput))
    skip_validation = graphene.Boolean()


class Channel(graphene.ObjectType):
    """A market of the shop: its currency, countries and languages."""

    class Meta:
        interfaces = (ObjectWithMetadata,)
        possible_types = (ChannelRow,)

    id = graphene.ID(required=True, description="The id.")
    slug = graphene.String(required=True, description="The name in arguments and addresses, unique in the shop.")
    name = graphene.String(required=True, description="The name for people.")
    is_active = graphene.Boolean(required=True, description="Whether shoppers are served.")
    currency_code = graphene.String(required=True, description="The code of ISO 4217.")
    default_country = graphene.Field(CountryDisplay, required=True, description="The country assumed of a shopper.")
    countries = graphene.List(graphene.NonNull(CountryDisplay), description="The countries that are served.")

    resolve_currency_code = column("currency")

    @batch
    def resolve_id(rows: Sequence[ChannelRow], info: Info[ShopContext]) -> list[str]:
        return [to_global_id("Channel", row.id) for row in rows]

    @batch
    def resolve_default_country(rows: Sequence[ChannelRow], info: Info[ShopContext]) -> list[Country]:
        return [display_country(row.default_country) for row in rows]

    @batch
    def resolve_countries(rows: Sequence[ChannelRow], info: Info[ShopContext]) -> list[list[Country]]:
        return [[display_country(code) for code in row.countries] for row in rows]


class Domain(graphene.ObjectType):
    """An address of the shop."""

    class Meta:
        possible_types = (DomainRow,)

    host = graphene.String(required=True, description="The host that was asked, with a port of its own.")
    ssl_enabled = graphene.Boolean(required=True, description="Whether it was asked by https.")
    url = graphene.String(required=True, description="What absolute addresses start with.")


class Shop(graphene.ObjectType):
    """The shop at this host."""

    class Meta:
        interfaces = (ObjectWithMetadata,)
        possible_types = (ShopRow,)

    id = graphene.ID(required=True, description="The id.")
    name = graphene.String(required=True, description="The name of the shop.")
    description = graphene.String(description="What the shop says of itself: it keeps nothing of the kind yet.")
    header_text = graphene.String(description="What stands above its pages: it keeps nothing of the kind yet.")
    domain = graphene.Field(Domain, required=True, description="The address that was asked.")
    default_country = graphene.Field(CountryDisplay, description="The country assumed of a shopper.")
    default_weight_unit = graphene.Field(WeightUnitsEnum, description="The unit that weights are told in.")
    channel_currencies = graphene.List(
        graphene.NonNull(graphene.String),
        required=True,
        description="The currencies of its active channels; needs a staff member or an app.",
    )
    version = graphene.String(required=True, description="The dialect's version; needs a staff member or an app.")
    schema_version = graphene.String(required=True, description="The version of the dialect's schema.")
    countries = graphene.List(
        graphene.NonNull(CountryDisplay), required=True, description="The countries that its active channels serve."
    )
    languages = graphene.List(
        graphene.NonNull(LanguageDisplay), required=True, description="The languages of its active channels."
    )

    @batch
    def resolve_id(rows: Sequence[ShopRow], info: Info[ShopContext]) -> list[str]:
        return [to_global_id("Shop", row.id) for row in rows]

    @batch
    def resolve_description(rows: Sequence[ShopRow], info: Info[ShopContext]) -> list[None]:
        return [None for _ in rows]

    resolve_header_text = resolve_description

    @batch
    def resolve_default_weight_unit(rows: Sequence[ShopRow], info: Info[ShopContext]) -> list[str]:
        return ["kg" for _ in rows]

    @batch
    def resolve_channel_currencies(rows: Sequence[ShopRow], info: Info[ShopContext]) -> list[list[str]]:
        info.context.require("AUTHENTICATED_APP", "AUTHENTICATED_STAFF_USER")
        return [row.currencies for row in rows]

    @batch
    def resolve_version(rows: Sequence[ShopRow], info: Info[ShopContext]) -> list[str]:
        info.context.require("AUTHENTICATED_APP", "AUTHENTICATED_STAFF_USER")
        return [dialect.VERSION for _ in rows]

    @batch
    def resolve_schema_version(rows: Sequence[ShopRow], info: Info[ShopContext]) -> list[str]:
        return [dialect.SCHEMA_VERSION for _ in rows]


def display_country(code: str) -> Country:
    """Return a country for display, with its name in English."""
    return Country(code, country_names().get(code, code))


def display_language(code: str) -> Language:
    """Return a language (BCP 47) for display, with its name in English."""
    locale = Locale.parse(code, sep="-")
    return Language(language_enum(code), locale.get_display_name("en") or code)
