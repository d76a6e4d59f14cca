"""Channels (markets), for those who hold MANAGE_CHANNELS."""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from babel import Locale
from django import forms
from django.contrib import admin
from django.http import HttpRequest

from commerce.errors import DomainError
from commerce.money import currency_digits
from tenants.admin.base import TenantAdmin, TenantForm
from tenants.admin.fields import CodesField, MetadataField
from tenants.admin.writing import ShopAdmin
from tenants.models import Channel
from tenants.operations import clean_language

# What upper apps do in the same transaction when a channel's languages change, given the channel.
AFTER_LANGUAGES_CHANGED: list[Callable[[Any], None]] = []


def clean_country(code: str) -> str:
    """Return an ISO 3166-1 alpha-2 code in capitals, or raise DomainError."""
    code = code.upper()
    if len(code) != 2 or code not in Locale("en").territories:
        raise DomainError(f"{code!r} is no country code such as NL (ISO 3166-1).")
    return code


class ChannelForm(TenantForm):
    countries = CodesField(clean_code=clean_country, help_text="ISO 3166-1, with commas between: NL, BE.")
    languages = CodesField(
        clean_code=clean_language, help_text="BCP 47, with commas between, the default first: nl-NL, en."
    )
    metadata = MetadataField()
    private_metadata = MetadataField()

    def write(self, page: TenantAdmin, request: HttpRequest) -> None:
        super().write(page, request)
        if "languages" in self.changed_data:
            for follow in AFTER_LANGUAGES_CHANGED:
                follow(self.instance)

    def clean_currency(self) -> str:
        currency: str = self.cleaned_data["currency"].upper()
        try:
            currency_digits(currency)
        except DomainError as error:
            raise forms.ValidationError(error.message) from error
        return currency

    def clean_default_country(self) -> str:
        try:
            return clean_country(self.cleaned_data["default_country"])
        except DomainError as error:
            raise forms.ValidationError(error.message) from error


@admin.register(Channel)
class ChannelAdmin(ShopAdmin):
    form = ChannelForm
    event_kind, event_word = "Channel", "channel"
    event_besides = MappingProxyType(
        {"status_changed": ("is_active",), "metadata_updated": ("metadata", "private_metadata")}
    )
    last_known = ("name", "slug", "currency", "default_country", "countries", "languages", "is_active")
    list_display = ("name", "slug", "currency", "default_country", "is_active")
    search_fields = ("name", "slug")
    ordering = ("slug",)
    prepopulated_fields = {"slug": ("name",)}
    fieldsets = (
        (None, {"fields": ("name", "slug", "currency", "countries", "default_country", "languages", "is_active")}),
        ("Metadata", {"classes": ["collapse"], "fields": ("metadata", "private_metadata")}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """A channel keeps its currency: its prices are amounts of it."""
        return ("currency",) if obj is not None else ()
