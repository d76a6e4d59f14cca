"""Words in other languages: on the page of the object, and as a list for translators."""

from functools import partial
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets
from django.db.models import Model
from django.forms.models import BaseModelFormSet, modelform_factory, modelformset_factory
from django.http import HttpRequest
from django.urls import path
from django.utils.html import format_html

from catalog.admin.base import CatalogAdmin, CatalogStacked, TenantForm
from catalog.admin.untranslated import missing_view
from catalog.models import (
    Attribute,
    AttributeValue,
    Category,
    Collection,
    MenuItem,
    Page,
    Product,
    Translation,
    Variant,
)
from commerce.errors import DomainError
from tenants.admin.base import GoneRows
from tenants.operations import clean_language

KINDS: dict[str, type[Model]] = {
    "Product": Product,
    "ProductVariant": Variant,
    "Category": Category,
    "Collection": Collection,
    "Attribute": Attribute,
    "AttributeValue": AttributeValue,
    "Page": Page,
    "MenuItem": MenuItem,
}
WORDS = ("name", "slug", "description", "seo_title", "seo_description", "plain_text", "rich_text")


class TranslationForm(TenantForm):
    def clean_language(self) -> str:
        try:
            return clean_language(self.cleaned_data["language"])
        except DomainError as error:
            raise forms.ValidationError(error.message) from error


class TranslationFormSet(GoneRows, BaseModelFormSet):  # type: ignore[type-arg]
    """The translations of one object, which they name by kind and id instead of a foreign key."""

    def __init__(
        self, data: Any = None, files: Any = None, instance: Any = None, prefix: str | None = None, **kwargs: Any
    ) -> None:
        self.instance = instance
        queryset = kwargs.pop("queryset", None)
        kwargs.pop("save_as_new", None)
        found = Translation.objects.none()
        if instance is not None and not instance._state.adding:
            found = (queryset if queryset is not None else Translation.objects).filter(object_id=instance.pk)
        super().__init__(data, files, prefix=prefix, queryset=found.order_by("language"), **kwargs)

    @classmethod
    def get_default_prefix(cls) -> str:
        return "translations"

    def save_new(self, form: Any, commit: bool = True) -> Any:
        form.instance.object_id = self.instance.pk
        form.instance.object_kind = next(kind for kind, model in KINDS.items() if model is type(self.instance))
        return super().save_new(form, commit=commit)


class _NoForeignKey(admin.checks.InlineModelAdminChecks):
    def _check_exclude_of_parent_model(self, obj: Any, parent_model: Any) -> list[Any]:
        return []

    def _check_relation(self, obj: Any, parent_model: Any) -> list[Any]:
        return []


class TranslationInline(CatalogStacked):
    model = Translation
    form = TranslationForm
    formset = TranslationFormSet  # type: ignore[assignment]
    checks_class = _NoForeignKey
    fields: ClassVar[Any] = ("language", "name", "slug", "description", "seo_title", "seo_description")
    classes = ("collapse",)

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """Return the formset class; as Django's generic inlines, which have no foreign key either."""
        can_change, can_add = self.has_change_permission(request, obj), self.has_add_permission(request, obj)

        class Guarded(self.form):  # type: ignore[misc, name-defined]
            refused = getattr(request, "refused", None)

            def has_changed(self) -> bool:
                allowed = can_add if self.instance._state.adding else can_change
                return bool(allowed and super().has_changed())

        callback = partial(self.formfield_for_dbfield, request=request)
        fields = flatten_fieldsets(self.get_fieldsets(request, obj))
        return modelformset_factory(
            self.model,
            form=modelform_factory(self.model, form=Guarded, fields=fields, formfield_callback=callback),
            formset=self.formset,
            extra=self.get_extra(request, obj),
            max_num=self.get_max_num(request, obj),
            can_delete=self.has_delete_permission(request, obj),
            fields=fields,
            formfield_callback=callback,
        )


class NameTranslationInline(TranslationInline):
    """Of objects that have no words but their name."""

    fields = ("language", "name")


class TranslationPageForm(TranslationForm):
    object_kind = forms.ChoiceField(choices=[(kind, kind) for kind in KINDS], label="kind")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        model = KINDS.get(cleaned.get("object_kind") or "")
        if model is not None and not model._default_manager.filter(pk=cleaned.get("object_id")).exists():
            self.add_error("object_id", "This shop has no such object.")
        return cleaned


@admin.register(Translation)
class TranslationAdmin(CatalogAdmin):
    form = TranslationPageForm
    list_display = ("name_shown", "language", "object_kind", "updated_at")
    search_fields = ("name",)
    ordering = ("-id",)
    fields = ("object_kind", "object_id", "language", *WORDS)

    def get_urls(self) -> list[Any]:
        """Return the pages of translations, and the one of what is not translated yet."""
        view = self.admin_site.admin_view(partial(missing_view, self, KINDS))
        return [path("missing/", view, name="catalog_translation_missing"), *super().get_urls()]

    @admin.display(description="words")
    def name_shown(self, translation: Translation) -> str:
        return translation.name or translation.plain_text[:80] or "-"

    @admin.display(description="of")
    def original(self, translation: Translation) -> str:
        """Show the words that are translated."""
        model = KINDS.get(translation.object_kind)
        found: Any = model._default_manager.filter(pk=translation.object_id).first() if model else None
        return format_html("{} <em>{}</em>", translation.object_kind, found) if found else "-"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("original", "language", *WORDS) if obj is not None else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("original",) if obj is not None else ()

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is not None:
            kwargs.setdefault("form", TranslationForm)
        return super().get_form(request, obj, change=change, **kwargs)
