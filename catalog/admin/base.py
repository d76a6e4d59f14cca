"""Pages of the catalogue: every write is one of catalog.operations, with its events and listing rows."""

from typing import Any

from django import forms
from django.db import models
from django.http import HttpRequest
from django.utils import timezone

from catalog import operations
from catalog.admin.fields import PictureField, RichTextField
from tenants.admin.base import PlainReferences, Stacked, Tabular, TenantAdmin, TenantForm
from tenants.admin.fields import MetadataField

LABELS = {
    "sku": "SKU",
    "gtin": "GTIN",
    "url": "Address (URL)",
    "alt": "Alternative text",
    "background_image_alt": "Alternative text",
    "weight_grams": "Weight (g)",
    "seo_title": "Title",
    "seo_description": "Description",
}


class CatalogFields(PlainReferences):
    """Form fields and labels of the catalogue's columns."""

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name in LABELS:
            kwargs.setdefault("label", LABELS[db_field.name])
        return field_for(db_field) or super().formfield_for_dbfield(db_field, request, **kwargs)


class CatalogTabular(CatalogFields, Tabular):
    pass


class CatalogStacked(CatalogFields, Stacked):
    pass


class CatalogAdmin(CatalogFields, TenantAdmin):
    def write(self, request: HttpRequest, obj: Any) -> None:
        if obj.pk is None:
            # Django's inlines take the id away from a new parent, for Model.save() to make another.
            obj.pk = obj._meta.pk.get_pk_value_on_save(obj)
        operations.save(obj, now=timezone.now(), actor=actor(request))

    def erase(self, request: HttpRequest, obj: Any) -> None:
        operations.delete(obj, now=timezone.now(), actor=actor(request))


def actor(request: HttpRequest) -> str:
    """Return who is signed in, as events name them."""
    return f"user:{request.user.pk}"


def field_for(db_field: Any) -> forms.Field | None:
    """Return the form field of a column that has one of ours: rich text, metadata, pictures."""
    if isinstance(db_field, models.JSONField):
        if db_field.name in ("content", "description", "rich_text"):
            return RichTextField()
        if db_field.name in ("metadata", "private_metadata"):
            return MetadataField()
    if isinstance(db_field, models.FileField):
        return PictureField(required=False, max_length=db_field.max_length, widget=forms.ClearableFileInput)
    return None


def few(field: Any, objects: Any) -> Any:
    """Give a select its options at once, instead of by a query in each row that shows it."""
    field.choices = [("", "---------"), *((obj.pk, str(obj)) for obj in objects)]
    return field


METADATA: Any = ("Metadata", {"classes": ["collapse"], "fields": ("metadata", "private_metadata")})
SEARCH_ENGINES: Any = ("Search engines", {"classes": ["collapse"], "fields": ("seo_title", "seo_description")})

__all__ = ["METADATA", "SEARCH_ENGINES", "CatalogAdmin", "CatalogStacked", "CatalogTabular", "TenantForm", "few"]
