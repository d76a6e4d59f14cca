"""Chains of languages, for those who hold MANAGE_TRANSLATIONS or MANAGE_CHANNELS."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet, Value
from django.http import HttpRequest

from commerce.errors import DomainError
from tenants import operations
from tenants.admin.base import TenantAdmin, TenantForm
from tenants.admin.channels import AFTER_LANGUAGES_CHANGED
from tenants.admin.fields import CodesField
from tenants.languages import chain_of
from tenants.models import Channel, LanguageChain
from tenants.operations import clean_language


class LanguageChainForm(TenantForm):
    fallbacks = CodesField(
        clean_code=clean_language,
        required=False,
        help_text="BCP 47, with commas between, in the order in which words are looked for: nl, de. "
        "The shop's own language comes last, named or not.",
    )

    def clean_language(self) -> str:
        try:
            return clean_language(self.cleaned_data["language"])
        except DomainError as error:
            raise forms.ValidationError(error.message) from error


@admin.register(LanguageChain)
class LanguageChainAdmin(TenantAdmin):
    """Where words are looked for that a language has none of, where that is not as CLDR says (nl for nl-BE)."""

    form = LanguageChainForm
    list_display = ("language", "shown")
    search_fields = ("language",)
    ordering = ("language",)
    fields = ("language", "fallbacks")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("language",) if obj is not None else ()

    @admin.display(description="words are looked for in")
    def shown(self, chain: Any) -> str:
        return " → ".join(chain_of(chain.language, chain.base, {chain.language: tuple(chain.fallbacks)}))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        base = request.tenant.default_language  # type: ignore[attr-defined]
        found: QuerySet[Any] = super().get_queryset(request).annotate(base=Value(base))
        return found

    def write(self, request: HttpRequest, obj: Any) -> None:
        operations.save_chain(obj)
        _follow(obj.language)

    def erase(self, request: HttpRequest, obj: Any) -> None:
        operations.remove_chain(language=obj.language)
        _follow(obj.language)


def _follow(language: str) -> None:
    """Have what upper apps derive from the chain of a language follow it."""
    for channel in Channel.objects.order_by("slug"):
        if language in channel.languages:
            for follow in AFTER_LANGUAGES_CHANGED:
                follow(channel)
