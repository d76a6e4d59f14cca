"""Attribute values of products, variants and pages: by the attribute's slug."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from catalog import operations
from catalog.operations import Existing
from catalog.rest.base import CatalogResource
from commerce.errors import DomainError
from commerce.rest.changes import Change
from commerce.rest.rows import Part

_VALUE = {
    "oneOf": [
        {"type": "string", "minLength": 1},
        {"type": "number"},
        {"type": "boolean"},
        {"type": "object"},
    ]
}
VALUES = {
    "type": "object",
    "additionalProperties": {"type": "array", "maxItems": 100, "items": _VALUE},
    "maxProperties": 200,
    "description": (
        "Values by the attribute's slug. Takes texts, numbers, booleans, EditorJS documents, and "
        '{"slug": "red"} for a value that there is; shows {"slug", "name"} of each. Attributes that are not named '
        "keep their values."
    ),
}


class ValuesShape(serializers.Field[Any, Any, Any, Any]):
    """Attribute values by slug, as `plan_values` takes them."""

    def to_internal_value(self, data: Any) -> dict[str, list[Any]]:
        if not isinstance(data, Mapping) or len(data) > 200:
            raise ValidationError("This is an object of lists, by the attribute's slug; of 200 attributes at most.")
        return {slug: self._values(slug, raws) for slug, raws in data.items()}

    def _values(self, slug: str, raws: Any) -> list[Any]:
        if not isinstance(raws, list) or len(raws) > 100:
            raise ValidationError({slug: ["The values of an attribute are a list of 100 at most."]})
        return [self._value(slug, raw) for raw in raws]

    def _value(self, slug: str, raw: Any) -> Any:
        if isinstance(raw, Mapping) and isinstance(raw.get("slug"), str) and "blocks" not in raw:
            return Existing(raw["slug"])
        if isinstance(raw, bool | int | float | str) or (isinstance(raw, Mapping) and "blocks" in raw):
            return raw
        raise ValidationError({slug: ['A value is a text, a number, a boolean, EditorJS, or {"slug": …}.']})

    def to_representation(self, value: Any) -> Any:
        return value


@extend_schema_field(VALUES)
class Values(Part):
    """Attribute values."""


class WithValues(CatalogResource):
    """Objects that have attribute values."""

    value_model: ClassVar[Any]
    value_owner: ClassVar[str]

    def type_of(self, instances: Sequence[Any]) -> Mapping[UUID, UUID]:
        """Return the types of objects, by id."""
        raise NotImplementedError

    def fill(self, changes: Sequence[Change]) -> None:
        given = [change for change in changes if change.parts.get("attributes")]
        types = self.type_of([change.instance for change in given]) if given else {}
        wanted = [(types[change.instance.id], change.parts["attributes"]) for change in given]
        plans = operations.plan_values(self.value_model, wanted) if wanted else []
        for change, plan in zip(given, plans, strict=True):
            if isinstance(plan, DomainError):
                change.refuse(plan)
            else:
                change.parts["attributes"] = plan

    def load_values(self, instances: Sequence[Any]) -> dict[UUID, dict[str, list[Any]]]:
        """Return attribute values as they are shown, by object. One statement."""
        owner = self.value_owner
        rows = self.value_model.objects.filter(**{f"{owner}__in": [one.id for one in instances]})
        found: dict[UUID, dict[str, list[Any]]] = {}
        columns = (owner, "value__attribute__slug", "value__slug", "value__name")
        for id_, attribute, slug, name in rows.order_by("position").values_list(*columns):
            found.setdefault(id_, {}).setdefault(attribute, []).append({"slug": slug, "name": name})
        return found
