"""How fast whole catalogues come in and go out, on the stack of COMMERCE_ENV_FILE.

    python -m tests.catalog.measure_transfer [--shopify] 20000 200000

opens a shop for each number of products, imports a generated file of them (a whole catalogue's, or Shopify's CSV, which
goes by a mapping), and exports it again. While it imports, it
tells for each twentieth what a row took: time of the clock, which others on the machine lengthen, and CPU of this
process and of PostgreSQL's for it, which they do not.
"""

import csv
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import django

KINDS, COLOURS, CATEGORIES = 10, 50, 200


def write_file(path: Path, products: int) -> None:
    """Write a file of so many products of two variants each."""
    with path.open("w") as file:
        file.writelines(json.dumps(line) + "\n" for line in _lines(products))


def _lines(products: int):
    yield {"object": "catalogue", "version": 1, "channels": {"default-channel": "EUR"}}
    yield {"object": "warehouse", "slug": "main", "name": "Main", "channels": [{"channel": "default-channel"}]}
    yield {"object": "attribute", "slug": "colour", "name": "Colour"}
    for n in range(COLOURS):
        yield {"object": "attribute-value", "attribute": "colour", "slug": f"colour-{n}", "name": f"Colour {n}"}
    for n in range(KINDS):
        held = [{"attribute": "colour"}, {"attribute": "colour", "on_variants": True}]
        yield {"object": "product-type", "slug": f"kind-{n}", "name": f"Kind {n}", "attributes": held}
    for n in range(CATEGORIES):
        parent = f"category-{n // 10}" if n >= 10 else None
        yield {"object": "category", "slug": f"category-{n}", "name": f"Category {n}", "parent": parent}
    for n in range(products):
        yield _product(n)


def _product(n: int):
    text = " ".join(f"word{(n * k) % 5000}" for k in range(1, 40))
    price = {"channel": "default-channel", "currency": "EUR", "price": 100 + n % 9000}
    return {
        "object": "product",
        "slug": f"product-{n}",
        "name": f"Product {n} of word{n % 5000}",
        "product_type": f"kind-{n % KINDS}",
        "category": f"category-{n % CATEGORIES}",
        "description": {"blocks": [{"type": "paragraph", "data": {"text": text}}]},
        "values": [["colour", f"colour-{n % COLOURS}", 0]],
        "publications": [{"channel": "default-channel"}],
        "media": [{"url": f"https://pictures.example/{n}.jpg"}],
        "translations": {"nl": {"name": f"Ding {n}"}},
        "variants": [
            {
                "sku": f"S-{n}-{k}",
                "position": k,
                "values": [["colour", f"colour-{(n + k) % COLOURS}", 0]],
                "prices": [price],
                "stock": [{"warehouse": "main", "on_hand": n % 20}],
            }
            for k in range(2)
        ],
    }


def write_csv(path: Path, products: int) -> None:
    """Write Shopify's CSV of so many products of two variants each."""
    columns = ["Handle", "Title", "Body (HTML)", "Vendor", "Product Category", "Type", "Tags"]
    columns += ["Option1 Name", "Option1 Value", "Variant SKU", "Variant Inventory Tracker", "Variant Inventory Qty"]
    columns += ["Variant Price", "Image Src"]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        for n in range(products):
            line = _product(n)
            text = line["description"]["blocks"][0]["data"]["text"]
            kind, category = n % KINDS, n % CATEGORIES
            own = {"Title": line["name"], "Body (HTML)": f"<p>{text}</p>", "Vendor": f"Vendor {n % 40}"}
            own |= {"Product Category": f"Category {category // 10} > Category {category}", "Type": f"Kind {kind}"}
            own |= {"Tags": f"tag{n % 30}, tag{n % 7}", "Image Src": line["media"][0]["url"]}
            for variant in line["variants"]:
                option = {"Option1 Name": "Colour", "Option1 Value": variant["values"][0][1]}
                stock = {"Variant Inventory Tracker": "shopify", "Variant Inventory Qty": n % 20}
                offer = {"Variant SKU": variant["sku"], "Variant Price": f"{1 + n % 90}.50", **stock, **option}
                writer.writerow({"Handle": line["slug"], **own, **offer})
                own = {}


class Meter:
    """Watches an import: what each part of it took."""

    def __init__(self, parts: int) -> None:
        self.parts, self.last = parts, (0, 0.0, 0.0, 0.0)

    def started(self, progress, problems) -> None:
        self.last = (progress.position, *self._now())

    def advanced(self, progress, problems) -> None:
        rows = progress.position - self.last[0]
        if rows >= progress.total / self.parts or progress.position == progress.total:
            now = (progress.position, *self._now())
            seconds, own, server = (after - before for before, after in zip(self.last[1:], now[1:], strict=True))
            told = f"{rows / seconds:,.0f} rows/s, CPU per row {1000 * own / rows:.2f} + {1000 * server / rows:.2f} ms"
            tell(f"to row {progress.position:,}: {told}")
            self.last = now

    @staticmethod
    def _now() -> tuple[float, float, float]:
        """Return the clock, and the seconds of CPU of this process and of PostgreSQL's process for it."""
        from django.db import connections

        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            stat = Path(f"/proc/{cursor.fetchone()[0]}/stat").read_text().rpartition(") ")[2].split()
        return time.monotonic(), time.process_time(), (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def measure(products: int, *, is_csv: bool) -> None:
    """Import and export so many products, and print what it took."""
    from django.core.management import call_command
    from django.utils import timezone

    from catalog.imports import Options, import_catalogue, import_products, load_mapping, ready_mapping
    from tests.factories.tenants import open_shop

    shop = open_shop(currency="EUR")
    with tempfile.TemporaryDirectory() as folder:
        path, out = (Path(folder) / (f"{name}.csv" if is_csv else f"{name}.jsonl") for name in ("in", "out"))
        (write_csv if is_csv else write_file)(path, products)
        tell(f"{products:,} products into {shop.slug}")
        started = time.monotonic()
        own = {"tenant_id": shop.id, "path": path, "observer": Meter(20), "clock": timezone.now}
        if is_csv:
            mapping = load_mapping(ready_mapping(Path("shopify")), path)
            done = import_products(**own, mapping=mapping, options=Options()).progress
        else:
            done = import_catalogue(**own).progress
        tell(f"{done.position:,} rows, {done.position / (time.monotonic() - started):,.0f} rows/s")
        call_command("export_catalogue", out, tenant=shop.slug, format="shopify" if is_csv else "catalogue")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    for number in map(int, (word for word in sys.argv[1:] if word.isdecimal())):
        measure(number, is_csv="--shopify" in sys.argv)
