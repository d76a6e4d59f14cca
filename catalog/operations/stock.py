"""Reserving and releasing pieces. Order of locks: stock rows by id, then products by id."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F

from catalog.models import Stock, Variant
from catalog.models.stock import MOST_SHOWN
from catalog.operations.listings import refresh_products
from commerce import outbox
from commerce.db.topics import about
from commerce.errors import DomainError


class InsufficientStock(DomainError):
    code = "INSUFFICIENT_STOCK"


@dataclass(frozen=True, slots=True)
class Pieces:
    """So many pieces of a stock row."""

    stock_id: UUID
    quantity: int


def reserve_stock(lines: Sequence[Pieces], *, now: datetime) -> None:
    """Reserve all lines or none: raise InsufficientStock where fewer pieces are free than asked."""
    _change_reserved(lines, sign=1, now=now)


def release_stock(lines: Sequence[Pieces], *, now: datetime) -> None:
    """Give reserved pieces back to the free ones. Raises DomainError for more than are reserved."""
    _change_reserved(lines, sign=-1, now=now)


def _change_reserved(lines: Sequence[Pieces], *, sign: int, now: datetime) -> None:
    asked: Counter[UUID] = Counter()
    for line in lines:
        if line.quantity < 1:
            raise DomainError(f"A quantity of {line.quantity} is no quantity.", field="quantity")
        asked[line.stock_id] += line.quantity
    rows = Stock.objects.filter(id__in=asked).order_by("id").select_for_update()
    stocks = {stock.id: stock for stock in rows}
    for stock_id, quantity in asked.items():
        stock = stocks.get(stock_id)
        if stock is None:
            raise DomainError(f"There is no stock row {stock_id}.", code="NOT_FOUND", field="stock_id")
        free = stock.on_hand - stock.reserved if sign > 0 else stock.reserved
        if free < quantity:
            raise InsufficientStock(f"{quantity} pieces were asked for and {free} are there.", field="quantity")
    events: list[outbox.NewEvent] = []
    for stock_id, quantity in asked.items():
        with about("quantity", _told_of(stocks[stock_id], stocks[stock_id].reserved + sign * quantity)):
            Stock.objects.filter(id=stock_id).update(reserved=F("reserved") + sign * quantity)
        events += _events(stocks[stock_id], sign * quantity)
    outbox.publish_many(events)
    variants = {stock.variant_id for stock in stocks.values()}
    refresh_products(set(Variant.objects.filter(id__in=variants).values_list("product_id", flat=True)), now=now)


def _events(stock: Stock, reserved: int) -> list[outbox.NewEvent]:
    """Return the events of a stock row, as it was read, of which so many more pieces are reserved now."""
    facts = {**_facts(stock), "reserved": stock.reserved + reserved}
    version = stock.version + 1
    changed = outbox.NewEvent("catalog.stock.changed", "Stock", stock.id, version, facts)
    return [changed, *turn(stock.id, version, facts, before=stock.free, after=stock.free - reserved)]


def turn(
    stock_id: UUID, version: int, facts: dict[str, Any], *, before: int, after: int, actor: str = ""
) -> list[outbox.NewEvent]:
    """Return the event of a stock row, with these facts, whose free pieces have run out, or are back."""
    if (before > 0) == (after > 0):
        return []
    type_ = "catalog.stock.came_back" if after > 0 else "catalog.stock.ran_out"
    return [outbox.NewEvent(type_, "Stock", stock_id, version, facts, actor)]


def turns(stocks: Iterable[Any], before: Mapping[UUID, int], actor: str = "") -> list[outbox.NewEvent]:
    """Return the events of stock rows, as they are now, whose pieces have run out, or are back.

    `before` are the free pieces of those that were there.
    """
    return [
        event
        for stock in stocks
        for event in turn(
            stock.id, stock.version, _facts(stock), before=before.get(stock.id, 0), after=stock.free, actor=actor
        )
    ]


def _facts(stock: Stock) -> dict[str, Any]:
    return {
        "variant_id": str(stock.variant_id),
        "warehouse_id": str(stock.warehouse_id),
        "on_hand": stock.on_hand,
    }


def _told_of(stock: Stock, reserved: int) -> list[UUID]:
    """Return the variant if shoppers can see that its reserved pieces change: not while more are free than is shown."""
    fewest = stock.on_hand - max(stock.reserved, reserved)
    return [] if fewest >= MOST_SHOWN else [stock.variant_id]
