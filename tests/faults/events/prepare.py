"""Open the shops: `python -m tests.faults.events.prepare <receiver's address> <how many>`; prints them as JSON.

Everything is made by operations, so that each object has an event for its first version too.
"""

import json
import sys
from typing import Any
from uuid import uuid4

import django

django.setup()

from django.utils import timezone  # noqa: E402

from catalog import operations  # noqa: E402
from catalog.models import Category, Collection, Product, ProductType, Stock, Variant, Warehouse  # noqa: E402
from commerce.db.scope import tenant_scope  # noqa: E402
from commerce.webhooks import operations as webhooks  # noqa: E402
from commerce.webhooks.operations import Wanted  # noqa: E402
from tenants import operations as tenants  # noqa: E402
from tests.factories.tenants import PASSWORD, make_staff, open_shop  # noqa: E402
from tests.faults.events import EVENTS, PIECES  # noqa: E402

PRODUCTS = 6
GROUPS = 4


def open_one(url: str, number: int) -> dict[str, Any]:
    """Open a shop with a subscriber, and return what there is to change in it."""
    shop = open_shop()
    permissions = ["MANAGE_PRODUCTS"]
    with tenant_scope(shop.id):
        make_staff(email="staff@shop.example")
        app = tenants.create_app(name="Receiver", permissions=permissions)
        wanted = Wanted(name="all", target_url=f"{url}{number}", events=EVENTS)
        webhooks.create_webhook(app_id=app.id, wanted=wanted, permissions=permissions)
        key = tenants.create_app_token(app_id=app.id).text
    with tenant_scope(shop.id):
        made = _fill()
    known = {"tenant": shop.id, "host": shop.host, "key": key, "email": "staff@shop.example", "password": PASSWORD}
    return {**known, **made}


def _fill() -> dict[str, Any]:
    kind = _save(ProductType(name="Thing", slug="thing"))
    places = [_save(Warehouse(name=f"Place {number}", slug=f"place-{number}")) for number in range(2)]
    products, shown, reserved = [], [], []
    for number in range(PRODUCTS):
        product = _save(Product(name="Thing", slug=_slug(), product_type=kind))
        variant = _save(Variant(product=product, name="One", sku=f"SKU-{number}"))
        products.append(str(product.id))
        shown.append(str(_save(Stock(variant=variant, warehouse=places[0], on_hand=PIECES + 1)).id))
        # Of these, one more piece is reserved with each version.
        reserved.append(str(_save(Stock(variant=variant, warehouse=places[1], on_hand=1_000_000)).id))
    return {
        "products": products,
        "stocks": shown,
        "reserved": reserved,
        "categories": [str(_save(Category(name="Things", slug=_slug())).id) for _ in range(GROUPS)],
        "collections": [str(_save(Collection(name="Things", slug=_slug())).id) for _ in range(GROUPS)],
        "ledger": str(_save(Category(name="Ledger", slug=_slug())).id),
    }


def _save(obj: Any) -> Any:
    operations.save(obj, now=timezone.now())
    return obj


def _slug() -> str:
    return f"{uuid4().hex[:8]}-v1"


if __name__ == "__main__":
    shops = [open_one(sys.argv[1], number) for number in range(int(sys.argv[2]))]
    sys.stdout.write(json.dumps(shops) + "\n")
