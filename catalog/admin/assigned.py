"""The attribute values of a product, variant or page: a form field per attribute of its type, by input type."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import (
    AdminDateWidget,
    AdminSplitDateTime,
    AutocompleteSelect,
    AutocompleteSelectMultiple,
)
from django.core.exceptions import ValidationError
from django.db import models

from catalog.admin.fields import RichTextField
from catalog.models import (
    Attribute,
    AttributeValue,
    MenuItem,
    Page,
    PageTypeAttribute,
    PageValue,
    Product,
    ProductTypeAttribute,
    ProductValue,
    Stock,
    Variant,
    VariantValue,
)
from catalog.values import choice_slug, parse_value
from commerce.errors import DomainError
from tenants.admin.base import is_uuid

InputType = Attribute.InputType


@dataclass(frozen=True, slots=True)
class Assigned:
    """An attribute that a product, variant or page may have values of, and those that it has."""

    attribute: Attribute
    values: tuple[AttributeValue, ...]

    @property
    def name(self) -> str:
        """The name of its form field."""
        return f"attribute_{self.attribute.id.hex}"

    @property
    def initial(self) -> Any:
        """What the form field shows at first."""
        if self.attribute.input_type == InputType.MULTISELECT:
            return [value.id for value in self.values]
        if self.attribute.input_type == InputType.REFERENCE and self.attribute.entity_type:
            return [value.reference_id for value in self.values]
        if not self.values:
            return None
        value = self.values[0]
        column = _COLUMNS.get(self.attribute.input_type)
        return value.name if column is None else getattr(value, column)

    def form_field(self) -> forms.Field:
        """Return the form field, typed by the attribute's input type."""
        make = _FIELDS.get(self.attribute.input_type, _unsupported)
        field = make(self)
        field.label = f"{self.attribute.name} ({self.attribute.unit})" if self.attribute.unit else self.attribute.name
        field.required = field.widget.is_required = self.attribute.value_required and not field.disabled
        return field

    def raws(self, cleaned: Any) -> list[Any]:
        """Return cleaned input as the raw values that operations take."""
        if cleaned is None or cleaned == "":
            return []
        if isinstance(cleaned, AttributeValue):
            return [_raw_choice(cleaned)]
        if isinstance(cleaned, models.QuerySet):
            is_choice = cleaned.model is AttributeValue
            return [_raw_choice(value) if is_choice else value for value in cleaned]
        return [cleaned]


def list_assigned(owner: Any, type_id: UUID) -> list[Assigned]:
    """Return the attributes of a product's, variant's or page's type with the owner's values: two statements."""
    rows, having = _held(owner, type_id)
    held: dict[UUID, list[AttributeValue]] = {}
    for row in rows.select_related("value").order_by("position", "value_id"):
        held.setdefault(row.value.attribute_id, []).append(row.value)
    return [
        Assigned(row.attribute, tuple(held.get(row.attribute_id, ())))
        for row in having.select_related("attribute").order_by("position", "attribute__name")
    ]


def _held(owner: Any, type_id: UUID) -> tuple[Any, Any]:
    """Return the values of an object, and what its type has."""
    if isinstance(owner, Page):
        return PageValue.objects.filter(page=owner), PageTypeAttribute.objects.filter(page_type_id=type_id)
    on_variants = isinstance(owner, Variant)
    rows: Any = (
        VariantValue.objects.filter(variant=owner) if on_variants else ProductValue.objects.filter(product=owner)
    )
    return rows, ProductTypeAttribute.objects.filter(product_type_id=type_id, on_variants=on_variants)


def changed_values(assigned: Iterable[Assigned], form: Any) -> dict[str, list[Any]]:
    """Return the raw values to assign, by attribute slug, of those fields of the form that were changed."""
    return {
        one.attribute.slug: one.raws(form.cleaned_data.get(one.name))
        for one in assigned
        if one.name in form.changed_data
    }


def check_values(assigned: Iterable[Assigned], form: Any) -> None:
    """Add an error at each field whose value does not fit its attribute."""
    for one in assigned:
        if one.name not in form.changed_data or one.name not in form.cleaned_data:
            continue
        if one.attribute.input_type in _REFERENCES:
            continue
        try:
            for raw in one.raws(form.cleaned_data[one.name]):
                parse_value(one.attribute.input_type, raw)
        except DomainError as error:
            form.add_error(one.name, error.message)


def _raw_choice(value: AttributeValue) -> str:
    """Return a listed value as raw input. Its slug names it: its name may have been edited since."""
    if choice_slug(value.slug) != value.slug:
        raise DomainError(f"The value {value.name!r} cannot be chosen here: its slug {value.slug!r} is irregular.")
    return value.slug


