"""What a row may hold, told by the name of the field, before the database refuses it without one."""

import json
from typing import Any

from django.db import models

from catalog.models import Attribute, AttributeValue, Media, MenuItem, PageTypeAttribute, ProductTypeAttribute
from catalog.rich_text import INVALID_URL, SCHEMES, clean_url
from commerce.errors import DomainError

# Input type → the column that a value of it has. Those not named here have their name alone.
COLUMNS = {
    Attribute.InputType.NUMERIC: "numeric",
    Attribute.InputType.BOOLEAN: "boolean",
    Attribute.InputType.DATE: "date",
    Attribute.InputType.DATE_TIME: "date_time",
    Attribute.InputType.PLAIN_TEXT: "plain_text",
    Attribute.InputType.RICH_TEXT: "rich_text",
    Attribute.InputType.REFERENCE: "reference_id",
    Attribute.InputType.SINGLE_REFERENCE: "reference_id",
}
_FILLED = (*dict.fromkeys(COLUMNS.values()),)
# What an attribute's kind allows it to be on.
_KINDS = {ProductTypeAttribute: Attribute.Kind.PRODUCT_TYPE, PageTypeAttribute: Attribute.Kind.PAGE_TYPE}


def check(instance: models.Model) -> None:
    """Raise DomainError naming the field that holds what it cannot."""
    for field in instance._meta.local_concrete_fields:
        _check_column(field, getattr(instance, field.attname))
    if isinstance(instance, AttributeValue):
        _check_value(instance)
    elif isinstance(instance, ProductTypeAttribute | PageTypeAttribute):
        _check_kind(instance)
    elif isinstance(instance, MenuItem | Media) and clean_url(instance.url) == INVALID_URL:
        schemes = ", ".join(sorted(SCHEMES))
        raise DomainError(f"An address is a path, or begins with one of {schemes}.", field="url")


def _check_column(field: Any, value: Any) -> None:
    name = field.name
    if isinstance(value, str):
        if "\0" in value:
            raise DomainError("The character NUL cannot be stored.", field=name)
        most = getattr(field, "max_length", None)
        if most is not None and len(value) > most:
            raise DomainError(f"{_words(field)} has {len(value):,} characters; at most {most} are taken.", field=name)
        if field.choices and value not in {choice for choice, _ in field.choices} and (value or not field.blank):
            choices = ", ".join(str(choice) for choice, _ in field.choices)
            raise DomainError(f"{value!r} is none of {choices}.", field=name)
    elif isinstance(field, models.IntegerField) and isinstance(value, int):
        least, most = (-(2**63), 2**63 - 1) if isinstance(field, models.BigIntegerField) else (-(2**31), 2**31 - 1)
        if not least <= value <= most:
            raise DomainError(f"{_words(field)} is {value:,}; it is between {least:,} and {most:,}.", field=name)
    elif isinstance(field, models.JSONField) and value is not None and "\\u0000" in json.dumps(value):
        raise DomainError("The character NUL cannot be stored.", field=name)


def _words(field: Any) -> str:
    return str(field.verbose_name).capitalize()


def _check_value(value: AttributeValue) -> None:
    """Refuse a value whose columns are not those of its attribute's input type."""
    attribute = Attribute.objects.filter(id=value.attribute_id).only("slug", "input_type").first()
    if attribute is None:
        raise DomainError(f"There is no attribute {value.attribute_id}.", code="NOT_FOUND", field="attribute")
    own = COLUMNS.get(Attribute.InputType(attribute.input_type))
    if own is not None and getattr(value, own) is None:
        raise DomainError(f"A value of {attribute.slug!r} ({attribute.input_type}) has its {own}.", field=own)
    for other in _FILLED:
        if other != own and getattr(value, other) is not None:
            raise DomainError(f"{attribute.slug!r} is {attribute.input_type}: its values have no {other}.", field=other)


def _check_kind(held: ProductTypeAttribute | PageTypeAttribute) -> None:
    attribute = Attribute.objects.filter(id=held.attribute_id).only("slug", "kind").first()
    if attribute is not None and attribute.kind != _KINDS[type(held)]:
        raise DomainError(f"{attribute.slug!r} is an attribute of {attribute.kind}s.", field="attribute")
