"""What a subscription query selects: the events of a shop, and those of this app's own objects.

    class ProductUpdated(graphene.ObjectType):
        class Meta:
            interfaces = (Event,)
            possible_types = (EventRow,)

        product = graphene.Field(Product, channel=graphene.String())

An event's type is named after the dialect's name of the event: PRODUCT_UPDATED is ProductUpdated. An object that was
deleted is shown as the event's facts tell of it; one that is gone although the event is another one is null.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any, TypeVar, get_args, get_origin, get_type_hints
from uuid import UUID

import graphene
import orjson
from graphql import GraphQLResolveInfo

from commerce.graphql.batch import Batch, batch
from commerce.graphql.info import Info
from commerce.graphql.scalars import DateTime
from tenants import queries
from tenants.graphql.apps import App
from tenants.graphql.context import ShopContext
from tenants.graphql.people import Group, User
from tenants.graphql.types import Channel
from tenants.queries import AppRow, ChannelRow, GroupRow, UserRow

R = TypeVar("R", bound=tuple[Any, ...])


@dataclass(frozen=True, slots=True, eq=False)
class EventRow:
    """An event as a query sees it; `actor` is "user:<id>", "app:<id>" or "", `version` that of the dialect.

    `subject` is what a synchronous event asks about: its caller brings it along.
    """

    type_name: str
    object_id: UUID
    facts: Mapping[str, Any]
    actor: str
    issued_at: datetime
    version: str
    recipient: AppRow
    subject: Any = None

    @property
    def is_deleted(self) -> bool:
        return self.type_name.endswith("Deleted")


class IssuingPrincipal(graphene.Union):
    """Who caused an event."""

    class Meta:
        types = (App, User)


class Event(graphene.Interface):
    """Something that happened in a shop."""

    issued_at = graphene.Field(DateTime, description="When it happened.")
    version = graphene.String(description="The version of the API that tells of it.")
    issuing_principal = graphene.Field(IssuingPrincipal, description="Who caused it; null if nobody in particular.")
    recipient = graphene.Field(App, description="The app that is told.")

    @classmethod
    def resolve_type(cls, row: EventRow, info: GraphQLResolveInfo) -> Any:
        return info.schema.type_map[row.type_name].graphene_type  # type: ignore[attr-defined]

    @batch
    def resolve_issuing_principal(rows: Sequence[EventRow], info: Info[ShopContext]) -> list[AppRow | UserRow | None]:
        apps = _principals(info.context, "app", rows, queries.list_app_rows)
        people = _principals(info.context, "user", rows, queries.list_user_rows)
        return [apps.get(row.actor) or people.get(row.actor) for row in rows]


def _principals(
    context: ShopContext, kind: str, rows: Sequence[EventRow], read: Callable[[list[UUID]], Mapping[UUID, Any]]
) -> dict[str, Any]:
    """Return who of one kind caused events, by how these name them."""
    ids = {row.actor: key for row in rows if (key := _actor_id(row.actor, kind)) is not None}
    found = context.load(kind, ids.values(), read) if ids else {}
    return {actor: found[key] for actor, key in ids.items()}


def _actor_id(actor: str, kind: str) -> UUID | None:
    word, _, key = actor.partition(":")
    try:
        return UUID(key) if word == kind else None
    except ValueError:
        return None


def objects_of(
    rows: Sequence[EventRow],
    read: Callable[[list[UUID]], Mapping[UUID, R] | Mapping[UUID, R | None]],
    gone: Callable[[EventRow], R | None],
) -> list[R | None]:
    """Return the object of each event: read by its id, or once it is deleted what `gone` makes of the event."""
    ids = list({row.object_id for row in rows if not row.is_deleted})
    found = read(ids) if ids else {}
    return [gone(row) if row.is_deleted else found.get(row.object_id) for row in rows]


def shows(
    kind: type[R], load: Callable[[ShopContext, list[UUID]], Mapping[UUID, R] | Mapping[UUID, R | None]]
) -> Batch:
    """Return the resolver of an event's object that `load` finds by its id."""

    def resolve(rows: Sequence[EventRow], info: Info[ShopContext]) -> list[R | None]:
        return objects_of(
            rows, lambda ids: load(info.context, ids), lambda row: last_known(kind, row.object_id, row.facts)
        )

    return batch(resolve)


