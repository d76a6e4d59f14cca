"""Print what batches cost: `python -m commerce.stack run -- python -m tests.rest.measure`.

The processor time is that of the web process alone; PostgreSQL's is in the rate.
"""

import os
import sys
import time

ROWS = 3_000
BATCH = 1_000


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()
    from commerce.db.scope import tenant_scope
    from tests.factories import catalog as make
    from tests.factories.tenants import open_shop
    from tests.rest.conftest import Office, make_key

    shop = open_shop()
    with tenant_scope(shop.id):
        colour = make.make_attribute("Colour", slug="colour", values=["Red", "Blue"])
        make.make_product_type("Shirt", slug="shirt", attributes=[colour])
        make.make_warehouse("Main", slug="main")
    office = Office(shop, make_key(shop))
    products, variants, prices, stocks = rows_of()
    send(office, "products", products, "new")
    send(office, "variants", variants, "new")
    send(office, "prices", prices, "new")
    send(office, "stocks", stocks, "new")
    for product, price, stock in zip(products, prices, stocks, strict=True):
        product["name"], price["price"], stock["on_hand"] = f"{product['name']}!", "77.50", 99
    send(office, "products", products, "changed")
    send(office, "prices", prices, "changed")
    send(office, "stocks", stocks, "changed")
    send(office, "stocks", stocks, "the same")


def rows_of():
    """Return products with a value and a publication, and for each a variant, a price and pieces."""
    numbers = range(ROWS)
    products = [
        {
            "external_reference": f"erp-{number}",
            "name": f"Shirt {number}",
            "slug": f"shirt-{number}",
            "product_type": "shirt",
            "attributes": {"colour": ["Red" if number % 2 else "Blue"]},
            "publications": [{"channel": "default-channel"}],
        }
        for number in numbers
    ]
    variants = [{"product": f"shirt-{number}", "sku": f"S-{number}"} for number in numbers]
    prices = [{"variant": f"S-{n}", "channel": "default-channel", "price": f"{n % 90}.50"} for n in numbers]
    stocks = [{"variant": f"S-{number}", "warehouse": "main", "on_hand": number % 50} for number in numbers]
    return products, variants, prices, stocks


def send(office, what: str, rows, how: str) -> None:
    """Send rows in batches, and print the rates."""
    wall, processor = time.perf_counter(), time.process_time()
    for first in range(0, len(rows), BATCH):
        answer = office("POST", f"{what}/bulk", {"rows": rows[first : first + BATCH]})
        if answer.status_code != 200:
            sys.exit(f"{what}: {answer.status_code} {answer.content[:500]!r}")
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    sys.stdout.write(
        f"{what + ', ' + how:20} {len(rows) / wall:7.0f} rows/s  {len(rows) / processor:7.0f} rows per second of CPU\n"
    )


if __name__ == "__main__":
    main()
