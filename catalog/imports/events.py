"""The events of a batch: of what was written and of what was deleted."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db import models

from catalog.imports.sheets import Written
from catalog.models import AttributeValue, Collection, Media, Page, Product, Stock, Translation, Variant, VariantPrice
from catalog.operations import KINDS
from catalog.operations.stock import turn
from commerce import outbox

Rows = tuple[type[models.Model], list[Written]]
# Model → the dialect's kind, and the word in the event's type.
_EVENTS: dict[type[models.Model], tuple[str, str]] = {
    model: KINDS[model]
    for model in (AttributeValue, Collection, Media, Page, Product, Stock, Translation, Variant, VariantPrice)
}


def publish(new: Sequence[Rows], gone: Iterable[Rows], held: dict[UUID, tuple[int, int]], actor: str) -> None:
    """Publish what was written and deleted; `held` are the pieces on hand and reserved before, by stock row."""
    events = [_event(model, row, actor) for model, rows in new for row in rows]
    for row in (row for model, rows in new if model is Stock for row in rows):
        on_hand, reserved = held.get(row.id, (0, 0))
        after = row.facts["on_hand"] - reserved
        events += turn(row.id, row.version, row.facts, before=on_hand - reserved, after=after, actor=actor)
    events += [_event(model, row, actor, verb="deleted") for model, rows in gone for row in rows if model in _EVENTS]
    outbox.publish_many(events)


def _event(model: type[models.Model], row: Written, actor: str, verb: str = "") -> outbox.NewEvent:
    kind, word = _EVENTS[model]
    verb = verb or ("created" if row.is_new else "updated")
    if word == "price" or (word, verb) == ("stock", "updated"):
        verb = "changed"
    return outbox.NewEvent(f"catalog.{word}.{verb}", kind, row.id, row.version, row.facts, actor)
