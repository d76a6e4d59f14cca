"""How long documents stay behind: `python -m commerce.stack run -- python -m tests.catalog.measure_search`.

A shop of 200 products, whose names change so many at a time; this process only looks until nothing is due any more.
"""
# ruff: noqa: E402, T201

import os
import statistics
import time
from collections.abc import Collection
from uuid import UUID

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from catalog.models import Product
from catalog.search import pending
from commerce.db.scope import tenant_scope
from tests.factories import catalog as make
from tests.factories.tenants import open_shop

SIZES = (1, 11, 50, 200)
ROUNDS = 12


def main() -> None:
    """Change names and print how long after COMMIT the documents had them."""
    shop = open_shop()
    with tenant_scope(shop.id):
        kind = make.make_product_type()
        ids = [make.make_product(f"Lamp {number}", product_type=kind).id for number in range(max(SIZES))]
    for size in SIZES:
        found = [_change(shop.id, ids[:size], f"Chair {turn}") for turn in range(ROUNDS)]
        print(
            f"{size:3} products: median {statistics.median(found):.2f} s, worst {max(found):.2f} s, "
            f"load average {os.getloadavg()[0]:.1f}",
            flush=True,
        )


def _change(tenant_id: int, ids: Collection[UUID], name: str) -> float:
    """Rename products past all operations, tell of it, and return the seconds until nothing is due."""
    with tenant_scope(tenant_id):
        Product.objects.filter(id__in=ids).update(name=name)
        pending.add("Product", ids)
    began = time.monotonic()
    while True:
        with tenant_scope(tenant_id, read_only=True):
            if not pending.count():
                break
        time.sleep(0.02)
    took = time.monotonic() - began
    time.sleep(0.5)  # the next change finds a worker at rest
    return took


if __name__ == "__main__":
    main()
