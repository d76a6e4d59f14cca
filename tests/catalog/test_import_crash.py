"""Imports that are killed, and imports that meet: processes of their own, ended by SIGKILL."""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.conf import settings

from tests.catalog.import_kit import MAPPING, contents, counts, events, fetch, run, stamps

PRODUCTS = 600


def write_products(path: Path, *, prefix: str = "p", count: int = PRODUCTS) -> Path:
    """Write products that share categories, attributes and values, every hundredth of them bad."""
    lines = []
    for number in range(count):
        row = {
            "id": f"{prefix}{number}",
            "type": ["Shirt", "Shoe"][number % 2],
            "name": f"Thing {number % 97}",
            "name_nl": f"Ding {number}",
            "category": f"Clothes > Kind {number % 7}",
            "collections": "Summer" if number % 5 == 0 else "",
            "picture": f"https://pictures.example/{number}.jpg",
            "sku": f"{prefix}-{number}",
            "price": "x" if number % 100 == 50 else number / 4,
            "stock": number % 3,
            "colour": f"Colour {number % 11}",
            **{f"t_note{k}": f"text {number % (k + 2)}" for k in range(5)},
            **{f"n_size{k}": number % (k + 3) for k in range(5)},
        }
        lines.append(json.dumps({key: value for key, value in row.items() if value != ""}))
    path.write_text("\n".join(lines) + "\n")
    return path


def start(shop, path: Path, *, size: int = 25) -> "subprocess.Popen[str]":
    mapping = path.parent / "mapping.yaml"
    mapping.write_text(MAPPING)
    arguments = [path, "--tenant", shop.slug, "--mapping", mapping, "--batch-size", str(size)]
    return subprocess.Popen(
        [sys.executable, "manage.py", "import_products", *map(str, arguments)],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def position(shop) -> int:
    """Return how many rows the newest run of a shop has committed."""
    rows = fetch(shop, "SELECT position FROM catalog_importrun ORDER BY created_at DESC LIMIT 1")
    return rows[0][0] if rows else 0


def wait_for(shop, process, rows: int) -> None:
    deadline = time.monotonic() + 60
    while position(shop) < rows:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)


def without_versions_of_shared(held: dict[str, list[str]]) -> dict[str, list[str]]:
    """Leave out what depends on where batches end: versions of product types, places in collections."""
    return {name: lines for name, lines in held.items() if name not in ("product_type", "collection")}


@pytest.mark.timeout(240)
def test_killed_import_goes_on_and_ends_as_if_nothing_had_happened(tenant, other_tenant, tmp_path):
    path = write_products(tmp_path / "p.jsonl")
    chance = random.Random(os.getpid())
    reached = 0
    for _ in range(3):
        process = start(tenant, path)
        wait_for(tenant, process, reached + 25)
        time.sleep(chance.uniform(0, 0.2))
        process.kill()
        process.communicate()
        assert process.returncode == -9
        reached = position(tenant)
        assert 0 < reached < PRODUCTS
        products = fetch(tenant, "SELECT count(*) FROM catalog_product")[0][0]
        refused = fetch(tenant, "SELECT count(*) FROM catalog_importproblem")[0][0]
        assert (products + refused) == reached  # whole batches, each with its books
    result = run(tenant, path, batch_size=25)
    assert f"went on after row {reached}, where the run before was interrupted" in result.out
    assert (result.code, counts(result)) == (1, (594, 0, 0, 6))
    assert [problem["row"] for problem in result.refused] == [51, 151, 251, 351, 451, 551]
    assert fetch(tenant, "SELECT status, position FROM catalog_importrun") == [("finished", 600)]

    run(other_tenant, path, batch_size=25)
    assert contents(tenant) == contents(other_tenant)
    assert events(tenant) == events(other_tenant)
    before = stamps(tenant)
    assert counts(run(tenant, path)) == (0, 0, 594, 6)
    assert stamps(tenant) == before


def test_killed_import_can_be_begun_anew(tenant, tmp_path):
    path = write_products(tmp_path / "p.jsonl")
    process = start(tenant, path)
    wait_for(tenant, process, 50)
    process.kill()
    process.communicate()
    reached = fetch(tenant, "SELECT count(*) FROM catalog_product")[0][0]
    result = run(tenant, path, restart=True)
    assert counts(result) == (594 - reached, 0, reached, 6)
    statuses = fetch(tenant, "SELECT status FROM catalog_importrun ORDER BY created_at")
    assert statuses == [("cancelled",), ("finished",)]


@pytest.mark.timeout(240)
def test_killed_atomic_import_leaves_nothing(tenant, tmp_path):
    path = write_products(tmp_path / "p.jsonl")
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(MAPPING)
    process = subprocess.Popen(
        [sys.executable, "manage.py", "import_products", str(path), "--tenant", tenant.slug, "--mapping", str(mapping),
         "--atomic", "--batch-size", "10"],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
    )  # fmt: skip
    while not fetch(tenant, "SELECT FROM catalog_importrun"):
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(0.3)
    process.kill()
    process.wait()
    assert fetch(tenant, "SELECT count(*) FROM catalog_product") == [(0,)]
    assert events(tenant) == {}


@pytest.mark.timeout(240)
def test_two_processes_with_one_file_do_its_work_once(tenant, other_tenant, tmp_path):
    path = write_products(tmp_path / "p.jsonl")
    both = [start(tenant, path) for _ in range(2)]
    said = [process.communicate(timeout=200)[1] for process in both]
    stopped = [text for text in said if "Another process goes on with the same import" in text]
    finished = [text for text in said if "6 rows refused." in text]
    assert len(stopped) + len(finished) == 2, said
    assert finished
    run(other_tenant, path, batch_size=25)
    ours, theirs = contents(tenant), contents(other_tenant)
    assert without_versions_of_shared(ours) == without_versions_of_shared(theirs)
    assert fetch(tenant, "SELECT count(*) FROM outbox_event WHERE type = 'catalog.product.created'") == [(594,)]


@pytest.mark.timeout(240)
def test_two_files_with_the_same_new_categories_and_values_go_in_side_by_side(tenant, tmp_path):
    paths = [write_products(tmp_path / f"{name}.jsonl", prefix=name, count=300) for name in ("a", "b")]
    both = [start(tenant, path, size=10) for path in paths]
    said = [process.communicate(timeout=200) for process in both]
    assert all("297 products created" in out for out, _ in said), said
    assert fetch(tenant, "SELECT count(*), count(DISTINCT slug) FROM catalog_product") == [(594, 594)]
    assert fetch(tenant, "SELECT count(*) FROM catalog_category") == [(8,)]