class _ValueSelect(AutocompleteSelect):
    """A choice among the values of one attribute, looked up while typing; chosen ones need no query to be shown."""

    def __init__(self, assigned: Assigned) -> None:
        super().__init__(ProductValue._meta.get_field("value"), admin.site)
        self.assigned = assigned

    def get_url(self) -> str:
        return f"{super().get_url()}?attribute={self.assigned.attribute.id}"

    def optgroups(self, name: str, value: Any, attrs: Any = None) -> Any:
        known = {str(held.id): held.name for held in self.assigned.values}
        chosen = [str(one) for one in value if str(one)]
        if set(chosen) - set(known):
            return super().optgroups(name, [one for one in chosen if is_uuid(one)], attrs)
        empty = [] if self.allow_multiple_selected else [self.create_option(name, "", "", False, 0)]
        options = [self.create_option(name, one, known[one], True, i, attrs=attrs) for i, one in enumerate(chosen, 1)]
        return [(None, [*empty, *options], 0)]


class _ValueSelectMultiple(_ValueSelect, AutocompleteSelectMultiple):
    pass


class _ValueChoice(forms.ModelChoiceField):  # type: ignore[type-arg]
    def clean(self, value: Any) -> Any:
        found = super().clean(value)
        return found and _checked(found)


class _ValueChoices(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    pass


def _checked(value: AttributeValue) -> AttributeValue:
    try:
        _raw_choice(value)
    except DomainError as error:
        raise ValidationError(error.message) from error
    return value


class _Number(forms.FloatField):
    def prepare_value(self, value: Any) -> Any:
        return format(value, ".15g") if isinstance(value, float) else value


def _choice(assigned: Assigned) -> forms.Field:
    values = AttributeValue.objects.filter(attribute=assigned.attribute)
    return _ValueChoice(values, widget=_ValueSelect(assigned))


def _choices(assigned: Assigned) -> forms.Field:
    values = AttributeValue.objects.filter(attribute=assigned.attribute)
    return _ValueChoices(values, widget=_ValueSelectMultiple(assigned))


def _reference(assigned: Assigned) -> forms.Field:
    """Return a choice of the objects that the attribute may refer to; what refers to anything comes by the API."""
    kind = assigned.attribute.entity_type
    if not kind:
        return _unsupported(assigned)
    looked_up: Any = _REFERRING[kind]
    objects = looked_up.related_model._default_manager.all()
    if assigned.attribute.input_type == InputType.REFERENCE:
        return forms.ModelMultipleChoiceField(objects, widget=_ObjectSelectMultiple(looked_up, admin.site))
    return forms.ModelChoiceField(objects, widget=_ObjectSelect(looked_up, admin.site))


class _ObjectSelect(AutocompleteSelect):
    """A choice among objects that shows a page again which was sent with nonsense."""

    def optgroups(self, name: str, value: Any, attrs: Any = None) -> Any:
        return super().optgroups(name, [one for one in value if is_uuid(one)], attrs)


class _ObjectSelectMultiple(_ObjectSelect, AutocompleteSelectMultiple):
    pass


def _unsupported(assigned: Assigned) -> forms.Field:
    """Files come by the API."""
    return forms.CharField(disabled=True, help_text="Set by the API.")


_FIELDS: dict[str, Callable[[Assigned], forms.Field]] = {
    InputType.DROPDOWN: _choice,
    InputType.SWATCH: _choice,
    InputType.MULTISELECT: _choices,
    InputType.NUMERIC: lambda _: _Number(),
    InputType.BOOLEAN: lambda _: forms.NullBooleanField(),
    InputType.PLAIN_TEXT: lambda _: forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3, "class": "vLargeTextField"})
    ),
    InputType.RICH_TEXT: lambda _: RichTextField(),
    InputType.DATE: lambda _: forms.DateField(widget=AdminDateWidget),
    InputType.DATE_TIME: lambda _: forms.SplitDateTimeField(widget=AdminSplitDateTime),
    InputType.REFERENCE: _reference,
    InputType.SINGLE_REFERENCE: _reference,
}
_REFERENCES = frozenset({InputType.REFERENCE, InputType.SINGLE_REFERENCE})
# Kind of what is referred to → any foreign key to it, by which Django's autocompletion looks it up.
_REFERRING: dict[str, Any] = {
    Attribute.EntityType.PRODUCT: Variant._meta.get_field("product"),
    Attribute.EntityType.PRODUCT_VARIANT: Stock._meta.get_field("variant"),
    Attribute.EntityType.CATEGORY: Product._meta.get_field("category"),
    Attribute.EntityType.COLLECTION: MenuItem._meta.get_field("collection"),
    Attribute.EntityType.PAGE: MenuItem._meta.get_field("page"),
}
_COLUMNS: dict[str, str] = {
    InputType.DROPDOWN: "id",
    InputType.SWATCH: "id",
    InputType.SINGLE_REFERENCE: "reference_id",
    InputType.NUMERIC: "numeric",
    InputType.BOOLEAN: "boolean",
    InputType.PLAIN_TEXT: "plain_text",
    InputType.RICH_TEXT: "rich_text",
    InputType.DATE: "date",
    InputType.DATE_TIME: "date_time",
}
