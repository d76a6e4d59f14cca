"""Print nDCG@10 on the whole catalogue: `python -m commerce.stack run -- python -m tests.catalog.ndcg`."""
# ruff: noqa: T201

import os
import sys
import tempfile
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")


def main() -> None:
    """Import, measure, print."""
    django.setup()
    from tests.catalog.ndcg import data, measuring
    from tests.factories.tenants import open_shop

    if not data().exists():
        sys.exit(f"There is no {data()}: name the file of the catalogue by COMMERCE_ICECAT.")
    shop = open_shop()
    with tempfile.TemporaryDirectory() as folder:
        measuring.fill(shop.id, Path(folder))
    found = measuring.measure(shop.id)
    for query, value in sorted(found.items(), key=lambda pair: pair[1]):
        print(f"{value:.3f}  {query}")
    print(f"nDCG@10 {sum(found.values()) / len(found):.3f} over {len(found)} queries")


main()
