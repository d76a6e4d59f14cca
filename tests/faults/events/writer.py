"""A process that changes a shop by operations until it is killed: `python -m tests.faults.events.writer <file> <log>`.

The file is what `prepare` said of the shop. The log gets a line of JSON for each transaction that has ended: what was
committed (object → version), what was undone on purpose, and what failed, of which nobody knows whether it is.
"""

import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import django

django.setup()

from django.db import DatabaseError, InterfaceError, connections  # noqa: E402
from django.utils import timezone  # noqa: E402

from catalog import operations  # noqa: E402
from catalog.models import Category, Collection, Product, Stock  # noqa: E402
from catalog.operations.stock import Pieces, reserve_stock  # noqa: E402
from commerce.db.replicas import PrimaryUnavailable  # noqa: E402
from commerce.db.scope import tenant_scope  # noqa: E402
from tests.faults.events import NEVER, NEVER_PIECES, PIECES  # noqa: E402

PAUSE = 0.06  # seconds between two transactions, at most
Made = dict[str, int]


class Undone(Exception):
    """A door fails after the write."""


class Writer:
    """Changes the objects of one shop; each change returns the versions that it makes."""

    def __init__(self, shop: dict[str, Any]) -> None:
        self.shop = shop

    def change_one(self, *, is_undone: bool = False) -> Made:
        model = random.choice([Product, Product, Category, Collection])
        names = {Product: "products", Category: "categories", Collection: "collections"}
        return self._change(model, random.choice(self.shop[names[model]]), is_undone=is_undone)

    def change_many(self) -> Made:
        found: Made = {}
        for identity in sorted(random.sample(self.shop["categories"], 3)):
            found |= self._change(Category, identity)
        return found

    def set_stock(self, *, is_undone: bool = False) -> Made:
        stock = _locked(Stock, random.choice(self.shop["stocks"]))
        stock.on_hand = NEVER_PIECES if is_undone else PIECES + stock.version + 1
        return _save(stock)

    def reserve(self) -> Made:
        identity = UUID(random.choice(self.shop["reserved"]))
        reserve_stock([Pieces(identity, 1)], now=timezone.now())
        return {str(identity): Stock.objects.values_list("version", flat=True).get(id=identity)}

    def undo(self) -> Made:
        random.choice([self.change_one, self.set_stock])(is_undone=True)
        raise Undone

    def create(self) -> Made:
        category = Category(name="For a while", slug=f"{uuid4().hex[:8]}-v1")
        operations.save(category, now=timezone.now())
        return {str(category.id): 1}

    def delete(self) -> Made:
        """Delete a category that was created for a while, and write that into the ledger."""
        category = Category.objects.select_for_update(skip_locked=True).filter(name="For a while").first()
        if category is None:
            return self.create()
        identity, version = str(category.id), category.version + 1
        operations.delete(category, now=timezone.now())
        ledger = _locked(Category, self.shop["ledger"])
        ledger.metadata = {**ledger.metadata, identity: version}
        ledger.slug = f"{uuid4().hex[:8]}-v{ledger.version + 1}"
        return {identity: version, **_save(ledger)}

    def _change(self, model: type[Any], identity: str, *, is_undone: bool = False) -> Made:
        found = _locked(model, identity)
        found.slug = f"{NEVER}-{uuid4().hex}" if is_undone else f"{uuid4().hex[:8]}-v{found.version + 1}"
        return _save(found)


def _locked(model: type[Any], identity: str) -> Any:
    return model.objects.select_for_update().get(id=identity)


def _save(found: Any) -> Made:
    operations.save(found, now=timezone.now(), actor="user:1")
    return {str(found.id): found.version}


def run(writer: Writer, tell: Callable[..., None]) -> None:
    """Write without end."""
    shares = {
        writer.change_one: 45,
        writer.change_many: 8,
        writer.set_stock: 10,
        writer.reserve: 12,
        writer.undo: 10,
        writer.create: 7,
        writer.delete: 8,
    }
    while True:
        (change,) = random.choices(list(shares), list(shares.values()))
        try:
            with tenant_scope(writer.shop["tenant"]):
                made = change()
        except Undone:
            tell(outcome="undone")
        except (DatabaseError, InterfaceError, PrimaryUnavailable) as error:
            tell(outcome="unknown", error=f"{type(error).__name__}: {error}"[:200])
            connections.close_all()
            time.sleep(0.2)
        else:
            tell(outcome="committed", made=made)
        time.sleep(random.uniform(0, PAUSE))


def main(shop: dict[str, Any], log: Path) -> None:
    """Write without end, and write down what became of each transaction."""
    with log.open("a") as file:

        def tell(**line: Any) -> None:
            file.write(json.dumps({"at": time.time(), "by": "operations", **line}) + "\n")
            file.flush()

        run(Writer(shop), tell)


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