def last_known(kind: type[R], key: UUID, facts: Mapping[str, Any], **given: Any) -> R:
    """Return an object that is gone, as the facts of its deletion tell of it; what they do not tell is empty."""
    known = {name: _read(hint, facts[name]) for name, hint in _hints(kind).items() if name in facts}
    return kind(**{**_unknown(kind), **known, "id": key, **given})


@lru_cache
def _unknown(kind: Any) -> dict[str, Any]:
    """Return what the columns hold that nothing is known of."""
    empty = {name: () if tuple in hint else "" if hint == {str} else None for name, hint in _hints(kind).items()}
    return {**empty, **kind._field_defaults}


@lru_cache
def _hints(kind: Any) -> dict[str, frozenset[Any]]:
    """Return what each column may hold."""
    hints = get_type_hints(kind)
    return {
        name: frozenset({tuple})
        if get_origin(hints[name]) is tuple
        else frozenset(get_args(hints[name]) or [hints[name]])
        for name in kind._fields
    }


def _read(hint: frozenset[Any], value: Any) -> Any:
    """Return a column's value as JSON has it in the form that a read would have given it."""
    if isinstance(value, str):
        if UUID in hint:
            return UUID(value)
        if datetime in hint:
            return datetime.fromisoformat(value)
        if date in hint:
            return date.fromisoformat(value)
    if isinstance(value, dict | list):
        return tuple(value) if tuple in hint else orjson.dumps(value).decode()
    return value


# --- The events of channels, people and apps ----------------------------------------------------------------


def event_types(namespace: Mapping[str, Any], names: str) -> list[Any]:
    """Return the types of events that all show the same object, by the `namespace` of a class; `names` with spaces."""
    return [_event_type(name, namespace) for name in names.split()]


def _event_type(name: str, namespace: Mapping[str, Any]) -> Any:
    meta = type("Meta", (), {"interfaces": (Event,), "possible_types": (EventRow,), "description": _words(name)})
    return type(name, (graphene.ObjectType,), {**namespace, "Meta": meta})


def _words(name: str) -> str:
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).split()
    return f"The event {'_'.join(words).upper()}."


def _channels(context: ShopContext, ids: list[UUID]) -> dict[UUID, ChannelRow]:
    return {row.id: row for row in context.channels()}


def _apps(context: ShopContext, ids: list[UUID]) -> dict[UUID, AppRow | None]:
    return context.load("app", ids, queries.list_app_rows)


def _users(context: ShopContext, ids: list[UUID]) -> dict[UUID, UserRow | None]:
    return context.load("user", ids, queries.list_user_rows)


def _groups(context: ShopContext, ids: list[UUID]) -> dict[UUID, GroupRow | None]:
    return context.load("group", ids, queries.list_group_rows)


EVENT_TYPES = [
    *event_types(
        {
            "channel": graphene.Field(Channel, description="The channel."),
            "resolve_channel": shows(ChannelRow, _channels),
        },
        "ChannelCreated ChannelUpdated ChannelDeleted ChannelStatusChanged ChannelMetadataUpdated",
    ),
    *event_types(
        {
            "user": graphene.Field(User, description="The member of the staff."),
            "resolve_user": shows(UserRow, _users),
        },
        "StaffCreated StaffUpdated StaffDeleted",
    ),
    *event_types(
        {
            "permission_group": graphene.Field(Group, description="The group."),
            "resolve_permission_group": shows(GroupRow, _groups),
        },
        "PermissionGroupCreated PermissionGroupUpdated PermissionGroupDeleted",
    ),
    *event_types(
        {
            "app": graphene.Field(App, description="The app."),
            "resolve_app": shows(AppRow, _apps),
        },
        "AppInstalled AppUpdated AppDeleted AppStatusChanged",
    ),
]
