"""What the catalogue's resources share: writes by `catalog.operations`, channels by their slugs, attribute values."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db import IntegrityError
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from catalog import operations
from catalog.rich_text import clean_editorjs
from commerce.errors import DomainError
from commerce.rest.changes import Change, sound
from commerce.rest.resources import Resource
from commerce.rest.rows import Named, Reference
from tenants import queries as tenants
from tenants.rest import Need, ShopView

PRODUCTS = ("MANAGE_PRODUCTS",)
TYPES = ("MANAGE_PRODUCT_TYPES_AND_ATTRIBUTES",)
READ = Need("catalog:read", PRODUCTS + TYPES)
WRITE = Need("catalog:write", PRODUCTS)
WRITE_TYPES = Need("catalog:write", TYPES)
IN_ORDER = ("position", "id")
STANDARD = ["id", "version", "created_at", "updated_at"]
METADATA = ["metadata", "private_metadata"]


class CatalogResource(ShopView, Resource):
    """A resource of the catalogue, whose objects are written one by one, in a batch too: of few rows in a shop."""

    reads = READ
    writes = WRITE

    def save(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if change.is_new or change.differing:
                operations.save(change.instance, now=self.now, actor=self.actor)
                change.is_written = True
            self.save_parts(change)

    def save_parts(self, change: Change) -> None:
        """Write what stands in other tables, and set `is_written` where something differs. Raises DomainError."""

    def replace_rows(
        self, change: Change, model: Any, owner: str, key: Sequence[str], wanted: Iterable[Mapping[str, Any]]
    ) -> None:
        """Make these the rows of another table that belong to an object, told apart by the columns of `key`."""
        own = {owner: change.instance.id}
        held = {tuple(getattr(row, name) for name in key): row for row in model.objects.filter(**own)}
        for columns in wanted:
            row = held.pop(tuple(columns[name] for name in key), None) or model(**own)
            if not row._state.adding and all(getattr(row, name) == value for name, value in columns.items()):
                continue
            for name, value in columns.items():
                setattr(row, name, value)
            operations.save(row, now=self.now, actor=self.actor)
            change.is_written = True
        for row in held.values():
            operations.delete(row, now=self.now, actor=self.actor)
            change.is_written = True

    def erase(self, instance: Any) -> None:
        operations.delete(instance, now=self.now, actor=self.actor)

    def explain(self, error: Exception, instance: Any) -> Exception:
        return operations.explain(error, instance) if isinstance(error, IntegrityError) else error

    @cached_property
    def channel_rows(self) -> Sequence[tenants.ChannelRow]:
        """The shop's channels, read once for an answer."""
        return tenants.list_channel_rows()

    @cached_property
    def channels(self) -> Mapping[UUID, str]:
        """The slugs of the shop's channels by id."""
        return {row.id: row.slug for row in self.channel_rows}

    def channel_id(self, slug: str) -> UUID:
        """Return the id of a channel, or raise ValidationError."""
        for id_, known in self.channels.items():
            if slug in (known, str(id_)):
                return id_
        told = f"There is no channel {slug[:100]!r}; there are {', '.join(self.channels.values())}."
        raise ValidationError({"channel": [ErrorDetail(told, "NOT_FOUND")]})

    def name_channels(self, changes: Sequence[Change]) -> None:
        """Make of `publications` what they say by the channel's id; refuse rows that name no channel, or one twice."""
        for change in sound(changes):
            found: dict[UUID, dict[str, Any]] = {}
            for number, one in enumerate(change.parts.get("publications", ())):
                try:
                    id_ = self.channel_id(one["channel"])
                    if id_ in found:
                        raise ValidationError({"channel": [ErrorDetail("The channel is named twice.", "INVALID")]})
                    found[id_] = {name: value for name, value in one.items() if name != "channel"}
                except ValidationError as error:
                    change.refuse(ValidationError({"publications": {str(number): error.detail}}))
            if "publications" in change.parts:
                change.parts["publications"] = found

    def load_publications(
        self, model: Any, owner: str, instances: Sequence[Any], columns: Sequence[str]
    ) -> dict[UUID, list[dict[str, Any]]]:
        """Return publications as they are shown, in the order of channels, by the object's id. One statement."""
        rows = sub_list(model, owner, instances, "channel_id", *columns)
        return {
            id_: sorted(
                (
                    {"channel": self.channels[channel_id], **dict(zip(columns, rest, strict=True))}
                    for channel_id, *rest in own
                ),
                key=lambda publication: publication["channel"],
            )
            for id_, own in rows.items()
        }


class BatchedResource(CatalogResource):
    """A resource of which a shop has very many: a batch takes as many statements as one row."""

    def lock(self, ids: Sequence[UUID]) -> Sequence[Any]:
        return operations.lock_many(self.model, ids)

    def save(self, changes: Sequence[Change]) -> None:
        written = [change for change in changes if change.is_new or change.differing]
        operations.save_many([change.instance for change in written], now=self.now, actor=self.actor)
        for change in written:
            change.is_written = True


def sub_list(model: Any, owner: str, instances: Sequence[Any], *columns: str) -> dict[UUID, list[tuple[Any, ...]]]:
    """Return columns of the rows that belong to objects, by the object's id. One statement."""
    found: dict[UUID, list[tuple[Any, ...]]] = {}
    ids = [instance.id for instance in instances]
    for owner_id, *values in model.objects.filter(**{f"{owner}__in": ids}).values_list(owner, *columns):
        found.setdefault(owner_id, []).append(tuple(values))
    return found


# --- Fields -----------------------------------------------------------------------------------------------------


@extend_schema_field({"type": "string", "minLength": 1, "maxLength": 255})
class ChannelField(Reference):
    """A channel: takes its slug or id, shows the slug."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("help_text", "Takes the slug or the id; shows the slug.")
        super().__init__("tenants.Channel", key="slug", **kwargs)

    def find(self, wanted: Collection[UUID | Named]) -> dict[UUID | Named, Any]:
        found: dict[UUID | Named, Any] = {}
        for id_, slug in self.context["view"].channels.items():
            found.update({id_: id_, Named(slug): id_})
        return {one: found[one] for one in wanted if one in found}

    def to_representation(self, value: Any) -> Any:
        return self.context["view"].channels[value]


_BLOCK = {
    "type": "object",
    "required": ["type", "data"],
    "properties": {"type": {"type": "string"}, "data": {"type": "object"}},
}
EDITORJS = {
    "type": "object",
    "required": ["blocks"],
    "properties": {"blocks": {"type": "array", "items": _BLOCK}},
    "description": "An EditorJS document.",
}


@extend_schema_field(EDITORJS)
class RichText(serializers.JSONField):
    """An EditorJS document, or null."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, allow_null=True, **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        try:
            cleaned = clean_editorjs(data)
        except DomainError as error:
            raise ValidationError(error.message) from error
        return super().to_internal_value(cleaned)
