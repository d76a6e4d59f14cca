"""Figures of webhooks, after django.setup() on a throw-away stack: docs/webhooks.md has the command.

Events fanned out a second, and deliveries a second of one worker process to a receiver in a process of its own, with
the CPU of this process per event. The worker's budgets are 300 deliveries a second, 100 with a subscription query (and
5 ms of CPU for each), the relay's 5,000 events.
"""

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from uuid import uuid4

from django.db import connections

from catalog.models import Product
from commerce import outbox
from commerce.db.scope import Scope, open_scope, tenant_scope
from commerce.outbox.registry import Subscriptions
from commerce.outbox.relay import Relay
from commerce.webhooks.delivering import Deliverer, Options
from commerce.webhooks.fan_out import FanOut
from commerce.webhooks.models import Webhook
from tests.factories import catalog as make
from tests.factories.tenants import Shop, open_shop
from tests.webhooks.conftest import subscribe

EVENTS = 10_000
QUERIED, PRODUCTS = 5_000, 40
QUERY = """subscription { event {
  issuedAt version recipient { id } issuingPrincipal { ... on App { id } ... on User { id } }
  ... on ProductUpdated { product { id name slug category { id slug } variants { id sku } } } } }"""


def main() -> None:
    """Print the figures."""
    _finish_all()
    url, stop = _receiver()
    shops = [open_shop() for _ in range(10)]
    plain, hooked = Subscriptions(), Subscriptions()
    hooked.subscribe_batch("*", FanOut(lambda: None))
    _publish(shops)
    _print("events claimed, nobody asks for them", EVENTS, Relay(subscribers=plain).drain)
    for shop in shops:
        subscribe(shop, url)
        subscribe(shop, url, "PRODUCT_DELETED")
    _publish(shops)
    _print("events fanned out, one delivery each", EVENTS, Relay(subscribers=hooked).drain)
    _deliver("deliveries of one worker, signed by key")
    _finish_all()
    for shop in shops:
        _ask_by_query(shop, url)
        _change_products(shop)
    Relay(subscribers=hooked).drain()
    _deliver("the same, made by a subscription query")
    stop()


def _deliver(what: str) -> None:
    deliverer = Deliverer(Options(budget=12, linger=0.1))
    sent = 0

    def deliver() -> None:
        nonlocal sent
        sent = deliverer.run()

    took, cpu = _measure(deliver)
    _say(f"{what:<42}{sent / took:>8.0f} /s {cpu / sent * 1000:>8.2f} ms CPU each")


def _ask_by_query(shop: Shop, url: str) -> None:
    """Have the shop's webhook alone, with a query such as apps have, and a catalogue to ask for."""
    with tenant_scope(shop.id):
        Webhook.objects.update(is_active=False)
        category = make.make_category()
        for number in range(PRODUCTS):
            make.make_product(f"Product {number}", category=category, variants=2)
    subscribe(shop, url, query=QUERY)


def _change_products(shop: Shop) -> None:
    with tenant_scope(shop.id):
        ids = list(Product.objects.values_list("id", flat=True))
        outbox.publish_many(
            outbox.NewEvent("catalog.product.updated", "Product", ids[number % PRODUCTS], number, {"slug": "a-product"})
            for number in range(1, QUERIED // 10)
        )


def _finish_all() -> None:
    with open_scope(Scope(tenant_id=None, alias="relay")), connections["relay"].cursor() as cursor:
        for table, status in (("outbox_event", "done"), ("webhooks_delivery", "skipped")):
            cursor.execute(f"UPDATE {table} SET status = '{status}', finished_at = now() WHERE status = 'pending'")


def _publish(shops: list[Shop]) -> None:
    for shop in shops:
        with tenant_scope(shop.id):
            outbox.publish_many(
                outbox.NewEvent("catalog.product.updated", "Product", uuid4(), 1, {"slug": "a-product"}, "user:1")
                for _ in range(EVENTS // len(shops))
            )


def _print(what: str, count: int, run: Callable[[], object]) -> None:
    took, cpu = _measure(run)
    _say(f"{what:<42}{count / took:>8.0f} /s {cpu / count * 1000:>8.3f} ms CPU each")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _measure(run: Callable[[], object]) -> tuple[float, float]:
    started, used = time.perf_counter(), _cpu()
    run()
    return time.perf_counter() - started, _cpu() - used


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _receiver() -> tuple[str, Callable[[], None]]:
    process = subprocess.Popen([sys.executable, "-m", "tests.webhooks.receiver"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process.stdout.readline().strip(), process.kill
