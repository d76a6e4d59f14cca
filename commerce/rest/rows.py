"""Rows of a resource as JSON: which fields there are, and what may stand in them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import models
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

MOST_KEYS = 100
_UUID = 36


@dataclass(frozen=True, slots=True)
class Named:
    """An object that is referred to by its natural key instead of its id."""

    key: str


class RowSerializer(serializers.ModelSerializer[Any]):
    """One row: an unknown field is refused, and nothing asks the database.

    Fields of the model are named in Meta.fields; foreign keys are declared as Reference, what stands in other tables
    as Part. Whatever is read only may be sent back as it was received, and is not looked at.
    """

    id = serializers.UUIDField(read_only=True)
    version = serializers.IntegerField(read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)

    def get_validators(self) -> list[Any]:
        return []

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = [name for name in data if name not in self.fields]
            if unknown:
                raise ValidationError(
                    {
                        str(name)[:100]: [ErrorDetail("There is no such field.", "UNKNOWN_FIELD")]
                        for name in unknown[:10]
                    }
                )
        return super().to_internal_value(data)


@extend_schema_field({"type": "string", "minLength": 1, "maxLength": 255})
class Reference(serializers.Field[Any, Any, Any, Any]):
    """An object of another table, by its id, or by its natural key (a slug, a SKU) where it has one."""

    def __init__(self, model: str, *, key: str | None = None, **kwargs: Any) -> None:
        self.model_name, self.key = model, key
        words = f"the id or {key}" if key else "the id"
        kwargs.setdefault("help_text", f"Takes {words}; shows the id.")
        super().__init__(**kwargs)

    def bind(self, field_name: str, parent: Any) -> None:
        if self.source is None:
            self.source = f"{field_name}_id"
        super().bind(field_name, parent)

    @property
    def model(self) -> type[models.Model]:
        return apps.get_model(self.model_name)

    @property
    def kind(self) -> str:
        """What a message calls it."""
        return str(self.model._meta.verbose_name)

    def to_internal_value(self, data: Any) -> UUID | Named:
        """Return an id or a natural key; whether there is such an object, `find` tells of many at once."""
        if isinstance(data, str) and 0 < len(data) <= 255:
            if len(data) == _UUID:
                try:
                    return UUID(data)
                except ValueError:
                    pass
            if self.key is not None:
                return Named(data)
        raise self._invalid()

    def to_representation(self, value: Any) -> Any:
        return str(value)

    def find(self, wanted: Collection[UUID | Named]) -> dict[UUID | Named, Any]:
        """Return the ids of those that there are. Two statements at most."""
        rows: Any = self.model._default_manager
        ids = [one for one in wanted if isinstance(one, UUID)]
        found: dict[UUID | Named, Any] = {}
        if ids:
            found.update((id_, id_) for id_ in rows.filter(id__in=ids).values_list("id", flat=True))
        names = [one.key for one in wanted if isinstance(one, Named)]
        if names and self.key is not None:
            pairs = rows.filter(**{f"{self.key}__in": names}).values_list(self.key, "id")
            found.update((Named(key), id_) for key, id_ in pairs)
        return found

    def unknown(self, wanted: UUID | Named) -> ErrorDetail:
        """Return what is said of one that there is not."""
        name = repr(wanted.key[:100]) if isinstance(wanted, Named) else str(wanted)
        return ErrorDetail(f"There is no {self.kind} {name}.", "NOT_FOUND")

    def _invalid(self) -> ValidationError:
        words = f" or its {self.key}" if self.key else ""
        return ValidationError(f"An object is named by its id{words}, as text.")


class Part(serializers.Field[Any, Any, Any, Any]):
    """What stands in other tables: shown as the resource has loaded it into `instance.parts`.

    `shape` reads and checks what is sent, as a whole whatever the row is: it stands in no row, as in one of a PATCH
    nothing would be required and have a default. `empty` is what a PUT without it makes of it.
    """

    def __init__(self, shape: Any = None, *, empty: Any = None, **kwargs: Any) -> None:
        kwargs["required"] = False
        if shape is None:
            kwargs.update(read_only=True)
            del kwargs["required"]
        super().__init__(**kwargs)
        self.shape, self.empty = shape, empty

    def get_attribute(self, instance: Any) -> Any:
        return instance.parts[self.field_name]

    def to_internal_value(self, data: Any) -> Any:
        return self.shape.run_validation(data)

    def to_representation(self, value: Any) -> Any:
        return value


def many(serializer: Any, most: int) -> Any:
    """Return a list of rows of a serializer, so many at most."""
    return serializer(many=True, max_length=most)


@extend_schema_field(
    {"type": "object", "additionalProperties": {"type": "string", "maxLength": 10_000}, "maxProperties": MOST_KEYS}
)
class Metadata(serializers.DictField):
    """Free pairs of texts."""

    child = serializers.CharField(allow_blank=True, trim_whitespace=False, max_length=10_000)

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("required", False)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and len(data) > MOST_KEYS:
            raise ValidationError(f"{len(data)} keys were given; at most {MOST_KEYS} are taken.")
        return super().to_internal_value(data)


@extend_schema_field({"type": "string", "format": "uri-reference", "readOnly": True})
class FileAddress(serializers.Field[Any, Any, Any, Any]):
    """Where a stored file is, empty where there is none."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(read_only=True, **kwargs)

    def to_representation(self, value: Any) -> str:
        return value.url if value else ""
